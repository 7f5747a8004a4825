/* The statements of the inventory: every name qualified, $1 the schemas as text[].
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

/* clang-format off */

/* Names of columns come one a line: a name may hold a newline, but nobody's does. */
#define CHECKS_SQL \
        "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS tablename," \
        " k.conname AS name, pg_catalog.pg_get_expr(k.conbin, k.conrelid) AS expression" \
        " FROM pg_catalog.pg_constraint k" \
        " JOIN pg_catalog.pg_class c ON c.oid = k.conrelid" \
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" \
        " WHERE k.contype = 'c' AND k.coninhcount = 0 AND n.nspname = ANY ($1::text[])" \
        " ORDER BY 1, 2"

#define KEYS_SQL \
        "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS tablename," \
        " k.conname AS name," \
        " (SELECT pg_catalog.string_agg(a.attname, E'\\n' ORDER BY u.place)" \
        "    FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(attnum, place)" \
        "    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum) AS columns," \
        " pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.relname) AS parent," \
        " CASE k.confdeltype::text WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'" \
        "   WHEN 'n' THEN 'set null' ELSE 'set default' END AS on_delete," \
        " CASE k.confupdtype::text WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'" \
        "   WHEN 'n' THEN 'set null' ELSE 'set default' END AS on_update" \
        " FROM pg_catalog.pg_constraint k" \
        " JOIN pg_catalog.pg_class c ON c.oid = k.conrelid" \
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" \
        " JOIN pg_catalog.pg_class f ON f.oid = k.confrelid" \
        " JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace" \
        " WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname = ANY ($1::text[])" \
        " ORDER BY 1, 2"

/* Those that a constraint made are watched with it; expressions and predicates have no columns to name.
 * The columns are the table's: an index keeps the names of its own when a column is renamed. */
#define INDEXES_SQL \
        "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS tablename," \
        " x.relname AS name," \
        " (SELECT pg_catalog.string_agg(a.attname, E'\\n' ORDER BY u.place)" \
        "    FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY u(attnum, place)" \
        "    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum" \
        "   WHERE u.place <= i.indnkeyatts) AS columns," \
        " i.indisunique AS isunique" \
        " FROM pg_catalog.pg_index i" \
        " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid" \
        " JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid" \
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" \
        " WHERE n.nspname = ANY ($1::text[]) AND i.indexprs IS NULL AND i.indpred IS NULL AND i.indisvalid" \
        " AND NOT x.relispartition AND c.relkind IN ('r', 'p')" \
        " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k" \
        "                  WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))" \
        " ORDER BY x.relname"

#define IS_REFERENCED \
        "EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid" \
        "         JOIN pg_catalog.pg_namespace s ON s.oid = r.relnamespace" \
        "         WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = c.oid AND s.nspname = ANY ($1::text[]))"

/* Statements, not a script: format() quotes every name. A history, and what watched tables refer to, may
 * stand outside the schemas. Who owns, writes or administers asks for a role of its own, `pgvigil`; any
 * other role that logs in is the one. */
#define GRANTS_SQL \
        "WITH tab AS (" \
        " SELECT c.oid, c.relowner, c.relname, n.nspname FROM pg_catalog.pg_class c" \
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" \
        " WHERE c.relkind IN ('r', 'p') AND (n.nspname = ANY ($1::text[])" \
        " OR (c.relname = '_prisma_migrations' AND n.nspname !~ '^pg_') OR " IS_REFERENCED "))," \
        " me AS (SELECT oid, rolname, rolsuper OR rolcreaterole" \
        " OR EXISTS (SELECT 1 FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()" \
        "             AND pg_catalog.pg_has_role(r.oid, d.datdba, 'USAGE'))" \
        " OR EXISTS (SELECT 1 FROM tab WHERE pg_catalog.pg_has_role(r.oid, relowner, 'USAGE')" \
        "             OR pg_catalog.has_table_privilege(r.oid, tab.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) AS isother" \
        " FROM pg_catalog.pg_roles r WHERE rolname = current_user)," \
        " watch AS (SELECT CASE WHEN isother THEN 'pgvigil' ELSE rolname END AS role FROM me)" \
        " SELECT line, pg_catalog.quote_ident(role) AS role, role = 'pgvigil' AS isours FROM watch," \
        " LATERAL (" \
        "SELECT 0 AS step, '' AS name, pg_catalog.format('GRANT pg_read_all_stats TO %I;', role) AS line" \
        " WHERE role <> 'pgvigil' AND NOT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER')" \
        " UNION ALL" \
        " SELECT 1, '', pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I;', pg_catalog.current_database(), role)" \
        " UNION ALL" \
        " SELECT 2, n.nspname, pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I;', n.nspname, role)" \
        " FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY ($1::text[])" \
        " OR EXISTS (SELECT 1 FROM tab WHERE tab.nspname = n.nspname)" \
        " UNION ALL" \
        " SELECT 3, nspname || '.' || relname," \
        " pg_catalog.format('GRANT SELECT ON TABLE %I.%I TO %I;', nspname, relname, role) FROM tab" \
        ") x ORDER BY step, name"

/* clang-format on */
