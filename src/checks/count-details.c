/* Details of a table: what stays as long as its fingerprint does, so it is asked once.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "common.h"
#include "count-walk.h"

#define THIS                                                                                                 \
        "WITH this AS (\n"                                                                                   \
        " SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "                \
        "c.relnamespace\n"                                                                                   \
        " WHERE n.nspname = $1 AND c.relname = $2\n"                                                         \
        ")\n"

#define OPAQUE                                                                                               \
        "EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proname = ANY ($3::text[])\n"                      \
        "  AND (p.provolatile <> 'i' OR p.pronamespace <> 'pg_catalog'::regnamespace))"

/* Rows can be found again by a primary key whose types run no code of a user. */
#define KEY(what)                                                                                            \
        "(SELECT CASE WHEN pg_catalog.bool_and(y.oid < 16384 AND y.typtype = 'b' OR y.typtype = 'e')\n"      \
        "  THEN pg_catalog.array_agg(" what " ORDER BY u.n)::text END\n"                                     \
        "  FROM this t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p',\n"         \
        "  LATERAL pg_catalog.unnest(k.conkey) WITH ORDINALITY u(attnum, n)\n"                               \
        "  JOIN pg_catalog.pg_attribute a ON a.attnum = u.attnum JOIN pg_catalog.pg_type y ON y.oid = "      \
        "a.atttypid\n"                                                                                       \
        "  WHERE a.attrelid = k.conrelid)"

#define KEY_COLUMNS KEY("pg_catalog.quote_ident(a.attname)")
#define KEY_TYPES   KEY("pg_catalog.format_type(a.atttypid, a.atttypmod)")

/* Both functions, of the extension itself and of nobody else who gave one their name. */
#define VISIBILITY                                                                                           \
        "(SELECT CASE WHEN pg_catalog.count(*) = 2 THEN pg_catalog.min(pg_catalog.quote_ident(n.nspname)) "  \
        "END\n"                                                                                              \
        "  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.deptype = 'e' AND d.refobjid = "  \
        "e.oid\n"                                                                                            \
        "  AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.classid = "                          \
        "'pg_catalog.pg_proc'::regclass\n"                                                                   \
        "  JOIN pg_catalog.pg_proc p ON p.oid = d.objid JOIN pg_catalog.pg_namespace n ON n.oid = "          \
        "p.pronamespace\n"                                                                                   \
        "  WHERE e.extname = 'pg_visibility' AND p.pronargs = 1\n"                                           \
        "  AND p.proname IN ('pg_visibility_map', 'pg_visibility_map_summary')\n"                            \
        "  AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AND "                                     \
        "pg_catalog.has_schema_privilege(n.oid, 'USAGE'))"

const char count_details_sql[] = THIS "SELECT " OPAQUE " AS is_opaque,\n"
                                      " " KEY_COLUMNS " AS key_columns,\n"
                                      " " KEY_TYPES " AS key_types,\n"
                                      " " VISIBILITY " AS visibility";

static const Field details_fields[] = {
        {"is_opaque", VALUE_BOOL, FIELD_HIDDEN},
        {"key_columns", VALUE_TEXT, FIELD_HIDDEN},
        {"key_types", VALUE_TEXT, FIELD_HIDDEN},
        {"visibility", VALUE_TEXT, FIELD_HIDDEN},
};

const Shape count_details_rows = SHAPE("count.details", details_fields);

/* A key is unique in a table and in its partitions; through inheritance it is not. */
int count_details_load(const Table *rows, const Facts *facts, Details *ret) {
        _cleanup_(count_details_done) Details details = {};
        bool has_key = facts->n_leaves <= 1 || facts->is_partitioned;
        int r = 0;

        if (rows->n_rows != 1)
                return -EINVAL;
        details.is_known = true;
        details.is_opaque = table_bool(rows, 0, "is_opaque");
        if (str_set(&details.visibility, table_text(rows, 0, "visibility")) < 0)
                return -ENOMEM;
        if (has_key)
                r = check_array_parse(table_text(rows, 0, "key_columns"), &details.key_columns);
        if (has_key && r >= 0)
                r = check_array_parse(table_text(rows, 0, "key_types"), &details.key_types);
        if (r >= 0 && strv_length(details.key_columns) != strv_length(details.key_types))
                r = -EINVAL;
        if (r < 0)
                return r;
        *ret = details;
        details = (Details){};
        return 0;
}

void count_details_done(Details *details) {
        free(details->visibility);
        strv_free(details->key_columns);
        strv_free(details->key_types);
        *details = (Details){};
}
