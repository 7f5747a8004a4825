/* Words of the monitoring phase: its states, criteria and events, and their names outside.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

typedef enum PhaseState {
        PHASE_IDLE,     /* `note` says why */
        PHASE_BASELINE, /* waits for the migration; samples are kept */
        PHASE_WATCHING, /* open */
        PHASE_PASSED,
        PHASE_FAILED,
        PHASE_INCONCLUSIVE,
        PHASE_STOPPED, /* by hand */
        N_PHASE_STATES,
} PhaseState;

typedef enum Criterion {
#define CRITERION(id, name, help) CRITERION_##id,
#include "pgvigil/model/criteria.def"
#undef CRITERION
        N_CRITERIA,
} Criterion;

const char *phase_state_name(PhaseState state); /* "idle" … */
int phase_state_from_name(const char *name);    /* -1: none such */
const char *criterion_name(Criterion criterion);
const char *criterion_help(Criterion criterion);
int criterion_from_name(const char *name);                /* -1: none such */
extern const char *const criterion_names[N_CRITERIA + 1]; /* NULL-terminated */

typedef enum PhaseEventKind {
        PHASE_EVENT_VIOLATED, /* an object in scope; `rows` is the most that were seen */
        PHASE_EVENT_FINISHED, /* a later migration */
        PHASE_EVENT_GONE,     /* a migration of the batch is not finished any more */
        PHASE_EVENT_MOVED,    /* another database answers under the same name */
        N_PHASE_EVENT_KINDS,
} PhaseEventKind;

const char *phase_event_name(PhaseEventKind kind); /* "violated" … */
int phase_event_from_name(const char *name);       /* -1: none such */
