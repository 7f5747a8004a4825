/* Tests of model/view: what findings add up to, and when a target is stale.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/view.h"

#include "../unit.h"

START_TEST(the_worst_wins_and_nothing_counted_is_unknown) {
        static const struct {
                Status statuses[4];
                size_t n;
                Status worst;
        } cases[] = {
                {{}, 0, STATUS_UNKNOWN},
                {{STATUS_SKIPPED, STATUS_SKIPPED}, 2, STATUS_UNKNOWN},
                {{STATUS_SKIPPED, STATUS_PASS}, 2, STATUS_PASS},
                {{STATUS_PASS, STATUS_WARN, STATUS_PASS}, 3, STATUS_WARN},
                {{STATUS_UNKNOWN, STATUS_WARN, STATUS_PASS}, 3, STATUS_UNKNOWN},
                {{STATUS_PASS, STATUS_FAIL, STATUS_UNKNOWN, STATUS_WARN}, 4, STATUS_FAIL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Finding findings[4] = {};

                for (size_t j = 0; j < cases[i].n; j++)
                        findings[j].status = cases[i].statuses[j];
                ck_assert_msg(findings_worst(findings, cases[i].n) == cases[i].worst, "case %zu", i);
        }
}
END_TEST

START_TEST(scope_counts_all_but_the_skipped) {
        const Finding findings[] = {
                {.kind = KIND_CONSTRAINT, .status = STATUS_PASS, .value = VALUE_OF_INT(0)},
                {.kind = KIND_CONSTRAINT, .status = STATUS_WARN, .value = VALUE_OF_INT(3)},
                {.kind = KIND_FOREIGN_KEY, .status = STATUS_FAIL, .value = VALUE_OF_INT(4)},
                {.kind = KIND_CONSTRAINT, .status = STATUS_SKIPPED, .value = VALUE_OF_INT(50)},
                {.kind = KIND_CONSTRAINT, .status = STATUS_UNKNOWN, .value = VALUE_NONE},
                {.kind = KIND_MIGRATION, .status = STATUS_PASS, .value = VALUE_OF_INT(12)},
                {.kind = KIND_CONSTRAINT, .status = STATUS_PASS, .value = VALUE_OF_INT(-1)},
        };
        Scope scope = findings_scope(findings, ELEMENTS(findings));

        ck_assert_uint_eq(scope.total, 6);
        ck_assert_uint_eq(scope.checked, 5);
        ck_assert_uint_eq(scope.unknown, 1);
        ck_assert(scope.violations == 7);
}
END_TEST

START_TEST(advice_is_in_no_scope_until_it_cannot_be_seen) {
        const Finding findings[] = {
                {.kind = KIND_INDEX, .status = STATUS_PASS},
                {.kind = KIND_INDEX, .status = STATUS_PASS, .is_advice = true},
                {.kind = KIND_FOREIGN_KEY, .status = STATUS_UNKNOWN, .is_advice = true},
        };
        Scope scope = findings_scope(findings, ELEMENTS(findings));

        ck_assert_uint_eq(scope.total, 2);
        ck_assert_uint_eq(scope.checked, 1);
        ck_assert_uint_eq(scope.unknown, 1);
}
END_TEST

START_TEST(violations_stop_at_the_limit_of_their_type) {
        const Finding findings[] = {
                {.kind = KIND_CONSTRAINT, .status = STATUS_FAIL, .value = VALUE_OF_INT(INT64_MAX)},
                {.kind = KIND_CONSTRAINT, .status = STATUS_FAIL, .value = VALUE_OF_INT(INT64_MAX)},
                {.kind = KIND_CONSTRAINT, .status = STATUS_FAIL, .value = VALUE_OF_INT(2)},
        };

        ck_assert(findings_scope(findings, ELEMENTS(findings)).violations == INT64_MAX);
}
END_TEST

START_TEST(a_target_is_found_by_its_name) {
        TargetView a = {.name = (char *)"a"}, b = {.name = (char *)"b"};
        TargetView *targets[] = {&a, &b};
        const View view = {.targets = targets, .n_targets = 2};
        const View none = {};

        ck_assert_ptr_eq(view_target(&view, "b"), &b);
        ck_assert_ptr_null(view_target(&view, "c"));
        ck_assert_ptr_null(view_target(&none, "a"));
}
END_TEST

START_TEST(a_heartbeat_may_be_three_intervals_old_and_30_seconds_at_least) {
        static const struct {
                usec_t limit, activity, max_age;
        } cases[] = {
                {0, 15 * USEC_PER_SEC, 45 * USEC_PER_SEC},
                {0, 10 * USEC_PER_SEC, 30 * USEC_PER_SEC},
                {0, USEC_PER_SEC, 30 * USEC_PER_SEC},
                {0, 0, 30 * USEC_PER_SEC},
                {0, USEC_INFINITY / 2, USEC_INFINITY},
                {USEC_PER_SEC, 15 * USEC_PER_SEC, USEC_PER_SEC},
                {USEC_PER_HOUR, 15 * USEC_PER_SEC, USEC_PER_HOUR},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                TargetSettings settings = {};

                settings.limits.max_age = cases[i].limit;
                settings.intervals.activity = cases[i].activity;
                ck_assert_msg(target_max_age(&settings) == cases[i].max_age, "case %zu", i);
        }
}
END_TEST

START_TEST(every_cause_has_a_name_of_its_own) {
        for (int a = 0; a < N_CAUSES; a++) {
                ck_assert(!str_is_empty(cause_name((Cause)a)));
                for (int b = 0; b < a; b++)
                        ck_assert_str_ne(cause_name((Cause)a), cause_name((Cause)b));
        }
        ck_assert_str_eq(cause_name(CAUSE_STARTING_UP), "starting_up");
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                the_worst_wins_and_nothing_counted_is_unknown,
                scope_counts_all_but_the_skipped,
                advice_is_in_no_scope_until_it_cannot_be_seen,
                violations_stop_at_the_limit_of_their_type,
                a_target_is_found_by_its_name,
                a_heartbeat_may_be_three_intervals_old_and_30_seconds_at_least,
                every_cause_has_a_name_of_its_own,
        };

        return unit_run("view", tests, ELEMENTS(tests));
}
