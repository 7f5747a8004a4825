/* The check `canary`: queries of the configuration are planned and run, as the application would send them
 * but read-only and bounded; their plans use the indexes that they should use.
 *
 *   SET_PLAN ─(parameters)─▶ PREPARE ─▶ PLAN ─▶ RELEASE ─▶ INDEX         canary_take()
 *       └────(none)────────────────────▶ PLAN ───────────▶ INDEX
 *   INDEX ─(not chosen)─▶ SET_PLAN, now without scans and sorts; else SET_RUN ─▶ RUN ─▶ the next one
 *
 * Before the plan nothing of a query is run, and a query with parameters never is: its plan is that of any
 * values. EXPLAIN (GENERIC_PLAN) would not do: sent with parameters it plans for the values that it gets.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "canary.h"

#include <errno.h>
#include <string.h>

#include "common.h"
#include "pgvigil/checks.h"

/* A role that has settings of its own keeps them: '' stands for what the session began with. */
static const char set_sql[] =
        "SELECT count(set_config(s.name, coalesce(nullif(w.value, ''), s.reset_val), true)) AS settings\n"
        "  FROM unnest($1::text[], $2::text[]) w(name, value) JOIN pg_settings s ON s.name = w.name";

#define PREPARED "pgvigil_canary"

static const Field set_fields[] = {
        {.name = "settings", .kind = VALUE_INT, .role = FIELD_HIDDEN, .help = "How many were set."},
};

static const Field plan_fields[] = {
        {.name = "QUERY PLAN", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "The plan."},
};

static const Shape set_shape = SHAPE("canary.set", set_fields);
static const Shape plan_shape = SHAPE("canary.plan", plan_fields);
static const Shape run_shape = {.name = "canary.run"}; /* counts rows, takes none of their columns */
static const Shape *const shapes[] = {&canary_duration_shape, &canary_index_shape, NULL};

typedef enum Step {
        STEP_BEGIN,
        STEP_SET_PLAN,
        STEP_PREPARE,
        STEP_PLAN,
        STEP_RELEASE,
        STEP_INDEX,
        STEP_SET_RUN,
        STEP_RUN,
        STEP_END,
} Step;

typedef struct CanaryState {
        Canary *items;
        size_t n, at;
        Step step;
        bool is_forced;  /* this plan is the one without scans and sorts */
        bool is_open;    /* the transaction of the plan is */
        char *plan;      /* as the server answered it */
        PlanIndex first; /* of the plan that was not forced */
} CanaryState;

static const CanarySettings *settings_at(const CheckContext *context, size_t i) {
        return LIST_AT(context->settings->canaries, CanarySettings, i);
}

static void *canary_free(void *data) {
        CanaryState *state = data;

        if (!state)
                return NULL;
        for (size_t i = 0; i < state->n; i++)
                plan_index_done(&state->items[i].plan);
        free(state->items);
        free(state->plan);
        plan_index_done(&state->first);
        free(state);
        return NULL;
}

static int canary_new(const TargetSettings *settings, void **ret_state) {
        CanaryState *state = calloc(1, sizeof(*state));

        if (!state)
                return -ENOMEM;
        state->n = settings->canaries.count;
        state->items = calloc(state->n + 1, sizeof(*state->items));
        if (!state->items) {
                free(state);
                return -ENOMEM;
        }
        for (size_t i = 0; i < state->n; i++)
                state->items[i].text = canary_text_read(LIST_AT(settings->canaries, CanarySettings, i)->sql);
        *ret_state = state;
        return 0;
}

static int canary_begin(void *data, const CheckContext *context, void *gathered) {
        CanaryState *state = data;

        state->at = 0;
        state->step = STEP_BEGIN;
        for (size_t i = 0; i < state->n; i++) {
                Canary *canary = &state->items[i];

                canary->end = CANARY_NOT_RUN;
                canary->sqlstate[0] = '\0';
                canary->duration = 0;
                canary->writes = false;
        }
        return 0;
}

static void begin_plan(CanaryState *state, bool is_forced) {
        state->is_forced = is_forced;
        state->is_open = false;
        state->step = STEP_SET_PLAN;
}

static void after_plan(CanaryState *state) {
        state->step = state->items[state->at].text.n_parameters == 0 ? STEP_SET_RUN : STEP_END;
}

/* The first step of this canary, and the first of those behind it that has one. */
static void begin_canary(CanaryState *state, const CheckContext *context) {
        const Canary *canary = &state->items[state->at];

        if (!canary->text.is_query)
                state->step = STEP_END;
        else if (settings_at(context, state->at)->uses_index_on || canary->text.n_parameters > 0)
                begin_plan(state, false);
        else
                state->step = STEP_SET_RUN;
}

static int add_setting(char ***names, char ***values, const char *name, const char *value) {
        int r = strv_add(names, name);

        return r < 0 ? r : strv_add(values, value);
}

static char *search_path(const TargetSettings *settings) {
        _cleanup_(buffer_done) Buffer path = BUFFER_NULL;

        for (size_t i = 0; settings->schemas && settings->schemas[i]; i++) {
                buffer_add(&path, i > 0 ? ", " : NULL);
                buffer_add_identifier(&path, settings->schemas[i]);
        }
        return buffer_take(&path);
}

static int add_run_settings(const CheckContext *context, const CanarySettings *wanted, char ***names,
                            char ***values) {
        usec_t bound_usec = canary_bound(context->settings, wanted);
        unsigned long long msec = (bound_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
        _cleanup_(freep) char *bound = str_format("%llums", msec > 0 ? msec : 1);

        return bound ? add_setting(names, values, "statement_timeout", bound) : -ENOMEM;
}

/* EXPLAIN runs nothing: the planner may have all that it has for the application. */
static int add_plan_settings(const CanaryState *state, char ***names, char ***values) {
        int r = add_setting(names, values, "max_parallel_workers_per_gather", "");

        if (r >= 0 && state->is_forced)
                r = add_setting(names, values, "enable_seqscan", "off");
        if (r >= 0 && state->is_forced) /* on a small table another index and a sort come as cheap */
                r = add_setting(names, values, "enable_sort", "off");
        if (r >= 0 && state->items[state->at].text.n_parameters > 0)
                r = add_setting(names, values, "plan_cache_mode", "force_generic_plan");
        return r;
}

/* The application's names, views and plans: what our own statements must not meet, its query may. */
static int ask_settings(const CanaryState *state, const CheckContext *context, Statement *ret) {
        _cleanup_(strv_freep) char **names = NULL, **values = NULL;
        _cleanup_(freep) char *path = search_path(context->settings), *list = NULL, *value_list = NULL;
        int r = path ? add_setting(&names, &values, "search_path", path) : -ENOMEM;

        if (r >= 0)
                r = add_setting(&names, &values, "constraint_exclusion", "");
        if (r >= 0)
                r = add_setting(&names, &values, "restrict_nonsystem_relation_kind", "");
        if (r >= 0)
                r = state->step == STEP_SET_RUN
                            ? add_run_settings(context, settings_at(context, state->at), &names, &values)
                            : add_plan_settings(state, &names, &values);
        if (r < 0)
                return r;
        list = strv_array_literal(names);
        value_list = strv_array_literal(values);
        if (!list || !value_list || !(ret->sql = strdup(set_sql)) || statement_add_parameter(ret, list) < 0)
                return -ENOMEM;
        return statement_add_parameter(ret, value_list);
}

static int ask_prepare(const CanaryState *state, const CheckContext *context, Statement *ret) {
        const char *sql = settings_at(context, state->at)->sql;

        ret->sql = str_format("PREPARE %s AS %.*s", PREPARED, (int)canary_text_length(sql), sql);
        return ret->sql ? 0 : -ENOMEM;
}

static int ask_plan(const CanaryState *state, const CheckContext *context, Statement *ret) {
        unsigned n = state->items[state->at].text.n_parameters;
        const char *query = settings_at(context, state->at)->sql;
        _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;

        buffer_add(&sql, "EXPLAIN (VERBOSE, FORMAT JSON) ");
        if (n == 0)
                buffer_append(&sql, query, canary_text_length(query));
        else
                buffer_add(&sql, "EXECUTE " PREPARED "(");
        for (unsigned i = 0; i < n; i++)
                buffer_add(&sql, i + 1 < n ? "NULL, " : "NULL)");
        ret->place = n == 0 ? STATEMENT_CLOSES : STATEMENT_WITHIN;
        ret->sql = buffer_take(&sql);
        return ret->sql ? 0 : -ENOMEM;
}

static int ask_release(const CanaryState *state, const CheckContext *context, Statement *ret) {
        ret->place = state->is_open ? STATEMENT_CLOSES : STATEMENT_ALONE;
        ret->sql = strdup("DEALLOCATE " PREPARED);
        return ret->sql ? 0 : -ENOMEM;
}

static int ask_index(const CanaryState *state, const CheckContext *context, Statement *ret) {
        ret->sql = strdup(plan_index_sql);
        return ret->sql ? statement_add_parameter(ret, state->plan) : -ENOMEM;
}

static int ask_run(const CanaryState *state, const CheckContext *context, Statement *ret) {
        const char *sql = settings_at(context, state->at)->sql;

        ret->sql = strndup(sql, canary_text_length(sql));
        ret->reads_rows = true;
        return ret->sql ? 0 : -ENOMEM;
}

/* What a step asks, and what it takes of an answer that is no error. */
typedef struct StepKind {
        const char *name;
        const Shape *shape;
        StatementPlace place;
        size_t max_rows;
        int (*ask)(const CanaryState *state, const CheckContext *context, Statement *ret);
        int (*accept)(CanaryState *state, const CheckContext *context, const Outcome *outcome);
} StepKind;

static int accept_set_plan(CanaryState *state, const CheckContext *context, const Outcome *outcome) {
        state->is_open = true;
        state->step = state->items[state->at].text.n_parameters > 0 ? STEP_PREPARE : STEP_PLAN;
        return 0;
}

static int accept_prepare(CanaryState *state, const CheckContext *context, const Outcome *outcome) {
        state->step = STEP_PLAN;
        return 0;
}

/* Texts of the query are escaped in a plan: these are nodes. */
static bool plan_writes(const char *plan) {
        return strstr(plan, "\"Node Type\": \"ModifyTable\"") || strstr(plan, "\"Node Type\": \"LockRows\"");
}

static void after_plan_text(CanaryState *state, const CheckContext *context) {
        if (settings_at(context, state->at)->uses_index_on)
                state->step = STEP_INDEX;
        else
                after_plan(state);
}

static int accept_plan(CanaryState *state, const CheckContext *context, const Outcome *outcome) {
        Canary *canary = &state->items[state->at];
        const Table *table = outcome->table;
        const char *plan = table && table->n_rows == 1 ? table_text(table, 0, "QUERY PLAN") : NULL;

        if (str_set(&state->plan, plan ? plan : "[]") < 0)
                return -ENOMEM;
        if (canary->text.n_parameters > 0) {
                canary->writes = plan_writes(state->plan);
                state->step = STEP_RELEASE;
        } else
                after_plan_text(state, context);
        return 0;
}

static int accept_release(CanaryState *state, const CheckContext *context, const Outcome *outcome) {
        if (state->items[state->at].end != CANARY_NOT_RUN)
                state->step = STEP_END; /* it was there from a run that was cut */
        else
                after_plan_text(state, context);
        return 0;
}

/* The plan is known as a whole, after one look or two. */
static void take_plan(CanaryState *state, PlanIndex *found, bool is_usable) {
        Canary *canary = &state->items[state->at];

        plan_index_done(&canary->plan);
        canary->plan = *found;
        *found = (PlanIndex){};
        canary->has_plan = true;
        canary->is_usable = is_usable;
        after_plan(state);
}

static void take_forced(CanaryState *state, PlanIndex *found) {
        bool is_usable = found->use == PLAN_CHOSEN;

        if (is_usable)
                SWAP(state->first.index, found->index);
        plan_index_done(found);
        take_plan(state, &state->first, is_usable);
}

/* --explain goes both ways, to show all that may run. */
static int accept_index(CanaryState *state, const CheckContext *context, const Outcome *outcome) {
        PlanIndex found = {};
        int r = plan_index_find(outcome->table, settings_at(context, state->at)->uses_index_on, &found);

        if (r < 0)
                return r;
        if (state->is_forced)
                take_forced(state, &found);
        else if (context->explain || found.use == PLAN_PASSED_OVER || found.use == PLAN_SMALL) {
                plan_index_done(&state->first);
                state->first = found;
                begin_plan(state, true);
        } else
                take_plan(state, &found, found.use == PLAN_CHOSEN);
        return 0;
}

static int accept_set_run(CanaryState *state, const CheckContext *context, const Outcome *outcome) {
        state->step = STEP_RUN;
        return 0;
}

static int accept_run(CanaryState *state, const CheckContext *context, const Outcome *outcome) {
        Canary *canary = &state->items[state->at];

        canary->end = CANARY_RAN;
        canary->duration = outcome->duration;
        histogram_add(&canary->durations, outcome->duration);
        state->step = STEP_END;
        return 0;
}

static const StepKind steps[] = {
        [STEP_SET_PLAN] = {"canary.set", &set_shape, STATEMENT_OPENS, 1, ask_settings, accept_set_plan},
        [STEP_PREPARE] = {"canary.prepare", NULL, STATEMENT_WITHIN, 0, ask_prepare, accept_prepare},
        [STEP_PLAN] = {"canary.plan", &plan_shape, STATEMENT_CLOSES, 1, ask_plan, accept_plan},
        [STEP_RELEASE] = {"canary.release", NULL, STATEMENT_ALONE, 0, ask_release, accept_release},
        [STEP_INDEX] = {"canary.index", &plan_index_shape, STATEMENT_ALONE, 50000, ask_index, accept_index},
        [STEP_SET_RUN] = {"canary.set", &set_shape, STATEMENT_OPENS, 1, ask_settings, accept_set_run},
        [STEP_RUN] = {"canary.run", &run_shape, STATEMENT_CLOSES, CANARY_MAX_ROWS, ask_run, accept_run},
};

static int canary_next(void *data, const CheckContext *context, Statement *ret) {
        CanaryState *state = data;
        _cleanup_(statement_done) Statement statement = {};
        const StepKind *kind;
        int r;

        for (; state->at < state->n; state->at++) {
                if (state->step == STEP_BEGIN)
                        begin_canary(state, context);
                if (state->step != STEP_END)
                        break;
                state->step = STEP_BEGIN;
        }
        if (state->at >= state->n)
                return 0;
        kind = &steps[state->step];
        statement = (Statement){.name = kind->name,
                                .shape = kind->shape,
                                .place = kind->place,
                                .max_rows = kind->max_rows,
                                .object = settings_at(context, state->at)->name};
        r = kind->ask(state, context, &statement);
        if (r < 0)
                return r;
        *ret = statement;
        statement = (Statement){};
        return 1;
}

/* Our own statements say nothing of the canary. What is prepared outlives its transaction. */
static void fail(CanaryState *state, const CheckContext *context, const Outcome *outcome) {
        Canary *canary = &state->items[state->at];
        bool is_canary = state->step == STEP_PREPARE || state->step == STEP_PLAN || state->step == STEP_RUN;
        bool is_left = state->step == STEP_PLAN
                               ? canary->text.n_parameters > 0
                               : state->step == STEP_PREPARE && sqlstate_in(outcome->sqlstate, "42P05");

        canary->end = is_canary ? canary_end_of_error(outcome, context->settings,
                                                      settings_at(context, state->at))
                                : CANARY_VOID;
        if (state->step != STEP_RUN && canary->end == CANARY_STOPPED)
                canary->end = CANARY_VOID;
        canary->duration = outcome->duration;
        if (canary->end == CANARY_STOPPED)
                histogram_add(&canary->durations, outcome->duration);
        memcpy(canary->sqlstate, outcome->sqlstate, sizeof(canary->sqlstate));
        state->is_open = false;
        state->step = is_left ? STEP_RELEASE : STEP_END;
}

static int canary_take(void *data, const CheckContext *context, const Outcome *outcome) {
        CanaryState *state = data;

        if (outcome->kind == OUTCOME_ROWS)
                return steps[state->step].accept(state, context, outcome);
        fail(state, context, outcome);
        return 0;
}

static int canary_judge(void *data, const CheckContext *context, Report *report) {
        const CanaryState *state = data;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < state->n; i++) {
                const Canary *canary = &state->items[i];
                const CanarySettings *wanted = settings_at(context, i);

                r = canary_judge_one(canary, wanted, context, report);
                if (r >= 0)
                        r = canary_publish_duration(canary, wanted, report);
                if (r >= 0)
                        r = canary_publish_index(canary, wanted, report);
        }
        return r;
}

const CheckKind canary_check = {
        .name = "canary",
        .help = "Queries of the configuration answer in time, and use the indexes that they should.",
        .interval = offsetof(Intervals, canaries),
        .shapes = shapes,
        .new = canary_new,
        .free = canary_free,
        .begin = canary_begin,
        .next = canary_next,
        .take = canary_take,
        .judge = canary_judge,
};
