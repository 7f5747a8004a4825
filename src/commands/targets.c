/* From arguments to settings: the file's targets, or the one of a plain conninfo.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "pgvigil/config.h"
#include "pgvigil/http.h"
#include "pgvigil/model/option.h"
#include "pgvigil/pg.h"

static void print_note(const char *file, unsigned line, const char *text) {
        fprintf(stderr, "pgvigil: %s:%u: %s\n", file, line, text);
}

static const ConfigHooks hooks = {
        .check_conninfo = pg_conninfo_check,
        .check_listen = http_listen_check,
        .read_conninfo = pg_conninfo_extras,
        .note = print_note,
};

int arguments_load(const Arguments *arguments, Settings **ret) {
        _cleanup_(problems_done) Problems problems = {};
        _cleanup_(freep) char *text = NULL;
        int r = config_load(arguments->config ? arguments->config : DEFAULT_CONFIG, &hooks, &problems, ret);

        if (r >= 0)
                return 0;
        text = problems_format(&problems);
        fputs(text ? text : "out of memory\n", stderr);
        return r == -ENOMEM ? EXIT_UNKNOWN : EXIT_CONFIG;
}

/* A target name out of a database name: "Shop DB" becomes "shop-db". */
static char *target_name(const char *conninfo) {
        _cleanup_(freep) char *shown = pg_conninfo_describe(conninfo);
        const char *at = shown ? strstr(shown, "dbname=") : NULL;
        char *name;

        if (!at)
                return strdup("database");
        at += strlen("dbname=");
        name = strndup(at, strcspn(at, " "));
        for (char *c = name; c && *c; c++)
                *c = isalnum((unsigned char)*c) || *c == '_' ? (char)tolower((unsigned char)*c) : '-';
        if (name && (*name == '\0' || str_equal(name, "verdict"))) {
                free(name);
                return strdup("database");
        }
        return name;
}

static int set_schema(TargetSettings *target, const char *schema) {
        if (!schema)
                return 0;
        target->schemas = strv_free(target->schemas);
        return strv_add(&target->schemas, schema);
}

static int settings_of_conninfo(const char *conninfo, Settings **ret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(freep) char *problem = pg_conninfo_check(conninfo), *schema = NULL, *note = NULL,
                              *name = NULL;
        TargetSettings *target;

        if (problem) {
                fprintf(stderr, "pgvigil: conninfo: %s\n", problem);
                return EXIT_USAGE;
        }
        name = target_name(conninfo);
        if (!name || settings_new(&settings) < 0 || settings_add_target(settings, name, &target) < 0 ||
            str_set(&target->conninfo, conninfo) < 0 || pg_conninfo_extras(conninfo, &schema, &note) < 0 ||
            set_schema(target, schema) < 0)
                return EXIT_UNKNOWN;
        if (note)
                fprintf(stderr, "pgvigil: %s\n", note);
        *ret = TAKE(settings);
        return 0;
}

static int check_names(const Arguments *arguments, const Settings *settings) {
        _cleanup_(strv_freep) char **names = NULL;

        for (size_t i = 0; i < settings->targets.count; i++)
                if (strv_add(&names, LIST_AT(settings->targets, TargetSettings, i)->name) < 0)
                        return EXIT_UNKNOWN;
        for (char **target = arguments->targets; target && *target; target++) {
                const char *nearest;

                if (strv_contains(names, *target))
                        continue;
                nearest = str_nearest(*target, (const char *const *)names);
                fprintf(stderr, "pgvigil: no target \"%s\"%s%s%s\n", *target,
                        nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
                return EXIT_USAGE;
        }
        return 0;
}

/* Keeps the targets that -t names, in the order of the file. */
static int filter(const Arguments *arguments, Settings *settings) {
        size_t n = 0;
        int r;

        if (!arguments->targets)
                return 0;
        r = check_names(arguments, settings);
        if (r > 0)
                return r;

        for (size_t i = 0; i < settings->targets.count; i++) {
                TargetSettings *target = LIST_AT(settings->targets, TargetSettings, i);

                if (!strv_contains(arguments->targets, target->name)) {
                        options_done(&target_options, target);
                        continue;
                }
                *LIST_AT(settings->targets, TargetSettings, n++) = *target;
        }
        settings->targets.count = n;
        return 0;
}

int arguments_settings(const Arguments *arguments, Settings **ret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        int r = arguments->conninfo ? settings_of_conninfo(arguments->conninfo, &settings)
                                    : arguments_load(arguments, &settings);

        if (r == 0)
                r = filter(arguments, settings);
        if (r == 0)
                *ret = TAKE(settings);
        return r;
}
