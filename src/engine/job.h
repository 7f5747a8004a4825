/* Job: one check on one target, over all rounds.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

typedef struct Job {
        const CheckKind *kind;
        void *state;
        usec_t period;
        size_t first, count; /* its slice of view.findings */
        Table **tables;      /* what it published last; owned */
        size_t n_tables;
        bool in_round;
        bool has_report;     /* `report` waits for the end of the round */
        bool is_news;        /* … and is being applied */
        uint64_t sampled;    /* its runs when samples were taken last */
        bool is_fresh;       /* not scheduled yet under these settings */
        bool is_blank;       /* its state was made anew: has seen nothing yet, unlike its findings */
        usec_t ran_at;       /* boottime of the round that it ran in last; 0: it has not */
        usec_t again_in;     /* something is under way: the next run is to be no later; 0: as due */
        bool wants_blocks;   /* it could not read all that it would have, the last time */
        int64_t walk_blocks; /* as in its last report */
        Reason failed;       /* REASON_OK, or why this round has no report */
        Report report;
} Job;
