/* Parameters of a query, by a table: an unknown one, a bad value and one that is given twice are told,
 * for a question that was not understood must not look answered.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "parameters.h"

#include "pgvigil/base/str.h"

static const Parameter *find(const Parameter *table, size_t n, const char *key) {
        for (size_t i = 0; i < n; i++)
                if (str_equal(table[i].key, key))
                        return &table[i];
        return NULL;
}

const char *parameters_parse(const HttpRequest *request, const Parameter *table, size_t n, void *userdata) {
        const char *key;

        for (size_t i = 0; (key = http_request_query_key(request, i)); i++)
                if (!find(table, n, key))
                        return "unknown parameter";

        for (size_t k = 0; k < n; k++) {
                const char *value, *wrong;

                if (!table[k].is_repeatable && http_request_query(request, table[k].key, 1))
                        return "a parameter is given twice";
                for (size_t nth = 0; (value = http_request_query(request, table[k].key, nth)); nth++) {
                        wrong = table[k].parse(userdata, value);
                        if (wrong)
                                return wrong;
                }
        }
        return NULL;
}
