/* Store: what leaves the file: by age each hour, and the oldest of everything where size_max is near.
 *
 * A prune goes by a horizon of its own that follows the clock by at most a day at once: a clock
 * that is wrong by a year costs a day of history an hour, not all of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/str.h"
#include "store.h"

#define EVENT_SPAN   (365 * USEC_PER_DAY) /* verdicts are among them */
#define EVENTS_KEPT  20000                /* of a target */
#define PERCENT_ROOM 80
#define ROUNDS_MAX   30

/* ?1: before it; in the unit of the column. */
typedef struct Cut {
        const char *sql;
        usec_t unit;
} Cut;

static const Cut cut_points = {"DELETE FROM point WHERE level = ?2 AND start < ?1", USEC_PER_SEC};
static const Cut cut_statements = {"DELETE FROM statement WHERE hour < ?1", 1};
static const Cut cut_events = {"DELETE FROM event WHERE at < ?1", 1};

/* After the ages: what no name, count or age holds any more. */
static const char *const sweep_sql[] = {
        "DELETE FROM series WHERE id NOT IN (SELECT DISTINCT series FROM point)",
        "DELETE FROM event WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER"
        " (PARTITION BY target ORDER BY id DESC) AS place FROM event) WHERE place > ?1)",
};

/* A tenth of the oldest; what is of the newest time stays. ?1: level. */
static const char *const shed_sql[] = {
        "DELETE FROM point WHERE level = ?1 AND start <= (SELECT start FROM point WHERE level = ?1"
        " ORDER BY start LIMIT 1 OFFSET (SELECT count(*) / 10 FROM point WHERE level = ?1))"
        " AND start < (SELECT max(start) FROM point WHERE level = ?1)",
        "DELETE FROM statement WHERE hour <= (SELECT hour FROM statement"
        " ORDER BY hour LIMIT 1 OFFSET (SELECT count(*) / 10 FROM statement))"
        " AND hour < (SELECT max(hour) FROM statement)",
        "DELETE FROM event WHERE id <= (SELECT id FROM event"
        " ORDER BY id LIMIT 1 OFFSET (SELECT count(*) / 10 FROM event)) AND id < (SELECT max(id) FROM event)",
};

static bool is_due(usec_t now, usec_t last, usec_t every) {
        return last == 0 || now < last || now - last >= every;
}

static StoreOutcome step(Store *store, sqlite3_stmt *statement) {
        return sqlite3_step(statement) == SQLITE_DONE ? STORE_FINE : store_fail(store, "cannot be pruned");
}

static StoreOutcome run_with(Store *store, const char *sql, int64_t first, int64_t second) {
        _cleanup_(statement_freep) sqlite3_stmt *statement = NULL;
        StoreOutcome outcome = store_prepare(store, sql, &statement);

        if (outcome != STORE_FINE)
                return outcome;
        if (sqlite3_bind_parameter_count(statement) > 0)
                (void)sqlite3_bind_int64(statement, 1, first);
        if (sqlite3_bind_parameter_count(statement) > 1)
                (void)sqlite3_bind_int64(statement, 2, second);
        return step(store, statement);
}

static StoreOutcome run_cut(Store *store, const Cut *cut, usec_t before, int64_t second) {
        return run_with(store, cut->sql, (int64_t)(before / cut->unit), second);
}

static StoreOutcome find_horizon(Store *store, usec_t now, usec_t *ret) {
        int64_t last = 0;
        StoreOutcome outcome = store_number(store, "SELECT value FROM meta WHERE key = 'horizon'", &last);

        *ret = now;
        if (last > 0 && now > (usec_t)last + USEC_PER_DAY)
                *ret = (usec_t)last + USEC_PER_DAY;
        return outcome;
}

static StoreOutcome prune_ages(Store *store, usec_t horizon) {
        const usec_t kept = usec_since(horizon, store->retention);
        const struct {
                const Cut *cut;
                usec_t before;
        } cuts[] = {
                {&cut_statements, kept},
                {&cut_events, usec_since(horizon, EVENT_SPAN)},
        };
        StoreOutcome outcome = STORE_FINE;

        for (SeriesLevel level = 0; outcome == STORE_FINE && level < N_LEVELS; level++) {
                usec_t span = series_level_span(level, store->retention);

                outcome = run_cut(store, &cut_points, usec_since(horizon, span), level);
        }
        for (size_t i = 0; outcome == STORE_FINE && i < ELEMENTS(cuts); i++)
                outcome = run_cut(store, cuts[i].cut, cuts[i].before, 0);
        return outcome;
}

/* Reads all of some tables: once a day, and at first. */
static StoreOutcome sweep(Store *store, usec_t now) {
        StoreOutcome outcome = STORE_FINE;

        if (!is_due(now, store->swept_at, USEC_PER_DAY))
                return STORE_FINE;
        store->swept_at = now;
        for (size_t i = 0; outcome == STORE_FINE && i < ELEMENTS(sweep_sql); i++)
                outcome = run_with(store, sweep_sql[i], EVENTS_KEPT, 0);
        return outcome;
}

static StoreOutcome prune_within(Store *store, usec_t now) {
        static const char keep_sql[] = "INSERT OR REPLACE INTO meta (key, value) VALUES ('horizon', ?1)";
        usec_t horizon;
        StoreOutcome outcome = find_horizon(store, now, &horizon);

        if (outcome == STORE_FINE)
                outcome = run_with(store, keep_sql, (int64_t)horizon, 0);
        if (outcome == STORE_FINE)
                outcome = prune_ages(store, horizon);
        if (outcome == STORE_FINE)
                outcome = sweep(store, now);
        return outcome;
}

static StoreOutcome in_transaction(Store *store, usec_t now, StoreOutcome (*within)(Store *, usec_t)) {
        StoreOutcome outcome = store_execute(store, "BEGIN IMMEDIATE", "cannot be pruned");

        if (outcome == STORE_FINE)
                outcome = within(store, now);
        if (outcome == STORE_FINE)
                outcome = store_execute(store, "COMMIT", "cannot be pruned");
        if (outcome != STORE_FINE)
                (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return outcome;
}

StoreOutcome store_prune(Store *store, usec_t now) {
        if (!is_due(now, store->pruned_at, USEC_PER_HOUR))
                return STORE_FINE;
        store->pruned_at = now;
        return in_transaction(store, now, prune_within);
}

static StoreOutcome shed(Store *store, usec_t now) {
        /* What a wrong clock dated into the future would else stay for ever. */
        StoreOutcome outcome = run_with(store, "DELETE FROM point WHERE start > ?1",
                                        (int64_t)(usec_add(now, USEC_PER_DAY) / USEC_PER_SEC), 0);

        for (size_t i = 0; outcome == STORE_FINE && i < ELEMENTS(shed_sql); i++)
                for (SeriesLevel level = 0; outcome == STORE_FINE && level < (i == 0 ? N_LEVELS : 1); level++)
                        outcome = run_with(store, shed_sql[i], level, 0);
        return outcome;
}

StoreOutcome store_make_room(Store *store, usec_t now) {
        StoreOutcome outcome = STORE_FINE;

        for (int i = 0; outcome == STORE_FINE && i < ROUNDS_MAX && store_is_at_cap(store, PERCENT_ROOM); i++)
                outcome = in_transaction(store, now, shed);
        return outcome;
}
