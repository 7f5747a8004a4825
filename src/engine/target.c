/* A target: its connection, its schedule and what a failed attempt means.
 *
 * One timer a target wakes it for the next due job, the next retry, the next result that grows
 * too old. Everything else comes from the connection's callbacks.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "apply.h"
#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log-ids.h"
#include "pgvigil/base/log.h"
#include "pgvigil/model/option.h"

#define TIMER_ACCURACY (5 * USEC_PER_MSEC)

/* While a target settles, the connection is looked at this often (or at its own interval, if
 * shorter): two good rounds in a row must not take two long intervals. */
#define SETTLE_INTERVAL (3 * USEC_PER_SEC)

static void target_wake(Target *target);

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        target_wake(userdata);
        return 0;
}

/* The check of constraints serves two intervals: its catalog and its counts. */
usec_t target_job_period(const CheckKind *kind, const TargetSettings *settings) {
        usec_t period = *(const usec_t *)((const char *)&settings->intervals + kind->interval);

        if (kind->also_interval > 0) {
                usec_t also = *(const usec_t *)((const char *)&settings->intervals + kind->also_interval);

                period = also < period ? also : period;
        }
        return period;
}

static int target_add_jobs(Target *target, usec_t delay) {
        const CheckKind *const *kinds = target->engine->options.kinds;
        size_t n = 0;
        usec_t due = clock_boottime() + delay;

        while (kinds[n])
                n++;

        target->jobs = calloc(n + 1, sizeof(*target->jobs));
        target->view.runs = calloc(n + 1, sizeof(*target->view.runs));
        if (!target->jobs || !target->view.runs)
                return -ENOMEM;

        for (; target->n_jobs < n; target->n_jobs++) {
                Job *job = &target->jobs[target->n_jobs];
                int r;

                job->kind = kinds[target->n_jobs];
                job->is_fresh = true;
                job->period = target_job_period(job->kind, &target->settings);
                r = job->kind->new (&target->settings, &job->state);
                if (r < 0)
                        return r;
                target->view.runs[target->n_jobs] = (CheckRun){.kind = job->kind, .next_due = due};
                target->view.n_runs = target->n_jobs + 1;
        }
        return 0;
}

/* $CREDENTIALS_DIRECTORY/NAME; without the directory the name stands alone and cannot be read,
 * which is the error that the operator must see. */
static char *credential_path(const TargetSettings *settings) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");

        return str_format("%s/%s", directory ? directory : "(no $CREDENTIALS_DIRECTORY)",
                          settings->conninfo_credential);
}

/* Borrowed from the target: to be told anew when its settings change. */
PgOptions target_connection_options(const Target *target) {
        const TargetSettings *settings = &target->settings;
        const char *name = target->engine->options.application_name;

        return (PgOptions){
                .conninfo = settings->conninfo,
                .credential_path = target->credential_path,
                .schemas = settings->schemas,
                .use_environment = target->engine->options.use_environment,
                .application_name = name ? name : "pgvigil",
                .connect_timeout = settings->limits.connect_timeout,
                .statement_timeout = settings->limits.statement_timeout,
                .lock_timeout = settings->limits.lock_timeout,
        };
}

static int target_add_connection(Target *target) {
        PgOptions options;
        int r;

        if (!str_is_empty(target->settings.conninfo_credential)) {
                target->credential_path = credential_path(&target->settings);
                if (!target->credential_path)
                        return -ENOMEM;
        }
        options = target_connection_options(target);
        r = pg_connection_new(target->engine->event, target->engine->names, &options, &target->connection);
        return r < 0 ? r : yield_init(target, &options);
}

void target_set_options(Target *target) {
        PgOptions options = target_connection_options(target);

        pg_connection_set_options(target->connection, &options);
        yield_set_options(target, &options);
}

/* Takes the settings out of *settings only when all went well: a reload that fails changes nothing. */
int target_new(Engine *engine, TargetSettings *settings, usec_t delay, Target **ret) {
        _cleanup_(target_freep) Target *target = calloc(1, sizeof(*target));
        int r;

        if (!target)
                return -ENOMEM;

        target->engine = engine;
        target->settings = *settings;
        *settings = (TargetSettings){};
        target->view.settings = &target->settings;
        target->view.name = strdup(target->settings.name);
        target->wake_at = clock_boottime();
        target->next_expiry = USEC_INFINITY;
        if (!target->view.name)
                return -ENOMEM;

        r = target_add_jobs(target, delay);
        if (r < 0)
                return r;
        r = target_add_connection(target);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(engine->event, &target->timer, CLOCK_BOOTTIME, delay, TIMER_ACCURACY,
                                       on_timer, target);
        if (r >= 0)
                r = app_init(target, delay);
        if (r < 0)
                return r;
        target_set_fingerprint(target);

        *ret = TAKE(target);
        return 0;
}

static void job_done(Job *job) {
        if (job->kind)
                job->kind->free(job->state);
        for (size_t i = 0; i < job->n_tables; i++)
                table_free(job->tables[i]);
        free(job->tables);
        report_done(&job->report);
}

Target *target_free(Target *target) {
        if (!target)
                return NULL;

        round_cancel(target);
        pg_connection_free(target->connection);
        yield_done(target);
        watch_done(&target->watch);
        app_done(target);
        rehearsal_done(&target->rehearsal);
        sd_event_source_disable_unref(target->timer);
        for (size_t i = 0; i < target->view.n_findings; i++)
                finding_done(&target->view.findings[i]);
        free(target->view.findings);
        free(target->view.tables);
        for (size_t i = 0; i < target->n_jobs; i++)
                job_done(&target->jobs[i]);
        free(target->jobs);
        free(target->view.runs);
        server_facts_free(target->view.server);
        migration_facts_free(target->migrations);
        free(target->credential_path);
        free(target->view.name);
        options_done(&target_options, &target->settings);
        free(target);
        return NULL;
}

static usec_t target_next_due(const Target *target) {
        usec_t next = USEC_INFINITY;

        for (size_t i = 0; i < target->view.n_runs; i++)
                if (!target->view.runs[i].kind->ask && target->view.runs[i].next_due < next)
                        next = target->view.runs[i].next_due;

        if (target->view.settle.is_settling && target->view.n_runs > 0 && target->view.heartbeat > 0) {
                usec_t soon = target->view.heartbeat + SETTLE_INTERVAL;

                next = soon < next ? soon : next;
        }
        return !pg_connection_is_ready(target->connection) && next < target->retry_at ? target->retry_at
                                                                                      : next;
}

/* Sets the timer. While a round runs its own deadlines are the connection's; what must happen by
 * `wake_at` is then the whole of a statement, so that a scheduler that stands still is seen. */
void target_arm(Target *target) {
        usec_t now = clock_boottime(), next = target->next_expiry;

        if (target->is_done || target->engine->is_stopped)
                return;

        if (target->stage == STAGE_IDLE) {
                usec_t due = target_next_due(target);

                next = due < next ? due : next;
                target->wake_at = next;
        } else {
                const Limits *limits = &target->settings.limits;

                if (target->stage == STAGE_GATHER && target->gather_deadline < next)
                        next = target->gather_deadline;

                target->wake_at = now + limits->connect_timeout + limits->statement_timeout +
                                  10 * USEC_PER_SEC;
        }
        if (next == USEC_INFINITY)
                return;

        (void)sd_event_source_set_time_relative(target->timer, usec_since(next, now));
        (void)sd_event_source_set_enabled(target->timer, SD_EVENT_ONESHOT);
}

static void on_connected(void *userdata, const PgFailure *failure) {
        Target *target = userdata;

        target->stage = STAGE_IDLE;
        if (failure) {
                target_lost(target, failure->cause, failure->text);
                return;
        }

        target->view.heartbeat = clock_boottime();
        target_set_fingerprint(target);
        round_begin(target, target->view.heartbeat);
}

static void target_connect(Target *target) {
        int r;

        target->stage = STAGE_CONNECT;
        r = pg_connection_connect(target->connection, on_connected, target);
        if (r < 0) {
                target->stage = STAGE_IDLE;
                target_lost(target, CAUSE_CONFIG, "the connection cannot be begun");
        }
}

static void target_wake(Target *target) {
        usec_t now = clock_boottime(), realtime = clock_realtime();

        if (apply_age(target, now, realtime))
                engine_changed(target->engine);
        if (target->view.rounds > 0)
                apply_code(target, now, realtime);

        if (target->stage == STAGE_GATHER && target->gather_deadline <= now) {
                round_gather_late(target);
        } else if (target->stage == STAGE_IDLE && target_next_due(target) <= now) {
                if (pg_connection_is_ready(target->connection))
                        round_begin(target, now);
                else
                        target_connect(target);
        }
        target_arm(target);
}

/* One attempt is enough where trying again cannot help, or where nothing fresh is known. */
static bool failure_is_final(const Target *target, Cause cause, usec_t now) {
        usec_t restored = target->view.restored.heartbeat,
               heartbeat = target->view.heartbeat > restored ? target->view.heartbeat : restored;
        bool is_fresh = heartbeat > 0 && now - heartbeat <= target_max_age(&target->settings);

        if (target->engine->options.once || target->failures >= 2)
                return true;
        if (cause == CAUSE_AUTH || cause == CAUSE_DATABASE)
                return true;
        /* Exhausted slots are tried again only after 30 s: the first refusal must count. */
        return (cause == CAUSE_REFUSED || cause == CAUSE_SLOTS) && !is_fresh;
}

static void target_set_reach(Target *target, Reach reach, Cause cause, const char *text) {
        LogFields fields = {
                .message_id = LOG_ID_TARGET_UNREACHABLE,
                .target = target->view.name,
                .check = "connection",
                .reason = cause_name(cause),
        };

        if (target->view.reach == reach && target->view.cause == cause)
                return;

        target->view.reach = reach;
        target->view.cause = cause;
        target->view.reach_since = clock_realtime();
        log_event(reach == REACH_FAILING ? LOG_NOTICE : LOG_WARNING, &fields, "%s: %s (%s)",
                  reach == REACH_FAILING ? "an attempt failed" : "cannot be reached", text,
                  cause_name(cause));
}

/* An attempt failed: to connect, or a connection that was there. Half a round is thrown away. */
void target_lost(Target *target, Cause cause, const char *text) {
        usec_t now = clock_boottime();

        round_cancel(target);
        pg_connection_close(target->connection);
        yield_stop(target);
        target->stage = STAGE_IDLE;
        target->failures++;
        target->view.rounds++;
        target->view.is_new = false;
        target->retry_at = now + pg_backoff(cause, target->failures, target->settings.limits.reconnect_max,
                                            engine_random(target->engine));

        if (cause == CAUSE_CONFIG)
                target_set_reach(target, REACH_CONFIG, cause, text);
        else if (failure_is_final(target, cause, now))
                target_set_reach(target, REACH_UNREACHABLE, cause, text);
        else
                target_set_reach(target, REACH_FAILING, cause, text);

        apply_failure(target, text, now, clock_realtime());
        target->is_done = target->engine->options.once;
        target_arm(target);
        engine_changed(target->engine);
        if (target->is_done)
                engine_target_done(target->engine);
}

void target_stop(Target *target) {
        round_cancel(target);
        pg_connection_close(target->connection);
        yield_stop(target);
        target->stage = STAGE_IDLE;
        (void)sd_event_source_set_enabled(target->timer, SD_EVENT_OFF);
}
