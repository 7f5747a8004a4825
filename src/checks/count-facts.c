/* Facts of a table under its lock: one statement, no row of it read.
 *
 * It is asked before rows are counted, so that its snapshot is the older one: a change that the
 * count did not see makes the next facts differ. Statistics reach the server some time after the
 * change (10 s in an idle session from 15 on, with its next statement before), so `busy` counts the
 * sessions that may hold some back since the last count.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "count-walk.h"

#define TREE                                                                                                 \
        "WITH RECURSIVE this AS (\n"                                                                         \
        " SELECT c.oid, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "     \
        "c.relnamespace\n"                                                                                   \
        " WHERE n.nspname = $1 AND c.relname = $2\n"                                                         \
        "), tree(oid, is_other) AS (\n"                                                                      \
        " SELECT t.oid, false FROM this t UNION SELECT o.oid, true FROM pg_catalog.unnest($4::oid[]) "       \
        "o(oid)\n"                                                                                           \
        " UNION SELECT i.inhrelid, t.is_other FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = "         \
        "i.inhparent\n"                                                                                      \
        " WHERE t.is_other OR NOT $3::bool\n"                                                                \
        ")"

/* What a count rests on but the rows: which relations there are and of what kind, their columns
 * (one that was added with a default changes every row and no statistics), their constraints, and the
 * triggers that enforce foreign keys on either side: what was written while they were off is not checked. */
#define FINGERPRINT                                                                                          \
        "SELECT pg_catalog.hashtextextended(pg_catalog.string_agg(pg_catalog.concat_ws(':', r.oid, "         \
        "c.relkind, c.relrowsecurity, (\n"                                                                   \
        "   SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.xmin), ',' ORDER BY "         \
        "a.attnum)\n"                                                                                        \
        "   FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0), (\n"                  \
        "   SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', k.oid, k.xmin), ',' ORDER BY k.oid)\n"    \
        "   FROM pg_catalog.pg_constraint k WHERE k.conrelid = r.oid), (\n"                                  \
        "   SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', g.oid, g.xmin, g.tgenabled), ',' "        \
        "ORDER BY g.oid)\n"                                                                                  \
        "   FROM pg_catalog.pg_trigger g WHERE g.tgrelid = r.oid AND g.tgconstraint <> 0)), ';' "            \
        "ORDER BY r.oid, r.is_other), 0)::text\n"                                                            \
        "  FROM tree r JOIN pg_catalog.pg_class c ON c.oid = r.oid"

/* Part of it: a backup that was restored, a standby that lost the last commits, a crash may all bring
 * back rows that were corrected, and neither the catalog nor the system identifier tells. */
#define SERVER                                                                                               \
        "pg_catalog.pg_postmaster_start_time(),\n"                                                           \
        "   (SELECT b.stats_reset FROM pg_catalog.pg_stat_bgwriter b),\n"                                    \
        "   (SELECT pg_catalog.sum(pg_catalog.hashtext(pg_catalog.concat_ws(' ', e.oid, e.xmin)))\n"         \
        "   FROM pg_catalog.pg_enum e)"

/* pg_current_snapshot() alone may come again on another server, or after a crash that lost
 * commits: both end the session, so its beginning is part of the epoch. */
#define EPOCH                                                                                                \
        "SELECT pg_catalog.concat_ws(',', pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(),\n"    \
        "   (SELECT s.backend_start FROM pg_catalog.pg_stat_activity s WHERE s.pid = "                       \
        "pg_catalog.pg_backend_pid()),\n"                                                                    \
        "   (SELECT b.stats_reset FROM pg_catalog.pg_stat_bgwriter b),\n"                                    \
        "   (SELECT d.stats_reset FROM pg_catalog.pg_stat_database d WHERE d.datname = "                     \
        "pg_catalog.current_database()))"

#define BUSY                                                                                                 \
        "CASE WHEN $5::timestamptz IS NOT NULL THEN (\n"                                                     \
        "  SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity s\n"                                  \
        "  WHERE s.datname = pg_catalog.current_database() AND s.pid <> pg_catalog.pg_backend_pid()\n"       \
        "  AND coalesce(s.backend_type, '') NOT IN ('autovacuum worker', 'walsender')\n"                     \
        "  AND (s.state IS DISTINCT FROM 'idle' OR s.state_change IS NULL OR s.state_change >= "             \
        "$5::timestamptz\n"                                                                                  \
        "   AND NOT (pg_catalog.current_setting('server_version_num')::int >= 150000\n"                      \
        "    AND s.state_change < pg_catalog.clock_timestamp() - interval '11 s'))) END"

static const char facts_head[] = TREE
        "\n"
        "SELECT r.oid::int8 AS relid, r.is_other, r.oid = ANY ($4::oid[]) AS is_named, t.oid::int8 AS root, "
        "c.relkind::text AS relkind,\n"
        " pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS leaf,\n"
        " pg_catalog.has_table_privilege(r.oid, 'SELECT') AS can_read,\n"
        " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS can_use,\n"
        " pg_catalog.row_security_active(r.oid) AS row_security,\n"
        " coalesce(pg_catalog.pg_relation_size(r.oid), 0)\n"
        "  / pg_catalog.current_setting('block_size')::int8 AS pages,\n"
        " CASE WHEN c.relpages > 0 AND c.reltuples > 0 THEN pg_catalog.ceil(c.reltuples / c.relpages)::int8 "
        "END AS density,\n"
        " pg_catalog.pg_stat_get_tuples_updated(r.oid) - "
        "pg_catalog.pg_stat_get_tuples_hot_updated(r.oid) +\n"
        "  CASE WHEN c.relispartition THEN pg_catalog.pg_stat_get_tuples_deleted(r.oid) ELSE 0 END AS "
        "moved,\n"
        " pg_catalog.pg_relation_filenode(r.oid)::int8 AS file,\n"
        " (SELECT d.stats_reset::text FROM pg_catalog.pg_stat_database d WHERE d.datname = "
        "pg_catalog.current_database()) AS reset,\n"
        " pg_catalog.concat_ws(',', r.oid, pg_catalog.pg_relation_filenode(r.oid),\n"
        "  pg_catalog.pg_stat_get_tuples_inserted(r.oid), "
        "pg_catalog.pg_stat_get_tuples_updated(r.oid),\n"
        "  pg_catalog.pg_stat_get_tuples_deleted(r.oid)) AS signature,\n"
        " w.fingerprint, w.epoch, w.snapshot, w.now, w.busy, w.is_standby, w.counts_rows\n"
        "FROM tree r JOIN pg_catalog.pg_class c ON c.oid = r.oid\n"
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,\n"
        "this t, (SELECT\n";

/* What tells whether the rows are still those that were counted. */
static const char facts_compared[] = " pg_catalog.concat_ws(',', (" FINGERPRINT "), " SERVER
                                     ") AS fingerprint,\n"
                                     " (" EPOCH ") AS epoch,\n"
                                     " " BUSY " AS busy,\n";

static const char facts_alone[] = " NULL::text AS fingerprint, NULL::text AS epoch,\n"
                                  " CASE WHEN $5::timestamptz IS NULL THEN NULL::int8 END AS busy,\n";

static const char facts_tail[] =
        " pg_catalog.pg_current_snapshot()::text AS snapshot, pg_catalog.clock_timestamp()::text AS now,\n"
        " pg_catalog.pg_is_in_recovery() AS is_standby,\n"
        " pg_catalog.current_setting('track_counts')::bool AS counts_rows\n"
        ") w\n"
        "ORDER BY r.oid, r.is_other";

void count_add_facts(Buffer *out, bool compares) {
        buffer_add(out, facts_head);
        buffer_add(out, compares ? facts_compared : facts_alone);
        buffer_add(out, facts_tail);
}

static const Field facts_fields[] = {
        {"relid", VALUE_INT, FIELD_HIDDEN},         {"is_other", VALUE_BOOL, FIELD_HIDDEN},
        {"is_named", VALUE_BOOL, FIELD_HIDDEN},     {"root", VALUE_INT, FIELD_HIDDEN},
        {"relkind", VALUE_TEXT, FIELD_HIDDEN},      {"leaf", VALUE_TEXT, FIELD_HIDDEN},
        {"can_read", VALUE_BOOL, FIELD_HIDDEN},     {"can_use", VALUE_BOOL, FIELD_HIDDEN},
        {"row_security", VALUE_BOOL, FIELD_HIDDEN}, {"pages", VALUE_INT, FIELD_HIDDEN},
        {"density", VALUE_INT, FIELD_HIDDEN},       {"moved", VALUE_INT, FIELD_HIDDEN},
        {"file", VALUE_INT, FIELD_HIDDEN},          {"reset", VALUE_TEXT, FIELD_HIDDEN},
        {"signature", VALUE_TEXT, FIELD_HIDDEN},    {"fingerprint", VALUE_TEXT, FIELD_HIDDEN},
        {"epoch", VALUE_TEXT, FIELD_HIDDEN},        {"snapshot", VALUE_TEXT, FIELD_HIDDEN},
        {"now", VALUE_TEXT, FIELD_HIDDEN},          {"busy", VALUE_INT, FIELD_HIDDEN},
        {"is_standby", VALUE_BOOL, FIELD_HIDDEN},   {"counts_rows", VALUE_BOOL, FIELD_HIDDEN},
};

const Shape count_facts_rows = SHAPE("count.facts", facts_fields);

/* Row security that is active on a child alone does not bind who reads through its parent. */
Reason count_facts_blocked(const Table *rows, int64_t id, bool only) {
        bool is_there = false;

        for (size_t row = 0; row < rows->n_rows; row++) {
                const char *kind = table_text(rows, row, "relkind");
                bool is_root = table_int(rows, row, "relid") == table_int(rows, row, "root") ||
                               (table_bool(rows, row, "is_other") && table_bool(rows, row, "is_named"));

                is_there |= table_int(rows, row, "relid") == id;
                if (!kind || !strchr("rp", *kind) ||
                    (only && *kind == 'p' && table_int(rows, row, "relid") == id))
                        return REASON_UNSUPPORTED;
                if (!is_root)
                        continue;
                if (!table_bool(rows, row, "can_read") || !table_bool(rows, row, "can_use"))
                        return REASON_PRIVILEGE;
                if (table_bool(rows, row, "row_security"))
                        return REASON_ROW_SECURITY;
        }
        if (rows->n_rows == 0)
                return REASON_NO_SUCH_TABLE;
        return is_there ? REASON_OK : REASON_ERROR; /* made anew under its name: the next run knows it */
}

/* Rows of a page where nobody has looked yet. */
#define DENSITY 100

#define HASH_PRIME UINT64_C(0x100000001b3) /* FNV-1a's */

static int load_leaf(Facts *facts, const Table *rows, size_t row) {
        Leaf *leaf = &facts->leaves[facts->n_leaves];
        int64_t density = table_is_null(rows, row, "density") ? DENSITY : table_int(rows, row, "density");

        leaf->id = table_int(rows, row, "relid");
        leaf->pages = table_int(rows, row, "pages");
        facts->n_leaves++;
        facts->pages += leaf->pages;
        facts->rows += leaf->pages * density;
        facts->moved += table_int(rows, row, "moved");
        facts->files = (facts->files ^ (uint64_t)leaf->id) * HASH_PRIME;
        facts->files = (facts->files ^ (uint64_t)table_int(rows, row, "file")) * HASH_PRIME;
        facts->can_slice &= table_bool(rows, row, "can_read") && table_bool(rows, row, "can_use") &&
                            !table_bool(rows, row, "row_security");
        return str_set(&leaf->sql, table_text(rows, row, "leaf"));
}

/* Without them no later visit takes what was counted for what is there. */
static int load_compared(Facts *facts, const Table *rows, Buffer *signature) {
        facts->snapshot = str_format("%s;%s", table_text(rows, 0, "epoch"), table_text(rows, 0, "snapshot"));
        facts->signature = buffer_take(signature);
        if (!facts->snapshot || !facts->signature)
                return -ENOMEM;
        return str_set(&facts->fingerprint, table_text(rows, 0, "fingerprint"));
}

int count_facts_load(const Table *rows, Facts *ret) {
        _cleanup_(count_facts_done) Facts facts = {.can_slice = true};
        _cleanup_(buffer_done) Buffer signature = BUFFER_NULL;
        bool is_compared;
        int r = 0;

        if (rows->n_rows == 0)
                return -EINVAL;
        facts.leaves = calloc(rows->n_rows, sizeof(*facts.leaves));
        if (!facts.leaves)
                return -ENOMEM;
        is_compared = !table_is_null(rows, 0, "fingerprint");
        buffer_add(&signature, is_compared ? table_text(rows, 0, "epoch") : "");
        for (size_t row = 0; r >= 0 && row < rows->n_rows; row++) {
                buffer_printf(&signature, ";%s", table_text(rows, row, "signature"));
                facts.is_partitioned |= !table_bool(rows, row, "is_other") &&
                                        str_equal(table_text(rows, row, "relkind"), "p");
                if (!table_bool(rows, row, "is_other") && !str_equal(table_text(rows, row, "relkind"), "p"))
                        r = load_leaf(&facts, rows, row);
        }
        facts.busy = table_is_null(rows, 0, "busy") ? -1 : table_int(rows, 0, "busy");
        facts.is_standby = table_bool(rows, 0, "is_standby");
        facts.counts_rows = table_bool(rows, 0, "counts_rows");
        if (r >= 0 && is_compared)
                r = load_compared(&facts, rows, &signature);
        if (r < 0 || str_set(&facts.reset, table_text(rows, 0, "reset")) < 0 ||
            str_set(&facts.time, table_text(rows, 0, "now")) < 0)
                return -ENOMEM;
        *ret = facts;
        facts = (Facts){};
        return 0;
}

void count_facts_done(Facts *facts) {
        for (size_t i = 0; i < facts->n_leaves; i++)
                free(facts->leaves[i].sql);
        free(facts->leaves);
        free(facts->fingerprint);
        free(facts->snapshot);
        free(facts->signature);
        free(facts->time);
        free(facts->reset);
        *facts = (Facts){};
}
