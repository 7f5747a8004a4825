/* Tests of the check activity: what is published, and between which samples nothing may be compared.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define SAMPLE "datname=shop|commits=100|rollbacks=5|deadlocks=0|fatal_sessions=2|epoch=a|is_tracked=t"

static void poll(Feed *feed, const char *row, const char *sqlstate) {
        const Answer answers[] = {{"activity.sample", sqlstate, SAMPLE, {row}}};

        feed->boottime += 15 * USEC_PER_SEC;
        feed_round(feed, answers, 1);
}

static const Table *transactions(const Feed *feed) {
        const Table *table = feed_table(feed, "transactions");

        ck_assert_ptr_nonnull(table);
        ck_assert_uint_eq(table->n_rows, 2);
        ck_assert_str_eq(table_text(table, 0, "outcome"), "commit");
        ck_assert_str_eq(table_text(table, 1, "outcome"), "rollback");
        return table;
}

START_TEST(the_numbers_are_told_and_are_no_fault) {
        static const struct {
                const char *row, *summary;
        } cases[] = {
                {"", "100 commits, 5 rollbacks, 0 deadlocks, 2 sessions ended by a fatal error."},
                {"commits=1|rollbacks=1|deadlocks=1|fatal_sessions=1",
                 "1 commit, 1 rollback, 1 deadlock, 1 session ended by a fatal error."},
                {"checksum_failures=3|since=2026-11-24 12:00:00.123+00",
                 "100 commits, 5 rollbacks, 0 deadlocks, 2 sessions ended by a fatal error, 3 wrong "
                 "checksums, "
                 "since 2026-11-24 12:00:00 UTC."},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &activity_check);
                poll(&feed, cases[i].row, NULL);
                finding = feed_finding(&feed, "shop", "activity");
                ck_assert_int_eq(finding->kind, KIND_ACTIVITY);
                ck_assert_int_eq(finding->seen, SEEN_OK);
                ck_assert_int_eq(finding->severity, SEVERITY_INFO);
                ck_assert_str_eq(finding->summary, cases[i].summary);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(what_a_version_does_not_count_is_absent_and_not_zero) {
        const Answer old[] = {{"activity.sample",
                               NULL,
                               "datname=shop|commits=1|rollbacks=0|deadlocks=0|epoch=a|is_tracked=t",
                               {""}}};
        const Table *table;
        Feed feed;

        feed_open(&feed, &activity_check);
        feed_round(&feed, old, 1);
        table = feed_table(&feed, "activity");
        ck_assert_int_eq(table_get(table, 0, "deadlocks")->kind, VALUE_INT);
        ck_assert(table_is_null(table, 0, "fatal_sessions"));
        ck_assert(table_is_null(table, 0, "checksum_failures"));
        ck_assert_str_eq(feed_finding(&feed, NULL, "activity")->summary,
                         "1 commit, 0 rollbacks, 0 deadlocks.");
        feed_close(&feed);
}
END_TEST

START_TEST(the_first_sample_has_no_delta_and_the_second_has_one) {
        const Table *table;
        Feed feed;

        feed_open(&feed, &activity_check);
        poll(&feed, "", NULL);
        table = transactions(&feed);
        ck_assert_int_eq(table_int(table, 0, "transactions"), 100);
        ck_assert(table_is_null(table, 0, "since_last") && table_is_null(table, 0, "seconds"));

        poll(&feed, "commits=130|rollbacks=5", NULL);
        table = transactions(&feed);
        ck_assert_int_eq(table_int(table, 0, "transactions"), 130);
        ck_assert_int_eq(table_int(table, 0, "since_last"), 30);
        ck_assert_int_eq(table_int(table, 1, "since_last"), 0);
        ck_assert(!table_is_null(table, 1, "since_last"));
        ck_assert(table_get(table, 0, "seconds")->number == 15.0);
        feed_close(&feed);
}
END_TEST

START_TEST(a_reset_or_a_counter_that_fell_voids_all_deltas_once) {
        static const char *const breaks[] = {"commits=130|epoch=b", "commits=99|rollbacks=9",
                                             "commits=130|rollbacks=4"};

        for (size_t i = 0; i < ELEMENTS(breaks); i++) {
                const Table *table;
                Feed feed;

                feed_open(&feed, &activity_check);
                poll(&feed, "", NULL);
                poll(&feed, breaks[i], NULL);
                table = transactions(&feed);
                for (size_t row = 0; row < 2; row++)
                        ck_assert_msg(table_is_null(table, row, "since_last"), "%zu", i);
                poll(&feed, breaks[i], NULL);
                table = transactions(&feed);
                for (size_t row = 0; row < 2; row++)
                        ck_assert_msg(!table_is_null(table, row, "since_last"), "%zu", i);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_failed_look_is_unknown_keeps_the_totals_and_claims_no_delta) {
        const Table *table;
        Feed feed;

        feed_open(&feed, &activity_check);
        poll(&feed, NULL, "57014");
        ck_assert_int_eq(feed_finding(&feed, "database", "activity")->seen, SEEN_UNKNOWN);
        ck_assert_ptr_null(feed_table(&feed, "transactions"));

        poll(&feed, "", NULL);
        poll(&feed, "commits=110", NULL);
        poll(&feed, NULL, "57014");
        ck_assert_int_eq(feed_finding(&feed, "shop", "activity")->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(feed_finding(&feed, "shop", "activity")->reason, REASON_TIMEOUT);
        table = transactions(&feed);
        ck_assert_int_eq(table_int(table, 0, "transactions"), 110);
        ck_assert(table_is_null(table, 0, "since_last"));

        poll(&feed, "commits=150", NULL);
        table = transactions(&feed);
        ck_assert_int_eq(table_int(table, 0, "since_last"), 40);
        ck_assert(table_get(table, 0, "seconds")->number == 30.0);
        feed_close(&feed);
}
END_TEST

START_TEST(a_run_that_was_cut_loses_nothing) {
        const CheckContext context = {.boottime = USEC_PER_HOUR};
        Feed feed;

        feed_open(&feed, &activity_check);
        poll(&feed, "", NULL);
        for (size_t i = 0; i < 2; i++) {
                _cleanup_(statement_done) Statement statement = {};
                _cleanup_(outcome_done) Outcome outcome = {.kind = OUTCOME_ROWS};

                ck_assert_int_eq(activity_check.begin(feed.state, &context, NULL), 0);
                ck_assert_int_eq(activity_check.next(feed.state, &context, &statement), 1);
                ck_assert_int_eq(table_new(statement.shape, NULL, &outcome.table), 0);
                ck_assert_int_eq(table_add_row(outcome.table, NULL), 0);
                table_set_int(outcome.table, 0, "commits", 120);
                ck_assert_int_eq(activity_check.take(feed.state, &context, &outcome), 0);
        }
        poll(&feed, "commits=140", NULL);
        ck_assert_int_eq(table_int(transactions(&feed), 0, "since_last"), 40);
        feed_close(&feed);
}
END_TEST

START_TEST(a_server_that_counts_nothing_is_skipped_without_numbers) {
        Feed feed;

        feed_open(&feed, &activity_check);
        poll(&feed, "", NULL);
        poll(&feed, "is_tracked=f", NULL);
        ck_assert_int_eq(feed_finding(&feed, "shop", "activity")->seen, SEEN_SKIPPED);
        ck_assert_ptr_nonnull(strstr(feed_finding(&feed, "shop", "activity")->repair, "track_counts"));
        ck_assert_ptr_null(feed_table(&feed, "transactions"));
        ck_assert_ptr_null(feed_table(&feed, "activity"));
        poll(&feed, "commits=110", NULL);
        ck_assert(table_is_null(transactions(&feed), 0, "since_last"));
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_numbers_are_told_and_are_no_fault,
                what_a_version_does_not_count_is_absent_and_not_zero,
                the_first_sample_has_no_delta_and_the_second_has_one,
                a_reset_or_a_counter_that_fell_voids_all_deltas_once,
                a_failed_look_is_unknown_keeps_the_totals_and_claims_no_delta,
                a_run_that_was_cut_loses_nothing,
                a_server_that_counts_nothing_is_skipped_without_numbers,
        };

        return unit_run("checks/activity", tests, ELEMENTS(tests));
}
