/* Lines for a person: marks, colours, one finding as a block.
 *
 * Everything that came from a database or from files goes through the terminal's filter.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "terminal.h"

#include <string.h>

#include "format.h"

#define SUBJECT_WIDTH 80 /* longer ones push their note to the right */

#define COLOUR_OFF  "\033[0m"
#define COLOUR_BOLD "\033[1m"

static const struct {
        const char *mark, *colour;
} looks[] = {
        [STATUS_SKIPPED] = {"-", "\033[2m"}, [STATUS_PASS] = {"✔", "\033[32m"},
        [STATUS_WARN] = {"!", "\033[33m"},   [STATUS_UNKNOWN] = {"?", "\033[35m"},
        [STATUS_FAIL] = {"✘", "\033[31m"},
};

static void add_coloured(Buffer *out, const TextOptions *options, const char *colour, const char *text) {
        buffer_add(out, options->colour ? colour : NULL);
        buffer_add_terminal(out, text);
        buffer_add(out, options->colour ? COLOUR_OFF : NULL);
}

void terminal_mark(Buffer *out, const TextOptions *options, Status status) {
        add_coloured(out, options, looks[status].colour, looks[status].mark);
}

void terminal_status(Buffer *out, const TextOptions *options, Status status) {
        add_coloured(out, options, looks[status].colour, status_name(status));
}

void terminal_bold(Buffer *out, const TextOptions *options, const char *text) {
        add_coloured(out, options, COLOUR_BOLD, text);
}

void terminal_pad(Buffer *out, size_t width, size_t wanted) {
        for (; width < wanted; width++)
                buffer_add_char(out, ' ');
}

void terminal_subject(Buffer *out, const FindingText *finding) {
        const char *const parts[] = {finding->kind, finding->object, finding->name};
        bool is_first = true;

        for (size_t i = 0; i < ELEMENTS(parts); i++) {
                if (str_is_empty(parts[i]))
                        continue;
                if (!is_first)
                        buffer_add_char(out, ' ');
                is_first = false;
                buffer_add_terminal(out, parts[i]);
        }
}

void terminal_hint(Buffer *out, const char *hint) {
        const char *lead = "      → ";

        for (const char *line = hint; line; lead = "        ") {
                const char *end = strchrnul(line, '\n');
                _cleanup_(freep) char *part = strndup(line, (size_t)(end - line));
                if (!part) {
                        out->failed = true;
                        return;
                }
                buffer_add(out, lead);
                buffer_add_terminal(out, part);
                buffer_add_char(out, '\n');
                line = *end ? end + 1 : NULL;
        }
}

void terminal_finding(Buffer *out, const TextOptions *options, const FindingText *finding) {
        buffer_add(out, "  ");
        terminal_mark(out, options, finding->status);
        buffer_add_char(out, ' ');
        terminal_subject(out, finding);
        if (options->verbose && finding->reason)
                buffer_printf(out, " (%s%s%s)", finding->reason, finding->method ? ", " : "",
                              finding->method ? finding->method : "");
        buffer_add_char(out, '\n');
        if (!str_is_empty(finding->summary)) {
                buffer_add(out, "      ");
                buffer_add_terminal(out, finding->summary);
                buffer_add_char(out, '\n');
        }
        if (!str_is_empty(finding->hint))
                terminal_hint(out, finding->hint);
        for (char *const *key = finding->keys; key && *key; key++) {
                buffer_add(out, key == finding->keys ? "      rows: " : "            ");
                buffer_add_terminal(out, *key);
                buffer_add_char(out, '\n');
        }
}

void terminal_widen(size_t *widest, const FindingText *finding) {
        _cleanup_(buffer_done) Buffer subject = {};

        terminal_subject(&subject, finding);
        size_t width = format_width(buffer_text(&subject));
        width = width < SUBJECT_WIDTH ? width : SUBJECT_WIDTH;
        if (*widest < width)
                *widest = width;
}

void terminal_passing(Buffer *out, const TextOptions *options, const FindingText *finding, size_t width,
                      const char *note) {
        _cleanup_(buffer_done) Buffer subject = {};

        terminal_subject(&subject, finding);
        buffer_add(out, "  ");
        terminal_mark(out, options, finding->status);
        buffer_add_char(out, ' ');
        buffer_add(out, buffer_text(&subject));
        if (!str_is_empty(note)) {
                terminal_pad(out, format_width(buffer_text(&subject)), width);
                buffer_add(out, "  ");
                buffer_add_terminal(out, note);
        }
        buffer_add_char(out, '\n');
}

void terminal_scope(Buffer *out, const TextOptions *options, const Scope *scope, const size_t *by_status,
                    Status status) {
        buffer_printf(out, "%zu of %zu checked: %zu warn, %zu unknown, %zu fail (status: ", scope->checked,
                      scope->total, by_status[STATUS_WARN], by_status[STATUS_UNKNOWN],
                      by_status[STATUS_FAIL]);
        terminal_status(out, options, status);
        buffer_add(out, ")\n");
}
