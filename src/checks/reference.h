/* Columns that look like references, and what they seem to refer to, as the catalog has them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

extern const char reference_sql[];

/* What reference_sql answers: first by `stem`, then by schema, equal ones side by side. A row is a
 * column of that stem, or (`is_key`) a table that a column of that stem means, once for each column
 * that a foreign key could refer to, at least once. */
extern const Shape reference_catalog;
