/* Tests of phase/error-rate: single cases, then simulated days with known effects.
 *
 * A simulated day: a daily cycle, 10 % between days, and errors that come in bursts (negative
 * binomial in five minutes, dispersion 0.5), 1 or 20 in each five minutes at noon.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "../unit.h"
#include "chance.h"
#include "pgvigil/phase/statistics.h"

#define DAYS  7
#define FIVES 288

static ErrorBucket buckets[DAYS + 1][PHASE_BUCKETS]; /* the last day is the phase */

/* What the buckets of the phase are in a case. The baseline has 1 % in each bucket, and a day of 0 errors
 * where it is said. */
typedef struct Case {
        const char *claim;
        size_t n_days, n_window;
        struct {
                size_t from, to;
                int64_t commits, rollbacks;
                bool is_void;
        } change;
        Status status;
        ErrorCause cause;
} Case;

static const Case cases[] = {
        {"like the days before", 7, 96, {}, STATUS_PASS, ERROR_RATE_FINE},
        {"like the days before, so far", 7, 3, {}, STATUS_PASS, ERROR_RATE_FINE},
        {"no baseline", 0, 96, {}, STATUS_SKIPPED, ERROR_RATE_NO_BASELINE},
        {"no bucket has ended", 7, 0, {}, STATUS_UNKNOWN, ERROR_RATE_TOO_EARLY},
        {"one bucket above 1.5 times the highest", 7, 96, {5, 6, 984, 16}, STATUS_FAIL, ERROR_RATE_BUCKET},
        {"one day of baseline has that rule too", 1, 96, {5, 6, 984, 16}, STATUS_FAIL, ERROR_RATE_BUCKET},
        {"one bucket at 1.5 times the highest", 7, 96, {5, 6, 985, 15}, STATUS_PASS, ERROR_RATE_FINE},
        {"nine errors are no failure", 7, 96, {5, 6, 191, 9}, STATUS_PASS, ERROR_RATE_FINE},
        {"the day above 1.25 times", 7, 96, {0, 96, 987, 13}, STATUS_FAIL, ERROR_RATE_DAY},
        {"half a day is no day", 7, 48, {0, 96, 987, 13}, STATUS_PASS, ERROR_RATE_FINE},
        {"two days do not say what a day is", 2, 96, {0, 96, 987, 13}, STATUS_PASS, ERROR_RATE_FINE},
        {"60 of 60 at night is not known, and no pass",
         7,
         96,
         {5, 6, 0, 60},
         STATUS_UNKNOWN,
         ERROR_RATE_SMALL_BUCKET},
        {"a quiet night is no hole", 7, 96, {0, 40, 20, 3}, STATUS_PASS, ERROR_RATE_FINE},
        {"a quiet day is", 7, 96, {0, 80, 20, 0}, STATUS_UNKNOWN, ERROR_RATE_FEW},
        {"four void buckets", 7, 96, {0, 4, 0, 0, true}, STATUS_PASS, ERROR_RATE_FINE},
        {"five void buckets", 7, 96, {0, 5, 0, 0, true}, STATUS_UNKNOWN, ERROR_RATE_VOID},
        {"a counter that fell is void", 7, 96, {0, 5, -1000, 990}, STATUS_UNKNOWN, ERROR_RATE_VOID},
};

static void fill(size_t n_days) {
        for (size_t d = 0; d <= n_days; d++)
                for (size_t i = 0; i < PHASE_BUCKETS; i++)
                        buckets[d][i] = (ErrorBucket){.commits = 990, .rollbacks = 10};
}

static ErrorRate judge(size_t n_days, size_t n_window) {
        ErrorRateInput input = {
                .baseline = buckets[0],
                .n_days = n_days,
                .window = buckets[n_days],
                .n_window = n_window,
        };
        ErrorRate rate;

        error_rate(&input, &rate);
        return rate;
}

static void check_case(const Case *c) {
        ErrorRate rate;

        fill(c->n_days);
        for (size_t i = c->change.from; i < c->change.to; i++)
                buckets[c->n_days][i] = (ErrorBucket){
                        .commits = c->change.commits,
                        .rollbacks = c->change.rollbacks,
                        .is_void = c->change.is_void,
                };
        rate = judge(c->n_days, c->n_window);
        ck_assert_msg(rate.status == c->status && rate.cause == c->cause, "%s: status %d, cause %d", c->claim,
                      rate.status, rate.cause);
}

START_TEST(each_case_has_its_status_and_cause) {
        for (size_t i = 0; i < ELEMENTS(cases); i++)
                check_case(&cases[i]);
}
END_TEST

START_TEST(the_numbers_are_those_of_the_bucket_that_decided) {
        ErrorRate rate;

        fill(7);
        buckets[7][9] = (ErrorBucket){.commits = 900, .rollbacks = 100};
        buckets[7][12] = (ErrorBucket){.commits = 800, .rollbacks = 200};
        rate = judge(7, 96);
        ck_assert_uint_eq(rate.bucket, 12);
        ck_assert_int_eq(rate.errors, 200);
        ck_assert_int_eq(rate.total, 1000);
        ck_assert_double_eq_tol(rate.ratio, 0.2, 1e-9);
        ck_assert_double_eq_tol(rate.limit, 0.015, 1e-9);
}
END_TEST

/* A baseline without errors allows ten, of a bucket and of a day. */
START_TEST(a_spotless_baseline_forgives_nine_errors) {
        memset(buckets, 0, sizeof(buckets));
        for (size_t d = 0; d <= 7; d++)
                for (size_t i = 0; i < PHASE_BUCKETS; i++)
                        buckets[d][i].commits = 1000;
        buckets[7][20].rollbacks = 9;
        ck_assert_int_eq(judge(7, 96).status, STATUS_PASS);
        buckets[7][20].rollbacks = 10;
        ck_assert_int_eq(judge(7, 96).cause, ERROR_RATE_BUCKET);
        for (size_t i = 20; i < 30; i++)
                buckets[7][i].rollbacks = 1;
        ck_assert_int_eq(judge(7, 96).cause, ERROR_RATE_DAY);
}
END_TEST

START_TEST(a_baseline_day_with_holes_is_none) {
        fill(1);
        for (size_t i = 0; i < 5; i++)
                buckets[0][i].is_void = true;
        ck_assert_int_eq(judge(1, 96).cause, ERROR_RATE_NO_BASELINE);
        buckets[0][0].is_void = false;
        ck_assert_int_eq(judge(1, 96).status, STATUS_PASS);
}
END_TEST

/* A few transactions at night, half of them errors, must not allow half of all at noon. */
START_TEST(a_small_bucket_of_the_baseline_makes_no_room) {
        fill(7);
        buckets[3][10] = (ErrorBucket){.commits = 20, .rollbacks = 20};
        buckets[7][50] = (ErrorBucket){.commits = 700, .rollbacks = 300};
        ck_assert_int_eq(judge(7, 96).cause, ERROR_RATE_BUCKET);
        fill(7);
        buckets[3][10] = buckets[7][10] = (ErrorBucket){.commits = 20, .rollbacks = 20};
        ck_assert_int_eq(judge(7, 96).status, STATUS_PASS);
}
END_TEST

typedef struct Effect {
        size_t from, to; /* buckets */
        double factor;
} Effect;

static void simulate(Chance *chance, size_t n_days, double errors, Effect effect) {
        memset(buckets, 0, sizeof(buckets));
        for (size_t d = 0; d <= n_days; d++) {
                double day = exp(0.1 * chance_normal(chance));

                for (size_t i = 0; i < FIVES; i++) {
                        double cycle = 1 + 0.6 * sin(2 * M_PI * (double)i / FIVES);
                        size_t bucket = i * PHASE_BUCKETS / FIVES;
                        bool is_hit = d == n_days && bucket >= effect.from && bucket < effect.to;
                        double mean = errors * cycle * day * (is_hit ? effect.factor : 1);

                        buckets[d][bucket].commits += (int64_t)(10000 * cycle);
                        buckets[d][bucket].rollbacks += chance_counts(chance, mean, 0.5);
                }
        }
}

static double failing(size_t n_days, double errors, Effect effect, int runs) {
        Chance chance = {20261};
        int fails = 0;

        for (int i = 0; i < runs; i++) {
                simulate(&chance, n_days, errors, effect);
                fails += judge(n_days, PHASE_BUCKETS).status == STATUS_FAIL;
        }
        return (double)fails / runs;
}

static const struct Bar {
        size_t n_days;
        double errors;
        Effect effect;
        int runs;
        double at_least, at_most;
} bars[] = {
        {7, 1, {}, 1000, 0, 0.02},
        {7, 20, {}, 1000, 0, 0.02},
        {1, 1, {}, 500, 0, 0.07},
        {1, 20, {}, 500, 0, 0.07},
        {7, 1, {40, 44, 5}, 200, 0.50, 0.75},
        {7, 20, {40, 44, 5}, 200, 0.86, 1},
        {7, 1, {0, 96, 2}, 200, 0.95, 1},
        {7, 20, {0, 96, 2}, 200, 0.98, 1},
};

START_TEST(simulated_days_fail_as_often_as_designed) {
        for (size_t i = 0; i < ELEMENTS(bars); i++) {
                const struct Bar *bar = &bars[i];
                double rate = failing(bar->n_days, bar->errors, bar->effect, bar->runs);

                ck_assert_msg(rate >= bar->at_least && rate <= bar->at_most, "bar %zu: %.3f fail", i, rate);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                each_case_has_its_status_and_cause,
                the_numbers_are_those_of_the_bucket_that_decided,
                a_spotless_baseline_forgives_nine_errors,
                a_baseline_day_with_holes_is_none,
                a_small_bucket_of_the_baseline_makes_no_room,
                simulated_days_fail_as_often_as_designed,
        };

        return unit_run("error-rate", tests, ELEMENTS(tests));
}
