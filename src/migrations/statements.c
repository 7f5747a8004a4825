/* What the migration check asks the server: where histories are, whether a migrator works, the
 * rows of each. Never the text that a tool logged: it may hold values of rows.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "check-migration.h"

static const Field detect_fields[] = {
        {.name = "relation", .kind = VALUE_TEXT, .role = FIELD_HIDDEN},
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_HIDDEN},
        {.name = "may_use_schema", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "may_select", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "is_hidden", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
};
const Shape migration_detect_shape = SHAPE("migration_detect", detect_fields);

static const Field lock_fields[] = {
        {.name = "is_held", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "is_standby", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "now_usec", .kind = VALUE_INT, .role = FIELD_HIDDEN},
};
const Shape migration_lock_shape = SHAPE("migration_lock", lock_fields);

/* $1 table, $2 columns it must have, $3 columns it must not have, $4 schema or NULL. */
static const char detect_sql[] =
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS relation, n.nspname AS schemaname,"
        " has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,"
        " has_table_privilege(c.oid, 'SELECT') AS may_select,"
        " row_security_active(c.oid) AS is_hidden"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND c.relname = $1::name AND n.nspname !~ '^pg_(temp|toast)'"
        " AND ($4::name IS NULL OR n.nspname = $4::name)"
        " AND (SELECT count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
        " AND NOT a.attisdropped AND a.attname = ANY ($2::name[])) = cardinality($2::name[])"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
        " AND NOT a.attisdropped AND a.attname = ANY ($3::name[]))"
        " ORDER BY n.nspname LIMIT 65";
_Static_assert(HISTORIES_MAX == 64, "the LIMIT above is one more");

/* $1 the 64-bit key of pg_advisory_lock(bigint). */
static const char lock_sql[] =
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1"
        " AND l.granted AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
        " WHERE d.datname = current_database())"
        " AND ((l.classid::bigint << 32) | l.objid::bigint) = $1::bigint) AS is_held,"
        " pg_is_in_recovery() AS is_standby,"
        " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_usec";

static int statement_start(const char *name, const char *sql, const Shape *shape, Statement *ret) {
        *ret = (Statement){.name = name, .place = STATEMENT_ALONE, .shape = shape};
        return str_set(&ret->sql, sql);
}

int statement_detect(const MigrationCheck *check, const MigrationFramework *framework, Statement *ret) {
        _cleanup_(statement_done) Statement statement = {};
        _cleanup_(freep) char *need = strv_array_literal((char *const *)framework->need);
        _cleanup_(freep) char *deny = strv_array_literal((char *const *)framework->deny);

        if (!need || !deny ||
            statement_start("migration.detect", detect_sql, &migration_detect_shape, &statement) < 0 ||
            statement_add_parameter(&statement, check->table ? check->table : framework->table) < 0 ||
            statement_add_parameter(&statement, need) < 0 || statement_add_parameter(&statement, deny) < 0 ||
            statement_add_parameter(&statement, check->schema) < 0)
                return -ENOMEM;
        statement.object = framework->name;
        *ret = statement;
        statement = (Statement){};
        return 0;
}

int statement_lock(const MigrationFramework *framework, Statement *ret) {
        _cleanup_(statement_done) Statement statement = {};
        _cleanup_(freep) char *key = str_format("%lld", (long long)framework->lock_key);

        if (!key || statement_start("migration.lock", lock_sql, &migration_lock_shape, &statement) < 0 ||
            statement_add_parameter(&statement, key) < 0)
                return -ENOMEM;
        statement.object = framework->name;
        *ret = statement;
        statement = (Statement){};
        return 0;
}

int statement_rows(const History *history, Statement *ret) {
        _cleanup_(freep) char *sql = str_format("SELECT %s FROM %s ORDER BY %s", history->framework->columns,
                                                history->relation, history->framework->order);

        if (!sql)
                return -ENOMEM;
        *ret = (Statement){
                .name = "migration.rows",
                .sql = TAKE(sql),
                .place = STATEMENT_ALONE,
                .shape = &history_row_shape,
                .object = history->relation,
        };
        return 0;
}

Reason statement_failure(const Outcome *outcome) {
        static const struct {
                const char *sqlstates;
                Reason reason;
        } table[] = {
                {"42501", REASON_PRIVILEGE},     {"42703", REASON_NO_SUCH_COLUMN},
                {"42P01", REASON_NO_SUCH_TABLE}, {"54000", REASON_OVER_LIMIT},
                {"55P03", REASON_LOCKED},        {"57014", REASON_TIMEOUT},
        };

        for (size_t i = 0; i < ELEMENTS(table); i++)
                if (sqlstate_in(outcome->sqlstate, table[i].sqlstates))
                        return table[i].reason;
        return REASON_ERROR;
}
