/* Error rate: rollbacks among the transactions, against the days before.
 *
 * Two rules. A bucket fails above 1.5 times the baseline's highest one; with three days of
 * baseline or more the whole day fails beyond 1.25 times their mean and 3.2 standard deviations.
 * Neither fails below 10 errors. "Any interval above 3 sigma" is not among them: real error rates
 * are no Poisson processes, and it raised a false alarm in every simulated day.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>

#include "pgvigil/phase/statistics.h"

#define BUCKET_FACTOR  1.5
#define DAY_FACTOR     1.25
#define DAY_DEVIATIONS 3.2
#define DAYS_FOR_DAY   3   /* of baseline, from which on the whole day is tested */
#define ERRORS_MIN     10  /* fewer fail nothing */
#define TOTAL_MIN      100 /* transactions of a bucket with a ratio that means anything */
#define TESTED_MIN     4   /* at least one bucket in so many must be that large */

typedef struct Sum {
        int64_t errors, total;
        size_t n_void;
} Sum;

/* Large buckets have the rule. What is small is compared with its like, and never fails: 10 errors
 * of 60 transactions at night would make room for 15 % at noon. */
typedef struct Peaks {
        double large, small;
} Peaks;

static bool is_void(const ErrorBucket *bucket) {
        return bucket->is_void || bucket->commits < 0 || bucket->rollbacks < 0;
}

static int64_t total_of(const ErrorBucket *bucket) {
        return bucket->commits + bucket->rollbacks;
}

static double ratio_of(int64_t errors, int64_t total) {
        return total > 0 ? (double)errors / (double)total : 0;
}

static Sum sum_of(const ErrorBucket *buckets, size_t n) {
        Sum sum = {};

        for (size_t i = 0; i < n; i++) {
                if (is_void(&buckets[i])) {
                        sum.n_void++;
                        continue;
                }
                sum.errors += buckets[i].rollbacks;
                sum.total += total_of(&buckets[i]);
        }
        return sum;
}

static void raise_peaks(Peaks *peaks, const ErrorBucket *day) {
        for (size_t i = 0; i < PHASE_BUCKETS; i++) {
                double ratio = ratio_of(day[i].rollbacks, total_of(&day[i]));

                if (is_void(&day[i]))
                        continue;
                if (total_of(&day[i]) >= TOTAL_MIN)
                        peaks->large = fmax(peaks->large, ratio);
                if (day[i].rollbacks >= ERRORS_MIN)
                        peaks->small = fmax(peaks->small, ratio);
        }
}

/* What the baseline allows: peaks of its buckets, and the limit of a whole day. */
static Peaks read_baseline(const ErrorRateInput *input, ErrorRate *ret, double *ret_day) {
        double mean = 0, squares = 0;
        Peaks peaks = {};

        for (size_t d = 0; d < input->n_days; d++) {
                const ErrorBucket *day = &input->baseline[d * PHASE_BUCKETS];
                Sum sum = sum_of(day, PHASE_BUCKETS);
                double ratio = ratio_of(sum.errors, sum.total), step;

                if ((double)sum.n_void > PHASE_VOID_MAX * PHASE_BUCKETS)
                        continue;
                raise_peaks(&peaks, day);
                ret->n_days++;
                step = ratio - mean;
                mean += step / (double)ret->n_days;
                squares += step * (ratio - mean);
        }
        *ret_day = INFINITY;
        if (ret->n_days >= DAYS_FOR_DAY)
                *ret_day = fmax(DAY_FACTOR * mean,
                                mean + DAY_DEVIATIONS * sqrt(squares / (double)(ret->n_days - 1)));
        return peaks;
}

static void decide(ErrorRate *ret, Status status, ErrorCause cause) {
        if (status < ret->status)
                return;
        ret->status = status;
        ret->cause = cause;
}

static void show_bucket(ErrorRate *ret, const ErrorRateInput *input, size_t i, double limit) {
        ret->bucket = i;
        ret->errors = input->window[i].rollbacks;
        ret->total = total_of(&input->window[i]);
        ret->ratio = ratio_of(ret->errors, ret->total);
        ret->limit = limit;
}

/* The worst bucket decides, and among equals the highest. */
static void test_buckets(const ErrorRateInput *input, Peaks peaks, ErrorRate *ret) {
        for (size_t i = 0; i < input->n_window; i++) {
                const ErrorBucket *bucket = &input->window[i];
                bool is_large = total_of(bucket) >= TOTAL_MIN;
                double limit = BUCKET_FACTOR * (is_large ? peaks.large : fmax(peaks.small, peaks.large));
                double ratio = ratio_of(bucket->rollbacks, total_of(bucket));
                Status status = STATUS_PASS;

                if (is_void(bucket))
                        continue;
                ret->n_tested += is_large;
                if (bucket->rollbacks >= ERRORS_MIN && ratio > limit)
                        status = is_large ? STATUS_FAIL : STATUS_UNKNOWN;
                if (status < ret->status || (status == STATUS_PASS && !is_large))
                        continue;
                if (status > ret->status || ratio > ret->ratio || ret->total == 0)
                        show_bucket(ret, input, i, limit);
                decide(ret, status,
                       status == STATUS_FAIL      ? ERROR_RATE_BUCKET
                       : status == STATUS_UNKNOWN ? ERROR_RATE_SMALL_BUCKET
                                                  : ERROR_RATE_FINE);
        }
}

/* Half a day is not compared with whole ones. */
static void test_day(const ErrorRateInput *input, const Sum *sum, double limit, ErrorRate *ret) {
        double ratio = ratio_of(sum->errors, sum->total);

        if (ret->status == STATUS_FAIL || input->n_window < PHASE_BUCKETS || ratio <= limit ||
            sum->errors < ERRORS_MIN)
                return;
        ret->errors = sum->errors;
        ret->total = sum->total;
        ret->ratio = ratio;
        ret->limit = limit;
        decide(ret, STATUS_FAIL, ERROR_RATE_DAY);
}

static void test_evidence(ErrorRate *ret) {
        if (ret->status == STATUS_FAIL)
                return;
        if (ret->n_window == 0)
                decide(ret, STATUS_UNKNOWN, ERROR_RATE_TOO_EARLY);
        else if ((double)ret->n_void > PHASE_VOID_MAX * (double)ret->n_window)
                decide(ret, STATUS_UNKNOWN, ERROR_RATE_VOID);
        else if (ret->cause == ERROR_RATE_FINE && ret->n_tested * TESTED_MIN < ret->n_window)
                decide(ret, STATUS_UNKNOWN, ERROR_RATE_FEW);
}

void error_rate(const ErrorRateInput *input, ErrorRate *ret) {
        Sum sum = sum_of(input->window, input->n_window);
        double day_limit;
        Peaks peaks;

        *ret = (ErrorRate){
                .status = STATUS_PASS,
                .n_window = input->n_window,
                .n_void = sum.n_void,
                .all_errors = sum.errors,
                .all_total = sum.total,
        };
        peaks = read_baseline(input, ret, &day_limit);
        if (ret->n_days == 0) {
                ret->status = STATUS_SKIPPED;
                ret->cause = ERROR_RATE_NO_BASELINE;
                return;
        }
        test_buckets(input, peaks, ret);
        test_day(input, &sum, day_limit, ret);
        test_evidence(ret);
}
