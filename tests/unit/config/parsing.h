/* What the tests of config share: parse a text, keep what came of it as text.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../unit.h"
#include "pgvigil/config.h"
#include "pgvigil/model/option.h"

typedef struct Parsed {
        int r;
        Settings *settings; /* NULL unless r is 0 */
        Problems problems;
        char *text; /* the problems as people read them */
} Parsed;

static inline void parsed_done(Parsed *parsed) {
        settings_free(parsed->settings);
        problems_done(&parsed->problems);
        free(parsed->text);
}

static inline Parsed parsed_finish(Parsed parsed) {
        parsed.text = problems_format(&parsed.problems);
        ck_assert_ptr_nonnull(parsed.text);
        /* Exactly one of the two, always. */
        ck_assert_int_eq(parsed.r == 0, parsed.settings != NULL);
        ck_assert_int_eq(parsed.r == 0, parsed.problems.count == 0);
        ck_assert(parsed.r == 0 || parsed.r == -EINVAL);
        return parsed;
}

static inline Parsed parse_bytes(const char *text, size_t length, const ConfigHooks *hooks) {
        Parsed parsed = {};

        parsed.r = config_parse(text, length, "test.conf", hooks, &parsed.problems, &parsed.settings);
        return parsed_finish(parsed);
}

static inline Parsed parse_text(const char *text) {
        return parse_bytes(text, strlen(text), NULL);
}

static inline Parsed parse_file(const char *path) {
        Parsed parsed = {};

        parsed.r = config_load(path, NULL, &parsed.problems, &parsed.settings);
        return parsed_finish(parsed);
}

/* A file that is right but for `lines`, which stand in its only target, from line 3 on. */
static inline Parsed parse_in_target(const char *lines) {
        _cleanup_(freep) char *text = str_format(
                "targets = ( {\nname = \"a\"; conninfo = \"dbname=a\";\n%s\n} );\n", lines);

        ck_assert_ptr_nonnull(text);
        return parse_text(text);
}

/* The text of a file of the source tree; with `all`, with the settings that are off switched on. */
static inline char *source_text(const char *path, bool all) {
        const char *root = getenv("SOURCE_ROOT");
        _cleanup_(freep) char *full = str_format("%s/%s", root ? root : ".", path);
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
        char line[1024];
        FILE *file;

        file = fopen(full, "re");
        ck_assert_msg(file != NULL, "%s cannot be opened", full);
        while (fgets(line, sizeof(line), file))
                buffer_add(&out, all && str_starts_with(line, "//") ? line + 2 : line);
        (void)fclose(file);
        return buffer_take(&out);
}
