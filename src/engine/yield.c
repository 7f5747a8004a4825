/* Yielding: our ACCESS SHARE lock may stand at the head of a queue, an ALTER TABLE behind it and
 * the application behind that. lock_timeout helps nobody there: we are the ones to be waited for.
 *
 *   CLOSED ─yield_connect()─▶ CONNECTING ─on_connected()─▶ OPEN     a scan has run for 100 ms
 *   OPEN ─yield_look()─▶ LOOKING ─on_looked()─▶ OPEN                every 250 ms of it
 *   OPEN ─yield_cancel()─▶ TELLING ─on_cancelled()─▶ OPEN           somebody waits
 *   OPEN ─yield_terminate()─▶ TELLING ─on_terminated()─▶ CLOSED     somebody waits still
 *   OPEN ─yield_leave()─▶ CLOSED                                    5 s without a scan
 *   any ─yield_fail()─▶ CLOSED                                      for a minute at least
 *   any ─yield_stop()─▶ CLOSED                                      the scan's connection is closed
 *
 * A cancel is aimed at a process, not at a statement. So nothing is sent on the scan's connection
 * between the cancel and its answer (STAGE_HELD) but a COMMIT: a process that gets one between two
 * statements drops it. Where no answer comes, the connection is closed, for the cancel may strike any time.
 * User code can trap a cancel, but no terminate.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "yield.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log.h"

#define TIMER_ACCURACY (5 * USEC_PER_MSEC)

/* Nobody waits for a transaction or a row of ours, but many may wait so for each other: they are
 * left out before the lock manager is asked. Before 14 it is not told since when they wait. */
static char look_sql[] =
        "SELECT pg_catalog.count(*) AS waiting, extract(epoch FROM pg_catalog.clock_timestamp()\n"
        " - pg_catalog.min((pg_catalog.to_jsonb(w)->>'waitstart')::timestamptz))::float8 AS waited\n"
        "FROM pg_catalog.pg_locks w\n"
        "WHERE NOT w.granted AND w.locktype NOT IN ('transactionid', 'tuple')\n"
        "AND $1::int4 = ANY (pg_catalog.pg_blocking_pids(w.pid))";

static char cancel_sql[] = "SELECT pg_catalog.pg_cancel_backend($1::int4) AS told";
static char terminate_sql[] = "SELECT pg_catalog.pg_terminate_backend($1::int4) AS told";

static const Field look_fields[] = {
        {.name = "waiting", .kind = VALUE_INT, .role = FIELD_HIDDEN, .help = "Who waits on the scan."},
        {.name = "waited",
         .kind = VALUE_FLOAT,
         .role = FIELD_HIDDEN,
         .unit = "seconds",
         .help = "The longest."},
};
static const Field told_fields[] = {
        {.name = "told", .kind = VALUE_BOOL, .role = FIELD_HIDDEN, .help = "The process was told."},
};
static const Shape look_shape = SHAPE("yield.look", look_fields);
static const Shape told_shape = SHAPE("yield.told", told_fields);

static const Statement look = {
        .name = "yield.look",
        .sql = look_sql,
        .place = STATEMENT_ALONE,
        .shape = &look_shape,
        .max_rows = 1,
};
static const Statement cancel = {
        .name = "yield.cancel",
        .sql = cancel_sql,
        .place = STATEMENT_ALONE,
        .shape = &told_shape,
        .max_rows = 1,
};
static const Statement terminate = {
        .name = "yield.terminate",
        .sql = terminate_sql,
        .place = STATEMENT_ALONE,
        .shape = &told_shape,
        .max_rows = 1,
};

static void yield_step(Target *target);

const Statement *const *engine_yield_statements(void) {
        static const Statement *const statements[] = {&look, &cancel, &terminate, NULL};

        return statements;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        yield_step(userdata);
        return 0;
}

int yield_init(Target *target, const PgOptions *options) {
        Yield *yield = &target->yield;
        PgOptions own = *options;
        int r;

        yield->application_name = str_format("%s yield", options->application_name);
        if (!yield->application_name)
                return -ENOMEM;
        own.application_name = yield->application_name;
        r = pg_connection_new(target->engine->event, target->engine->names, &own, &yield->connection);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(target->engine->event, &yield->timer, CLOCK_BOOTTIME, 0,
                                       TIMER_ACCURACY, on_timer, target);
        return r < 0 ? r : sd_event_source_set_enabled(yield->timer, SD_EVENT_OFF);
}

void yield_set_options(Target *target, const PgOptions *options) {
        PgOptions own = *options;

        own.application_name = target->yield.application_name;
        pg_connection_set_options(target->yield.connection, &own);
}

void yield_done(Target *target) {
        Yield *yield = &target->yield;

        pg_connection_free(yield->connection);
        sd_event_source_disable_unref(yield->timer);
        statement_done(&yield->statement);
        free(yield->application_name);
}

static void yield_rest(Yield *yield, usec_t wake) {
        if (wake == USEC_INFINITY) {
                (void)sd_event_source_set_enabled(yield->timer, SD_EVENT_OFF);
                return;
        }
        (void)sd_event_source_set_time_relative(yield->timer, usec_since(wake, clock_boottime()));
        (void)sd_event_source_set_enabled(yield->timer, SD_EVENT_ONESHOT);
}

/* The scan ends with its connection: the check hears of it, so that its next run leaves the rule to
 * its interval. The server is there and it is we who hang up: this is no step towards unreachable. */
static void scan_ends_here(Target *target) {
        Job *job = &target->jobs[target->current];
        Outcome outcome = {.kind = OUTCOME_ERROR, .sqlstate = "55P03"};
        CheckContext context = target_context(target);

        target->failures = 0;
        target->view.runs[target->current].failures[REASON_LOCKED]++;
        if (job->kind->take(job->state, &context, &outcome) < 0)
                log_oom();
}

static void hang_up(Target *target) {
        if (target->yield.plan.is_scanning)
                scan_ends_here(target);
        target_lost(target, CAUSE_LOST, "the session was ended, as its statement kept others waiting");
}

/* The scan goes on, bounded by statement_timeout. */
static void yield_fail(Target *target, const char *text) {
        Yield *yield = &target->yield;
        LogFields fields = {.target = target->view.name};

        if (!yield->is_noted)
                log_event(LOG_NOTICE, &fields, "nobody looks whether others wait on long counts: %s", text);
        yield->is_noted = true;
        pg_connection_close(yield->connection);
        yield_plan_failed(&yield->plan, clock_boottime());
        yield_step(target);
}

/* A name with several addresses may lead to another server, where the same pid is somebody else. */
static bool is_same_server(const Target *target) {
        const PgConnection *mine = target->yield.connection;

        return pg_connection_backend_pid(mine) != 0 &&
               str_equal(pg_connection_server_start(mine), pg_connection_server_start(target->connection));
}

static void on_connected(void *userdata, const PgFailure *failure) {
        Target *target = userdata;

        if (failure || !is_same_server(target)) {
                yield_fail(target, failure ? failure->text : "a second connection leads to another server");
                return;
        }
        target->yield.plan.stage = YIELD_OPEN;
        yield_step(target);
}

static void yield_connect(Target *target) {
        Yield *yield = &target->yield;

        yield->plan.stage = YIELD_CONNECTING;
        if (pg_connection_connect(yield->connection, on_connected, target) < 0)
                yield_fail(target, "a second connection cannot be begun");
}

/* Sends one of the two statements, about the process that scans. */
static void yield_send(Target *target, const Statement *statement, PgDone done) {
        Yield *yield = &target->yield;
        _cleanup_(freep) char *pid = str_format("%d", pg_connection_backend_pid(target->connection));

        statement_done(&yield->statement);
        yield->statement = *statement;
        yield->statement.sql = strdup(statement->sql);
        if (!pid || !yield->statement.sql || statement_add_parameter(&yield->statement, pid) < 0) {
                yield_fail(target, "out of memory");
                return;
        }
        if (pg_connection_run(yield->connection, &yield->statement, done, target) < 0)
                yield_fail(target, "a statement cannot be sent");
}

/* False: the second session is of no use. */
static bool yield_take(Target *target, const Outcome *outcome) {
        LogFields fields = {.target = target->view.name};

        target->view.own_statement_time += outcome->duration;
        if (outcome->kind == OUTCOME_ERROR)
                log_event(LOG_DEBUG, &fields, "%s: SQLSTATE %s: %s", target->yield.statement.name,
                          outcome->sqlstate, outcome->message ? outcome->message : "");
        return outcome->kind == OUTCOME_ROWS && outcome->table && outcome->table->n_rows == 1;
}

static void on_looked(void *userdata, Outcome *outcome) {
        Target *target = userdata;
        YieldPlan *plan = &target->yield.plan;
        double waited;

        if (!yield_take(target, outcome)) {
                yield_fail(target, outcome->kind == OUTCOME_LOST ? "the second connection was lost"
                                                                 : "looking failed");
                return;
        }
        target->yield.is_noted = false;
        waited = table_is_null(outcome->table, 0, "waited") ? 0
                                                            : table_get(outcome->table, 0, "waited")->number;
        yield_plan_looked(plan, table_int(outcome->table, 0, "waiting") > 0,
                          waited > 0 ? (usec_t)(waited * (double)USEC_PER_SEC) : 0, clock_boottime());
        yield_step(target);
}

static void yield_look(Target *target) {
        yield_plan_ask(&target->yield.plan);
        yield_send(target, &look, on_looked);
}

static void resume(Target *target) {
        if (target->stage == STAGE_HELD && !yield_holds(target))
                round_go_on(target);
}

/* A refusal is an answer as well: the next look sees whether it was heeded. */
static void on_cancelled(void *userdata, Outcome *outcome) {
        Target *target = userdata;

        (void)yield_take(target, outcome);
        if (outcome->kind == OUTCOME_LOST) {
                yield_fail(target, "the second connection was lost");
                return;
        }
        yield_plan_told(&target->yield.plan, clock_boottime());
        yield_step(target);
        resume(target);
}

static void yield_cancel(Target *target) {
        LogFields fields = {
                .target = target->view.name,
                .check = target->jobs[target->current].kind->name,
                .reason = reason_name(REASON_LOCKED),
        };

        log_event(LOG_INFO, &fields, "others wait on %s%s%s: it is stopped", target->statement.name,
                  target->statement.object ? ", " : "",
                  target->statement.object ? target->statement.object : "");
        yield_plan_tell(&target->yield.plan, false);
        yield_send(target, &cancel, on_cancelled);
}

static void on_terminated(void *userdata, Outcome *outcome) {
        Target *target = userdata;

        (void)yield_take(target, outcome);
        hang_up(target);
}

/* Not closed at once: where the server does not look after its client, before 14 or on a system
 * that cannot tell, it would go on for nobody. */
static void yield_terminate(Target *target) {
        yield_plan_tell(&target->yield.plan, true);
        yield_send(target, &terminate, on_terminated);
}

static void yield_leave(Target *target) {
        pg_connection_close(target->yield.connection);
        target->yield.plan.stage = YIELD_CLOSED;
        yield_step(target);
}

static void yield_step(Target *target) {
        static void (*const acts[N_YIELD_ACTS])(Target *) = {
                [YIELD_CONNECT] = yield_connect,     [YIELD_LOOK] = yield_look, [YIELD_CANCEL] = yield_cancel,
                [YIELD_TERMINATE] = yield_terminate, [YIELD_HANG_UP] = hang_up, [YIELD_LEAVE] = yield_leave,
        };
        usec_t wake;
        YieldAct act = yield_plan_act(&target->yield.plan, clock_boottime(), &wake);

        if (acts[act])
                acts[act](target);
        else
                yield_rest(&target->yield, wake);
}

void yield_begin(Target *target) {
        if (pg_connection_backend_pid(target->connection) == 0)
                return; /* behind a pooler */
        yield_plan_scan(&target->yield.plan, clock_boottime());
        yield_step(target);
}

static void on_released(void *userdata, Outcome *outcome) {
        Target *target = userdata;

        target->yield.is_releasing = false;
        if (outcome->kind == OUTCOME_LOST)
                target_lost(target, pg_lost_cause(outcome), "the connection was lost at a COMMIT");
        else
                resume(target);
}

/* The scan came to its end before its cancel did: its lock must not be held until that is answered.
 * A COMMIT that is struck is a rollback, which is as good. */
static void release(Target *target) {
        if (yield_holds(target) && pg_connection_in_transaction(target->connection))
                target->yield.is_releasing = pg_connection_commit(target->connection, on_released, target) >=
                                             0;
}

void yield_end(Target *target, Outcome *outcome) {
        YieldPlan *plan = &target->yield.plan;

        if (!plan->is_scanning)
                return;
        if (plan->is_doomed && outcome && outcome->kind == OUTCOME_LOST)
                scan_ends_here(target);
        yield_plan_end(plan, outcome, clock_boottime());
        target->view.own_blocking_time = plan->blocking;
        yield_rest(&target->yield, usec_add(plan->ended, YIELD_LINGER));
        if (outcome && outcome->kind != OUTCOME_LOST)
                release(target);
}

bool yield_holds(const Target *target) {
        return yield_plan_holds(&target->yield.plan) || target->yield.is_releasing;
}

void yield_stop(Target *target) {
        yield_end(target, NULL);
        pg_connection_close(target->yield.connection);
        yield_plan_reset(&target->yield.plan);
        target->yield.is_releasing = false;
        (void)sd_event_source_set_enabled(target->yield.timer, SD_EVENT_OFF);
}
