/* Pieces of catalog statements that ask what it takes to read rows.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

/* Whether comparing columns of that type runs built-in code only. */
#define SQL_BUILT_IN(attribute)                                                                              \
        "EXISTS (SELECT FROM pg_type y LEFT JOIN pg_type b ON y.typtype = 'd' AND b.oid = y.typbasetype\n"   \
        "               WHERE y.oid = " attribute ".atttypid AND (coalesce(b.oid, y.oid) < 16384\n"          \
        "                 OR coalesce(b.typtype, y.typtype) = 'e'))"

/* What GRANT has to give for the rows of these tables to be read. */
#define SQL_LACKS(tables)                                                                                    \
        "ARRAY(SELECT DISTINCT w.what FROM pg_class l JOIN pg_namespace m ON m.oid = l.relnamespace,\n"      \
        "             LATERAL (VALUES (has_schema_privilege(m.oid, 'USAGE'), format('USAGE ON SCHEMA %I', "  \
        "m.nspname)),\n"                                                                                     \
        "                     (has_table_privilege(l.oid, 'SELECT'), format('SELECT ON %I.%I', m.nspname, "  \
        "l.relname)))\n"                                                                                     \
        "               w(is_there, what) WHERE l.oid IN (" tables ") AND NOT w.is_there ORDER BY 1 DESC)::" \
        "text AS lacks"
