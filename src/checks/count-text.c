/* The statements of counting: see the header.
 *
 * The predicates stand in WHERE once more than in FILTER: without it each row would pass through the
 * aggregate, and neither an index nor a constraint could help.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common.h"

static const Field plan_fields[] = {{"QUERY PLAN", VALUE_TEXT, FIELD_HIDDEN}};
static const Field count_fields[] = {{"counts", VALUE_TEXT, FIELD_HIDDEN}};

static const Field page_fields[] = {
        {"page", VALUE_INT, FIELD_HIDDEN},
        {"counts", VALUE_TEXT, FIELD_HIDDEN},
};
static const Field summary_fields[] = {{"dirty", VALUE_INT, FIELD_HIDDEN}};
static const Field fence_fields[] = {
        {"fence", VALUE_TEXT, FIELD_HIDDEN},
        {"vacuuming", VALUE_BOOL, FIELD_HIDDEN},
};

const Shape count_plan_rows = SHAPE("count.plan", plan_fields);
const Shape count_page_rows = SHAPE("count.pages", page_fields);
const Shape count_summary_rows = SHAPE("count.summary", summary_fields);
const Shape count_fence_rows = SHAPE("count.fence", fence_fields);
const Shape count_rows = SHAPE("count.counts", count_fields);

bool count_reads(const CountTable *table, const CountRule *rule) {
        return table->is_safety || table->has_suspect ? rule->is_listed : rule->is_asked;
}

static void add_table(Buffer *out, const CountTable *table) {
        buffer_printf(out, "%s%s", table->only ? "ONLY " : "", table->sql);
}

void count_add_lock(Buffer *out, const CountTable *table) {
        buffer_add(out, "LOCK TABLE ");
        add_table(out, table);
        for (char **other = table->others; other && *other; other++)
                if (!str_equal(*other, table->sql))
                        buffer_printf(out, ", %s", *other);
        buffer_add(out, " IN ACCESS SHARE MODE");
}

static void add_counts(Buffer *out, const CountTable *table, const char *separator) {
        for (size_t i = 0; i < table->n_rules; i++) {
                if (!count_reads(table, table->rules[i]))
                        continue;
                buffer_printf(out, "%scount(*) FILTER (WHERE %s)", separator, table->rules[i]->predicate);
                separator = ", ";
        }
        buffer_add(out, "]::text AS counts");
}

static void add_breaking(Buffer *out, const CountTable *table) {
        const char *separator = "(";

        for (size_t i = 0; i < table->n_rules; i++) {
                if (!count_reads(table, table->rules[i]))
                        continue;
                buffer_printf(out, "%s%s", separator, table->rules[i]->predicate);
                separator = " OR ";
        }
        buffer_add_char(out, ')');
}

void count_add_count(Buffer *out, const CountTable *table) {
        add_counts(out, table, "SELECT ARRAY[");
        buffer_add(out, " FROM ");
        add_table(out, table);
        buffer_add(out, " WHERE ");
        add_breaking(out, table);
}

/* A leaf stands under the table's own name, for a rule may be written with it. */
static void add_leaf(Buffer *out, const CountTable *table, const Leaf *leaf) {
        buffer_printf(out, " FROM ONLY %s", leaf ? leaf->sql : table->sql);
        if (!leaf || str_equal(leaf->sql, table->sql))
                return;
        buffer_add(out, " AS ");
        buffer_add_identifier(out, table->name);
}

static void add_slice_source(Buffer *out, const CountTable *table, int version_num) {
        add_leaf(out, table, table->slice.leaf);
        /* Before 14 a range of ctid is a filter over the whole table. */
        if (version_num >= 140000)
                buffer_add(out, " WHERE ctid >= $1::tid AND ctid < $2::tid AND ");
        else
                buffer_add(out,
                           " WHERE ctid = ANY (ARRAY(SELECT pg_catalog.format('(%s,%s)', p, o)::tid FROM "
                           "pg_catalog.generate_series($1::int8, $2::int8 - 1) p, "
                           "pg_catalog.generate_series(1, 291) o)) AND ");
        add_breaking(out, table);
}

static void add_page_counts(Buffer *out, const CountTable *table) {
        add_counts(out, table, "SELECT (ctid::text::point)[0]::int8 AS page, ARRAY[");
}

void count_add_slice(Buffer *out, const CountTable *table, int version_num) {
        add_page_counts(out, table);
        add_slice_source(out, table, version_num);
        buffer_add(out, " GROUP BY 1");
}

void count_add_summary(Buffer *out, const CountTable *table) {
        buffer_printf(out,
                      "SELECT sum(pg_catalog.pg_relation_size(c.oid) / "
                      "pg_catalog.current_setting('block_size')::int8 - m.all_visible)::int8 AS dirty "
                      "FROM pg_catalog.pg_class c, LATERAL %s.pg_visibility_map_summary(c.oid) m "
                      "WHERE c.oid = ANY ($1::oid[])",
                      table->details.visibility);
}

/* One statement, so that the pages are read under the snapshot that stood before the map was looked at:
 * what is marked by then has not been changed by anybody whom that snapshot sees. */
void count_add_dirty(Buffer *out, const CountTable *table, const Leaf *leaf, bool with_rows) {
        buffer_printf(out,
                      "WITH dirty AS MATERIALIZED (SELECT blkno FROM %s.pg_visibility_map($1::oid::regclass) "
                      "WHERE NOT all_visible) "
                      "SELECT NULL::int8 AS page, pg_catalog.array_agg(blkno ORDER BY blkno)::text AS counts "
                      "FROM dirty",
                      table->details.visibility);
        if (!with_rows)
                return;
        buffer_add(out, " UNION ALL SELECT b.page, b.counts FROM "
                        "(SELECT min(blkno) AS first, max(blkno) + 1 AS last FROM (SELECT blkno, blkno - "
                        "pg_catalog.row_number() OVER (ORDER BY blkno) AS island FROM dirty) d GROUP BY "
                        "island) r, LATERAL (");
        add_page_counts(out, table);
        add_leaf(out, table, leaf);
        buffer_add(out, " WHERE ctid >= pg_catalog.format('(%s,0)', r.first)::tid AND ctid < "
                        "pg_catalog.format('(%s,0)', r.last)::tid AND ");
        add_breaking(out, table);
        buffer_add(out, " GROUP BY 1) b");
}

const char count_fence_sql[] =
        "SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', c.oid, "
        "pg_catalog.pg_relation_filenode(c.oid), "
        "pg_catalog.pg_stat_get_vacuum_count(c.oid), pg_catalog.pg_stat_get_autovacuum_count(c.oid), "
        "pg_catalog.pg_stat_get_last_vacuum_time(c.oid), "
        "pg_catalog.pg_stat_get_last_autovacuum_time(c.oid)), ',' "
        "ORDER BY c.oid) AS fence, "
        "EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.datname = "
        "pg_catalog.current_database() "
        "AND (v.relid IS NULL OR v.relid = ANY ($1::oid[]))) AS vacuuming "
        "FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[])";

static void add_key_columns(Buffer *out, const CountTable *table, const char *suffix) {
        for (size_t i = 0; table->details.key_columns && table->details.key_columns[i]; i++) {
                buffer_add(out, i > 0 ? ", " : NULL);
                buffer_add_identifier(out, table->name);
                buffer_printf(out, ".%s%s", table->details.key_columns[i], suffix);
        }
}

static void add_key_row(Buffer *out, const CountTable *table) {
        buffer_add(out, "SELECT ROW(");
        add_key_columns(out, table, "");
        buffer_add(out, ")::text AS key, ARRAY[");
        add_key_columns(out, table, "::text");
        buffer_add(out, "]::text AS parts, ARRAY[");
        for (size_t i = 0; i < table->n_rules; i++)
                buffer_printf(out, "%s%s", i > 0 ? ", " : "",
                              count_reads(table, table->rules[i]) ? table->rules[i]->predicate : "false");
        buffer_add(out, "]::text AS broken");
}

void count_add_slice_keys(Buffer *out, const CountTable *table, int version_num) {
        add_key_row(out, table);
        add_slice_source(out, table, version_num);
        buffer_printf(out, " LIMIT %d", KEYS_MAX + 1);
}

void count_add_recheck(Buffer *out, const CountTable *table) {
        size_t n = strv_length(table->details.key_columns);

        add_key_row(out, table);
        buffer_add(out, " FROM ROWS FROM (");
        for (size_t i = 0; i < n; i++)
                buffer_printf(out, "%spg_catalog.unnest($%zu::text[])", i > 0 ? ", " : "", i + 1);
        buffer_add(out, ") AS pgvigil_key(");
        for (size_t i = 0; i < n; i++)
                buffer_printf(out, "%spgvigil_%zu", i > 0 ? ", " : "", i + 1);
        buffer_add(out, ") JOIN ");
        add_table(out, table);
        for (size_t i = 0; i < n; i++) {
                buffer_add(out, i > 0 ? " AND " : " ON ");
                buffer_add_identifier(out, table->name);
                buffer_printf(out, ".%s = pgvigil_key.pgvigil_%zu::%s", table->details.key_columns[i], i + 1,
                              table->details.key_types[i]);
        }
        buffer_add(out, " WHERE ");
        add_breaking(out, table);
}

void count_add_rule_keys(Buffer *out, const CountTable *table, const CountRule *rule, size_t limit) {
        if (table->details.key_columns) {
                buffer_add(out, "SELECT ROW(");
                add_key_columns(out, table, "");
                buffer_add(out, ")::text AS key");
        } else {
                buffer_add(out, table->only
                                        ? "SELECT ctid::text AS key"
                                        : "SELECT tableoid::pg_catalog.regclass::text || ctid::text AS key");
        }
        buffer_add(out, ", NULL::text AS parts, NULL::text AS broken FROM ");
        add_table(out, table);
        buffer_printf(out, " WHERE %s LIMIT %zu", rule->predicate, limit);
}

/* Before 14 a block, from 14 on the tuple that would be the first one in it. */
static int add_block(Statement *statement, int64_t block, int version_num) {
        bool is_tid = version_num >= 140000;
        _cleanup_(freep) char *text = str_format("%s%" PRId64 "%s", is_tid ? "(" : "", block,
                                                 is_tid ? ",0)" : "");

        return text ? statement_add_parameter(statement, text) : -ENOMEM;
}

int count_add_slice_parameters(Statement *statement, const Slice *slice, int version_num) {
        int r = add_block(statement, slice->first, version_num);

        return r < 0 ? r : add_block(statement, slice->end, version_num);
}

int count_parse(const char *text, int64_t *ret, size_t n) {
        _cleanup_(strv_freep) char **list = NULL;
        int r = check_array_parse(text, &list);

        if (r < 0)
                return r;
        if (strv_length(list) != n)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                char *end = NULL;

                errno = 0;
                ret[i] = strtoimax(list[i], &end, 10);
                if (errno != 0 || end == list[i] || *end || ret[i] < 0)
                        return -EINVAL;
        }
        return 0;
}

bool count_parse_plan(const char *plan, double *ret_cost, bool *ret_scans) {
        static const char cost[] = "\"Total Cost\":";
        const char *at = plan ? strstr(plan, cost) : NULL;

        if (!at)
                return false;
        *ret_cost = strtod(at + strlen(cost), NULL);
        *ret_scans = strstr(plan, "Seq Scan\"") != NULL;
        return true;
}
