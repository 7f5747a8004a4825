/* Table: rows of one shape, cells reached by name. Never knows what the columns mean.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/table.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "pgvigil/base/str.h"

#define TABLE_FIRST_ROWS 16

int table_new(const Shape *shape, const char *target, Table **ret) {
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        table = calloc(1, sizeof(*table));
        if (!table)
                return -ENOMEM;
        table->shape = shape;
        r = str_set(&table->target, target);
        if (r < 0)
                return r;
        *ret = TAKE(table);
        return 0;
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_rows * table->shape->n_fields; i++)
                value_done(&table->cells[i]);
        free(table->cells);
        free(table->is_cut);
        free(table->target);
        free(table);
        return NULL;
}

static int table_reserve_row(Table *table) {
        size_t rows, cells;
        Value *grown;

        if (table->n_rows < table->allocated_rows)
                return 0;
        rows = table->allocated_rows > 0 ? 2 * table->allocated_rows : TABLE_FIRST_ROWS;
        if (__builtin_mul_overflow(rows, table->shape->n_fields, &cells))
                return -ENOMEM;
        grown = reallocarray(table->cells, cells > 0 ? cells : 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        table->cells = grown;
        table->allocated_rows = rows;
        return 0;
}

int table_add_row(Table *table, size_t *ret_row) {
        size_t n = table->shape->n_fields;
        int r;

        r = table_reserve_row(table);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                table->cells[table->n_rows * n + i] = VALUE_NONE;
        if (ret_row)
                *ret_row = table->n_rows;
        table->n_rows++;
        return 0;
}

static size_t table_index(const Table *table, size_t row, const char *field) {
        int column = shape_find(table->shape, field);

        assert(column >= 0);
        assert(row < table->n_rows);
        return row * table->shape->n_fields + (size_t)column;
}

const Value *table_get(const Table *table, size_t row, const char *field) {
        return &table->cells[table_index(table, row, field)];
}

Value *table_cell(Table *table, size_t row, const char *field) {
        return &table->cells[table_index(table, row, field)];
}

const char *table_text(const Table *table, size_t row, const char *field) {
        const Value *value = table_get(table, row, field);

        return value->kind == VALUE_TEXT ? value->text : NULL;
}

int64_t table_int(const Table *table, size_t row, const char *field) {
        const Value *value = table_get(table, row, field);

        return value->kind == VALUE_INT ? value->integer : 0;
}

bool table_bool(const Table *table, size_t row, const char *field) {
        const Value *value = table_get(table, row, field);

        return value->kind == VALUE_BOOL && value->boolean;
}

bool table_is_null(const Table *table, size_t row, const char *field) {
        return table_get(table, row, field)->kind == VALUE_NULL;
}

int table_set_text(Table *table, size_t row, const char *field, const char *text) {
        return value_set_text(table_cell(table, row, field), text);
}

static void table_set(Table *table, size_t row, const char *field, Value value) {
        Value *cell = table_cell(table, row, field);

        value_done(cell);
        *cell = value;
}

void table_set_int(Table *table, size_t row, const char *field, int64_t number) {
        table_set(table, row, field, VALUE_OF_INT(number));
}

void table_set_float(Table *table, size_t row, const char *field, double number) {
        table_set(table, row, field, VALUE_OF_FLOAT(number));
}
