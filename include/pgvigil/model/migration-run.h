/* A migration while it runs, as others feel it: as it is now, and the most that was seen of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pgvigil/base/usec.h"

typedef struct MigrationRun {
        bool is_live;        /* a migration tool works */
        bool is_known;       /* who waits could be seen; all below is nothing else */
        uint64_t blocked;    /* sessions that wait behind it */
        bool is_capped;      /* there may be more */
        usec_t longest_wait; /* of them; USEC_INFINITY: not known */
        usec_t elapsed;      /* since it began, by the clock of who runs it; 0: not known */
        char *locked;        /* tables that it keeps others from writing, or NULL; owned */
} MigrationRun;

void migration_run_done(MigrationRun *run);
int migration_run_copy(const MigrationRun *run, MigrationRun *ret); /* into a zeroed one; 0 or -ENOMEM */

/* The worse of each. 0 or -ENOMEM. */
int migration_run_add(MigrationRun *run, const MigrationRun *other);

/* "3 sessions wait behind it, the longest for 800 ms; it locks public.orders" */
void migration_run_add_words(const MigrationRun *run, bool is_over, Buffer *out);
