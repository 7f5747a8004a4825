/* The table of commands, and what stands before the command.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/commands.h"

#include <stdio.h>
#include <string.h>

#include "arguments.h"

typedef struct Command {
        const char *name, *operand, *help;
        int (*run)(const Arguments *arguments);
} Command;

static const Command commands[] = {
#define COMMAND(id, name, operand, help) {name, operand, help, command_##id},
#include "commands.def"
#undef COMMAND
};

static void print_help(FILE *out) {
        fputs("pgvigil guards a PostgreSQL database through a schema migration and long after.\n\n", out);
        for (size_t i = 0; i < ELEMENTS(commands); i++)
                if (*commands[i].help != '\0')
                        fprintf(out, "  pgvigil %-7s %-11s %s\n", commands[i].name, commands[i].operand,
                                commands[i].help);
        fputs("\n`pgvigil COMMAND --help` lists a command's options; pgvigil(1) has it all.\n"
              "Exit codes: 0 pass, 1 warn, 2 fail, 3 unknown, 64 wrong usage, 78 wrong configuration.\n",
              out);
}

static const Command *find(const char *name) {
        for (size_t i = 0; i < ELEMENTS(commands); i++)
                if (str_equal(commands[i].name, name))
                        return &commands[i];
        return NULL;
}

static int unknown(const char *name) {
        const char *names[ELEMENTS(commands) + 1] = {};
        const char *nearest;

        for (size_t i = 0; i < ELEMENTS(commands); i++)
                names[i] = commands[i].name;
        nearest = str_nearest(name, names);
        fprintf(stderr, "pgvigil: no command \"%s\"%s%s%s; see pgvigil --help\n", name,
                nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
        return EXIT_USAGE;
}

int commands_main(int argc, char **argv, const DaemonDoor *daemon) {
        _cleanup_(arguments_done) Arguments arguments = {.daemon = daemon};
        const Command *command;
        int r;

        if (argc < 2) {
                print_help(stderr);
                return EXIT_USAGE;
        }
        if (str_equal(argv[1], "--help") || str_equal(argv[1], "-h") || str_equal(argv[1], "help")) {
                print_help(stdout);
                return EXIT_PASS;
        }
        if (str_equal(argv[1], "--version")) {
                puts("pgvigil " PGVIGIL_VERSION);
                return EXIT_PASS;
        }

        command = find(argv[1]);
        if (!command)
                return unknown(argv[1]);
        r = arguments_parse(command->name, argc - 1, argv + 1, &arguments);
        if (r > 0)
                return r - 1;

        r = command->run(&arguments);
        /* A full disk or a closed pipe must not look like a verdict. */
        if (fflush(stdout) != 0 || ferror(stdout))
                return EXIT_UNKNOWN;
        return r;
}
