/* The state machine: which migration opens a phase, what belongs to it, what waits.
 *
 *              rest()                    open_phase()                close_phase() (judge.c)
 *   idle ◀───────────────▶ baseline ──┐
 *     └──────────────────────────────┴──▶ watching ──────────────▶ passed, failed, inconclusive
 *                                          ▲    └─ phase_stop() ──▶ stopped ─┐
 *                                          └── open_phase(), phase_open_waiting() ◀── all of these
 *
 * The time of a migration is the clock of whoever ran it, so it is believed only between the poll
 * that did not have it and the one that had.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/model/check-kind.h"

/* A poll in the light of the one before. */
typedef struct Polling {
        PhaseRecord *record;
        const PhaseSettings *settings;
        const PhasePoll *poll;
        bool is_first;
        bool has_changed;
} Polling;

static bool is_wanted(const PhaseSettings *settings, const char *name) {
        return str_is_empty(settings->migration) || migration_name_matches(name, settings->migration);
}

static bool is_known(const PhaseRecord *record, const PhaseMigration *migration) {
        for (size_t i = 0; i < record->known.count; i++)
                if (record->known.items[i].finished_at == migration->finished_at &&
                    str_equal(record->known.items[i].name, migration->name))
                        return true;
        return false;
}

/* The tool's time, as far as it can be true. */
static usec_t clamped(const Polling *polling, const PhaseMigration *migration) {
        usec_t at = migration->finished_at, last = polling->record->last_poll;

        if (at == 0 || at > polling->poll->at)
                return polling->poll->at;
        if (polling->is_first || at >= last || is_known(polling->record, migration))
                return at;
        return last < polling->poll->at ? last : polling->poll->at;
}

static void begin_anew(PhaseRecord *record) {
        for (size_t i = 0; i < record->n_events; i++)
                free(record->events[i].object);
        record->n_events = record->events_dropped = 0;
        for (size_t i = 0; i < N_CRITERIA; i++) {
                record->criteria[i].status = STATUS_UNKNOWN;
                str_set(&record->criteria[i].reason, NULL);
        }
        str_set(&record->note, NULL);
        str_set(&record->cannot_pass, NULL);
        phase_migrations_done(&record->batch);
        phase_statements_done(record);
}

static void open_phase(PhaseRecord *record, usec_t at, usec_t duration) {
        begin_anew(record);
        record->state = PHASE_WATCHING;
        record->started_at = record->batch_at = at;
        record->ends_at = usec_add(at, duration);
        record->closed_at = 0;
        if (usec_since(at, record->run.last_seen) > PHASE_BATCH)
                phase_run_forget(record);
}

/* A whole phase is watched after the last of a batch. */
static void begin_at(PhaseRecord *record, usec_t at) {
        usec_t duration = record->ends_at - record->started_at;

        if (at <= record->started_at)
                return;
        record->started_at = at;
        record->ends_at = usec_add(at, duration);
}

static int extend_batch(PhaseRecord *record, const char *name, usec_t at) {
        begin_at(record, at);
        return phase_migrations_add(&record->batch, name, at);
}

/* One that was rolled back is there again: what it does is watched from now on. */
static bool take_again(PhaseRecord *record, const char *name, usec_t at) {
        if (!event_find(record, PHASE_EVENT_GONE, name))
                return false;
        for (size_t i = 0; i < record->batch.count; i++)
                if (str_equal(record->batch.items[i].name, name))
                        record->batch.items[i].finished_at = at;
        begin_at(record, at);
        return true;
}

/* What the same deployment finished before it, by the same clock. */
static int add_earlier(const Polling *polling, const PhaseMigration *opener) {
        const PhasePoll *poll = polling->poll;
        PhaseRecord *record = polling->record;

        for (size_t i = 0; i < poll->n_finished; i++) {
                const PhaseMigration *other = &poll->finished[i];
                usec_t before = usec_since(opener->finished_at, other->finished_at);
                int r;

                if (other == opener || other->finished_at == 0 || other->finished_at > opener->finished_at ||
                    before > PHASE_BATCH)
                        continue;
                r = phase_migrations_add(&record->batch, other->name, usec_since(record->started_at, before));
                if (r < 0)
                        return r;
                if (usec_since(record->started_at, before) < record->batch_at)
                        record->batch_at = usec_since(record->started_at, before);
        }
        return 0;
}

/* Of those that wait, `opened` has its phase, and what `settings` do not name any more gets none; NULL: all
 * stay. */
static void keep_waiting(PhaseRecord *record, const char *opened, const PhaseSettings *settings) {
        PhaseMigrations *waiting = &record->waiting;
        size_t kept = 0;

        for (size_t i = 0; i < waiting->count; i++) {
                char *name = waiting->items[i].name;

                if ((opened && str_equal(name, opened)) || (settings && !is_wanted(settings, name)))
                        free(name);
                else
                        waiting->items[kept++] = waiting->items[i];
        }
        waiting->count = kept;
}

static int open_with(Polling *polling, const PhaseMigration *migration) {
        int r;

        keep_waiting(polling->record, migration->name, NULL);
        open_phase(polling->record, clamped(polling, migration), polling->settings->duration);
        polling->has_changed = true;
        r = phase_migrations_add(&polling->record->batch, migration->name, polling->record->started_at);
        return r < 0 ? r : add_earlier(polling, migration);
}

/* An open phase has one more migration: of its batch, or an event that may open the next phase. */
static int take_later(Polling *polling, const PhaseMigration *migration) {
        PhaseRecord *record = polling->record;
        usec_t at = clamped(polling, migration);
        int r;

        if (take_again(record, migration->name, at))
                return 0;
        if (record->batch_at > 0 && usec_since(at, record->batch_at) <= PHASE_BATCH) {
                if (phase_migrations_have(&record->batch, migration->name))
                        return 0;
                return extend_batch(record, migration->name, at);
        }
        r = event_add(record, PHASE_EVENT_FINISHED, migration->name, at, at);
        if (r < 0 || !is_wanted(polling->settings, migration->name))
                return r;
        return phase_migrations_add(&record->waiting, migration->name, at);
}

static int compare_finished(const void *a, const void *b) {
        const PhaseMigration *x = *(const PhaseMigration *const *)a, *y = *(const PhaseMigration *const *)b;

        if (x->finished_at != y->finished_at)
                return x->finished_at < y->finished_at ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* What this poll has and the one before had not, oldest first. */
static int fresh_of(const Polling *polling, const PhaseMigration ***ret, size_t *ret_n) {
        const PhasePoll *poll = polling->poll;
        const PhaseMigration **fresh = calloc(poll->n_finished + 1, sizeof(*fresh));
        size_t n = 0;

        if (!fresh)
                return -ENOMEM;
        for (size_t i = 0; i < poll->n_finished; i++)
                if (!is_known(polling->record, &poll->finished[i]))
                        fresh[n++] = &poll->finished[i];
        qsort(fresh, n, sizeof(*fresh), compare_finished);
        *ret = fresh;
        *ret_n = n;
        return 0;
}

static int take_fresh(Polling *polling) {
        _cleanup_(freep) const PhaseMigration **fresh = NULL;
        size_t n = 0;
        int r = fresh_of(polling, &fresh, &n);

        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (polling->record->state == PHASE_WATCHING)
                        r = take_later(polling, fresh[i]);
                else if (is_wanted(polling->settings, fresh[i]->name))
                        r = open_with(polling, fresh[i]);
        }
        return r;
}

static const PhaseMigration *newest_wanted(const Polling *polling) {
        const PhaseMigration *newest = NULL;

        for (size_t i = 0; i < polling->poll->n_finished; i++) {
                const PhaseMigration *migration = &polling->poll->finished[i];

                if (is_wanted(polling->settings, migration->name) &&
                    (!newest || compare_finished(&newest, &migration) < 0))
                        newest = migration;
        }
        return newest;
}

static int set_old_note(PhaseRecord *record, const PhaseMigration *migration) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        buffer_printf(&text, "The migration %s finished ", migration->name);
        if (migration->finished_at > 0) {
                buffer_add(&text, "at ");
                buffer_add_time(&text, migration->finished_at);
                buffer_add(&text, ", ");
        } else
                buffer_add(&text, "at a time that is not known, ");
        buffer_add(&text, "longer ago than a phase takes: nothing is watched. `pgvigil phase start` opens "
                          "one by hand.");
        return buffer_error(&text) < 0 ? -ENOMEM : str_set(&record->note, buffer_text(&text));
}

static bool is_recent(const Polling *polling, const PhaseMigration *migration) {
        return migration->finished_at > 0 &&
               usec_since(polling->poll->at, migration->finished_at) < polling->settings->duration;
}

bool phase_is_of_another(const PhaseRecord *record, const PhaseSettings *settings) {
        if (!phase_is_over(record))
                return false;
        for (size_t i = 0; i < record->batch.count; i++)
                if (is_wanted(settings, record->batch.items[i].name))
                        return false;
        return record->batch.count > 0;
}

/* No phase is open, none has ended: what is there to wait for? At the first poll (and after a reload
 * that names another migration) a phase may be under way already, with a part that nobody saw. */
static int rest(Polling *polling) {
        PhaseRecord *record = polling->record;
        const PhaseMigration *migration = newest_wanted(polling);
        PhaseState state = migration ? PHASE_IDLE : PHASE_BASELINE;
        bool is_hidden = phase_is_of_another(record, polling->settings);

        if (record->state == PHASE_WATCHING || (phase_is_over(record) && !is_hidden))
                return 0;
        if (migration && is_recent(polling, migration))
                return open_with(polling, migration);
        if (is_hidden)
                return 0;
        polling->has_changed |= record->state != state;
        record->state = state;
        return migration ? set_old_note(record, migration) : str_set(&record->note, NULL);
}

static bool poll_has(const PhasePoll *poll, const char *name) {
        for (size_t i = 0; i < poll->n_finished; i++)
                if (str_equal(poll->finished[i].name, name))
                        return true;
        return false;
}

/* A migration of the batch that was rolled back or deleted, or is there again. */
static int note_gone(const Polling *polling) {
        PhaseRecord *record = polling->record;
        int r = 0;

        for (size_t i = 0; r >= 0 && record->state == PHASE_WATCHING && i < record->batch.count; i++) {
                const char *name = record->batch.items[i].name;
                PhaseEvent *event = event_find(record, PHASE_EVENT_GONE, name);

                if (poll_has(polling->poll, name)) {
                        if (event)
                                event->to = polling->poll->at;
                } else if (!event)
                        r = event_add(record, PHASE_EVENT_GONE, name, polling->poll->at, 0);
        }
        return r;
}

static int remember(const Polling *polling) {
        PhaseMigrations known = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < polling->poll->n_finished; i++)
                r = phase_migrations_add(&known, polling->poll->finished[i].name,
                                         polling->poll->finished[i].finished_at);
        if (r >= 0) {
                SWAP(polling->record->known, known);
                polling->record->last_poll = polling->poll->at;
        }
        phase_migrations_done(&known);
        return r;
}

int phase_poll(PhaseRecord *record, const PhaseSettings *settings, const PhasePoll *poll) {
        Polling polling = {
                .record = record,
                .settings = settings,
                .poll = poll,
                .is_first = record->last_poll == 0,
        };
        int r;

        if (!poll->is_readable)
                return 0;

        r = polling.is_first ? 0 : take_fresh(&polling); /* at first all is fresh, and most of it old */
        if (r >= 0)
                r = rest(&polling);
        if (r >= 0)
                r = note_gone(&polling);
        if (r >= 0)
                r = remember(&polling);
        return r < 0 ? r : polling.has_changed;
}

int phase_open_waiting(PhaseRecord *record, const PhaseSettings *settings) {
        PhaseMigrations waiting;
        int r = 0;

        keep_waiting(record, NULL, settings);
        waiting = record->waiting;
        if (waiting.count == 0)
                return 0;
        record->waiting = (PhaseMigrations){};
        open_phase(record, waiting.items[0].finished_at, settings->duration);
        for (size_t i = 0; r >= 0 && i < waiting.count; i++) {
                const PhaseMigration *item = &waiting.items[i];

                if (usec_since(item->finished_at, record->batch_at) <= PHASE_BATCH) {
                        r = extend_batch(record, item->name, item->finished_at);
                        continue;
                }
                r = event_add(record, PHASE_EVENT_FINISHED, item->name, item->finished_at, item->finished_at);
                if (r >= 0)
                        r = phase_migrations_add(&record->waiting, item->name, item->finished_at);
        }
        phase_migrations_done(&waiting);
        return r < 0 ? r : 1;
}

int phase_start(PhaseRecord *record, const PhaseSettings *settings, usec_t now) {
        if (record->state == PHASE_WATCHING)
                return 0;
        open_phase(record, now, settings->duration);
        record->batch_at = 0;
        return 1;
}

int phase_stop(PhaseRecord *record, usec_t now) {
        if (record->state != PHASE_WATCHING)
                return 0;
        record->state = PHASE_STOPPED;
        record->closed_at = now;
        return 1;
}

int phase_init(PhaseRecord *ret) {
        *ret = (PhaseRecord){};
        return str_set(&ret->note, "No migration history was read yet.");
}
