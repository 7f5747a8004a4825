/* What the parts of the config module share while they walk over one file.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <libconfig.h>

#include "pgvigil/config.h"
#include "pgvigil/model/option.h"

typedef struct Parser {
        const char *file;
        unsigned last_line;
        bool is_exposed; /* others than its owner may read the file */
        const ConfigHooks *hooks;
        Problems *problems;
        int error; /* first negative errno that is no problem of the file; else 0 */
} Parser;

/* Adds a problem at `where`, the text led by its key: `targets[shop].limits.lock_timeout: …`. */
void parser_problem(Parser *parser, const config_setting_t *where, const char *format, ...) _printf_(3, 4);

/* parse.c: fills `settings` (at its defaults) from a group and everything inside. */
void parse_group(Parser *parser, const OptionGroup *group, const config_setting_t *setting, void *settings);

/* value.c: one setting into its field, whatever its type. */
void parse_value(Parser *parser, const Option *option, const config_setting_t *setting, void *field);

/* unique.c: entries of one list whose OPTION_NAME options are all equal. Runs when `schemas` is known. */
void unique_check(Parser *parser, const config_setting_t *root, const Settings *settings);

/* semantics.c: what the tables cannot say. Runs after the walk, also when that found problems. */
void semantics_check(Parser *parser, const config_setting_t *root, const Settings *settings);

/* conninfo.c: a schema that a conninfo asks for is a target's `schemas`, where those are not set. */
void conninfo_complete(Parser *parser, const config_setting_t *root, Settings *settings);

/* secret.c */

/* A value for a problem's text: quoted, cut, without control characters, and never one that looks
 * like a secret. Owned; NULL when out of memory. */
char *value_shown(const char *value);
