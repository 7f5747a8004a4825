/* Shared by the files of the phase: not for other modules.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/phase.h"

#define EVENTS_MAX 256
#define GAPS_MAX   64

/* What is left open from `kind` and `object`, or NULL. */
PhaseEvent *event_find(const PhaseRecord *record, PhaseEventKind kind, const char *object);

/* Past EVENTS_MAX it is counted as dropped. */
int event_add(PhaseRecord *record, PhaseEventKind kind, const char *object, usec_t from, usec_t to);

/* What was seen of a migration that is none of the batch. */
void phase_run_forget(PhaseRecord *record);

/* The phase that waited for this one's verdict. 1: opened. */
int phase_open_waiting(PhaseRecord *record, const PhaseSettings *settings);

/* Judges one criterion: a status and a sentence. `is_final`: it cannot get better. */
typedef struct Judgement {
        Status status;
        bool is_final;
        const char *absent; /* SKIPPED: the prerequisite that is, for "cannot pass: …" */
        Buffer reason;
} Judgement;

void criterion_judge(Criterion criterion, const PhaseRecord *record, const PhaseInputs *inputs, usec_t now,
                     Judgement *judgement);

/* A statement in one line of at most `length` bytes: its text, or its number where that is not known. */
void statement_name(Buffer *text, const StatementShift *shift, size_t length);

/* Begins and ends events of rules in scope that rows break. */
int phase_note_breaches(PhaseRecord *record, const PhaseInputs *inputs, usec_t now);
