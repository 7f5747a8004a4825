/* Entries of one list that name the same thing: an error with both lines. Two rules for one object would
 * be judged as two, and the second could contradict the first.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>
#include <strings.h>

#include "parse.h"

static bool words_equal(const char *a, const char *b) {
        return strcasecmp(a, b) == 0;
}

/* The whole text as one name, or NULL. */
static const char *read_name(const char *text, char buffer[static IDENTIFIER_MAX]) {
        const char *end = identifier_read(text, buffer);

        return end && !*end ? buffer : NULL;
}

/* Whether something is called as both may mean: as it is spelled, or as PostgreSQL reads it. */
static bool names_equal(const char *a, const char *b) {
        char first[IDENTIFIER_MAX], second[IDENTIFIER_MAX];
        const char *x = read_name(a, first), *y = read_name(b, second);

        return str_equal(a, b) || (x && str_equal(x, b)) || (y && str_equal(a, y)) || (x && str_equal(x, y));
}

/* "orders" or "public.orders"; without a schema it is of `only`, the one that is watched, or (NULL) of
 * any of them. False when it is no name. */
static bool read_relation(const char *text, const char *only, char schema[static IDENTIFIER_MAX],
                          char name[static IDENTIFIER_MAX]) {
        const char *end = identifier_read(text, name);

        schema[0] = '\0';
        if (end && *end == '.') {
                memcpy(schema, name, IDENTIFIER_MAX);
                end = identifier_read(end + 1, name);
        } else if (only && strlen(only) < IDENTIFIER_MAX)
                memcpy(schema, only, strlen(only) + 1);
        return end && !*end;
}

static bool relations_equal(const char *a, const char *b, const char *only) {
        char schema_a[IDENTIFIER_MAX], name_a[IDENTIFIER_MAX], schema_b[IDENTIFIER_MAX],
                name_b[IDENTIFIER_MAX];

        if (!read_relation(a, only, schema_a, name_a) || !read_relation(b, only, schema_b, name_b))
                return words_equal(a, b);
        return str_equal(name_a, name_b) && str_equal(schema_a, schema_b);
}

static bool texts_equal(const Option *option, const char *a, const char *b, const char *only) {
        if (!a || !b)
                return a == b && !(option->flags & OPTION_REQUIRED); /* what is missing equals nothing */
        if (option->flags & OPTION_TABLE)
                return relations_equal(a, b, only);
        return option->flags & OPTION_SQL ? names_equal(a, b) : words_equal(a, b);
}

static bool lists_equal(const Option *option, char *const *a, char *const *b, const char *only) {
        size_t n = strv_length(a);

        if (n != strv_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!texts_equal(option, a[i], b[i], only))
                        return false;
        return true;
}

static bool parts_equal(const Option *option, const void *a, const void *b, const char *only) {
        if (option->type == OPTION_BOOL)
                return *(const bool *)a == *(const bool *)b;
        if (option->type == OPTION_STRINGS)
                return lists_equal(option, *(char **const *)a, *(char **const *)b, only);
        return texts_equal(option, *(char *const *)a, *(char *const *)b, only);
}

/* Whether all that names them is equal. */
static bool is_same(const OptionGroup *group, const void *a, const void *b, const char *only) {
        for (size_t i = 0; i < group->n_options; i++) {
                const Option *option = &group->options[i];

                if ((option->flags & OPTION_NAME) &&
                    !parts_equal(option, option_field(option, a), option_field(option, b), only))
                        return false;
        }
        return true;
}

/* "table, name (as PostgreSQL reads them)" */
static void add_key(const OptionGroup *group, Buffer *out) {
        unsigned flags = 0;

        for (size_t i = 0; i < group->n_options; i++) {
                if (!(group->options[i].flags & OPTION_NAME))
                        continue;
                buffer_printf(out, "%s%s", out->length > 0 ? ", " : "", group->options[i].name);
                flags |= group->options[i].flags;
        }
        buffer_add(out, flags & OPTION_TABLE ? " (as PostgreSQL reads them)"
                                             : " (upper and lower case count as equal)");
}

/* The first entry before `i` that names the same thing, or `i`. */
static size_t find_same(const OptionGroup *group, const List *list, size_t i, const char *only) {
        const char *items = list->items;

        for (size_t j = 0; j < i; j++)
                if (is_same(group, items + i * group->size, items + j * group->size, only))
                        return j;
        return i;
}

static void check_list(Parser *parser, const OptionGroup *group, const config_setting_t *setting,
                       const List *list, const char *only) {
        _cleanup_(buffer_done) Buffer key = BUFFER_NULL;

        add_key(group, &key);
        for (size_t i = 1; i < list->count; i++) {
                size_t first = find_same(group, list, i, only);

                if (first == i)
                        continue;
                parser_problem(parser, config_setting_get_elem(setting, (unsigned)i),
                               "the same %s as on line %u", buffer_text(&key),
                               config_setting_source_line(config_setting_get_elem(setting, (unsigned)first)));
        }
}

static void check_target(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        const char *only = strv_length(target->schemas) == 1 ? target->schemas[0] : NULL;

        for (size_t i = 0; i < target_options.n_options; i++) {
                const Option *option = &target_options.options[i];

                if (option->type == OPTION_LIST)
                        check_list(parser, option->group, config_setting_get_member(setting, option->name),
                                   option_field(option, target), only);
        }
}

void unique_check(Parser *parser, const config_setting_t *root, const Settings *settings) {
        const config_setting_t *list = config_setting_get_member(root, "targets");

        check_list(parser, &target_options, list, &settings->targets, NULL);
        for (size_t i = 0; i < settings->targets.count; i++) {
                const config_setting_t *setting = config_setting_get_elem(list, (unsigned)i);

                if (config_setting_type(setting) == CONFIG_TYPE_GROUP)
                        check_target(parser, setting, LIST_AT(settings->targets, TargetSettings, i));
        }
}
