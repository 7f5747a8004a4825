/* The reference of the options as mdoc, for the manual: one list a group, generated from the
 * same tables that the parser reads.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <string.h>

#include "pgvigil/base/str.h"
#include "pgvigil/base/usec.h"
#include "pgvigil/model/option.h"

static const char *const type_names[] = {
        [OPTION_BOOL] = "true or false",  [OPTION_INT] = "integer",   [OPTION_UNSIGNED] = "integer",
        [OPTION_DURATION] = "duration",   [OPTION_STRING] = "string", [OPTION_STRINGS] = "array of strings",
        [OPTION_ENUM] = "one of",         [OPTION_CHOICE] = "one of", [OPTION_GROUP] = "group",
        [OPTION_LIST] = "list of groups",
};

/* A text line: no macro at its start, no escape inside. */
static void add_text(Buffer *out, const char *text) {
        if (*text == '.' || *text == '\'')
                buffer_add(out, "\\&");
        for (const char *c = text; *c; c++)
                if (*c == '\\')
                        buffer_add(out, "\\e");
                else
                        buffer_add_char(out, *c);
}

static void add_limits(const Option *option, Buffer *out) {
        if (option->type == OPTION_INT || option->type == OPTION_UNSIGNED)
                buffer_printf(out, ", %" PRId64 " to %" PRId64, option->min, option->max);
        if (option->type == OPTION_DURATION) {
                buffer_add(out, ", ");
                buffer_add_usec(out, (usec_t)option->min);
                buffer_add(out, " to ");
                buffer_add_usec(out, (usec_t)option->max);
        }
        for (size_t i = 0; option->choices && option->choices[i]; i++)
                buffer_printf(out, "%s %s",
                              i > 0                            ? ","
                              : option->type == OPTION_STRINGS ? " of"
                                                               : "",
                              option->choices[i]);
}

static void add_kind(const Option *option, Buffer *out) {
        buffer_add_char(out, '(');
        buffer_add(out, type_names[option->type]);
        add_limits(option, out);
        if (option->flags & OPTION_REQUIRED)
                buffer_add(out, "; required");
        else if (option->fallback)
                buffer_printf(out, "; default %s", option->fallback);
        buffer_add(out, ")\n");
}

static void add_item(const Option *option, Buffer *out) {
        buffer_printf(out, ".It Ic %s\n", option->name);
        add_kind(option, out);
        buffer_add(out, ".br\n");
        add_text(out, option->help);
        buffer_add_char(out, '\n');
        if (option->flags & OPTION_SECRET)
                buffer_add(out, "Its value is never printed.\n");
        if (option->flags & OPTION_PATH)
                buffer_add(out, "An absolute path.\n");
        if (option->flags & OPTION_LATER)
                buffer_add(out, "Checked and kept, but not acted on in this version.\n");
}

static void manual_group(const OptionGroup *group, const char *path, Buffer *out) {
        buffer_add(out, ".Bl -tag -width Ds\n");
        for (size_t i = 0; i < group->n_options; i++)
                add_item(&group->options[i], out);
        buffer_add(out, ".El\n");

        for (size_t i = 0; i < group->n_options; i++) {
                const Option *option = &group->options[i];
                _cleanup_(freep) char *inside = NULL;

                if (!option->group)
                        continue;
                inside = str_format("%s%s%s", path, *path ? "." : "", option->name);
                if (!inside) {
                        out->failed = true;
                        return;
                }
                buffer_printf(out, ".Ss %s\n%s\n", inside, option->group->help);
                manual_group(option->group, inside, out);
        }
}

void options_manual(const OptionGroup *group, Buffer *out) {
        buffer_printf(out, ".Ss The file\n");
        manual_group(group, "", out);
}
