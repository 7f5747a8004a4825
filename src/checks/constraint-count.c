/* Counting: for each table one transaction, which goes through the steps in their order.
 *
 *   lock ─▶ verify ─▶ prove all ─▶ prove one … ─▶ compare … ─▶ count ─▶ keys … ─▶ close ─▶ columns
 *
 * A step that has nothing to ask is passed over. An error ends the transaction: when it may be
 * the fault of one rule, each that was to be counted gets a group of its own at the end of the
 * queue; else all of them are unread, with the reason.
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

/* The engine comes at the shorter of two intervals, now and then late behind other rounds: half of
 * one early is due, or the turn after a late one would be lost. After three timeouts in a row the
 * interval doubles, up to eightfold. */
static bool is_due(const Constraint *constraint, const CheckContext *context) {
        const Intervals *intervals = &context->settings->intervals;
        const Reading *reading = &constraint->reading;
        usec_t tick = intervals->catalog < intervals->violations ? intervals->catalog : intervals->violations;
        unsigned doublings = reading->timeouts > 2 ? reading->timeouts - 2 : 0;

        if (!constraint->is_countable || constraint->blocked != REASON_OK)
                return false;
        if (reading->tried == 0)
                return true;
        return usec_since(context->boottime, reading->tried) + tick / 2 >=
               intervals->violations << (doublings < 3 ? doublings : 3);
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

int counting_plan(ConstraintState *state, const CheckContext *context) {
        ConstraintCatalog *catalog = &state->catalog;
        _cleanup_(freep) Constraint **due = calloc(catalog->n_items + 1, sizeof(Constraint *));
        size_t n = 0;
        int r = 0;

        counting_done(&state->counting);
        state->counting.began = context->boottime;
        if (!due)
                return -ENOMEM;
        for (size_t i = 0; i < catalog->n_items; i++) {
                Constraint *item = &catalog->items[i];

                item->is_fresh = false;
                item->is_pending = is_due(item, context);
                if (item->is_pending)
                        due[n++] = item;
                if (item->comparison == COMPARISON_UNDECIDED)
                        item->comparison = COMPARISON_NONE;
        }
        qsort(due, n, sizeof(*due), compare_members);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_member(&state->counting, due[i]);
        return r;
}

static Run run_of(ConstraintState *state, const CheckContext *context) {
        Counting *counting = &state->counting;

        return (Run){counting, &counting->groups[counting->current], context};
}

/* The next statement of this group: 1, or 0 when it has none left. */
static int group_next(const Run *run, Statement *ret) {
        Counting *counting = run->counting;

        for (; counting->step < N_STEPS; counting->step++, counting->cursor = 0) {
                const StepKind *step = &constraint_steps[counting->step];
                _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;
                int r;

                ret->name = step->name;
                ret->shape = step->shape;
                ret->place = step->place;
                ret->reads_rows = step->reads_rows;
                ret->object = run->group->relation->sql;
                ret->exclusion_off = run->group->relation->has_user_code;
                r = step->ask(run, ret, &sql);
                if (r == 0)
                        continue;
                if (r > 0)
                        ret->sql = buffer_take(&sql);
                return r < 0 || ret->sql ? r : -ENOMEM;
        }
        return 0;
}

static void group_end(Counting *counting) {
        counting->current++;
        counting->step = 0;
        counting->cursor = 0;
}

int counting_next(ConstraintState *state, const CheckContext *context, Statement *ret) {
        Counting *counting = &state->counting;

        for (; counting->current < counting->n_groups; group_end(counting)) {
                Run run = run_of(state, context);
                int r = group_next(&run, ret);

                counting->place = ret->place;
                if (r != 0)
                        return r;
        }
        *ret = (Statement){};
        return 0;
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

/* The transaction is over. */
static int take_error(const Run *run, const char *sqlstate) {
        Counting *counting = run->counting;
        bool is_rules_fault = sqlstate_in(sqlstate, SQLSTATES_OF_RULES);

        counting->is_open = false;
        counting->restart = false;
        (void)str_set(&counting->plan, NULL);
        switch (counting->step) {
        case STEP_COMPARE:
                run->group->members[counting->cursor]->comparison = COMPARISON_UNDECIDED;
                counting->step = STEP_LOCK;
                counting->cursor = 0;
                return 0;
        case STEP_PROVE_ALL:
        case STEP_PROVE_ONE:
        case STEP_COUNT:
                if (is_rules_fault && counting_pending(run->group) > 1) {
                        counting->step = N_STEPS;
                        return split(counting);
                }
                for (size_t i = 0; i < run->group->n_members; i++)
                        run->group->members[i]->runs_alone |= is_rules_fault &&
                                                              run->group->members[i]->is_pending;
                break;
        default:
                break;
        }
        counting_fail_pending(run, reason_of(sqlstate));
        counting->step = STEP_COLUMNS;
        counting->cursor = 0;
        return 0;
}

/* An answer without a table where one was due: --explain did not run the statement. */
static int take_skipped(const Run *run) {
        counting_fail_pending(run, REASON_SKIPPED);
        if (constraint_steps[run->counting->step].repeats) {
                run->counting->cursor++;
                return 0;
        }
        run->counting->step++;
        run->counting->cursor = 0;
        return 0;
}

int counting_take(ConstraintState *state, const CheckContext *context, const Outcome *outcome) {
        Counting *counting = &state->counting;
        const StepKind *step = &constraint_steps[counting->step];
        Run run = run_of(state, context);
        int r = 0;

        if (outcome->kind == OUTCOME_ERROR)
                return take_error(&run, outcome->sqlstate);

        counting->is_open = counting->place == STATEMENT_OPENS || counting->place == STATEMENT_WITHIN;
        if (step->shape && !outcome->table)
                return take_skipped(&run);
        if (step->accept)
                r = step->accept(&run, outcome->table);
        if (r < 0 || step->repeats)
                return r;
        counting->step++;
        counting->cursor = 0;
        if (counting->restart && !counting->is_open) {
                counting->restart = false;
                counting->step = STEP_LOCK;
        }
        return 0;
}
