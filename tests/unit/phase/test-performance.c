/* Tests of phase/performance: single cases, then simulated days with known effects.
 *
 * A simulated day: a daily cycle, noise of 15 % in five minutes that lasts (rho 0.7), one burst in a
 * hundred, and 4 or 8 % between days.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "../unit.h"
#include "chance.h"
#include "pgvigil/phase/statistics.h"

#define DAYS       7
#define STATEMENTS 20
#define FIVES      288

static StatementHour hours[STATEMENTS][(DAYS + 1) * PHASE_HOURS];
static bool void_hours[(DAYS + 1) * PHASE_HOURS];

static void fill(size_t n_days) {
        memset(void_hours, 0, sizeof(void_hours));
        memset(hours, 0, sizeof(hours));
        for (size_t s = 0; s < STATEMENTS; s++)
                for (size_t i = 0; i < (n_days + 1) * PHASE_HOURS; i++)
                        hours[s][i] = (StatementHour){.calls = 1000, .total_ms = 1000.0 * (double)(s + 1)};
}

/* One statement's time in some hours of a day, times a factor. */
static void slow_down(size_t statement, size_t day, size_t from, size_t to, double factor) {
        for (size_t h = from; h < to; h++)
                hours[statement][day * PHASE_HOURS + h].total_ms *= factor;
}

static void slow_all(size_t day, size_t from, size_t to, double factor) {
        for (size_t s = 0; s < STATEMENTS; s++)
                slow_down(s, day, from, to, factor);
}

static Performance judge(size_t n_statements, size_t n_days, size_t n_hours) {
        static const char *const texts[STATEMENTS] = {"one", "two", "three"};
        StatementSeries series[STATEMENTS];
        PerformanceInput input = {series, n_statements, n_days, n_hours, void_hours};
        Performance result;

        for (size_t s = 0; s < n_statements; s++)
                series[s] = (StatementSeries){.text = texts[s] ? texts[s] : "other", .hours = hours[s]};
        ck_assert_int_eq(performance(&input, &result), 0);
        return result;
}

static void expect(const Performance *result, Status status, PerformanceCause cause) {
        ck_assert_msg(result->status == status && result->cause == cause, "status %d, cause %d",
                      result->status, result->cause);
}

#define EXPECT(call, status, cause)                                                                          \
        do {                                                                                                 \
                Performance _result = (call);                                                                \
                expect(&_result, (status), (cause));                                                         \
        } while (0)

START_TEST(equal_days_pass) {
        fill(7);
        EXPECT(judge(3, 7, 24), STATUS_PASS, PERFORMANCE_FINE);
        EXPECT(judge(3, 7, 5), STATUS_PASS, PERFORMANCE_FINE);
}
END_TEST

START_TEST(a_day_half_as_slow_again_fails) {
        Performance result;

        fill(7);
        slow_all(7, 0, 24, 1.5);
        result = judge(3, 7, 24);
        expect(&result, STATUS_FAIL, PERFORMANCE_SLOWER);
        ck_assert_double_eq_tol(exp(result.median), 1.5, 1e-9);
}
END_TEST

START_TEST(a_faster_day_passes) {
        fill(7);
        slow_all(7, 0, 24, 0.5);
        EXPECT(judge(3, 7, 24), STATUS_PASS, PERFORMANCE_FINE);
}
END_TEST

START_TEST(days_that_differ_much_are_inconclusive) {
        fill(2);
        slow_all(1, 0, 24, 1.1);
        EXPECT(judge(3, 2, 24), STATUS_UNKNOWN, PERFORMANCE_INCONCLUSIVE);
}
END_TEST

START_TEST(one_day_sees_nothing_or_a_failure) {
        fill(1);
        EXPECT(judge(3, 1, 24), STATUS_PASS, PERFORMANCE_NOTHING_SEEN);
        slow_all(1, 0, 24, 1.26);
        EXPECT(judge(3, 1, 24), STATUS_FAIL, PERFORMANCE_SLOWER);
}
END_TEST

START_TEST(no_day_is_skipped) {
        fill(0);
        EXPECT(judge(3, 0, 24), STATUS_SKIPPED, PERFORMANCE_NO_BASELINE);
}
END_TEST

START_TEST(no_hour_is_too_early) {
        fill(7);
        EXPECT(judge(3, 7, 0), STATUS_UNKNOWN, PERFORMANCE_TOO_EARLY);
}
END_TEST

START_TEST(two_slow_hours_in_a_row_fail_and_one_does_not) {
        Performance result;

        fill(7);
        slow_all(7, 9, 10, 1.4);
        slow_all(7, 11, 12, 1.4);
        EXPECT(judge(3, 7, 24), STATUS_PASS, PERFORMANCE_FINE);
        slow_all(7, 10, 11, 1.4);
        result = judge(3, 7, 24);
        expect(&result, STATUS_FAIL, PERFORMANCE_SLOW_STRETCH);
        ck_assert_uint_eq(result.hour, 10);
        ck_assert_double_eq_tol(result.index, 1.4, 1e-9);
}
END_TEST

/* What the baseline itself did in an hour is no failure. */
START_TEST(the_baseline_s_worst_hour_raises_the_limit) {
        fill(7);
        slow_all(7, 9, 11, 1.4);
        slow_all(2, 20, 21, 1.5);
        EXPECT(judge(3, 7, 24), STATUS_PASS, PERFORMANCE_FINE);
}
END_TEST

START_TEST(more_than_one_void_hour_is_unknown) {
        fill(7);
        void_hours[7 * PHASE_HOURS + 3] = true;
        EXPECT(judge(3, 7, 24), STATUS_PASS, PERFORMANCE_FINE);
        void_hours[7 * PHASE_HOURS + 4] = true;
        EXPECT(judge(3, 7, 24), STATUS_UNKNOWN, PERFORMANCE_VOID);
}
END_TEST

START_TEST(a_failure_stands_beside_void_hours) {
        fill(7);
        slow_all(7, 0, 24, 1.5);
        void_hours[7 * PHASE_HOURS + 3] = void_hours[7 * PHASE_HOURS + 4] = true;
        EXPECT(judge(3, 7, 24), STATUS_FAIL, PERFORMANCE_SLOWER);
}
END_TEST

START_TEST(a_void_hour_hides_what_was_in_it) {
        fill(7);
        slow_all(2, 5, 6, 100);
        void_hours[2 * PHASE_HOURS + 5] = true;
        EXPECT(judge(3, 7, 24), STATUS_PASS, PERFORMANCE_FINE);
        void_hours[2 * PHASE_HOURS + 6] = true; /* that day is none now */
        ck_assert_uint_eq(judge(3, 7, 24).n_days, 6);
}
END_TEST

START_TEST(few_calls_are_unknown) {
        fill(7);
        for (size_t i = 0; i < PHASE_HOURS; i++)
                hours[0][7 * PHASE_HOURS + i] = (StatementHour){.calls = 4, .total_ms = 4};
        EXPECT(judge(1, 7, 24), STATUS_UNKNOWN, PERFORMANCE_FEW);
}
END_TEST

/* A statement that is new has no before: most of the time in such says that nothing is known. */
START_TEST(time_in_new_statements_is_not_passed_over) {
        fill(7);
        memset(hours[2], 0, DAYS * PHASE_HOURS * sizeof(hours[2][0]));
        EXPECT(judge(3, 7, 24), STATUS_PASS, PERFORMANCE_FINE);
        slow_down(2, 7, 0, 24, 10);
        EXPECT(judge(3, 7, 24), STATUS_UNKNOWN, PERFORMANCE_UNCOVERED);
}
END_TEST

START_TEST(the_five_that_moved_most_come_first) {
        Performance result;

        fill(7);
        slow_down(0, 7, 0, 24, 1.2);
        slow_down(1, 7, 0, 24, 0.5);
        result = judge(STATEMENTS, 7, 24);
        ck_assert_uint_eq(result.n_moved, PERFORMANCE_MOVED);
        ck_assert_str_eq(result.moved[0].text, "two");
        ck_assert_double_eq_tol(result.moved[0].before_ms, 2, 1e-9);
        ck_assert_double_eq_tol(result.moved[0].after_ms, 1, 1e-9);
        ck_assert_double_lt(result.moved[0].effect, 0);
        ck_assert_str_eq(result.moved[1].text, "one");
}
END_TEST

/* Twice the calls of the slow half: the raw mean rises, the basket does not. */
START_TEST(another_mix_of_statements_is_no_slowness) {
        fill(7);
        for (size_t s = STATEMENTS / 2; s < STATEMENTS; s++)
                for (size_t h = 0; h < PHASE_HOURS; h++) {
                        hours[s][7 * PHASE_HOURS + h].calls *= 5;
                        hours[s][7 * PHASE_HOURS + h].total_ms *= 5;
                }
        ck_assert_double_eq_tol(judge(STATEMENTS, 7, 24).median, 0, 1e-9);
}
END_TEST

typedef struct Effect {
        size_t from, to; /* hours */
        double factor;
} Effect;

static void add_five(size_t day, size_t i, double factor) {
        double cycle = 1 + 0.5 * sin(2 * M_PI * (double)i / FIVES);

        for (size_t s = 0; s < 2; s++) {
                StatementHour *hour = &hours[s][day * PHASE_HOURS + i * PHASE_HOURS / FIVES];
                int64_t calls = (int64_t)(100 * cycle) * (int64_t)(s + 1);

                hour->calls += calls;
                hour->total_ms += (double)calls * factor * (double)(s + 1);
        }
}

static void simulate(Chance *chance, size_t n_days, double day_sd, Effect effect) {
        double lasting = 0;

        memset(hours, 0, sizeof(hours[0]) * 2);
        for (size_t d = 0; d <= n_days; d++) {
                double day = day_sd * chance_normal(chance);

                for (size_t i = 0; i < FIVES; i++) {
                        size_t h = i * PHASE_HOURS / FIVES;
                        bool is_hit = d == n_days && h >= effect.from && h < effect.to;
                        double burst = chance_uniform(chance) < 0.01 ? 2 : 1;

                        lasting = 0.7 * lasting + 0.15 * sqrt(1 - 0.49) * chance_normal(chance);
                        add_five(d, i, exp(day + lasting) * burst * (is_hit ? effect.factor : 1));
                }
        }
}

static const struct Bar {
        const char *claim;
        size_t n_days;
        double day_sd;
        Effect effect;
        double pass_min, pass_max, fail_min, fail_max;
} bars[] = {
        {"no change, calm days", 7, 0.04, {}, 0.96, 1, 0, 0.02},
        {"no change, three days", 3, 0.04, {}, 0.75, 1, 0, 0.04},
        {"no change, wild days", 7, 0.08, {}, 0.62, 0.85, 0, 0.04},
        {"no change, one day", 1, 0.04, {}, 0.97, 1, 0, 0.03},
        {"no change, one wild day", 1, 0.08, {}, 0.93, 1, 0, 0.07},
        {"10 %", 7, 0.04, {0, 24, 1.1}, 0.65, 0.85, 0, 0.15},
        {"25 %", 7, 0.04, {0, 24, 1.25}, 0, 0.10, 0.41, 0.85},
        {"40 %", 7, 0.04, {0, 24, 1.4}, 0, 0.01, 0.97, 1},
        {"40 %, wild days", 7, 0.08, {0, 24, 1.4}, 0, 0.02, 0.82, 1},
        {"40 %, one day", 1, 0.04, {0, 24, 1.4}, 0, 0.08, 0.92, 1},
        {"three hours of 50 %", 7, 0.04, {10, 13, 1.5}, 0, 0.45, 0.55, 1},
        {"three hours of 100 %", 7, 0.04, {10, 13, 2}, 0, 0.05, 0.95, 1},
};

static void check_bar(const struct Bar *bar, int runs) {
        Chance chance = {20261};
        double passes = 0, fails = 0;

        for (int i = 0; i < runs; i++) {
                Performance result;

                simulate(&chance, bar->n_days, bar->day_sd, bar->effect);
                result = judge(2, bar->n_days, PHASE_HOURS);
                passes += result.status == STATUS_PASS;
                fails += result.status == STATUS_FAIL;
        }
        passes /= runs;
        fails /= runs;
        ck_assert_msg(passes >= bar->pass_min && passes <= bar->pass_max && fails >= bar->fail_min &&
                              fails <= bar->fail_max,
                      "%s: %.3f pass, %.3f fail", bar->claim, passes, fails);
}

START_TEST(simulated_days_are_judged_as_often_as_designed) {
        for (size_t i = 0; i < ELEMENTS(bars); i++)
                check_bar(&bars[i], 500);
}
END_TEST

/* Hours are the clock's, and the phase began within one: that one counts on no side. */
START_TEST(the_hour_of_the_start_counts_nowhere) {
        StatementSeries series = {.text = "one", .hours = hours[0]};
        PerformanceInput input = {&series, 1, 1, 23, void_hours, .is_shifted = true};
        Performance result;

        fill(1);
        hours[0][23] = (StatementHour){.calls = 1, .total_ms = 1e9};
        void_hours[23] = void_hours[5] = true;
        ck_assert_int_eq(performance(&input, &result), 0);
        expect(&result, STATUS_PASS, PERFORMANCE_NOTHING_SEEN);
        ck_assert_uint_eq(result.n_days, 1);
        ck_assert_uint_eq(result.n_compared, 22);
        ck_assert(isnan(result.indexes[5]) && isnan(result.indexes[23]));
        ck_assert_double_eq_tol(result.indexes[6], 1, 1e-9);
        input.is_shifted = false;
        ck_assert_int_eq(performance(&input, &result), 0);
        expect(&result, STATUS_SKIPPED, PERFORMANCE_NO_BASELINE);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                equal_days_pass,
                a_day_half_as_slow_again_fails,
                a_faster_day_passes,
                days_that_differ_much_are_inconclusive,
                one_day_sees_nothing_or_a_failure,
                no_day_is_skipped,
                no_hour_is_too_early,
                the_hour_of_the_start_counts_nowhere,
                two_slow_hours_in_a_row_fail_and_one_does_not,
                the_baseline_s_worst_hour_raises_the_limit,
                more_than_one_void_hour_is_unknown,
                a_failure_stands_beside_void_hours,
                a_void_hour_hides_what_was_in_it,
                few_calls_are_unknown,
                time_in_new_statements_is_not_passed_over,
                the_five_that_moved_most_come_first,
                another_mix_of_statements_is_no_slowness,
                simulated_days_are_judged_as_often_as_designed,
        };

        return unit_run("performance", tests, ELEMENTS(tests));
}
