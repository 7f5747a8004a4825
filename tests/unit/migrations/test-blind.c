/* Tests of the check over several runs: what cannot be read, what is cut.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "fixture.h"

START_TEST(d12_history_that_may_not_be_read_is_unknown_with_its_grant) {
        static const struct {
                const char *schema;
                bool may_not_use, may_not_select;
                const char *repair;
        } cases[] = {
                {"app", false, true, "GRANT SELECT ON app._prisma_migrations TO \"Mon\";"},
                {"app", true, false, "GRANT USAGE ON SCHEMA app TO \"Mon\";"},
                {"app", true, true,
                 "GRANT USAGE ON SCHEMA app TO \"Mon\"; GRANT SELECT ON app._prisma_migrations TO \"Mon\";"},
        };
        ServerFacts facts = {.role = (char[]){"Mon"}};

        context.server = &facts;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(report_done) Report report = {};
                FakeServer server = {.n_histories = 1,
                                     .histories = {{.schema = cases[i].schema,
                                                    .may_not_use = cases[i].may_not_use,
                                                    .may_not_select = cases[i].may_not_select}}};
                const Finding *status;

                check = migration_check.free(check);
                start();
                run(&server, &report);
                status = must_find(&report, "prisma", "status");
                ck_assert_int_eq(status->seen, SEEN_UNKNOWN);
                ck_assert_int_eq(status->reason, REASON_PRIVILEGE);
                ck_assert_str_eq(status->repair, cases[i].repair);
                ck_assert(!report.migrations->known);
                ck_assert_int_eq(count_in(&report, "app", "applied"), -1);
        }
}
END_TEST

START_TEST(d11_rows_hidden_by_row_security_are_unknown_never_none) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "public", .is_hidden = true}}, .n_histories = 1};

        use_directory();
        write_migration(directory, "1_a", "x");
        start();
        run(&server, &report);
        ck_assert_uint_eq(report.n_findings, 1);
        ck_assert_int_eq(must_find(&report, "prisma", "status")->reason, REASON_ROW_SECURITY);
        ck_assert_int_eq(report.findings[0].seen, SEEN_UNKNOWN);
        ck_assert(!report.migrations->known);
}
END_TEST

START_TEST(blindness_leaves_findings_standing_as_unknown) {
        static const FakeRow rows[] = {
                LIVE("1_a"), {.name = "2_b", .checksum = SUM_X, .has_logs = true, .started_at = NOW - 9}};
        static const struct {
                const char *detect, *rows;
                Reason reason;
        } cases[] = {
                {NULL, "55P03", REASON_LOCKED},    {NULL, "57014", REASON_TIMEOUT},
                {NULL, "42501", REASON_PRIVILEGE}, {NULL, "54000", REASON_OVER_LIMIT},
                {NULL, "XX000", REASON_ERROR},     {"57014", NULL, REASON_TIMEOUT},
                {"42501", NULL, REASON_PRIVILEGE},
        };

        use_directory();
        write_migration(directory, "1_a", "x");
        write_migration(directory, "2_b", "x");
        write_migration(directory, "3_c", "x");
        start();
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(report_done) Report good = {}, bad = {};
                FakeServer server = {.histories = {{.schema = "public", .rows = rows, .n_rows = 2}},
                                     .n_histories = 1};

                run(&server, &good);
                ck_assert_uint_eq(good.n_findings, 3);
                ck_assert_int_eq(must_find(&good, "prisma", "2_b")->seen, SEEN_BREACH);

                server.detect_sqlstate = cases[i].detect;
                server.histories[0].rows_sqlstate = cases[i].rows;
                run(&server, &bad);
                ck_assert_uint_eq(bad.n_findings, 3);
                for (size_t k = 0; k < bad.n_findings; k++) {
                        ck_assert_int_eq(bad.findings[k].seen, SEEN_UNKNOWN);
                        ck_assert_int_eq(bad.findings[k].reason, cases[i].reason);
                }
                ck_assert_int_eq(count_in(&bad, "public", "failed"), 1);
                ck_assert(!bad.migrations->known);
        }
}
END_TEST

START_TEST(detection_that_fails_at_once_is_unknown) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.detect_sqlstate = "57014"};

        start();
        run(&server, &report);
        ck_assert_uint_eq(report.n_findings, 1);
        ck_assert_int_eq(must_find(&report, "prisma", "status")->seen, SEEN_UNKNOWN);
        ck_assert(!report.migrations->known);
}
END_TEST

START_TEST(directory_that_cannot_be_read_is_unknown_and_the_last_reading_stands) {
        static const FakeRow rows[] = {LIVE("1_a")};
        _cleanup_(report_done) Report good = {}, bad = {};
        FakeServer server = {.histories = {{.schema = "public", .rows = rows, .n_rows = 1}},
                             .n_histories = 1};

        use_directory();
        write_migration(directory, "1_a", "y");
        start();
        run(&server, &good);
        ck_assert_int_eq(must_find(&good, "prisma", "1_a")->reason, REASON_MODIFIED);
        ck_assert_uint_eq(good.n_findings, 2);

        remove_tree(directory);
        run(&server, &bad);
        ck_assert_int_eq(must_find(&bad, "prisma", "directory")->seen, SEEN_UNKNOWN);
        ck_assert_ptr_nonnull(strstr(must_find(&bad, "prisma", "directory")->summary, directory));
        ck_assert_int_eq(must_find(&bad, "prisma", "1_a")->reason, REASON_MODIFIED);
}
END_TEST

START_TEST(directory_that_was_never_read_gives_no_numbers) {
        static const FakeRow rows[] = {LIVE("1_a")};
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "public", .rows = rows, .n_rows = 1}},
                             .n_histories = 1};

        ck_assert_int_eq(str_set(&target->migrations.directory, "/nonexistent/migrations"), 0);
        start();
        run(&server, &report);
        ck_assert_uint_eq(report.n_findings, 2);
        ck_assert_int_eq(must_find(&report, "prisma", "directory")->reason, REASON_ERROR);
        ck_assert_int_eq(count_in(&report, "public", "applied"), 1);
        ck_assert_int_eq(count_in(&report, "public", "pending"), -1);
        ck_assert_int_eq(count_in(&report, "public", "modified"), -1);
        ck_assert_int_eq(count_in(&report, "public", "missing"), -1);
        ck_assert_int_eq(count_in(&report, "public", "failed"), 0);
}
END_TEST

START_TEST(gather_that_never_came_back_is_a_timeout) {
        _cleanup_(report_done) Report report = {};

        use_directory();
        start();
        ck_assert_int_eq(migration_check.begin(check, &context, NULL), 0);
        ck_assert_int_eq(migration_check.judge(check, &context, &report), 0);
        ck_assert_int_eq(must_find(&report, "prisma", "directory")->reason, REASON_TIMEOUT);
}
END_TEST

START_TEST(facts_are_known_only_when_every_history_was_read) {
        static const FakeRow rows[] = {LIVE("20260119093000_production_safety_constraints")};
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "app", .rows = rows, .n_rows = 1},
                                           {.schema = "public", .may_not_select = true}},
                             .n_histories = 2};

        start();
        run(&server, &report);
        ck_assert(!report.migrations->known);
        ck_assert(strv_contains(report.migrations->applied, rows[0].name));
}
END_TEST

START_TEST(standby_open_row_is_unfinished_and_unknown) {
        static const FakeRow rows[] = {{.name = "1_a", .checksum = SUM_X, .started_at = NOW - USEC_PER_HOUR}};
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "public", .rows = rows, .n_rows = 1}},
                             .n_histories = 1,
                             .is_standby = true};
        const Finding *finding;

        start();
        run(&server, &report);
        finding = must_find(&report, "prisma", "1_a");
        ck_assert_int_eq(finding->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(finding->reason, REASON_RUNNING);
        ck_assert_ptr_nonnull(strstr(finding->summary, "unfinished"));
}
END_TEST

START_TEST(run_that_is_cut_anywhere_leaves_the_next_one_right) {
        static const FakeRow rows[] = {LIVE("1_a"),
                                       {.name = "2_b", .checksum = SUM_X, .started_at = NOW + USEC_PER_HOUR}};
        FakeServer server = {.histories = {{.schema = "app", .rows = rows, .n_rows = 1},
                                           {.schema = "public", .rows = rows, .n_rows = 2}},
                             .n_histories = 2};

        start();
        for (size_t cut = 1; cut <= 8; cut++) {
                _cleanup_(report_done) Report dropped = {}, report = {};

                drive(check, &context, &server, cut, &dropped);
                drive(check, &context, &server, 0, &report);
                ck_assert_uint_eq(report.n_findings, 3);
                /* seen without a lock for the first time, then for the second */
                ck_assert_int_eq(must_find(&report, "prisma (public)", "2_b")->reason,
                                 cut == 1 ? REASON_RUNNING : REASON_INTERRUPTED);
        }
}
END_TEST

START_TEST(unreadable_file_of_an_applied_one_is_unknown) {
        static const FakeRow rows[] = {LIVE("1_a")};
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "public", .rows = rows, .n_rows = 1}},
                             .n_histories = 1};
        char path[256];

        use_directory();
        write_migration(directory, "1_a", NULL);
        snprintf(path, sizeof(path), "%s/1_a/migration.sql", directory);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        start();
        run(&server, &report);
        ck_assert_int_eq(must_find(&report, "prisma", "1_a")->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(must_find(&report, "prisma", "1_a")->reason, REASON_ERROR);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                d12_history_that_may_not_be_read_is_unknown_with_its_grant,
                d11_rows_hidden_by_row_security_are_unknown_never_none,
                blindness_leaves_findings_standing_as_unknown,
                detection_that_fails_at_once_is_unknown,
                directory_that_cannot_be_read_is_unknown_and_the_last_reading_stands,
                directory_that_was_never_read_gives_no_numbers,
                gather_that_never_came_back_is_a_timeout,
                facts_are_known_only_when_every_history_was_read,
                standby_open_row_is_unfinished_and_unknown,
                run_that_is_cut_anywhere_leaves_the_next_one_right,
                unreadable_file_of_an_applied_one_is_unknown,
        };

        return run_tests("migrations/blind", tests, ELEMENTS(tests));
}
