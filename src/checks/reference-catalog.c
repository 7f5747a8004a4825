/* Columns that look like references: the statement and its shape.
 *
 * Takes no lock on any table and reads no row of one. No join of its own lists to each other: with
 * the statistics of a young catalog that could become a loop within a loop. They are sought in each
 * other by hash (`IN (…) IS TRUE`, which is never made a join), and paired by who reads the answer.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "reference.h"

/* A column called STEM_id (stemId, "stemID") means the table STEM, in the singular or the plural;
 * case and underscores aside. Left out is
 * - what a foreign key has, here or in a child, what is inherited, or generated;
 * - a table's own key; beside a column STEM_type, a reference to several tables that no key can say;
 * - what belongs to an extension, and partitions: their table is told. */
const char reference_sql[] =
        "WITH rel AS (\n"
        "  SELECT c.oid, n.nspname::text AS schemaname, c.relname::text AS relname,\n"
        "         c.relkind = 'p' AS is_partitioned, c.relpersistence = 'u' AS is_unlogged,\n"
        "         lower(replace(c.relname::text, '_', '') COLLATE \"C\") AS word\n"
        "    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
        "   WHERE n.nspname::text = ANY ($1::text[]) AND c.relkind IN ('r', 'p') AND NOT c.relispartition\n"
        "     AND c.relpersistence <> 't'\n"
        "     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.objsubid = 0\n"
        "                      AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e')),\n"
        "called AS (\n"
        "  SELECT r.*, s.rank, s.stem FROM rel r CROSS JOIN LATERAL (VALUES (0, r.word),\n"
        "      (1, CASE WHEN right(r.word, 1) = 's' THEN left(r.word, -1) END),\n"
        "      (2, CASE WHEN right(r.word, 2) = 'es' THEN left(r.word, -2) END),\n"
        "      (3, CASE WHEN right(r.word, 3) = 'ies' THEN left(r.word, -3) || 'y' END)) s(rank, stem)\n"
        "   WHERE s.stem <> ''),\n"
        "candidate AS (\n"
        "  SELECT r.*, a.attname::text AS columnname, a.atttypid, a.attcollation,\n"
        "         lower(replace(substring(a.attname::text FROM "
        "'^(.+?)(?:_[Ii][Dd]|(?<=[a-z0-9])I[Dd])$'), '_', '')\n"
        "               COLLATE \"C\") AS stem\n"
        "    FROM rel r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid\n"
        "   WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attinhcount = 0 AND a.attgenerated = ''\n"
        "     AND a.attname::text ~ '(_[Ii][Dd]|[a-z0-9]I[Dd])$'\n"
        "     AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = r.oid AND i.indisprimary\n"
        "                      AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)\n"
        "     AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k\n"
        "                      WHERE k.conrelid = r.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey))\n"
        "     AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h\n"
        "                       JOIN pg_catalog.pg_constraint k ON k.conrelid = h.inhrelid AND k.contype = "
        "'f'\n"
        "                       JOIN pg_catalog.pg_attribute b ON b.attrelid = h.inhrelid\n"
        "                      WHERE h.inhparent = r.oid AND b.attnum = ANY (k.conkey)\n"
        "                        AND b.attname = a.attname)),\n"
        "found AS (\n"
        "  SELECT c.* FROM candidate c\n"
        "   WHERE c.stem <> '' AND (c.stem IN (SELECT t.stem FROM called t)) IS TRUE\n"
        "     AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a\n"
        "                      WHERE a.attrelid = c.oid AND NOT a.attisdropped\n"
        "                        AND lower(replace(a.attname::text, '_', '') COLLATE \"C\") = c.stem || "
        "'type')\n"
        "   ORDER BY c.schemaname, c.relname, c.columnname LIMIT 1000)\n"
        "SELECT f.stem, false AS is_key, f.schemaname, f.relname, f.columnname, f.atttypid::int8 AS type,\n"
        "       CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_collation l\n"
        "                          WHERE l.oid = f.attcollation AND NOT l.collisdeterministic)\n"
        "            THEN f.attcollation::int8 ELSE 0 END AS collation,\n"
        "       0 AS rank, false AS is_primary, f.is_partitioned, f.is_unlogged,\n"
        "       ARRAY(SELECT k.conname::text FROM pg_catalog.pg_constraint k WHERE k.conrelid = f.oid\n"
        "              ORDER BY 1)::text AS constraints\n"
        "  FROM found f\n"
        "UNION ALL\n"
        "SELECT t.stem, true, t.schemaname, t.relname, a.attname::text, a.atttypid::int8,\n"
        "       CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_collation l\n"
        "                          WHERE l.oid = a.attcollation AND NOT l.collisdeterministic)\n"
        "            THEN a.attcollation::int8 ELSE 0 END,\n"
        "       t.rank, i.indisprimary, t.is_partitioned, t.is_unlogged, NULL\n"
        "  FROM called t\n"
        "  LEFT JOIN pg_catalog.pg_index i ON i.indrelid = t.oid AND i.indisunique AND i.indimmediate\n"
        "        AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indexprs IS NULL\n"
        "        AND (t.is_partitioned\n"
        "             OR NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = t.oid))\n"
        "  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]\n"
        " WHERE (t.stem IN (SELECT f.stem FROM found f)) IS TRUE\n"
        " ORDER BY 1, 3, 2, 4, 5";

#define TEXT(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = (text) }
#define BOOL(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_BOOL, .role = FIELD_HIDDEN, .help = (text) }
#define INT(column, text)                                                                                    \
        { .name = (column), .kind = VALUE_INT, .role = FIELD_HIDDEN, .help = (text) }

static const Field catalog_fields[] = {
        TEXT("stem", "What both are called, case, underscores and plural aside."),
        BOOL("is_key", "A table that may be meant, rather than a column that refers."),
        TEXT("schemaname", "Schema of the table."),
        TEXT("relname", "The table."),
        TEXT("columnname", "The column that refers, or that can be referred to; NULL: the table has none."),
        INT("type", "Its type."),
        INT("collation", "Its collation where equal is not the same bytes, else 0."),
        INT("rank", "How far the table's name is from the stem; 0 is equal."),
        BOOL("is_primary", "It is the primary key."),
        BOOL("is_partitioned", "The table is partitioned."),
        BOOL("is_unlogged", "The table is unlogged."),
        TEXT("constraints", "Names of the referring table's constraints."),
};

const Shape reference_catalog = SHAPE("reference.catalog", catalog_fields);
