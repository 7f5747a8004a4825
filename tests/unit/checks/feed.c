/* Drives one check with answers of the test's choice.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "feed.h"

#include <stdio.h>
#include <string.h>

#include "checks/common.h"

void feed_open(Feed *feed, const CheckKind *kind) {
        *feed = (Feed){.kind = kind, .facts.known = true, .boottime = USEC_PER_HOUR};
        ck_assert_int_eq(settings_new(&feed->settings), 0);
        ck_assert_int_eq(settings_add_target(feed->settings, "shop", &feed->target), 0);
        feed->target->schemas = strv_free(feed->target->schemas);
        ck_assert_int_eq(strv_add(&feed->target->schemas, "public"), 0);
        ck_assert_int_eq(kind->new (feed->target, &feed->state), 0);
}

void feed_close(Feed *feed) {
        report_done(&feed->report);
        buffer_done(&feed->log);
        feed->kind->free(feed->state);
        strv_free(feed->facts.applied);
        settings_free(feed->settings);
}

static void fill_row(Table *table, size_t row, const char *text) {
        _cleanup_(freep) char *copy = strdup(text ? text : "");
        char *rest = copy, *cell;

        while (rest && *rest && (cell = strsep(&rest, "|"))) {
                char *equals = strchr(cell, '=');
                int field;

                ck_assert_ptr_nonnull(equals);
                *equals = '\0';
                field = shape_find(table->shape, cell);
                ck_assert_msg(field >= 0, "no column %s", cell);
                value_done(table_cell(table, row, cell));
                ck_assert_int_eq(value_parse(table->shape->fields[field].kind, equals + 1,
                                             table_cell(table, row, cell)),
                                 0);
        }
}

static void answer(Feed *feed, const CheckContext *context, const Statement *statement, const Answer *said) {
        _cleanup_(outcome_done) Outcome outcome = {.kind = said->sqlstate ? OUTCOME_ERROR : OUTCOME_ROWS,
                                                   .duration = said->duration};

        ck_assert_str_eq(statement->name, said->statement);
        if (said->sqlstate)
                strncpy(outcome.sqlstate, said->sqlstate, sizeof(outcome.sqlstate) - 1);
        else if (statement->shape)
                ck_assert_int_eq(table_new(statement->shape, NULL, &outcome.table), 0);
        for (size_t i = 0; !said->sqlstate && said->rows[i]; i++) {
                size_t row;

                ck_assert_int_eq(table_add_row(outcome.table, &row), 0);
                fill_row(outcome.table, row, said->defaults);
                fill_row(outcome.table, row, said->rows[i]);
        }
        for (size_t i = 0; i < said->n_numbered; i++) {
                size_t row;
                char cell[64];

                snprintf(cell, sizeof(cell), "relname=%zu", i);
                ck_assert_int_eq(table_add_row(outcome.table, &row), 0);
                fill_row(outcome.table, row, said->defaults);
                fill_row(outcome.table, row, cell);
        }
        ck_assert_int_eq(feed->kind->take(feed->state, context, &outcome), 0);
}

#define FACTS                                                                                                \
        "relid=1|root=1|is_other=f|is_named=f|relkind=r|leaf=public.ledger|can_read=t|can_use=t|"            \
        "row_security=f|fingerprint=1|epoch=e|now=2026-11-24 "                                               \
        "12:00:00+00|busy=0|is_standby=f|counts_rows=t"

/* Counting finds nothing, and the cluster is not quiet between two rounds. */
static void answer_count(Feed *feed, const CheckContext *context, const Statement *statement) {
        _cleanup_(freep) char *density = str_format(feed->density > 0 ? "|density=%lld" : "",
                                                    (long long)feed->density);
        _cleanup_(freep) char *facts = str_format(
                FACTS "%s|moved=%lld|reset=%zu|pages=%lld|snapshot=%llu|signature=%llu", density,
                (long long)feed->moved, feed->is_reset ? feed->log.length : 0,
                (long long)(feed->pages > 0 ? feed->pages : 10), (unsigned long long)feed->boottime,
                (unsigned long long)feed->boottime);
        _cleanup_(buffer_done) Buffer counts = BUFFER_NULL;
        Answer said = {.statement = statement->name, .rows = {""}};

        feed->moved += feed->is_written && str_equal(statement->name, "count.facts");
        if (str_equal(statement->name, "count.facts"))
                said.defaults = facts;
        if (str_equal(statement->name, "count.details"))
                said.defaults = "is_opaque=f|key_columns={id}|key_types={bigint}";
        if (str_equal(statement->name, "count.full")) {
                buffer_add(&counts, "counts=");
                for (const char *c = statement->sql; (c = strstr(c, "count(*)")); c++)
                        buffer_printf(&counts, "%c0", c == strstr(statement->sql, "count(*)") ? '{' : ',');
                buffer_add_char(&counts, '}');
                said.defaults = buffer_text(&counts);
        }
        if (!statement->shape || !said.defaults)
                said.rows[0] = NULL;
        answer(feed, context, statement, &said);
}

static bool is_optional(const Statement *statement) {
        return strncmp(statement->name, "count.", strlen("count.")) == 0 ||
               str_equal(statement->name, "foreign_key.wanted") || str_equal(statement->name, "index.look");
}

void feed_round(Feed *feed, const Answer *answers, size_t n_answers) {
        const ServerFacts unknown = {.version_num = 150000};
        const ServerFacts *server = feed->server.version_num > 0 ? &feed->server : &unknown;
        const CheckContext context = {
                .settings = feed->target,
                .server = server,
                .migrations = &feed->facts,
                .boottime = feed->boottime,
                .realtime = feed->boottime,
                .blocks_left = feed->is_once ? INT64_MAX : 4096,
                .key_rows = feed->key_rows,
                .queryids = feed->queryids,
                .n_queryids = feed->n_queryids,
                .is_once = feed->is_once,
        };
        size_t asked = 0;
        int r;

        report_done(&feed->report);
        feed->report = (Report){};
        buffer_clear(&feed->log);
        feed->blocks = 0;
        ck_assert_int_eq(feed->kind->begin(feed->state, &context, NULL), 0);
        for (;;) {
                _cleanup_(statement_done) Statement statement = {};

                r = feed->kind->next(feed->state, &context, &statement);
                if (r == 0)
                        break;
                ck_assert_int_eq(r, 1);
                buffer_printf(&feed->log, "%s: %s\n", statement.name, statement.sql);
                feed->blocks += statement.blocks;
                if (is_optional(&statement) &&
                    (asked >= n_answers || !str_equal(answers[asked].statement, statement.name))) {
                        answer_count(feed, &context, &statement);
                        continue;
                }
                ck_assert_msg(asked < n_answers, "unexpected statement %s", statement.name);
                answer(feed, &context, &statement, &answers[asked++]);
        }
        ck_assert_uint_eq(asked, n_answers);
        ck_assert_int_eq(feed->kind->judge(feed->state, &context, &feed->report), 0);
}

const Finding *feed_finding(const Feed *feed, const char *object, const char *name) {
        const Finding *found = NULL;

        for (size_t i = 0; i < feed->report.n_findings; i++) {
                const Finding *finding = &feed->report.findings[i];

                if (!str_equal(finding->name, name) || (object && !str_equal(finding->object, object)))
                        continue;
                ck_assert_msg(!found, "two findings %s", name);
                found = finding;
        }
        ck_assert_msg(found != NULL, "no finding %s", name);
        return found;
}

bool feed_has(const Feed *feed, const char *name) {
        for (size_t i = 0; i < feed->report.n_findings; i++)
                if (str_equal(feed->report.findings[i].name, name))
                        return true;
        return false;
}

const Table *feed_table(const Feed *feed, const char *shape) {
        for (size_t i = 0; i < feed->report.n_tables; i++)
                if (str_equal(feed->report.tables[i]->shape->name, shape))
                        return feed->report.tables[i];
        return NULL;
}

static void *list_add(List *list, size_t size) {
        char *items = realloc(list->items, (list->count + 1) * size);

        ck_assert_ptr_nonnull(items);
        list->items = items;
        memset(items + list->count * size, 0, size);
        return items + list->count++ * size;
}

ForeignKeySettings *feed_foreign_key(Feed *feed, const char *table, const char *column,
                                     const char *references) {
        ForeignKeySettings *wanted = list_add(&feed->target->foreign_keys, sizeof(ForeignKeySettings));

        rule_default(&wanted->rule, SEVERITY_CRITICAL);
        ck_assert_int_eq(str_set(&wanted->table, table), 0);
        ck_assert_int_eq(str_set(&wanted->references, references), 0);
        if (column)
                ck_assert_int_eq(strv_add(&wanted->columns, column), 0);
        return wanted;
}

IndexSettings *feed_index(Feed *feed, const char *table, const char *columns) {
        IndexSettings *wanted = list_add(&feed->target->indexes, sizeof(IndexSettings));

        rule_default(&wanted->rule, SEVERITY_CRITICAL);
        ck_assert_int_eq(str_set(&wanted->table, table), 0);
        ck_assert_int_eq(check_array_parse(columns, &wanted->columns), 0);
        return wanted;
}

CanarySettings *feed_canary(Feed *feed, const char *name, const char *sql, const char *columns) {
        CanarySettings *wanted = list_add(&feed->target->canaries, sizeof(CanarySettings));

        rule_default(&wanted->rule, SEVERITY_CRITICAL);
        wanted->max_time = 200 * USEC_PER_MSEC;
        ck_assert_int_eq(str_set(&wanted->name, name), 0);
        ck_assert_int_eq(str_set(&wanted->sql, sql), 0);
        ck_assert_int_eq(check_array_parse(columns, &wanted->uses_index_on), 0);
        feed->kind->free(feed->state);
        ck_assert_int_eq(feed->kind->new (feed->target, &feed->state), 0);
        return wanted;
}
