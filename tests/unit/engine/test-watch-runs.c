/* How often a canary was wrong one after another.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "engine/watch-runs.h"

START_TEST(the_longest_run_of_a_phase_is_known) {
        WatchRuns runs = {};

        ck_assert_int_eq(watch_runs_add(&runs, "a", 10, true), 1);
        ck_assert_int_eq(watch_runs_add(&runs, "b", 10, true), 1);
        ck_assert_int_eq(watch_runs_add(&runs, "a", 10, true), 2);
        ck_assert_int_eq(watch_runs_add(&runs, "a", 10, false), 0);
        ck_assert_int_eq(watch_runs_add(&runs, "a", 10, true), 1);
        ck_assert_uint_eq(watch_runs_longest(&runs, "a", 10), 2);
        ck_assert_uint_eq(watch_runs_longest(&runs, "b", 10), 1);
        ck_assert_uint_eq(watch_runs_longest(&runs, "c", 10), 0);
        watch_runs_done(&runs);
}
END_TEST

START_TEST(another_phase_begins_anew) {
        WatchRuns runs = {};

        ck_assert_int_eq(watch_runs_add(&runs, "a", 10, true), 1);
        ck_assert_int_eq(watch_runs_add(&runs, "a", 10, true), 2);
        ck_assert_uint_eq(watch_runs_longest(&runs, "a", 20), 0);
        ck_assert_int_eq(watch_runs_add(&runs, "a", 20, true), 1);
        ck_assert_uint_eq(watch_runs_longest(&runs, "a", 20), 1);
        watch_runs_done(&runs);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_longest_run_of_a_phase_is_known,
                another_phase_begins_anew,
        };

        return unit_run("engine/watch-runs", tests, ELEMENTS(tests));
}
