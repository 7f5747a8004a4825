/* Restore: the last answers of the targets, for the process after this one, and from the one before.
 *
 * A target is the same as before when its settings are and what its connection is made with: service
 * file and credential are read for that, passwords are left out. It is told apart by a digest of all that.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/base/log.h"
#include "pgvigil/model/option.h"

void target_set_fingerprint(Target *target) {
        PgOptions options = target_connection_options(target);
        _cleanup_(freep) char *connection = pg_options_describe(&options);
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        target->fingerprint[0] = '\0';
        if (target->engine->options.once || !connection)
                return;
        options_dump(&target_options, &target->settings, 0, false, &text);
        buffer_add(&text, connection);
        if (buffer_error(&text) < 0 ||
            digest_hex(DIGEST_SHA256, text.data, text.length, target->fingerprint) < 0)
                target->fingerprint[0] = '\0';
}

/* What was restored does not get younger by a second restart. */
static Restored answers_of(const Target *target) {
        usec_t restored = target->view.restored.heartbeat;
        Restored answers = {.heartbeat = restored > 0 ? restored : target->view.heartbeat,
                            .status = target->status};

        memcpy(answers.is_503, target->is_503, sizeof(answers.is_503));
        return answers;
}

int engine_keep_health(const Engine *engine, usec_t boottime, usec_t realtime, KeptHealths *ret) {
        KeptHealths list = {.items = calloc(engine->n_targets + 1, sizeof(*list.items))};

        if (!list.items)
                return -ENOMEM;
        for (size_t i = 0; i < engine->n_targets; i++) {
                const Target *target = engine->targets[i];
                KeptHealth *kept = &list.items[list.count];

                *kept = (KeptHealth){
                        .boottime = boottime, .realtime = realtime, .answers = answers_of(target)};
                if (kept->answers.heartbeat == 0 || str_is_empty(target->fingerprint) ||
                    (target->view.reach == REACH_STARTING && target->view.restored.heartbeat == 0))
                        continue;
                memcpy(kept->fingerprint, target->fingerprint, sizeof(kept->fingerprint));
                list.count++;
                if (str_set(&kept->target, target->view.name) < 0) {
                        kept_healths_done(&list);
                        return -ENOMEM;
                }
        }
        *ret = list;
        return 0;
}

static void restore(Target *target, const KeptHealth *kept, usec_t boottime, usec_t realtime) {
        const char *refusal = kept_health_refusal(kept, target->fingerprint,
                                                  target_max_age(&target->settings), boottime, realtime);
        LogFields fields = {.target = target->view.name};
        int code = kept->answers.is_503[FAIL_ON_GATE] ? 503 : 200;

        if (refusal) {
                log_event(LOG_INFO, &fields, "the last answer of the process before is not restored: %s",
                          refusal);
                return;
        }
        target->view.restored = kept->answers;
        /* The URL goes on with it: the same code again is no change. */
        target->last_health = (Health){.code = code, .state = "restored"};
        rehearse_look(target, boottime, realtime);
        log_event(LOG_NOTICE, &fields, "restored until the first round is done: /health/%s is %d",
                  target->view.name, code);
}

void engine_restore_health(Engine *engine, const KeptHealths *kept, usec_t boottime, usec_t realtime) {
        for (size_t i = 0; i < engine->n_targets; i++) {
                const KeptHealth *one = kept_healths_find(kept, engine->targets[i]->view.name);

                if (one)
                        restore(engine->targets[i], one, boottime, realtime);
        }
}

usec_t engine_shortest_max_age(const Engine *engine) {
        usec_t shortest = USEC_INFINITY;

        for (size_t i = 0; i < engine->n_targets; i++) {
                usec_t max_age = target_max_age(&engine->targets[i]->settings);

                shortest = max_age < shortest ? max_age : shortest;
        }
        return shortest;
}
