/* phase: the monitoring phase of one target, from the migration to the verdict.
 *
 * The engine keeps one PhaseRecord a target and calls, with its realtime clock:
 *
 *   phase_parse()   at start, with what the history kept, else phase_init()
 *   phase_round()   after each round whose statements were answered
 *   phase_poll()    after each run of the check `migration`
 *   phase_judge()   after each round, good or bad, and at ends_at; the history keeps
 *                   phase_format(); an older one costs void only, up to what it missed
 *
 * and hands the record to the renderers. The numbers of a phase begin at `started_at`, which may
 * lie before the moment it opened (a migration that was seen late, a phase that waited for
 * another): the engine sums them from the history's samples, see phase_slot().
 * Pure: no I/O, no clock.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/phase-record.h"
#include "pgvigil/model/settings.h"
#include "pgvigil/model/table.h"
#include "pgvigil/phase/criteria.h"

/* Migrations that finish within it of each other are one batch. */
#define PHASE_BATCH (10 * USEC_PER_MINUTE)

int phase_init(PhaseRecord *ret);

/* As text, for the history; phase_parse() reads it back. Unknown keys of a later version are passed over;
 * a text that is cut, of a later format, or none of ours is -EINVAL, and then *ret is empty. */
int phase_format(const PhaseRecord *record, Buffer *out);
int phase_parse(const char *text, PhaseRecord *ret);

/* A round was answered. `interval`: how far rounds are apart; no round for three of them is a gap. */
int phase_round(PhaseRecord *record, usec_t now, usec_t interval);

/* Which database answers, before phase_round(); NULL: not known. Of another one nothing was observed: an
 * open phase is void until now, and whatever else is known begins anew. 1: it is another, 0: not. */
int phase_database(PhaseRecord *record, const char *database, usec_t now);

/* The histories of a target at one time. */
typedef struct PhasePoll {
        usec_t at;
        bool is_readable;               /* every history there is; else nothing follows from it */
        const PhaseMigration *finished; /* live rows, with the time that the tool wrote; 0: unknown */
        size_t n_finished;
} PhasePoll;

/* Opens a phase, extends its batch, notes later migrations. 1: the state changed, 0: not; negative errno. */
int phase_poll(PhaseRecord *record, const PhaseSettings *settings, const PhasePoll *poll);

/* What runs at the time of a poll, and before phase_poll() is told of it: kept where it belongs to the batch
 * of the phase that is open, or to that of the next. */
int phase_run(PhaseRecord *record, const MigrationRun *run, usec_t now);

/* Whether a phase is over, and was of another migration than is named: its verdict says nothing of that one.
 * It is kept, and stands again where its own is named again. One that was opened by hand is of none. */
bool phase_is_of_another(const PhaseRecord *record, const PhaseSettings *settings);

/* By hand. 1: done; 0: one is open already, or none is. */
int phase_start(PhaseRecord *record, const PhaseSettings *settings, usec_t now);
int phase_stop(PhaseRecord *record, usec_t now);

/* Judges the criteria of an open phase, notes breaches, and closes it when it is over: when a round was
 * answered after its end, and an hour (duration / 24) after it at the latest. 1: the state changed. */
int phase_judge(PhaseRecord *record, const PhaseSettings *settings, const PhaseInputs *inputs, usec_t now);

/* As pgvigil_phase_…: one row, and one for each criterion that was judged. 0 or -ENOMEM. */
extern const Shape phase_shape, phase_criterion_shape;
int phase_fill(const PhaseRecord *record, usec_t now, Table *phase, Table *criteria);

/* Of its time so far, not observed. */
usec_t phase_void(const PhaseRecord *record, usec_t now, usec_t interval);

usec_t phase_remaining(const PhaseRecord *record, usec_t now); /* 0 when none is open */

/* Start of slot `i` of `n` (PHASE_BUCKETS, PHASE_HOURS) of a day: 0 is the phase, -1 the day before it.
 * Slot `n` is the end of the last. 0: before all time. */
usec_t phase_slot(const PhaseRecord *record, int day, size_t n, size_t i);

/* Slots of the phase that have ended. */
size_t phase_slots_ended(const PhaseRecord *record, size_t n, usec_t now);

/* Hours of the clock: those that are wholly within the phase, day 0, and the same of the days before it.
 * `width` is of all that is kept by the hour. */
usec_t phase_hour_width(usec_t duration);
usec_t phase_hour(const PhaseRecord *record, int day, size_t hour); /* its start; 0: before all time */
bool phase_hours_are_shifted(const PhaseRecord *record); /* the phase has one less than PHASE_HOURS */
size_t phase_hours_ended(const PhaseRecord *record, usec_t now);

/* Length of what a log may have of a reason: without texts of statements. */
size_t phase_reason_length(const char *reason);

/* Whole days before it since `samples_since`, at most PHASE_BASELINE_DAYS. */
size_t phase_baseline_days(const PhaseRecord *record, usec_t samples_since);
