/* What becomes of constraints: findings, their words, and what is published of them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "constraint.h"

/* How a constraint stands in the catalog. */
typedef enum Standing {
        STANDING_NONE, /* no such table, or not there and not asked for */
        STANDING_ENFORCED,
        STANDING_NOT_VALID,
        STANDING_NOT_ENFORCED,
        STANDING_MISSING,
        STANDING_DIFFERS,
        N_STANDINGS,
} Standing;

Standing constraint_standing(const Constraint *constraint);
int constraint_judge(const ConstraintState *state, const CheckContext *context, Report *report);

/* constraint-describe.c: summary, hint and repair of a finding that is decided. 0 or -ENOMEM. */
int constraint_describe(Finding *finding, const CheckContext *context, const Constraint *constraint);

/* constraint-publish.c: findings from `first` on are those of the catalog's items, in order. */
extern const Shape *const constraint_shapes[];
int constraint_publish(const ConstraintState *state, Report *report, size_t first);
