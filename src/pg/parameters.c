/* Parameters of a connection: see the header. Never logs and never formats a value.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "parameters.h"

#include <errno.h>
#include <string.h>

#include "pgvigil/base/str.h"

void wipe_free(char *text) {
        if (!text)
                return;
        explicit_bzero(text, strlen(text));
        free(text);
}

void parameters_done(Parameters *parameters) {
        for (size_t i = 0; i < parameters->count; i++) {
                free(parameters->keywords[i]);
                wipe_free(parameters->values[i]);
        }
        free(parameters->keywords);
        free(parameters->values);
        *parameters = (Parameters){};
}

static ssize_t parameters_find(const Parameters *parameters, const char *keyword) {
        for (size_t i = 0; i < parameters->count; i++)
                if (str_equal(parameters->keywords[i], keyword))
                        return (ssize_t)i;
        return -1;
}

const char *parameters_get(const Parameters *parameters, const char *keyword) {
        ssize_t at = parameters_find(parameters, keyword);
        return at < 0 ? NULL : parameters->values[at];
}

bool parameters_are(const Parameters *parameters, const char *keyword, const char *value) {
        return str_equal(parameters_get(parameters, keyword), value);
}

static void parameters_remove(Parameters *parameters, size_t at) {
        size_t behind = parameters->count - at; /* with the NULL at the end */
        free(parameters->keywords[at]);
        wipe_free(parameters->values[at]);
        memmove(parameters->keywords + at, parameters->keywords + at + 1, behind * sizeof(char *));
        memmove(parameters->values + at, parameters->values + at + 1, behind * sizeof(char *));
        parameters->count--;
}

static int parameters_grow(Parameters *parameters) {
        char **keywords = reallocarray(parameters->keywords, parameters->count + 2, sizeof(char *));
        if (!keywords)
                return -ENOMEM;
        parameters->keywords = keywords;
        char **values = reallocarray(parameters->values, parameters->count + 2, sizeof(char *));
        if (!values)
                return -ENOMEM;
        parameters->values = values;
        return 0;
}

static int parameters_append(Parameters *parameters, const char *keyword, const char *value) {
        int r = parameters_grow(parameters);
        if (r < 0)
                return r;
        _cleanup_(freep) char *name = strdup(keyword);
        char *copy = name ? strdup(value) : NULL;
        if (!copy)
                return -ENOMEM;
        parameters->keywords[parameters->count] = TAKE(name);
        parameters->values[parameters->count] = copy;
        parameters->count++;
        parameters->keywords[parameters->count] = parameters->values[parameters->count] = NULL;
        return 0;
}

int parameters_set(Parameters *parameters, const char *keyword, const char *value) {
        ssize_t at = parameters_find(parameters, keyword);
        if (str_is_empty(value)) {
                if (at >= 0)
                        parameters_remove(parameters, (size_t)at);
                return 0;
        }
        if (at < 0)
                return parameters_append(parameters, keyword, value);
        char *copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        wipe_free(parameters->values[at]);
        parameters->values[at] = copy;
        return 0;
}

int parameters_default(Parameters *parameters, const char *keyword, const char *value) {
        return parameters_get(parameters, keyword) ? 0 : parameters_set(parameters, keyword, value);
}

int list_split(const char *text, char ***ret) {
        _cleanup_(strv_freep) char **list = NULL;
        const char *p = text ? text : "";
        for (;;) {
                size_t length = strcspn(p, ",");
                _cleanup_(freep) char *part = strndup(p, length);
                int r = part ? strv_add(&list, part) : -ENOMEM;
                if (r < 0)
                        return r;
                if (!p[length])
                        break;
                p += length + 1;
        }
        *ret = TAKE(list);
        return 0;
}
