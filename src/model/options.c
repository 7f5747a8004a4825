/* Walks over the option tables: find, set, default, copy, compare, destroy. They know types of
 * options and no single option; nothing here reads a file.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/option.h"

#include <errno.h>
#include <string.h>

#include "pgvigil/base/usec.h"
#include "pgvigil/model/settings.h"

const Option *option_find(const OptionGroup *group, const char *name) {
        for (size_t i = 0; i < group->n_options; i++)
                if (str_equal(group->options[i].name, name))
                        return &group->options[i];
        return NULL;
}

/* The position among the choices, or -EINVAL. */
static int option_choice(const Option *option, const char *text) {
        for (int i = 0; option->choices[i]; i++)
                if (strcmp(option->choices[i], text) == 0)
                        return i;
        return -EINVAL;
}

static int set_duration(const Option *option, usec_t *field, const char *text) {
        usec_t duration;
        int r;

        r = usec_parse(text, &duration);
        if (r < 0)
                return r;
        if (duration < (usec_t)option->min || duration > (usec_t)option->max)
                return -ERANGE;
        *field = duration;
        return 0;
}

int option_set_text(const Option *option, void *field, const char *text) {
        int choice = 0;

        if (option->choices)
                choice = option_choice(option, text);
        if (choice < 0)
                return choice;

        switch (option->type) {
        case OPTION_DURATION:
                return set_duration(option, field, text);
        case OPTION_STRING:
        case OPTION_CHOICE:
                return str_set(field, text);
        case OPTION_STRINGS:
                return strv_add(field, text);
        case OPTION_ENUM:
                *(int *)field = choice;
                return 0;
        default:
                return -EINVAL;
        }
}

int option_set_int(const Option *option, void *field, int64_t number) {
        if (option->type != OPTION_INT && option->type != OPTION_UNSIGNED)
                return -EINVAL;
        if (number < option->min || number > option->max)
                return -ERANGE;
        if (option->type == OPTION_INT)
                *(int64_t *)field = number;
        else
                *(unsigned *)field = (unsigned)number;
        return 0;
}

/* Sets each "quoted" part of a default; defaults hold no escapes. */
static int default_texts(const Option *option, void *field) {
        const char *at = option->fallback;

        while ((at = strchr(at, '"'))) {
                _cleanup_(freep) char *text = NULL;
                const char *end = strchr(at + 1, '"');
                int r;

                text = strndup(at + 1, (size_t)(end - at - 1));
                if (!text)
                        return -ENOMEM;
                r = option_set_text(option, field, text);
                if (r < 0)
                        return r;
                at = end + 1;
        }
        return 0;
}

static int option_default(const Option *option, void *field) {
        if (option->type == OPTION_GROUP)
                return options_default(option->group, field);
        if (option->flags & OPTION_UNSAID)
                *(int *)field = -1;
        if (!option->fallback)
                return 0;
        if (option->type == OPTION_BOOL) {
                *(bool *)field = str_equal(option->fallback, "true");
                return 0;
        }
        if (option->type == OPTION_INT || option->type == OPTION_UNSIGNED)
                return option_set_int(option, field, strtoll(option->fallback, NULL, 10));
        return default_texts(option, field);
}

int options_default(const OptionGroup *group, void *settings) {
        for (size_t i = 0; i < group->n_options; i++) {
                const Option *option = &group->options[i];
                int r;

                r = option_default(option, option_field(option, settings));
                if (r < 0)
                        return r;
        }
        return 0;
}

static void list_done(const OptionGroup *group, List *list) {
        for (size_t i = 0; i < list->count; i++)
                options_done(group, (char *)list->items + i * group->size);
        free(list->items);
        *list = (List){};
}

static void option_done(const Option *option, void *field) {
        switch (option->type) {
        case OPTION_STRING:
        case OPTION_CHOICE:
                free(TAKE(*(char **)field));
                break;
        case OPTION_STRINGS:
                strv_free(TAKE(*(char ***)field));
                break;
        case OPTION_GROUP:
                options_done(option->group, field);
                break;
        case OPTION_LIST:
                list_done(option->group, field);
                break;
        default:
                break;
        }
}

void options_done(const OptionGroup *group, void *settings) {
        for (size_t i = 0; i < group->n_options; i++)
                option_done(&group->options[i], option_field(&group->options[i], settings));
}

static int list_add_zeroed(const OptionGroup *group, List *list, void **ret) {
        char *items;

        items = reallocarray(list->items, list->count + 1, group->size);
        if (!items)
                return -ENOMEM;
        list->items = items;
        *ret = memset(items + list->count * group->size, 0, group->size);
        list->count++;
        return 0;
}

int option_list_add(const OptionGroup *group, List *list, void **ret) {
        void *item;
        int r;

        r = list_add_zeroed(group, list, &item);
        if (r < 0)
                return r;
        r = options_default(group, item);
        if (r < 0)
                return r;
        *ret = item;
        return 0;
}

static int list_copy(const OptionGroup *group, const List *list, List *ret) {
        for (size_t i = 0; i < list->count; i++) {
                void *item;
                int r;

                r = list_add_zeroed(group, ret, &item);
                if (r < 0)
                        return r;
                r = options_copy(group, (const char *)list->items + i * group->size, item);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* How many bytes a plain value takes; 0 for what owns memory. */
static size_t plain_size(OptionType type) {
        switch (type) {
        case OPTION_BOOL:
                return sizeof(bool);
        case OPTION_INT:
                return sizeof(int64_t);
        case OPTION_UNSIGNED:
                return sizeof(unsigned);
        case OPTION_DURATION:
                return sizeof(usec_t);
        case OPTION_ENUM:
                return sizeof(int);
        default:
                return 0;
        }
}

static int option_copy(const Option *option, void *field, void *ret) {
        switch (option->type) {
        case OPTION_STRING:
        case OPTION_CHOICE:
                return str_set(ret, *(char **)field);
        case OPTION_STRINGS:
                return strv_copy(*(char ***)field, ret);
        case OPTION_GROUP:
                return options_copy(option->group, field, ret);
        case OPTION_LIST:
                return list_copy(option->group, field, ret);
        default:
                memcpy(ret, field, plain_size(option->type));
                return 0;
        }
}

int options_copy(const OptionGroup *group, const void *settings, void *ret) {
        for (size_t i = 0; i < group->n_options; i++) {
                const Option *option = &group->options[i];
                int r;

                r = option_copy(option, option_field(option, settings), option_field(option, ret));
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool list_equal(const OptionGroup *group, const List *a, const List *b) {
        if (a->count != b->count)
                return false;
        for (size_t i = 0; i < a->count; i++)
                if (!options_equal(group, (const char *)a->items + i * group->size,
                                   (const char *)b->items + i * group->size))
                        return false;
        return true;
}

static bool option_equal(const Option *option, const void *a, const void *b) {
        switch (option->type) {
        case OPTION_STRING:
        case OPTION_CHOICE:
                return str_equal(*(char *const *)a, *(char *const *)b);
        case OPTION_STRINGS:
                return strv_equal(*(char **const *)a, *(char **const *)b);
        case OPTION_GROUP:
                return options_equal(option->group, a, b);
        case OPTION_LIST:
                return list_equal(option->group, a, b);
        default:
                return memcmp(a, b, plain_size(option->type)) == 0;
        }
}

bool options_equal(const OptionGroup *group, const void *a, const void *b) {
        for (size_t i = 0; i < group->n_options; i++)
                if (!option_equal(&group->options[i], option_field(&group->options[i], a),
                                  option_field(&group->options[i], b)))
                        return false;
        return true;
}
