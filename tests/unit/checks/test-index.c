/* Tests of the check index: one case a reason, the rest of the contract after it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define ORDERS                                                                                               \
        "schemaname=public|relname=orders|indexrelname=orders_st|columns={status,created_at}|is_unique=f|"   \
        "is_primary=f|is_partial=f|is_valid=t|is_partitioned=f|is_building=f|is_blind=f|is_constraint=f|"    \
        "scans=7|size_bytes=8192"

START_TEST(each_state_of_a_discovered_index_has_its_reason_and_repair) {
        static const struct {
                const char *row, *name;
                Seen seen;
                Severity severity;
                Reason reason;
                const char *repair, *state;
        } cases[] = {
                {"", "orders_st", SEEN_OK, SEVERITY_WARNING, REASON_OK, NULL, NULL},
                {"is_valid=f", "orders_st", SEEN_BREACH, SEVERITY_WARNING, REASON_INVALID,
                 "REINDEX INDEX CONCURRENTLY public.orders_st;", "invalid"},
                {"is_valid=f|indexrelname=i_ccnew1", "i_ccnew1", SEEN_BREACH, SEVERITY_WARNING,
                 REASON_INVALID, "DROP INDEX CONCURRENTLY public.i_ccnew1;", "invalid"},
                {"is_valid=f|indexrelname=i_ccold", "i_ccold", SEEN_BREACH, SEVERITY_WARNING, REASON_INVALID,
                 "DROP INDEX CONCURRENTLY public.i_ccold;", "invalid"},
                {"is_valid=f|indexrelname=i_ccnew_st", "i_ccnew_st", SEEN_BREACH, SEVERITY_WARNING,
                 REASON_INVALID, "REINDEX INDEX CONCURRENTLY public.i_ccnew_st;", "invalid"},
                {"is_valid=f|is_dead=t", "orders_st", SEEN_BREACH, SEVERITY_WARNING, REASON_INVALID,
                 "DROP INDEX CONCURRENTLY public.orders_st;", "invalid"},
                {"is_valid=f|is_partitioned=t", "orders_st", SEEN_BREACH, SEVERITY_WARNING, REASON_INVALID,
                 NULL, "invalid"},
                {"is_valid=f|is_building=t", "orders_st", SEEN_BREACH, SEVERITY_INFO, REASON_BUILDING, NULL,
                 "building"},
                {"is_valid=f|is_blind=t", "orders_st", SEEN_UNKNOWN, SEVERITY_WARNING, REASON_PRIVILEGE, NULL,
                 ""},
                {"twin=orders_st0", "orders_st", SEEN_BREACH, SEVERITY_INFO, REASON_DUPLICATE,
                 "DROP INDEX CONCURRENTLY public.orders_st;", NULL},
                {"twin=orders_st0|is_constraint=t", "orders_st", SEEN_BREACH, SEVERITY_INFO, REASON_DUPLICATE,
                 NULL, NULL},
                {"scans=0", "orders_st", SEEN_BREACH, SEVERITY_INFO, REASON_UNUSED, NULL, NULL},
                {"scans=0|is_unique=t", "orders_st", SEEN_OK, SEVERITY_WARNING, REASON_OK, NULL, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"index.catalog", NULL, ORDERS, {cases[i].row}}};
                const Finding *finding;
                const Table *table;
                Feed feed;

                feed_open(&feed, &index_check);
                feed_round(&feed, answers, 1);
                finding = feed_finding(&feed, "public.orders", cases[i].name);
                ck_assert_msg(finding->reason == cases[i].reason, "%s: %s", cases[i].row,
                              reason_name(finding->reason));
                ck_assert_int_eq(finding->seen, cases[i].seen);
                ck_assert_int_eq(finding->severity, cases[i].severity);
                ck_assert_int_eq(finding->value.kind,
                                 strstr(cases[i].row, "is_valid=f") ? VALUE_NULL : VALUE_INT);
                ck_assert_pstr_eq(finding->repair, cases[i].repair);
                table = feed_table(&feed, "index");
                ck_assert_int_eq(table != NULL, cases[i].state != NULL);
                if (table && *cases[i].state)
                        ck_assert_str_eq(table_text(table, 0, "state"), cases[i].state);
                else if (table)
                        ck_assert(table_is_null(table, 0, "state"));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(an_invalid_unique_index_says_that_duplicates_fail_again) {
        static const struct {
                const char *row, *hint;
        } cases[] = {
                {"is_unique=t",
                 "Rows that are equal in it make that fail again: remove them first. SELECT status, "
                 "created_at, count(*) FROM public.orders WHERE (status, created_at) IS NOT NULL "
                 "GROUP BY status, created_at HAVING count(*) > 1;"},
                {"is_unique=t|columns={\"a\\\"b\"}",
                 "Rows that are equal in it make that fail again: remove them "
                 "first. SELECT \"a\"\"b\", count(*) FROM public.orders WHERE "
                 "(\"a\"\"b\") IS NOT NULL GROUP BY \"a\"\"b\" HAVING count(*) > 1;"},
                {"is_unique=t|is_partial=t",
                 "Rows that are equal in it make that fail again: remove them first."},
                {"is_unique=t|columns={status,(lower)}",
                 "Rows that are equal in it make that fail again: remove them first."},
                {"is_unique=t|indexrelname=orders_st_ccnew", NULL},
                {"is_unique=t|is_dead=t", NULL},
                {"is_unique=f", NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"index.catalog", NULL, ORDERS "|is_valid=f", {cases[i].row}}};
                Feed feed;

                feed_open(&feed, &index_check);
                feed_round(&feed, answers, 1);
                ck_assert_uint_eq(feed.report.n_findings, 1);
                ck_assert_pstr_eq(feed.report.findings[0].hint, cases[i].hint);
                ck_assert_ptr_nonnull(feed.report.findings[0].repair);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_missing_index_is_made_in_the_words_of_its_table) {
        static const struct {
                const char *column, *names;
                bool unique;
                const char *repair;
        } cases[] = {
                {"{ID}", "columns={id}", false, "CREATE INDEX CONCURRENTLY ON public.orders (id);"},
                {"{ID}", "columns={id,ID}", false, "CREATE INDEX CONCURRENTLY ON public.orders (\"ID\");"},
                {"{id}", "columns={id}", true, "CREATE UNIQUE INDEX CONCURRENTLY ON public.orders (id);"},
                {"{id}", "columns={id}|is_partitioned=t", false, "CREATE INDEX ON public.orders (id);"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"index.catalog", NULL, NULL, {NULL}},
                        {"names", NULL, "schemaname=public|relname=orders", {cases[i].names}},
                };
                Feed feed;

                feed_open(&feed, &index_check);
                feed_index(&feed, "orders", cases[i].column)->unique = cases[i].unique;
                feed_round(&feed, answers, 2);
                ck_assert_int_eq(feed.report.findings[0].reason, REASON_MISSING);
                ck_assert_str_eq(feed.report.findings[0].repair, cases[i].repair);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_configured_index_is_met_by_its_leading_columns) {
        static const struct {
                const char *columns, *name;
                bool unique;
                const char *row;
                bool found;
                Seen seen;
                Severity severity;
                Reason reason;
        } cases[] = {
                {"{status,created_at}", NULL, false, "", true, SEEN_OK, SEVERITY_CRITICAL, REASON_OK},
                {"{status}", NULL, false, "", true, SEEN_OK, SEVERITY_CRITICAL, REASON_OK},
                {"{created_at}", NULL, false, "", false, SEEN_BREACH, SEVERITY_CRITICAL, REASON_MISSING},
                {"{created_at,status}", NULL, false, "", false, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_MISSING},
                {"{status,created_at}", NULL, true, "", false, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_MISSING},
                {"{status,created_at}", NULL, true, "is_unique=t", true, SEEN_OK, SEVERITY_CRITICAL,
                 REASON_OK},
                {"{status}", NULL, true, "is_unique=t", false, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_MISSING},
                {"{status}", NULL, false, "columns={(status)}", false, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_MISSING},
                {"{status}", NULL, false, "is_partial=t", true, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_DIFFERS},
                {"{status}", "orders_st", false, "is_partial=t", true, SEEN_OK, SEVERITY_CRITICAL, REASON_OK},
                {"{id}", "orders_st", false, "", true, SEEN_BREACH, SEVERITY_CRITICAL, REASON_DIFFERS},
                {"{status}", NULL, false, "is_valid=f", true, SEEN_BREACH, SEVERITY_CRITICAL, REASON_INVALID},
                {"{status}", NULL, false, "is_valid=f|is_building=t", true, SEEN_BREACH, SEVERITY_WARNING,
                 REASON_BUILDING},
                {"{status}", NULL, false, "scans=0", true, SEEN_BREACH, SEVERITY_INFO, REASON_UNUSED},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"index.catalog", NULL, ORDERS, {cases[i].row}},
                        {"names",
                         NULL,
                         "schemaname=public",
                         {"relname=orders|columns={id,status,created_at}"}},
                };
                _cleanup_(freep) char *missing = NULL;
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &index_check);
                IndexSettings *wanted = feed_index(&feed, "orders", cases[i].columns);
                wanted->unique = cases[i].unique;
                ck_assert_int_eq(str_set(&wanted->name, cases[i].name), 0);
                feed_round(&feed, answers, cases[i].found ? 1 : 2);
                missing = strdup(cases[i].columns);
                for (char *c = missing; *c; c++)
                        *c = *c == '{' ? '(' : *c == '}' ? ')' : *c;
                if (strchr(missing, ',')) { /* as people write it */
                        char *comma = strchr(missing, ',');
                        char *spaced = str_format("%.*s, %s", (int)(comma - missing), missing, comma + 1);

                        free(missing);
                        missing = spaced;
                }
                finding = feed_finding(&feed, "public.orders", cases[i].found ? "orders_st" : missing);
                ck_assert_msg(finding->reason == cases[i].reason, "%zu: %s", i, reason_name(finding->reason));
                ck_assert_int_eq(finding->seen, cases[i].seen);
                ck_assert_int_eq(finding->severity, cases[i].severity);
                ck_assert(finding->configured);
                ck_assert_uint_eq(feed_table(&feed, "index")->n_rows, 1);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_valid_index_is_preferred_to_a_broken_one) {
        const Answer answers[] = {
                {"index.catalog",
                 NULL,
                 ORDERS,
                 {"indexrelname=a|is_valid=f", "indexrelname=b|columns={status,created_at,id}",
                  "indexrelname=c|is_partial=t", "indexrelname=d"}}};
        Feed feed;

        feed_open(&feed, &index_check);
        feed_index(&feed, "orders", "{status,created_at}");
        feed_round(&feed, answers, 1);
        ck_assert(feed_finding(&feed, NULL, "d")->configured);
        ck_assert(!feed_finding(&feed, NULL, "a")->configured);
        ck_assert(!feed_finding(&feed, NULL, "b")->configured);
        ck_assert(!feed_finding(&feed, NULL, "c")->configured);
        feed_close(&feed);
}
END_TEST

/* What is misspelt has no state at all. */
static void check_missing(const Feed *feed, bool is_missing) {
        const Table *states = feed_table(feed, "index"), *counts = feed_table(feed, "indexes");

        ck_assert_uint_eq(states ? states->n_rows : 0, is_missing);
        if (is_missing)
                ck_assert_str_eq(table_text(states, 0, "state"), "missing");
        ck_assert_str_eq(table_text(counts, 3, "state"), "missing");
        ck_assert_int_eq(table_int(counts, 3, "count"), is_missing);
}

START_TEST(d13_what_is_configured_and_not_there_says_what_is_wrong) {
        static const struct {
                const char *table, *columns, *after, *object, *name;
                bool known;
                Seen seen;
                Severity severity;
                Reason reason;
                const char *hint;
        } cases[] = {
                {"orders", "{id}", NULL, "public.orders", "(id)", true, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_MISSING, NULL},
                {"sales.orders", "{id}", NULL, "sales.orders", "(id)", true, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_NO_SUCH_TABLE, NULL},
                {"order", "{id}", NULL, "public.\"order\"", "(id)", true, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_NO_SUCH_TABLE, "Did you mean orders?"},
                {"Customer", "{id}", NULL, "public.customer", "(id)", true, SEEN_BREACH, SEVERITY_CRITICAL,
                 REASON_NO_SUCH_TABLE, "Did you mean \"Customer\"?"},
                {"orders", "{creatd_at}", NULL, "public.orders", "(creatd_at)", true, SEEN_BREACH,
                 SEVERITY_CRITICAL, REASON_NO_SUCH_COLUMN, "Did you mean created_at?"},
                {"orders", "{id}", "add_i", "public.orders", "(id)", true, SEEN_BREACH, SEVERITY_INFO,
                 REASON_NOT_EXPECTED_YET, NULL},
                {"order", "{id}", "add_i", "public.\"order\"", "(id)", true, SEEN_BREACH, SEVERITY_INFO,
                 REASON_NOT_EXPECTED_YET, NULL},
                {"orders", "{id}", "add_i", "public.orders", "(id)", false, SEEN_UNKNOWN, SEVERITY_CRITICAL,
                 REASON_MISSING, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"index.catalog", NULL, NULL, {NULL}},
                        {"names",
                         NULL,
                         "schemaname=public",
                         {"relname=orders|columns={id,status,created_at}", "relname=Customer"}},
                };
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &index_check);
                feed.facts.known = cases[i].known;
                IndexSettings *wanted = feed_index(&feed, cases[i].table, cases[i].columns);
                ck_assert_int_eq(str_set(&wanted->rule.expected_after, cases[i].after), 0);
                feed_round(&feed, answers, 2);
                finding = feed_finding(&feed, cases[i].object, cases[i].name);
                ck_assert_msg(finding->reason == cases[i].reason, "%zu: %s", i, reason_name(finding->reason));
                ck_assert_int_eq(finding->seen, cases[i].seen);
                ck_assert_int_eq(finding->severity, cases[i].severity);
                if (cases[i].hint)
                        ck_assert_str_eq(finding->hint, cases[i].hint);
                if (finding->reason == REASON_MISSING)
                        ck_assert_str_eq(finding->repair, "CREATE INDEX CONCURRENTLY ON public.orders (id);");
                check_missing(&feed, finding->reason == REASON_MISSING && finding->seen == SEEN_BREACH);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_name_without_a_schema_means_the_first_watched_table_of_that_name) {
        static const struct {
                const char *table;
                const char *names[3]; /* the relations there are */
                const char *object;
                Reason reason;
        } cases[] = {
                {"orders", {"schemaname=public", "schemaname=sales"}, "public.orders", REASON_MISSING},
                {"orders", {"schemaname=sales"}, "sales.orders", REASON_OK},
                {"orders", {"schemaname=unwatched"}, "public.orders", REASON_NO_SUCH_TABLE},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"index.catalog", NULL, ORDERS, {"schemaname=sales", "schemaname=unwatched"}},
                        {"names",
                         NULL,
                         "relname=orders|columns={id,status,created_at}",
                         {cases[i].names[0], cases[i].names[1]}},
                };
                Feed feed;

                feed_open(&feed, &index_check);
                ck_assert_int_eq(strv_add(&feed.target->schemas, "sales"), 0);
                feed_index(&feed, "unwatched.orders", "{status,created_at}");
                feed_index(&feed, cases[i].table, "{status}");
                feed_round(&feed, answers, 2);
                if (cases[i].reason == REASON_OK)
                        ck_assert(feed_finding(&feed, cases[i].object, "orders_st")->configured);
                else
                        ck_assert_int_eq(feed_finding(&feed, cases[i].object, "(status)")->reason,
                                         cases[i].reason);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(every_index_is_counted_once_by_its_state) {
        const Answer answers[] = {
                {"index.catalog",
                 NULL,
                 ORDERS,
                 {"", "indexrelname=b|is_valid=f", "indexrelname=c|is_valid=f|is_building=t",
                  "indexrelname=d", "schemaname=other|indexrelname=e"}},
                {"names", NULL, "schemaname=public", {"relname=orders|columns={id,status,created_at}"}},
        };
        static const struct {
                const char *state;
                int64_t count;
        } expected[] = {{"valid", 2}, {"building", 1}, {"invalid", 1}, {"missing", 1}};
        const Table *counts, *table;
        Feed feed;

        feed_open(&feed, &index_check);
        feed_index(&feed, "orders", "{id}");
        feed_round(&feed, answers, 2);
        counts = feed_table(&feed, "indexes");
        ck_assert_uint_eq(counts->n_rows, ELEMENTS(expected));
        for (size_t i = 0; i < ELEMENTS(expected); i++) {
                ck_assert_str_eq(table_text(counts, i, "state"), expected[i].state);
                ck_assert_int_eq(table_int(counts, i, "count"), expected[i].count);
        }
        table = feed_table(&feed, "index");
        ck_assert_uint_eq(table->n_rows, 3); /* missing, invalid, building: not the healthy */
        ck_assert_str_eq(table_text(table, 0, "state"), "missing");
        ck_assert(table_is_null(table, 0, "scans"));
        feed_close(&feed);
}
END_TEST

START_TEST(nothing_is_counted_before_the_catalog_was_read) {
        const Answer bad[] = {{"index.catalog", "55P03", NULL, {NULL}}};
        Feed feed;

        feed_open(&feed, &index_check);
        feed_index(&feed, "orders", "{id}");
        feed_round(&feed, bad, 1);
        ck_assert_ptr_null(feed_table(&feed, "indexes"));
        ck_assert_ptr_null(feed_table(&feed, "index"));
        ck_assert_int_eq(feed_finding(&feed, NULL, "(id)")->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(feed_finding(&feed, NULL, "catalog")->reason, REASON_LOCKED);
        feed_close(&feed);
}
END_TEST

START_TEST(names_that_could_not_be_read_are_no_evidence_that_it_is_missing) {
        const Answer answers[] = {{"index.catalog", NULL, ORDERS, {""}}, {"names", "57014", NULL, {NULL}}};
        Feed feed;

        feed_open(&feed, &index_check);
        feed_index(&feed, "orders", "{id}");
        feed_round(&feed, answers, 2);
        ck_assert_int_eq(feed_finding(&feed, NULL, "(id)")->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(feed_finding(&feed, NULL, "(id)")->reason, REASON_TIMEOUT);
        feed_close(&feed);
}
END_TEST

#define LOOK "is_partitioned=f|columns={status}|is_trusted=t|lacks={}|row_security=f"

START_TEST(rows_in_the_way_of_a_unique_index_are_counted) {
        static const struct {
                const char *index, *after, *counts;
                Reason reason;
                Severity severity;
                int64_t rows;
        } cases[] = {
                {NULL, NULL, "rows=0|groups=0", REASON_MISSING, SEVERITY_CRITICAL, 0},
                {NULL, NULL, "rows=5|groups=2", REASON_VIOLATED, SEVERITY_CRITICAL, 5},
                {NULL, "add_it", "rows=0|groups=0", REASON_NOT_EXPECTED_YET, SEVERITY_INFO, 0},
                {NULL, "add_it", "rows=2|groups=1", REASON_VIOLATED, SEVERITY_CRITICAL, 2},
                {"columns={status}|is_unique=t|is_valid=f", NULL, "rows=2|groups=1", REASON_VIOLATED,
                 SEVERITY_CRITICAL, 2},
                {"columns={status}|is_unique=t|is_valid=f", NULL, "rows=0|groups=0", REASON_INVALID,
                 SEVERITY_CRITICAL, 0},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"index.catalog", NULL, ORDERS, {cases[i].index}},
                        {"names", NULL, "schemaname=public|relname=orders", {"columns={status}"}},
                        {"index.look", NULL, LOOK, {""}},
                        {"index.lock", NULL, NULL, {NULL}},
                        {"index.look", NULL, LOOK, {""}},
                        {"index.plan", NULL, NULL, {"QUERY PLAN=\"Total Cost\": 99.5"}},
                        {"index.duplicates", NULL, NULL, {cases[i].counts}},
                };
                Answer those[ELEMENTS(answers)];
                size_t n = 0;
                const Finding *finding;
                const Table *table;
                Feed feed;

                for (size_t k = 0; k < ELEMENTS(answers); k++)
                        if (k != 1 || !cases[i].index)
                                those[n++] = answers[k];
                feed_open(&feed, &index_check);
                IndexSettings *wanted = feed_index(&feed, "orders", "{Status}");
                wanted->unique = true;
                ck_assert_int_eq(str_set(&wanted->rule.expected_after, cases[i].after), 0);
                feed_round(&feed, those, n);
                ck_assert_uint_eq(feed.report.n_findings, 1);
                finding = &feed.report.findings[0];
                ck_assert_msg(finding->reason == cases[i].reason, "%zu: %s", i, reason_name(finding->reason));
                ck_assert_int_eq(finding->severity, cases[i].severity);
                ck_assert_int_eq(finding->value.integer, cases[i].rows);
                ck_assert_str_eq(finding->unit, "rows");
                if (cases[i].rows > 0)
                        ck_assert_str_eq(
                                finding->repair,
                                "SELECT status, count(*) FROM ONLY public.orders WHERE status IS NOT "
                                "NULL GROUP BY status HAVING count(*) > 1 LIMIT 100;");
                table = feed_table(&feed, "unique");
                ck_assert_ptr_nonnull(table);
                ck_assert_int_eq(table_int(table, 0, "violations"), cases[i].rows);
                ck_assert_str_eq(table_text(table, 0, "contype"), "u");
                feed_close(&feed);
        }
}
END_TEST

START_TEST(duplicates_are_not_counted_where_that_is_too_much_or_not_allowed) {
        static const struct {
                const char *look, *cost, *words;
        } cases[] = {
                {"", "QUERY PLAN=\"Total Cost\": 4096.5", "limits.blocks_per_poll"},
                {"lacks={SELECT ON public.orders}", NULL, "privilege"},
                {"row_security=t", NULL, "security"},
                {"is_trusted=f", NULL, "user code"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"index.catalog", NULL, NULL, {NULL}},
                        {"names", NULL, "schemaname=public|relname=orders", {"columns={status}"}},
                        {"index.look", NULL, LOOK, {cases[i].look}},
                        {"index.lock", NULL, NULL, {NULL}},
                        {"index.look", NULL, LOOK, {""}},
                        {"index.plan", NULL, NULL, {cases[i].cost}},
                };
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &index_check);
                feed_index(&feed, "orders", "{status}")->unique = true;
                feed_round(&feed, answers, cases[i].cost ? ELEMENTS(answers) : 3);
                finding = &feed.report.findings[0];
                ck_assert_int_eq(finding->reason, REASON_MISSING);
                ck_assert_int_eq(finding->value.kind, VALUE_NULL);
                ck_assert_msg(strstr(finding->summary, cases[i].words) != NULL, "%s", finding->summary);
                feed_close(&feed);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                each_state_of_a_discovered_index_has_its_reason_and_repair,
                a_configured_index_is_met_by_its_leading_columns,
                an_invalid_unique_index_says_that_duplicates_fail_again,
                rows_in_the_way_of_a_unique_index_are_counted,
                duplicates_are_not_counted_where_that_is_too_much_or_not_allowed,
                a_missing_index_is_made_in_the_words_of_its_table,
                a_valid_index_is_preferred_to_a_broken_one,
                d13_what_is_configured_and_not_there_says_what_is_wrong,
                every_index_is_counted_once_by_its_state,
                nothing_is_counted_before_the_catalog_was_read,
                a_name_without_a_schema_means_the_first_watched_table_of_that_name,
                names_that_could_not_be_read_are_no_evidence_that_it_is_missing,
        };

        return unit_run("checks/index", tests, ELEMENTS(tests));
}
