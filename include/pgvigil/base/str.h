/* Strings and NULL-terminated lists of strings: what libc lacks and three modules need.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "pgvigil/base/buffer.h"
#include "pgvigil/base/macros.h"

/* NULL equals NULL only. */
bool str_equal(const char *a, const char *b);
bool str_starts_with(const char *text, const char *prefix);
bool str_is_empty(const char *text); /* NULL or "" */

/* Replaces *target (freed) by a copy of `value` (NULL: NULL). 0 or -ENOMEM, *target then unchanged. */
int str_set(char **target, const char *value);

/* asprintf() as an expression: an owned string, or NULL when out of memory. */
char *str_format(const char *format, ...) _printf_(1, 2);

/* Optimal string alignment distance (insert, delete, replace, swap of neighbours), case
 * insensitive; 64 when either is longer than 63 bytes. */
unsigned str_distance(const char *a, const char *b);

/* The nearest of the NULL-terminated candidates within a third of the word's length (at least
 * 1, at most 4 edits), or NULL: for "unknown key; did you mean". Borrowed from `candidates`. */
const char *str_nearest(const char *word, const char *const *candidates);

/* Shell pattern (* ? [..]) over the whole text. */
bool str_matches(const char *text, const char *pattern);

/* Length of the valid UTF-8 prefix of `text`; equals `length` when all of it is valid. */
size_t str_utf8_prefix(const char *text, size_t length);

/* Quotes as PostgreSQL's quote_ident() would: bare when it is a plain lower-case name that is
 * no reserved word, else in double quotes, doubled inside. */
void buffer_add_identifier(Buffer *buffer, const char *name);
void buffer_add_literal(Buffer *buffer, const char *text); /* '…', standard_conforming_strings on */

#define IDENTIFIER_MAX 64 /* NAMEDATALEN: 63 bytes and the NUL */

/* Reads one name as PostgreSQL does: bare it folds to lower case and ends at a '.', in double quotes it is
 * exact. The position behind it, or NULL when there is none. */
const char *identifier_read(const char *text, char ret[static IDENTIFIER_MAX]);

/* schema.name, both quoted as above; schema may be NULL. Owned; NULL when out of memory. */
char *str_qualified(const char *schema, const char *name);

/* Lists: char **, NULL-terminated, owned with their strings; NULL is the empty list. */
char **strv_free(char **list);
DEFINE_CLEANUP(char *, strv_free)
size_t strv_length(char *const *list);
bool strv_contains(char *const *list, const char *text);
bool strv_equal(char *const *a, char *const *b);
int strv_add(char ***list, const char *text); /* copies; 0 or -ENOMEM */
int strv_copy(char *const *list, char ***ret);
char *strv_join(char *const *list, const char *separator); /* owned; NULL when out of memory */

/* As PostgreSQL's text[] literal, for a parameter: {"a","b"}, {} for the empty list. Owned; NULL
 * when out of memory. */
char *strv_array_literal(char *const *list);
