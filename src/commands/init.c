/* pgvigil init: a configuration of what a live catalog holds, or the SQL of least privileges.
 *
 * The configuration goes to standard output and parses as it is. It never holds a password.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "arguments.h"
#include "inventory.h"
#include "pgvigil/base/log.h"
#include "pgvigil/model/option.h"
#include "pgvigil/pg.h"
#include "run-once.h"

static const Table *find_table(const TargetView *view, const char *name) {
        for (size_t i = 0; i < view->n_tables; i++)
                if (str_equal(view->tables[i]->shape->name, name))
                        return view->tables[i];
        return NULL;
}

static void *list_add(List *list, const OptionGroup *group) {
        void *item;

        return option_list_add(group, list, &item) < 0 ? NULL : item;
}

static const OptionGroup *group_of(const char *name) {
        return option_find(&target_options, name)->group;
}

static int split_lines(const char *text, char ***ret) {
        _cleanup_(freep) char *copy = strdup(text ? text : "");
        char *rest = copy, *line;

        if (!copy)
                return -ENOMEM;
        while ((line = strsep(&rest, "\n")))
                if (strv_add(ret, line) < 0)
                        return -ENOMEM;
        return 0;
}

static int add_checks(const Table *table, TargetSettings *target) {
        for (size_t i = 0; i < table->n_rows; i++) {
                ConstraintSettings *one = list_add(&target->constraints, group_of("constraints"));

                if (!one || str_set(&one->table, table_text(table, i, "tablename")) < 0 ||
                    str_set(&one->name, table_text(table, i, "name")) < 0 ||
                    str_set(&one->check, table_text(table, i, "expression")) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int add_keys(const Table *table, TargetSettings *target) {
        for (size_t i = 0; i < table->n_rows; i++) {
                ForeignKeySettings *one = list_add(&target->foreign_keys, group_of("foreign_keys"));

                if (!one || str_set(&one->table, table_text(table, i, "tablename")) < 0 ||
                    str_set(&one->name, table_text(table, i, "name")) < 0 ||
                    str_set(&one->references, table_text(table, i, "parent")) < 0 ||
                    str_set(&one->on_delete, table_text(table, i, "on_delete")) < 0 ||
                    str_set(&one->on_update, table_text(table, i, "on_update")) < 0 ||
                    split_lines(table_text(table, i, "columns"), &one->columns) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Whether another index has the same columns: of another kind, order or operator class, unique, or with
 * more columns to carry. The name alone tells them apart then. */
static bool has_like(const Table *table, size_t row) {
        const char *relation = table_text(table, row, "tablename"),
                   *columns = table_text(table, row, "columns");

        for (size_t i = 0; columns && i < table->n_rows; i++) {
                const char *other = table_text(table, i, "columns");

                if (i != row && other && str_equal(table_text(table, i, "tablename"), relation) &&
                    strcasecmp(other, columns) == 0)
                        return true;
        }
        return false;
}

static int add_indexes(const Table *table, TargetSettings *target) {
        for (size_t i = 0; i < table->n_rows; i++) {
                IndexSettings *one = list_add(&target->indexes, group_of("indexes"));

                if (!one || str_set(&one->table, table_text(table, i, "tablename")) < 0 ||
                    split_lines(table_text(table, i, "columns"), &one->columns) < 0)
                        return -ENOMEM;
                if (has_like(table, i) && str_set(&one->name, table_text(table, i, "name")) < 0)
                        return -ENOMEM;
                one->unique = table_bool(table, i, "isunique");
        }
        return 0;
}

/* A Prisma project around the working directory names its migrations itself. */
static int add_directory(TargetSettings *target) {
        static const char *const places[] = {"prisma/migrations", "backend/prisma/migrations"};

        for (size_t i = 0; i < ELEMENTS(places); i++) {
                _cleanup_(freep) char *path = realpath(places[i], NULL);
                struct stat status;

                if (path && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
                        return str_set(&target->migrations.directory, path);
        }
        return 0;
}

static const struct {
        const char *shape;
        int (*add)(const Table *table, TargetSettings *target);
} adders[] = {{"checks", add_checks}, {"foreign_keys", add_keys}, {"indexes", add_indexes}};

/* The way there as the daemon needs it; a credential stays one. */
static int set_way(const TargetSettings *from, const char *name, TargetSettings *target) {
        _cleanup_(freep) char *conninfo = NULL;
        bool left_out = false;
        int r;

        if (from->conninfo_credential)
                return str_set(&target->conninfo_credential, from->conninfo_credential);
        r = pg_conninfo_write(from->conninfo, true, &conninfo, &left_out);
        if (r < 0)
                return r;
        if (left_out)
                printf("# Without its password the conninfo of %s is not whole: put that into the password "
                       "file of\n"
                       "# the daemon's user, or the whole conninfo into a credential "
                       "(conninfo_credential).\n",
                       name);
        return str_set(&target->conninfo, conninfo);
}

static int add_target(const TargetView *view, Settings *settings) {
        TargetSettings *target;

        if (settings_add_target(settings, view->name, &target) < 0 ||
            set_way(view->settings, view->name, target) < 0 || add_directory(target) < 0)
                return -ENOMEM;
        target->schemas = strv_free(target->schemas);
        if (strv_copy(view->settings->schemas, &target->schemas) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTS(adders); i++) {
                const Table *table = find_table(view, adders[i].shape);

                if (table && adders[i].add(table, target) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* All targets are one file. */
static int print_settings(const View *view) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
        int r = settings_new(&settings);

        puts("# pgvigil: what stood in the catalog when this was written; pgvigil.conf(5) explains it.\n"
             "# A password belongs into ~/.pgpass or a systemd credential, never here.");
        for (size_t i = 0; r >= 0 && i < view->n_targets; i++)
                r = add_target(view->targets[i], settings);
        if (r < 0)
                return r;
        options_dump(&settings_options, settings, 0, true, &out);
        if (buffer_error(&out) < 0)
                return -ENOMEM;
        fputs(buffer_text(&out), stdout);
        return 0;
}

/* Runs again, in another database of the cluster too, and as one transaction. */
static const char role_sql[] =
        "DO $$ BEGIN\n"
        "    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'pgvigil') THEN\n"
        "        CREATE ROLE pgvigil LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION "
        "LIMIT 3;\n"
        "        ALTER ROLE pgvigil SET default_transaction_read_only = on;\n"
        "        ALTER ROLE pgvigil SET statement_timeout = '5s';\n"
        "        ALTER ROLE pgvigil SET lock_timeout = '100ms';\n"
        "        ALTER ROLE pgvigil SET idle_in_transaction_session_timeout = '10s';\n"
        "    END IF;\n"
        "    IF NOT pg_catalog.pg_has_role('pgvigil', 'pg_read_all_stats', 'MEMBER') THEN\n"
        "        GRANT pg_read_all_stats TO pgvigil;\n"
        "    END IF;\n"
        "END $$;";

/* A comment is one line: a line break in a name would make the rest of the name a statement. */
static char *one_line(const char *text) {
        char *copy = strdup(text ? text : "");

        for (char *c = copy; c && *c; c++)
                if (*c == '\n' || *c == '\r')
                        *c = ' ';
        return copy;
}

static int print_grants(const TargetView *view) {
        const Table *table = find_table(view, "grants");
        _cleanup_(freep) char *role = one_line(table && table->n_rows > 0 ? table_text(table, 0, "role")
                                                                          : "");

        if (!role)
                return -ENOMEM;
        printf("-- Least privileges of pgvigil on target %s, for the role %s: run this in that database, as "
               "the\n"
               "-- owner of the tables or a superuser.\n",
               view->name, role);
        if (table && table->n_rows > 0 && table_bool(table, 0, "isours"))
                puts(role_sql);
        printf("-- For large tables, so that only their changed pages are read (with CREATE EXTENSION "
               "pg_visibility):\n"
               "-- GRANT pg_stat_scan_tables TO %s;\n",
               role);
        for (size_t i = 0; table && i < table->n_rows; i++)
                puts(table_text(table, i, "line"));
        return 0;
}

static const char *why_not(const TargetView *view) {
        for (size_t i = 0; i < view->n_findings; i++)
                if (view->findings[i].status == STATUS_FAIL || view->findings[i].status == STATUS_UNKNOWN)
                        return view->findings[i].summary;
        return cause_name(view->cause);
}

int command_init(const Arguments *arguments) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(run_once_done) RunOnce run = {};
        const CheckKind *const kinds[] = {arguments->grants ? &grants_check : &inventory_check, NULL};
        EngineOptions options = {
                .kinds = kinds,
                .application_name = "pgvigil init",
                .use_environment = true,
        };
        const View *view;
        int r = arguments_settings(arguments, &settings);

        if (r > 0)
                return r;
        log_set_level(LOG_ERR);
        r = run_once(&run, &options, settings);
        if (r < 0) {
                fprintf(stderr, "pgvigil: %s\n", strerror(-r));
                return EXIT_UNKNOWN;
        }

        view = engine_view(run.engine);
        for (size_t i = 0; i < view->n_targets; i++) {
                const TargetView *target = view->targets[i];

                if (target->reach != REACH_OK || target->n_tables == 0) {
                        fprintf(stderr, "pgvigil: %s: %s\n", target->name, why_not(target));
                        return EXIT_FAIL;
                }
        }
        if (!arguments->grants)
                return print_settings(view) < 0 ? EXIT_UNKNOWN : EXIT_PASS;
        for (size_t i = 0; i < view->n_targets; i++)
                if (print_grants(view->targets[i]) < 0)
                        return EXIT_UNKNOWN;
        return EXIT_PASS;
}
