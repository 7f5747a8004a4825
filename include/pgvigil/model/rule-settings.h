/* Rule settings: what a target's configuration names, one struct a list.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/usec.h"
#include "pgvigil/model/finding.h"

typedef struct ConstraintSettings {
        char *table; /* "orders" or "public.orders", as PostgreSQL would read it */
        char *name;
        char *check; /* SQL expression that must hold; NULL: only its existence is asked */
        Rule rule;
} ConstraintSettings;

typedef struct ForeignKeySettings {
        char *table, *name; /* name may be NULL: found by its columns */
        char **columns;
        char *references;            /* table */
        char **referenced_columns;   /* NULL: not compared */
        char *on_delete, *on_update; /* "cascade", "set null", …; NULL: not compared */
        Rule rule;
} ForeignKeySettings;

typedef struct IndexSettings {
        char *table, *name; /* name may be NULL: found by its columns */
        char **columns;
        bool unique; /* must be unique */
        Rule rule;
} IndexSettings;

typedef struct CanarySettings {
        char *name, *sql;
        usec_t max_time;
        char **uses_index_on;
        Rule rule;
} CanarySettings;

typedef struct BackupSettings {
        char *name, *path, *query, *url;
        usec_t max_age;
        Rule rule;
} BackupSettings;

typedef struct AppSettings {
        char *url, *expect_body;
        int64_t expect_status;
        usec_t timeout;
        Rule rule;
} AppSettings;
