/* The statements of the constraint check that never change, and the columns they answer.
 *
 * They run under search_path = '', so every relation and function is spelled with its schema;
 * oids cross as int8. The catalog statement must not deparse an expression: that takes a lock on
 * the table, and one locked table would blind all others. Expressions are read by the verify
 * statement, under the lock that counting takes anyway.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "constraint-sql.h"

/* Nodes of a parsed expression that run nothing but the functions and operators they name. Older
 * servers spell some of them otherwise. Coercions to domains and by text I/O, comparisons of rows
 * and GREATEST find their functions through the type, so they are not here. */
#define SAFE_NODES                                                                                           \
        "OPEXPR,FUNCEXPR,BOOLEXPR,NULLTEST,BOOLEANTEST,SCALARARRAYOPEXPR,VAR,CONST,RELABELTYPE,"             \
        "CASE,CASEEXPR,WHEN,CASEWHEN,CASETESTEXPR,COALESCE,COALESCEEXPR,ARRAY,ARRAYEXPR,"                    \
        "ARRAYCOERCEEXPR,DISTINCTEXPR,NULLIFEXPR"

/* $1 schemas, $2 names of configured tables, $3 whether to discover. What partitions and children
 * inherit from a watched parent is told of the parent, unless they are configured themselves.
 * Before 18 NOT NULL is not in pg_constraint: conname is NULL, `columns` the bare name. */
const char constraint_catalog_sql[] =
        "WITH watched AS (\n"
        " SELECT c.oid, c.relname\n"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
        " WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'\n"
        " AND ($3::bool OR c.relname = ANY ($2::text[]))\n"
        "), parents AS (\n"
        " SELECT i.inhrelid AS relid, i.inhparent AS parent\n"
        " FROM pg_catalog.pg_inherits i JOIN watched w ON w.oid = i.inhparent\n"
        ")\n"
        "SELECT k.conrelid::int8 AS relid, k.oid::int8 AS conid, k.xmin::text AS version, k.conname::text AS "
        "conname,\n"
        " k.contype::text AS contype, k.convalidated AS validated,\n"
        " coalesce((pg_catalog.to_jsonb(k)->>'conenforced')::bool, true) AS enforced, k.connoinherit AS "
        "no_inherit,\n"
        " k.coninhcount > 0 AND EXISTS (SELECT FROM parents p WHERE p.relid = k.conrelid) AS is_inherited,\n"
        " CASE WHEN k.contype = 'p' THEN (\n"
        "  SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY u.position)\n"
        "  FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(attnum, position)\n"
        "  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) END AS "
        "columns\n"
        "FROM watched w JOIN pg_catalog.pg_constraint k ON k.conrelid = w.oid\n"
        "WHERE k.contype IN ('c', 'n', 'p', 'u', 'x')\n"
        "AND (w.relname = ANY ($2::text[]) OR k.coninhcount = 0\n"
        " OR NOT EXISTS (SELECT FROM parents p WHERE p.relid = k.conrelid))\n"
        "UNION ALL\n"
        "SELECT relid, NULL, version, NULL, 'n', true, true, false, is_inherited, columns FROM (\n"
        " SELECT a.attrelid::int8 AS relid, a.xmin::text AS version, a.attname::text AS columns, w.relname, "
        "EXISTS (\n"
        "  SELECT FROM parents p JOIN pg_catalog.pg_attribute q ON q.attrelid = p.parent\n"
        "  WHERE p.relid = a.attrelid AND q.attname = a.attname AND q.attnotnull) AS is_inherited\n"
        " FROM watched w JOIN pg_catalog.pg_attribute a ON a.attrelid = w.oid\n"
        " WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull\n"
        ") n\n"
        "WHERE pg_catalog.current_setting('server_version_num')::int < 180000\n"
        "AND (relname = ANY ($2::text[]) OR NOT is_inherited)\n";

/* $1 schemas. */
const char constraint_relations_sql[] =
        "SELECT c.oid::int8 AS relid, n.nspname::text AS schemaname, c.relname::text AS relname, "
        "c.relkind::text AS relkind,\n"
        " EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass\n"
        "  AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e') AS is_extension,\n"
        " pg_catalog.has_table_privilege(c.oid, 'SELECT') AS can_read,\n"
        " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS can_use,\n"
        " pg_catalog.row_security_active(c.oid) AS row_security,\n"
        " EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid) AS has_children\n"
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
        "WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence "
        "<> 't'\n";

/* $1 schema, $2 table. What the table is now, and then one of two endings: with $3, oids of
 * constraints, one row for each that is still there (at least one), or without. Trusted: no object made by a
 * user in it (enums apart, they have no code), every function an immutable built-in, every node a safe one,
 * no column of a type whose comparison could be a user's, no whole row. */
const char constraint_table_sql[] =
        "WITH RECURSIVE this AS (\n"
        " SELECT c.oid, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
        "c.relnamespace\n"
        " WHERE n.nspname = $1 AND c.relname = $2\n"
        "), tree(oid) AS (\n"
        " SELECT t.oid FROM this t UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON "
        "t.oid = i.inhparent\n"
        ")\n"
        "SELECT t.relkind::text AS relkind, pg_catalog.has_table_privilege(t.oid, 'SELECT') AS can_read,\n"
        " pg_catalog.row_security_active(t.oid) AS row_security,\n"
        " EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = t.oid) AS has_children,\n"
        " EXISTS (SELECT FROM tree r JOIN pg_catalog.pg_class c ON c.oid = r.oid WHERE c.relkind NOT IN "
        "('r', 'p')) AS foreign_parts,\n"
        " EXISTS (SELECT FROM tree r JOIN pg_catalog.pg_constraint u ON u.conrelid = r.oid AND u.contype = "
        "'c'\n"
        "  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = "
        "u.oid\n"
        "  WHERE d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass)) AS "
        "user_code,\n";

const char constraint_expressions_sql[] =
        " k.oid::int8 AS conid,\n"
        " CASE k.contype WHEN 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid)\n"
        "  WHEN 'n' THEN (\n"
        "  SELECT pg_catalog.quote_ident(a.attname) || ' IS NOT NULL' FROM pg_catalog.pg_attribute a\n"
        "  WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) END AS expression,\n"
        " k.contype = 'n' OR NOT EXISTS (\n"
        "  SELECT FROM pg_catalog.pg_depend d\n"
        "  LEFT JOIN pg_catalog.pg_type y ON d.refclassid = 'pg_catalog.pg_type'::regclass AND y.oid = "
        "d.refobjid\n"
        "  LEFT JOIN pg_catalog.pg_type e ON e.oid = y.typelem\n"
        "  WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = k.oid\n"
        "  AND d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass,\n"
        "   'pg_catalog.pg_type'::regclass)\n"
        "  AND coalesce(e.typtype, y.typtype, 'b') <> 'e'\n"
        " ) AND NOT EXISTS (\n"
        "  SELECT FROM pg_catalog.unnest(k.conkey) u(attnum)\n"
        "  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum\n"
        "  JOIN pg_catalog.pg_type y ON y.oid = a.atttypid\n"
        "  LEFT JOIN pg_catalog.pg_type e ON e.oid = CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE "
        "y.typelem END\n"
        "  WHERE y.oid >= 16384 AND y.typtype <> 'e' AND (e.oid IS NULL OR e.oid >= 16384 AND e.typtype <> "
        "'e')\n"
        " ) AND NOT EXISTS (\n"
        "  SELECT FROM pg_catalog.regexp_matches(k.conbin::text,\n"
        "   ':(funcid|opno|opfuncid|hashfuncid|negfuncid) ([1-9][0-9]*)', 'g') m\n"
        "  LEFT JOIN pg_catalog.pg_operator o ON m[1] = 'opno' AND o.oid = m[2]::oid\n"
        "  LEFT JOIN pg_catalog.pg_proc p ON p.oid = CASE m[1] WHEN 'opno' THEN o.oprcode::oid ELSE "
        "m[2]::oid END\n"
        "  WHERE p.oid IS NULL OR p.provolatile <> 'i' OR p.pronamespace <> 'pg_catalog'::regnamespace\n"
        " ) AND NOT EXISTS (\n"
        "  SELECT FROM pg_catalog.regexp_matches(k.conbin::text, '[{]([A-Z_]+)', 'g') m\n"
        "  WHERE NOT m[1] = ANY ('{" SAFE_NODES "}'::text[])\n"
        " ) AND k.conbin::text !~ ':varattno 0 ' AS trusted\n"
        "FROM this t LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.oid = ANY "
        "($3::oid[])\n";

const char constraint_no_expressions_sql[] =
        " NULL::int8 AS conid, NULL::text AS expression, NULL::bool AS trusted FROM this t\n";

/* $1 oid of the table. */
const char constraint_columns_sql[] = "SELECT a.attname::text AS attname FROM pg_catalog.pg_attribute a\n"
                                      "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped\n";

static const Field catalog_fields[] = {
        {"relid", VALUE_INT, FIELD_HIDDEN},         {"conid", VALUE_INT, FIELD_HIDDEN},
        {"version", VALUE_TEXT, FIELD_HIDDEN},      {"conname", VALUE_TEXT, FIELD_HIDDEN},
        {"contype", VALUE_TEXT, FIELD_HIDDEN},      {"validated", VALUE_BOOL, FIELD_HIDDEN},
        {"enforced", VALUE_BOOL, FIELD_HIDDEN},     {"no_inherit", VALUE_BOOL, FIELD_HIDDEN},
        {"is_inherited", VALUE_BOOL, FIELD_HIDDEN}, {"columns", VALUE_TEXT, FIELD_HIDDEN},
};

static const Field relation_fields[] = {
        {"relid", VALUE_INT, FIELD_HIDDEN},         {"schemaname", VALUE_TEXT, FIELD_HIDDEN},
        {"relname", VALUE_TEXT, FIELD_HIDDEN},      {"relkind", VALUE_TEXT, FIELD_HIDDEN},
        {"is_extension", VALUE_BOOL, FIELD_HIDDEN}, {"can_read", VALUE_BOOL, FIELD_HIDDEN},
        {"can_use", VALUE_BOOL, FIELD_HIDDEN},      {"row_security", VALUE_BOOL, FIELD_HIDDEN},
        {"has_children", VALUE_BOOL, FIELD_HIDDEN},
};

static const Field verify_fields[] = {
        {"relkind", VALUE_TEXT, FIELD_HIDDEN},       {"can_read", VALUE_BOOL, FIELD_HIDDEN},
        {"row_security", VALUE_BOOL, FIELD_HIDDEN},  {"has_children", VALUE_BOOL, FIELD_HIDDEN},
        {"foreign_parts", VALUE_BOOL, FIELD_HIDDEN}, {"user_code", VALUE_BOOL, FIELD_HIDDEN},
        {"conid", VALUE_INT, FIELD_HIDDEN},          {"expression", VALUE_TEXT, FIELD_HIDDEN},
        {"trusted", VALUE_BOOL, FIELD_HIDDEN},
};

static const Field plan_fields[] = {{"QUERY PLAN", VALUE_TEXT, FIELD_HIDDEN}};
static const Field column_fields[] = {{"attname", VALUE_TEXT, FIELD_HIDDEN}};

const Shape constraint_catalog_rows = SHAPE("constraint.catalog", catalog_fields);
const Shape constraint_relation_rows = SHAPE("constraint.relations", relation_fields);
const Shape constraint_verify_rows = SHAPE("constraint.verify", verify_fields);
const Shape constraint_plan_rows = SHAPE("constraint.plan", plan_fields);
const Shape constraint_column_rows = SHAPE("constraint.columns", column_fields);
