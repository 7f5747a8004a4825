/* What `check --explain` shows: each statement, its method, its cost; nothing is counted.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/engine.h"

typedef struct Explain {
        Buffer text;
        double cost;          /* of the last plan seen: what would run next */
        char **exclusion_off; /* the names of targets with a statement that says so */
} Explain;

/* An observer's `statement`; its userdata is a RunOnce whose `extra` is the Explain. */
void explain_statement(void *userdata, const TargetView *target, const CheckKind *check,
                       const Statement *statement, const Outcome *outcome);

/* Session statements first, then what was gathered. */
int explain_print(const Explain *explain, Engine *engine);
void explain_done(Explain *explain);
