/* The plan that most checks share: one statement over the catalog, then, only when something that
 * is configured was not found, the names that exist; what was read last outlives a failed run.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

typedef struct CatalogSpec {
        const char *statement; /* "index.catalog" */
        const char *sql;       /* $1: the schemas, text[] */
        const Shape *shape;
        FindingKind kind;
        const char *subject; /* name of what is said of all it reads at once: "catalog" */

        /* Optional: adds the configured tables whose objects are not in `rows`. */
        int (*unmatched)(const CheckContext *context, const Table *rows, char ***tables);
} CatalogSpec;

typedef enum CatalogStep { CATALOG_READ, CATALOG_NAMES, CATALOG_DONE } CatalogStep;

typedef struct Catalog {
        const CatalogSpec *spec;
        CatalogStep step;
        Table *rows;         /* of the last run that succeeded; empty before */
        Table *names;        /* NULL: not asked, all that is configured was found */
        bool known;          /* `rows` were really read */
        usec_t at, boottime; /* when */
        bool failed;         /* this run could not read all it wanted */
        Reason failure;
} Catalog;

/* The functions of a CheckKind; new() of a check calls catalog_new() with its spec. */
int catalog_new(const CatalogSpec *spec, void **ret_state);
void *catalog_free(void *state);
int catalog_begin(void *state, const CheckContext *context, void *gathered);
int catalog_next(void *state, const CheckContext *context, Statement *ret);
int catalog_take(void *state, const CheckContext *context, const Outcome *outcome);

/* The end of judge(): method, max_age and time of all findings that have none; after a failed run they are
 * unknown, and with nothing known at all one more says so. */
int catalog_finish(const Catalog *catalog, const CheckContext *context, Report *report);
