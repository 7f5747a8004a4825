/* From a file to Settings: file guard, text guard, libconfig, the walk, the checks, in this order.
 * Nothing reaches libconfig that the guard has not seen.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/config.h"

#include <errno.h>
#include <string.h>

#include "file.h"
#include "guard.h"
#include "parse.h"

static unsigned count_lines(const char *text, size_t length) {
        unsigned n = 1;

        for (size_t i = 0; i + 1 < length; i++)
                if (text[i] == '\n')
                        n++;
        return n;
}

static const char *explain(const config_t *config) {
        const char *text = config_error_text(config);

        if (str_equal(text, "syntax error"))
                return "syntax error: a ';', a quote, a comma or a bracket is missing or too many here or on "
                       "the line before";
        if (str_equal(text, "mismatched element type in array"))
                return "the values in [ … ] must all be of one type";
        return text ? text : "cannot be parsed";
}

static int walk(Parser *parser, const config_t *config, Settings **ret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        const config_setting_t *root = config_root_setting(config);
        int r;

        r = settings_new(&settings);
        if (r < 0)
                return r;
        parse_group(parser, &settings_options, root, settings);
        conninfo_complete(parser, root, settings);
        unique_check(parser, root, settings);
        semantics_check(parser, root, settings);
        if (parser->error < 0)
                return parser->error;
        *ret = TAKE(settings);
        return 0;
}

/* `text` ends with a NUL and has passed the guard. */
static int parse_guarded(Parser *parser, const char *text, Settings **ret) {
        _cleanup_(config_destroy) config_t config;
        unsigned line;

        config_init(&config);
        config_set_auto_convert(&config, CONFIG_FALSE);
        if (config_read_string(&config, text))
                return walk(parser, &config, ret);

        line = config_error_line(&config) > 0 ? (unsigned)config_error_line(&config) : parser->last_line;
        problems_add(parser->problems, parser->file, line < parser->last_line ? line : parser->last_line,
                     "%s", explain(&config));
        return -EINVAL;
}

/* `text` holds `length` bytes of the file, one newline more, for libconfig fails over a last line
 * that is a comment without one, and a NUL. */
static int parse(const char *text, size_t length, Parser *parser, Settings **ret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        Problems *problems = parser->problems;
        size_t n = problems->count;
        int r;

        r = config_guard(text, length, parser->file, problems);
        if (r < 0)
                return r;
        parser->last_line = count_lines(text, length);
        r = parse_guarded(parser, text, &settings);
        if (problems->failed)
                return -ENOMEM;
        if (r < 0)
                return r;
        if (problems->count > n)
                return -EINVAL;
        *ret = TAKE(settings);
        return 0;
}

int config_parse(const char *text, size_t length, const char *name, const ConfigHooks *hooks,
                 Problems *problems, Settings **ret) {
        Parser parser = {.file = name, .hooks = hooks, .problems = problems};
        _cleanup_(freep) char *copy = NULL;

        if (length > CONFIG_FILE_MAX) {
                problems_add(problems, name, 0, "is larger than 1 MiB");
                return -EINVAL;
        }
        copy = malloc(length + 2);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, text, length);
        memcpy(copy + length, "\n", 2);
        return parse(copy, length, &parser, ret);
}

int config_load(const char *path, const ConfigHooks *hooks, Problems *problems, Settings **ret) {
        Parser parser = {.file = path, .hooks = hooks, .problems = problems};
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        int r;

        r = config_file_read(path, problems, &text, &parser.is_exposed);
        if (r < 0)
                return r;
        buffer_add_char(&text, '\n');
        if (buffer_error(&text) < 0)
                return -ENOMEM;
        return parse(text.data, text.length - 1, &parser, ret);
}
