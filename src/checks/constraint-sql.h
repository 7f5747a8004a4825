/* The fixed statements of the constraint check, and the columns that they answer.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/field.h"

extern const Shape constraint_catalog_rows, constraint_relation_rows, constraint_verify_rows,
        constraint_plan_rows, constraint_column_rows;
extern const char constraint_catalog_sql[], constraint_relations_sql[], constraint_table_sql[],
        constraint_expressions_sql[], constraint_no_expressions_sql[], constraint_columns_sql[];
