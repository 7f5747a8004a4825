/* Tests of the check statements: what it takes to read them, and what is shown of them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define LOOK                                                                                                 \
        "datname=shop|datid=16384|schemaname=public|has_times=t|may_call=t|has_info=t|is_loaded=t|is_"       \
        "tracked=t"
#define INFO   "evictions=3|since=2026-11-24"
#define TOP(q) "queryid=" #q "|calls=10|seconds=2.5|tracked=250"

static Feed feed;

static const Finding *finding_of(void) {
        return feed_finding(&feed, NULL, "statements");
}

static void poll(const char *info, const char *first, const char *second) {
        const Answer answers[] = {
                {"statements.look", NULL, LOOK, {""}},
                {"statements.info", NULL, INFO, {info}},
                {"statements.top", NULL, "tracked=250", {first, second}},
        };

        feed.boottime += USEC_PER_MINUTE;
        feed_round(&feed, answers, 3);
}

START_TEST(what_is_lacking_is_skipped_and_says_how_to_mend_it) {
        static const struct {
                const char *look, *says;
        } cases[] = {
                {"datname=shop|datid=1|is_loaded=f|is_tracked=t|has_times=f|may_call=f|has_info=f",
                 "shared_preload_libraries"},
                {"datname=shop|datid=1|is_loaded=t|is_tracked=t|has_times=f|may_call=f|has_info=f",
                 "CREATE EXTENSION pg_stat_statements;"},
                {LOOK "|has_times=f", "ALTER EXTENSION pg_stat_statements UPDATE;"},
                {LOOK "|is_tracked=f", "compute_query_id"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"statements.look", NULL, cases[i].look, {""}}};
                const Finding *finding;

                feed_open(&feed, &statements_check);
                feed_round(&feed, answers, 1);
                finding = finding_of();
                ck_assert_int_eq(finding->kind, KIND_STATEMENTS);
                ck_assert_str_eq(finding->object, "shop");
                ck_assert_msg(finding->seen == SEEN_SKIPPED, "%zu", i);
                ck_assert_msg((finding->hint && strstr(finding->hint, cases[i].says)) ||
                                      (finding->repair && strstr(finding->repair, cases[i].says)),
                              "%zu", i);
                ck_assert_uint_eq(feed.report.n_tables, 0);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(the_schema_is_the_extensions_and_texts_are_not_read) {
        const Answer answers[] = {
                {"statements.look", NULL, LOOK, {"schemaname=My \"x\""}},
                {"statements.info", NULL, INFO, {""}},
                {"statements.top", NULL, NULL, {TOP(1)}},
        };

        feed_open(&feed, &statements_check);
        feed_round(&feed, answers, 3);
        ck_assert_ptr_nonnull(
                strstr(buffer_text(&feed.log), "FROM \"My \"\"x\"\"\".pg_stat_statements(false) s"));
        ck_assert_ptr_nonnull(
                strstr(buffer_text(&feed.log), "FROM \"My \"\"x\"\"\".pg_stat_statements_info() i"));
        feed_close(&feed);
}
END_TEST

START_TEST(the_number_is_told_and_is_no_fault) {
        feed_open(&feed, &statements_check);
        poll("", TOP(1), NULL);
        ck_assert_int_eq(finding_of()->seen, SEEN_OK);
        ck_assert_int_eq(finding_of()->severity, SEVERITY_INFO);
        ck_assert_str_eq(finding_of()->summary, "250 statements are tracked.");
        ck_assert_int_eq(finding_of()->value.integer, 250);
        poll("", NULL, NULL);
        ck_assert_str_eq(finding_of()->summary, "0 statements are tracked.");
        feed_close(&feed);
}
END_TEST

START_TEST(counters_are_shown_with_what_tells_whether_they_began_anew) {
        const Table *table;

        feed_open(&feed, &statements_check);
        poll("", TOP(1), TOP(-7));
        poll("", "queryid=-7|calls=15|seconds=4", "queryid=2|calls=1|seconds=1");
        table = feed_table(&feed, "statements");
        ck_assert_str_eq(table_text(table, 0, "queryid"), "-7");
        ck_assert_int_eq(table_int(table, 0, "calls"), 15);
        ck_assert(table_get(table, 0, "seconds")->number == 4);
        table = feed_table(&feed, "statements_summary");
        ck_assert_int_eq(table_int(table, 0, "evictions"), 3);
        ck_assert_ptr_nonnull(table_text(table, 0, "since"));
        ck_assert_int_gt(table_int(table, 0, "sampled_at"), 0);
        feed_close(&feed);
}
END_TEST

START_TEST(entries_that_were_thrown_out_are_told) {
        feed_open(&feed, &statements_check);
        poll("", TOP(1), NULL);
        poll("evictions=4", TOP(1), NULL);
        ck_assert_int_eq(finding_of()->seen, SEEN_OK);
        ck_assert_ptr_nonnull(strstr(finding_of()->summary, "thrown out"));
        poll("evictions=4", TOP(1), NULL);
        ck_assert_ptr_null(strstr(finding_of()->summary, "thrown out"));
        feed_close(&feed);
}
END_TEST

/* Of the few that the phase names, and nothing else; without values. */
START_TEST(texts_are_read_of_those_that_are_asked_for) {
        static const int64_t wanted[] = {7, -8};
        const Answer answers[] = {
                {"statements.look", NULL, LOOK, {""}},
                {"statements.info", NULL, INFO, {""}},
                {"statements.top", NULL, "tracked=250", {TOP(1)}},
                {"statements.texts", NULL, NULL, {"queryid=7|text=SELECT 'x' FROM t", "queryid=-8"}},
        };
        const Answer refused[] = {
                answers[0], answers[1], answers[2], {"statements.texts", "57014", NULL, {""}}};
        const Table *texts;

        feed_open(&feed, &statements_check);
        feed.queryids = wanted;
        feed.n_queryids = 2;
        feed_round(&feed, answers, 4);
        ck_assert_ptr_nonnull(strstr(buffer_text(&feed.log), "pg_stat_statements(true) s"));
        texts = feed_table(&feed, "statement_texts");
        ck_assert_uint_eq(texts->n_rows, 1);
        ck_assert_int_eq(table_int(texts, 0, "queryid"), 7);
        ck_assert_str_eq(table_text(texts, 0, "text"), "SELECT ? FROM t");

        feed_round(&feed, refused, 4);
        ck_assert_ptr_null(feed_table(&feed, "statement_texts"));
        ck_assert_int_eq(finding_of()->seen, SEEN_OK);
        ck_assert_int_eq(table_int(feed_table(&feed, "statements"), 0, "calls"), 10);
        feed_close(&feed);
}
END_TEST

START_TEST(before_14_nothing_tells_of_evictions) {
        const Answer answers[] = {
                {"statements.look", NULL, LOOK, {"has_info=f"}},
                {"statements.top", NULL, NULL, {TOP(1)}},
        };

        feed_open(&feed, &statements_check);
        feed_round(&feed, answers, 2);
        feed_round(&feed, answers, 2);
        ck_assert(table_is_null(feed_table(&feed, "statements_summary"), 0, "evictions"));
        ck_assert(table_is_null(feed_table(&feed, "statements_summary"), 0, "since"));
        feed_close(&feed);
}
END_TEST

START_TEST(what_is_hidden_or_fails_is_unknown_and_keeps_the_numbers) {
        static const struct {
                Answer answers[3];
                size_t n;
                Reason reason;
        } cases[] = {
                {{{"statements.look", "57014", NULL, {NULL}}}, 1, REASON_TIMEOUT},
                {{{"statements.look", NULL, LOOK, {"may_call=f"}}}, 1, REASON_PRIVILEGE},
                {{{"statements.look", NULL, LOOK, {""}}, {"statements.info", "42501", NULL, {NULL}}},
                 2,
                 REASON_PRIVILEGE},
                {{{"statements.look", NULL, LOOK, {""}},
                  {"statements.info", NULL, INFO, {""}},
                  {"statements.top", NULL, NULL, {"calls=5|seconds=1|tracked=3", TOP(1)}}},
                 3,
                 REASON_PRIVILEGE},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                feed_open(&feed, &statements_check);
                feed_round(&feed, cases[i].answers, cases[i].n);
                ck_assert_msg(finding_of()->seen == SEEN_UNKNOWN && finding_of()->reason == cases[i].reason,
                              "%zu", i);
                ck_assert_uint_eq(feed.report.n_tables, 0);
                ck_assert_msg((finding_of()->repair != NULL) == (cases[i].reason == REASON_PRIVILEGE), "%zu",
                              i);

                poll("", TOP(1), NULL);
                feed_round(&feed, cases[i].answers, cases[i].n);
                ck_assert_msg(finding_of()->seen == SEEN_UNKNOWN, "%zu", i);
                ck_assert_int_eq(table_int(feed_table(&feed, "statements"), 0, "calls"), 10);
                feed_close(&feed);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                what_is_lacking_is_skipped_and_says_how_to_mend_it,
                the_schema_is_the_extensions_and_texts_are_not_read,
                the_number_is_told_and_is_no_fault,
                counters_are_shown_with_what_tells_whether_they_began_anew,
                entries_that_were_thrown_out_are_told,
                texts_are_read_of_those_that_are_asked_for,
                before_14_nothing_tells_of_evictions,
                what_is_hidden_or_fails_is_unknown_and_keeps_the_numbers,
        };

        return unit_run("checks/statements", tests, ELEMENTS(tests));
}
