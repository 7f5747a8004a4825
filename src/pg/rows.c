/* Rows: see the header. Never keeps more rows or bytes of a cell than the bounds allow.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "rows.h"

#include <errno.h>

#include "exchange.h"
#include "pgvigil/base/log.h"
#include "pgvigil/base/str.h"

/* PQfnumber() would fold the case of the name. */
static int find_column(const PGresult *result, const char *name) {
        for (int i = 0; i < PQnfields(result); i++)
                if (str_equal(PQfname(result, i), name))
                        return i;
        return -1;
}

static int our_bug(const Statement *statement, const char *column, const char *what,
                   const char **ret_sqlstate) {
        log_line(LOG_ERR, "statement %s: column \"%s\" %s", statement->name, column, what);
        *ret_sqlstate = "XX000";
        return -EBADMSG;
}

static int bind_columns(const Statement *statement, const PGresult *result, int **ret,
                        const char **ret_sqlstate) {
        const Shape *shape = statement->shape;
        _cleanup_(freep) int *columns = calloc(shape->n_fields + 1, sizeof(int));
        if (!columns)
                return -ENOMEM;
        for (size_t i = 0; i < shape->n_fields; i++) {
                columns[i] = find_column(result, shape->fields[i].name);
                if (columns[i] < 0)
                        return our_bug(statement, shape->fields[i].name, "is missing", ret_sqlstate);
        }
        *ret = TAKE(columns);
        return 0;
}

static int take_cell(const PGresult *result, int row, int column, const Field *field, Value *cell) {
        if (PQgetisnull(result, row, column))
                return 0;
        if (PQgetlength(result, row, column) > EXCHANGE_CELL_MAX)
                return -EFBIG;
        return value_parse(field->kind, PQgetvalue(result, row, column), cell);
}

static int take_row(const Statement *statement, const PGresult *result, int row, const int *columns,
                    Table *table, const char **ret_sqlstate) {
        size_t at;
        int r = table_add_row(table, &at);
        if (r < 0)
                return r;
        for (size_t i = 0; i < statement->shape->n_fields; i++) {
                const Field *field = &statement->shape->fields[i];
                Value *cell = &table->cells[at * statement->shape->n_fields + i];
                r = take_cell(result, row, columns[i], field, cell);
                if (r == -EINVAL)
                        return our_bug(statement, field->name, "holds another kind of value", ret_sqlstate);
                if (r == -EFBIG)
                        *ret_sqlstate = "54000";
                if (r < 0)
                        return r == -EFBIG ? -EBADMSG : r;
        }
        return 0;
}

int rows_take(const Statement *statement, const PGresult *result, int **columns, Table **table,
              const char **ret_sqlstate) {
        size_t most = statement->max_rows > 0 ? statement->max_rows : EXCHANGE_ROWS_DEFAULT;
        int r = *columns ? 0 : bind_columns(statement, result, columns, ret_sqlstate);
        if (r >= 0 && !*table)
                r = table_new(statement->shape, NULL, table);
        for (int row = 0; r >= 0 && row < PQntuples(result); row++) {
                if ((*table)->n_rows >= most) {
                        *ret_sqlstate = "54000";
                        return -EBADMSG;
                }
                r = take_row(statement, result, row, *columns, *table, ret_sqlstate);
        }
        return r;
}
