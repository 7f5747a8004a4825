/* The options of all commands, as one table.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef enum ArgumentType {
        ARGUMENT_FLAG,
        ARGUMENT_TEXT,
        ARGUMENT_LIST,
        ARGUMENT_FORMAT,
        ARGUMENT_NUMBER
} ArgumentType;

typedef struct Argument {
        const char *name;
        char letter; /* 0: none */
        ArgumentType type;
        size_t offset;
        const char *commands; /* " check status ", or NULL: all */
        const char *value;
        const char *help;
} Argument;

#define AT(member) offsetof(Arguments, member)

static const Argument table[] = {
        {"config", 'c', ARGUMENT_TEXT, AT(config), NULL, "FILE",
         "configuration (default " DEFAULT_CONFIG ")"},
        {"conninfo", 0, ARGUMENT_TEXT, AT(conninfo), " check init ", "CONNINFO",
         "this database instead of a configuration"},
        {"dump", 0, ARGUMENT_FLAG, AT(dump), " config ", NULL, "print the effective settings"},
        {"explain", 0, ARGUMENT_FLAG, AT(explain), " check ", NULL,
         "print each statement, its method and its cost; count nothing"},
        {"fail-fast", 0, ARGUMENT_FLAG, AT(fail_fast), " report ", NULL,
         "with --wait: end as soon as a criterion fails"},
        {"format", 'f', ARGUMENT_FORMAT, AT(json), " check status report phase ", "text|json",
         "output format"},
        {"grants", 0, ARGUMENT_FLAG, AT(grants), " init ", NULL, "print the least privileges as SQL instead"},
        {"quiet", 'q', ARGUMENT_FLAG, AT(quiet), NULL, NULL, "only what does not pass"},
        {"rows", 0, ARGUMENT_NUMBER, AT(rows), " check ", "N",
         "also the keys of up to N violating rows a rule"},
        {"target", 't', ARGUMENT_LIST, AT(targets), " check status report phase ", "NAME",
         "only this target (repeatable)"},
        {"verbose", 'v', ARGUMENT_FLAG, AT(verbose), NULL, NULL, "also what passes, and how it was obtained"},
        {"wait", 0, ARGUMENT_FLAG, AT(wait), " report ", NULL, "until the phase is over"},
        {"walk", 0, ARGUMENT_FLAG, AT(walk), " check ", NULL,
         "read every watched table, also where constraints prove that no row can break them"},
};

enum { CODE_HELP = 256, CODE_VERSION, CODE_FIRST };

static bool applies(const Argument *argument, const char *command) {
        char word[32];

        if (!argument->commands)
                return true;
        snprintf(word, sizeof(word), " %s ", command);
        return strstr(argument->commands, word) != NULL;
}

static void print_usage(FILE *out, const char *command) {
        static const struct {
                const char *name, *operand, *help;
        } commands[] = {
#define COMMAND(id, name, operand, help) {name, operand, help},
#include "commands.def"
#undef COMMAND
        };

        for (size_t i = 0; i < ELEMENTS(commands); i++)
                if (str_equal(commands[i].name, command))
                        fprintf(out, "usage: pgvigil %s [OPTIONS] %s\n%s\n\n", command, commands[i].operand,
                                commands[i].help);
        for (size_t i = 0; i < ELEMENTS(table); i++) {
                const Argument *argument = &table[i];
                char left[48], letter[8] = "    ";

                if (!applies(argument, command))
                        continue;
                if (argument->letter)
                        snprintf(letter, sizeof(letter), "-%c, ", argument->letter);
                snprintf(left, sizeof(left), "%s--%s%s%s", letter, argument->name, argument->value ? " " : "",
                         argument->value ? argument->value : "");
                fprintf(out, "  %-26s %s\n", left, argument->help);
        }
        fprintf(out, "  %-26s %s\n  %-26s %s\n", "    --help", "this", "    --version", "the version");
}

static int parse_number(const char *text, long *ret) {
        char *end;

        errno = 0;
        *ret = strtol(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || *ret < 1 || *ret > 1000) {
                fprintf(stderr, "pgvigil: --rows takes a number from 1 to 1000, not \"%s\"\n", text);
                return EXIT_USAGE;
        }
        return 0;
}

static int take(const Argument *argument, const char *value, Arguments *ret) {
        void *field = (char *)ret + argument->offset;

        switch (argument->type) {
        case ARGUMENT_FLAG:
                *(bool *)field = true;
                return 0;
        case ARGUMENT_TEXT:
                *(const char **)field = value;
                return 0;
        case ARGUMENT_LIST:
                return strv_add(field, value) < 0 ? EXIT_UNKNOWN : 0;
        case ARGUMENT_NUMBER:
                return parse_number(value, field);
        case ARGUMENT_FORMAT:
                ret->json = str_equal(value, "json");
                ret->html = str_equal(value, "html") && str_equal(ret->command, "report");
                if (ret->json || ret->html || str_equal(value, "text"))
                        return 0;
                fprintf(stderr, "pgvigil: --format is text or json%s, not \"%s\"\n",
                        str_equal(ret->command, "report") ? " or html" : "", value);
                return EXIT_USAGE;
        }
        return EXIT_USAGE;
}

/* getopt_long()'s tables out of ours. */
static void make_options(const char *command, struct option *options, char *letters) {
        size_t n = 0, l = 0;

        for (size_t i = 0; i < ELEMENTS(table); i++) {
                const Argument *argument = &table[i];

                if (!applies(argument, command))
                        continue;
                options[n++] = (struct option){
                        .name = argument->name,
                        .has_arg = argument->type == ARGUMENT_FLAG ? no_argument : required_argument,
                        .val = CODE_FIRST + (int)i,
                };
                if (!argument->letter)
                        continue;
                letters[l++] = argument->letter;
                if (argument->type != ARGUMENT_FLAG)
                        letters[l++] = ':';
        }
        options[n++] = (struct option){.name = "help", .val = CODE_HELP};
        options[n++] = (struct option){.name = "version", .val = CODE_VERSION};
        options[n] = (struct option){};
        letters[l] = '\0';
}

static const Argument *find(int code) {
        if (code >= CODE_FIRST)
                return &table[code - CODE_FIRST];
        for (size_t i = 0; i < ELEMENTS(table); i++)
                if (table[i].letter == code)
                        return &table[i];
        return NULL;
}

static int take_operands(const char *command, int argc, char **argv, Arguments *ret) {
        bool takes_one = str_equal(command, "check") || str_equal(command, "init") ||
                         str_equal(command, "manual") || str_equal(command, "phase");

        if (optind < argc && takes_one)
                ret->operand = argv[optind++];
        if (optind < argc) {
                fprintf(stderr, "pgvigil: %s does not take \"%s\"; see pgvigil %s --help\n", command,
                        argv[optind], command);
                return EXIT_USAGE;
        }
        if (ret->operand && ret->conninfo) {
                fprintf(stderr, "pgvigil: give the conninfo once: as --conninfo or as the argument\n");
                return EXIT_USAGE;
        }
        if (ret->operand && !str_equal(command, "manual") && !str_equal(command, "phase"))
                ret->conninfo = TAKE(ret->operand);
        return 0;
}

int arguments_parse(const char *command, int argc, char **argv, Arguments *ret) {
        struct option options[ELEMENTS(table) + 3];
        char letters[2 * ELEMENTS(table) + 1];
        int code, r;

        ret->command = command;
        make_options(command, options, letters);
        while ((code = getopt_long(argc, argv, letters, options, NULL)) != -1) {
                const Argument *argument;

                if (code == CODE_HELP) {
                        print_usage(stdout, command);
                        return EXIT_PASS + 1;
                }
                if (code == CODE_VERSION) {
                        puts("pgvigil " PGVIGIL_VERSION);
                        return EXIT_PASS + 1;
                }
                argument = find(code);
                if (!argument) { /* getopt has said what */
                        fprintf(stderr, "see pgvigil %s --help\n", command);
                        return EXIT_USAGE + 1;
                }
                r = take(argument, optarg, ret);
                if (r > 0)
                        return r + 1;
        }
        r = take_operands(command, argc, argv, ret);
        return r > 0 ? r + 1 : 0;
}

void arguments_done(Arguments *arguments) {
        strv_free(arguments->targets);
}

/* NO_COLOR as its home page has it: present and not empty. */
bool arguments_colour(const Arguments *arguments) {
        const char *term = getenv("TERM");

        return !arguments->json && str_is_empty(getenv("NO_COLOR")) && isatty(STDOUT_FILENO) &&
               !str_equal(term, "dumb");
}

int exit_code_of(Status status) {
        switch (status) {
        case STATUS_SKIPPED:
        case STATUS_PASS:
                return EXIT_PASS;
        case STATUS_WARN:
                return EXIT_WARN;
        case STATUS_FAIL:
                return EXIT_FAIL;
        case STATUS_UNKNOWN:
                return EXIT_UNKNOWN;
        }
        return EXIT_UNKNOWN;
}
