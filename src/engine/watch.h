/* Watch: the monitoring phase of one target, and the samples that it and the charts rest on.
 *
 * Fed after each round with what the round left in the view. Without a history (one-shot
 * commands) nothing is kept and there is no phase.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/history.h"
#include "pgvigil/phase.h"

typedef struct Target Target;

typedef struct Watch {
        PhaseRecord record;
        bool is_begun;   /* what an earlier process kept is known */
        bool has_before; /* the objects that were there before the batch were seen */
        char **before;   /* their keys, sorted */
        uint64_t polled; /* runs of the migration check that the phase has seen */
        /* The verdict rests on a walk of everything that began within the phase: of which one, since when
         * (boottime) and in what time. */
        usec_t walk_for, walk_since, walk_within;
        bool wants_walk; /* and waits for it */
} Watch;

/* After a round was applied; `is_answered`: its statements were. */
void watch_round(Target *target, bool is_answered, usec_t boottime, usec_t realtime);
void watch_done(Watch *watch);

/* A probe of the application has its result. */
void watch_sample_app(Target *target, bool is_good, usec_t duration, usec_t realtime);

/* Something that a person may want to see on the time axis: `kind` is finding, health or phase. */
void watch_event(Target *target, usec_t at, const char *kind, const char *format, ...) _printf_(4, 5);

/* Opens or closes a phase. 1: done; 0: nothing to do; -EAGAIN: what was kept is not known yet. */
int watch_by_hand(Target *target, bool is_start, usec_t realtime);

/* Samples of the jobs that have run since they were taken last. */
void watch_sample(Target *target, usec_t realtime);

/* What phase_judge() wants to know; valid until the view changes. 0 or -ENOMEM. */
typedef struct WatchInputs {
        PhaseInputs inputs;
        PhaseObject *objects;
        PhaseCanary *canaries;
        PhaseApp app;
        ErrorRate error_rate;
} WatchInputs;

int watch_inputs(Target *target, usec_t boottime, usec_t realtime, WatchInputs *ret);
void watch_inputs_done(WatchInputs *inputs);

/* Key of a finding in Watch.before; owned. */
char *watch_key(const Finding *finding);
