/* Arguments: the command line, parsed once for all commands.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

#include "pgvigil/commands.h"
#include "pgvigil/model/settings.h"

typedef struct Arguments {
        const char *command;
        const DaemonDoor *daemon;
        const char *config; /* NULL: the default */
        char **targets;     /* owned; NULL: all */
        const char *conninfo;
        const char *operand;
        bool json, html, quiet, verbose;
        bool dump, explain, fail_fast, grants, wait, walk;
        long rows;
} Arguments;

#define DEFAULT_CONFIG "/etc/pgvigil/pgvigil.conf"

/* 0: go on; else the exit code plus 1 (help and version were printed, or the usage was wrong). */
int arguments_parse(const char *command, int argc, char **argv, Arguments *ret);
void arguments_done(Arguments *arguments);

/* The settings that the arguments mean: of the file, or of a plain conninfo; only the targets
 * asked for. Prints what is wrong. 0 or an exit code. */
int arguments_settings(const Arguments *arguments, Settings **ret);

/* The file's settings, with its problems printed. */
int arguments_load(const Arguments *arguments, Settings **ret);

bool arguments_colour(const Arguments *arguments);

/* The exit code of a status. */
int exit_code_of(Status status);

#define COMMAND(id, name, operand, help) int command_##id(const Arguments *arguments);
#include "commands.def"
#undef COMMAND
