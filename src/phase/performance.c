/* Performance: what the same statements cost, against the same hours of the days before.
 *
 * The index of an hour is the basket of its statements: each one's ratio of means, weighted by its
 * time in the baseline, so that a changed mix of statements cannot move it. The median over the
 * hours is compared with what it is when each day of the baseline is left out and takes the
 * place of the phase: days differ, and how much is all that is known of chance.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "pgvigil/phase/statistics.h"

#define CALLS_MIN    100  /* of a statement, on both sides; and of an hour, to be compared */
#define SPREAD_MIN   0.02 /* two days that happen to agree prove no calm */
#define COVERAGE_MIN 0.5  /* of the phase's time */
#define COMPARED_MIN 4    /* at least one hour in so many */
#define DAYS_FOR_LOO 2

/* The input, and what of it takes part. */
typedef struct Basket {
        const PerformanceInput *input;
        bool *is_in;   /* a statement */
        bool *is_used; /* a day of the baseline */
        size_t n_used;
        bool is_compared[PHASE_HOURS]; /* an hour of the phase */
} Basket;

static void basket_done(Basket *basket) {
        free(basket->is_in);
        free(basket->is_used);
}

/* Of a day, that take part. */
static size_t hours_of_day(const PerformanceInput *input) {
        return PHASE_HOURS - (input->is_shifted ? 1 : 0);
}

static bool hour_is_void(const PerformanceInput *input, size_t day, size_t hour) {
        return input->void_hours && input->void_hours[day * PHASE_HOURS + hour];
}

static bool hour_counts(const Basket *basket, size_t day, size_t hour) {
        const PerformanceInput *input = basket->input;

        if (hour_is_void(input, day, hour))
                return false;
        return day == input->n_days ? hour < input->n_hours : basket->is_used[day];
}

static const StatementHour *hour_of(const Basket *basket, size_t statement, size_t day, size_t hour) {
        return &basket->input->statements[statement].hours[day * PHASE_HOURS + hour];
}

static void add_hour(StatementHour *sum, const StatementHour *hour) {
        sum->calls += hour->calls;
        sum->total_ms += hour->total_ms;
}

static double mean_of(const StatementHour *hour) {
        return hour->total_ms / (double)hour->calls;
}

/* One statement's baseline at that hour, without the day `left_out` (n_days: none). */
static StatementHour baseline_hour(const Basket *basket, size_t statement, size_t hour, size_t left_out) {
        StatementHour sum = {};

        for (size_t d = 0; d < basket->input->n_days; d++)
                if (d != left_out && hour_counts(basket, d, hour))
                        add_hour(&sum, hour_of(basket, statement, d, hour));
        return sum;
}

/* The basket's index of one hour of a day against the others of the baseline; NAN: too few calls. */
static double hour_index(const Basket *basket, size_t day, size_t hour) {
        double weights = 0, weighted = 0;
        int64_t calls = 0, base_calls = 0;

        if (!hour_counts(basket, day, hour))
                return NAN;
        for (size_t i = 0; i < basket->input->n_statements; i++) {
                const StatementHour *now = hour_of(basket, i, day, hour);
                StatementHour base;

                if (!basket->is_in[i] || now->calls <= 0)
                        continue;
                base = baseline_hour(basket, i, hour, day);
                if (base.calls <= 0 || base.total_ms <= 0)
                        continue;
                calls += now->calls;
                base_calls += base.calls;
                weights += base.total_ms;
                weighted += base.total_ms * mean_of(now) / mean_of(&base);
        }
        return calls >= CALLS_MIN && base_calls >= CALLS_MIN ? weighted / weights : NAN;
}

static int compare_doubles(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static double median_of(double *values, size_t n) {
        qsort(values, n, sizeof(*values), compare_doubles);
        return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Median log index of a day over the hours that the phase has too; false: none. */
static bool day_median(const Basket *basket, size_t day, double *ret) {
        const PerformanceInput *input = basket->input;
        double logs[PHASE_HOURS];
        size_t n = 0;

        for (size_t h = 0; h < hours_of_day(input); h++) {
                double index = basket->is_compared[h] ? hour_index(basket, day, h) : NAN;

                if (index > 0)
                        logs[n++] = log(index);
        }
        if (n > 0)
                *ret = median_of(logs, n);
        return n > 0;
}

static void choose_days(Basket *basket) {
        const PerformanceInput *input = basket->input;

        for (size_t d = 0; d < input->n_days; d++) {
                size_t n_void = 0;

                for (size_t h = 0; h < hours_of_day(input); h++)
                        n_void += hour_is_void(input, d, h);
                basket->is_used[d] = (double)n_void <= PHASE_VOID_MAX * (double)hours_of_day(input);
                basket->n_used += basket->is_used[d];
        }
}

static StatementHour side_of(const Basket *basket, size_t statement, size_t first_day, size_t end_day) {
        const PerformanceInput *input = basket->input;
        StatementHour sum = {};

        for (size_t d = first_day; d < end_day; d++)
                for (size_t h = 0; h < hours_of_day(input); h++)
                        if (hour_counts(basket, d, h))
                                add_hour(&sum, hour_of(basket, statement, d, h));
        return sum;
}

/* Who is on both sides, and how much of the phase's time that is. */
static void choose_statements(Basket *basket, Performance *ret) {
        const PerformanceInput *input = basket->input;
        double time = 0, covered = 0;

        for (size_t i = 0; i < input->n_statements; i++) {
                StatementHour base = side_of(basket, i, 0, input->n_days);
                StatementHour now = side_of(basket, i, input->n_days, input->n_days + 1);

                basket->is_in[i] = base.calls >= CALLS_MIN && now.calls >= CALLS_MIN;
                ret->n_statements += basket->is_in[i];
                ret->n_total += now.calls > 0;
                time += now.total_ms;
                covered += basket->is_in[i] ? now.total_ms : 0;
        }
        ret->coverage = time > 0 ? covered / time : 0;
}

static void decide(Performance *ret, Status status, PerformanceCause cause) {
        ret->status = status;
        ret->cause = cause;
}

/* Why the phase cannot be compared, if so. */
static bool lacks_evidence(const Performance *ret, Status *status, PerformanceCause *cause) {
        *status = STATUS_UNKNOWN;
        if (ret->n_days == 0) {
                *status = STATUS_SKIPPED;
                *cause = PERFORMANCE_NO_BASELINE;
        } else if (ret->n_hours == 0)
                *cause = PERFORMANCE_TOO_EARLY;
        else if (ret->n_compared == 0 || ret->n_compared * COMPARED_MIN < ret->n_hours)
                *cause = (double)ret->n_void > PHASE_VOID_MAX * (double)ret->n_hours ? PERFORMANCE_VOID
                                                                                     : PERFORMANCE_FEW;
        else
                return false;
        return true;
}

/* The baseline's largest hour against its other days. */
static double largest_hour(const Basket *basket) {
        const PerformanceInput *input = basket->input;
        double largest = 0;

        for (size_t d = 0; d < input->n_days; d++)
                for (size_t h = 0; basket->is_used[d] && h < hours_of_day(input); h++)
                        largest = fmax(largest, hour_index(basket, d, h));
        return largest;
}

/* The median does not see a bad hour or two. */
static bool has_slow_stretch(const Basket *basket, Performance *ret) {
        bool was_above = false;

        ret->limit = fmax(1 + PERFORMANCE_MARGIN, largest_hour(basket));
        for (size_t h = 0; h < basket->input->n_hours; h++) {
                double index = hour_index(basket, basket->input->n_days, h);
                bool is_above = index > ret->limit;

                if (is_above && was_above) {
                        ret->hour = h;
                        ret->index = index;
                        return true;
                }
                was_above = is_above;
        }
        return false;
}

/* s: how far a day like the others may lie from them. Leaving a day out moves its mean away from it by
 * B / (B - 1), which is taken back. */
static double spread_of(const Basket *basket) {
        double mean = 0, squares = 0, days = (double)basket->n_used;
        size_t n = 0;

        for (size_t d = 0; d < basket->input->n_days; d++) {
                double median, step;

                if (!basket->is_used[d] || !day_median(basket, d, &median))
                        continue;
                step = median - mean;
                mean += step / (double)++n;
                squares += step * (median - mean);
        }
        if (n < 2)
                return INFINITY;
        return fmax(SPREAD_MIN, sqrt(1 + 1 / days) * sqrt(squares / (double)(n - 1)) * (days - 1) / days);
}

static void decide_with_days(const Basket *basket, Performance *ret) {
        double margin = log(1 + PERFORMANCE_MARGIN);

        ret->spread = spread_of(basket);
        ret->reach = student_t95(basket->n_used - 1) * ret->spread;
        if (ret->median > margin && ret->median - ret->reach > 0)
                decide(ret, STATUS_FAIL, PERFORMANCE_SLOWER);
        else if (has_slow_stretch(basket, ret))
                decide(ret, STATUS_FAIL, PERFORMANCE_SLOW_STRETCH);
        else if (ret->median + ret->reach < margin)
                decide(ret, STATUS_PASS, PERFORMANCE_FINE);
        else
                decide(ret, STATUS_UNKNOWN, PERFORMANCE_INCONCLUSIVE);
}

/* One day cannot say how much days differ. */
static void decide_with_one_day(Performance *ret) {
        if (ret->median > log(1 + PERFORMANCE_MARGIN))
                decide(ret, STATUS_FAIL, PERFORMANCE_SLOWER);
        else
                decide(ret, STATUS_PASS, PERFORMANCE_NOTHING_SEEN);
}

/* A pass needs all of the evidence, a fail only that which it stands on. */
static void demand_evidence(Performance *ret) {
        if (ret->status == STATUS_FAIL)
                return;
        if ((double)ret->n_void > PHASE_VOID_MAX * (double)ret->n_hours)
                decide(ret, STATUS_UNKNOWN, PERFORMANCE_VOID);
        else if (ret->coverage < COVERAGE_MIN)
                decide(ret, STATUS_UNKNOWN, PERFORMANCE_UNCOVERED);
}

static void insert_shift(Performance *ret, const StatementShift *shift) {
        size_t at = ret->n_moved;

        while (at > 0 && fabs(ret->moved[at - 1].effect) < fabs(shift->effect))
                at--;
        if (at == PERFORMANCE_MOVED)
                return;
        if (ret->n_moved < PERFORMANCE_MOVED)
                ret->n_moved++;
        memmove(&ret->moved[at + 1], &ret->moved[at], (ret->n_moved - at - 1) * sizeof(*shift));
        ret->moved[at] = *shift;
}

static void find_moved(const Basket *basket, Performance *ret) {
        const PerformanceInput *input = basket->input;
        double time = 0;

        for (size_t i = 0; i < input->n_statements; i++) {
                StatementHour base = side_of(basket, i, 0, input->n_days);
                StatementHour now = side_of(basket, i, input->n_days, input->n_days + 1);
                StatementShift shift = {.text = input->statements[i].text,
                                        .queryid = input->statements[i].queryid};

                if (!basket->is_in[i])
                        continue;
                time += base.total_ms;
                shift.before_ms = mean_of(&base);
                shift.after_ms = mean_of(&now);
                shift.effect = (double)base.calls * (shift.after_ms - shift.before_ms);
                insert_shift(ret, &shift);
        }
        for (size_t i = 0; i < ret->n_moved && time > 0; i++)
                ret->moved[i].effect /= time;
}

static void compare(Basket *basket, Performance *ret) {
        const PerformanceInput *input = basket->input;
        PerformanceCause cause;
        Status status;

        choose_days(basket);
        choose_statements(basket, ret);
        ret->n_days = basket->n_used;
        ret->n_hours = input->n_hours;
        for (size_t h = 0; h < PHASE_HOURS; h++)
                ret->indexes[h] = h < input->n_hours ? hour_index(basket, input->n_days, h) : NAN;
        for (size_t h = 0; h < input->n_hours; h++) {
                ret->n_void += hour_is_void(input, input->n_days, h);
                basket->is_compared[h] = ret->indexes[h] > 0;
                ret->n_compared += basket->is_compared[h];
        }
        if (lacks_evidence(ret, &status, &cause)) {
                decide(ret, status, cause);
                return;
        }
        day_median(basket, input->n_days, &ret->median);
        find_moved(basket, ret);
        if (basket->n_used >= DAYS_FOR_LOO)
                decide_with_days(basket, ret);
        else
                decide_with_one_day(ret);
        demand_evidence(ret);
}

int performance(const PerformanceInput *input, Performance *ret) {
        _cleanup_(basket_done) Basket basket = {.input = input};

        *ret = (Performance){.status = STATUS_UNKNOWN};
        basket.is_in = calloc(input->n_statements + 1, sizeof(*basket.is_in));
        basket.is_used = calloc(input->n_days + 1, sizeof(*basket.is_used));
        if (!basket.is_in || !basket.is_used)
                return -ENOMEM;
        compare(&basket, ret);
        return 0;
}
