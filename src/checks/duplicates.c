/* Duplicates: see the header.
 *
 * NULLs are distinct, as in a unique index that does not say otherwise. Nothing is read before it was seen
 * under the lock that the table is one of ours to read and that comparing runs built-in code only.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "duplicates.h"

#include <errno.h>

#include "common.h"
#include "count-text.h"
#include "reading-sql.h"
#include "reading.h"

/* $1 schema, $2 table, $3 columns as spelled, $4 as PostgreSQL reads them. */
static const char look_sql[] =
        "WITH this AS (SELECT c.oid, c.relkind::text AS relkind FROM pg_class c JOIN pg_namespace n\n"
        "  ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')),\n"
        "picked AS (SELECT u.pos, a.attname, " SQL_BUILT_IN(
                "a") " AND a.is_sortable AS is_trusted\n"
                     "  FROM this t, unnest($3::text[], $4::text[]) WITH ORDINALITY u(spelled, folded, pos), "
                     "LATERAL (\n"
                     "  SELECT a.attname, a.atttypid, y.typtype IN ('e', 'd') OR y.typcategory IN ('A', 'R') "
                     "OR EXISTS (\n"
                     "     SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod WHERE m.amname = "
                     "'btree'\n"
                     "        AND o.opcdefault AND (o.opcintype = y.oid OR EXISTS (SELECT FROM pg_cast k\n"
                     "          WHERE k.castsource = y.oid AND k.casttarget = o.opcintype AND k.castmethod = "
                     "'b'))) AS "
                     "is_sortable\n"
                     "    FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid\n"
                     "   WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped\n"
                     "     AND a.attname IN (u.spelled, u.folded) ORDER BY a.attname = u.spelled DESC LIMIT "
                     "1) a)\n"
                     "SELECT t.relkind = 'p' AS is_partitioned,\n"
                     "       ARRAY(SELECT quote_ident(attname) FROM picked ORDER BY pos)::text AS columns,\n"
                     "       (SELECT bool_and(is_trusted) FROM picked) AS is_trusted,\n"
                     "       " SQL_LACKS("t.oid") ",\n"
                                                  "       row_security_active(t.oid) AS row_security\n"
                                                  "  FROM this t WHERE (SELECT count(*) FROM picked) = "
                                                  "cardinality($3::text[])";

static const Field look_fields[] = {
        {"is_partitioned", VALUE_BOOL, FIELD_HIDDEN}, {"columns", VALUE_TEXT, FIELD_HIDDEN},
        {"is_trusted", VALUE_BOOL, FIELD_HIDDEN},     {"lacks", VALUE_TEXT, FIELD_HIDDEN},
        {"row_security", VALUE_BOOL, FIELD_HIDDEN},
};

static const Field count_fields[] = {
        {"rows", VALUE_INT, FIELD_HIDDEN},
        {"groups", VALUE_INT, FIELD_HIDDEN},
};

const Shape duplicates_look_rows = SHAPE("index.look", look_fields);
const Shape duplicates_count_rows = SHAPE("index.duplicates", count_fields);

static void done(Duplicates *duplicates) {
        free(duplicates->schema);
        free(duplicates->table);
        strv_free(duplicates->columns);
        free(duplicates->from);
        free(duplicates->list);
        strv_free(duplicates->quoted);
        strv_free(duplicates->lacks);
        *duplicates = (Duplicates){};
}

void duplicates_done(DuplicatesList *list) {
        for (size_t i = 0; i < list->n; i++)
                done(&list->items[i]);
        free(list->items);
        *list = (DuplicatesList){};
}

int duplicates_begin(DuplicatesList *list, size_t n) {
        duplicates_done(list);
        list->items = calloc(n + 1, sizeof(*list->items));
        list->n = list->items ? n : 0;
        return list->items ? 0 : -ENOMEM;
}

int duplicates_ask(DuplicatesList *list, size_t i, const char *schema, const char *table,
                   char *const *columns) {
        Duplicates *duplicates = &list->items[i];

        if (str_set(&duplicates->schema, schema) < 0 || str_set(&duplicates->table, table) < 0)
                return -ENOMEM;
        return strv_copy(columns, &duplicates->columns);
}

static int ask_look(const Duplicates *duplicates, Statement *ret, Buffer *sql) {
        _cleanup_(strv_freep) char **folded = NULL;
        _cleanup_(freep) char *spelled_literal = NULL, *folded_literal = NULL;
        int r = 0;

        for (char **column = duplicates->columns; r >= 0 && *column; column++) {
                char schema[IDENTIFIER_MAX], name[IDENTIFIER_MAX];
                bool is_name = check_name_split(*column, schema, name) >= 0 && !*schema;

                r = strv_add(&folded, is_name ? name : *column);
        }
        spelled_literal = strv_array_literal(duplicates->columns);
        folded_literal = strv_array_literal(folded);
        buffer_add(sql, look_sql);
        if (r < 0 || !spelled_literal || !folded_literal ||
            statement_add_parameter(ret, duplicates->schema) < 0 ||
            statement_add_parameter(ret, duplicates->table) < 0 ||
            statement_add_parameter(ret, spelled_literal) < 0 ||
            statement_add_parameter(ret, folded_literal) < 0)
                return -ENOMEM;
        return 0;
}

/* "SELECT …" of the groups with more than one row. */
static void add_groups(Buffer *out, const Duplicates *duplicates, const char *what) {
        buffer_printf(out, "SELECT %s FROM %s WHERE ", what, duplicates->from);
        for (char **column = duplicates->quoted; *column; column++)
                buffer_printf(out, "%s%s IS NOT NULL", column > duplicates->quoted ? " AND " : "", *column);
        buffer_printf(out, " GROUP BY %s HAVING count(*) > 1", duplicates->list);
}

static void add_count(Buffer *out, const Duplicates *duplicates) {
        buffer_add(out, "SELECT coalesce(sum(n), 0)::int8 AS rows, count(*)::int8 AS groups FROM (");
        add_groups(out, duplicates, "count(*) AS n");
        buffer_add(out, ") d");
}

static int ask(const DuplicatesList *list, Statement *ret, Buffer *sql) {
        const Duplicates *duplicates = &list->items[list->current];

        switch (list->step) {
        case DUPLICATES_LOOK:
        case DUPLICATES_VERIFY:
                return ask_look(duplicates, ret, sql);
        case DUPLICATES_LOCK:
                buffer_printf(sql, "LOCK TABLE %s IN ACCESS SHARE MODE", duplicates->from);
                return 0;
        case DUPLICATES_PLAN:
                buffer_add(sql, "EXPLAIN (FORMAT JSON) ");
                break;
        default:
                ret->blocks = (int64_t)list->cost;
        }
        add_count(sql, duplicates);
        return 0;
}

int duplicates_next(DuplicatesList *list, const CheckContext *context, Statement *ret) {
        static const struct {
                const char *name;
                const Shape *shape;
                StatementPlace place;
        } steps[N_DUPLICATES_STEPS] = {
                [DUPLICATES_LOOK] = {"index.look", &duplicates_look_rows, STATEMENT_ALONE},
                [DUPLICATES_LOCK] = {"index.lock", NULL, STATEMENT_OPENS},
                [DUPLICATES_VERIFY] = {"index.look", &duplicates_look_rows, STATEMENT_WITHIN},
                [DUPLICATES_PLAN] = {"index.plan", &count_plan_rows, STATEMENT_WITHIN},
                [DUPLICATES_COUNT] = {"index.duplicates", &duplicates_count_rows, STATEMENT_CLOSES},
        };
        _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;

        while (list->current < list->n && !list->items[list->current].table)
                list->current++;
        if (list->current >= list->n)
                return 0;
        ret->name = steps[list->step].name;
        ret->shape = steps[list->step].shape;
        ret->place = steps[list->step].place;
        ret->reads_rows = list->step == DUPLICATES_COUNT;
        ret->object = list->items[list->current].from;
        ret->max_rows = 1;
        if (ask(list, ret, &sql) < 0)
                return -ENOMEM;
        ret->sql = buffer_take(&sql);
        return ret->sql ? 1 : -ENOMEM;
}

/* Nothing more is asked of this one. */
static void finish(DuplicatesList *list, Reason failure) {
        list->items[list->current].failure = failure;
        list->current++;
        list->step = DUPLICATES_LOOK;
}

static int load(Duplicates *duplicates, const Table *rows) {
        _cleanup_(freep) char *name = str_qualified(duplicates->schema, duplicates->table);
        char *from, *joined;

        duplicates->quoted = strv_free(duplicates->quoted);
        duplicates->lacks = strv_free(duplicates->lacks);
        if (!name || check_array_parse(table_text(rows, 0, "columns"), &duplicates->quoted) < 0 ||
            check_array_parse(table_text(rows, 0, "lacks"), &duplicates->lacks) < 0)
                return -ENOMEM;
        from = str_format("%s%s", table_bool(rows, 0, "is_partitioned") ? "" : "ONLY ", name);
        joined = strv_join(duplicates->quoted, ", ");
        free(duplicates->from);
        free(duplicates->list);
        duplicates->from = from;
        duplicates->list = joined;
        return from && joined ? 0 : -ENOMEM;
}

/* Why its rows cannot be read; where the table or a column is not there the finding says so itself. */
static Reason blocked_reason(const Duplicates *duplicates, const Table *rows) {
        if (duplicates->lacks)
                return REASON_PRIVILEGE;
        if (table_bool(rows, 0, "row_security"))
                return REASON_ROW_SECURITY;
        return table_bool(rows, 0, "is_trusted") ? REASON_OK : REASON_UNTRUSTED;
}

static int take_look(DuplicatesList *list, const Table *rows) {
        Duplicates *duplicates = &list->items[list->current];
        Reason blocked;
        int r;

        if (rows->n_rows != 1) {
                finish(list, REASON_OK);
                return 0;
        }
        r = load(duplicates, rows);
        if (r < 0)
                return r;
        blocked = blocked_reason(duplicates, rows);
        if (blocked != REASON_OK || !duplicates->quoted)
                finish(list, blocked);
        else
                list->step++;
        return 0;
}

/* By hand it is counted whatever it costs: statement_timeout is limit enough. */
static void take_plan(DuplicatesList *list, const CheckContext *context, const Table *rows) {
        bool scans, is_known = rows->n_rows == 1 &&
                               count_parse_plan(table_text(rows, 0, "QUERY PLAN"), &list->cost, &scans);
        int64_t budget = context->settings->limits.blocks_per_poll;
        double limit = (double)(context->blocks_left < budget ? context->blocks_left : budget);

        if (context->is_once || context->explain || (is_known && list->cost <= limit))
                list->step++;
        else
                finish(list, REASON_OVER_LIMIT);
}

static void take_count(DuplicatesList *list, const Table *rows) {
        Duplicates *duplicates = &list->items[list->current];

        if (rows && rows->n_rows == 1) {
                duplicates->is_counted = true;
                duplicates->rows = table_int(rows, 0, "rows");
                duplicates->groups = table_int(rows, 0, "groups");
        }
        finish(list, REASON_OK);
}

int duplicates_take(DuplicatesList *list, const CheckContext *context, const Outcome *outcome) {
        if (outcome->kind == OUTCOME_ERROR) {
                finish(list, check_reason(outcome->sqlstate));
                return 0;
        }
        if (list->step == DUPLICATES_LOCK)
                list->step++;
        else if (list->step == DUPLICATES_PLAN)
                take_plan(list, context, outcome->table);
        else if (list->step == DUPLICATES_COUNT)
                take_count(list, outcome->table);
        else
                return take_look(list, outcome->table);
        return 0;
}

static int say_found(const Duplicates *duplicates, Finding *finding) {
        _cleanup_(buffer_done) Buffer query = BUFFER_NULL, what = BUFFER_NULL;
        int r = check_say(finding, "%s %lld rows have the same values as another one, in %lld group%s.",
                          finding->summary, (long long)duplicates->rows, (long long)duplicates->groups,
                          duplicates->groups == 1 ? "" : "s");

        if (r >= 0)
                r = check_advise(finding, "Correct or remove these rows, then make the index.");
        buffer_printf(&what, "%s, count(*)", duplicates->list);
        add_groups(&query, duplicates, buffer_text(&what));
        if (r < 0 || buffer_error(&query) < 0 || buffer_error(&what) < 0)
                return -ENOMEM;
        return check_repair(finding, "%s LIMIT 100;", buffer_text(&query));
}

static int say_not_counted(const Duplicates *duplicates, Finding *finding) {
        Reason why = duplicates->failure;

        if (why == REASON_OVER_LIMIT)
                return check_say(finding,
                                 "%s Rows with the same values were not counted: that costs more than "
                                 "limits.blocks_per_poll allows; `pgvigil check` counts them.",
                                 finding->summary);
        return check_say(finding, "%s Rows with the same values were not counted: %s", finding->summary,
                         reason_help(why));
}

int duplicates_judge(const Duplicates *duplicates, const CheckContext *context, const Rule *rule,
                     Finding *finding) {
        if (!duplicates->table || (!duplicates->is_counted && duplicates->failure == REASON_OK))
                return 0;
        if (!duplicates->is_counted)
                return say_not_counted(duplicates, finding);
        finding->value = VALUE_OF_INT(duplicates->rows);
        finding->unit = "rows";
        finding->method = "full";
        reading_decide(REASON_OK, rule, finding);
        if (duplicates->rows > 0)
                return say_found(duplicates, finding);
        return check_say(finding, "%s No two rows have the same values.", finding->summary);
}
