/* Store: writing records, all of a batch in one transaction.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "store.h"

#include "pgvigil/base/macros.h"

#define PERCENT_FULL 90 /* of size_max: room is made before it is missed */

static const char *const write_sql[N_RECORD_KINDS] = {
        [RECORD_SERIES] = "INSERT OR REPLACE INTO series (id, target, name) VALUES (?1, ?2, ?3)",
        [RECORD_POINT] = "INSERT OR REPLACE INTO point (level, start, series, count, min, max, sum)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        [RECORD_VALUE] = "INSERT OR REPLACE INTO value (target, key, text) VALUES (?1, ?2, ?3)",
        [RECORD_EVENT] = "INSERT INTO event (target, at, kind, text) VALUES (?1, ?2, ?3, ?4)",
        [RECORD_STATEMENTS] = "INSERT OR REPLACE INTO statement (hour, target, queryid, calls, total_ms)"
                              " VALUES (?1, ?2, ?3, ?4, ?5)",
};

static void bind_text(sqlite3_stmt *statement, int i, const char *text) {
        (void)sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC);
}

static void bind_time(sqlite3_stmt *statement, int i, usec_t at) {
        (void)sqlite3_bind_int64(statement, i, at > INT64_MAX ? INT64_MAX : (int64_t)at);
}

static StoreOutcome run(Store *store, sqlite3_stmt *statement) {
        int r = sqlite3_step(statement);
        StoreOutcome outcome = r == SQLITE_DONE ? STORE_FINE : store_fail(store, "cannot be written");

        (void)sqlite3_reset(statement);
        (void)sqlite3_clear_bindings(statement);
        return outcome;
}

static StoreOutcome write_series(Store *store, sqlite3_stmt *statement, const Record *record) {
        (void)sqlite3_bind_int64(statement, 1, record->series);
        bind_text(statement, 2, record->target);
        bind_text(statement, 3, record->key);
        return run(store, statement);
}

static StoreOutcome write_point(Store *store, sqlite3_stmt *statement, const Record *record) {
        (void)sqlite3_bind_int(statement, 1, (int)record->level);
        (void)sqlite3_bind_int64(statement, 2, (int64_t)(record->point.start / USEC_PER_SEC));
        (void)sqlite3_bind_int64(statement, 3, record->series);
        (void)sqlite3_bind_int64(statement, 4, record->point.count);
        (void)sqlite3_bind_double(statement, 5, record->point.min);
        (void)sqlite3_bind_double(statement, 6, record->point.max);
        (void)sqlite3_bind_double(statement, 7, record->point.sum);
        return run(store, statement);
}

static StoreOutcome remove_value(Store *store, const Record *record) {
        _cleanup_(statement_freep) sqlite3_stmt *statement = NULL;
        StoreOutcome outcome = store_prepare(store, "DELETE FROM value WHERE target = ?1 AND key = ?2",
                                             &statement);

        if (outcome != STORE_FINE)
                return outcome;
        bind_text(statement, 1, record->target);
        bind_text(statement, 2, record->key);
        return run(store, statement);
}

static StoreOutcome write_value(Store *store, sqlite3_stmt *statement, const Record *record) {
        if (!record->text)
                return remove_value(store, record);
        bind_text(statement, 1, record->target);
        bind_text(statement, 2, record->key);
        bind_text(statement, 3, record->text);
        return run(store, statement);
}

static StoreOutcome write_event(Store *store, sqlite3_stmt *statement, const Record *record) {
        bind_text(statement, 1, record->target);
        bind_time(statement, 2, record->at);
        bind_text(statement, 3, record->key);
        bind_text(statement, 4, record->text);
        return run(store, statement);
}

/* The shorter an hour is, the more of them a day has: what no phase can need makes room. */
static StoreOutcome remove_old_hours(Store *store, const Record *record) {
        _cleanup_(statement_freep) sqlite3_stmt *statement = NULL;
        StoreOutcome outcome = store_prepare(store, "DELETE FROM statement WHERE hour < ?1 AND target = ?2",
                                             &statement);

        if (outcome != STORE_FINE)
                return outcome;
        bind_time(statement, 1, record->at);
        bind_text(statement, 2, record->target);
        return run(store, statement);
}

static StoreOutcome write_statements(Store *store, sqlite3_stmt *statement, const Record *record) {
        StoreOutcome outcome = remove_old_hours(store, record);

        for (size_t i = 0; outcome == STORE_FINE && i < record->n; i++) {
                const HistoryStatement *row = &record->statements[i];

                bind_time(statement, 1, row->hour);
                bind_text(statement, 2, record->target);
                (void)sqlite3_bind_int64(statement, 3, row->queryid);
                (void)sqlite3_bind_int64(statement, 4, row->calls);
                (void)sqlite3_bind_double(statement, 5, row->total_ms);
                outcome = run(store, statement);
        }
        return outcome;
}

static StoreOutcome (*const writers[N_RECORD_KINDS])(Store *, sqlite3_stmt *, const Record *) = {
        [RECORD_SERIES] = write_series, [RECORD_POINT] = write_point,           [RECORD_VALUE] = write_value,
        [RECORD_EVENT] = write_event,   [RECORD_STATEMENTS] = write_statements,
};

static StoreOutcome write_record(Store *store, const Record *record) {
        if (!store->write[record->kind]) {
                StoreOutcome outcome = store_prepare(store, write_sql[record->kind],
                                                     &store->write[record->kind]);

                if (outcome != STORE_FINE)
                        return outcome;
        }
        return writers[record->kind](store, store->write[record->kind], record);
}

static StoreOutcome write_all(Store *store, const Records *records) {
        StoreOutcome outcome = store_execute(store, "BEGIN IMMEDIATE", "cannot be written");

        for (size_t i = 0; outcome == STORE_FINE && i < records->count; i++)
                outcome = write_record(store, &records->items[i]);
        if (outcome == STORE_FINE)
                outcome = store_execute(store, "COMMIT", "cannot be written");
        if (outcome != STORE_FINE)
                (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return outcome;
}

StoreOutcome store_write(Store *store, const Records *records, usec_t now) {
        StoreOutcome outcome;

        if (store_is_at_cap(store, PERCENT_FULL))
                (void)store_make_room(store, now);
        outcome = write_all(store, records);
        if (outcome == STORE_TOO_LARGE && store_make_room(store, now) == STORE_FINE)
                outcome = write_all(store, records);
        /* What is written is written: a failure to prune shows as the next one to write. */
        if (outcome == STORE_FINE)
                (void)store_prune(store, now);
        return outcome;
}
