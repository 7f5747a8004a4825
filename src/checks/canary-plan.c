/* The plan of a canary: which index on the wanted columns it uses. The server itself reads the plan: it comes
 * back to it as a parameter, and is joined with the catalog.
 *
 * An index is known by its table and columns, never by its name: of two with the same definition the planner
 * names one. A partitioned table is one table, and each partition that is read counts.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "canary.h"
#include "common.h"

/* Half a megabyte: read whole in the time that a few random reads take. */
#define SMALL_PAGES 64

/* A Bitmap Index Scan names no table: its parent does. The size is the file's: statistics may be missing. */
const char plan_index_sql[] =
        "WITH RECURSIVE node(n, schemaname, relname) AS (\n"
        "  SELECT p->'Plan', p->'Plan'->>'Schema', p->'Plan'->>'Relation Name'\n"
        "    FROM jsonb_array_elements($1::jsonb) p\n"
        "  UNION ALL\n"
        "  SELECT c, coalesce(c->>'Schema', node.schemaname), coalesce(c->>'Relation Name', node.relname)\n"
        "    FROM node CROSS JOIN jsonb_array_elements(node.n->'Plans') c),\n"
        "scan AS (\n"
        "  SELECT c.oid, array_agg(node.n->>'Index Name') AS used\n"
        "    FROM node JOIN pg_namespace m ON m.nspname = node.schemaname\n"
        "    JOIN pg_class c ON c.relnamespace = m.oid AND c.relname = node.relname\n"
        "   GROUP BY c.oid)\n"
        "SELECT m.nspname::text AS schemaname, t.relname::text AS relname, scan.oid::int8 AS leaf,\n"
        "       r.relname::text AS indexrelname,\n"
        "       ARRAY(SELECT coalesce(a.attname::text, '')\n"
        "               FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(num, pos)\n"
        "               LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num AND u.num "
        "<> 0\n"
        "              WHERE u.pos <= i.indnkeyatts ORDER BY u.pos)::text AS columns,\n"
        "       i.indisvalid AND i.indisready AND i.indislive AS is_valid,\n"
        "       coalesce(x.relname = ANY (scan.used), false) AS is_used,\n"
        "       pg_relation_size(scan.oid) / current_setting('block_size')::int8 AS pages\n"
        "  FROM scan JOIN pg_index i ON i.indrelid = scan.oid JOIN pg_class x ON x.oid = i.indexrelid\n"
        "  JOIN pg_class t ON t.oid = coalesce(pg_partition_root(scan.oid), scan.oid)\n"
        "  JOIN pg_namespace m ON m.oid = t.relnamespace\n"
        "  JOIN pg_class r ON r.oid = coalesce(pg_partition_root(i.indexrelid), i.indexrelid)\n"
        " ORDER BY 1, 2, 3, 4";

#define HIDDEN(column, type, text)                                                                           \
        { .name = (column), .kind = (type), .role = FIELD_HIDDEN, .help = (text) }

static const Field fields[] = {
        HIDDEN("schemaname", VALUE_TEXT, "Schema of the table."),
        HIDDEN("relname", VALUE_TEXT, "Table; of a partition the topmost one."),
        HIDDEN("leaf", VALUE_INT, "The table or partition that the plan reads."),
        HIDDEN("indexrelname", VALUE_TEXT, "Index; of a partition's the topmost one."),
        HIDDEN("columns", VALUE_TEXT, "Key columns in order; an expression as an empty one."),
        HIDDEN("is_valid", VALUE_BOOL, "Valid, ready and live."),
        HIDDEN("is_used", VALUE_BOOL, "The plan uses it."),
        HIDDEN("pages", VALUE_INT, "Size of the table or partition."),
};

const Shape plan_index_shape = SHAPE("canary.index", fields);

/* One table of the plan, row by row. */
typedef struct Group {
        const char *schema, *table, *index;
        int64_t leaf, leaf_pages;
        bool is_leaf_used, has_invalid;
        size_t n_leaves, n_used, n_large;
        int64_t pages;
} Group;

void plan_index_done(PlanIndex *index) {
        free(index->schema);
        free(index->table);
        free(index->index);
        *index = (PlanIndex){};
}

/* 1, 0, -ENOMEM, -EINVAL: whether the index begins with these columns, in this order. */
static int begins_with(const char *array, char *const *columns) {
        _cleanup_(strv_freep) char **actual = NULL;
        size_t n = strv_length(columns);
        int r = check_array_parse(array, &actual);

        if (r < 0)
                return r;
        if (n > strv_length(actual))
                return 0;
        for (size_t i = 0; i < n; i++)
                if (!check_name_is(columns[i], actual[i]))
                        return 0;
        return 1;
}

static void end_leaf(Group *group) {
        if (group->n_leaves == 0)
                return;
        if (group->is_leaf_used) {
                group->n_used++;
                return;
        }
        group->n_large += group->leaf_pages > SMALL_PAGES;
        if (group->leaf_pages > group->pages)
                group->pages = group->leaf_pages;
}

static PlanUse group_use(const Group *group) {
        if (group->n_leaves == 0)
                return group->has_invalid ? PLAN_INVALID : PLAN_NO_INDEX;
        if (group->n_large > 0)
                return PLAN_PASSED_OVER;
        return group->n_used > 0 ? PLAN_CHOSEN : PLAN_SMALL;
}

static int end_group(Group *group, PlanIndex *best) {
        PlanUse use;

        end_leaf(group);
        use = group_use(group);
        if (use <= best->use)
                return 0;
        best->use = use;
        best->pages = group->pages;
        return str_set(&best->schema, group->schema) < 0 || str_set(&best->table, group->table) < 0 ||
                               str_set(&best->index, group->index) < 0
                       ? -ENOMEM
                       : 0;
}

static void add_row(Group *group, const Table *rows, size_t row) {
        bool is_used = table_bool(rows, row, "is_used");
        int64_t leaf = table_int(rows, row, "leaf");

        if (!group->index || is_used)
                group->index = table_text(rows, row, "indexrelname");
        if (!table_bool(rows, row, "is_valid")) {
                group->has_invalid = true;
                return;
        }
        if (group->n_leaves == 0 || leaf != group->leaf) {
                end_leaf(group);
                group->n_leaves++;
                group->leaf = leaf;
                group->is_leaf_used = false;
                group->leaf_pages = table_is_null(rows, row, "pages") ? INT64_MAX
                                                                      : table_int(rows, row, "pages");
        }
        group->is_leaf_used |= is_used;
}

int plan_index_find(const Table *rows, char *const *columns, PlanIndex *ret) {
        PlanIndex best = {};
        Group group = {};
        int r = 0;

        for (size_t row = 0; r >= 0 && row < rows->n_rows; row++) {
                const char *schema = table_text(rows, row, "schemaname"),
                           *table = table_text(rows, row, "relname");

                r = begins_with(table_text(rows, row, "columns"), columns);
                if (r <= 0)
                        continue;
                if (!str_equal(schema, group.schema) || !str_equal(table, group.table)) {
                        r = end_group(&group, &best);
                        group = (Group){.schema = schema, .table = table};
                }
                add_row(&group, rows, row);
        }
        if (r >= 0)
                r = end_group(&group, &best);
        if (r < 0) {
                plan_index_done(&best);
                return r;
        }
        *ret = best;
        return 0;
}
