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

/* Tables whose walk goes on share what the others leave, in equal parts. */
static int64_t share_of(const Run *run, const CountTable *table) {
        size_t walking = count_tables_walking(&run->state->tables);

        if (!table->walk.is_active || walking < 2)
                return run->context->blocks_left;
        return run->context->blocks_left / (int64_t)walking;
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
        count_begin(run->group->table, share_of(run, run->group->table), false);
        if (counting_pending(run->group) == 0)
                run->group->table->stage = COUNT_DONE;
        return 0;
}

static void succeed(const Run *run, Constraint *member, const CountAnswer *answer) {
        Reading *reading = &member->reading;

        counting_fail(run, member, REASON_OK);
        member->runs_alone = false;
        reading->has_count = true;
        reading->count = answer->count;
        reading->method = answer->method;
        reading->at = answer->at;
        reading->boottime = answer->boottime;
        reading->cycle = answer->cycle;
        reading->bound = answer->bound;
        reading->found = 0;
}

static int list_keys(const Run *run, Constraint *member) {
        const CountTable *table = run->group->table;
        const CountRule *rule = member->rule;
        size_t limit = run->context->key_rows;

        if (limit == 0 || rule->answer.count == 0)
                return 0;
        if (rule->shown)
                return strv_copy(rule->shown, &member->reading.keys);
        for (size_t i = 0; i < table->n_rules && table->n_rules <= KEYS_RULES; i++)
                if (table->rules[i] == rule)
                        return keys_list(&table->keys, i, limit, &member->reading.keys);
        return 0;
}

static int apply_answer(const Run *run, Constraint *member) {
        const CountAnswer *answer = &member->rule->answer;

        if (answer->reason == REASON_OK) {
                succeed(run, member, answer);
                return list_keys(run, member);
        }
        counting_fail(run, member, answer->reason);
        member->reading.found = answer->reason == REASON_OVER_LIMIT ? answer->count : 0;
        member->reading.percent = answer->percent;
        return member->reading.found > 0 ? list_keys(run, member) : 0;
}

static int rows_finish(const Run *run) {
        const CountAnswer proved = {
                .method = METHOD_PROVED,
                .at = run->context->realtime,
                .boottime = run->context->boottime,
        };
        int r = 0;

        run->counting->visited++;
        for (size_t i = 0; r >= 0 && i < run->group->n_members; i++) {
                Constraint *member = run->group->members[i];

                if (member->is_proved)
                        succeed(run, member, &proved);
                else if (member->is_pending && member->rule)
                        r = apply_answer(run, member);
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

static bool is_of_all(const CheckContext *context) {
        return context->explain || (context->is_once && context->walk_now);
}

static CountTable *next_due(ConstraintState *state, const CheckContext *context, int64_t *ret_pages) {
        Counting *counting = &state->counting;
        usec_t interval = context->walk_now ? 0 : context->settings->intervals.safety;

        *ret_pages = INT64_MAX;
        if (is_of_all(context))
                return counting->n_safety < state->tables.n ? state->tables.items[counting->n_safety] : NULL;
        if (context->is_once || counting->n_safety > 0 || context->blocks_left <= 0)
                return NULL;
        return count_tables_due(&state->tables, context->boottime, interval, ret_pages);
}

/* Where no later poll counts what a walk of everything found against the catalog, the walk says it. */
static void apply_safety(ConstraintState *state, const CheckContext *context, const CountTable *table) {
        for (size_t i = 0; i < state->catalog.n_items; i++) {
                Constraint *item = &state->catalog.items[i];
                const Run run = {state, &state->counting, NULL, context};

                if (!item->rule || item->relation->id != table->id || !item->rule->is_suspect)
                        continue;
                succeed(&run, item,
                        &(CountAnswer){
                                .count = item->rule->safety_walked,
                                .method = METHOD_WALK,
                                .at = context->realtime,
                                .boottime = context->boottime,
                        });
        }
}

int constraint_safety_next(ConstraintState *state, const CheckContext *context, Statement *ret) {
        Counting *counting = &state->counting;

        for (;;) {
                int64_t pages;
                int r = counting->safety ? count_next(counting->safety, context, ret) : 0;

                if (r != 0)
                        return r;
                if (counting->safety && context->is_once)
                        apply_safety(state, context, counting->safety);
                counting->safety = next_due(state, context, &pages);
                if (!counting->safety)
                        return 0;
                counting->n_safety++;
                if (pages > context->blocks_left)
                        pages = context->blocks_left;
                if (counting->safety->n_rules > 0)
                        count_begin(counting->safety, pages, true);
        }
}

int constraint_safety_take(ConstraintState *state, const CheckContext *context, const Outcome *outcome) {
        CountTable *table = state->counting.safety;

        if (outcome->kind != OUTCOME_ERROR)
                return count_take(table, context, outcome);
        count_fail(table, check_reason(outcome->sqlstate));
        return 0;
}
