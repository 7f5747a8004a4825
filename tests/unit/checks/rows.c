/* Rows of an answer, written as text.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "rows.h"

#include <string.h>

#include "pgvigil/base/str.h"

void rows_fill(Table *table, size_t row, const char *text) {
        _cleanup_(freep) char *copy = strdup(text ? text : "");
        char *rest = copy, *cell;

        while (rest && *rest && (cell = strsep(&rest, "|"))) {
                char *equals = strchr(cell, '=');
                int field;

                ck_assert_ptr_nonnull(equals);
                *equals = '\0';
                field = shape_find(table->shape, cell);
                ck_assert_msg(field >= 0, "no column %s", cell);
                value_done(table_cell(table, row, cell));
                ck_assert_int_eq(value_parse(table->shape->fields[field].kind, equals[1] ? equals + 1 : NULL,
                                             table_cell(table, row, cell)),
                                 0);
        }
}

size_t rows_add(Table *table, const char *defaults, const char *text) {
        size_t row;

        ck_assert_int_eq(table_add_row(table, &row), 0);
        rows_fill(table, row, defaults);
        rows_fill(table, row, text);
        return row;
}

Table *rows_make(const Shape *shape, const char *defaults, const char *const *rows, size_t n) {
        Table *table = NULL;

        ck_assert_int_eq(table_new(shape, NULL, &table), 0);
        for (size_t i = 0; i < n; i++)
                rows_add(table, defaults, rows[i]);
        return table;
}
