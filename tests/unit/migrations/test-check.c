/* Tests of the check: which histories there are, what the settings name, what is said of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "fixture.h"

START_TEST(framework_none_is_skipped_and_asks_nothing) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {};

        ck_assert_int_eq(str_set(&target->migrations.framework, "none"), 0);
        start();
        run(&server, &report);
        ck_assert_uint_eq(report.n_findings, 1);
        ck_assert_int_eq(must_find(&report, "migrations", "status")->seen, SEEN_SKIPPED);
        ck_assert_str_eq(server.last_table, "");
        ck_assert_ptr_null(report.migrations);
}
END_TEST

START_TEST(framework_of_a_later_version_is_skipped_and_says_so) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {};

        ck_assert_int_eq(str_set(&target->migrations.framework, "knex"), 0);
        start();
        run(&server, &report);
        ck_assert_int_eq(must_find(&report, "knex", "status")->seen, SEEN_SKIPPED);
        ck_assert_ptr_nonnull(strstr(report.findings[0].summary, "not read in this version"));
}
END_TEST

START_TEST(no_table_and_no_directory_is_skipped_and_facts_are_unknown) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {};

        ck_assert_int_eq(str_set(&target->phase.migration, "production_safety_constraints"), 0);
        start();
        run(&server, &report);
        ck_assert_uint_eq(report.n_findings, 1);
        ck_assert_int_eq(must_find(&report, "prisma", "status")->seen, SEEN_SKIPPED);
        ck_assert(!report.migrations->known);
        ck_assert_str_eq(server.last_table, "_prisma_migrations");
        ck_assert_str_eq(server.last_schema, "(null)");
}
END_TEST

START_TEST(framework_that_is_named_and_absent_is_a_breach) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {};

        ck_assert_int_eq(str_set(&target->migrations.framework, "prisma"), 0);
        start();
        run(&server, &report);
        ck_assert_int_eq(must_find(&report, "prisma", "status")->seen, SEEN_BREACH);
        ck_assert_int_eq(report.findings[0].reason, REASON_NO_SUCH_TABLE);
}
END_TEST

START_TEST(no_table_with_a_directory_is_all_pending) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {};

        use_directory();
        write_migration(directory, "1_a", "x");
        write_migration(directory, "2_b", NULL);
        start();
        run(&server, &report);
        ck_assert_uint_eq(report.n_findings, 3);
        ck_assert_int_eq(must_find(&report, "prisma", "1_a")->reason, REASON_PENDING);
        ck_assert_int_eq(must_find(&report, "prisma", "2_b")->reason, REASON_PENDING);
        ck_assert_ptr_nonnull(strstr(must_find(&report, "prisma", "2_b")->summary, "no migration.sql"));
        ck_assert_int_eq(must_find(&report, "prisma", "status")->seen, SEEN_SKIPPED);
        ck_assert_int_eq(count_in(&report, "public", "pending"), 2);
        ck_assert(report.migrations->known);
        ck_assert_uint_eq(strv_length(report.migrations->applied), 0);
}
END_TEST

START_TEST(state_21_wrong_provider_differs) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "public"}}, .n_histories = 1};
        static const char text[] = "provider = \"mysql\"\n";

        use_directory();
        write_file(directory, "migration_lock.toml", text, strlen(text));
        start();
        run(&server, &report);
        ck_assert_int_eq(must_find(&report, "prisma", "migration_lock.toml")->seen, SEEN_BREACH);
        ck_assert_int_eq(must_find(&report, "prisma", "migration_lock.toml")->reason, REASON_DIFFERS);
}
END_TEST

START_TEST(state_10_diverged_is_a_breach_of_the_summary) {
        static const FakeRow rows[] = {LIVE("1_a"), LIVE("2_b")};
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "public", .rows = rows, .n_rows = 2}},
                             .n_histories = 1};
        const Finding *status;

        use_directory();
        write_migration(directory, "1_a", "x");
        write_migration(directory, "3_c", "x");
        start();
        run(&server, &report);
        status = must_find(&report, "prisma", "status");
        ck_assert_int_eq(status->seen, SEEN_BREACH);
        ck_assert_int_eq(status->reason, REASON_DIVERGED);
        ck_assert_int_eq(status->severity, SEVERITY_WARNING);
        ck_assert_int_eq(status->value.integer, 2);
}
END_TEST

START_TEST(state_23_each_schema_has_its_own_findings) {
        static const FakeRow one[] = {LIVE("1_a")};
        static const FakeRow two[] = {LIVE("1_a"), {.name = "2_b", .checksum = SUM_X, .has_logs = true}};
        _cleanup_(report_done) Report both = {}, only = {};
        FakeServer server = {.histories = {{.schema = "app", .rows = one, .n_rows = 1},
                                           {.schema = "public", .rows = two, .n_rows = 2}},
                             .n_histories = 2};

        start();
        run(&server, &both);
        ck_assert_int_eq(must_find(&both, "prisma (app)", "status")->value.integer, 1);
        ck_assert_int_eq(must_find(&both, "prisma (public)", "status")->value.integer, 1);
        ck_assert_int_eq(must_find(&both, "prisma (public)", "2_b")->reason, REASON_FAILED);
        ck_assert_ptr_null(find_in(&both, "prisma (app)", "2_b"));
        ck_assert_int_eq(count_in(&both, "app", "failed"), 0);
        ck_assert_int_eq(count_in(&both, "public", "failed"), 1);

        server.n_histories = 1;
        run(&server, &only);
        ck_assert_int_eq(must_find(&only, "prisma", "status")->value.integer, 1);
        ck_assert_uint_eq(only.n_findings, 1);
}
END_TEST

START_TEST(table_of_the_settings_is_sought_under_its_name) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "app"}}, .n_histories = 1};

        ck_assert_int_eq(str_set(&target->migrations.table, "App.\"Steps\""), 0);
        start();
        run(&server, &report);
        ck_assert_str_eq(server.last_table, "Steps");
        ck_assert_str_eq(server.last_schema, "app");
        ck_assert_int_eq(must_find(&report, "prisma", "status")->seen, SEEN_OK);
}
END_TEST

START_TEST(d13_table_of_the_settings_that_is_not_there_is_no_such_table) {
        static const char *const directories[] = {"", directory};

        write_migration(directory, "1_a", "x");
        ck_assert_int_eq(str_set(&target->migrations.table, "app.steps"), 0);
        for (size_t i = 0; i < ELEMENTS(directories); i++) {
                _cleanup_(report_done) Report report = {};
                FakeServer server = {};
                const Finding *status;

                ck_assert_int_eq(str_set(&target->migrations.directory, directories[i]), 0);
                check = migration_check.free(check);
                start();
                run(&server, &report);
                status = must_find(&report, "prisma", "status");
                ck_assert_int_eq(status->seen, SEEN_BREACH);
                ck_assert_int_eq(status->severity, SEVERITY_CRITICAL);
                ck_assert_int_eq(status->reason, REASON_NO_SUCH_TABLE);
                ck_assert_uint_eq(report.n_findings, 1 + i);
        }
}
END_TEST

START_TEST(table_name_that_is_none_is_said_and_asks_nothing) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {};

        ck_assert_int_eq(str_set(&target->migrations.table, "a.b.c"), 0);
        start();
        run(&server, &report);
        ck_assert_int_eq(must_find(&report, "prisma", "status")->reason, REASON_NO_SUCH_TABLE);
        ck_assert_str_eq(server.last_table, "");
}
END_TEST

START_TEST(named_migration_that_nobody_has_is_never_seen) {
        static const FakeRow rows[] = {LIVE("20260110090000_init")};
        static const struct {
                const char *wanted;
                bool is_readable, is_found;
                Seen seen;
        } cases[] = {
                {"init", true, true, SEEN_OK},
                {"20260110090000_init", true, true, SEEN_OK},
                {"on_disk", true, true, SEEN_OK},
                {"production_safety_constraints", true, false, SEEN_BREACH},
                {"ini", true, false, SEEN_BREACH},
                {"ini", false, false, SEEN_UNKNOWN},
        };

        use_directory();
        write_migration(directory, "20260110090000_init", "x");
        write_migration(directory, "20260111090000_on_disk", "x");
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(report_done) Report report = {};
                FakeServer server = {.n_histories = 1,
                                     .histories = {{.schema = "public",
                                                    .rows = rows,
                                                    .n_rows = 1,
                                                    .may_not_select = !cases[i].is_readable}}};
                const Finding *finding;

                ck_assert_int_eq(str_set(&target->phase.migration, cases[i].wanted), 0);
                check = migration_check.free(check);
                start();
                run(&server, &report);
                finding = find_in(&report, "prisma", cases[i].wanted);
                if (cases[i].is_found) {
                        ck_assert(!finding || finding->reason != REASON_NEVER_SEEN);
                        continue;
                }
                ck_assert_ptr_nonnull(finding);
                ck_assert_int_eq(finding->reason, REASON_NEVER_SEEN);
                ck_assert_int_eq(finding->seen, cases[i].seen);
        }
}
END_TEST

START_TEST(rules_that_wait_for_a_migration_name_it_too_and_once) {
        _cleanup_(report_done) Report report = {};
        FakeServer server = {.histories = {{.schema = "public"}}, .n_histories = 1};
        ConstraintSettings *constraints = calloc(2, sizeof(*constraints));
        size_t n = 0;

        target->constraints = (List){.items = constraints, .count = 2};
        ck_assert_int_eq(str_set(&constraints[0].rule.expected_after, "later"), 0);
        ck_assert_int_eq(str_set(&constraints[1].rule.expected_after, "later"), 0);
        ck_assert_int_eq(str_set(&target->app.rule.expected_after, "later"), 0);
        start();
        run(&server, &report);
        for (size_t i = 0; i < report.n_findings; i++)
                n += report.findings[i].reason == REASON_NEVER_SEEN;
        ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(x1_hints_never_hand_an_odd_name_to_a_shell) {
        static const struct {
                const char *name, *expected;
        } cases[] = {
                {"20260119093000_x", "--rolled-back 20260119093000_x,"},
                {"x; rm -rf /", "--rolled-back NAME,"},
                {"--applied", "--rolled-back NAME,"},
                {"$(id)", "--rolled-back NAME,"},
        };

        start();
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(report_done) Report report = {};
                FakeRow rows[] = {{.name = cases[i].name, .checksum = SUM_X, .has_logs = true}};
                FakeServer server = {.histories = {{.schema = "public", .rows = rows, .n_rows = 1}},
                                     .n_histories = 1};

                run(&server, &report);
                ck_assert_ptr_nonnull(
                        strstr(must_find(&report, "prisma", cases[i].name)->hint, cases[i].expected));
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                framework_none_is_skipped_and_asks_nothing,
                framework_of_a_later_version_is_skipped_and_says_so,
                no_table_and_no_directory_is_skipped_and_facts_are_unknown,
                framework_that_is_named_and_absent_is_a_breach,
                no_table_with_a_directory_is_all_pending,
                state_21_wrong_provider_differs,
                state_10_diverged_is_a_breach_of_the_summary,
                state_23_each_schema_has_its_own_findings,
                table_of_the_settings_is_sought_under_its_name,
                d13_table_of_the_settings_that_is_not_there_is_no_such_table,
                table_name_that_is_none_is_said_and_asks_nothing,
                named_migration_that_nobody_has_is_never_seen,
                rules_that_wait_for_a_migration_name_it_too_and_once,
                x1_hints_never_hand_an_odd_name_to_a_shell,
        };

        return run_tests("migrations/check", tests, ELEMENTS(tests));
}
