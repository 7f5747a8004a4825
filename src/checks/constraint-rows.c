/* The rows of a group of constraints: which rules its table has, which of them are asked for, and what
 * the answers mean for each constraint.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "common.h"
#include "constraint-steps.h"
#include "constraint-text.h"

/* The database refuses new rows that break it, whatever old ones do: only where the rule is the
 * constraint's own expression. */
static bool is_falling(const Constraint *member) {
        bool is_own = !member->wanted || !member->wanted->check || member->comparison == COMPARISON_SAME;

        return member->exists && member->is_enforced && !member->is_validated && member->is_trusted && is_own;
}

static bool is_readable(const Constraint *member) {
        return constraint_rule(member) && (member->is_trusted || (member->wanted && member->wanted->check));
}

static int list_member(CountTable *table, Constraint *member) {
        _cleanup_(freep) char *predicate = str_format("NOT (%s\n)", constraint_rule(member));
        CountRule *rule = predicate ? count_table_list(table, member->name, predicate) : NULL;
        int r = 0;

        member->rule = rule;
        if (!rule)
                return -ENOMEM;
        rule->is_falling = is_falling(member);
        table->is_wanted |= member->wanted != NULL;
        if (member->wanted && member->wanted->check)
                r = constraint_calls(member->wanted->check, &table->calls, &rule->is_opaque);
        if (member->is_proved && rule->is_suspect) {
                member->is_proved = false;
                member->is_pending = true;
        }
        rule->trusted = member->is_proved ? METHOD_PROVED : N_METHODS;
        rule->is_asked = member->is_pending;
        return r;
}

static int list_members(const Run *run, CountTable *table) {
        int r = 0;

        count_table_unlist(table);
        for (size_t i = 0; i < run->group->n_members; i++)
                run->group->members[i]->rule = NULL;
        for (size_t i = 0; r >= 0 && i < run->group->n_members; i++)
                if (is_readable(run->group->members[i]))
                        r = list_member(table, run->group->members[i]);
        if (r >= 0)
                count_table_sweep(table);
        return r;
}

static int rows_begin(const Run *run) {
        const Relation *relation = run->group->relation;
        const CountTable wanted = {
                .id = relation->id,
                .schema = relation->schema,
                .name = relation->name,
                .only = run->group->only,
                .alone = run->group->members[0]->runs_alone ? run->group->members[0]->name : NULL,
        };
        int r = count_tables_get(&run->state->tables, &wanted, &run->group->table);

        if (r >= 0)
                r = list_members(run, run->group->table);
        if (r < 0)
                return r;
        run->group->table->has_user_code = relation->has_user_code;
        count_begin(run->group->table,
                    count_tables_share(&run->state->tables, run->group->table, run->context), false);
        if (counting_pending(run->group) == 0)
                run->group->table->stage = COUNT_DONE;
        return 0;
}

static int rows_finish(const Run *run) {
        const CountAnswer proved = {
                .method = METHOD_PROVED,
                .at = run->context->realtime,
                .boottime = run->context->boottime,
        };
        usec_t began = run->counting->began;
        int r = 0;

        run->counting->visited++;
        for (size_t i = 0; r >= 0 && i < run->group->n_members; i++) {
                Constraint *member = run->group->members[i];

                member->reading.walked = member->rule ? member->rule->walked_since : 0;
                if (!member->is_proved && !(member->is_pending && member->rule))
                        continue;
                member->is_pending = false;
                if (member->is_proved)
                        reading_succeed(&member->reading, began, &proved);
                else
                        r = reading_take(&member->reading, began, run->group->table, member->rule,
                                         run->context);
                member->runs_alone &= member->reading.failure != REASON_OK;
        }
        return r;
}

int constraint_rows_next(const Run *run, Statement *ret) {
        int r = run->group->table ? 0 : rows_begin(run);

        if (r >= 0)
                r = count_next(run->group->table, run->context, ret);
        return r == 0 ? rows_finish(run) : r;
}

int constraint_rows_take(const Run *run, const Outcome *outcome) {
        return count_take(run->group->table, run->context, outcome);
}

int constraint_rows_fail(const Run *run, Reason reason) {
        count_fail(run->group->table, reason);
        return rows_finish(run);
}

/* Where no later poll counts what a walk of everything found against the catalog, the walk says it. */
void constraint_rows_settle(ConstraintState *state, const CheckContext *context) {
        for (size_t i = 0; i < state->catalog.n_items; i++) {
                Constraint *item = &state->catalog.items[i];

                if (!item->rule || !item->rule->is_suspect)
                        continue;
                reading_succeed(&item->reading, state->counting.began,
                                &(CountAnswer){
                                        .count = item->rule->safety_walked,
                                        .method = METHOD_WALK,
                                        .at = context->realtime,
                                        .boottime = context->boottime,
                                });
        }
}
