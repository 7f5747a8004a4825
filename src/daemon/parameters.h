/* Parameter: one that a path understands in its query.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/http.h"

typedef struct Parameter {
        const char *key;
        const char *(*parse)(void *userdata, const char *value); /* NULL, or what is wrong; static */
        bool is_repeatable;
} Parameter;

/* NULL when the query is understood whole, else what is wrong with it; static. Values are borrowed from
 * the request. */
const char *parameters_parse(const HttpRequest *request, const Parameter *table, size_t n, void *userdata);
