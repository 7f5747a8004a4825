/* The check `foreign_key_index`: foreign keys whose referencing columns no index leads with.
 *
 * PostgreSQL makes none by itself: each delete, and each update of a key, of a referenced row then
 * reads the whole referencing table. Whether there are such statements the catalog cannot tell, so it
 * is advice. No row is read.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>

#include "advice.h"
#include "pgvigil/checks.h"

#define PARTS_MAX 8 /* partitions whose statements still make a line that people read */

/* A usable index is valid, not partial, of a kind that finds equal values, and its first columns are
 * those of the key in any order; or it is unique in some of them, which is enough to find few rows.
 *
 * Fewer than 1,000 rows, or 8 pages, are read as fast as an index is searched: the planner would not
 * use one. Both are as of the last VACUUM or ANALYZE; a table that never had one is not told.
 *
 * A partition answers for itself, for the partitioned table may have no index and all of them one. */
static const char sql[] =
        "WITH RECURSIVE key AS (\n"
        "  SELECT k.oid AS root, k.oid, k.conrelid, k.conkey\n"
        "    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid\n"
        "    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
        "   WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname::text = ANY ($1::text[])\n"
        "     AND coalesce((to_jsonb(k)->>'conenforced')::bool, true)\n"
        "     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.objsubid = 0\n"
        "                      AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e')\n"
        "  UNION ALL\n"
        "  SELECT t.root, k.oid, k.conrelid, k.conkey\n"
        "    FROM key t JOIN pg_catalog.pg_constraint k ON k.conparentid = t.oid WHERE k.contype = 'f'),\n"
        "leaf AS (\n"
        "  SELECT DISTINCT t.root, t.conrelid, t.conkey, c.relpages, c.reltuples,\n"
        "         format('%I.%I', n.nspname, c.relname) AS part\n"
        "    FROM key t JOIN pg_catalog.pg_class c ON c.oid = t.conrelid AND c.relkind = 'r'\n"
        "    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace),\n"
        "lacking AS (\n"
        "  SELECT l.root, sum(l.relpages) AS pages, sum(greatest(l.reltuples, 0))::int8 AS rows,\n"
        "         array_agg(l.part ORDER BY l.part) AS parts, min(s.unfinished) AS unfinished\n"
        "    FROM leaf l CROSS JOIN LATERAL (\n"
        "      SELECT bool_or(i.indisvalid AND i.indisready AND i.indislive) AS is_served,\n"
        "             min(format('%I.%I', n.nspname, x.relname))\n"
        "               FILTER (WHERE x.relname::text !~ '_cc(new|old)[0-9]*$') AS unfinished\n"
        "        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid\n"
        "        JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace\n"
        "        JOIN pg_catalog.pg_am m ON m.oid = x.relam\n"
        "       WHERE i.indrelid = l.conrelid AND i.indpred IS NULL\n"
        "         AND m.amname IN ('btree', 'gist', 'hash', 'spgist')\n"
        "         AND (i.indnkeyatts >= cardinality(l.conkey)\n"
        "                AND (i.indkey::int2[])[0:cardinality(l.conkey) - 1] @> l.conkey\n"
        "              OR i.indisunique AND (i.indkey::int2[])[0:i.indnkeyatts - 1] <@ l.conkey)) s\n"
        "   WHERE s.is_served IS NOT TRUE GROUP BY l.root)\n"
        "SELECT DISTINCT ON (1, 2, k.conrelid, (SELECT array_agg(u ORDER BY u) FROM unnest(k.conkey) u))\n"
        "       n.nspname::text AS schemaname, c.relname::text AS relname, k.conname::text AS conname,\n"
        "       rn.nspname::text AS referenced_schema, rc.relname::text AS referenced_table,\n"
        "       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(num, pos)\n"
        "               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num\n"
        "              ORDER BY u.pos)::text AS columns,\n"
        "       CASE WHEN c.relkind = 'p' THEN l.parts[1:9]::text END AS parts, l.unfinished, l.rows\n"
        "  FROM lacking l JOIN pg_catalog.pg_constraint k ON k.oid = l.root\n"
        "  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid\n"
        "  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
        "  JOIN pg_catalog.pg_class rc ON rc.oid = k.confrelid\n"
        "  JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace\n"
        " WHERE l.rows >= 1000 AND l.pages >= 8\n"
        " ORDER BY 1, 2, k.conrelid, (SELECT array_agg(u ORDER BY u) FROM unnest(k.conkey) u), 3";

#define TEXT(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = (text) }

static const Field catalog_fields[] = {
        TEXT("schemaname", "Schema of the referencing table."),
        TEXT("relname", "Referencing table."),
        TEXT("conname", "A foreign key of these columns."),
        TEXT("referenced_schema", "Schema of the table that it refers to."),
        TEXT("referenced_table", "The table that it refers to."),
        TEXT("columns", "Its columns, in order."),
        TEXT("parts", "The partitions that lack an index, quoted; NULL: not partitioned."),
        TEXT("unfinished", "An index of these columns that is not valid, quoted."),
        {.name = "rows", .kind = VALUE_INT, .role = FIELD_HIDDEN, .help = "Rows that would be read."},
};

static const Shape catalog_shape = SHAPE("foreign_key_index.catalog", catalog_fields);
static const Shape *const shapes[] = {NULL};

static const CatalogSpec spec = {
        .statement = "foreign_key_index.catalog",
        .sql = sql,
        .shape = &catalog_shape,
        .kind = KIND_INDEX,
        .subject = "foreign_keys",
};

/* A row of the catalog. Strings are borrowed from the table, the lists are owned. */
typedef struct Lack {
        const char *schema, *table, *constraint, *referenced_schema, *referenced_table, *unfinished;
        char **columns, **parts;
        int64_t rows;
} Lack;

static void lack_done(Lack *lack) {
        strv_free(lack->columns);
        strv_free(lack->parts);
        *lack = (Lack){};
}

/* 0, -ENOMEM, -EINVAL. */
static int lack_load(const Table *rows, size_t row, Lack *ret) {
        _cleanup_(lack_done) Lack lack = {
                .schema = table_text(rows, row, "schemaname"),
                .table = table_text(rows, row, "relname"),
                .constraint = table_text(rows, row, "conname"),
                .referenced_schema = table_text(rows, row, "referenced_schema"),
                .referenced_table = table_text(rows, row, "referenced_table"),
                .unfinished = table_text(rows, row, "unfinished"),
                .rows = table_int(rows, row, "rows"),
        };
        int r = check_array_parse(table_text(rows, row, "columns"), &lack.columns);

        if (r >= 0)
                r = check_array_parse(table_text(rows, row, "parts"), &lack.parts);
        if (r < 0)
                return r;
        *ret = lack;
        lack = (Lack){};
        return 0;
}

/* Whether the first columns of a configured index are those of the key. */
static bool serves(const IndexSettings *wanted, const Lack *lack) {
        size_t n = strv_length(lack->columns), found = 0;

        for (size_t i = 0; i < n && wanted->columns && wanted->columns[i]; i++)
                for (size_t k = 0; k < n; k++)
                        found += check_name_is(wanted->columns[i], lack->columns[k]);
        return found == n;
}

/* A configured index that is not there has a finding of its own, perhaps of the same name. */
static bool is_configured(const TargetSettings *settings, const Lack *lack) {
        for (size_t i = 0; i < settings->indexes.count; i++) {
                const IndexSettings *wanted = LIST_AT(settings->indexes, IndexSettings, i);

                if (check_name_is_relation(wanted->table, lack->schema, lack->table) && serves(wanted, lack))
                        return true;
        }
        return false;
}

/* An index of a partitioned table cannot be built concurrently, but takes over those that its
 * partitions have. */
static int repair_partitioned(Finding *finding, const Lack *lack, const char *columns) {
        _cleanup_(buffer_done) Buffer statements = BUFFER_NULL;

        if (strv_length(lack->parts) > PARTS_MAX) {
                if (check_advise(finding, "Create it CONCURRENTLY on each partition first, then this is done "
                                          "at once; else it blocks writers while it is built.") < 0)
                        return -ENOMEM;
        } else
                for (char **part = lack->parts; *part; part++)
                        buffer_printf(&statements, "CREATE INDEX CONCURRENTLY ON %s %s; ", *part, columns);
        return check_repair(finding, "%sCREATE INDEX ON %s %s;", buffer_text(&statements), finding->object,
                            columns);
}

static int describe(Finding *finding, const Lack *lack, const char *columns) {
        _cleanup_(freep) char *constraint = str_qualified(NULL, lack->constraint);
        _cleanup_(freep) char *referenced = str_qualified(lack->referenced_schema, lack->referenced_table);

        if (!constraint || !referenced)
                return -ENOMEM;
        if (check_say(finding,
                      "No usable index leads with %s of the foreign key %s: each delete or key update of a "
                      "row of %s reads the whole table, about %" PRId64 " rows.",
                      columns, constraint, referenced, lack->rows) < 0)
                return -ENOMEM;
        if (lack->unfinished)
                return check_advise(finding,
                                    "%s would do and is not valid: its own finding says how to repair it.",
                                    lack->unfinished);
        if (check_advise(finding, "Where %s never loses rows or changes keys, it needs none.", referenced) <
            0)
                return -ENOMEM;
        if (lack->parts)
                return repair_partitioned(finding, lack, columns);
        return check_repair(finding, "CREATE INDEX CONCURRENTLY ON %s %s;", finding->object, columns);
}

static int note_lack(Report *report, const Lack *lack) {
        _cleanup_(freep) char *columns = check_columns_text(lack->columns);
        Finding *finding = columns ? advice_add(report, KIND_INDEX, lack->schema, lack->table, columns)
                                   : NULL;

        return finding ? describe(finding, lack, columns) : -ENOMEM;
}

static int foreign_key_index_judge(void *state, const CheckContext *context, Report *report) {
        const Catalog *catalog = state;
        size_t left_out = 0;
        int r = 0;

        for (size_t row = 0; r >= 0 && row < catalog->rows->n_rows; row++) {
                _cleanup_(lack_done) Lack lack = {};

                r = lack_load(catalog->rows, row, &lack);
                if (r < 0 || !check_is_watched(context->settings, lack.schema, lack.table) ||
                    is_configured(context->settings, &lack))
                        continue;
                if (report->n_findings < ADVICE_MAX)
                        r = note_lack(report, &lack);
                else
                        left_out++;
        }
        if (r >= 0)
                r = advice_cut(catalog, context, report, left_out);
        return r < 0 ? r : catalog_finish(catalog, context, report);
}

static int foreign_key_index_new(const TargetSettings *settings, void **ret_state) {
        return catalog_new(&spec, ret_state);
}

const CheckKind foreign_key_index_check = {
        .name = "foreign_key_index",
        .help = "Foreign keys have an index behind them.",
        .interval = offsetof(Intervals, catalog),
        .shapes = shapes,
        .new = foreign_key_index_new,
        .free = catalog_free,
        .begin = catalog_begin,
        .next = advice_next,
        .take = catalog_take,
        .judge = foreign_key_index_judge,
};
