/* What a migration blocks while it runs: one statement, asked while its lock is held or a row of its
 * history is open, and never else.
 *
 * pg_blocking_pids() stops the lock manager for a moment, so it is called for sessions only that wait for a
 * lock, and for a hundred of them at most.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "check-migration.h"

#define WAIT_START_FROM 140000 /* pg_locks.waitstart */

/* While a migration runs it is looked at this often. */
#define RUN_INTERVAL USEC_PER_SEC

static const Field blocked_answer_fields[] = {
        {.name = "holders", .kind = VALUE_INT, .role = FIELD_HIDDEN},
        {.name = "blocked", .kind = VALUE_INT, .role = FIELD_HIDDEN},
        {.name = "is_capped", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "longest_wait_usec", .kind = VALUE_INT, .role = FIELD_HIDDEN},
        {.name = "locked", .kind = VALUE_TEXT, .role = FIELD_HIDDEN},
};
const Shape migration_blocked_answer_shape = SHAPE("migration_blocked_answer", blocked_answer_fields);

static const Field blocked_fields[] = {
        {.name = "framework", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Migration tool."},
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Schema of its history."},
        {.name = "blocked_sessions",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_migration_blocked_sessions",
         .help = "Sessions that wait behind a migration that runs; 0 while none does. As last polled."},
        {.name = "longest_wait_seconds",
         .kind = VALUE_FLOAT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_migration_longest_wait_seconds",
         .unit = "seconds",
         .help = "How long the first of them has waited; from PostgreSQL 14 on. As last polled."},
        {.name = "elapsed_seconds", .kind = VALUE_FLOAT, .role = FIELD_TEXT},
        {.name = "locked", .kind = VALUE_TEXT, .role = FIELD_TEXT},
};
const Shape migration_blocked_shape = SHAPE("migration_blocked", blocked_fields);

/* $1 the 64-bit key of the tool's advisory lock; $2 whether nobody holds it: then who holds the strongest
 * locks is taken for the migration. Behind it is who waits for it, or for one who does. */
#define BLOCKED_SQL(waitstart)                                                                               \
        "WITH RECURSIVE here AS (SELECT d.oid FROM pg_catalog.pg_database d"                                 \
        " WHERE d.datname = current_database()),"                                                            \
        " seen AS (SELECT l.pid, l.locktype, l.mode, l.granted, " waitstart " AS waitstart,"                 \
        " CASE WHEN l.database = here.oid THEN l.relation END AS relation,"                                  \
        " l.locktype = 'advisory' AND l.objsubid = 1 AND l.database = here.oid"                              \
        " AND ((l.classid::bigint << 32) | l.objid::bigint) = $1::bigint AS is_key"                          \
        " FROM pg_catalog.pg_locks l, here WHERE l.pid <> pg_backend_pid()),"                                \
        " holder AS (SELECT DISTINCT s.pid FROM seen s WHERE s.granted AND (s.is_key OR ($2::boolean"        \
        " AND s.relation IS NOT NULL AND s.mode = 'AccessExclusiveLock'))),"                                 \
        " waiting AS (SELECT s.pid, min(s.waitstart) AS since FROM seen s"                                   \
        " WHERE NOT s.granted AND s.is_key IS NOT TRUE AND EXISTS (SELECT FROM holder)"                      \
        " GROUP BY s.pid ORDER BY min(s.waitstart), s.pid LIMIT 101),"                                       \
        " edge AS (SELECT w.pid, unnest(pg_blocking_pids(w.pid)) AS before FROM"                             \
        " (SELECT * FROM waiting LIMIT 100) w),"                                                             \
        " behind AS (SELECT h.pid FROM holder h UNION"                                                       \
        " SELECT e.pid FROM edge e JOIN behind b ON b.pid = e.before),"                                      \
        " locked AS (SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name"        \
        " FROM seen s JOIN holder h ON h.pid = s.pid JOIN pg_catalog.pg_class c ON c.oid = s.relation"       \
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                                          \
        " WHERE s.granted AND s.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',"             \
        " 'AccessExclusiveLock') AND c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'"               \
        " AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema') ORDER BY 1 LIMIT 11)"        \
        " SELECT (SELECT count(*) FROM holder) AS holders,"                                                  \
        " (SELECT count(*) FROM waiting) > 100 AS is_capped,"                                                \
        " count(w.pid) AS blocked,"                                                                          \
        " (extract(epoch FROM max(clock_timestamp() - w.since)) * 1000000)::bigint AS longest_wait_usec,"    \
        " (SELECT CASE WHEN count(*) > 10 THEN 'more than ten tables' ELSE string_agg(k.name, ', ') END"     \
        " FROM locked k) AS locked"                                                                          \
        " FROM waiting w JOIN behind b ON b.pid = w.pid WHERE w.pid NOT IN (SELECT h.pid FROM holder h)"

static const char blocked_sql[] = BLOCKED_SQL("l.waitstart");
static const char blocked_sql_before_14[] = BLOCKED_SQL("NULL::timestamptz");

int statement_blocked(const MigrationFramework *framework, const FrameworkState *state,
                      const CheckContext *context, Statement *ret) {
        _cleanup_(statement_done) Statement statement = {
                .name = "migration.blocked",
                .place = STATEMENT_ALONE,
                .shape = &migration_blocked_answer_shape,
                .object = framework->name,
        };
        _cleanup_(freep) char *key = str_format("%lld", (long long)framework->lock_key);
        bool is_new = context->server && context->server->version_num >= WAIT_START_FROM;

        if (!key || str_set(&statement.sql, is_new ? blocked_sql : blocked_sql_before_14) < 0 ||
            str_set(&statement.note, "only while a migration runs") < 0 ||
            statement_add_parameter(&statement, key) < 0 ||
            statement_add_parameter(&statement, state->lock_is_held ? "f" : "t") < 0)
                return -ENOMEM;
        *ret = statement;
        statement = (Statement){};
        return 0;
}

/* The oldest row that says "under way"; NULL: there is none. */
static const HistoryRow *open_row(const MigrationCheck *check, const MigrationFramework *framework) {
        const HistoryRow *oldest = NULL;

        for (size_t i = 0; i < check->n_histories; i++) {
                const History *history = &check->histories[i];

                if (history->framework != framework || !history->was_read)
                        continue;
                for (size_t k = 0; k < history->rows.count; k++) {
                        const HistoryRow *row = &history->rows.items[k];

                        if (!row->is_finished && !row->is_rolled_back && !row->has_logs &&
                            (!oldest || row->started_at < oldest->started_at))
                                oldest = row;
                }
        }
        return oldest;
}

bool blocked_is_wanted(const MigrationCheck *check, const MigrationFramework *framework,
                       const FrameworkState *state) {
        return state->lock_is_held || (state->lock_is_known && open_row(check, framework));
}

/* Where no lock was held any more when it was asked, nothing runs. */
int blocked_take(FrameworkState *state, const Outcome *outcome) {
        MigrationRun *run = &state->run;
        const Table *table = outcome->table;

        if (outcome->kind != OUTCOME_ROWS || !table || table->n_rows != 1)
                return 0;
        run->is_known = table_int(table, 0, "holders") > 0;
        if (!run->is_known)
                return 0;
        run->is_live = true;
        run->blocked = (uint64_t)table_int(table, 0, "blocked");
        run->is_capped = table_bool(table, 0, "is_capped");
        run->longest_wait = USEC_INFINITY;
        if (run->blocked == 0)
                run->longest_wait = 0;
        else if (!table_is_null(table, 0, "longest_wait_usec"))
                run->longest_wait = (usec_t)table_int(table, 0, "longest_wait_usec");
        return str_set(&run->locked, table_text(table, 0, "locked"));
}

static void judge(const MigrationCheck *check, const MigrationFramework *framework, FrameworkState *state) {
        const HistoryRow *row = open_row(check, framework);

        state->run.is_live |= state->lock_is_held;
        if (row && row->started_at > 0 && state->run.is_live)
                state->run.elapsed = usec_since(state->now, row->started_at);
}

void blocked_judge(MigrationCheck *check, Report *report) {
        for (size_t i = 0; i < N_FRAMEWORKS; i++) {
                judge(check, migration_frameworks[i], &check->frameworks[i]);
                if (check->frameworks[i].run.is_live)
                        report->again_in = RUN_INTERVAL;
        }
}

/* "It is being applied now, since 12 s; 3 sessions wait behind it, …" */
int blocked_describe(const MigrationRun *run, Finding *finding) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        buffer_add(&text, "It is being applied now");
        if (run->elapsed > 0) {
                buffer_add(&text, ", since ");
                buffer_add_usec_human(&text, run->elapsed);
        }
        buffer_add(&text, "; ");
        migration_run_add_words(run, false, &text);
        buffer_add(&text, ".");
        if (run->is_known) {
                finding->value = VALUE_OF_INT((int64_t)run->blocked);
                finding->unit = "sessions";
        }
        return buffer_error(&text) < 0 ? -ENOMEM : str_set(&finding->summary, buffer_text(&text));
}

int blocked_publish(const History *history, const FrameworkState *state, Report *report) {
        Table *table = report_table(report, &migration_blocked_shape);
        const MigrationRun *run = &state->run;
        bool is_idle = !run->is_live && state->lock_is_known;
        size_t row;

        if (!table || table_add_row(table, &row) < 0 ||
            table_set_text(table, row, "framework", history->framework->name) < 0 ||
            table_set_text(table, row, "schemaname", history->schema) < 0 ||
            table_set_text(table, row, "locked", run->locked) < 0)
                return -ENOMEM;
        if (is_idle || run->is_known) {
                table_set_int(table, row, "blocked_sessions", (int64_t)run->blocked);
                if (run->longest_wait != USEC_INFINITY)
                        table_set_float(table, row, "longest_wait_seconds",
                                        (double)run->longest_wait / (double)USEC_PER_SEC);
        }
        if (run->elapsed > 0)
                table_set_float(table, row, "elapsed_seconds", (double)run->elapsed / (double)USEC_PER_SEC);
        return 0;
}
