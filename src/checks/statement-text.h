/* The text of a statement, for people: one line, and no value in it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/buffer.h"
#include "pgvigil/model/check-kind.h"

#define STATEMENT_TEXT_MAX 1000 /* bytes; the rest is cut */

/* pg_stat_statements normalises what it tracks, but not all of it: not what is no query (ALTER ROLE …
 * PASSWORD), and not what lost its entry while it ran. So literals become `?` here, and comments go. Names
 * stay. */
void statement_text_add(Buffer *out, const char *sql);

/* Of the rows of that shape, as the server has them, without values into the report. 0 or -ENOMEM. */
extern const Shape statement_texts_shape;
int statement_texts_publish(const Table *texts, Report *report);
