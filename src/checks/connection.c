/* The check `connection`: a trivial statement completes, on a server in the expected role that is
 * not too far behind. Its facts of the server go to the other checks.
 *
 *   HEARTBEAT ─(role may read the control file)─▶ IDENTITY ─▶ DONE      connection_take()
 *       └──────(may not, or an error)──────────────────────▶ DONE
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "pgvigil/checks.h"

/* A standby is caught up when it replayed all it received and still receives; else what it shows
 * is as old as its last replayed transaction. The pid of a WAL receiver needs no privilege. */
static const char heartbeat_sql[] =
        "SELECT current_setting('server_version_num')::int8 AS version_num,\n"
        "       current_setting('server_version') AS version, current_database()::text AS datname,\n"
        "       current_user::text AS role, r.in_recovery,\n"
        "       CASE WHEN NOT r.in_recovery THEN NULL\n"
        "            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()\n"
        "                 AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver) THEN 0\n"
        "            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())\n"
        "       END::float8 AS replay_lag,\n"
        "       has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may_identify\n"
        "  FROM (SELECT pg_is_in_recovery() AS in_recovery) r";

static const char identity_sql[] =
        "SELECT c.system_identifier::text AS system_identifier, d.oid::text AS database\n"
        "  FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()";

static const Field heartbeat_fields[] = {
        {.name = "version_num", .kind = VALUE_INT, .role = FIELD_HIDDEN, .help = "Version as a number."},
        {.name = "version", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Version."},
        {.name = "datname", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Database."},
        {.name = "role", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Current user."},
        {.name = "in_recovery", .kind = VALUE_BOOL, .role = FIELD_HIDDEN, .help = "It is a standby."},
        {.name = "replay_lag",
         .kind = VALUE_FLOAT,
         .role = FIELD_HIDDEN,
         .unit = "seconds",
         .help = "Replay lag."},
        {.name = "may_identify",
         .kind = VALUE_BOOL,
         .role = FIELD_HIDDEN,
         .help = "Control data is readable."},
};

static const Field identity_fields[] = {
        {.name = "system_identifier", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "System identifier."},
        {.name = "database", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Number of the database."},
};

static const Shape heartbeat_shape = SHAPE("connection.heartbeat", heartbeat_fields);
static const Shape identity_shape = SHAPE("connection.identity", identity_fields);
static const Shape *const shapes[] = {NULL};

typedef enum Step { STEP_HEARTBEAT, STEP_IDENTITY, STEP_DONE } Step;

typedef struct Connection {
        Step step;
        Table *heartbeat;    /* of the last run that succeeded, or NULL */
        char *identifier;    /* NULL: not readable */
        char *database;      /* the same */
        usec_t behind_since; /* boottime: a standby is behind and has no time of a replay; 0: not so */
        bool failed;
        Reason failure;
} Connection;

static int connection_new(const TargetSettings *settings, void **ret_state) {
        *ret_state = calloc(1, sizeof(Connection));
        return *ret_state ? 0 : -ENOMEM;
}

static void *connection_free(void *state) {
        Connection *connection = state;

        if (!connection)
                return NULL;
        table_free(connection->heartbeat);
        free(connection->identifier);
        free(connection->database);
        free(connection);
        return NULL;
}

static int connection_begin(void *state, const CheckContext *context, void *gathered) {
        Connection *connection = state;

        connection->step = STEP_HEARTBEAT;
        connection->failed = false;
        return 0;
}

static int connection_next(void *state, const CheckContext *context, Statement *ret) {
        Connection *connection = state;
        bool is_heartbeat = connection->step == STEP_HEARTBEAT;
        char *sql;

        if (connection->step == STEP_DONE)
                return 0;
        sql = strdup(is_heartbeat ? heartbeat_sql : identity_sql);
        if (!sql)
                return -ENOMEM;
        *ret = (Statement){
                .name = is_heartbeat ? "connection.heartbeat" : "connection.identity",
                .sql = sql,
                .shape = is_heartbeat ? &heartbeat_shape : &identity_shape,
        };
        return 1;
}

static int take_heartbeat(Connection *connection, const CheckContext *context, const Outcome *outcome) {
        Table *heartbeat = NULL;
        int r;

        if (outcome->kind != OUTCOME_ROWS || !outcome->table || outcome->table->n_rows != 1) {
                connection->failed = true;
                connection->failure = outcome->kind == OUTCOME_ROWS ? REASON_ERROR
                                                                    : check_reason(outcome->sqlstate);
                return 0;
        }
        r = check_table_copy(outcome->table, &heartbeat);
        if (r < 0)
                return r;
        table_free(connection->heartbeat);
        connection->heartbeat = heartbeat;
        if (!table_bool(heartbeat, 0, "in_recovery") || !table_is_null(heartbeat, 0, "replay_lag"))
                connection->behind_since = 0;
        else if (connection->behind_since == 0)
                connection->behind_since = context->boottime;
        if (table_bool(heartbeat, 0, "may_identify"))
                connection->step = STEP_IDENTITY;
        return 0;
}

static int connection_take(void *state, const CheckContext *context, const Outcome *outcome) {
        Connection *connection = state;
        bool is_heartbeat = connection->step == STEP_HEARTBEAT;

        connection->step = STEP_DONE;
        if (is_heartbeat)
                return take_heartbeat(connection, context, outcome);
        if (outcome->kind != OUTCOME_ROWS || !outcome->table || outcome->table->n_rows != 1)
                return 0; /* the identity is a fact more, not a condition */
        if (str_set(&connection->database, table_text(outcome->table, 0, "database")) < 0)
                return -ENOMEM;
        return str_set(&connection->identifier, table_text(outcome->table, 0, "system_identifier"));
}

static int report_server(const Connection *connection, Report *report) {
        const Table *heartbeat = connection->heartbeat;
        ServerFacts *server = calloc(1, sizeof(ServerFacts));

        if (!server)
                return -ENOMEM;
        server->version_num = (int)table_int(heartbeat, 0, "version_num");
        server->in_recovery = table_bool(heartbeat, 0, "in_recovery");
        if (str_set(&server->role, table_text(heartbeat, 0, "role")) < 0 ||
            str_set(&server->system_identifier, connection->identifier) < 0 ||
            str_set(&server->database, connection->database) < 0) {
                server_facts_free(server);
                return -ENOMEM;
        }
        report->server = server;
        return 0;
}

static void add_lag(Buffer *out, double seconds) {
        buffer_add_usec_human(out, seconds > 0 ? (usec_t)(seconds * (double)USEC_PER_SEC) : 0);
}

/* Whether the server has the role it should have. */
static int judge_role(Finding *finding, const char *expected, bool in_recovery) {
        const char *actual = in_recovery ? "standby" : "primary";
        int r;

        if (str_is_empty(expected) || str_equal(expected, "any") || str_equal(expected, actual))
                return 0;
        finding->seen = SEEN_BREACH;
        finding->severity = SEVERITY_CRITICAL;
        finding->reason = REASON_ROLE;
        r = check_say(finding, "The server is a %s; expected is a %s.", actual, expected);
        return r < 0 ? r
                     : check_advise(finding, "Point the conninfo at the %s, or set expect_role.", expected);
}

/* In seconds. Without the time of a replayed transaction it is at least what passed since it was
 * first seen so; 0 then means that nothing is known yet. */
static double replay_lag(const Connection *connection, usec_t boottime) {
        const Value *lag = table_get(connection->heartbeat, 0, "replay_lag");

        if (lag->kind == VALUE_FLOAT)
                return lag->number;
        return (double)usec_since(boottime, connection->behind_since) / (double)USEC_PER_SEC;
}

static int judge_lag(Finding *finding, const Connection *connection, const CheckContext *context) {
        bool is_known = !table_is_null(connection->heartbeat, 0, "replay_lag");
        usec_t max_lag = context->settings->max_replay_lag;
        double lag = replay_lag(connection, context->boottime);
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        if (max_lag == 0 || !table_bool(connection->heartbeat, 0, "in_recovery") || finding->seen != SEEN_OK)
                return 0;
        if (is_known) {
                finding->value = VALUE_OF_FLOAT(lag > 0 ? lag : 0);
                finding->unit = "seconds";
        }
        if (lag <= (double)max_lag / (double)USEC_PER_SEC) {
                if (is_known)
                        return 0;
                finding->seen = SEEN_UNKNOWN;
                finding->reason = REASON_LAG;
                return check_say(
                        finding,
                        "How far the standby is behind is not known: it replayed no transaction yet.");
        }
        finding->seen = SEEN_BREACH;
        finding->reason = REASON_LAG;
        add_lag(&text, lag);
        buffer_add(&text, " behind; allowed are ");
        buffer_add_usec_human(&text, max_lag);
        return check_say(finding, "The standby shows data that is %s%s.", is_known ? "" : "at least ",
                         buffer_text(&text));
}

static int judge_heartbeat(Finding *finding, const Connection *connection, const CheckContext *context) {
        const Table *heartbeat = connection->heartbeat;
        bool in_recovery = table_bool(heartbeat, 0, "in_recovery");
        const char *version = table_text(heartbeat, 0, "version");
        int r;

        version = version ? version : "";
        r = check_say(finding, "PostgreSQL %.*s, %s, as %s.", (int)strcspn(version, " "), version,
                      in_recovery ? "standby" : "primary", table_text(heartbeat, 0, "role"));
        if (r >= 0)
                r = judge_role(finding, context->settings->expect_role, in_recovery);
        return r < 0 ? r : judge_lag(finding, connection, context);
}

static int connection_judge(void *state, const CheckContext *context, Report *report) {
        const Connection *connection = state;
        const Table *heartbeat = connection->heartbeat;
        _cleanup_(freep) char *object = str_qualified(NULL, heartbeat ? table_text(heartbeat, 0, "datname")
                                                                      : "database");
        Finding *finding = object ? report_add(report, KIND_CONNECTION, object, "connection") : NULL;
        int r = 0;

        if (!finding)
                return -ENOMEM;
        finding->severity = SEVERITY_CRITICAL;
        finding->max_age = check_max_age(context->settings->intervals.activity);
        if (connection->failed)
                return check_blind(report, 0, connection->failure);
        if (heartbeat)
                r = judge_heartbeat(finding, connection, context);
        return r < 0 || !heartbeat ? r : report_server(connection, report);
}

const CheckKind connection_check = {
        .name = "connection",
        .help = "The database answers, in the expected role, and a standby is not too far behind.",
        .interval = offsetof(Intervals, activity),
        .shapes = shapes,
        .new = connection_new,
        .free = connection_free,
        .begin = connection_begin,
        .next = connection_next,
        .take = connection_take,
        .judge = connection_judge,
};
