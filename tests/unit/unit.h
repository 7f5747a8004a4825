/* The frame of a unit test program: a list of check's tests, run and counted. Each test runs in
 * its own process, CK_FORK=no in this one (for a debugger).
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include <check.h>

static inline int unit_run(const char *name, const TTest *const *tests, size_t n) {
        Suite *suite = suite_create(name);
        TCase *list = tcase_create(name);
        SRunner *runner;
        int failed;

        tcase_set_timeout(list, 60);
        for (size_t i = 0; i < n; i++)
                tcase_add_test(list, tests[i]);
        suite_add_tcase(suite, list);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
