/* Statements of the constraint check that are made of tables and expressions.
 *
 * Rules are written NOT (rule): NULL passes as it does in a CHECK, and the planner can use its
 * proof and indexes of either form.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "constraint-text.h"

#include <string.h>

#include "common.h"

#define NAME_BYTES      63 /* NAMEDATALEN - 1 */
#define NOT_NULL_SUFFIX "_not_null"

const char *constraint_rule(const Constraint *constraint) {
        if (constraint->wanted && constraint->wanted->check)
                return constraint->wanted->check;
        return constraint->expression;
}

static void add_table(Buffer *out, const Group *group) {
        buffer_printf(out, "%s%s", group->only ? "ONLY " : "", group->relation->sql);
}

static void add_negation(Buffer *out, const Constraint *constraint) {
        buffer_printf(out, "NOT (%s\n)", constraint_rule(constraint));
}

static void add_from_where(Buffer *out, const Group *group, const Constraint *only_one) {
        const char *separator = " WHERE ";

        buffer_add(out, " FROM ");
        add_table(out, group);
        for (size_t i = 0; i < group->n_members; i++) {
                const Constraint *member = group->members[i];

                if (only_one ? member != only_one : !member->is_pending)
                        continue;
                buffer_add(out, separator);
                add_negation(out, member);
                separator = " OR ";
        }
}

void constraint_add_lock(Buffer *out, const Group *group) {
        buffer_add(out, "LOCK TABLE ");
        add_table(out, group);
        buffer_add(out, " IN ACCESS SHARE MODE");
}

void constraint_add_proof(Buffer *out, const Group *group, const Constraint *only_one) {
        buffer_add(out, "EXPLAIN (FORMAT JSON) SELECT count(*)");
        add_from_where(out, group, only_one);
}

void constraint_add_filter(Buffer *out, const Group *group, const char *expression) {
        buffer_add(out, "EXPLAIN (COSTS OFF, FORMAT JSON) SELECT FROM ");
        add_table(out, group);
        buffer_printf(out, " WHERE (%s\n)", expression);
}

bool constraint_plan_is_proof(const char *plan) {
        return plan && strstr(plan, "\"One-Time Filter\": \"false\"") && !strstr(plan, "\"Relation Name\"") &&
               !strstr(plan, " Scan\"");
}

/* The longer part gives way byte by byte, then each is cut at a whole character. */
char *constraint_not_null_name(const char *relation, const char *column) {
        size_t room = NAME_BYTES - strlen("_" NOT_NULL_SUFFIX);
        size_t a = strlen(relation), b = strlen(column);

        while (a + b > room)
                *(a > b ? &a : &b) -= 1;
        a = str_utf8_prefix(relation, a);
        b = str_utf8_prefix(column, b);
        return str_format("%.*s_%.*s" NOT_NULL_SUFFIX, (int)a, relation, (int)b, column);
}
