/* A reload that changes a target and not its connection: name, conninfo and credential are those of
 * before. Connection, heartbeat, counters, findings and code go on; what the new settings say is seen
 * with the first round that ends after the change, in which every check runs.
 *
 * A light change is one of how results are judged and when they are taken, or of the application, not of
 * what is looked at: it disturbs nothing, not even a statement under way. After any other the checks begin
 * anew; their findings stay until they have seen something.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "change.h"

#include <errno.h>
#include <string.h>

#include "pgvigil/base/clock.h"
#include "pgvigil/model/option.h"

bool target_is_at(const Target *target, const TargetSettings *settings) {
        return str_equal(target->settings.name, settings->name) &&
               str_equal(target->settings.conninfo, settings->conninfo) &&
               str_equal(target->settings.conninfo_credential, settings->conninfo_credential);
}

/* Where the rules are. */
static const struct {
        size_t list, size, rule;
} rule_lists[] = {
#define RULES(member, Type)                                                                                  \
        { offsetof(TargetSettings, member), sizeof(Type), offsetof(Type, rule) }
        RULES(constraints, ConstraintSettings), RULES(foreign_keys, ForeignKeySettings),
        RULES(indexes, IndexSettings),          RULES(canaries, CanarySettings),
        RULES(backups, BackupSettings),
#undef RULES
};

static int copy_rules(const TargetSettings *from, TargetSettings *to) {
        for (size_t i = 0; i < ELEMENTS(rule_lists); i++) {
                const List *source = (const List *)((const char *)from + rule_lists[i].list);
                const List *list = (const List *)((const char *)to + rule_lists[i].list);

                for (size_t k = 0; k < source->count && k < list->count; k++) {
                        size_t at = k * rule_lists[i].size + rule_lists[i].rule;
                        Rule *rule = (Rule *)((char *)list->items + at);

                        rule_done(rule);
                        if (rule_copy((const Rule *)((const char *)source->items + at), rule) < 0)
                                return -ENOMEM;
                }
        }
        return 0;
}

static bool are_limits_equal(const Limits *a, const Limits *b) {
        return a->connect_timeout == b->connect_timeout && a->statement_timeout == b->statement_timeout &&
               a->lock_timeout == b->lock_timeout;
}

static int copy_app(const AppSettings *from, AppSettings *to) {
        to->expect_status = from->expect_status;
        to->timeout = from->timeout;
        if (str_set(&to->url, from->url) < 0 || str_set(&to->expect_body, from->expect_body) < 0)
                return -ENOMEM;
        rule_done(&to->rule);
        return rule_copy(&from->rule, &to->rule);
}

/* 1, 0 or -ENOMEM: whether they are equal but for what a light change may change. */
static int is_light(const TargetSettings *old, const TargetSettings *settings) {
        TargetSettings same = {};
        int r;

        if (!are_limits_equal(&old->limits, &settings->limits))
                return 0;
        r = options_copy(&target_options, settings, &same);
        if (r >= 0) {
                same.severity = old->severity;
                same.in_global = old->in_global;
                same.max_replay_lag = old->max_replay_lag;
                same.intervals = old->intervals;
                same.limits = old->limits;
                r = copy_rules(old, &same);
        }
        if (r >= 0)
                r = copy_app(&old->app, &same.app);
        if (r >= 0)
                r = target_settings_equal(old, &same);
        options_done(&target_options, &same);
        return r;
}

void change_done(const Target *target, Change *change) {
        for (size_t i = 0; change->states && i < target->n_jobs; i++)
                target->jobs[i].kind->free(change->states[i]);
        free(change->states);
        *change = (Change){};
}

int change_prepare(const Target *target, const TargetSettings *settings, Change *ret) {
        Change change = {};
        int r = is_light(&target->settings, settings);

        if (r < 0)
                return r;
        change.is_light = r > 0;
        change.is_wanted = true;
        if (!change.is_light) {
                change.states = calloc(target->n_jobs + 1, sizeof(*change.states));
                if (!change.states)
                        return -ENOMEM;
        }
        for (size_t i = 0; change.states && i < target->n_jobs; i++) {
                r = target->jobs[i].kind->new (settings, &change.states[i]);
                if (r < 0) {
                        change_done(target, &change);
                        return r;
                }
        }
        *ret = change;
        return 0;
}

/* Checks point to the constraints of their settings: these stay where they are, with new contents. */
static void keep_constraints(TargetSettings *old, TargetSettings *settings) {
        for (size_t i = 0; i < settings->constraints.count; i++) {
                ConstraintSettings *a = LIST_AT(old->constraints, ConstraintSettings, i),
                                   *b = LIST_AT(settings->constraints, ConstraintSettings, i);

                SWAP(*a, *b);
        }
        SWAP(old->constraints.items, settings->constraints.items);
}

/* The round under way was of other rules; a connection that is not to be kept goes with it. */
static void end_round(Target *target, const TargetSettings *settings) {
        bool is_busy = target->stage != STAGE_IDLE && target->stage != STAGE_CONNECT;
        bool keeps_limits = are_limits_equal(&target->settings.limits, &settings->limits) &&
                            strv_equal(target->settings.schemas, settings->schemas);

        if (is_busy || !keeps_limits)
                target_stop(target);
}

static void take_states(Target *target, Change *change) {
        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];

                if (job->kind->ask) /* minds by itself what it is of */
                        continue;
                job->kind->free(job->state);
                job->state = TAKE(change->states[i]);
                job->is_blank = true;
                job->wants_blocks = false;
                job->walk_blocks = 0;
        }
}

void target_change(Target *target, TargetSettings *settings, Change *change) {
        bool is_other_url = !str_equal(target->settings.app.url, settings->app.url),
             is_other_app = app_is_changed(&target->settings.app, &settings->app);

        if (change->is_light)
                keep_constraints(&target->settings, settings);
        else
                end_round(target, settings);
        if (change->states)
                take_states(target, change);

        SWAP(target->settings, *settings);
        target_set_options(target);
        target_set_fingerprint(target);
        watch_show(target);
        target->view.restored = (Restored){}; /* it was of other rules */
        options_done(&target_options, settings);
        *settings = (TargetSettings){};
        target->changed_at = clock_boottime();
        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];

                job->period = target_job_period(job->kind, &target->settings);
                job->is_fresh = true;
                target->view.runs[i].next_due = target->changed_at;
        }
        target_arm(target);
        app_changed(target, is_other_url, is_other_app);
}
