/* Lines of a text that we keep for ourselves, "key word number text": how they are written and read.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdint.h>

#include "pgvigil/base/buffer.h"

/* A text to the end of its line, which it ends; it may hold what ends lines. */
void line_add_text(Buffer *out, const char *text);

/* The next word of a line, which moves behind it; NULL: no more. */
char *line_take_word(char **line);

/* The next word as a number without a sign. 0 or -EINVAL. */
int line_take_number(char **line, uint64_t *ret);

/* Undoes line_add_text() in place; NULL stays NULL. */
char *line_take_text(char *line);
