/* The plan that most checks share: one statement over the catalog, then, only when something that
 * is configured was not found, the names that exist; what was read last outlives a failed run.
 *
 *   READ ─(rows, all found; or an error)─▶ DONE            catalog_take()
 *     └──(rows, something not found)─▶ NAMES ─▶ DONE        catalog_take()
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "catalog.h"

#include <errno.h>
#include <string.h>

#include "common.h"
#include "names.h"

#define CATALOG_MAX_ROWS 50000

int catalog_new(const CatalogSpec *spec, void **ret_state) {
        Catalog *catalog = calloc(1, sizeof(Catalog));

        if (!catalog)
                return -ENOMEM;
        catalog->spec = spec;
        if (table_new(spec->shape, NULL, &catalog->rows) < 0) {
                free(catalog);
                return -ENOMEM;
        }
        *ret_state = catalog;
        return 0;
}

void *catalog_free(void *state) {
        Catalog *catalog = state;

        if (!catalog)
                return NULL;
        table_free(catalog->rows);
        table_free(catalog->names);
        free(catalog);
        return NULL;
}

int catalog_begin(void *state, const CheckContext *context, void *gathered) {
        Catalog *catalog = state;

        catalog->step = CATALOG_READ;
        catalog->failed = false;
        return 0;
}

static int read_statement(const CatalogSpec *spec, const TargetSettings *settings, Statement *ret) {
        _cleanup_(statement_done) Statement statement = {.name = spec->statement,
                                                         .sql = strdup(spec->sql),
                                                         .shape = spec->shape,
                                                         .max_rows = CATALOG_MAX_ROWS};
        _cleanup_(strv_freep) char **schemas = NULL;
        _cleanup_(freep) char *literal = NULL;
        int r = check_schemas(settings, &schemas);

        if (r < 0)
                return r;
        literal = strv_array_literal(schemas);
        if (!statement.sql || !literal || statement_add_parameter(&statement, literal) < 0)
                return -ENOMEM;
        *ret = statement;
        statement = (Statement){};
        return 0;
}

static int names_next(Catalog *catalog, const CheckContext *context, Statement *ret) {
        _cleanup_(strv_freep) char **tables = NULL;
        int r = catalog->spec->unmatched(context, catalog->rows, &tables);

        return r < 0 ? r : names_statement(context->settings, tables, ret);
}

int catalog_next(void *state, const CheckContext *context, Statement *ret) {
        Catalog *catalog = state;
        int r;

        if (catalog->step == CATALOG_DONE)
                return 0;
        if (catalog->step == CATALOG_READ)
                r = read_statement(catalog->spec, context->settings, ret);
        else
                r = names_next(catalog, context, ret);
        return r < 0 ? r : 1;
}

static int take_rows(Catalog *catalog, const CheckContext *context, const Table *table) {
        _cleanup_(strv_freep) char **tables = NULL;
        Table *rows = NULL;
        int r = check_table_copy(table, &rows);

        if (r < 0)
                return r;
        table_free(catalog->rows);
        catalog->rows = rows;
        catalog->known = true;
        catalog->at = context->realtime;
        catalog->boottime = context->boottime;
        catalog->step = CATALOG_DONE;
        if (!catalog->spec->unmatched)
                return 0;
        r = catalog->spec->unmatched(context, rows, &tables);
        if (r < 0)
                return r;
        if (tables)
                catalog->step = CATALOG_NAMES;
        else
                catalog->names = table_free(catalog->names);
        return 0;
}

static int take_names(Catalog *catalog, const Table *table) {
        Table *names = NULL;
        int r = check_table_copy(table, &names);

        if (r < 0)
                return r;
        table_free(catalog->names);
        catalog->names = names;
        catalog->step = CATALOG_DONE;
        return 0;
}

int catalog_take(void *state, const CheckContext *context, const Outcome *outcome) {
        Catalog *catalog = state;

        if (outcome->kind != OUTCOME_ROWS || !outcome->table) {
                catalog->failed = true;
                catalog->failure = check_reason(outcome->sqlstate);
                catalog->step = CATALOG_DONE;
                return 0;
        }
        if (catalog->step == CATALOG_READ)
                return take_rows(catalog, context, outcome->table);
        return take_names(catalog, outcome->table);
}

int catalog_finish(const Catalog *catalog, const CheckContext *context, Report *report) {
        if (catalog->failed && !catalog->known) {
                _cleanup_(freep) char *schemas = strv_join(context->settings->schemas, ", ");

                if (!schemas || !report_add(report, catalog->spec->kind, schemas, catalog->spec->subject))
                        return -ENOMEM;
        }
        for (size_t i = 0; i < report->n_findings; i++) {
                Finding *finding = &report->findings[i];

                if (!finding->method)
                        finding->method = "catalog";
                if (finding->max_age == 0)
                        finding->max_age = check_max_age(context->settings->intervals.catalog);
                if (finding->checked_boottime > 0 || !catalog->known)
                        continue;
                finding->checked_at = catalog->at;
                finding->checked_boottime = catalog->boottime;
        }
        return catalog->failed ? check_blind(report, 0, catalog->failure) : 0;
}
