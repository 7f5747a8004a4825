/* commands: one file and one line of commands.def each.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/field.h"

/* Exit codes: the Monitoring Plugins' for what was found, sysexits' for what was asked wrongly. */
enum {
        EXIT_PASS = 0,
        EXIT_WARN = 1,
        EXIT_FAIL = 2,
        EXIT_UNKNOWN = 3,
        EXIT_USAGE = 64,
        EXIT_CONFIG = 78,
};

/* What commands need of the daemon, their sibling: main joins the two. */
typedef struct DaemonDoor {
        int (*run)(const char *config_path, int log_level);
        const char *(*route)(unsigned i, const char **ret_help);
        const Shape *const *(*shapes)(void);
} DaemonDoor;

/* Runs `pgvigil ARGUMENTS…`; returns the exit code. */
int commands_main(int argc, char **argv, const DaemonDoor *daemon);
