/* The check `statements`: what pg_stat_statements has of the target's own database: how many statements it
 * tracks, and calls and times of those that took most of the time, without their texts. Numbers to compare
 * over time; none of them is a fault by itself. Texts are read of the few only that the monitoring phase
 * names.
 *
 *   LOOK ─(it is there and tracks)─▶ INFO ─▶ TOP ─┬─▶ DONE        statements_take()
 *     │                               └─(before 14)─▲ └─(texts are wanted)─▶ TEXTS ─▶ DONE
 *     └──(missing, off, too old; or an error)──▶ DONE
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common.h"
#include "pgvigil/checks.h"
#include "statement-text.h"

/* The most expensive ones are the load; a long tail changes no sum. */
#define TOP "100"

/* pg_settings lists a setting of a library only where that is loaded: one that is only written into the
 * configuration is a placeholder. The columns of the function tell its version. */
static const char look_sql[] =
        "SELECT d.datname::text AS datname, d.oid::int8 AS datid, n.nspname::text AS schemaname,\n"
        "       coalesce('total_exec_time' = ANY (p.proargnames), false) AS has_times,\n"
        "       coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE'), "
        "false)\n"
        "         AS may_call,\n"
        "       EXISTS (SELECT FROM pg_proc i WHERE i.pronamespace = n.oid\n"
        "                AND i.proname = 'pg_stat_statements_info' AND i.pronargs = 0\n"
        "                AND has_function_privilege(i.oid, 'EXECUTE')) AS has_info,\n"
        "       EXISTS (SELECT FROM pg_settings s WHERE s.name = 'pg_stat_statements.max') AS is_loaded,\n"
        "       coalesce(current_setting('pg_stat_statements.track', true), '') <> 'none'\n"
        "         AND coalesce(current_setting('compute_query_id', true), '') <> 'off' AS is_tracked\n"
        "  FROM pg_database d LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements'\n"
        "  LEFT JOIN pg_namespace n ON n.oid = e.extnamespace\n"
        "  LEFT JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'pg_stat_statements'\n"
        " WHERE d.datname = current_database()";

#define HIDDEN(column, type, text)                                                                           \
        { .name = (column), .kind = (type), .role = FIELD_HIDDEN, .help = (text) }

static const Field look_fields[] = {
        HIDDEN("datname", VALUE_TEXT, "Database."),
        HIDDEN("datid", VALUE_INT, "Its oid."),
        HIDDEN("schemaname", VALUE_TEXT, "Schema of the extension; NULL: there is none."),
        HIDDEN("has_times", VALUE_BOOL, "It is of a version that we read."),
        HIDDEN("may_call", VALUE_BOOL, "The role may call it."),
        HIDDEN("has_info", VALUE_BOOL, "It tells of evictions and resets."),
        HIDDEN("is_loaded", VALUE_BOOL, "Its library is loaded."),
        HIDDEN("is_tracked", VALUE_BOOL, "It counts."),
};

static const Field info_fields[] = {
        HIDDEN("evictions", VALUE_INT, "Times that the least used entries were thrown out."),
        HIDDEN("since", VALUE_TEXT, "Last reset."),
};

static const Field top_fields[] = {
        HIDDEN("queryid", VALUE_INT, "Statement; NULL: those of others, hidden."),
        HIDDEN("calls", VALUE_INT, "How often it ran."),
        HIDDEN("seconds", VALUE_FLOAT, "How long, in all."),
        HIDDEN("tracked", VALUE_INT, "How many statements there are in all."),
};

/* Long ones are cut where they are: they show as less than that anyway. */
#define TEXT_LENGTH "20000"

static const Field statement_fields[] = {
        {.name = "queryid", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "pg_stat_statements.queryid."},
        {.name = "calls", .kind = VALUE_INT, .role = FIELD_TEXT, .help = "How often the statement ran."},
        {.name = "seconds",
         .kind = VALUE_FLOAT,
         .role = FIELD_TEXT,
         .unit = "seconds",
         .help = "How long the statement ran, in all."},
};

static const Field summary_fields[] = {
        {.name = "tracked",
         .kind = VALUE_INT,
         .role = FIELD_TEXT,
         .help = "Statements of the database that pg_stat_statements tracks, but those of pgvigil's own "
                 "role."},
        {.name = "evictions",
         .kind = VALUE_INT,
         .role = FIELD_TEXT,
         .help = "How often entries were thrown out, of any database; null before PostgreSQL 14."},
        HIDDEN("sampled_at", VALUE_INT, "When the sample was taken, in microseconds."),
        HIDDEN("since", VALUE_TEXT, "Last reset; NULL before PostgreSQL 14."),
};

static const Shape look_shape = SHAPE("statements.look", look_fields);
static const Shape info_shape = SHAPE("statements.info", info_fields);
static const Shape top_shape = SHAPE("statements.top", top_fields);
static const Shape statement_shape = SHAPE("statements", statement_fields);
static const Shape summary_shape = SHAPE("statements_summary", summary_fields);
static const Shape *const shapes[] = {&statement_shape, &summary_shape, &statement_texts_shape, NULL};

typedef enum Step { STEP_LOOK, STEP_INFO, STEP_TOP, STEP_TEXTS, STEP_DONE } Step;

typedef struct Sample {
        Table *info; /* NULL: before 14, or not readable */
        Table *top;  /* NULL: there is no sample */
        usec_t at, boottime;
} Sample;

typedef struct Statements {
        Step step;
        Table *look; /* the last that succeeded, or NULL */
        Sample last, fresh;
        Table *texts; /* of those that were asked for in this run, or NULL */
        bool failed;
        Reason failure;
} Statements;

/* Why there is nothing to read, in the order in which it is mended. */
static const struct {
        const char *column; /* of the look: false or NULL is why */
        const char *summary, *hint, *repair;
} lacks[] = {
        {"is_loaded", "The library pg_stat_statements is not loaded.",
         "Add pg_stat_statements to shared_preload_libraries, restart the server, and create the extension.",
         NULL},
        {"schemaname", "The extension pg_stat_statements is not in this database.", NULL,
         "CREATE EXTENSION pg_stat_statements;"},
        {"has_times", "The extension pg_stat_statements is of a version before 1.8.", NULL,
         "ALTER EXTENSION pg_stat_statements UPDATE;"},
        {"is_tracked", "The server tracks no statements.",
         "Set pg_stat_statements.track = top and compute_query_id = auto.", NULL},
};

static void sample_done(Sample *sample) {
        table_free(sample->info);
        table_free(sample->top);
        *sample = (Sample){};
}

static int statements_new(const TargetSettings *settings, void **ret_state) {
        *ret_state = calloc(1, sizeof(Statements));
        return *ret_state ? 0 : -ENOMEM;
}

static void *statements_free(void *state) {
        Statements *statements = state;

        if (!statements)
                return NULL;
        table_free(statements->look);
        sample_done(&statements->last);
        sample_done(&statements->fresh);
        table_free(statements->texts);
        free(statements);
        return NULL;
}

static int statements_begin(void *state, const CheckContext *context, void *gathered) {
        Statements *statements = state;

        statements->step = STEP_LOOK;
        statements->failed = false;
        statements->texts = table_free(statements->texts);
        sample_done(&statements->fresh);
        return 0;
}

/* Around the schema of the extension. TOP with showtext off: the file of texts is not read. Of several roles
 * a statement is one; but not of our own: what we ask costs more where there is more to watch. */
static const struct {
        const char *before, *behind;
} sql_parts[] = {
        [STEP_INFO] = {"SELECT i.dealloc AS evictions, i.stats_reset::text AS since\n  FROM ",
                       ".pg_stat_statements_info() i"},
        [STEP_TOP] =
                {"SELECT s.queryid, sum(s.calls)::int8 AS calls, sum(s.total_exec_time) / 1000 AS "
                 "seconds,\n       count(*) OVER () AS tracked\n  FROM ",
                 ".pg_stat_statements(false) s\n WHERE s.dbid = $1::int8::oid AND s.userid <> (SELECT r.oid "
                 "FROM "
                 "pg_catalog.pg_roles r\n                                  WHERE r.rolname = current_user)\n "
                 "GROUP BY s.queryid\n"
                 " ORDER BY s.queryid IS NULL DESC, 3 DESC, 1 LIMIT " TOP},
        [STEP_TEXTS] = {"SELECT s.queryid, left(min(s.query), " TEXT_LENGTH ") AS text\n  FROM ",
                        ".pg_stat_statements(true) s\n WHERE s.dbid = $1::int8::oid AND s.queryid = ANY "
                        "($2::int8[])\n GROUP BY s.queryid"},
};

static char *step_sql(const Statements *statements) {
        _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;

        if (statements->step == STEP_LOOK)
                return strdup(look_sql);
        buffer_add(&sql, sql_parts[statements->step].before);
        buffer_add_identifier(&sql, table_text(statements->look, 0, "schemaname"));
        buffer_add(&sql, sql_parts[statements->step].behind);
        return buffer_take(&sql);
}

static int add_queryids(Statement *statement, const CheckContext *context) {
        _cleanup_(buffer_done) Buffer list = BUFFER_NULL;

        buffer_add_char(&list, '{');
        for (size_t i = 0; i < context->n_queryids; i++)
                buffer_printf(&list, "%s%" PRId64, i > 0 ? "," : "", context->queryids[i]);
        buffer_add_char(&list, '}');
        return buffer_error(&list) < 0 ? -ENOMEM : statement_add_parameter(statement, buffer_text(&list));
}

static int statements_next(void *state, const CheckContext *context, Statement *ret) {
        static const struct {
                const char *name;
                const Shape *shape;
        } steps[] = {
                [STEP_LOOK] = {"statements.look", &look_shape},
                [STEP_INFO] = {"statements.info", &info_shape},
                [STEP_TOP] = {"statements.top", &top_shape},
                [STEP_TEXTS] = {"statements.texts", &statement_texts_shape},
        };
        const Statements *statements = state;
        _cleanup_(statement_done) Statement statement = {};
        _cleanup_(freep) char *id = NULL;

        if (statements->step == STEP_DONE)
                return 0;
        statement.name = steps[statements->step].name;
        statement.shape = steps[statements->step].shape;
        statement.sql = step_sql(statements);
        if (!statement.sql)
                return -ENOMEM;
        if (statements->step == STEP_TOP || statements->step == STEP_TEXTS) {
                id = str_format("%" PRId64, table_int(statements->look, 0, "datid"));
                if (!id || statement_add_parameter(&statement, id) < 0)
                        return -ENOMEM;
        }
        if (statements->step == STEP_TEXTS) {
                statement.reads_rows = context->explain; /* listed only: nobody is to be named */
                if (add_queryids(&statement, context) < 0)
                        return -ENOMEM;
        }
        *ret = statement;
        statement = (Statement){};
        return 1;
}

/* The first of what is lacking, or -1. */
static int find_lack(const Table *look) {
        for (size_t i = 0; i < ELEMENTS(lacks); i++) {
                const Value *value = table_get(look, 0, lacks[i].column);

                if (value->kind == VALUE_NULL || (value->kind == VALUE_BOOL && !value->boolean))
                        return (int)i;
        }
        return -1;
}

static void fail(Statements *statements, Reason reason) {
        statements->failed = true;
        statements->failure = reason;
        statements->step = STEP_DONE;
        sample_done(&statements->fresh);
}

static int take_look(Statements *statements, const Table *table) {
        Table *look = NULL;
        int r = check_table_copy(table, &look);

        if (r < 0)
                return r;
        table_free(statements->look);
        statements->look = look;
        statements->step = STEP_DONE;
        if (find_lack(look) >= 0)
                return 0;
        if (!table_bool(look, 0, "may_call"))
                fail(statements, REASON_PRIVILEGE);
        else
                statements->step = table_bool(look, 0, "has_info") ? STEP_INFO : STEP_TOP;
        return 0;
}

/* Without the right to see those of others there would be an empty or a small number of them. */
static int take_top(Statements *statements, const CheckContext *context, const Table *table) {
        if (table->n_rows > 0 && table_is_null(table, 0, "queryid")) {
                fail(statements, REASON_PRIVILEGE);
                return 0;
        }
        statements->fresh.at = context->realtime;
        statements->fresh.boottime = context->boottime;
        statements->step = context->n_queryids > 0 || context->explain ? STEP_TEXTS : STEP_DONE;
        return check_table_copy(table, &statements->fresh.top);
}

/* Without them the numbers stand all the same. */
static int take_texts(Statements *statements, const Outcome *outcome) {
        statements->step = STEP_DONE;
        if (outcome->kind != OUTCOME_ROWS || !outcome->table)
                return 0;
        return check_table_copy(outcome->table, &statements->texts);
}

static int statements_take(void *state, const CheckContext *context, const Outcome *outcome) {
        Statements *statements = state;
        bool is_one = statements->step != STEP_TOP;

        if (statements->step == STEP_TEXTS)
                return take_texts(statements, outcome);
        if (outcome->kind != OUTCOME_ROWS || !outcome->table || (is_one && outcome->table->n_rows != 1)) {
                fail(statements,
                     outcome->kind == OUTCOME_ROWS ? REASON_ERROR : check_reason(outcome->sqlstate));
                return 0;
        }
        if (statements->step == STEP_LOOK)
                return take_look(statements, outcome->table);
        if (statements->step == STEP_TOP)
                return take_top(statements, context, outcome->table);
        statements->step = STEP_TOP;
        return check_table_copy(outcome->table, &statements->fresh.info);
}

static int publish_statement(const Table *top, size_t at, Table *table) {
        _cleanup_(freep) char *queryid = str_format("%" PRId64, table_int(top, at, "queryid"));
        size_t row;

        if (!queryid || table_add_row(table, &row) < 0 || table_set_text(table, row, "queryid", queryid) < 0)
                return -ENOMEM;
        table_set_int(table, row, "calls", table_int(top, at, "calls"));
        table_set_float(table, row, "seconds", table_get(top, at, "seconds")->number);
        return 0;
}

static int64_t tracked_of(const Sample *sample) {
        return sample->top->n_rows > 0 ? table_int(sample->top, 0, "tracked") : 0;
}

static int publish(const Sample *sample, Report *report) {
        Table *table = report_table(report, &statement_shape),
              *summary = report_table(report, &summary_shape);
        size_t row;
        int r = table && summary ? table_add_row(summary, &row) : -ENOMEM;

        if (r < 0)
                return r;
        table_set_int(summary, row, "tracked", tracked_of(sample));
        table_set_int(summary, row, "sampled_at", (int64_t)sample->at);
        if (sample->info) {
                table_set_int(summary, row, "evictions", table_int(sample->info, 0, "evictions"));
                r = table_set_text(summary, row, "since", table_text(sample->info, 0, "since"));
        }
        for (size_t i = 0; r >= 0 && i < sample->top->n_rows; i++)
                r = publish_statement(sample->top, i, table);
        return r;
}

static int describe(const Sample *before, const Sample *sample, Finding *finding) {
        int64_t tracked = tracked_of(sample);
        int64_t evicted = before->info && sample->info ? table_int(sample->info, 0, "evictions") -
                                                                 table_int(before->info, 0, "evictions")
                                                       : 0;

        finding->value = VALUE_OF_INT(tracked);
        finding->unit = "statements";
        if (evicted > 0 && check_advise(finding, "Raise pg_stat_statements.max: what is thrown out cannot be "
                                                 "compared.") < 0)
                return -ENOMEM;
        return check_say(finding, "%" PRId64 " %s tracked%s.", tracked,
                         tracked == 1 ? "statement is" : "statements are",
                         evicted > 0 ? "; entries were thrown out since the last look" : "");
}

static int judge_lack(Statements *statements, int lack, Finding *finding) {
        sample_done(&statements->last);
        finding->seen = SEEN_SKIPPED;
        finding->reason = REASON_SKIPPED;
        if (lacks[lack].hint && check_advise(finding, "%s", lacks[lack].hint) < 0)
                return -ENOMEM;
        if (lacks[lack].repair && check_repair(finding, "%s", lacks[lack].repair) < 0)
                return -ENOMEM;
        return check_say(finding, "%s", lacks[lack].summary);
}

static int judge_fresh(Statements *statements, Finding *finding, Report *report) {
        int r = describe(&statements->last, &statements->fresh, finding);

        if (r >= 0)
                r = publish(&statements->fresh, report);
        if (r >= 0 && statements->texts)
                r = statement_texts_publish(statements->texts, report);
        sample_done(&statements->last);
        statements->last = statements->fresh;
        statements->fresh = (Sample){};
        return r;
}

/* What was known stays. */
static int judge_last(const Statements *statements, Finding *finding, Report *report) {
        int r = describe(&statements->last, &statements->last, finding);

        finding->checked_at = statements->last.at;
        finding->checked_boottime = statements->last.boottime;
        return r < 0 ? r : publish(&statements->last, report);
}

static int judge_blind(const Statements *statements, const CheckContext *context, Finding *finding,
                       Report *report) {
        _cleanup_(freep) char *role = str_qualified(NULL, context->server->role ? context->server->role
                                                                                : "pgvigil");
        int r = statements->last.top ? judge_last(statements, finding, report) : 0;

        if (r >= 0)
                r = check_blind(report, 0, statements->failure);
        if (r < 0 || statements->failure != REASON_PRIVILEGE)
                return r;
        return role ? check_repair(finding, "GRANT pg_read_all_stats TO %s;", role) : -ENOMEM;
}

static int statements_judge(void *state, const CheckContext *context, Report *report) {
        Statements *statements = state;
        const char *datname = statements->look ? table_text(statements->look, 0, "datname") : NULL;
        _cleanup_(freep) char *object = str_qualified(NULL, datname ? datname : "database");
        Finding *finding = object ? report_add(report, KIND_STATEMENTS, object, "statements") : NULL;
        int lack = statements->look ? find_lack(statements->look) : -1;

        if (!finding)
                return -ENOMEM;
        finding->severity = SEVERITY_INFO;
        finding->max_age = check_max_age(context->settings->intervals.catalog);
        if (statements->failed)
                return judge_blind(statements, context, finding, report);
        if (lack >= 0)
                return judge_lack(statements, lack, finding);
        return judge_fresh(statements, finding, report);
}

const CheckKind statements_check = {
        .name = "statements",
        .help = "Statements that pg_stat_statements tracks, and those that take most of the time.",
        .interval = offsetof(Intervals, catalog),
        .shapes = shapes,
        .new = statements_new,
        .free = statements_free,
        .begin = statements_begin,
        .next = statements_next,
        .take = statements_take,
        .judge = statements_judge,
};
