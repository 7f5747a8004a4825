/* One setting by the type of its Option: its range, its words, what is inside. Every refusal says
 * what is expected and what was found; no setting is known here by its name.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "parse.h"
#include "pgvigil/base/usec.h"
#include "pgvigil/model/secret.h"

static const char *const found_names[] = {
        [CONFIG_TYPE_NONE] = "nothing",
        [CONFIG_TYPE_GROUP] = "a group",
        [CONFIG_TYPE_INT] = "an integer",
        [CONFIG_TYPE_INT64] = "an integer",
        [CONFIG_TYPE_FLOAT] = "a number with a fraction or exponent",
        [CONFIG_TYPE_STRING] = "a string",
        [CONFIG_TYPE_BOOL] = "true or false",
        [CONFIG_TYPE_ARRAY] = "an array [ … ]",
        [CONFIG_TYPE_LIST] = "a list ( … )",
};

static bool is_integer(const config_setting_t *setting) {
        return config_setting_type(setting) == CONFIG_TYPE_INT ||
               config_setting_type(setting) == CONFIG_TYPE_INT64;
}

static void add_range(const Option *option, Buffer *out) {
        if (option->type == OPTION_DURATION) {
                buffer_add_char(out, '"');
                buffer_add_usec(out, (usec_t)option->min);
                buffer_add(out, "\" to \"");
                buffer_add_usec(out, (usec_t)option->max);
                buffer_add_char(out, '"');
        } else
                buffer_printf(out, "%" PRId64 " to %" PRId64, option->min, option->max);
}

static void add_choices(const Option *option, Buffer *out) {
        for (size_t i = 0; option->choices[i]; i++)
                buffer_printf(out, "%s\"%s\"", i > 0 ? ", " : "", option->choices[i]);
}

static void add_expected(const Option *option, Buffer *out) {
        switch (option->type) {
        case OPTION_BOOL:
                buffer_add(out, "true or false (no quotes)");
                break;
        case OPTION_INT:
        case OPTION_UNSIGNED:
                buffer_add(out, "an integer from ");
                add_range(option, out);
                break;
        case OPTION_DURATION:
                buffer_add(out, "a duration from ");
                add_range(option, out);
                buffer_add(out, " (durations are strings with a unit: \"30s\")");
                break;
        case OPTION_STRINGS:
                buffer_add(out, "an array of strings: [ \"…\" ]");
                break;
        case OPTION_GROUP:
                buffer_add(out, "a group: { … }");
                break;
        case OPTION_LIST:
                buffer_add(out, "a list of groups: ( { … } )");
                break;
        default:
                buffer_add(out, "a string");
                break;
        }
}

static void wrong_type(Parser *parser, const Option *option, const config_setting_t *setting) {
        _cleanup_(buffer_done) Buffer expected = BUFFER_NULL;

        add_expected(option, &expected);
        parser_problem(parser, setting, "expected %s, found %s", buffer_text(&expected),
                       found_names[config_setting_type(setting)]);
}

/* What option_set_text() said no to. */
static void refused_text(Parser *parser, const Option *option, const config_setting_t *setting,
                         const char *text, int error) {
        _cleanup_(buffer_done) Buffer wanted = BUFFER_NULL;
        _cleanup_(freep) char *shown = value_shown(text);
        const char *nearest = option->choices ? str_nearest(text, option->choices) : NULL;

        if (error == -ENOMEM || !shown) {
                parser->error = -ENOMEM;
                return;
        }
        if (error == -ERANGE) {
                add_range(option, &wanted);
                parser_problem(parser, setting, "%s is out of range: permitted is %s", shown,
                               buffer_text(&wanted));
                return;
        }
        if (!option->choices) {
                add_expected(option, &wanted);
                parser_problem(parser, setting, "%s is no such thing: expected %s", shown,
                               buffer_text(&wanted));
                return;
        }
        add_choices(option, &wanted);
        parser_problem(parser, setting, "%s is not known; %s%s%sone of %s", shown,
                       nearest ? "did you mean \"" : "", nearest ? nearest : "",
                       nearest ? "\"? It is " : "it is ", buffer_text(&wanted));
}

static const char *refuse_string(const Option *option, const char *text) {
        size_t length = strlen(text);

        if (str_utf8_prefix(text, length) < length)
                return "is not valid UTF-8";
        if ((option->flags & OPTION_REQUIRED) && length == 0)
                return "must not be empty";
        if ((option->flags & OPTION_PATH) && length > 0 && text[0] != '/')
                return "must be an absolute path";
        if (!(option->flags & OPTION_URL) || length == 0)
                return NULL;
        if (!str_starts_with(text, "http://") && !str_starts_with(text, "https://"))
                return "must begin with http:// or https://";
        if (url_holds_secret(text))
                return "may not hold a user and password";
        return NULL;
}

/* An empty string without another default is the same as leaving it out. */
static bool is_left_out(const Option *option, const char *text) {
        return (option->type == OPTION_STRING || option->type == OPTION_CHOICE) && !option->fallback &&
               str_is_empty(text);
}

static void parse_text(Parser *parser, const Option *option, const config_setting_t *setting, void *field) {
        const char *text, *why;
        int r;

        if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
                wrong_type(parser, option, setting);
                return;
        }
        text = config_setting_get_string(setting);
        why = refuse_string(option, text);
        if (why) {
                parser_problem(parser, setting, "%s", why);
                return;
        }
        if (is_left_out(option, text))
                return;
        r = option_set_text(option, field, text);
        if (r < 0)
                refused_text(parser, option, setting, text, r);
}

static void parse_integer(Parser *parser, const Option *option, const config_setting_t *setting,
                          void *field) {
        _cleanup_(buffer_done) Buffer range = BUFFER_NULL;
        int64_t number;

        if (!is_integer(setting)) {
                wrong_type(parser, option, setting);
                return;
        }
        number = config_setting_type(setting) == CONFIG_TYPE_INT ? config_setting_get_int(setting)
                                                                 : config_setting_get_int64(setting);
        if (option_set_int(option, field, number) == 0)
                return;
        add_range(option, &range);
        parser_problem(parser, setting, "%" PRId64 " is out of range: permitted is %s", number,
                       buffer_text(&range));
}

static void parse_strings(Parser *parser, const Option *option, const config_setting_t *setting,
                          char ***field) {
        int type = config_setting_type(setting);

        if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
                wrong_type(parser, option, setting);
                return;
        }
        *field = strv_free(*field); /* the default */
        if ((option->flags & OPTION_REQUIRED) && config_setting_length(setting) == 0)
                parser_problem(parser, setting, "must not be empty");
        for (int i = 0; i < config_setting_length(setting); i++) {
                const config_setting_t *entry = config_setting_get_elem(setting, (unsigned)i);

                if (config_setting_type(entry) != CONFIG_TYPE_STRING) {
                        wrong_type(parser, option, setting);
                        return;
                }
                if (str_is_empty(config_setting_get_string(entry)))
                        parser_problem(parser, entry, "must not be empty");
                else
                        parse_text(parser, option, entry, field);
        }
}

static void parse_bool(Parser *parser, const Option *option, const config_setting_t *setting, bool *field) {
        if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
                wrong_type(parser, option, setting);
        else
                *field = config_setting_get_bool(setting);
}

static void parse_list(Parser *parser, const Option *option, const config_setting_t *setting, List *list) {
        int type = config_setting_type(setting);

        /* `[ ]` holds no groups, but nothing else either. */
        if (type != CONFIG_TYPE_LIST && !(type == CONFIG_TYPE_ARRAY && config_setting_length(setting) == 0)) {
                wrong_type(parser, option, setting);
                return;
        }
        for (int i = 0; i < config_setting_length(setting); i++) {
                const config_setting_t *entry = config_setting_get_elem(setting, (unsigned)i);
                void *item;
                int r;

                /* A wrong entry has an item as well: the checks after this pair them by number. */
                r = option_list_add(option->group, list, &item);
                if (r < 0) {
                        parser->error = r;
                        return;
                }
                if (config_setting_type(entry) != CONFIG_TYPE_GROUP)
                        wrong_type(parser, option, entry);
                else
                        parse_group(parser, option->group, entry, item);
        }
}

void parse_value(Parser *parser, const Option *option, const config_setting_t *setting, void *field) {
        switch (option->type) {
        case OPTION_BOOL:
                parse_bool(parser, option, setting, field);
                break;
        case OPTION_INT:
        case OPTION_UNSIGNED:
                parse_integer(parser, option, setting, field);
                break;
        case OPTION_STRINGS:
                parse_strings(parser, option, setting, field);
                break;
        case OPTION_LIST:
                parse_list(parser, option, setting, field);
                break;
        case OPTION_GROUP:
                if (config_setting_type(setting) == CONFIG_TYPE_GROUP)
                        parse_group(parser, option->group, setting, field);
                else
                        wrong_type(parser, option, setting);
                break;
        default:
                parse_text(parser, option, setting, field);
                break;
        }
}
