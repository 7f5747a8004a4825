/* The engine: targets, workers and the View.
 *
 * Settings come in, targets are made, kept or ended; what a single target does is in target.c
 * (connection and schedule), round.c (jobs) and apply.c (results).
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/engine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "apply.h"
#include "change.h"
#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log.h"
#include "pgvigil/checks.h"

/* New connections are begun at most this often, so that a restart of many targets is no storm. */
#define CONNECT_SPACING (20 * USEC_PER_MSEC)

static const CheckKind *const all_kinds[] = {
#define CHECK(name) &name##_check,
#include "pgvigil/checks.def"
#undef CHECK
        NULL,
};

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        worker_dispatch(userdata);
        return 0;
}

static int engine_add_worker(Engine *engine, const char *name, Worker **ret_worker,
                             sd_event_source **ret_source) {
        int r = worker_new(name, ret_worker);

        if (r < 0)
                return r;
        return sd_event_add_io(engine->event, ret_source, worker_fd(*ret_worker), EPOLLIN, on_worker,
                               *ret_worker);
}

int engine_new(sd_event *event, const EngineOptions *options, Engine **ret) {
        _cleanup_(engine_freep) Engine *engine = calloc(1, sizeof(*engine));
        int r;

        if (!engine)
                return -ENOMEM;

        engine->event = sd_event_ref(event);
        engine->options = *options;
        if (!engine->options.kinds)
                engine->options.kinds = all_kinds;
        engine->view.started_at = clock_realtime();
        engine->view.reload_ok = true;
        engine->view.reloaded_at = engine->view.started_at;
        /* Jitter needs no quality; without entropy yet the clock will do. */
        if (getrandom(&engine->random, sizeof(engine->random), GRND_NONBLOCK) < 0)
                engine->random = clock_boottime();

        r = engine_add_worker(engine, "pgvigil-names", &engine->names, &engine->names_source);
        if (r < 0)
                return r;
        r = engine_add_worker(engine, "pgvigil-files", &engine->files, &engine->files_source);
        if (r < 0)
                return r;

        *ret = TAKE(engine);
        return 0;
}

static void targets_free(Target **targets, size_t n) {
        for (size_t i = 0; i < n; i++)
                target_free(targets[i]);
        free(targets);
}

Engine *engine_free(Engine *engine) {
        if (!engine)
                return NULL;

        targets_free(engine->targets, engine->n_targets);
        free(engine->view.targets);
        sd_event_source_disable_unref(engine->names_source);
        sd_event_source_disable_unref(engine->files_source);
        probe_client_free(engine->probes);
        worker_free(engine->names);
        worker_free(engine->files);
        sd_event_unref(engine->event);
        free(engine);
        return NULL;
}

/* splitmix64: jitter only, nothing rests on it. */
uint64_t engine_random(Engine *engine) {
        uint64_t z = (engine->random += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

void engine_changed(Engine *engine) {
        engine->view.applied_boottime = clock_boottime();
        if (engine->options.observer.changed)
                engine->options.observer.changed(engine->options.observer.userdata);
}

void engine_target_done(Engine *engine) {
        for (size_t i = 0; i < engine->n_targets; i++)
                if (!engine->targets[i]->is_done || app_is_pending(engine->targets[i]))
                        return;
        if (engine->options.observer.finished)
                engine->options.observer.finished(engine->options.observer.userdata);
}

/* What becomes of one target of the new settings: a new one, or one that runs and is kept, changed
 * where that is wanted. */
typedef struct Plan {
        Target *fresh;
        Change change;
} Plan;

static Target **find_named(Engine *engine, const char *name) {
        for (size_t i = 0; i < engine->n_targets; i++)
                if (engine->targets[i] && str_equal(engine->targets[i]->settings.name, name))
                        return &engine->targets[i];
        return NULL;
}

static void plans_free(Engine *engine, Plan *plans, const Settings *settings) {
        for (size_t i = 0; i < settings->targets.count; i++) {
                TargetSettings *one = LIST_AT(settings->targets, TargetSettings, i);
                Target **old = plans[i].change.states ? find_named(engine, one->name) : NULL;

                target_free(plans[i].fresh);
                if (old)
                        change_done(*old, &plans[i].change);
        }
        free(plans);
}

/* All that may fail; nothing that runs is touched. */
static int engine_prepare(Engine *engine, Settings *settings, Plan **ret) {
        size_t n = settings->targets.count, fresh = 0;
        Plan *plans = calloc(n + 1, sizeof(*plans));
        int r = 0;

        if (!plans)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                TargetSettings *one = LIST_AT(settings->targets, TargetSettings, i);
                Target **old = find_named(engine, one->name);

                if (!old || !target_is_at(*old, one))
                        r = target_new(engine, one, fresh++ * CONNECT_SPACING, &plans[i].fresh);
                else if (!target_settings_equal(&(*old)->settings, one))
                        r = change_prepare(*old, one, &plans[i].change);
        }
        if (r < 0) {
                plans_free(engine, plans, settings);
                return r;
        }
        *ret = plans;
        return 0;
}

/* The target that the plan is about, taken out of the running ones where it is one of them. */
static Target *plan_carry_out(Engine *engine, Plan *plan, TargetSettings *settings) {
        Target **old = find_named(engine, plan->fresh ? plan->fresh->settings.name : settings->name);

        if (plan->fresh) {
                plan->fresh->view.is_new = engine->n_targets > 0;
                if (old) { /* the name is the same: so is the URL, whose code is told of */
                        plan->fresh->last_health = (*old)->last_health;
                        rehearse_move(*old, plan->fresh);
                }
                return TAKE(plan->fresh);
        }
        assert(old);
        if (plan->change.is_wanted)
                target_change(*old, settings, &plan->change);
        change_done(*old, &plan->change);
        return TAKE(*old);
}

int engine_configure(Engine *engine, Settings *settings) {
        size_t n = settings->targets.count;
        TargetView **views = calloc(n + 1, sizeof(*views));
        Target **targets = calloc(n + 1, sizeof(*targets));
        Plan *plans;
        int r = views && targets ? engine_prepare(engine, settings, &plans) : -ENOMEM;

        if (r < 0) {
                free(views);
                free(targets);
                return r;
        }

        for (size_t i = 0; i < n; i++) {
                targets[i] = plan_carry_out(engine, &plans[i], LIST_AT(settings->targets, TargetSettings, i));
                views[i] = &targets[i]->view;
        }

        free(plans);
        targets_free(engine->targets, engine->n_targets);
        free(engine->view.targets);
        engine->targets = targets;
        engine->n_targets = n;
        engine->view.targets = views;
        engine->view.n_targets = n;
        for (size_t i = 0; i < n; i++)
                if (targets[i]->last_health.code != 0)
                        apply_code(targets[i], clock_boottime(), clock_realtime());
        engine_changed(engine);
        return 0;
}

void engine_set_history(Engine *engine, History *history) {
        engine->history = history;
}

static int phase_by_hand(Engine *engine, const char *name, bool is_start) {
        Target **target = find_named(engine, name);
        int r;

        if (!target)
                return -ENOENT;
        r = watch_by_hand(*target, is_start, clock_realtime());
        if (r > 0)
                engine_changed(engine);
        return r;
}

int engine_phase_start(Engine *engine, const char *target) {
        return phase_by_hand(engine, target, true);
}

int engine_phase_stop(Engine *engine, const char *target) {
        return phase_by_hand(engine, target, false);
}

void engine_tick(Engine *engine, usec_t boottime, usec_t realtime) {
        for (size_t i = 0; !engine->is_stopped && i < engine->n_targets; i++)
                rehearse_tick(engine->targets[i], boottime, realtime);
}

/* The last answers, before all of them are that we stop. */
static void rehearse_end(Engine *engine) {
        for (size_t i = 0; i < engine->n_targets; i++) {
                rehearse_look(engine->targets[i], clock_boottime(), clock_realtime());
                rehearse_keep(engine->targets[i], clock_realtime());
        }
}

void engine_stop(Engine *engine) {
        rehearse_end(engine);
        engine->is_stopped = true;
        engine->view.is_stopping = true;
        for (size_t i = 0; i < engine->n_targets; i++) {
                target_stop(engine->targets[i]);
                app_stop(engine->targets[i]);
        }
        engine_changed(engine);
}

View *engine_view(Engine *engine) {
        return &engine->view;
}

bool engine_is_late(const Engine *engine, usec_t boottime) {
        for (size_t i = 0; i < engine->n_targets; i++) {
                const Target *target = engine->targets[i];
                usec_t slack = 3 * target->settings.intervals.activity;

                if (slack < 10 * USEC_PER_SEC)
                        slack = 10 * USEC_PER_SEC;
                if (!engine->is_stopped && boottime > usec_add(target->wake_at, slack))
                        return true;
        }
        return false;
}

char *engine_session_statements(const Engine *engine, const TargetView *target, bool exclusion_off) {
        const TargetSettings *settings = target->settings;
        PgOptions options = {
                .application_name = "pgvigil",
                .connect_timeout = settings->limits.connect_timeout,
                .statement_timeout = settings->limits.statement_timeout,
                .lock_timeout = settings->limits.lock_timeout,
        };

        return pg_session_statements(target->server ? target->server->version_num : 0, &options,
                                     exclusion_off);
}
