/* Rehearse: what a target's URL answers with each fail_on, looked at after each round, when something
 * grows old, and each second in between. Kept as text in the history; what an earlier process kept is
 * taken up once the history has loaded it, and nothing is looked at before that.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "apply.h"
#include "internal.h"
#include "pgvigil/base/log-ids.h"
#include "pgvigil/base/log.h"

#define KEY_REHEARSAL "rehearsal"

/* What a crash may take of the time that was observed. */
#define KEEP_EVERY USEC_PER_MINUTE

/* Between two rounds the answer changes by age alone. */
#define LOOK_EVERY (5 * USEC_PER_SEC)

static int answer_of(const Target *target, FailOn fail_on, const Health *health, RehearsalAnswer *ret) {
        HealthQuery query = {.fail_on = fail_on};
        _cleanup_(buffer_done) Buffer why = BUFFER_NULL;

        ret->is_503 = health->code == 503;
        if (!ret->is_503)
                return 0;
        health_add_why(&target->view, &query, health, &why);
        ret->why = buffer_take(&why);
        return ret->why ? 0 : -ENOMEM;
}

/* A text that cannot be read is told, and the rehearsal begins anew: as if nothing had been observed. */
static int begin(Target *target) {
        const char *text = history_get(target->engine->history, target->view.name, KEY_REHEARSAL);
        LogFields fields = {.message_id = LOG_ID_HISTORY_RESET, .target = target->view.name};
        int r = text ? rehearsal_parse(text, &target->rehearsal) : 0;

        if (r == -EINVAL) {
                log_event(LOG_WARNING, &fields,
                          "what was kept of the codes of the last 7 days cannot be read: they begin anew");
                r = 0;
        }
        if (r >= 0)
                target->view.rehearsal = &target->rehearsal;
        return r;
}

static bool is_begun(Target *target) {
        HistoryStatus status;

        if (target->view.rehearsal || !target->engine->history)
                return target->view.rehearsal != NULL;
        history_status(target->engine->history, &status);
        if (status.state != HISTORY_OPENING && begin(target) < 0)
                log_oom();
        return target->view.rehearsal != NULL;
}

void rehearse_keep(Target *target, usec_t realtime) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        if (!target->view.rehearsal || !target->engine->history)
                return;
        target->rehearsal_kept_at = realtime;
        if (rehearsal_format(&target->rehearsal, &text) < 0 ||
            history_set(target->engine->history, target->view.name, KEY_REHEARSAL, buffer_text(&text)) < 0)
                log_oom();
}

/* What the next process may have to restore has changed. */
static void remember(Target *target, const RehearsalAnswer *answers) {
        const EngineObserver *observer = &target->engine->options.observer;
        bool is_changed = false;

        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++) {
                is_changed |= target->is_503[fail_on] != answers[fail_on].is_503;
                target->is_503[fail_on] = answers[fail_on].is_503;
        }
        if (is_changed && observer->answers)
                observer->answers(observer->userdata);
}

static void rehearse(Target *target, RehearsalAnswer *answers, usec_t realtime) {
        int r;

        if (!is_begun(target))
                return;
        r = rehearsal_look(&target->rehearsal, realtime, answers);
        if (r < 0)
                log_oom();
        if (r > 0 || realtime < target->rehearsal_kept_at ||
            realtime - target->rehearsal_kept_at >= KEEP_EVERY)
                rehearse_keep(target, realtime);
}

void rehearse_look(Target *target, usec_t boottime, usec_t realtime) {
        RehearsalAnswer answers[N_FAIL_ON] = {};
        Health healths[N_FAIL_ON];
        int r = 0;

        if (target->engine->options.once)
                return;
        health_of_each(&target->engine->view, &target->view, boottime, healths);
        target->status = healths[FAIL_ON_GATE].status;
        for (FailOn fail_on = 0; r >= 0 && fail_on < N_FAIL_ON; fail_on++)
                r = answer_of(target, fail_on, &healths[fail_on], &answers[fail_on]);
        if (r < 0) {
                log_oom();
        } else {
                remember(target, answers);
                rehearse(target, answers, realtime);
        }
        rehearsal_answers_done(answers);
}

static bool is_due(const Target *target, usec_t boottime, usec_t realtime) {
        usec_t looked_at = target->rehearsal.looked_at;
        bool is_stale = target->view.heartbeat > 0 &&
                        usec_since(boottime, target->view.heartbeat) > target_max_age(&target->settings);

        return is_stale != str_equal(target->last_health.state, "stale") || realtime < looked_at ||
               realtime - looked_at >= LOOK_EVERY;
}

void rehearse_tick(Target *target, usec_t boottime, usec_t realtime) {
        if (!is_due(target, boottime, realtime))
                return;
        if (target->last_health.code != 0) /* it was told of */
                apply_code(target, boottime, realtime);
        else
                rehearse_look(target, boottime, realtime);
}

void rehearse_move(Target *from, Target *to) {
        SWAP(from->rehearsal, to->rehearsal);
        to->rehearsal_kept_at = from->rehearsal_kept_at;
        to->view.rehearsal = from->view.rehearsal ? &to->rehearsal : NULL;
        from->view.rehearsal = NULL;
}
