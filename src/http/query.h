/* Query: the decoded parameters of one request, in memory that is made once a server.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stddef.h>

#define QUERY_PARAMETERS_MAX 32
#define QUERY_BYTES_MAX      (16 * 1024) /* a connection's memory: no request line is longer */

typedef struct Query {
        size_t count, used;
        const char *keys[QUERY_PARAMETERS_MAX], *values[QUERY_PARAMETERS_MAX];
        char text[QUERY_BYTES_MAX];
} Query;

void query_clear(Query *query);

/* Percent-decodes both and adds them; `value` may be NULL (a key without '='; reads as ""). An
 * empty key without a value ("?&a=1") is nothing. 0; -E2BIG: too many or too long; -EINVAL: a
 * broken escape or an encoded NUL. The library has made spaces of '+' before. */
int query_add(Query *query, const char *key, const char *value);
