/* Tests of what a migration blocks while it runs: when it is asked, what is said and published of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "fixture.h"

static const FakeRow open_rows[] = {
        {.name = "1_a", .checksum = "x", .is_finished = true, .started_at = NOW - 9, .finished_at = NOW - 8},
        {.name = "2_b", .checksum = "x", .started_at = NOW - 5 * USEC_PER_SEC},
};

/* `n_rows` 2: the second migration is under way; 1: none is. */
static FakeServer server_of(size_t n_rows, bool is_locked) {
        return (FakeServer){
                .histories = {{.schema = "public", .rows = open_rows, .n_rows = n_rows}},
                .n_histories = 1,
                .is_locked = is_locked,
                .holders = is_locked,
        };
}

/* The published row; *ret_row is its number. */
static Table *blocked_of(const Report *report, size_t *ret_row) {
        for (size_t i = 0; i < report->n_tables; i++)
                if (report->tables[i]->shape == &migration_blocked_shape) {
                        ck_assert_uint_eq(report->tables[i]->n_rows, 1);
                        *ret_row = 0;
                        return report->tables[i];
                }
        ck_abort_msg("nothing is published");
}

static void check_published(const Report *report, int64_t blocked, double longest) {
        size_t row;
        Table *table = blocked_of(report, &row);

        if (blocked < 0)
                ck_assert(table_is_null(table, row, "blocked_sessions"));
        else
                ck_assert_int_eq(table_int(table, row, "blocked_sessions"), blocked);
        if (longest < 0)
                ck_assert(table_is_null(table, row, "longest_wait_seconds"));
        else
                ck_assert_double_eq_tol(table_cell(table, row, "longest_wait_seconds")->number, longest,
                                        1e-6);
}

START_TEST(nothing_is_asked_while_nothing_runs_and_nobody_waits_behind_it) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = server_of(1, false);

        start();
        run(&server, &report);
        ck_assert_uint_eq(server.n_blocked, 0);
        ck_assert_uint_eq(report.again_in, 0);
        ck_assert(!report.migrations->run.is_live);
        check_published(&report, 0, 0);
}
END_TEST

START_TEST(who_waits_is_in_the_finding_the_metrics_and_the_facts) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = server_of(2, true);
        const Finding *finding;

        server.blocked = 3;
        server.longest_wait = 800000;
        server.locked = "public.orders";
        start();
        run(&server, &report);
        ck_assert_uint_eq(server.n_blocked, 1);
        ck_assert_uint_eq(report.again_in, USEC_PER_SEC);
        finding = must_find(&report, "prisma", "2_b");
        ck_assert_int_eq(finding->reason, REASON_RUNNING);
        ck_assert_int_eq(finding->value.integer, 3);
        ck_assert_str_eq(finding->unit, "sessions");
        ck_assert_str_eq(finding->summary,
                         "It is being applied now, since 5 s; 3 sessions wait behind it, the "
                         "longest for 800 ms; it locks public.orders.");
        check_published(&report, 3, 0.8);
        ck_assert_uint_eq(report.migrations->run.blocked, 3);
        ck_assert_uint_eq(report.migrations->run.elapsed, 5 * USEC_PER_SEC);
        ck_assert_str_eq(report.migrations->run.locked, "public.orders");
}
END_TEST

START_TEST(what_is_not_known_is_no_number) {
        _cleanup_(report_done) Report report = {}, late = {};
        FakeServer server = server_of(2, true);

        /* No time of waiting before PostgreSQL 14; more wait than are looked at. */
        server.blocked = 100;
        server.is_capped = server.wait_is_unknown = true;
        start();
        run(&server, &report);
        ck_assert_ptr_nonnull(strstr(must_find(&report, "prisma", "2_b")->summary,
                                     "; more than 100 sessions wait behind it."));
        check_published(&report, 100, -1);

        server.blocked_sqlstate = "57014";
        run(&server, &late);
        ck_assert_int_eq(must_find(&late, "prisma", "2_b")->value.kind, VALUE_NULL);
        ck_assert_ptr_nonnull(
                strstr(must_find(&late, "prisma", "2_b")->summary, "who waits behind it cannot be seen"));
        check_published(&late, -1, -1);
        ck_assert(late.migrations->run.is_live && !late.migrations->run.is_known);
}
END_TEST

START_TEST(an_open_row_without_a_lock_is_asked_about_and_on_a_standby_it_is_not) {
        _cleanup_(report_done) Report report = {}, standby = {};
        FakeServer server = server_of(2, false);

        server.holders = 1;
        server.blocked = 1;
        start();
        run(&server, &report);
        ck_assert_uint_eq(server.n_blocked, 1);
        check_published(&report, 1, 0);

        server.is_standby = true;
        run(&server, &standby);
        ck_assert_uint_eq(server.n_blocked, 1);
        check_published(&standby, -1, -1);
}
END_TEST

START_TEST(explain_lists_it_though_nothing_runs) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = server_of(1, false);

        start();
        context.explain = true;
        run(&server, &report);
        ck_assert_uint_eq(server.n_blocked, 1);
        context.explain = false;
}
END_TEST

START_TEST(the_most_of_several_looks_is_kept) {
        _cleanup_(migration_run_done) MigrationRun most = {};
        MigrationRun blind = {.is_live = true, .elapsed = 9},
                     waits = {.is_live = true, .is_known = true, .blocked = 2, .longest_wait = USEC_INFINITY},
                     locks = {.is_known = true, .longest_wait = 7, .locked = (char *)"a"};
        _cleanup_(buffer_done) Buffer words = BUFFER_NULL;

        migration_run_add_words(&blind, true, &words);
        ck_assert_str_eq(buffer_text(&words), "who waits behind it cannot be seen");
        ck_assert_int_eq(migration_run_add(&most, &blind), 0);
        ck_assert(!most.is_known && most.elapsed == 9);
        ck_assert_int_eq(migration_run_add(&most, &waits), 0);
        ck_assert_uint_eq(most.longest_wait, USEC_INFINITY);
        ck_assert_int_eq(migration_run_add(&most, &locks), 0);
        ck_assert_int_eq(migration_run_add(&most, &blind), 0);
        ck_assert_uint_eq(most.blocked, 2);
        ck_assert_uint_eq(most.longest_wait, 7);
        ck_assert_str_eq(most.locked, "a");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                nothing_is_asked_while_nothing_runs_and_nobody_waits_behind_it,
                who_waits_is_in_the_finding_the_metrics_and_the_facts,
                what_is_not_known_is_no_number,
                an_open_row_without_a_lock_is_asked_about_and_on_a_standby_it_is_not,
                explain_lists_it_though_nothing_runs,
                the_most_of_several_looks_is_kept,
        };

        return run_tests("migrations/blocked", tests, ELEMENTS(tests));
}
