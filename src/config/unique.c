/* Entries of one list that name the same thing: an error with both lines.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <strings.h>

#include "parse.h"

static bool texts_equal(const char *a, const char *b) {
        return a && b ? strcasecmp(a, b) == 0 : a == b;
}

static bool lists_equal(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (n != strv_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (strcasecmp(a[i], b[i]) != 0)
                        return false;
        return true;
}

/* A required part that is missing equals nothing. */
static bool parts_equal(const Option *option, const void *a, const void *b) {
        const char *text;

        if (option->type == OPTION_BOOL)
                return *(const bool *)a == *(const bool *)b;
        if (option->type == OPTION_STRINGS)
                return lists_equal(*(char **const *)a, *(char **const *)b);
        text = *(char *const *)a;
        return texts_equal(text, *(char *const *)b) && (text || !(option->flags & OPTION_REQUIRED));
}

/* Whether all that names them is equal. */
static bool is_same(const OptionGroup *group, const void *a, const void *b) {
        for (size_t i = 0; i < group->n_options; i++) {
                const Option *option = &group->options[i];

                if ((option->flags & OPTION_NAME) &&
                    !parts_equal(option, option_field(option, a), option_field(option, b)))
                        return false;
        }
        return true;
}

static void add_key(const OptionGroup *group, Buffer *out) {
        for (size_t i = 0; i < group->n_options; i++)
                if (group->options[i].flags & OPTION_NAME)
                        buffer_printf(out, "%s%s", out->length > 0 ? ", " : "", group->options[i].name);
}

/* The first entry before `i` that names the same thing, or `i`. */
static size_t find_same(const OptionGroup *group, const List *list, size_t i) {
        const char *items = list->items;

        for (size_t j = 0; j < i; j++)
                if (is_same(group, items + i * group->size, items + j * group->size))
                        return j;
        return i;
}

void parse_unique(Parser *parser, const OptionGroup *group, const config_setting_t *setting,
                  const List *list) {
        _cleanup_(buffer_done) Buffer key = BUFFER_NULL;

        add_key(group, &key);
        for (size_t i = 1; i < list->count; i++) {
                size_t first = find_same(group, list, i);

                if (first == i)
                        continue;
                parser_problem(parser, config_setting_get_elem(setting, (unsigned)i),
                               "the same %s (upper and lower case count as equal) as on line %u",
                               buffer_text(&key),
                               config_setting_source_line(config_setting_get_elem(setting, (unsigned)first)));
        }
}
