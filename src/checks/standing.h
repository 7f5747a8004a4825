/* StandingRow: how a constraint of any kind stands in the catalog, for the metrics that all share.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/table.h"

/* The same families more than once: a target has one table of each shape. */
extern const Shape constraint_shape;
extern const Shape foreign_key_standing_shape;
extern const Shape unique_shape; /* violations only, of unique indexes that are not in force */

typedef struct StandingRow {
        const char *schema, *table, *name;
        char type;         /* as pg_constraint.contype */
        const char *state; /* one of the states of pgvigil_constraint_state */
        usec_t checked_at; /* realtime; 0: never */
} StandingRow;

/* A row of unique_shape. 0 or -ENOMEM. */
int standing_add_unique(Table *table, const char *schema, const char *relation, const char *name,
                        int64_t violations);

/* 0 with the row's index, or -ENOMEM. */
int standing_add(Table *table, const StandingRow *standing, size_t *ret_row);
