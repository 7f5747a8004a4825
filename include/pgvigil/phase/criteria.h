/* Criteria: what the engine hands over for the verdict. All is borrowed for the call.
 *
 * Scope is what the configuration names (Finding.configured) and what the batch added; the rest
 * decides nothing. Numbers are of the phase, from its `started_at` on.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/phase-record.h"
#include "pgvigil/phase/statistics.h"

/* What the plan of an index's canary says. */
typedef enum PhasePlan {
        PLAN_NONE,     /* no canary asks for it */
        PLAN_UNKNOWN,  /* not explained yet, or not possible */
        PLAN_CHOSEN,   /* by itself */
        PLAN_USABLE,   /* with enable_seqscan = off only */
        PLAN_UNUSABLE, /* not even then */
} PhasePlan;

/* Beside a finding of kind constraint, foreign_key or index. */
typedef struct PhaseObject {
        const Finding *finding;
        Reason state;        /* of the object itself, where rows outrank it in finding->reason (column `state`
                                of its table): OK for what the rule does not demand, the reason of the
                                blindness for what the last run could not read, VIOLATED: not known */
        const char *unseen;  /* "not seen": nobody knows whether it is there. Borrowed; NULL: it is known */
        bool is_added;       /* not in the catalog as it was before the batch, or in scope since */
        usec_t walked_since; /* when the last complete walk that trusted no proof began; 0: none */
        PhasePlan plan;      /* indexes only, as is what follows */
        bool is_small;       /* the planner has no reason to care */
        int64_t scans;       /* since the start, -1: not known; a hint only */
} PhaseObject;

typedef struct PhaseCanary {
        const char *name;
        uint64_t rounds;     /* all */
        uint64_t lost;       /* of them to connection, lock, timeout or shutdown */
        uint64_t failed;     /* of them wrong */
        uint64_t failed_run; /* the most that were wrong one after another */
        usec_t median;       /* of those that succeeded */
        usec_t baseline;     /* median of the baseline; 0: none */
        usec_t max_time;     /* as configured; 0: none */
} PhaseCanary;

typedef struct PhaseApp {
        uint64_t probes, good;
        uint64_t lost;         /* not sent, though it was time */
        usec_t longest_outage; /* from the first bad probe to the next good one, or to now */
} PhaseApp;

typedef struct PhaseInputs {
        usec_t interval;  /* as told to phase_round() */
        bool is_complete; /* every check has judged since the process began */
        bool is_awaited;  /* what is still summed up decides: the verdict waits for it as for a round */
        bool is_unseen;   /* not all that decides was looked at since the end: waited for, and no pass */

        const Finding *findings; /* settled, all of the target */
        size_t n_findings;
        bool history_is_readable; /* migrations, in their last poll */

        bool scope_is_known; /* the catalog before the batch was seen: is_added means something */
        const PhaseObject *objects;
        size_t n_objects;
        /* What a walk of all that is named costs, in blocks, and what may be read of it within the phase at
         * most. */
        int64_t walk_blocks, walk_blocks_max;

        const PhaseCanary *canaries; /* every configured one */
        size_t n_canaries;
        const PhaseApp *app; /* NULL: no URL is configured */
        /* Of all slots that have ended (phase_slots_ended()); made once a slot, they are not cheap. */
        const ErrorRate *error_rate; /* NULL: not read, and why: "pg_stat_database is not readable" */
        const char *error_rate_absent;
        const Performance *performance; /* NULL: not read, and why: "pg_stat_statements is missing" */
        const char *performance_absent;
} PhaseInputs;
