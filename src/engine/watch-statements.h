/* What statements cost: the part of a Watch that the criterion `performance` rests on.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/phase.h"
#include "statement-sample.h"

typedef struct Job Job;
typedef struct Target Target;

#define WATCH_TEXTS (4 * PERFORMANCE_MOVED)

typedef struct WatchText {
        int64_t queryid;
        char *text; /* owned; without values */
} WatchText;

/* What statements cost: the last sample, the hour that is open, and what the hours that were kept come to. */
typedef struct WatchStatements {
        StatementSample sample;
        StatementHours hours;
        struct WatchReading *reading; /* under way, or NULL */
        usec_t started_at;            /* of the phase that `result` is of; 0: there is none */
        Performance result;
        WatchText texts[WATCH_TEXTS]; /* of what moved most, the newest first */
        size_t n_texts;
        int64_t wanted[PERFORMANCE_MOVED]; /* whose texts the check is to read */
        size_t n_wanted;
        unsigned n_asked; /* runs of the check since they are wanted */
} WatchStatements;

/* What an earlier process kept of the last sample and the hour that was open. 0 or -ENOMEM. */
int watch_load_statements(Target *target);

/* What a run of the check `statements` left. */
void watch_take_statements(Target *target, const Job *job);

/* Sums up the hours of an open phase and of the days before it, once one more has ended. */
void watch_read_statements(Target *target, usec_t realtime);
void watch_statements_done(WatchStatements *statements);
