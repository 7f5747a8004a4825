/* Query: percent-decoding of parameters, and their look-up.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "query.h"

#include <errno.h>
#include <string.h>

#include "pgvigil/base/str.h"
#include "pgvigil/http.h"

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends the decoded text and its NUL; *ret is the copy. */
static int query_decode(Query *query, const char *text, const char **ret) {
        char *copy = query->text + query->used;
        size_t room = sizeof(query->text) - query->used, length = 0;
        while (*text) {
                char c = *text++;
                if (c == '%') {
                        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
                        if (low < 0 || (high == 0 && low == 0))
                                return -EINVAL;
                        c = (char)(high * 16 + low);
                        text += 2;
                }
                if (length + 1 >= room)
                        return -E2BIG;
                copy[length++] = c;
        }
        if (room == 0)
                return -E2BIG;
        copy[length] = '\0';
        query->used += length + 1;
        *ret = copy;
        return 0;
}

void query_clear(Query *query) {
        query->count = 0;
        query->used = 0;
}

int query_add(Query *query, const char *key, const char *value) {
        if (str_is_empty(key) && str_is_empty(value))
                return 0;
        if (query->count == QUERY_PARAMETERS_MAX)
                return -E2BIG;
        int r = query_decode(query, key ? key : "", &query->keys[query->count]);
        if (r < 0)
                return r;
        r = query_decode(query, value ? value : "", &query->values[query->count]);
        if (r < 0)
                return r;
        query->count++;
        return 0;
}

const char *http_request_query(const HttpRequest *request, const char *key, size_t nth) {
        const Query *query = request->handle;
        for (size_t i = 0; i < query->count; i++)
                if (str_equal(query->keys[i], key) && nth-- == 0)
                        return query->values[i];
        return NULL;
}

const char *http_request_query_key(const HttpRequest *request, size_t nth) {
        const Query *query = request->handle;
        return nth < query->count ? query->keys[nth] : NULL;
}
