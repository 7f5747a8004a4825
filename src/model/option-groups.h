/* The groups of options that stand inside a target or at the root, for option-tables.c, and the
 * words that the tables are written with.
 *
 * A setting is one line: name, type, offset, default in the file's own syntax, limits, choices or
 * group, flags, help. The walks over these tables do everything else.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/option.h"
#include "pgvigil/model/settings.h"

/* A default of type string, strings, duration, enum or choice, quoted as in a file. */
#define QUOTED(text) "\"" text "\""

#define OPTION_GROUP_OF(group_name, Type, table, text)                                                       \
        {                                                                                                    \
                .name = (group_name), .options = (table), .n_options = ELEMENTS(table),                      \
                .size = sizeof(Type), .help = (text)                                                         \
        }

extern const char *const severity_choices[];

extern const OptionGroup constraint_options, foreign_key_options, index_options;
extern const OptionGroup canary_options, backup_options, app_options;
