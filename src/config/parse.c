/* The walk: every setting of a group to its Option, every required Option to its setting. It
 * reports all that is wrong and goes on.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "parse.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* The key of a setting from the root down; entries of a list by their name, else by number. */
static void add_path(const config_setting_t *setting, Buffer *out) {
        const config_setting_t *parent = config_setting_parent(setting);
        const char *name;

        if (!parent)
                return;
        add_path(parent, out);
        if (config_setting_name(setting)) {
                if (!config_setting_is_root(parent))
                        buffer_add_char(out, '.');
                buffer_add(out, config_setting_name(setting));
                return;
        }
        if (config_setting_type(setting) == CONFIG_TYPE_GROUP &&
            config_setting_lookup_string(setting, "name", &name)) {
                _cleanup_(freep) char *shown = value_shown(name);

                buffer_printf(out, "[%s]", shown ? shown : "");
        } else
                buffer_printf(out, "[%d]", config_setting_index(setting) + 1);
}

void parser_problem(Parser *parser, const config_setting_t *where, const char *format, ...) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        unsigned line = config_setting_source_line(where);
        va_list arguments;

        add_path(where, &text);
        if (text.length > 0)
                buffer_add(&text, ": ");
        va_start(arguments, format);
        buffer_vprintf(&text, format, arguments);
        va_end(arguments);
        if (buffer_error(&text) < 0)
                parser->error = -ENOMEM;
        problems_add(parser->problems, parser->file, line > 0 ? line : parser->last_line, "%s",
                     buffer_text(&text));
}

/* The group inside `group` where a key of that name would be right, or NULL. */
static const char *find_inside(const OptionGroup *group, const char *name) {
        for (size_t i = 0; i < group->n_options; i++)
                if (group->options[i].type == OPTION_GROUP && option_find(group->options[i].group, name))
                        return group->options[i].name;
        return NULL;
}

static void unknown_key(Parser *parser, const OptionGroup *group, const config_setting_t *setting) {
        _cleanup_(freep) const char **names = NULL;
        _cleanup_(buffer_done) Buffer all = BUFFER_NULL;
        const char *name = config_setting_name(setting), *inside = find_inside(group, name), *nearest;

        names = calloc(group->n_options + 1, sizeof(*names));
        if (!names) {
                parser->error = -ENOMEM;
                return;
        }
        for (size_t i = 0; i < group->n_options; i++) {
                names[i] = group->options[i].name;
                buffer_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
        }
        nearest = str_nearest(name, names);
        if (inside)
                parser_problem(parser, setting, "unknown key here; it belongs into \"%s\"", inside);
        else if (nearest)
                parser_problem(parser, setting, "unknown key; did you mean \"%s\"?", nearest);
        else
                parser_problem(parser, setting, "unknown key; valid here: %s", buffer_text(&all));
}

void parse_group(Parser *parser, const OptionGroup *group, const config_setting_t *setting, void *settings) {
        for (int i = 0; i < config_setting_length(setting); i++) {
                const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
                const Option *option = option_find(group, config_setting_name(member));

                if (option)
                        parse_value(parser, option, member, option_field(option, settings));
                else
                        unknown_key(parser, group, member);
        }
        for (size_t i = 0; i < group->n_options; i++)
                if ((group->options[i].flags & OPTION_REQUIRED) &&
                    !config_setting_get_member(setting, group->options[i].name))
                        parser_problem(parser, setting, "\"%s\" is missing", group->options[i].name);
}
