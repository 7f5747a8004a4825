/* Foreign keys as the catalog has them: the statement, its shape, one row of it.
 *
 * Keys of partitions are rolled up into the one of the partitioned table: valid when all are,
 * disabled where one is. Takes no lock on any table: nothing here opens a relation.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "foreign-key.h"

#include <errno.h>

#include "common.h"
#include "reading-sql.h"

/* As PostgreSQL's own checks do it: by the collation of the referenced column. */
#define COLLATE                                                                                              \
        "CASE WHEN pa.attcollation <> 0 AND pa.attcollation <> ca.attcollation THEN (\n"                     \
        "                SELECT format(' COLLATE %I.%I', n.nspname, l.collname) FROM pg_collation l\n"       \
        "                  JOIN pg_namespace n ON n.oid = l.collnamespace WHERE l.oid = pa.attcollation)\n"  \
        "              ELSE '' END"

/* Triggers that were altered have not always been in force since they were made: one that is newer than
 * its constraint, or of another transaction than the others of that constraint.
 *
 * tgtype: 1 row, 2 before, 8 delete, 16 update. A BEFORE ROW trigger swallows the action by
 * returning NULL; a plpgsql function that returns nothing but NEW and OLD (and OLD somewhere,
 * for on DELETE NEW is NULL) is believed not to. */
const char foreign_key_sql[] =
        "WITH RECURSIVE key AS (\n"
        "  SELECT k.oid, k.conname::text AS conname, k.conrelid, k.confrelid, k.conkey, k.confkey,\n"
        "         k.confdeltype::text AS del, k.confupdtype::text AS upd, k.confmatchtype::text AS mat,\n"
        "         k.condeferrable, k.condeferred, n.nspname::text AS nspname, c.relname::text AS relname,\n"
        "         c.relkind::text AS relkind, k.conpfeqop, to_jsonb(k) AS j\n"
        "    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid\n"
        "    JOIN pg_namespace n ON n.oid = c.relnamespace\n"
        "   WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname::text = ANY ($1::text[])),\n"
        "tree AS (\n"
        "  SELECT k.oid AS root, k.oid, k.conrelid, k.confrelid, k.convalidated, k.xmin\n"
        "    FROM key JOIN pg_constraint k USING (oid)\n"
        "  UNION ALL\n"
        "  SELECT t.root, k.oid, k.conrelid, k.confrelid, k.convalidated, k.xmin\n"
        "    FROM tree t JOIN pg_constraint k ON k.conparentid = t.oid WHERE k.contype = 'f'),\n"
        "valid AS (\n"
        "  SELECT root, bool_and(convalidated) AS is_valid, bool_or(EXISTS (\n"
        "           SELECT FROM pg_subscription_rel s WHERE s.srrelid IN (conrelid, confrelid))) AS is_fed\n"
        "    FROM tree GROUP BY root),\n"
        "guard AS (\n"
        "  SELECT t.root, array_agg(DISTINCT format('%I.%I', n.nspname, c.relname))\n"
        "           FILTER (WHERE g.tgenabled NOT IN ('O', 'A'))::text AS disabled_on,\n"
        "         hashtextextended(string_agg(concat_ws(' ', g.oid, g.xmin, g.tgenabled), ',' ORDER BY "
        "g.oid), 0)::text AS triggers,\n"
        "         bool_or(age(g.xmin) < age(t.xmin) OR g.xmin::text <> (SELECT min(o.xmin::text)\n"
        "           FROM pg_trigger o WHERE o.tgconstraint = t.oid)) AS is_altered\n"
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
        "       g.root IS NOT NULL AS has_triggers, g.disabled_on, s.suppressors,\n"
        "       k.oid::int8 AS conid, k.conrelid::int8 AS relid, k.confrelid::int8 AS referenced_relid,\n"
        "       rc.relkind = 'p' AS is_referenced_partitioned, g.triggers,\n"
        "       CASE WHEN g.is_altered THEN g.triggers END AS altered,\n"
        "       v.is_fed OR EXISTS (\n"
        "         SELECT FROM pg_db_role_setting d, unnest(d.setconfig) t(setting)\n"
        "          WHERE (d.setdatabase = 0 OR d.setdatabase IN (SELECT b.oid FROM pg_database b\n"
        "                  WHERE b.datname = current_database()))\n"
        "            AND t.setting = 'session_replication_role=replica') AS is_bypassed,\n"
        "       coalesce((k.j->>'conperiod')::bool, false) AS is_temporal,\n"
        "       NOT EXISTS (SELECT FROM unnest(k.conpfeqop) u(operator) WHERE u.operator >= 16384) AND NOT "
        "EXISTS "
        "(\n"
        "         SELECT FROM pg_attribute a WHERE (a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)\n"
        "             OR a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey))\n"
        "            AND NOT " SQL_BUILT_IN(
                "a") ") AS is_trusted,\n"
                     "       ARRAY(SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)\n"
                     "               FROM unnest(k.conpfeqop) WITH ORDINALITY u(operator, pos)\n"
                     "               JOIN pg_operator o ON o.oid = u.operator JOIN pg_namespace n ON n.oid = "
                     "o.oprnamespace\n"
                     "              ORDER BY u.pos)::text AS operators,\n"
                     "       ARRAY(SELECT CASE WHEN o.oprright <> ca.atttypid AND y.typtype <> 'p'\n"
                     "                      THEN '::' || format_type(o.oprright, NULL) ELSE '' END ||\n"
                     "              " COLLATE "\n"
                     "               FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY u(num, "
                     "partner, operator, "
                     "pos)\n"
                     "               JOIN pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = u.num\n"
                     "               JOIN pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = "
                     "u.partner\n"
                     "               JOIN pg_operator o ON o.oid = u.operator JOIN pg_type y ON y.oid = "
                     "o.oprright\n"
                     "              ORDER BY u.pos)::text AS suffixes,\n"
                     "       " SQL_LACKS(
                             "k.conrelid, k.confrelid") ",\n"
                                                        "       row_security_active(k.conrelid) OR "
                                                        "row_security_active(k.confrelid) AS row_security\n"
                                                        "  FROM key k JOIN pg_class rc ON rc.oid = "
                                                        "k.confrelid JOIN pg_namespace rn ON rn.oid = "
                                                        "rc.relnamespace\n"
                                                        "  JOIN valid v ON v.root = k.oid LEFT JOIN guard g "
                                                        "ON g.root = k.oid\n"
                                                        "  LEFT JOIN swallow s ON s.root = k.oid\n"
                                                        " ORDER BY 1, 2, 3";

/* $1 schema and $2 table that should refer by $3 columns to $4 schema, $5 table, $6 columns (NULL: its
 * primary key). One row, where both are tables and all columns are there. What can be compared is judged
 * more narrowly than PostgreSQL would: nothing is tried that could fail. */
const char foreign_key_wanted_sql[] =
        "WITH child AS (SELECT c.oid, c.relkind::text AS relkind FROM pg_class c JOIN pg_namespace n\n"
        "  ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')),\n"
        "parent AS (SELECT c.oid, c.relkind::text AS relkind FROM pg_class c JOIN pg_namespace n\n"
        "  ON n.oid = c.relnamespace WHERE n.nspname = $4 AND c.relname = $5 AND c.relkind IN ('r', 'p')),\n"
        "partner AS (SELECT coalesce($6::text[], ARRAY(\n"
        "    SELECT a.attname::text FROM pg_constraint k, unnest(k.conkey) WITH ORDINALITY u(num, pos)\n"
        "      JOIN pg_attribute a ON a.attnum = u.num\n"
        "     WHERE k.conrelid = p.oid AND k.contype = 'p' AND a.attrelid = p.oid ORDER BY u.pos)) AS names\n"
        "  FROM parent p),\n"
        "pair AS (SELECT u.pos, ca.attname::text AS name, pa.attname::text AS partner, pa.attnum,\n"
        "    CASE WHEN ct.typtype = 'd' THEN ct.typbasetype ELSE ct.oid END AS type,\n"
        "    CASE WHEN pt.typtype = 'd' THEN pt.typbasetype ELSE pt.oid END AS partner_type,\n"
        "    ct.typcategory::text AS category, pt.typcategory::text AS partner_category,\n"
        "    " SQL_BUILT_IN("ca") " AND " SQL_BUILT_IN(
                "pa") " AS is_built_in,\n"
                      "    " COLLATE " AS suffix\n"
                      "  FROM child c, parent p, partner n, unnest($3::text[], n.names) WITH ORDINALITY "
                      "u(name, partner, "
                      "pos)\n"
                      "  JOIN pg_attribute ca ON ca.attname = u.name JOIN pg_attribute pa ON pa.attname = "
                      "u.partner\n"
                      "  JOIN pg_type ct ON ct.oid = ca.atttypid JOIN pg_type pt ON pt.oid = pa.atttypid\n"
                      "  WHERE ca.attrelid = c.oid AND pa.attrelid = p.oid)\n"
                      "SELECT c.oid::int8 AS relid, p.oid::int8 AS referenced_relid, c.relkind = 'p' AS "
                      "is_partitioned,\n"
                      "       p.relkind = 'p' AS is_referenced_partitioned,\n"
                      "       ARRAY(SELECT name FROM pair ORDER BY pos)::text AS columns,\n"
                      "       ARRAY(SELECT partner FROM pair ORDER BY pos)::text AS referenced_columns,\n"
                      "       ARRAY(SELECT 'OPERATOR(pg_catalog.=)' FROM pair)::text AS operators,\n"
                      "       ARRAY(SELECT suffix FROM pair ORDER BY pos)::text AS suffixes,\n"
                      "       (SELECT bool_and(is_built_in) FROM pair) AS is_trusted,\n"
                      "       (SELECT bool_and(type = partner_type AND category IN ('B', 'D', 'E', 'I', 'N', "
                      "'S', 'T', 'U')\n"
                      "          OR category = partner_category AND category IN ('N', 'S')) FROM pair) AS "
                      "is_comparable,\n"
                      "       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = p.oid AND i.indisunique AND "
                      "i.indisvalid\n"
                      "          AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = (SELECT "
                      "count(*) FROM pair)\n"
                      "          AND NOT EXISTS (SELECT FROM pair\n"
                      "           WHERE NOT attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))) AS "
                      "is_unique,\n"
                      "       " SQL_LACKS(
                              "c.oid, p.oid") ",\n"
                                              "       row_security_active(c.oid) OR "
                                              "row_security_active(p.oid) AS row_security\n"
                                              "  FROM child c, parent p, partner n\n"
                                              " WHERE (SELECT count(*) FROM pair) = cardinality($3::text[])\n"
                                              "   AND cardinality(n.names) = cardinality($3::text[])";

#define TEXT(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = (text) }
#define BOOL(column, text)                                                                                   \
        { .name = (column), .kind = VALUE_BOOL, .role = FIELD_HIDDEN, .help = (text) }
#define INT(column, text)                                                                                    \
        { .name = (column), .kind = VALUE_INT, .role = FIELD_HIDDEN, .help = (text) }

/* What counting its orphans takes; keys that exist and those that are only wanted have them. */
#define ORPHAN_FIELDS                                                                                        \
        INT("relid", "Oid of the referencing table."),                                                       \
                INT("referenced_relid", "Oid of the referenced table."),                                     \
                BOOL("is_referenced_partitioned", "The referenced table is partitioned."),                   \
                TEXT("operators", "By which the columns are compared."),                                     \
                TEXT("suffixes", "Casts and collations of its columns therein."),                            \
                BOOL("is_trusted", "Comparing them runs built-in code only."),                               \
                TEXT("lacks", "What must be granted for rows to be read."),                                  \
                BOOL("row_security", "Row level security hides rows of one of the tables.")

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
        INT("conid", "Its oid."),
        BOOL("is_bypassed", "Something writes past its triggers."),
        BOOL("is_temporal", "By PERIOD."),
        TEXT("altered", "Its triggers, as a digest, where one was altered since they were made."),
        TEXT("triggers", "The same of any."),
        ORPHAN_FIELDS,
};

static const Field wanted_fields[] = {
        TEXT("columns", "Its columns, in order."),
        TEXT("referenced_columns", "The columns they refer to."),
        BOOL("is_partitioned", "The referencing table is partitioned."),
        BOOL("is_comparable", "The columns have comparable types."),
        BOOL("is_unique", "The columns they refer to have a unique index."),
        ORPHAN_FIELDS,
};

const Shape foreign_key_catalog = SHAPE("foreign_key.catalog", catalog_fields);
const Shape foreign_key_wanted = SHAPE("foreign_key.wanted", wanted_fields);

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
        strv_free(key->operators);
        strv_free(key->suffixes);
        strv_free(key->lacks);
        *key = (ForeignKey){};
}

static int load_lists(const Table *rows, size_t row, ForeignKey *key) {
        const struct {
                const char *field;
                char ***list;
        } lists[] = {
                {"columns", &key->columns},
                {"referenced_columns", &key->referenced_columns},
                {"set_columns", &key->set_columns},
                {"not_null", &key->not_null},
                {"disabled_on", &key->disabled_on},
                {"suppressors", &key->suppressors},
                {"operators", &key->operators},
                {"suffixes", &key->suffixes},
                {"lacks", &key->lacks},
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

/* What both shapes have. */
static void load_pair(const Table *rows, size_t row, ForeignKey *key) {
        key->relation = table_int(rows, row, "relid");
        key->referenced = table_int(rows, row, "referenced_relid");
        key->is_referenced_partitioned = table_bool(rows, row, "is_referenced_partitioned");
        key->is_trusted = table_bool(rows, row, "is_trusted");
        key->row_security = table_bool(rows, row, "row_security");
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
                .is_bypassed = table_bool(rows, row, "is_bypassed"),
                .is_temporal = table_bool(rows, row, "is_temporal"),
                .altered = table_text(rows, row, "altered"),
                .triggers = table_text(rows, row, "triggers"),
                .id = table_int(rows, row, "conid"),
        };
        int r = load_lists(rows, row, &key);

        if (r < 0)
                return r;
        load_pair(rows, row, &key);
        *ret = key;
        key = (ForeignKey){};
        return 0;
}

int foreign_key_load_wanted(const Table *rows, size_t row, ForeignKey *ret) {
        _cleanup_(foreign_key_done) ForeignKey key = {
                .is_partitioned = table_bool(rows, row, "is_partitioned"),
                .is_incomparable = !table_bool(rows, row, "is_comparable"),
                .is_ambiguous = !table_bool(rows, row, "is_unique"),
        };
        const struct {
                const char *field;
                char ***list;
        } lists[] = {
                {"columns", &key.columns},     {"referenced_columns", &key.referenced_columns},
                {"operators", &key.operators}, {"suffixes", &key.suffixes},
                {"lacks", &key.lacks},
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTS(lists); i++)
                r = check_array_parse(table_text(rows, row, lists[i].field), lists[i].list);
        if (r < 0)
                return r;
        load_pair(rows, row, &key);
        *ret = key;
        key = (ForeignKey){};
        return 0;
}
