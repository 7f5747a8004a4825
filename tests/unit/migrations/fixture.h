/* One target with settings and a scratch directory, and the check on it; for tests of the check.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "drive.h"

#define SUM_X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" /* of "x" */
#define LIVE(n)                                                                                              \
        { .name = (n), .checksum = SUM_X, .is_finished = true, .started_at = NOW - 9, .finished_at = NOW - 8 }

static char directory[64];
static Settings *settings;
static TargetSettings *target;
static CheckContext context;
static void *check;

static void set_up(void) {
        snprintf(directory, sizeof(directory), "/tmp/pgvigil-test-check-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_eq(settings_new(&settings), 0);
        ck_assert_int_eq(settings_add_target(settings, "shop", &target), 0);
        context = (CheckContext){.settings = target};
        check = NULL;
}

static void tear_down(void) {
        migration_check.free(check);
        settings = settings_free(settings);
        remove_tree(directory);
}

static void start(void) {
        ck_assert_int_eq(migration_check.new(target, &check), 0);
}

static inline void use_directory(void) {
        ck_assert_int_eq(str_set(&target->migrations.directory, directory), 0);
}

static void run(FakeServer *server, Report *report) {
        drive(check, &context, server, 0, report);
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t n) {
        Suite *suite = suite_create(name);
        TCase *cases = tcase_create("all");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(cases, set_up, tear_down);
        for (size_t i = 0; i < n; i++)
                tcase_add_test(cases, tests[i]);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
