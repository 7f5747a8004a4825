/* Watch: drives the phase of a target after each of its rounds, and tells what has changed.
 *
 * The record is kept as text in the history after each change; what an earlier process kept is
 * taken up once the history has loaded it, and no phase begins before that.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log-ids.h"
#include "pgvigil/base/log.h"

#define KEY_RECORD "phase"
#define KEY_BEFORE "phase.before"

void watch_done(Watch *watch) {
        phase_record_done(&watch->record);
        phase_record_done(&watch->awaited);
        strv_free(watch->before);
        strv_free(watch->seen);
        watch_scope_done(&watch->scope);
        watch_runs_done(&watch->runs);
        transaction_sample_done(&watch->transactions);
        watch_statements_done(&watch->statements);
        *watch = (Watch){};
}

static History *history_of(const Target *target) {
        return target->engine->history;
}

static int parse_before(Watch *watch, const char *text) {
        int r = 0;

        watch->has_before = text != NULL;
        watch->before = strv_free(watch->before);
        while (r >= 0 && !str_is_empty(text)) {
                size_t length = strcspn(text, "\n");
                _cleanup_(freep) char *key = strndup(text, length);

                r = key ? strv_add(&watch->before, key) : -ENOMEM;
                text += text[length] ? length + 1 : length;
        }
        return r;
}

static int init_awaited(PhaseRecord *awaited) {
        phase_record_done(awaited);
        *awaited = (PhaseRecord){.state = PHASE_BASELINE};
        return str_set(&awaited->note,
                       "The last phase was of another migration than phase.migration names. Where that "
                       "one is through already, `pgvigil phase start` opens a phase by hand.");
}

void watch_show(Target *target) {
        Watch *watch = &target->watch;
        bool is_hidden = phase_is_of_another(&watch->record, &target->settings.phase);

        target->view.phase = !watch->is_begun ? NULL : is_hidden ? &watch->awaited : &watch->record;
}

/* A record that cannot be read is told, and a new one begins: as if nothing had been observed. */
static int begin(Target *target) {
        Watch *watch = &target->watch;
        const char *text = history_get(history_of(target), target->view.name, KEY_RECORD);
        LogFields fields = {.message_id = LOG_ID_HISTORY_RESET, .target = target->view.name};
        int r = text ? phase_parse(text, &watch->record) : phase_init(&watch->record);

        if (r == -EINVAL) {
                log_event(LOG_WARNING, &fields,
                          "what was kept of the monitoring phase cannot be read: it begins anew");
                r = phase_init(&watch->record);
        }
        if (r >= 0)
                r = init_awaited(&watch->awaited);
        if (r >= 0)
                r = parse_before(watch, history_get(history_of(target), target->view.name, KEY_BEFORE));
        if (r >= 0)
                r = watch_load_scope(target);
        if (r >= 0)
                r = watch_load_transactions(target);
        if (r >= 0)
                r = watch_load_statements(target);
        watch->is_begun = r >= 0;
        return r;
}

static int keep(Target *target) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        int r = phase_format(&target->watch.record, &text);

        if (r >= 0)
                r = buffer_error(&text);
        return r < 0 ? r : history_set(history_of(target), target->view.name, KEY_RECORD, buffer_text(&text));
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

bool watch_is_object(const Finding *finding) {
        return finding->kind == KIND_CONSTRAINT || finding->kind == KIND_FOREIGN_KEY ||
               finding->kind == KIND_INDEX;
}

bool watch_is_there(const Finding *finding) {
        return watch_is_object(finding) && finding->reason != REASON_MISSING &&
               finding->reason != REASON_NOT_EXPECTED_YET && finding->reason != REASON_NO_SUCH_TABLE &&
               finding->reason != REASON_NO_SUCH_COLUMN;
}

/* While a migration runs, its first objects may be there already: the picture from before stands. */
static bool is_migrating(const Target *target) {
        for (size_t i = 0; i < target->view.n_findings; i++)
                if (target->view.findings[i].kind == KIND_MIGRATION &&
                    target->view.findings[i].reason == REASON_RUNNING)
                        return true;
        return false;
}

/* Too many are in memory alone, rather than those of long ago in the file. */
static int keep_picture(Target *target) {
        const Watch *watch = &target->watch;
        _cleanup_(freep) char *text = strv_join(watch->before, "\n");
        int r = -ENOMEM;

        if (text)
                r = history_set(history_of(target), target->view.name, KEY_BEFORE,
                                watch->has_before ? text : NULL);
        return r == -E2BIG ? history_set(history_of(target), target->view.name, KEY_BEFORE, NULL) : r;
}

static int list_objects(const Target *target, char ***ret) {
        _cleanup_(strv_freep) char **keys = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < target->view.n_findings; i++) {
                _cleanup_(freep) char *key = NULL;

                if (!watch_is_there(&target->view.findings[i]))
                        continue;
                key = watch_key(&target->view.findings[i]);
                r = key ? strv_add(&keys, key) : -ENOMEM;
        }
        if (r < 0)
                return r;
        if (keys)
                qsort(keys, strv_length(keys), sizeof(char *), compare_texts);
        *ret = TAKE(keys);
        return 0;
}

/* Takes the keys. */
static int set_before(Target *target, char **keys) {
        Watch *watch = &target->watch;

        if (watch->has_before && strv_equal(watch->before, keys)) {
                strv_free(keys);
                return 0;
        }
        strv_free(watch->before);
        watch->before = keys;
        watch->has_before = true;
        return keep_picture(target);
}

/* The catalog as it is before a migration that may come, also while nobody is here to see it. What was
 * seen of it is of before only when the migrations were read later, without a new one: else the check of
 * the catalog, which may come first, would show what the migration has added as if it had been there. */
static int picture(Target *target, bool has_polled) {
        Watch *watch = &target->watch;
        _cleanup_(strv_freep) char **keys = NULL, **copy = NULL;
        int r = list_objects(target, &keys);

        if (r >= 0 && has_polled && watch->has_seen)
                r = set_before(target, TAKE(watch->seen));
        if (r >= 0 && !watch->has_before) {
                r = strv_copy(keys, &copy);
                if (r >= 0)
                        r = set_before(target, TAKE(copy));
        }
        strv_free(watch->seen);
        watch->seen = TAKE(keys);
        watch->has_seen = r >= 0;
        return r;
}

/* The migrations as the check saw them last, if it did since the last time. 1: something changed. */
static int poll_migrations(Target *target, usec_t now) {
        const MigrationFacts *facts = target->migrations;
        _cleanup_(freep) PhaseMigration *finished = NULL;
        size_t n = facts ? strv_length(facts->applied) : 0, at = target->n_jobs;
        PhasePoll poll = {.at = now, .is_readable = facts && facts->known, .n_finished = n};

        for (size_t i = 0; i < target->n_jobs; i++)
                if (str_equal(target->jobs[i].kind->name, "migration"))
                        at = i;
        if (at == target->n_jobs || target->view.runs[at].runs == target->watch.polled)
                return 0;
        target->watch.polled = target->view.runs[at].runs;
        finished = calloc(n + 1, sizeof(*finished));
        if (!finished)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                finished[i] = (PhaseMigration){facts->applied[i],
                                               facts->finished_at ? facts->finished_at[i] : 0};
        poll.finished = finished;
        if (facts && phase_run(&target->watch.record, &facts->run, now) < 0)
                return -ENOMEM;
        return phase_poll(&target->watch.record, &target->settings.phase, &poll);
}

static void tell_state(Target *target, PhaseState before, usec_t realtime) {
        const PhaseRecord *record = &target->watch.record;
        LogFields fields = {.message_id = LOG_ID_PHASE_OPENED,
                            .target = target->view.name,
                            .reason = phase_state_name(record->state)};
        const char *name = record->batch.count > 0 ? record->batch.items[0].name : "by hand";

        if (record->state == before)
                return;
        watch_event(target, realtime, "phase", "%s", phase_state_name(record->state));
        history_hurry(history_of(target), realtime); /* a crash must not undo it */
        if (record->state == PHASE_WATCHING) {
                log_event(LOG_NOTICE, &fields, "the monitoring phase has begun: %s%s%s", name,
                          record->cannot_pass ? "; " : "", record->cannot_pass ? record->cannot_pass : "");
                return;
        }
        if (!phase_is_over(record))
                return;
        fields.message_id = LOG_ID_PHASE_VERDICT;
        log_event(record->state == PHASE_PASSED ? LOG_NOTICE : LOG_WARNING, &fields,
                  "the monitoring phase is over: %s%s%s", phase_state_name(record->state),
                  record->note ? "; " : "", record->note ? record->note : "");
}

static void tell_criteria(const Target *target, const Status *before) {
        for (size_t i = 0; i < N_CRITERIA; i++) {
                const CriterionResult *result = &target->watch.record.criteria[i];
                bool failed = result->status == STATUS_FAIL, was = before[i] == STATUS_FAIL;
                LogFields fields = {.message_id = failed ? LOG_ID_CRITERION_FAILED : LOG_ID_CRITERION_CLEARED,
                                    .target = target->view.name,
                                    .reason = criterion_name((Criterion)i)};

                if (failed != was)
                        log_event(failed ? LOG_WARNING : LOG_NOTICE, &fields, "criterion %s %s: %.*s",
                                  criterion_name((Criterion)i), failed ? "fails" : "no longer fails",
                                  result->reason ? (int)phase_reason_length(result->reason) : 0,
                                  result->reason ? result->reason : "");
        }
}

/* In its last quarter a verdict that waits for a walk of everything asks for it. */
static bool wants_walk(const PhaseRecord *record, const PhaseInputs *inputs, usec_t now) {
        usec_t quarter = usec_since(record->ends_at, record->started_at) / 4;

        if (record->state != PHASE_WATCHING || now + quarter < record->ends_at)
                return false;
        for (size_t i = 0; i < inputs->n_objects; i++) {
                const PhaseObject *object = &inputs->objects[i];

                if ((object->finding->configured || object->is_added) &&
                    object->finding->value.kind == VALUE_INT && object->walked_since < record->started_at)
                        return true;
        }
        return false;
}

/* Spread over three quarters of the phase, or of what is left of it where it goes on after a restart. */
static void plan_walk(Watch *watch, usec_t boottime, usec_t realtime) {
        const PhaseRecord *record = &watch->record;
        usec_t left = usec_since(record->ends_at, realtime);

        if (record->state != PHASE_WATCHING) {
                watch->walk_for = watch->walk_since = watch->walk_within = 0;
                watch->wants_walk = false;
        } else if (watch->walk_for != record->started_at) {
                watch->walk_for = record->started_at;
                watch->walk_since = boottime;
                watch->walk_within = left - left / 4;
        }
}

/* Every check runs once more, at once, for what is there at the end. */
static void look_at_end(Target *target, usec_t boottime, usec_t realtime) {
        Watch *watch = &target->watch;
        bool has_ended = watch->record.state == PHASE_WATCHING && realtime >= watch->record.ends_at;

        for (size_t i = 0; has_ended && !watch->has_ended && i < target->n_jobs; i++) {
                if (target->jobs[i].kind->ask)
                        continue;
                target->jobs[i].is_fresh = true;
                target->view.runs[i].next_due = boottime;
        }
        watch->has_ended = has_ended;
}

static int judge(Target *target, usec_t boottime, usec_t realtime) {
        Watch *watch = &target->watch;
        _cleanup_(watch_inputs_done) WatchInputs inputs = {};
        int r;

        plan_walk(watch, boottime, realtime);
        look_at_end(target, boottime, realtime);
        if (watch->record.state != PHASE_WATCHING)
                return 0;
        r = watch_take_scope(target);
        if (r >= 0)
                r = watch_inputs(target, boottime, realtime, &inputs);
        if (r < 0)
                return r;
        watch->wants_walk = wants_walk(&watch->record, &inputs.inputs, realtime);
        return phase_judge(&watch->record, &target->settings.phase, &inputs.inputs, realtime);
}

/* The picture of the catalog of another database is none of this one. */
static int note_database(Target *target, usec_t realtime) {
        Watch *watch = &target->watch;
        const ServerFacts *server = target->view.server;
        bool is_known = server && server->system_identifier && server->database;
        _cleanup_(freep) char *database = is_known ? str_format("%s/%s", server->system_identifier,
                                                                server->database)
                                                   : NULL;
        LogFields fields = {.message_id = LOG_ID_HISTORY_RESET, .target = target->view.name};
        bool is_open = watch->record.state == PHASE_WATCHING;
        int r = is_known && !database ? -ENOMEM : phase_database(&watch->record, database, realtime);

        if (r <= 0)
                return r;
        log_event(LOG_WARNING, &fields, "another database answers than before: %s",
                  is_open ? "the monitoring phase was not observed until now"
                          : "the monitoring phase begins anew");
        watch_event(target, realtime, "phase", "another database answers");
        watch->has_seen = false;
        if (is_open)
                return 0;
        watch->has_before = false;
        return keep_picture(target);
}

static int advance(Target *target, bool is_answered, usec_t boottime, usec_t realtime) {
        Watch *watch = &target->watch;
        bool is_open = watch->record.state == PHASE_WATCHING;
        usec_t polled = watch->record.last_poll;
        int r = is_answered ? note_database(target, realtime) : 0;

        if (r >= 0 && is_answered)
                r = phase_round(&watch->record, realtime, target->settings.intervals.activity);
        if (r >= 0 && is_answered)
                r = poll_migrations(target, realtime);
        /* One that an earlier poll had already: what it added may be in the picture of before. */
        if (!is_open && watch->record.state == PHASE_WATCHING && watch->record.started_at < polled)
                watch->has_before = false;
        if (r >= 0 && phase_is_over(&watch->record)) /* a migration waits for its phase, perhaps */
                r = phase_judge(&watch->record, &target->settings.phase, &(PhaseInputs){}, realtime);
        if (r < 0)
                return r;
        if (!is_open && watch->record.state == PHASE_WATCHING) {
                app_phase_reset(target, boottime);
                r = keep_picture(target);
        } else if (!is_open && is_answered && !is_migrating(target)) {
                r = picture(target, watch->record.last_poll == realtime);
        } else {
                watch->has_seen = false;
        }
        return r < 0 ? r : judge(target, boottime, realtime);
}

void watch_round(Target *target, bool is_answered, usec_t boottime, usec_t realtime) {
        Watch *watch = &target->watch;
        PhaseState state;
        Status criteria[N_CRITERIA];
        HistoryStatus status;
        int r = 0;

        if (!history_of(target))
                return;
        history_status(history_of(target), &status);
        if (!watch->is_begun && status.state == HISTORY_OPENING)
                return;
        if (!watch->is_begun)
                r = begin(target);
        state = watch->record.state;
        for (size_t i = 0; i < N_CRITERIA; i++)
                criteria[i] = watch->record.criteria[i].status;
        if (is_answered)
                watch_sample(target, realtime);
        if (r >= 0)
                r = advance(target, is_answered, boottime, realtime);
        if (r >= 0)
                r = keep(target);
        watch_read_statements(target, realtime);
        if (r < 0)
                log_oom();
        watch_show(target);
        tell_state(target, state, realtime);
        tell_criteria(target, criteria);
}

int watch_by_hand(Target *target, bool is_start, usec_t realtime) {
        Watch *watch = &target->watch;
        PhaseState before = watch->record.state;
        int r;

        if (!watch->is_begun)
                return -EAGAIN;
        r = is_start ? phase_start(&watch->record, &target->settings.phase, realtime)
                     : phase_stop(&watch->record, realtime);
        if (r <= 0)
                return r;
        if (is_start)
                app_phase_reset(target, clock_boottime());
        if (keep(target) < 0 || (is_start && keep_picture(target) < 0))
                log_oom();
        watch_show(target);
        tell_state(target, before, realtime);
        return 1;
}
