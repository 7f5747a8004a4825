/* The steps of counting one table: what each asks and what it makes of the answer.
 *
 * Nothing of a table is read before `verify` has seen, under the lock, that it is a table of ours
 * to read and that the catalog's expressions are built-in code.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "constraint-steps.h"

#include <errno.h>
#include <string.h>

#include "constraint-sql.h"
#include "constraint-text.h"

size_t counting_pending(const Group *group) {
        size_t n = 0;

        for (size_t i = 0; i < group->n_members; i++)
                n += group->members[i]->is_pending;
        return n;
}

void counting_fail(const Run *run, Constraint *member, Reason reason) {
        member->is_pending = false;
        reading_fail(&member->reading, run->counting->began, reason);
}

void counting_fail_pending(const Run *run, Reason reason) {
        for (size_t i = 0; i < run->group->n_members; i++)
                if (run->group->members[i]->is_pending)
                        counting_fail(run, run->group->members[i], reason);
}

static void prove(Constraint *member) {
        member->is_pending = false;
        member->is_proved = true;
        if (member->exists && member->wanted)
                member->comparison = COMPARISON_SAME;
}

static int ask_lock(const Run *run, Statement *ret, Buffer *sql) {
        constraint_add_lock(sql, run->group);
        return 1;
}

/* The long half, which is planned anew each time, is asked only where constraints exist. */
static int ask_verify(const Run *run, Statement *ret, Buffer *sql) {
        _cleanup_(buffer_done) Buffer ids = BUFFER_NULL;

        for (size_t i = 0; i < run->group->n_members; i++)
                if (run->group->members[i]->id > 0)
                        buffer_printf(&ids, "%s%lld", ids.length > 0 ? "," : "{",
                                      (long long)run->group->members[i]->id);
        if (statement_add_parameter(ret, run->group->relation->schema) < 0 ||
            statement_add_parameter(ret, run->group->relation->name) < 0)
                return -ENOMEM;

        buffer_add(sql, constraint_table_sql);
        if (ids.length == 0) {
                buffer_add(sql, constraint_no_expressions_sql);
                return buffer_error(&ids) < 0 ? -ENOMEM : 1;
        }
        buffer_add(sql, constraint_expressions_sql);
        buffer_add_char(&ids, '}');
        if (buffer_error(&ids) < 0 || statement_add_parameter(ret, buffer_text(&ids)) < 0)
                return -ENOMEM;
        return 1;
}

/* Why the table, as it is under the lock, cannot be counted for this member. */
static Reason table_reason(const Group *group, const Constraint *member, const Table *table) {
        const char *kind = table_text(table, 0, "relkind");

        if (!kind || !strchr("rp", *kind) || (!group->only && table_bool(table, 0, "foreign_parts")))
                return REASON_UNSUPPORTED;
        if (!table_bool(table, 0, "can_read"))
                return REASON_PRIVILEGE;
        if (table_bool(table, 0, "row_security"))
                return REASON_ROW_SECURITY;
        if (group->only && !group->relation->has_children && table_bool(table, 0, "has_children"))
                return REASON_ERROR; /* its new children are not locked; the next run knows them */
        if (!constraint_rule(member))
                return REASON_ERROR; /* dropped since the catalog was read */
        return member->is_trusted || (member->wanted && member->wanted->check) ? REASON_OK : REASON_UNTRUSTED;
}

static int load_expression(const Run *run, Constraint *member, const Table *table) {
        member->is_trusted = false;
        for (size_t row = 0; row < table->n_rows; row++) {
                if (table_is_null(table, row, "conid") || table_int(table, row, "conid") != member->id)
                        continue;
                member->is_trusted = table_bool(table, row, "trusted");
                return str_set(&member->expression, table_text(table, row, "expression"));
        }
        run->counting->is_outdated |= member->id > 0;
        return str_set(&member->expression, NULL);
}

static int accept_verify(const Run *run, const Table *table) {
        bool had_user_code = run->group->relation->has_user_code;

        for (size_t i = 0; i < run->group->n_members; i++) {
                Constraint *member = run->group->members[i];
                Reason reason = REASON_NO_SUCH_TABLE;
                int r = load_expression(run, member, table);

                if (r < 0)
                        return r;
                if (table->n_rows > 0)
                        reason = table_reason(run->group, member, table);
                if (reason != REASON_OK && member->is_pending)
                        counting_fail(run, member, reason);
        }
        /* A user's function may have been replaced since its CHECK was validated: a planner that
         * inlines it would prove what is not so. */
        run->group->relation->has_user_code = table->n_rows > 0 && table_bool(table, 0, "user_code");
        run->counting->restart = run->group->relation->has_user_code && !had_user_code &&
                                 counting_pending(run->group) > 0;
        if (counting_pending(run->group) == 0)
                run->counting->step = STEP_ROWS - 1;
        return 0;
}

static int ask_prove_all(const Run *run, Statement *ret, Buffer *sql) {
        if (run->group->relation->has_user_code || counting_pending(run->group) == 0)
                return 0;
        constraint_add_proof(sql, run->group, NULL);
        return 1;
}

static int accept_prove_all(const Run *run, const Table *table) {
        if (table->n_rows != 1 || !constraint_plan_is_proof(table_text(table, 0, "QUERY PLAN")))
                return 0;
        for (size_t i = 0; i < run->group->n_members; i++)
                if (run->group->members[i]->is_pending)
                        prove(run->group->members[i]);
        return 0;
}

static int ask_prove_one(const Run *run, Statement *ret, Buffer *sql) {
        const Group *group = run->group;

        if (group->relation->has_user_code || group->n_members < 2)
                return 0;
        while (run->counting->cursor < group->n_members && !group->members[run->counting->cursor]->is_pending)
                run->counting->cursor++;
        if (run->counting->cursor == group->n_members)
                return 0;
        constraint_add_proof(sql, group, group->members[run->counting->cursor]);
        return 1;
}

static int accept_prove_one(const Run *run, const Table *table) {
        if (table->n_rows == 1 && constraint_plan_is_proof(table_text(table, 0, "QUERY PLAN")))
                prove(run->group->members[run->counting->cursor]);
        run->counting->cursor++;
        return 0;
}

/* A constraint of the rule's name that is not proved to imply it: the same under the planner? */
static bool wants_comparison(const Constraint *member) {
        return member->is_pending && member->exists && member->wanted && member->wanted->check &&
               member->comparison == COMPARISON_NONE;
}

/* The plan of the rule first; when that is there (counting->plan), that of the constraint. */
static int ask_compare(const Run *run, Statement *ret, Buffer *sql) {
        const Group *group = run->group;

        for (; run->counting->cursor < group->n_members; run->counting->cursor++) {
                Constraint *member = group->members[run->counting->cursor];

                if (!wants_comparison(member))
                        continue;
                if (!strchr("cn", member->type)) {
                        member->comparison = COMPARISON_DIFFERENT;
                } else if (!member->expression || !member->is_trusted) {
                        member->comparison = COMPARISON_UNDECIDED;
                } else {
                        constraint_add_filter(
                                sql, group, run->counting->plan ? member->expression : member->wanted->check);
                        return 1;
                }
        }
        return 0;
}

static int accept_compare(const Run *run, const Table *table) {
        const char *plan = table->n_rows == 1 ? table_text(table, 0, "QUERY PLAN") : "";
        Constraint *member = run->group->members[run->counting->cursor];

        if (!run->counting->plan)
                return str_set(&run->counting->plan, plan);
        member->comparison = str_equal(run->counting->plan, plan) ? COMPARISON_SAME : COMPARISON_DIFFERENT;
        run->counting->cursor++;
        return str_set(&run->counting->plan, NULL);
}

/* The one rule of the group names a column that is not there: which? */
static int ask_columns(const Run *run, Statement *ret, Buffer *sql) {
        const Constraint *member = run->group->members[0];
        _cleanup_(freep) char *id = NULL;

        if (run->group->n_members != 1 || member->reading.failure != REASON_NO_SUCH_COLUMN)
                return 0;
        id = str_format("%lld", (long long)run->group->relation->id);
        if (!id || statement_add_parameter(ret, id) < 0)
                return -ENOMEM;
        buffer_add(sql, constraint_columns_sql);
        return 1;
}

static int accept_columns(const Run *run, const Table *table) {
        Constraint *member = run->group->members[0];
        _cleanup_(strv_freep) char **columns = NULL;
        _cleanup_(freep) char *column = NULL;
        const char *nearest = NULL;
        int r = 0;

        for (size_t row = 0; r >= 0 && row < table->n_rows; row++)
                r = strv_add(&columns, table_text(table, row, "attname"));
        if (r >= 0)
                r = constraint_guess_column(constraint_rule(member), columns, &column, &nearest);
        if (r < 0)
                return r;
        member->reading.column = TAKE(column);
        return str_set(&member->reading.nearest, nearest);
}

const StepKind constraint_steps[N_STEPS] = {
        [STEP_LOCK] = {"constraint.lock", NULL, STATEMENT_OPENS, .ask = ask_lock},
        [STEP_VERIFY] = {"constraint.verify", &constraint_verify_rows, STATEMENT_WITHIN, .ask = ask_verify,
                         .accept = accept_verify},
        [STEP_PROVE_ALL] = {"constraint.prove", &constraint_plan_rows, STATEMENT_WITHIN, .ask = ask_prove_all,
                            .accept = accept_prove_all},
        [STEP_PROVE_ONE] = {"constraint.prove", &constraint_plan_rows, STATEMENT_WITHIN, .repeats = true,
                            .ask = ask_prove_one, .accept = accept_prove_one},
        [STEP_COMPARE] = {"constraint.compare", &constraint_plan_rows, STATEMENT_WITHIN, .repeats = true,
                          .ask = ask_compare, .accept = accept_compare},
        [STEP_ROWS] = {"count", NULL, STATEMENT_WITHIN, .repeats = true},
        [STEP_COLUMNS] = {"constraint.columns", &constraint_column_rows, STATEMENT_ALONE, .ask = ask_columns,
                          .accept = accept_columns},
};
