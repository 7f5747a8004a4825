/* App: asks a target's application, one probe at a time, whether its database answers or not.
 *
 *   on_timer ─▶ ask ─▶ (the probe) ─▶ on_done ─▶ hear, judge ─▶ apply_beside
 *      │         └──── nothing to ask, or it cannot be asked ───▲
 *      └ still under way: skipped, and lost for the phase
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "app.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "apply.h"
#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log.h"

#define TIMER_ACCURACY (5 * USEC_PER_MSEC)

/* Too many names are being looked up: one of these is over soon. */
#define RETRY_INTERVAL (100 * USEC_PER_MSEC)

/* Index of the job that is asked beside the rounds; n_jobs: there is none. */
static size_t app_index(const Target *target) {
        size_t i = 0;

        while (i < target->n_jobs && !target->jobs[i].kind->ask)
                i++;
        return i;
}

static void app_arm(Target *target) {
        usec_t due = target->view.runs[app_index(target)].next_due;

        if (due == USEC_INFINITY || target->engine->is_stopped)
                return;
        (void)sd_event_source_set_time_relative(target->app.timer, usec_since(due, clock_boottime()));
        (void)sd_event_source_set_enabled(target->app.timer, SD_EVENT_ONESHOT);
}

/* Its own cadence; whole periods that were missed are lost. */
static void app_schedule(Target *target, usec_t now) {
        Job *job = &target->jobs[app_index(target)];
        CheckRun *run = &target->view.runs[app_index(target)];
        usec_t missed = usec_since(now, run->next_due) / job->period;

        if (str_is_empty(target->settings.app.url) || target->engine->options.once) {
                run->next_due = USEC_INFINITY;
        } else if (job->is_fresh) {
                run->next_due = now + job->period / 2 + engine_random(target->engine) % (job->period / 2 + 1);
        } else {
                run->skipped += missed;
                target->app.tally.lost += missed;
                run->next_due += (missed + 1) * job->period;
        }
        job->is_fresh = false;
}

static void app_fail(const Target *target, const Job *job, int error) {
        LogFields fields = {.target = target->view.name, .check = job->kind->name};

        log_event(LOG_ERR, &fields, "the check could not go on: %s", strerror(-error));
}

static void app_publish(Target *target) {
        usec_t now = clock_boottime();

        apply_beside(target, now, clock_realtime());
        if (target->stage == STAGE_IDLE) /* else wake_at is that of the round */
                target_arm(target);
        engine_changed(target->engine);
        if (target->engine->options.once)
                engine_target_done(target->engine);
}

static void app_judge(Target *target) {
        Job *job = &target->jobs[app_index(target)];
        CheckRun *run = &target->view.runs[app_index(target)];
        CheckContext context = target_context(target);
        int r = job->kind->judge(job->state, &context, &job->report);

        run->runs++;
        if (r >= 0) {
                run_count(run, &job->report, context.realtime);
                job->has_report = true;
        } else {
                app_fail(target, job, r);
                run->failures[REASON_ERROR]++;
                report_done(&job->report);
                job->report = (Report){};
        }
        app_publish(target);
}

/* What its probe says to the tally and to the history. */
void app_note(Target *target, const ProbeResult *result, usec_t boottime, usec_t realtime) {
        AppTally *tally = &target->app.tally;
        usec_t outage = app_tally_outage(tally, boottime); /* one that it ends, too */

        app_tally_add(tally, result, target->app.began, boottime);
        if (outage == 0)
                outage = app_tally_outage(tally, boottime);
        if (result->end != PROBE_ERROR)
                watch_sample_app(target, result->end == PROBE_OK, result->duration, outage, realtime);
}

static void app_hear(Target *target, const ProbeResult *result) {
        const Job *job = &target->jobs[app_index(target)];
        CheckContext context = target_context(target);
        int r = job->kind->hear(job->state, &context, result);

        if (r < 0)
                app_fail(target, job, r);
        histogram_add(&target->view.runs[app_index(target)].durations, result->duration);
        app_note(target, result, context.boottime, context.realtime);
        app_judge(target);
}

static void on_done(void *userdata, const ProbeResult *result) {
        Target *target = userdata;

        target->app.probe = NULL;
        app_hear(target, result);
}

static int app_send(Target *target, const ProbeRequest *request) {
        Engine *engine = target->engine;
        int r = engine->probes ? 0 : probe_client_new(engine->event, &engine->probes);

        return r < 0 ? r : probe_start(engine->probes, request, on_done, target, &target->app.probe);
}

static void app_ask(Target *target) {
        const Job *job = &target->jobs[app_index(target)];
        CheckContext context = target_context(target);
        ProbeRequest request = {};
        int r = job->kind->ask(job->state, &context, &request);
        bool is_asking = r > 0;

        target->app.began = context.boottime;
        if (is_asking)
                r = app_send(target, &request);
        if (r == -EAGAIN)
                target->view.runs[app_index(target)].next_due = context.boottime + RETRY_INTERVAL;
        else if (r == -EBUSY) /* its name is still not resolved */
                app_hear(target, &(ProbeResult){.end = PROBE_TIMEOUT, .step = PROBE_AT_NAME});
        else if (r < 0)
                app_hear(target, &(ProbeResult){.end = PROBE_ERROR, .error = -r});
        else if (!is_asking)
                app_judge(target);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Target *target = userdata;
        CheckRun *run = &target->view.runs[app_index(target)];

        app_schedule(target, clock_boottime());
        if (target->app.probe) {
                run->skipped++;
                target->app.tally.lost++;
        } else {
                app_ask(target);
        }
        app_arm(target);
        return 0;
}

int app_init(Target *target, usec_t delay) {
        int r;

        if (app_index(target) == target->n_jobs || target->engine->options.explain)
                return 0;
        r = sd_event_add_time_relative(target->engine->event, &target->app.timer, CLOCK_BOOTTIME, delay,
                                       TIMER_ACCURACY, on_timer, target);
        return r < 0 ? r : 0;
}

void app_stop(Target *target) {
        probe_cancel(TAKE(target->app.probe));
        if (target->app.timer)
                (void)sd_event_source_set_enabled(target->app.timer, SD_EVENT_OFF);
}

void app_done(Target *target) {
        probe_cancel(TAKE(target->app.probe));
        target->app.timer = sd_event_source_disable_unref(target->app.timer);
}

bool app_is_pending(const Target *target) {
        return target->app.timer && target->engine->options.once &&
               target->view.runs[app_index(target)].runs == 0;
}

bool app_is_changed(const AppSettings *old, const AppSettings *settings) {
        return !str_equal(old->url, settings->url) || old->expect_status != settings->expect_status ||
               !str_equal(old->expect_body, settings->expect_body) || old->timeout != settings->timeout;
}

void app_changed(Target *target, bool is_other_url, bool is_changed) {
        if (!target->app.timer)
                return;
        if (is_changed)
                probe_cancel(TAKE(target->app.probe));
        if (is_other_url)
                target->app.tally = (AppTally){};
        if (target->app.probe) /* it is what is due now */
                app_schedule(target, clock_boottime());
        app_arm(target);
}

void app_phase_reset(Target *target, usec_t boottime) {
        app_tally_reset(&target->app.tally, boottime);
}

PhaseApp app_phase(const Target *target, usec_t boottime) {
        return app_tally_phase(&target->app.tally, boottime);
}
