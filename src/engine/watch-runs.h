/* WatchRuns: how often each canary was wrong one after another in a phase. Points of the history, which
 * hold several rounds, do not tell.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgvigil/base/usec.h"

typedef struct WatchRun {
        char *canary;      /* owned */
        usec_t started_at; /* of the phase that it is in */
        uint64_t length, most;
} WatchRun;

typedef struct WatchRuns {
        WatchRun *items;
        size_t count;
} WatchRuns;

void watch_runs_done(WatchRuns *runs);

/* One more round that was not lost, in the phase that started then. Its run up to now; 0: it was right, or
 * -ENOMEM. */
int64_t watch_runs_add(WatchRuns *runs, const char *canary, usec_t started_at, bool is_failed);

/* The longest in that phase, as far as this process has seen it. */
uint64_t watch_runs_longest(const WatchRuns *runs, const char *canary, usec_t started_at);
