/* The engine's own tables: what pgvigil knows of itself and of each target as a whole.
 *
 * One Field line is one metric. Tables of a snapshot change with a round; the live ones (ages,
 * health codes) with the moment of asking.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stddef.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/checks.h"
#include "pgvigil/model/health.h"

#define STATUSES "pass,warn,fail,unknown"

static const Field target_fields[] = {
        {"up", VALUE_INT, FIELD_GAUGE, "pgvigil_up", NULL, NULL, NULL,
         "Whether the last attempt on the database completed a statement; polled."},
        {"status", VALUE_TEXT, FIELD_STATE, "pgvigil_status", NULL, STATUSES, NULL,
         "Worst status of the target's findings; polled."},
        {"series_dropped", VALUE_INT, FIELD_COUNTER, "pgvigil_series_dropped_total", NULL, NULL, "series",
         "Samples that limits.max_series left out, added up over all rounds."},
        {"own_blocks", VALUE_INT, FIELD_COUNTER, "pgvigil_own_blocks_total", NULL, NULL, "blocks",
         "Blocks of watched tables that pgvigil's own statements were to read, by its own reckoning."},
        {"own_statement_seconds", VALUE_FLOAT, FIELD_COUNTER, "pgvigil_own_statement_seconds_total", NULL,
         NULL, "seconds", "Time that pgvigil's own statements took, as seen by pgvigil."},
        {"own_blocking_seconds", VALUE_FLOAT, FIELD_COUNTER, "pgvigil_own_blocking_seconds_total", NULL, NULL,
         "seconds", "Time that other sessions were seen to wait on locks of pgvigil's own statements."},
};
static const Shape target_shape = SHAPE("target", target_fields);

static const Field findings_fields[] = {
        {"kind", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Kind of finding."},
        {"status", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Status."},
        {"findings", VALUE_INT, FIELD_GAUGE, "pgvigil_findings", NULL, NULL, NULL,
         "Findings by kind and status; polled."},
};
static const Shape findings_shape = SHAPE("findings_by_kind", findings_fields);

static const Field run_fields[] = {
        {"check", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Check."},
        {"runs", VALUE_INT, FIELD_COUNTER, "pgvigil_check_runs_total", NULL, NULL, NULL,
         "Runs of the check, also those that failed."},
        {"skipped", VALUE_INT, FIELD_COUNTER, "pgvigil_check_skipped_total", NULL, NULL, NULL,
         "Runs left out because the one before was still under way."},
        {"duration", VALUE_HISTOGRAM, FIELD_HISTOGRAM, "pgvigil_check_duration_seconds", NULL, NULL,
         "seconds", "How long runs of the check took."},
        {"blocks", VALUE_INT, FIELD_COUNTER, "pgvigil_check_blocks_total", NULL, NULL, "blocks",
         "Blocks of watched tables that the check's statements were to read, by its own reckoning."},
        {"last_success", VALUE_FLOAT, FIELD_GAUGE, "pgvigil_check_last_success_timestamp_seconds", NULL, NULL,
         "seconds", "When the check last could check anything, as seconds since 1970."},
};
static const Shape run_shape = SHAPE("check_runs", run_fields);

static const Field failure_fields[] = {
        {"check", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Check."},
        {"reason", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Why it could not be checked."},
        {"failures", VALUE_INT, FIELD_COUNTER, "pgvigil_check_failures_total", NULL, NULL, NULL,
         "Runs of the check in which something could not be checked, by reason."},
};
static const Shape failure_shape = SHAPE("check_failures", failure_fields);

static const Field method_fields[] = {
        {"check", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Kind of finding."},
        {"method", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "How the results were obtained."},
        {"findings", VALUE_INT, FIELD_GAUGE, "pgvigil_check_method", NULL, NULL, NULL,
         "Findings by the method that obtained them; polled."},
};
static const Shape method_shape = SHAPE("check_methods", method_fields);

static const Field live_fields[] = {
        {"health_code", VALUE_INT, FIELD_GAUGE, "pgvigil_health_code", NULL, NULL, NULL,
         "What /health/TARGET answers at this moment: 200 or 503."},
        {"snapshot_age", VALUE_FLOAT, FIELD_GAUGE, "pgvigil_snapshot_age_seconds", NULL, NULL, "seconds",
         "Seconds since a statement last completed on the target."},
};
static const Shape live_shape = SHAPE("live", live_fields);

static const Field reload_fields[] = {
        {"ok", VALUE_INT, FIELD_GAUGE, "pgvigil_config_last_reload_successful", NULL, NULL, NULL,
         "Whether the last load of the configuration succeeded."},
        {"at", VALUE_FLOAT, FIELD_GAUGE, "pgvigil_config_last_reload_timestamp_seconds", NULL, NULL,
         "seconds", "When the configuration was last loaded or tried, as seconds since 1970."},
};
static const Shape reload_shape = SHAPE("reload", reload_fields);

static double seconds(usec_t usec) {
        return (double)usec / (double)USEC_PER_SEC;
}

static int add_target(const TargetView *view, Table *table) {
        size_t row;
        int r = table_add_row(table, &row);

        if (r < 0)
                return r;
        table_set_int(table, row, "up", view->reach == REACH_OK);
        table_set_int(table, row, "series_dropped", (int64_t)view->series_dropped_total);
        table_set_int(table, row, "own_blocks", (int64_t)view->own_blocks);
        table_set_float(table, row, "own_statement_seconds", seconds(view->own_statement_time));
        table_set_float(table, row, "own_blocking_seconds", seconds(view->own_blocking_time));
        return table_set_text(table, row, "status",
                              status_name(findings_worst(view->findings, view->n_findings)));
}

/* Counts per (kind, status); a kind without findings has no sample. */
static int add_findings(const TargetView *view, Table *table) {
        size_t counts[N_FINDING_KINDS][STATUS_FAIL + 1] = {}, totals[N_FINDING_KINDS] = {};

        for (size_t i = 0; i < view->n_findings; i++) {
                counts[view->findings[i].kind][view->findings[i].status]++;
                totals[view->findings[i].kind]++;
        }

        for (unsigned kind = 0; kind < N_FINDING_KINDS; kind++)
                for (unsigned status = STATUS_PASS; status <= STATUS_FAIL && totals[kind] > 0; status++) {
                        size_t row;
                        int r = table_add_row(table, &row);

                        if (r < 0 || table_set_text(table, row, "kind", finding_kind_name(kind)) < 0 ||
                            table_set_text(table, row, "status", status_name(status)) < 0)
                                return -ENOMEM;
                        table_set_int(table, row, "findings", (int64_t)counts[kind][status]);
                }
        return 0;
}

static int add_runs(const TargetView *view, Table *table) {
        for (size_t i = 0; i < view->n_runs; i++) {
                const CheckRun *run = &view->runs[i];
                size_t row;

                if (run->kind->asks_nothing)
                        continue;
                if (table_add_row(table, &row) < 0 ||
                    table_set_text(table, row, "check", run->kind->name) < 0)
                        return -ENOMEM;
                table_set_int(table, row, "runs", (int64_t)run->runs);
                table_set_int(table, row, "skipped", (int64_t)run->skipped);
                table_set_int(table, row, "blocks", (int64_t)run->blocks);
                if (value_set_histogram(table_cell(table, row, "duration"), &run->durations) < 0)
                        return -ENOMEM;
                if (run->last_success_at > 0)
                        table_set_float(table, row, "last_success", seconds(run->last_success_at));
        }
        return 0;
}

static int add_failures(const TargetView *view, Table *table) {
        for (size_t i = 0; i < view->n_runs; i++) {
                const CheckRun *run = &view->runs[i];

                for (unsigned reason = 0; reason < N_REASONS; reason++) {
                        size_t row;

                        if (run->kind->asks_nothing || run->failures[reason] == 0)
                                continue;
                        if (table_add_row(table, &row) < 0 ||
                            table_set_text(table, row, "check", run->kind->name) < 0 ||
                            table_set_text(table, row, "reason", reason_name(reason)) < 0)
                                return -ENOMEM;
                        table_set_int(table, row, "failures", (int64_t)run->failures[reason]);
                }
        }
        return 0;
}

static int count_method(Table *table, const char *check, const char *method) {
        size_t row;

        for (row = 0; row < table->n_rows; row++)
                if (str_equal(table_text(table, row, "check"), check) &&
                    str_equal(table_text(table, row, "method"), method))
                        break;
        if (row == table->n_rows) {
                if (table_add_row(table, NULL) < 0 || table_set_text(table, row, "check", check) < 0 ||
                    table_set_text(table, row, "method", method) < 0)
                        return -ENOMEM;
        }
        table_set_int(table, row, "findings", table_int(table, row, "findings") + 1);
        return 0;
}

static int add_methods(const TargetView *view, Table *table) {
        for (size_t i = 0; i < view->n_findings; i++) {
                const Finding *finding = &view->findings[i];

                if (finding->method &&
                    count_method(table, finding_kind_name(finding->kind), finding->method) < 0)
                        return -ENOMEM;
        }
        return 0;
}

typedef struct TableMaker {
        const Shape *shape;
        int (*add)(const TargetView *view, Table *table);
} TableMaker;

static const TableMaker makers[] = {
        {&target_shape, add_target},    {&findings_shape, add_findings}, {&run_shape, add_runs},
        {&failure_shape, add_failures}, {&method_shape, add_methods},
};

static int make_live(const Engine *engine, const TargetView *view, usec_t boottime, Table **ret) {
        static const HealthQuery plain = {.fail_on = FAIL_ON_GATE};
        _cleanup_(table_freep) Table *table = NULL;
        int r = table_new(&live_shape, view->name, &table);

        if (r < 0 || (r = table_add_row(table, NULL)) < 0)
                return r;
        table_set_int(table, 0, "health_code", health_of_target(&engine->view, view, &plain, boottime).code);
        if (view->heartbeat > 0)
                table_set_float(table, 0, "snapshot_age", seconds(usec_since(boottime, view->heartbeat)));
        *ret = TAKE(table);
        return 0;
}

static int make_phase(const TargetView *view, usec_t realtime, Table **tables, size_t *n) {
        size_t first = *n;
        int r;

        if (!view->phase)
                return 0;
        r = table_new(&phase_shape, view->name, &tables[first]);
        if (r < 0)
                return r;
        (*n)++;
        r = table_new(&phase_criterion_shape, view->name, &tables[first + 1]);
        if (r < 0)
                return r;
        (*n)++;
        return phase_fill(view->phase, realtime, tables[first], tables[first + 1]);
}

static int make_reload(const View *view, Table **ret) {
        _cleanup_(table_freep) Table *table = NULL;
        int r = table_new(&reload_shape, NULL, &table);

        if (r < 0 || (r = table_add_row(table, NULL)) < 0)
                return r;
        table_set_int(table, 0, "ok", view->reload_ok);
        table_set_float(table, 0, "at", seconds(view->reloaded_at));
        *ret = TAKE(table);
        return 0;
}

static int make_polled(const TargetView *view, Table **tables, size_t *n) {
        for (size_t i = 0; i < ELEMENTS(makers); i++) {
                int r = table_new(makers[i].shape, view->name, &tables[*n]);

                if (r < 0)
                        return r;
                r = makers[i].add(view, tables[(*n)++]);
                if (r < 0)
                        return r;
        }
        return 0;
}

void engine_tables_free(Table **tables, size_t n) {
        for (size_t i = 0; i < n; i++)
                table_free(tables[i]);
        free(tables);
}

int engine_tables(const Engine *engine, bool live, usec_t boottime, Table ***ret_tables, size_t *ret_n) {
        const View *view = &engine->view;
        size_t n = 0;
        Table **tables = calloc(view->n_targets * ELEMENTS(makers) + 2, sizeof(Table *));
        int r = 0;

        if (!tables)
                return -ENOMEM;

        if (live)
                r = make_reload(view, &tables[n++]);
        for (size_t i = 0; i < view->n_targets && r >= 0; i++) {
                if (!live)
                        r = make_polled(view->targets[i], tables, &n);
                else
                        r = make_live(engine, view->targets[i], boottime, &tables[n++]);
                if (live && r >= 0)
                        r = make_phase(view->targets[i], clock_realtime(), tables, &n);
        }
        if (r < 0) {
                engine_tables_free(tables, n);
                return r;
        }
        *ret_tables = tables;
        *ret_n = n;
        return 0;
}

#define SHAPES_MAX 64

const Shape *const *engine_shapes(void) {
        static const Shape *shapes[SHAPES_MAX];
        static const Shape *const own[] = {&target_shape,  &findings_shape, &run_shape,
                                           &failure_shape, &method_shape,   &live_shape,
                                           &reload_shape,  &phase_shape,    &phase_criterion_shape};
        static const CheckKind *const kinds[] = {
#define CHECK(name) &name##_check,
#include "pgvigil/checks.def"
#undef CHECK
        };
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTS(own); i++)
                shapes[n++] = own[i];
        for (size_t i = 0; i < ELEMENTS(kinds); i++)
                for (const Shape *const *shape = kinds[i]->shapes; shape && *shape && n + 1 < SHAPES_MAX;
                     shape++)
                        shapes[n++] = *shape;
        shapes[n] = NULL;
        return shapes;
}
