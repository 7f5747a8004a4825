/* Settings as text in the file's own syntax, by a walk over the option tables.
 *
 * What it prints parses again, except that a secret reads "…". It never prints a secret.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>

#include "pgvigil/base/usec.h"
#include "pgvigil/model/option.h"
#include "pgvigil/model/secret.h"
#include "pgvigil/model/settings.h"

static void add_indent(Buffer *out, unsigned indent) {
        for (unsigned i = 0; i < indent; i++)
                buffer_add(out, "    ");
}

static void add_quoted(Buffer *out, const char *text) {
        buffer_add_char(out, '"');
        for (const char *c = text; *c; c++)
                if (*c == '"' || *c == '\\')
                        buffer_printf(out, "\\%c", *c);
                else if ((unsigned char)*c < 0x20)
                        buffer_printf(out, "\\x%02x", (unsigned)*c);
                else
                        buffer_add_char(out, *c);
        buffer_add_char(out, '"');
}

static void add_strings(Buffer *out, char *const *list) {
        buffer_add(out, "[");
        for (size_t i = 0; list && list[i]; i++) {
                buffer_add(out, i > 0 ? ", " : " ");
                add_quoted(out, list[i]);
        }
        buffer_add(out, " ]");
}

static void add_duration(Buffer *out, usec_t duration) {
        buffer_add_char(out, '"');
        buffer_add_usec(out, duration);
        buffer_add_char(out, '"');
}

static void add_list(const OptionGroup *group, const List *list, unsigned indent, bool only_changed,
                     Buffer *out) {
        buffer_add(out, "(");
        for (size_t i = 0; i < list->count; i++) {
                buffer_add(out, i > 0 ? ",\n" : "\n");
                add_indent(out, indent + 1);
                buffer_add(out, "{\n");
                options_dump(group, (const char *)list->items + i * group->size, indent + 2, only_changed,
                             out);
                add_indent(out, indent + 1);
                buffer_add(out, "}");
        }
        if (list->count > 0) {
                buffer_add_char(out, '\n');
                add_indent(out, indent);
        } else
                buffer_add_char(out, ' ');
        buffer_add(out, ")");
}

static void add_group(const OptionGroup *group, const void *field, unsigned indent, bool only_changed,
                      Buffer *out) {
        buffer_add(out, "{\n");
        options_dump(group, field, indent + 1, only_changed, out);
        add_indent(out, indent);
        buffer_add(out, "}");
}

static void add_value(const Option *option, const void *field, Buffer *out) {
        switch (option->type) {
        case OPTION_BOOL:
                buffer_add(out, *(const bool *)field ? "true" : "false");
                break;
        case OPTION_INT:
                buffer_printf(out, "%" PRId64, *(const int64_t *)field);
                break;
        case OPTION_UNSIGNED:
                buffer_printf(out, "%u", *(const unsigned *)field);
                break;
        case OPTION_DURATION:
                add_duration(out, *(const usec_t *)field);
                break;
        case OPTION_ENUM:
                add_quoted(out, option->choices[*(const int *)field]);
                break;
        case OPTION_STRINGS:
                add_strings(out, *(char **const *)field);
                break;
        default:
                add_quoted(out, *(char *const *)field);
                break;
        }
}

/* A string that nobody set, or a group that the file does not have: its required string is not
 * set, so that it would not parse. */
static bool is_absent(const Option *option, const void *field) {
        if (option->type == OPTION_STRING || option->type == OPTION_CHOICE)
                return !*(char *const *)field;
        if (option->flags & OPTION_UNSAID)
                return *(const int *)field < 0;
        if (option->type != OPTION_GROUP)
                return false;
        for (size_t i = 0; i < option->group->n_options; i++) {
                const Option *inside = &option->group->options[i];

                if ((inside->flags & OPTION_REQUIRED) && inside->type == OPTION_STRING &&
                    str_is_empty(*(char *const *)option_field(inside, field)))
                        return true;
        }
        return false;
}

/* A conninfo without a password is no secret. */
static bool is_hidden(const Option *option, const void *field) {
        const char *text = option->type == OPTION_STRING ? *(char *const *)field : NULL;

        return (option->flags & OPTION_SECRET) && (!text || conninfo_holds_secret(text));
}

static void dump_option(const Option *option, const void *field, unsigned indent, bool only_changed,
                        Buffer *out) {
        add_indent(out, indent);
        buffer_printf(out, "%s%s ", option->name, option->type == OPTION_GROUP ? ":" : " =");
        if (is_hidden(option, field))
                buffer_add(out, "\"…\"");
        else if (option->type == OPTION_GROUP)
                add_group(option->group, field, indent, only_changed, out);
        else if (option->type == OPTION_LIST)
                add_list(option->group, field, indent, only_changed, out);
        else
                add_value(option, field, out);
        buffer_add(out, ";\n");
}

void options_dump(const OptionGroup *group, const void *settings, unsigned indent, bool only_changed,
                  Buffer *out) {
        _cleanup_(freep) char *standard = NULL;

        if (only_changed)
                standard = calloc(1, group->size);
        if (standard && options_default(group, standard) < 0)
                out->failed = true;

        for (size_t i = 0; i < group->n_options && !out->failed; i++) {
                const Option *option = &group->options[i];
                const OptionGroup one = {.options = option, .n_options = 1};

                if (is_absent(option, option_field(option, settings)))
                        continue;
                if (standard && options_equal(&one, settings, standard))
                        continue;
                dump_option(option, option_field(option, settings), indent, only_changed, out);
        }
        if (standard)
                options_done(group, standard);
}
