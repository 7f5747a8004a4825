/* Rows of an answer, written as text.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "../unit.h"
#include "pgvigil/model/table.h"

/* Sets cells: "column=value|column=value"; NULL: none; an empty value is SQL NULL. */
void rows_fill(Table *table, size_t row, const char *text);
/* A row more, of NULLs where neither text says otherwise; its index. */
size_t rows_add(Table *table, const char *defaults, const char *text);
/* A table of `n` rows over the defaults. */
Table *rows_make(const Shape *shape, const char *defaults, const char *const *rows, size_t n);
