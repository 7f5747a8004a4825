/* Tests of the check foreign_key_index: what is said of a key without an index behind it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define STATEMENT "foreign_key_index.catalog"
#define ORDERS                                                                                               \
        "schemaname=public|relname=orders|conname=orders_retailer_id_fkey|referenced_schema=public|"         \
        "referenced_table=retailers|columns={retailer_id}|rows=20000"

START_TEST(a_key_without_an_index_is_noted_with_what_makes_one) {
        const Answer answers[] = {{STATEMENT, NULL, ORDERS, {""}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &foreign_key_index_check);
        feed_round(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 1);
        finding = feed_finding(&feed, "public.orders", "(retailer_id)");
        ck_assert_int_eq(finding->kind, KIND_INDEX);
        ck_assert_int_eq(finding->reason, REASON_MISSING);
        ck_assert_int_eq(finding->seen, SEEN_BREACH);
        ck_assert_int_eq(finding->severity, SEVERITY_INFO);
        ck_assert(finding->is_advice);
        ck_assert_str_eq(finding->method, "catalog");
        ck_assert_str_eq(
                finding->summary,
                "No usable index leads with (retailer_id) of the foreign key orders_retailer_id_fkey: "
                "each delete or key update of a row of public.retailers reads the whole table, about "
                "20000 rows.");
        ck_assert_str_eq(finding->repair, "CREATE INDEX CONCURRENTLY ON public.orders (retailer_id);");
        ck_assert_ptr_null(feed_table(&feed, "index"));
        ck_assert_ptr_null(feed_table(&feed, "indexes"));
        feed_close(&feed);
}
END_TEST

START_TEST(the_repair_is_what_the_table_takes) {
        static const struct {
                const char *row, *name, *hint, *repair;
        } cases[] = {
                {"columns={b,a}", "(b, a)", "never loses rows",
                 "CREATE INDEX CONCURRENTLY ON public.orders (b, a);"},
                {"unfinished=public.i", "(retailer_id)", "public.i would do and is not valid", NULL},
                {"parts={public.p1,\"public.\\\"P 2\\\"\"}", "(retailer_id)", "never loses rows",
                 "CREATE INDEX CONCURRENTLY ON public.p1 (retailer_id); CREATE INDEX CONCURRENTLY ON "
                 "public.\"P 2\" (retailer_id); CREATE INDEX ON public.orders (retailer_id);"},
                {"parts={1,2,3,4,5,6,7,8,9}", "(retailer_id)", "on each partition first",
                 "CREATE INDEX ON public.orders (retailer_id);"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{STATEMENT, NULL, ORDERS, {cases[i].row}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &foreign_key_index_check);
                feed_round(&feed, answers, 1);
                finding = feed_finding(&feed, "public.orders", cases[i].name);
                ck_assert_msg(strstr(finding->hint, cases[i].hint) != NULL, "case %zu: %s", i, finding->hint);
                ck_assert_pstr_eq(finding->repair, cases[i].repair);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_configured_index_that_would_do_has_a_finding_of_its_own) {
        static const struct {
                const char *table, *columns, *key;
                bool noted;
        } cases[] = {
                {"orders", "{a}", "columns={a}", false},          {"orders", "{A}", "columns={a}", false},
                {"public.orders", "{a,x}", "columns={a}", false}, {"orders", "{x,a}", "columns={a}", true},
                {"orders", "{b,a,x}", "columns={a,b}", false},    {"orders", "{a}", "columns={a,b}", true},
                {"orders", "{a,x,b}", "columns={a,b}", true},     {"orders", "{}", "columns={a}", true},
                {"retailers", "{a}", "columns={a}", true},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{STATEMENT, NULL, ORDERS, {cases[i].key}}};
                Feed feed;

                feed_open(&feed, &foreign_key_index_check);
                feed_index(&feed, cases[i].table, cases[i].columns);
                feed_round(&feed, answers, 1);
                ck_assert_msg((feed.report.n_findings == 1) == cases[i].noted, "case %zu", i);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(only_what_is_watched_is_advised_and_nothing_without_discovery) {
        const Answer answers[] = {{STATEMENT, NULL, ORDERS, {"", "relname=audit_x", "schemaname=unwatched"}}};
        Feed feed;

        feed_open(&feed, &foreign_key_index_check);
        ck_assert_int_eq(strv_add(&feed.target->exclude, "audit_*"), 0);
        feed_round(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 1);
        feed.target->discover = false;
        feed_round(&feed, NULL, 0);
        feed_close(&feed);
}
END_TEST

START_TEST(of_very_many_a_hundred_are_listed_and_the_rest_is_counted) {
        const Answer answers[] = {{STATEMENT, NULL, ORDERS, {NULL}, .n_numbered = 105}};
        const Finding *rest;
        Feed feed;

        feed_open(&feed, &foreign_key_index_check);
        feed_round(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 101);
        rest = feed_finding(&feed, "public", "foreign_keys");
        ck_assert_int_eq(rest->kind, KIND_INDEX);
        ck_assert_int_eq(rest->reason, REASON_OVER_LIMIT);
        ck_assert_str_eq(rest->summary, "5 more like these are not listed.");
        feed_close(&feed);
}
END_TEST

START_TEST(a_failed_run_leaves_what_was_known_and_says_unknown) {
        const Answer good[] = {{STATEMENT, NULL, ORDERS, {""}}};
        const Answer bad[] = {{STATEMENT, "57014", NULL, {NULL}}};
        Feed feed;

        feed_open(&feed, &foreign_key_index_check);
        feed_round(&feed, bad, 1);
        ck_assert_int_eq(feed_finding(&feed, "public", "foreign_keys")->seen, SEEN_UNKNOWN);
        feed_round(&feed, good, 1);
        ck_assert_int_eq(feed_finding(&feed, NULL, "(retailer_id)")->seen, SEEN_BREACH);
        feed_round(&feed, bad, 1);
        ck_assert_uint_eq(feed.report.n_findings, 1);
        ck_assert_int_eq(feed_finding(&feed, NULL, "(retailer_id)")->seen, SEEN_UNKNOWN);
        feed_close(&feed);
}
END_TEST

START_TEST(d26_odd_names_are_quoted) {
        const Answer answers[] = {
                {STATEMENT,
                 NULL,
                 ORDERS,
                 {"relname=Ord\"er %s|columns={\"c,d\",select}|conname=a;b|referenced_table=user"}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &foreign_key_index_check);
        feed_round(&feed, answers, 1);
        finding = feed_finding(&feed, "public.\"Ord\"\"er %s\"", "(\"c,d\", \"select\")");
        ck_assert_str_eq(finding->repair,
                         "CREATE INDEX CONCURRENTLY ON public.\"Ord\"\"er %s\" (\"c,d\", \"select\");");
        ck_assert_ptr_nonnull(strstr(finding->summary, "the foreign key \"a;b\":"));
        ck_assert_ptr_nonnull(strstr(finding->hint, "Where public.\"user\" never"));
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_key_without_an_index_is_noted_with_what_makes_one,
                the_repair_is_what_the_table_takes,
                a_configured_index_that_would_do_has_a_finding_of_its_own,
                only_what_is_watched_is_advised_and_nothing_without_discovery,
                of_very_many_a_hundred_are_listed_and_the_rest_is_counted,
                a_failed_run_leaves_what_was_known_and_says_unknown,
                d26_odd_names_are_quoted,
        };

        return unit_run("checks/foreign-key-index", tests, ELEMENTS(tests));
}
