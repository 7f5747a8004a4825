/* Table: rows of one shape. What a statement answers, and what a check publishes.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/field.h"

typedef struct Table {
        const Shape *shape;
        char *target; /* the rows' target; NULL: of the daemon itself */
        Value *cells; /* n_rows * shape->n_fields, row by row */
        size_t n_rows;
        size_t allocated_rows;
        bool *is_cut; /* a row: left out of /metrics; NULL: none is */
} Table;

int table_new(const Shape *shape, const char *target, Table **ret);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table, table_free)

/* Appends a row of NULLs; its index in *ret_row (may be NULL). 0 or -ENOMEM. */
int table_add_row(Table *table, size_t *ret_row);

/* Cells by field name; an unknown name is our own bug (assert). table_get() never returns NULL. */
const Value *table_get(const Table *table, size_t row, const char *field);
Value *table_cell(Table *table, size_t row, const char *field);

/* Shorthands over table_get(): NULL, 0 or false where the cell is NULL. */
const char *table_text(const Table *table, size_t row, const char *field); /* borrowed */
int64_t table_int(const Table *table, size_t row, const char *field);
bool table_bool(const Table *table, size_t row, const char *field);
bool table_is_null(const Table *table, size_t row, const char *field);

/* Sets a text cell (copied). 0 or -ENOMEM. */
int table_set_text(Table *table, size_t row, const char *field, const char *text);
void table_set_int(Table *table, size_t row, const char *field, int64_t number);
void table_set_float(Table *table, size_t row, const char *field, double number);
