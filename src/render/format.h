/* How single values are written: numbers, seconds, escapes, comma lists.
 *
 * Independent of the locale: the decimal point is always a dot. Every text that goes out is valid
 * UTF-8, whatever bytes came in.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "pgvigil/base/buffer.h"
#include "pgvigil/base/usec.h"

/* Shortest form that reads back as the same double; "NaN", "+Inf", "-Inf" as Prometheus spells
 * them. */
void buffer_add_number(Buffer *out, double number);

/* Seconds, to the millisecond: "45", "1.2", "0.035". */
void buffer_add_seconds(Buffer *out, usec_t duration);

/* In double quotes. */
void buffer_add_json_string(Buffer *out, const char *text);

/* A label's value without its quotes. Prometheus has escapes for \ " and newline only: other
 * control characters are written as the four visible characters \x1b. */
void buffer_add_label_value(Buffer *out, const char *text);

/* A HELP text; OpenMetrics also escapes the double quote. */
void buffer_add_help(Buffer *out, const char *text, bool escape_quotes);

/* For a terminal: control characters visible (\x1b, \n), what is invisible or turns the writing
 * direction as U+FFFD. */
void buffer_add_terminal(Buffer *out, const char *text);

/* Characters (not columns) of valid UTF-8. */
size_t format_width(const char *text);

/* The next word of a comma list, or false at its end; `*cursor` begins at the list (or NULL). */
bool format_next_word(const char **cursor, const char **ret_word, size_t *ret_length);
bool format_word_equal(const char *word, size_t length, const char *text);
