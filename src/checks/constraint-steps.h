/* The steps of counting one table: what each asks and what it makes of the answer.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "constraint.h"

typedef enum Step {
        STEP_LOCK,
        STEP_VERIFY,
        STEP_PROVE_ALL,
        STEP_PROVE_ONE,
        STEP_COMPARE,
        STEP_ROWS, /* constraint-rows.c */
        STEP_COLUMNS,
        N_STEPS,
} Step;

typedef struct Run {
        ConstraintState *state;
        Counting *counting;
        Group *group;
        const CheckContext *context;
} Run;

typedef struct StepKind {
        const char *name; /* of the statement */
        const Shape *shape;
        StatementPlace place;
        bool repeats; /* goes through the members, by the cursor */

        /* 1: the statement is in `sql` (and more in `ret`); 0: nothing to ask; negative errno. */
        int (*ask)(const Run *run, Statement *ret, Buffer *sql);
        int (*accept)(const Run *run, const Table *table); /* NULL: nothing is wanted */
} StepKind;

extern const StepKind constraint_steps[N_STEPS];

size_t counting_pending(const Group *group);
void counting_fail(const Run *run, Constraint *member, Reason reason);
void counting_fail_pending(const Run *run, Reason reason);

/* constraint-rows.c: the rows of a group, by the CountTable that remembers it. 1: *ret holds a
 * statement; 0: each pending member has its reading. */
int constraint_rows_next(const Run *run, Statement *ret);
int constraint_rows_take(const Run *run, const Outcome *outcome);
int constraint_rows_fail(const Run *run, Reason reason);
void constraint_rows_settle(ConstraintState *state, const CheckContext *context); /* at the end of a run */
