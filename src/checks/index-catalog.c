/* Indexes as the catalog has them: the statement, its shape, one row of it.
 *
 * Takes no lock on any table or index: no pg_get_indexdef(), no pg_relation_size(). Indexes of
 * partitions are rolled up into the partitioned one, except those that are not valid.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "common.h"
#include "index.h"

/* Positions in expression trees differ between equal indexes, hence the regexp_replace(). Builds
 * of other roles are hidden from a role without pg_read_all_stats: `is_blind` says that one runs. */
const char index_sql[] =
        "WITH RECURSIVE ix AS (\n"
        "  SELECT i.indexrelid, i.indrelid, i.indkey, i.indnkeyatts, i.indisunique, i.indisprimary,\n"
        "         i.indisvalid AND i.indisready AND i.indislive AS is_valid, i.indpred IS NOT NULL AS "
        "is_partial,\n"
        "         NOT i.indislive AS is_dead,\n"
        "         n.nspname::text AS schemaname, t.relname::text AS relname, c.relname::text AS "
        "indexrelname,\n"
        "         c.relkind = 'I' AS is_partitioned, c.relispartition AS is_child,\n"
        "         c.relpages, first_value(c.relname::text) OVER (\n"
        "           PARTITION BY i.indrelid, i.indisvalid AND i.indisready AND i.indislive, "
        "i.indisexclusion,\n"
        "             i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,\n"
        "             regexp_replace(i.indexprs::text, ':location -?\\d+', '', 'g'),\n"
        "             regexp_replace(i.indpred::text, ':location -?\\d+', '', 'g'),\n"
        "             to_jsonb(i)->>'indnullsnotdistinct'\n"
        "           ORDER BY i.indisprimary DESC, i.indisunique DESC, i.indexrelid) AS twin\n"
        "    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid\n"
        "    JOIN pg_namespace n ON n.oid = t.relnamespace\n"
        "   WHERE n.nspname::text = ANY ($1::text[])),\n"
        "tree AS (\n"
        "  SELECT indexrelid AS root, indexrelid AS leaf FROM ix WHERE is_partitioned AND NOT is_child\n"
        "  UNION ALL\n"
        "  SELECT t.root, h.inhrelid FROM tree t JOIN pg_inherits h ON h.inhparent = t.leaf),\n"
        "parts AS (\n"
        "  SELECT t.root, sum(pg_stat_get_numscans(t.leaf))::int8 AS scans, sum(greatest(c.relpages, 0)) AS "
        "pages\n"
        "    FROM tree t JOIN pg_class c ON c.oid = t.leaf GROUP BY t.root)\n"
        "SELECT ix.schemaname, ix.relname, ix.indexrelname,\n"
        "       ARRAY(SELECT CASE u.num WHEN 0 THEN format('(%s)', e.attname) ELSE a.attname::text END\n"
        "               FROM unnest(ix.indkey::int2[]) WITH ORDINALITY u(num, pos)\n"
        "               LEFT JOIN pg_attribute a ON a.attrelid = ix.indrelid AND a.attnum = u.num AND u.num "
        "<> 0\n"
        "               LEFT JOIN pg_attribute e ON e.attrelid = ix.indexrelid AND e.attnum = u.pos AND "
        "u.num = 0\n"
        "              WHERE u.pos <= ix.indnkeyatts ORDER BY u.pos)::text AS columns,\n"
        "       ix.indisunique AS is_unique, ix.indisprimary AS is_primary, ix.is_partial, ix.is_valid,\n"
        "       ix.is_partitioned, ix.is_dead,\n"
        "       EXISTS (SELECT 1 FROM pg_stat_progress_create_index p\n"
        "                WHERE p.datname = current_database() AND p.index_relid = ix.indexrelid) AS "
        "is_building,\n"
        "       NOT ix.is_valid AND EXISTS (SELECT 1 FROM pg_stat_progress_create_index p\n"
        "                WHERE p.datname = current_database() AND p.relid IS NULL) AS is_blind,\n"
        "       CASE WHEN ix.is_valid AND NOT ix.is_child AND ix.twin <> ix.indexrelname THEN ix.twin END AS "
        "twin,\n"
        "       EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = ix.indrelid\n"
        "                AND k.conindid = ix.indexrelid AND k.contype IN ('p', 'u', 'x')) AS is_constraint,\n"
        "       coalesce(p.scans, pg_stat_get_numscans(ix.indexrelid)) AS scans,\n"
        "       (coalesce(p.pages, greatest(ix.relpages, 0)) * current_setting('block_size')::int8)::int8\n"
        "         AS size_bytes\n"
        "  FROM ix LEFT JOIN parts p ON p.root = ix.indexrelid\n"
        " WHERE NOT ix.is_child OR NOT ix.is_valid\n"
        " ORDER BY 1, 2, 3";

#define TEXT(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = (text) }
#define BOOL(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_BOOL, .role = FIELD_HIDDEN, .help = (text) }
#define INT(column, text)                                                                                    \
        { .name = (column), .kind = VALUE_INT, .role = FIELD_HIDDEN, .help = (text) }

static const Field catalog_fields[] = {
        TEXT("schemaname", "Schema."),
        TEXT("relname", "Table."),
        TEXT("indexrelname", "Index."),
        TEXT("columns", "Key columns in order; an expression as its name in parentheses."),
        BOOL("is_unique", "UNIQUE."),
        BOOL("is_primary", "Of the primary key."),
        BOOL("is_partial", "Has a predicate."),
        BOOL("is_valid", "Valid, ready and live."),
        BOOL("is_partitioned", "Of a partitioned table."),
        BOOL("is_dead", "Half dropped."),
        BOOL("is_building", "A build of it is visible."),
        BOOL("is_blind", "Not valid, and some build runs that the role may not see."),
        TEXT("twin", "Index of the same definition that stays."),
        BOOL("is_constraint", "Belongs to a constraint."),
        INT("scans", "Scans, of all partitions."),
        INT("size_bytes", "Size, of all partitions."),
};

const Shape index_catalog = SHAPE("index.catalog", catalog_fields);

void index_done(Index *index) {
        strv_free(index->columns);
        *index = (Index){};
}

int index_load(const Table *rows, size_t row, Index *ret) {
        Index index = {
                .schema = table_text(rows, row, "schemaname"),
                .table = table_text(rows, row, "relname"),
                .name = table_text(rows, row, "indexrelname"),
                .twin = table_text(rows, row, "twin"),
                .is_unique = table_bool(rows, row, "is_unique"),
                .is_primary = table_bool(rows, row, "is_primary"),
                .is_partial = table_bool(rows, row, "is_partial"),
                .is_valid = table_bool(rows, row, "is_valid"),
                .is_partitioned = table_bool(rows, row, "is_partitioned"),
                .is_dead = table_bool(rows, row, "is_dead"),
                .is_building = table_bool(rows, row, "is_building"),
                .is_blind = table_bool(rows, row, "is_blind"),
                .is_constraint = table_bool(rows, row, "is_constraint"),
                .scans = table_int(rows, row, "scans"),
                .size_bytes = table_int(rows, row, "size_bytes"),
        };
        int r = check_array_parse(table_text(rows, row, "columns"), &index.columns);

        if (r < 0)
                return r;
        *ret = index;
        return 0;
}
