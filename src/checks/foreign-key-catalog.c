/* Foreign keys as the catalog has them: the statement, its shape, one row of it.
 *
 * Keys of partitions are rolled up into the one of the partitioned table: valid when all are,
 * disabled where one is. Takes no lock on any table: nothing here opens a relation.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "foreign-key.h"

#include <errno.h>

#include "common.h"

/* tgtype: 1 row, 2 before, 8 delete, 16 update. A BEFORE ROW trigger swallows the action by
 * returning NULL; a plpgsql function that returns nothing but NEW and OLD (and OLD somewhere,
 * for on DELETE NEW is NULL) is believed not to. */
const char foreign_key_sql[] =
        "WITH RECURSIVE key AS (\n"
        "  SELECT k.oid, k.conname::text AS conname, k.conrelid, k.confrelid, k.conkey, k.confkey,\n"
        "         k.confdeltype::text AS del, k.confupdtype::text AS upd, k.confmatchtype::text AS mat,\n"
        "         k.condeferrable, k.condeferred, n.nspname::text AS nspname, c.relname::text AS relname,\n"
        "         c.relkind::text AS relkind, to_jsonb(k) AS j\n"
        "    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid\n"
        "    JOIN pg_namespace n ON n.oid = c.relnamespace\n"
        "   WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname::text = ANY ($1::text[])),\n"
        "tree AS (\n"
        "  SELECT k.oid AS root, k.oid, k.conrelid, k.convalidated FROM key JOIN pg_constraint k USING "
        "(oid)\n"
        "  UNION ALL\n"
        "  SELECT t.root, k.oid, k.conrelid, k.convalidated\n"
        "    FROM tree t JOIN pg_constraint k ON k.conparentid = t.oid WHERE k.contype = 'f'),\n"
        "valid AS (SELECT root, bool_and(convalidated) AS is_valid FROM tree GROUP BY root),\n"
        "guard AS (\n"
        "  SELECT t.root, array_agg(DISTINCT format('%I.%I', n.nspname, c.relname))\n"
        "           FILTER (WHERE g.tgenabled NOT IN ('O', 'A'))::text AS disabled_on\n"
        "    FROM tree t JOIN pg_trigger g ON g.tgconstraint = t.oid\n"
        "    JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace\n"
        "   GROUP BY t.root),\n"
        "swallow AS (\n"
        "  SELECT k.oid AS root, array_agg(DISTINCT g.tgname::text)::text AS suppressors\n"
        "    FROM key k JOIN tree t ON t.root = k.oid JOIN pg_trigger g ON g.tgrelid = t.conrelid\n"
        "    JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_language l ON l.oid = p.prolang\n"
        "   WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND (g.tgtype & 3) = 3\n"
        "     AND ((g.tgtype & 8) <> 0 AND k.del = 'c'\n"
        "          OR (g.tgtype & 16) <> 0 AND (k.del IN ('n', 'd') OR k.upd IN ('c', 'n', 'd')))\n"
        "     AND NOT (l.lanname = 'plpgsql' AND p.prosrc !~* '\\mreturn\\M(?!\\s+(new|old)\\s*;)'\n"
        "              AND ((g.tgtype & 8) = 0 OR k.del <> 'c' OR p.prosrc ~* '\\mreturn\\s+old\\s*;'))\n"
        "   GROUP BY k.oid)\n"
        "SELECT k.nspname AS schemaname, k.relname, k.conname,\n"
        "       rn.nspname::text AS referenced_schema, rc.relname::text AS referenced_table,\n"
        "       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(num, pos)\n"
        "               JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num\n"
        "              ORDER BY u.pos)::text AS columns,\n"
        "       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(num, pos)\n"
        "               JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num\n"
        "              ORDER BY u.pos)::text AS referenced_columns,\n"
        "       ARRAY(SELECT a.attname::text FROM pg_attribute a\n"
        "              WHERE a.attrelid = k.conrelid AND k.j->'confdelsetcols' @> to_jsonb(a.attnum)\n"
        "              ORDER BY a.attnum)::text AS set_columns,\n"
        "       ARRAY(SELECT a.attname::text FROM pg_attribute a\n"
        "              WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) AND a.attnotnull\n"
        "                AND (k.upd = 'n' OR k.del = 'n'\n"
        "                     AND (coalesce(jsonb_typeof(k.j->'confdelsetcols'), 'null') <> 'array'\n"
        "                          OR k.j->'confdelsetcols' @> to_jsonb(a.attnum)))\n"
        "              ORDER BY a.attnum)::text AS not_null,\n"
        "       k.del AS on_delete, k.upd AS on_update, k.relkind = 'p' AS is_partitioned,\n"
        "       k.mat = 'f' AS is_full, k.condeferrable AS is_deferrable, k.condeferred AS is_deferred,\n"
        "       v.is_valid, coalesce((k.j->>'conenforced')::bool, true) AS is_enforced,\n"
        "       g.root IS NOT NULL AS has_triggers, g.disabled_on, s.suppressors\n"
        "  FROM key k JOIN pg_class rc ON rc.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = "
        "rc.relnamespace\n"
        "  JOIN valid v ON v.root = k.oid LEFT JOIN guard g ON g.root = k.oid\n"
        "  LEFT JOIN swallow s ON s.root = k.oid\n"
        " ORDER BY 1, 2, 3";

#define TEXT(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = (text) }
#define BOOL(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_BOOL, .role = FIELD_HIDDEN, .help = (text) }

static const Field catalog_fields[] = {
        TEXT("schemaname", "Schema of the referencing table."),
        TEXT("relname", "Referencing table."),
        TEXT("conname", "Constraint."),
        TEXT("referenced_schema", "Schema of the referenced table."),
        TEXT("referenced_table", "Referenced table."),
        TEXT("columns", "Its columns, in order."),
        TEXT("referenced_columns", "The columns they refer to."),
        TEXT("set_columns", "Columns that ON DELETE SET sets, where not all."),
        TEXT("not_null", "Columns that SET NULL would set and that are NOT NULL."),
        TEXT("on_delete", "Letter of the action on delete."),
        TEXT("on_update", "Letter of the action on update."),
        BOOL("is_partitioned", "The referencing table is partitioned."),
        BOOL("is_full", "MATCH FULL."),
        BOOL("is_deferrable", "DEFERRABLE."),
        BOOL("is_deferred", "INITIALLY DEFERRED."),
        BOOL("is_valid", "Validated, with all partitions."),
        BOOL("is_enforced", "ENFORCED."),
        BOOL("has_triggers", "The triggers that enforce it exist."),
        TEXT("disabled_on", "Tables where such triggers are disabled."),
        TEXT("suppressors", "Triggers that may swallow its action."),
};

const Shape foreign_key_catalog = SHAPE("foreign_key.catalog", catalog_fields);

static const char *action_name(const char *letter) {
        static const struct {
                char letter;
                const char *name;
        } actions[] = {
                {'a', "no action"}, {'c', "cascade"},  {'d', "set default"},
                {'n', "set null"},  {'r', "restrict"},
        };

        for (size_t i = 0; letter && i < ELEMENTS(actions); i++)
                if (actions[i].letter == *letter)
                        return actions[i].name;
        return "unknown";
}

void foreign_key_done(ForeignKey *key) {
        strv_free(key->columns);
        strv_free(key->referenced_columns);
        strv_free(key->set_columns);
        strv_free(key->not_null);
        strv_free(key->disabled_on);
        strv_free(key->suppressors);
        *key = (ForeignKey){};
}

static int load_lists(const Table *rows, size_t row, ForeignKey *key) {
        const struct {
                const char *field;
                char ***list;
        } lists[] = {
                {"columns", &key->columns},         {"referenced_columns", &key->referenced_columns},
                {"set_columns", &key->set_columns}, {"not_null", &key->not_null},
                {"disabled_on", &key->disabled_on}, {"suppressors", &key->suppressors},
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTS(lists); i++)
                r = check_array_parse(table_text(rows, row, lists[i].field), lists[i].list);
        if (r >= 0 && !table_bool(rows, row, "has_triggers") && key->is_enforced && !key->disabled_on) {
                _cleanup_(freep) char *table = str_qualified(key->schema, key->table);

                r = table ? strv_add(&key->disabled_on, table) : -ENOMEM; /* gone: no better than disabled */
        }
        return r;
}

int foreign_key_load(const Table *rows, size_t row, ForeignKey *ret) {
        _cleanup_(foreign_key_done) ForeignKey key = {
                .schema = table_text(rows, row, "schemaname"),
                .table = table_text(rows, row, "relname"),
                .name = table_text(rows, row, "conname"),
                .referenced_schema = table_text(rows, row, "referenced_schema"),
                .referenced_table = table_text(rows, row, "referenced_table"),
                .on_delete = action_name(table_text(rows, row, "on_delete")),
                .on_update = action_name(table_text(rows, row, "on_update")),
                .is_partitioned = table_bool(rows, row, "is_partitioned"),
                .is_full = table_bool(rows, row, "is_full"),
                .is_deferrable = table_bool(rows, row, "is_deferrable"),
                .is_deferred = table_bool(rows, row, "is_deferred"),
                .is_valid = table_bool(rows, row, "is_valid"),
                .is_enforced = table_bool(rows, row, "is_enforced"),
        };
        int r = load_lists(rows, row, &key);

        if (r < 0)
                return r;
        *ret = key;
        key = (ForeignKey){};
        return 0;
}
