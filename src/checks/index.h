/* One index of the catalog, and what is said of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

extern const char index_sql[];
extern const Shape index_catalog; /* what index_sql answers */

/* A row of the catalog. Strings are borrowed from the table, the list is owned. */
typedef struct Index {
        const char *schema, *table, *name;
        const char *twin; /* index of the same definition that stays, or NULL */
        char **columns;
        bool is_unique, is_primary, is_partial, is_valid, is_partitioned, is_building, is_blind, is_dead,
                is_constraint;
        int64_t scans, size_bytes;
} Index;

/* 0, -ENOMEM, -EINVAL. */
int index_load(const Table *rows, size_t row, Index *ret);
void index_done(Index *index);

/* How well it is what is wanted: 0 not at all, more is better, an index of that name the best. */
int index_match(const Index *index, const IndexSettings *wanted);

/* What is wrong with it, REASON_OK when nothing is. `wanted` NULL: discovered. */
Reason index_reason(const Index *index, const IndexSettings *wanted);

/* Summary, hint and repair for that reason. 0 or -ENOMEM. */
int index_describe(Finding *finding, const Index *index, const IndexSettings *wanted, Reason reason);
int index_describe_missing(Finding *finding, const IndexSettings *wanted, bool is_partitioned);
