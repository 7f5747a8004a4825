/* Watch: the monitoring phase of one target, and the samples that it and the charts rest on.
 *
 * Fed after each round with what the round left in the view. Without a history (one-shot
 * commands) nothing is kept and there is no phase.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/digest.h"
#include "pgvigil/history.h"
#include "pgvigil/phase.h"
#include "transaction-sample.h"
#include "watch-runs.h"
#include "watch-statements.h"

typedef struct Job Job;
typedef struct Target Target;

/* What a phase is about, as it was once its batch was through: keys, sorted. */
typedef struct WatchScope {
        usec_t started_at;                /* of that phase; 0: not taken down yet */
        char fingerprint[DIGEST_HEX_MAX]; /* of what was watched then */
        char **added;                     /* by the batch; nobody named them */
        char **named;                     /* by the configuration */
} WatchScope;

typedef struct Watch {
        PhaseRecord record;
        PhaseRecord awaited; /* shown in its place where it is of another migration than is named */
        bool is_begun;       /* what an earlier process kept is known */
        bool has_before;     /* the objects that were there before the batch were seen */
        char **before;       /* their keys, sorted */
        bool has_seen;       /* what is there now, and is of before once the migrations were read after it */
        char **seen;
        WatchScope scope;
        bool has_ended;  /* every check was asked to run after the end of the phase */
        uint64_t polled; /* runs of the migration check that the phase has seen */
        /* The verdict rests on a walk of everything that began within the phase: of which one, since when
         * (boottime) and in what time. */
        usec_t walk_for, walk_since, walk_within;
        bool wants_walk; /* and waits for it */
        WatchRuns runs;
        TransactionSample transactions;
        WatchStatements statements;
} Watch;

/* After a round was applied; `is_answered`: its statements were. */
void watch_round(Target *target, bool is_answered, usec_t boottime, usec_t realtime);
void watch_done(Watch *watch);

/* Which phase is seen from outside, under the settings of now. */
void watch_show(Target *target);

/* A probe of the application has its result. `outage`: that it goes on or ends, how long it took; else 0. */
void watch_sample_app(Target *target, bool is_good, usec_t duration, usec_t outage, usec_t realtime);

/* Something that a person may want to see on the time axis: `kind` is finding, health or phase. */
void watch_event(Target *target, usec_t at, const char *kind, const char *format, ...) _printf_(4, 5);

/* Opens or closes a phase. 1: done; 0: nothing to do; -EAGAIN: what was kept is not known yet. */
int watch_by_hand(Target *target, bool is_start, usec_t realtime);

/* Samples of the jobs that have run since they were taken last. */
void watch_sample(Target *target, usec_t realtime);

/* What a run of the check `activity` left; what an earlier process kept of the last one. */
void watch_take_transactions(Target *target, const Job *job, usec_t realtime);
int watch_load_transactions(Target *target);

/* The table with that column that a check published last, or NULL. Borrowed. */
const Table *watch_table(const Job *job, const char *column);

/* Counters that were read of two databases do not begin alike, whatever they say of themselves. Owned. */
char *watch_epoch(const Target *target, const char *epoch);

/* What phase_judge() wants to know; valid until the view changes. 0 or -ENOMEM. */
typedef struct WatchInputs {
        PhaseInputs inputs;
        PhaseObject *objects;
        Finding *gone; /* of what was added and is not there any more */
        size_t n_gone;
        PhaseCanary *canaries;
        PhaseApp app;
        ErrorRate error_rate;
        Performance performance;
        char *performance_absent;
} WatchInputs;

int watch_inputs(Target *target, usec_t boottime, usec_t realtime, WatchInputs *ret);
void watch_inputs_done(WatchInputs *inputs);

/* 0 or -ENOMEM. */
int watch_fill_performance(Target *target, usec_t realtime, WatchInputs *ret);

/* Key of a finding in Watch.before; owned. */
char *watch_key(const Finding *finding);

/* Whether a finding is of a constraint, a key or an index; … that is in the catalog. */
bool watch_is_object(const Finding *finding);
bool watch_is_there(const Finding *finding);

/* Of the scope: what an earlier process kept, what is in it once all was looked at after the batch, and as
 * inputs what of it is there no longer. 0 or -ENOMEM. */
int watch_load_scope(Target *target);
int watch_take_scope(Target *target);
int watch_fill_gone(const Target *target, WatchInputs *ret);
bool watch_is_in_scope(const Watch *watch, const char *key);
void watch_scope_done(WatchScope *scope);
