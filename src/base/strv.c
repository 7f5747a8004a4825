/* NULL-terminated lists of owned strings. For short lists: every append copies the pointers.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "pgvigil/base/str.h"

char **strv_free(char **list) {
        for (size_t i = 0; list && list[i]; i++)
                free(list[i]);
        free(list);
        return NULL;
}

size_t strv_length(char *const *list) {
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

bool strv_contains(char *const *list, const char *text) {
        for (size_t i = 0; list && list[i]; i++)
                if (strcmp(list[i], text) == 0)
                        return true;
        return false;
}

bool strv_equal(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (n != strv_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (strcmp(a[i], b[i]) != 0)
                        return false;
        return true;
}

int strv_add(char ***list, const char *text) {
        _cleanup_(freep) char *copy = NULL;
        size_t n = strv_length(*list);
        char **grown;

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        grown = reallocarray(*list, n + 2, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        grown[n] = TAKE(copy);
        grown[n + 1] = NULL;
        *list = grown;
        return 0;
}

int strv_copy(char *const *list, char ***ret) {
        _cleanup_(strv_freep) char **copy = NULL;
        size_t n = strv_length(list);

        if (n == 0) {
                *ret = NULL;
                return 0;
        }
        copy = calloc(n + 1, sizeof(*copy));
        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(list[i]);
                if (!copy[i])
                        return -ENOMEM;
        }
        *ret = TAKE(copy);
        return 0;
}

char *strv_join(char *const *list, const char *separator) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

        for (size_t i = 0; list && list[i]; i++) {
                if (i > 0)
                        buffer_add(&buffer, separator);
                buffer_add(&buffer, list[i]);
        }
        return buffer_take(&buffer);
}

char *strv_array_literal(char *const *list) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        buffer_add_char(&text, '{');
        for (size_t i = 0; list && list[i]; i++) {
                buffer_add(&text, i > 0 ? ",\"" : "\"");
                for (const char *c = list[i]; *c; c++) {
                        if (*c == '"' || *c == '\\')
                                buffer_add_char(&text, '\\');
                        buffer_add_char(&text, *c);
                }
                buffer_add_char(&text, '"');
        }
        buffer_add_char(&text, '}');
        return buffer_take(&text);
}
