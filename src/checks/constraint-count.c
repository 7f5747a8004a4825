/* Counting: for each table the steps in their order, each run beginning with another table.
 *
 *   lock ─▶ verify ─▶ prove all ─▶ prove one … ─▶ compare … ─▶ rows (constraint-rows.c) … ─▶ columns
 *
 * A step that has nothing to ask is passed over. What opens a transaction commits the one before. An
 * error ends it: when it may be the fault of one rule, each that was to be counted gets a group of
 * its own at the end of the queue; else all of them are unread, with the reason.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "constraint-steps.h"

/* Errors that one rule can cause: syntax and names, bad values, a function without EXECUTE. */
#define SQLSTATES_OF_RULES "0A,21,22,2F,38,39,42,P0"

void counting_done(Counting *counting) {
        for (size_t i = 0; i < counting->n_groups; i++)
                free(counting->groups[i].members);
        free(counting->groups);
        free(counting->plan);
        *counting = (Counting){};
}

static bool is_due(const Constraint *constraint, const CheckContext *context) {
        return constraint->is_countable && constraint->blocked == REASON_OK &&
               reading_is_due(&constraint->reading, context);
}

/* Whether only the table's own rows count, and not those of its children. */
static bool is_only(const Constraint *constraint) {
        if (constraint->relation->kind == 'p')
                return false;
        if (!constraint->relation->has_children)
                return true;
        return constraint->no_inherit && !(constraint->wanted && constraint->wanted->check);
}

static Group *add_group(Counting *counting, const Constraint *first) {
        Group *grown = reallocarray(counting->groups, counting->n_groups + 1, sizeof(*grown));

        if (!grown)
                return NULL;
        counting->groups = grown;
        grown[counting->n_groups] = (Group){.relation = first->relation, .only = is_only(first)};
        return &grown[counting->n_groups++];
}

static int add_member(Counting *counting, Constraint *constraint) {
        Group *group = counting->n_groups > 0 ? &counting->groups[counting->n_groups - 1] : NULL;
        Constraint **grown;

        if (!group || constraint->runs_alone || group->members[0]->runs_alone ||
            group->relation != constraint->relation || group->only != is_only(constraint))
                group = add_group(counting, constraint);
        if (!group)
                return -ENOMEM;
        grown = reallocarray(group->members, group->n_members + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        group->members = grown;
        grown[group->n_members++] = constraint;
        return 0;
}

static int compare_members(const void *a, const void *b) {
        const Constraint *left = *(Constraint *const *)a, *right = *(Constraint *const *)b;

        if (left->relation != right->relation)
                return left->relation < right->relation ? -1 : 1;
        if (left->runs_alone != right->runs_alone)
                return left->runs_alone - right->runs_alone;
        if (is_only(left) != is_only(right))
                return is_only(left) - is_only(right);
        return (left > right) - (left < right);
}

/* A table is visited with all its rules, so that what is remembered of it is of all, and all are asked for
 * when one is due: the scan is the same, and a key that is kept tells of each. */
static int plan_table(Counting *counting, Constraint *const *items, size_t n) {
        bool is_due = false;
        int r = 0;

        for (size_t i = 0; i < n; i++)
                is_due |= items[i]->is_pending;
        for (size_t i = 0; is_due && r >= 0 && i < n; i++) {
                items[i]->is_pending |= reading_keeps_step(&items[i]->reading);
                r = add_member(counting, items[i]);
        }
        return r;
}

/* Each run begins with another group: what a budget cuts off is not always the same. */
static void rotate(Counting *counting, size_t turn) {
        size_t n = counting->n_groups, by = n > 0 ? turn % n : 0;
        Group *rotated = by > 0 ? calloc(n, sizeof(Group)) : NULL;

        if (!rotated)
                return;
        memcpy(rotated, counting->groups + by, (n - by) * sizeof(Group));
        memcpy(rotated + n - by, counting->groups, by * sizeof(Group));
        free(counting->groups);
        counting->groups = rotated;
}

static size_t begin_items(ConstraintCatalog *catalog, const CheckContext *context, Constraint **ret_items) {
        size_t n = 0;

        for (size_t i = 0; i < catalog->n_items; i++) {
                Constraint *item = &catalog->items[i];

                item->is_proved = false;
                item->rule = NULL;
                item->is_pending = is_due(item, context);
                if (item->is_countable && item->blocked == REASON_OK)
                        ret_items[n++] = item;
                if (item->comparison == COMPARISON_UNDECIDED)
                        item->comparison = COMPARISON_NONE;
        }
        return n;
}

int counting_plan(ConstraintState *state, const CheckContext *context) {
        _cleanup_(freep) Constraint **items = calloc(state->catalog.n_items + 1, sizeof(Constraint *));
        size_t n, first = 0;
        int r = 0;

        counting_done(&state->counting);
        state->counting.began = context->boottime;
        if (!items)
                return -ENOMEM;
        n = begin_items(&state->catalog, context, items);
        qsort(items, n, sizeof(*items), compare_members);
        for (size_t i = 1; r >= 0 && i <= n; i++)
                if (i == n || items[i]->relation != items[first]->relation) {
                        r = plan_table(&state->counting, items + first, i - first);
                        first = i;
                }
        rotate(&state->counting, state->turn++);
        return r;
}

static Run run_of(ConstraintState *state, const CheckContext *context) {
        Counting *counting = &state->counting;

        return (Run){state, counting, &counting->groups[counting->current], context};
}

/* What the step asks: 1; nothing: 0; negative errno. */
static int step_next(const Run *run, Statement *ret) {
        const StepKind *step = &constraint_steps[run->counting->step];
        _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;
        int r;

        if (run->counting->step == STEP_ROWS)
                return constraint_rows_next(run, ret);
        ret->name = step->name;
        ret->shape = step->shape;
        ret->place = step->place;
        ret->object = run->group->relation->sql;
        ret->exclusion_off = run->group->relation->has_user_code;
        r = step->ask(run, ret, &sql);
        if (r <= 0)
                return r;
        ret->sql = buffer_take(&sql);
        return ret->sql ? 1 : -ENOMEM;
}

int counting_next(ConstraintState *state, const CheckContext *context, Statement *ret) {
        Counting *counting = &state->counting;
        int r;

        while (counting->current < counting->n_groups) {
                Run run = run_of(state, context);

                for (; counting->step < N_STEPS; counting->step++, counting->cursor = 0) {
                        r = step_next(&run, ret);
                        if (r != 0)
                                return r;
                        statement_done(ret);
                }
                counting->current++;
                counting->step = STEP_LOCK;
                counting->cursor = 0;
        }
        r = count_safety_next(&state->tables, &counting->safety, context, ret);
        if (r == 0 && context->is_once)
                constraint_rows_settle(state, context);
        return r;
}

/* Each rule that was to be counted on its own, so that the broken one takes no other down. */
static int split(Counting *counting) {
        size_t current = counting->current, n = counting->groups[current].n_members;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                Constraint *member = counting->groups[current].members[i];

                if (!member->is_pending)
                        continue;
                member->runs_alone = true;
                r = add_member(counting, member);
        }
        return r;
}

static Reason reason_of(const char *sqlstate) {
        return sqlstate_in(sqlstate, "55000") ? REASON_UNSUPPORTED : check_reason(sqlstate);
}

/* The configured or catalogued expression itself may be at fault, and not the table. */
static bool is_rules_fault(const Run *run, const char *sqlstate) {
        unsigned step = run->counting->step;

        if (!sqlstate_in(sqlstate, SQLSTATES_OF_RULES))
                return false;
        return step == STEP_PROVE_ALL || step == STEP_PROVE_ONE ||
               (step == STEP_ROWS && count_evaluates(run->group->table));
}

/* The transaction is over. */
static int take_error(const Run *run, const char *sqlstate) {
        Counting *counting = run->counting;
        bool is_fault = is_rules_fault(run, sqlstate);
        int r = 0;

        if (counting->step == STEP_ROWS &&
            count_slow_down(run->group->table, run->context, reason_of(sqlstate)))
                return 0;
        (void)str_set(&counting->plan, NULL);
        counting->is_outdated |= counting->step == STEP_LOCK && sqlstate_in(sqlstate, "42P01");
        if (counting->step == STEP_COMPARE) {
                run->group->members[counting->cursor]->comparison = COMPARISON_UNDECIDED;
                counting->step = STEP_LOCK;
                counting->cursor = 0;
                return 0;
        }
        if (is_fault && counting_pending(run->group) > 1) {
                counting->step = N_STEPS;
                return split(counting);
        }
        for (size_t i = 0; i < run->group->n_members; i++)
                run->group->members[i]->runs_alone |= is_fault && run->group->members[i]->is_pending;
        if (counting->step == STEP_ROWS)
                r = constraint_rows_fail(run, reason_of(sqlstate));
        counting_fail_pending(run, reason_of(sqlstate));
        counting->step = STEP_COLUMNS;
        counting->cursor = 0;
        return r;
}

/* A user's function may have been replaced since its CHECK was validated: a planner that inlines it
 * would prove what is not so. The group begins anew, without proofs. */
static void restart(Counting *counting) {
        counting->restart = false;
        counting->step = STEP_LOCK;
        counting->cursor = 0;
}

int counting_take(ConstraintState *state, const CheckContext *context, const Outcome *outcome) {
        Counting *counting = &state->counting;
        int r = 0;

        if (counting->current == counting->n_groups)
                return count_safety_take(&counting->safety, context, outcome);

        const StepKind *step = &constraint_steps[counting->step];
        Run run = run_of(state, context);

        if (outcome->kind == OUTCOME_ERROR)
                return take_error(&run, outcome->sqlstate);
        if (counting->step == STEP_ROWS)
                return constraint_rows_take(&run, outcome);
        if (step->accept)
                r = step->accept(&run, outcome->table);
        if (r >= 0 && counting->restart)
                restart(counting);
        else if (r >= 0 && !step->repeats) {
                counting->step++;
                counting->cursor = 0;
        }
        return r;
}
