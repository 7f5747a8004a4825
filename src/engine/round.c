/* A round: the jobs of a target that are due together, one after the other on its connection.
 *
 * round_step() is the only place that moves a round on; the callbacks of connection and worker
 * set the stage and call it. It judges nothing itself and touches the view only at the end.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "apply.h"
#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log-ids.h"
#include "pgvigil/base/log.h"
#include "pgvigil/model/option.h"

/* Reading a directory of migrations: longer than this and the disk is the problem. */
#define GATHER_TIMEOUT (10 * USEC_PER_SEC)

/* The part of a gather that crosses to the worker's thread. */
typedef struct Gather {
        const CheckKind *kind;
        TargetSettings settings; /* own copy: the target may be gone before the thread is done */
        Target *target;          /* on the loop only */
        void *result;
        int error;
} Gather;

static void round_step(Target *target);

static Job *current_job(Target *target) {
        return &target->jobs[target->current];
}

static CheckRun *current_run(Target *target) {
        return &target->view.runs[target->current];
}

/* What the observer (check --explain, the statement's clock) sees of each statement. */
static void observe(Target *target, const Outcome *outcome) {
        const EngineObserver *observer = &target->engine->options.observer;

        if (outcome)
                target->view.own_statement_time += outcome->duration;
        if (observer->statement)
                observer->statement(observer->userdata, &target->view, current_job(target)->kind,
                                    &target->statement, outcome);
}

/* The job has no report this time: what it knew stays and grows old. */
static void job_fail(Target *target, Reason reason) {
        Job *job = current_job(target);

        job->failed = reason;
        report_done(&job->report);
        job->report = (Report){};
        current_run(target)->failures[reason]++;
}

static void job_check(Target *target, int r) {
        LogFields fields = {.target = target->view.name, .check = current_job(target)->kind->name};

        if (r >= 0)
                return;
        log_event(LOG_ERR, &fields, "the check could not go on: %s", strerror(-r));
        job_fail(target, REASON_ERROR);
}

static void on_statement(void *userdata, Outcome *outcome) {
        Target *target = userdata;
        Job *job = current_job(target);
        CheckContext context;

        yield_end(target, outcome);
        if (outcome->kind == OUTCOME_LOST) {
                Cause cause = pg_lost_cause(outcome);

                observe(target, outcome);
                current_run(target)->failures[cause == CAUSE_TIMEOUT ? REASON_TIMEOUT : REASON_UNREACHABLE]++;
                target_lost(target, cause, "the connection was lost during a statement");
                return;
        }

        target->view.heartbeat = clock_boottime();
        target->round_blocks += target->statement.blocks;
        target->view.own_blocks += (uint64_t)target->statement.blocks;
        current_run(target)->blocks += (uint64_t)target->statement.blocks;
        observe(target, outcome);
        if (outcome->kind == OUTCOME_ERROR) {
                LogFields fields = {.target = target->view.name, .check = job->kind->name};

                log_event(LOG_DEBUG, &fields, "%s: SQLSTATE %s: %s", target->statement.name,
                          outcome->sqlstate, outcome->message ? outcome->message : "");
        }

        context = target_context(target);
        target->stage = yield_holds(target) ? STAGE_HELD : STAGE_ASK;
        job_check(target, job->kind->take(job->state, &context, outcome));
        round_step(target);
}

void round_go_on(Target *target) {
        target->stage = STAGE_ASK;
        round_step(target);
}

static void on_committed(void *userdata, Outcome *outcome) {
        Target *target = userdata;

        if (outcome->kind == OUTCOME_LOST) {
                target_lost(target, pg_lost_cause(outcome), "the connection was lost at a COMMIT");
                return;
        }
        target->view.heartbeat = clock_boottime();
        target->stage = STAGE_JUDGE;
        round_step(target);
}

/* A statement that --explain does not run: the check is told that nothing was counted. */
static void pretend(Target *target, const CheckContext *context) {
        Job *job = current_job(target);
        Outcome outcome = {.kind = OUTCOME_ROWS};

        observe(target, NULL);
        job_check(target, job->kind->take(job->state, context, &outcome));
}

/* Asks the check what next. True when the loop must wait for the answer. */
static bool job_ask(Target *target) {
        Job *job = current_job(target);
        CheckContext context = target_context(target);
        int r = 0;

        statement_done(&target->statement);
        target->statement = (Statement){};
        if (job->failed == REASON_OK)
                r = job->kind->next(job->state, &context, &target->statement);
        job_check(target, r);

        if (r > 0 && context.explain && target->statement.reads_rows) {
                pretend(target, &context);
                return false;
        }
        if (r > 0) {
                target->stage = STAGE_RUN;
                r = pg_connection_run(target->connection, &target->statement, on_statement, target);
                if (r >= 0) {
                        if (target->statement.reads_rows)
                                yield_begin(target);
                        return true;
                }
                job_check(target, r);
        }

        target->stage = STAGE_JUDGE;
        if (!pg_connection_in_transaction(target->connection))
                return false;

        target->stage = STAGE_COMMIT;
        if (pg_connection_commit(target->connection, on_committed, target) >= 0)
                return true;
        target->stage = STAGE_JUDGE;
        return false;
}

static bool is_other_system(const ServerFacts *a, const ServerFacts *b) {
        return a->system_identifier && b->system_identifier &&
               !str_equal(a->system_identifier, b->system_identifier);
}

/* What was learnt of the server before is not true of this one: every other check begins anew, in
 * this very round. */
static void jobs_restart(Target *target) {
        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];
                void *state = NULL;

                if (i == target->current || job->kind->ask)
                        continue;
                if (job->kind->new (&target->settings, &state) < 0) {
                        log_oom();
                        continue;
                }
                job->kind->free(job->state);
                job->state = state;
                job->in_round = true;
                target->view.runs[i].next_due = target->round_began;
        }
        target->migrations = migration_facts_free(target->migrations);
}

static void tell_other_system(const Target *target, const ServerFacts *old, const ServerFacts *server) {
        LogFields fields = {.target = target->view.name};

        log_event(LOG_NOTICE, &fields,
                  "another server answers: system %s, version %d; before it was system %s, version %d",
                  server->system_identifier, server->version_num, old->system_identifier, old->version_num);
}

static void take_server(Target *target, ServerFacts *server) {
        ServerFacts *old = target->view.server;

        target->view.server = server;
        if (old && is_other_system(old, server)) {
                target->system_changed = target->identity_changed = true;
                tell_other_system(target, old, server);
        }
        if (old && old->in_recovery != server->in_recovery)
                target->identity_changed = true;
        if (target->identity_changed)
                jobs_restart(target);
        server_facts_free(old);
}

/* Facts that later jobs of the same round rest on take effect at once; findings wait. */
static void job_take_facts(Target *target, Report *report) {
        /* A history that cannot be read now does not unmake what was known of it; what runs is of now. */
        if (report->migrations && (report->migrations->known || !target->migrations)) {
                migration_facts_free(target->migrations);
                target->migrations = TAKE(report->migrations);
        } else if (report->migrations) {
                SWAP(target->migrations->run, report->migrations->run);
        }
        if (report->server)
                take_server(target, TAKE(report->server));
}

/* What could not be checked is a failure of this run, once a reason; a run that saw nothing at all is
 * no success. */
void run_count(CheckRun *run, const Report *report, usec_t realtime) {
        bool is_counted[N_REASONS] = {}, is_blind = report->n_findings > 0;

        for (size_t i = 0; i < report->n_findings; i++) {
                const Finding *finding = &report->findings[i];

                is_blind &= finding->seen == SEEN_UNKNOWN;
                if (finding->seen != SEEN_UNKNOWN || is_counted[finding->reason])
                        continue;
                is_counted[finding->reason] = true;
                run->failures[finding->reason]++;
        }
        if (!is_blind)
                run->last_success_at = realtime;
}

static void job_judge(Target *target) {
        Job *job = current_job(target);
        CheckRun *run = current_run(target);
        CheckContext context = target_context(target);

        if (job->failed == REASON_OK)
                job_check(target, job->kind->judge(job->state, &context, &job->report));
        if (job->failed == REASON_OK) {
                job->has_report = true;
                job->wants_blocks = job->report.wants_blocks;
                job->walk_blocks = job->report.walk_blocks;
                job->again_in = job->report.again_in;
                run_count(run, &job->report, context.realtime);
                job_take_facts(target, &job->report);
        }
        run->runs++;
        histogram_add(&run->durations, usec_since(context.boottime, target->job_began));
        job->in_round = false;
        target->stage = STAGE_PICK;
}

static void gather_run(void *data) {
        Gather *gather = data;

        gather->error = gather->kind->gather(&gather->settings, &gather->result);
}

static void gather_free(void *data) {
        Gather *gather = data;

        if (gather->result)
                gather->kind->free_gathered(gather->result);
        options_done(&target_options, &gather->settings);
        free(gather);
}

static void job_begin(Target *target, void *gathered) {
        Job *job = current_job(target);
        CheckContext context = target_context(target);

        target->stage = STAGE_ASK;
        job_check(target, job->kind->begin(job->state, &context, gathered));
}

static void gather_complete(void *data) {
        Gather *gather = data;
        Target *target = gather->target;

        target->gather = NULL;
        if (gather->error < 0) {
                target->stage = STAGE_ASK;
                job_check(target, gather->error);
        } else {
                job_begin(target, TAKE(gather->result));
        }
        round_step(target);
}

void round_gather_late(Target *target) {
        if (target->gather)
                worker_abandon(TAKE(target->gather));
        job_fail(target, REASON_TIMEOUT);
        target->stage = STAGE_ASK;
        round_step(target);
}

static int job_gather(Target *target) {
        Gather *gather = calloc(1, sizeof(*gather));
        int r;

        if (!gather)
                return -ENOMEM;

        gather->kind = current_job(target)->kind;
        gather->target = target;
        r = options_copy(&target_options, &target->settings, &gather->settings);
        if (r >= 0)
                r = worker_submit(target->engine->files, gather_run, gather_complete, gather_free, gather,
                                  &target->gather);
        if (r < 0)
                gather_free(gather);
        return r;
}

/* Starts the next job of the round. False: there is none. */
static bool job_pick(Target *target) {
        while (target->current < target->n_jobs && !target->jobs[target->current].in_round)
                target->current++;
        if (target->current >= target->n_jobs)
                return false;

        target->job_began = clock_boottime();
        target->view.doing = current_job(target)->kind->asks_nothing ? NULL : current_job(target)->kind->name;
        if (current_job(target)->kind->gather) {
                int r = job_gather(target);

                target->stage = r < 0 ? STAGE_ASK : STAGE_GATHER;
                target->gather_deadline = target->job_began + GATHER_TIMEOUT;
                job_check(target, r);
        } else {
                job_begin(target, NULL);
        }
        return true;
}

/* When a job that ran is due again: its own cadence, whole periods that were missed counted. */
static void job_schedule(Target *target, size_t i, usec_t now) {
        Job *job = &target->jobs[i];
        CheckRun *run = &target->view.runs[i];

        job->ran_at = target->round_began;
        if (job->is_fresh) {
                /* The first time was together; from here on the jobs are spread. */
                job->is_fresh = false;
                run->next_due = now + job->period / 2 + engine_random(target->engine) % (job->period / 2 + 1);
        } else if (run->next_due <= now) { /* else it ran ahead of its time, while settling */
                run->skipped += (now - run->next_due) / job->period;
                run->next_due += ((now - run->next_due) / job->period + 1) * job->period;
        }
        if (job->again_in > 0 && run->next_due > now + job->again_in)
                run->next_due = now + job->again_in;
}

static void round_schedule(Target *target, usec_t now) {
        for (size_t i = 0; i < target->n_jobs; i++) {
                const Job *job = &target->jobs[i];

                if (!job->has_report && job->failed == REASON_OK)
                        continue;
                if (target->changed_at > target->round_began)
                        continue; /* of other settings: due at once under these */
                job_schedule(target, i, now);
        }
}

static void round_reached(Target *target) {
        LogFields fields = {.message_id = LOG_ID_TARGET_REACHABLE, .target = target->view.name};

        if (!target->engine->options.once)
                log_event(LOG_NOTICE, &fields, "reached: a whole round was finished");
        target->view.reach = REACH_OK;
        target->view.cause = CAUSE_NONE;
        target->view.reach_since = clock_realtime();
}

static void round_end(Target *target) {
        usec_t now = clock_boottime();

        target->stage = STAGE_IDLE;
        target->view.doing = NULL;
        target->view.rounds++;
        target->view.is_new = false;
        target->failures = 0;
        target->retry_at = 0;
        round_schedule(target, now);
        if (target->view.reach != REACH_OK)
                round_reached(target);
        health_end_restored(&target->view, now);
        apply_round(target, now, clock_realtime());
        target->is_done = target->engine->options.once;
        target_arm(target);
        engine_changed(target->engine);
        if (target->is_done)
                engine_target_done(target->engine);
}

static void round_step(Target *target) {
        for (;;) {
                switch (target->stage) {
                case STAGE_PICK:
                        if (!job_pick(target)) {
                                round_end(target);
                                return;
                        }
                        break;
                case STAGE_ASK:
                        if (job_ask(target)) {
                                target_arm(target);
                                return;
                        }
                        break;
                case STAGE_JUDGE:
                        job_judge(target);
                        break;
                default: /* waiting: a callback goes on */
                        target_arm(target);
                        return;
                }
        }
}

void round_begin(Target *target, usec_t boottime) {
        target->round_began = boottime;
        target->round_blocks = 0;
        target->current = 0;
        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];

                /* The connection's own job opens every round: later ones rest on its facts. */
                job->in_round = i == 0 || (!job->kind->ask && target->view.runs[i].next_due <= boottime);
                job->has_report = false;
                job->failed = REASON_OK;
        }
        target->stage = STAGE_PICK;
        round_step(target);
}

void round_cancel(Target *target) {
        if (target->gather)
                worker_abandon(TAKE(target->gather));
        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];

                job->in_round = false;
                job->has_report = false;
                job->failed = REASON_OK;
                report_done(&job->report);
                job->report = (Report){};
        }
        statement_done(&target->statement);
        target->statement = (Statement){};
        target->view.doing = NULL;
}
