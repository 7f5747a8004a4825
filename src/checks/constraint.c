/* The check of constraints: CHECK, NOT NULL, UNIQUE, PRIMARY KEY and EXCLUDE, of the catalog and
 * of the configuration, and the rows that violate them.
 *
 *   catalog ─▶ relations ─▶ count (constraint-count.c) ─▶ done
 *      ▲                         │
 *      └── once, when counting met a constraint that is gone
 *
 * It comes at the shorter of two intervals; the catalog is read, and each constraint counted, when
 * their own interval has passed. Foreign keys are not its business.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "common.h"
#include "constraint-judge.h"
#include "constraint-sql.h"
#include "pgvigil/checks.h"

#define MAX_CATALOG_ROWS 200000

static void *constraint_free(void *data) {
        ConstraintState *state = data;

        if (!state)
                return NULL;
        counting_done(&state->counting);
        constraint_catalog_done(&state->catalog);
        count_tables_done(&state->tables);
        table_free(state->rows);
        free(state);
        return NULL;
}

/* What is configured is listed before anything is known. */
static int build_unknown(ConstraintState *state, const TargetSettings *settings) {
        _cleanup_(table_freep) Table *rows = NULL, *relations = NULL;

        if (table_new(&constraint_catalog_rows, NULL, &rows) < 0 ||
            table_new(&constraint_relation_rows, NULL, &relations) < 0)
                return -ENOMEM;
        return constraint_build(&state->catalog, settings, rows, relations);
}

static int constraint_new(const TargetSettings *settings, void **ret_state) {
        ConstraintState *state = calloc(1, sizeof(*state));

        if (!state)
                return -ENOMEM;
        if (build_unknown(state, settings) < 0) {
                constraint_free(state);
                return -ENOMEM;
        }
        *ret_state = state;
        return 0;
}

static int constraint_begin(void *data, const CheckContext *context, void *gathered) {
        ConstraintState *state = data;

        counting_done(&state->counting);
        state->rows = table_free(state->rows);
        state->was_reread = false;
        if (!state->is_known || state->failure != REASON_OK ||
            check_catalog_is_due(context, state->boottime)) {
                state->phase = PHASE_CATALOG;
                return 0;
        }
        state->phase = PHASE_COUNT;
        return counting_plan(state, context);
}

/* The watched schemas and tables, and those that only the configuration names. */
static int list_names(const TargetSettings *settings, char ***ret_schemas, char ***ret_tables) {
        _cleanup_(strv_freep) char **schemas = NULL, **tables = NULL;
        int r = strv_copy(settings->schemas, &schemas);

        for (size_t i = 0; r >= 0 && i < settings->constraints.count; i++) {
                char schema[IDENTIFIER_MAX], name[IDENTIFIER_MAX];

                if (check_name_split(LIST_AT(settings->constraints, ConstraintSettings, i)->table, schema,
                                     name) < 0)
                        continue;
                if (*schema && !strv_contains(schemas, schema))
                        r = strv_add(&schemas, schema);
                if (r >= 0)
                        r = strv_add(&tables, name);
        }
        if (r < 0)
                return r;
        *ret_schemas = TAKE(schemas);
        *ret_tables = TAKE(tables);
        return 0;
}

static int add_list(Statement *statement, char *const *list) {
        _cleanup_(freep) char *literal = strv_array_literal(list);

        return literal ? statement_add_parameter(statement, literal) : -ENOMEM;
}

static int catalog_statement(const ConstraintState *state, const TargetSettings *settings, Statement *ret) {
        _cleanup_(strv_freep) char **schemas = NULL, **tables = NULL;
        bool is_catalog = state->phase == PHASE_CATALOG;
        int r = list_names(settings, &schemas, &tables);

        if (r < 0)
                return r;
        ret->name = is_catalog ? "constraint.catalog" : "constraint.relations";
        ret->shape = is_catalog ? &constraint_catalog_rows : &constraint_relation_rows;
        ret->place = STATEMENT_ALONE;
        ret->max_rows = MAX_CATALOG_ROWS;
        if (str_set(&ret->sql, is_catalog ? constraint_catalog_sql : constraint_relations_sql) < 0 ||
            add_list(ret, schemas) < 0)
                return -ENOMEM;
        if (is_catalog && (add_list(ret, tables) < 0 ||
                           statement_add_parameter(ret, settings->discover ? "true" : "false") < 0))
                return -ENOMEM;
        return 1;
}

/* Counting met a table on which a constraint is gone: the findings must not say that it stands. */
static bool wants_reread(const ConstraintState *state) {
        return state->phase == PHASE_COUNT && state->counting.is_outdated && !state->was_reread;
}

static int constraint_next(void *data, const CheckContext *context, Statement *ret) {
        ConstraintState *state = data;
        _cleanup_(statement_done) Statement statement = {};
        int r = 0;

        if (state->phase == PHASE_COUNT)
                r = counting_next(state, context, &statement);
        if (r == 0 && wants_reread(state)) {
                state->was_reread = true;
                state->phase = PHASE_CATALOG;
        }
        if (r == 0 && (state->phase == PHASE_CATALOG || state->phase == PHASE_RELATIONS))
                r = catalog_statement(state, context->settings, &statement);
        if (r <= 0) {
                state->phase = PHASE_DONE;
                return r;
        }
        *ret = statement;
        statement = (Statement){};
        return r;
}

static bool is_gone(void *userdata, int64_t id) {
        return !constraint_relation(userdata, id);
}

static int take_relations(ConstraintState *state, const CheckContext *context, const Table *relations) {
        int r = constraint_build(&state->catalog, context->settings, state->rows, relations);

        if (r < 0)
                return r;
        state->rows = table_free(state->rows);
        count_tables_sweep(&state->tables, is_gone, &state->catalog);
        state->is_known = true;
        state->failure = REASON_OK;
        state->at = context->realtime;
        state->boottime = context->boottime;
        state->phase = PHASE_COUNT;
        return counting_plan(state, context);
}

static int constraint_take(void *data, const CheckContext *context, const Outcome *outcome) {
        ConstraintState *state = data;

        if (state->phase == PHASE_COUNT)
                return counting_take(state, context, outcome);
        if (outcome->kind != OUTCOME_ROWS || !outcome->table) {
                state->failure = check_reason(outcome->sqlstate);
                state->phase = PHASE_DONE;
                return 0;
        }
        if (state->phase == PHASE_RELATIONS)
                return take_relations(state, context, outcome->table);
        state->phase = PHASE_RELATIONS;
        return check_table_copy(outcome->table, &state->rows);
}

static int judge(void *data, const CheckContext *context, Report *report) {
        return constraint_judge(data, context, report);
}

const CheckKind constraint_check = {
        .name = "constraint",
        .help = "CHECK, NOT NULL, UNIQUE, PRIMARY KEY and EXCLUDE constraints: how they stand, and the rows "
                "that violate them.",
        .interval = offsetof(Intervals, catalog),
        .also_interval = offsetof(Intervals, violations),
        .shapes = constraint_shapes,
        .new = constraint_new,
        .free = constraint_free,
        .begin = constraint_begin,
        .next = constraint_next,
        .take = constraint_take,
        .judge = judge,
};
