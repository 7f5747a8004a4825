/* Tests of the check activity: what is published, and what a look that failed leaves.
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

START_TEST(totals_are_shown_with_when_they_were_read_and_what_they_count_from) {
        usec_t first;
        Feed feed;

        feed_open(&feed, &activity_check);
        poll(&feed, "", NULL);
        ck_assert_int_eq(table_int(transactions(&feed), 0, "transactions"), 100);
        first = (usec_t)table_int(transactions(&feed), 0, "sampled_at");
        poll(&feed, "commits=130|rollbacks=5|epoch=b", NULL);
        ck_assert_int_eq(table_int(transactions(&feed), 0, "transactions"), 130);
        ck_assert_int_eq(table_int(transactions(&feed), 1, "transactions"), 5);
        ck_assert_uint_eq((usec_t)table_int(transactions(&feed), 0, "sampled_at") - first, 15 * USEC_PER_SEC);
        ck_assert_str_eq(table_text(feed_table(&feed, "activity"), 0, "epoch"), "b");
        feed_close(&feed);
}
END_TEST

START_TEST(a_failed_look_is_unknown_and_keeps_the_totals_of_before) {
        int64_t at;
        Feed feed;

        feed_open(&feed, &activity_check);
        poll(&feed, NULL, "57014");
        ck_assert_int_eq(feed_finding(&feed, "database", "activity")->seen, SEEN_UNKNOWN);
        ck_assert_ptr_null(feed_table(&feed, "transactions"));

        poll(&feed, "", NULL);
        poll(&feed, "commits=110", NULL);
        at = table_int(transactions(&feed), 0, "sampled_at");
        poll(&feed, NULL, "57014");
        ck_assert_int_eq(feed_finding(&feed, "shop", "activity")->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(feed_finding(&feed, "shop", "activity")->reason, REASON_TIMEOUT);
        ck_assert_int_eq(table_int(transactions(&feed), 0, "transactions"), 110);
        ck_assert_int_eq(table_int(transactions(&feed), 0, "sampled_at"), at);
        feed_close(&feed);
}
END_TEST

START_TEST(a_run_that_was_cut_shows_nothing_of_its_own) {
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
        poll(&feed, NULL, "57014");
        ck_assert_int_eq(table_int(transactions(&feed), 0, "transactions"), 100);
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
        ck_assert_int_eq(table_int(transactions(&feed), 0, "transactions"), 110);
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_numbers_are_told_and_are_no_fault,
                what_a_version_does_not_count_is_absent_and_not_zero,
                totals_are_shown_with_when_they_were_read_and_what_they_count_from,
                a_failed_look_is_unknown_and_keeps_the_totals_of_before,
                a_run_that_was_cut_shows_nothing_of_its_own,
                a_server_that_counts_nothing_is_skipped_without_numbers,
        };

        return unit_run("checks/activity", tests, ELEMENTS(tests));
}
