/* The texts of the constraint check: statements made of expressions, and names in them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "constraint.h"

/* What must hold of each row: the configured expression, else the catalog's; NULL: none known. */
const char *constraint_rule(const Constraint *constraint);

/* Each appends one statement. An expression ends in a newline: it may end in a comment. */
void constraint_add_lock(Buffer *out, const Group *group);
void constraint_add_proof(Buffer *out, const Group *group,
                          const Constraint *only_one); /* NULL: all pending */
void constraint_add_filter(Buffer *out, const Group *group, const char *expression);

/* Whether the plan says that no row can be selected, without looking at one. Any scan in it, of
 * whatever kind, and it is no proof. */
bool constraint_plan_is_proof(const char *plan);

/* The name that PostgreSQL gives to a NOT NULL constraint. Owned; NULL when out of memory. */
char *constraint_not_null_name(const char *relation, const char *column);

/* The first name in an expression that is no column but looks most like a misspelt one: owned,
 * NULL when there is none. *ret_nearest is one of `columns`, or NULL. 0 or -ENOMEM. */
int constraint_guess_column(const char *expression, char *const *columns, char **ret_column,
                            const char **ret_nearest);

/* Names of functions that an expression of the configuration calls, added to *calls; *is_opaque where
 * what it says may depend on more than its row: another table, the clock, the session. */
int constraint_calls(const char *expression, char ***calls, bool *ret_is_opaque);
