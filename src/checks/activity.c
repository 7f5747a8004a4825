/* The check `activity`: what the server counted of the target's own database: transactions, deadlocks,
 * sessions that ended badly. Numbers to compare over time; none of them is a fault by itself.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common.h"
#include "pgvigil/checks.h"

/* `epoch` changes where the counters begin anew: with every reset. A crash zeroes the counters and sets no
 * time in pg_stat_database, but in pg_stat_bgwriter. sessions_fatal: since 14. */
static const char activity_sql[] =
        "SELECT d.datname::text AS datname, d.xact_commit AS commits, d.xact_rollback AS rollbacks, "
        "d.deadlocks,\n"
        "       (to_jsonb(d)->>'sessions_fatal')::int8 AS fatal_sessions, d.checksum_failures,\n"
        "       format('%s, %s', d.stats_reset, (SELECT b.stats_reset FROM pg_stat_bgwriter b)) AS epoch,\n"
        "       d.stats_reset::text AS since, current_setting('track_counts')::bool AS is_tracked\n"
        "  FROM pg_stat_database d WHERE d.datname = current_database()";

#define HIDDEN(column, type, text)                                                                           \
        { .name = (column), .kind = (type), .role = FIELD_HIDDEN, .help = (text) }

static const Field sample_fields[] = {
        HIDDEN("datname", VALUE_TEXT, "Database."),
        HIDDEN("commits", VALUE_INT, "Transactions that committed."),
        HIDDEN("rollbacks", VALUE_INT, "Transactions that rolled back."),
        HIDDEN("deadlocks", VALUE_INT, "Deadlocks."),
        HIDDEN("fatal_sessions", VALUE_INT, "Sessions that a fatal error ended."),
        HIDDEN("checksum_failures", VALUE_INT, "Pages with a wrong checksum; NULL: there are none."),
        HIDDEN("epoch", VALUE_TEXT, "Counters of two epochs are never compared."),
        HIDDEN("since", VALUE_TEXT, "When the counters were last reset."),
        HIDDEN("is_tracked", VALUE_BOOL, "The server counts."),
};

static const Field transaction_fields[] = {
        {.name = "datname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Database."},
        {.name = "outcome", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "commit or rollback."},
        {.name = "transactions",
         .kind = VALUE_INT,
         .role = FIELD_COUNTER,
         .metric = "pgvigil_transactions_total",
         .help = "Transactions of the database on this server, pgvigil's own among them, as of the last "
                 "poll."},
        HIDDEN("sampled_at", VALUE_INT, "When, in microseconds."),
};

static const Field database_fields[] = {
        {.name = "datname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Database."},
        {.name = "deadlocks",
         .kind = VALUE_INT,
         .role = FIELD_COUNTER,
         .metric = "pgvigil_deadlocks_total",
         .help = "Deadlocks in the database on this server, as of the last poll."},
        {.name = "fatal_sessions",
         .kind = VALUE_INT,
         .role = FIELD_TEXT,
         .help = "Sessions that a fatal error ended, from PostgreSQL 14 on."},
        {.name = "checksum_failures",
         .kind = VALUE_INT,
         .role = FIELD_TEXT,
         .help = "Pages whose checksum was wrong; null: the cluster has none."},
        HIDDEN("epoch", VALUE_TEXT, "Changes where the counters begin anew."),
};

static const Shape sample_shape = SHAPE("activity.sample", sample_fields);
static const Shape transaction_shape = SHAPE("transactions", transaction_fields);
static const Shape database_shape = SHAPE("activity", database_fields);
static const Shape *const shapes[] = {&transaction_shape, &database_shape, NULL};

static const struct {
        const char *outcome, *column;
} outcomes[] = {{"commit", "commits"}, {"rollback", "rollbacks"}};

typedef struct Sample {
        Table *row; /* NULL: there is none */
        usec_t at, boottime;
} Sample;

typedef struct Activity {
        bool is_asked;
        Sample last, fresh; /* `fresh` is of this run, and becomes the last in judge(): a run may be cut */
        bool failed;
        Reason failure;
} Activity;

static void sample_done(Sample *sample) {
        table_free(sample->row);
        *sample = (Sample){};
}

static int activity_new(const TargetSettings *settings, void **ret_state) {
        *ret_state = calloc(1, sizeof(Activity));
        return *ret_state ? 0 : -ENOMEM;
}

static void *activity_free(void *state) {
        Activity *activity = state;

        if (!activity)
                return NULL;
        sample_done(&activity->last);
        sample_done(&activity->fresh);
        free(activity);
        return NULL;
}

static int activity_begin(void *state, const CheckContext *context, void *gathered) {
        Activity *activity = state;

        activity->is_asked = activity->failed = false;
        sample_done(&activity->fresh);
        return 0;
}

static int activity_next(void *state, const CheckContext *context, Statement *ret) {
        Activity *activity = state;
        char *sql = activity->is_asked ? NULL : strdup(activity_sql);

        if (activity->is_asked)
                return 0;
        if (!sql)
                return -ENOMEM;
        activity->is_asked = true;
        *ret = (Statement){.name = "activity.sample", .sql = sql, .shape = &sample_shape};
        return 1;
}

static int activity_take(void *state, const CheckContext *context, const Outcome *outcome) {
        Activity *activity = state;

        if (outcome->kind != OUTCOME_ROWS || !outcome->table || outcome->table->n_rows != 1) {
                activity->failed = true;
                activity->failure = outcome->kind == OUTCOME_ROWS ? REASON_ERROR
                                                                  : check_reason(outcome->sqlstate);
                return 0;
        }
        activity->fresh.at = context->realtime;
        activity->fresh.boottime = context->boottime;
        return check_table_copy(outcome->table, &activity->fresh.row);
}

static int publish_transactions(const Sample *sample, Report *report) {
        Table *table = report_table(report, &transaction_shape);

        for (size_t i = 0; i < ELEMENTS(outcomes); i++) {
                size_t row;

                if (!table || table_add_row(table, &row) < 0 ||
                    table_set_text(table, row, "datname", table_text(sample->row, 0, "datname")) < 0 ||
                    table_set_text(table, row, "outcome", outcomes[i].outcome) < 0)
                        return -ENOMEM;
                table_set_int(table, row, "transactions", table_int(sample->row, 0, outcomes[i].column));
                table_set_int(table, row, "sampled_at", (int64_t)sample->at);
        }
        return 0;
}

static int publish_database(const Sample *sample, Report *report) {
        Table *table = report_table(report, &database_shape);
        size_t row;

        if (!table || table_add_row(table, &row) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTS(database_fields); i++) {
                const char *name = database_fields[i].name;
                int r = value_copy(table_get(sample->row, 0, name), table_cell(table, row, name));

                if (r < 0)
                        return r;
        }
        return 0;
}

static void add_count(Buffer *out, const Table *row, const char *column, const char *one, const char *more) {
        int64_t count = table_int(row, 0, column);

        if (!table_is_null(row, 0, column))
                buffer_printf(out, "%s%" PRId64 " %s", out->length > 0 ? ", " : "", count,
                              count == 1 ? one : more);
}

static int describe(Finding *finding, const Table *row) {
        static const char *const counts[][3] = {
                {"commits", "commit", "commits"},
                {"rollbacks", "rollback", "rollbacks"},
                {"deadlocks", "deadlock", "deadlocks"},
                {"fatal_sessions", "session ended by a fatal error", "sessions ended by a fatal error"},
                {"checksum_failures", "wrong checksum", "wrong checksums"},
        };
        const char *since = table_text(row, 0, "since");
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        for (size_t i = 0; i < ELEMENTS(counts); i++)
                add_count(&text, row, counts[i][0], counts[i][1], counts[i][2]);
        if (since)
                buffer_printf(&text, ", since %.19s UTC", since);
        return buffer_error(&text) < 0 ? -ENOMEM : check_say(finding, "%s.", buffer_text(&text));
}

/* Counters that stand still are 0 for another reason than that nothing happened. */
static int skip_untracked(Finding *finding) {
        int r;

        finding->seen = SEEN_SKIPPED;
        finding->reason = REASON_SKIPPED;
        r = check_say(finding, "The server counts nothing: track_counts is off.");
        if (r >= 0)
                r = check_advise(finding, "Switch it on, and reload the server's configuration.");
        return r < 0 ? r : check_repair(finding, "ALTER SYSTEM SET track_counts = on;");
}

/* What was known stays. */
static int report_last(const Activity *activity, Finding *finding, Report *report) {
        int r;

        finding->checked_at = activity->last.at;
        finding->checked_boottime = activity->last.boottime;
        r = describe(finding, activity->last.row);
        if (r >= 0)
                r = publish_transactions(&activity->last, report);
        return r < 0 ? r : publish_database(&activity->last, report);
}

static int report_fresh(Activity *activity, Finding *finding, Report *report) {
        int r = 0;

        if (!table_bool(activity->fresh.row, 0, "is_tracked")) {
                sample_done(&activity->last);
                return skip_untracked(finding);
        }
        r = describe(finding, activity->fresh.row);
        if (r >= 0)
                r = publish_transactions(&activity->fresh, report);
        if (r >= 0)
                r = publish_database(&activity->fresh, report);
        sample_done(&activity->last);
        activity->last = activity->fresh;
        activity->fresh = (Sample){};
        return r;
}

static int activity_judge(void *state, const CheckContext *context, Report *report) {
        Activity *activity = state;
        const Table *known = activity->fresh.row ? activity->fresh.row : activity->last.row;
        _cleanup_(freep) char *object = str_qualified(NULL,
                                                      known ? table_text(known, 0, "datname") : "database");
        Finding *finding = object ? report_add(report, KIND_ACTIVITY, object, "activity") : NULL;
        int r = 0;

        if (!finding)
                return -ENOMEM;
        finding->severity = SEVERITY_INFO;
        finding->max_age = check_max_age(context->settings->intervals.activity);
        if (activity->fresh.row)
                r = report_fresh(activity, finding, report);
        else if (activity->last.row)
                r = report_last(activity, finding, report);
        return r >= 0 && activity->failed ? check_blind(report, 0, activity->failure) : r;
}

const CheckKind activity_check = {
        .name = "activity",
        .help = "Transactions, rollbacks, deadlocks and fatal errors that the server counted.",
        .interval = offsetof(Intervals, activity),
        .shapes = shapes,
        .new = activity_new,
        .free = activity_free,
        .begin = activity_begin,
        .next = activity_next,
        .take = activity_take,
        .judge = activity_judge,
};
