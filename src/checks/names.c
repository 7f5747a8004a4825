/* Which relations and columns there are: asked only when something that is configured was not
 * found, so that a misspelt name is never reported as missing, or may mean tables of several schemas.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "names.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char names_sql[] =
        "SELECT n.nspname::text AS schemaname, c.relname::text AS relname,\n"
        "       CASE WHEN c.relname::text = ANY ($2::text[]) THEN\n"
        "            ARRAY(SELECT a.attname::text FROM pg_attribute a\n"
        "                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped\n"
        "                   ORDER BY a.attnum)::text END AS columns,\n"
        "       c.relkind = 'p' AS is_partitioned\n"
        "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace\n"
        " WHERE n.nspname::text = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')\n"
        " ORDER BY 1, 2";

static const Field names_fields[] = {
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Schema."},
        {.name = "relname", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Relation."},
        {.name = "columns", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Its columns."},
        {.name = "is_partitioned", .kind = VALUE_BOOL, .role = FIELD_HIDDEN, .help = "Partitioned."},
};

const Shape names_shape = SHAPE("names", names_fields);

static int add_array(Statement *statement, char *const *list) {
        _cleanup_(freep) char *literal = strv_array_literal(list);

        return literal ? statement_add_parameter(statement, literal) : -ENOMEM;
}

int names_statement(const TargetSettings *settings, char *const *tables, Statement *ret) {
        _cleanup_(statement_done) Statement statement = {
                .name = "names", .sql = strdup(names_sql), .shape = &names_shape, .max_rows = 50000};
        _cleanup_(strv_freep) char **schemas = NULL, **relations = NULL;
        int r = statement.sql ? check_schemas(settings, &schemas) : -ENOMEM;

        for (; r >= 0 && tables && *tables; tables++) {
                char schema[IDENTIFIER_MAX], name[IDENTIFIER_MAX];

                if (check_name_split(*tables, schema, name) >= 0 && !strv_contains(relations, name))
                        r = strv_add(&relations, name);
        }
        if (r >= 0)
                r = add_array(&statement, schemas);
        if (r >= 0)
                r = add_array(&statement, relations);
        if (r < 0)
                return r;
        *ret = statement;
        statement = (Statement){};
        return 0;
}

/* Position in the list of watched schemas: the first wins, as in a search path. */
static size_t schema_rank(const TargetSettings *settings, const char *schema) {
        size_t i = 0;

        for (; settings->schemas && settings->schemas[i]; i++)
                if (str_equal(settings->schemas[i], schema))
                        break;
        return i;
}

static bool has_schema(const char *table) {
        char schema[IDENTIFIER_MAX], name[IDENTIFIER_MAX];

        return check_name_split(table, schema, name) >= 0 && *schema;
}

/* The row of a configured table, or -1. A name without a schema is sought in the watched ones. */
static ssize_t find_relation(const Table *names, const TargetSettings *settings, const char *table) {
        size_t best_rank = has_schema(table) ? SIZE_MAX : strv_length(settings->schemas);
        ssize_t best = -1;

        for (size_t row = 0; names && row < names->n_rows; row++) {
                const char *schema = table_text(names, row, "schemaname");
                size_t rank = schema_rank(settings, schema);

                if (rank < best_rank &&
                    check_name_is_relation(table, schema, table_text(names, row, "relname"))) {
                        best_rank = rank;
                        best = (ssize_t)row;
                }
        }
        return best;
}

int names_resolve(const Table *names, const TargetSettings *settings, const char *table,
                  char ret_schema[static IDENTIFIER_MAX], char ret_relation[static IDENTIFIER_MAX]) {
        int r = check_name_split(table, ret_schema, ret_relation);
        const char *schema = NULL;
        ssize_t row;

        if (r < 0)
                return r;
        row = find_relation(names, settings, table);
        if (row >= 0)
                schema = table_text(names, (size_t)row, "schemaname");
        else if (!*ret_schema && settings->schemas)
                schema = settings->schemas[0];
        if (schema)
                snprintf(ret_schema, IDENTIFIER_MAX, "%s", schema);
        return 0;
}

bool names_has(const Table *names, const TargetSettings *settings, const char *table) {
        return find_relation(names, settings, table) >= 0;
}

char *names_qualify(const Table *names, const TargetSettings *settings, const char *table) {
        char schema[IDENTIFIER_MAX], relation[IDENTIFIER_MAX];

        if (names_resolve(names, settings, table, schema, relation) < 0)
                return strdup(table);
        return str_qualified(*schema ? schema : NULL, relation);
}

bool names_is_partitioned(const Table *names, const TargetSettings *settings, const char *table) {
        ssize_t row = find_relation(names, settings, table);

        return row >= 0 && table_bool(names, (size_t)row, "is_partitioned");
}

int names_columns(const Table *names, const TargetSettings *settings, const char *table, char *const *columns,
                  char ***ret) {
        ssize_t row = find_relation(names, settings, table);
        _cleanup_(strv_freep) char **existing = NULL, **spelled = NULL;
        int r = 0;

        if (row >= 0)
                r = check_array_parse(table_text(names, (size_t)row, "columns"), &existing);
        for (; r >= 0 && columns && *columns; columns++) {
                const char *found = *columns;

                for (char **column = existing; column && *column; column++)
                        if (check_name_is(*columns, *column))
                                found = *column;
                r = strv_add(&spelled, found);
        }
        if (r < 0)
                return r;
        *ret = TAKE(spelled);
        return 0;
}

int names_is_ambiguous(const TargetSettings *settings, const char *table) {
        _cleanup_(strv_freep) char **schemas = NULL;
        int r;

        if (has_schema(table))
                return 0;
        r = check_schemas(settings, &schemas);
        return r < 0 ? r : strv_length(schemas) > 1;
}

/* "Did you mean …?" in the finding's hint, where something is near. */
static int suggest(Finding *finding, const char *word, char *const *candidates) {
        const char *nearest = candidates ? str_nearest(word, (const char *const *)candidates) : NULL;

        if (!nearest)
                return check_advise(finding, "Correct the configuration, or create what is missing.");
        return check_advise(finding, "Did you mean %s?", nearest);
}

static int explain_table(Finding *finding, const Table *names, const char *table) {
        _cleanup_(strv_freep) char **candidates = NULL;
        char schema[IDENTIFIER_MAX], relation[IDENTIFIER_MAX];
        int r = check_say(finding, "There is no table %s.", table);
        bool is_split = check_name_split(table, schema, relation) >= 0;

        for (size_t row = 0; r >= 0 && row < names->n_rows; row++) {
                const char *candidate_schema = table_text(names, row, "schemaname");
                const char *candidate = table_text(names, row, "relname");
                bool is_whole = is_split && *schema; /* spelled with a schema: so are the candidates */
                _cleanup_(freep) char *quoted = str_qualified(is_whole ? candidate_schema : NULL, candidate);

                r = quoted ? strv_add(&candidates, quoted) : -ENOMEM;
        }
        return r < 0 ? r : suggest(finding, table, candidates);
}

/* The first of `columns` that is not among the existing, or NULL. */
static const char *absent_column(char *const *existing, char *const *columns) {
        for (; columns && *columns; columns++) {
                bool found = false;

                for (size_t i = 0; !found && existing && existing[i]; i++)
                        found = check_name_is(*columns, existing[i]);
                if (!found)
                        return *columns;
        }
        return NULL;
}

int names_explain(Finding *finding, const CheckContext *context, const Rule *rule, const Table *names,
                  const char *table, char *const *columns) {
        _cleanup_(strv_freep) char **existing = NULL;
        const char *absent;
        ssize_t row;
        int r;

        if (!names)
                return 0;
        row = find_relation(names, context->settings, table);
        if (row < 0) {
                check_set_due(finding, context, rule, REASON_NO_SUCH_TABLE);
                r = explain_table(finding, names, table);
                return r < 0 ? r : 1;
        }
        if (table_is_null(names, (size_t)row, "columns"))
                return 0;
        r = check_array_parse(table_text(names, (size_t)row, "columns"), &existing);
        if (r < 0)
                return r;
        absent = absent_column(existing, columns);
        if (!absent)
                return 0;
        check_set_due(finding, context, rule, REASON_NO_SUCH_COLUMN);
        r = check_say(finding, "Table %s has no column %s.", table, absent);
        if (r >= 0)
                r = suggest(finding, absent, existing);
        return r < 0 ? r : 1;
}
