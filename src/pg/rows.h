/* Rows: a result's rows into a Table, columns bound by name.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <libpq-fe.h>

#include "pgvigil/model/statement.h"

/* Appends the rows of `result`; makes *table and *columns with the first. 0, -ENOMEM, or -EBADMSG
 * with *ret_sqlstate: "XX000" (not the columns or values that were asked for, logged: our bug) or
 * "54000" (too many rows, too large a cell). */
int rows_take(const Statement *statement, const PGresult *result, int **columns, Table **table,
              const char **ret_sqlstate);
