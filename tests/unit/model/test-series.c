/* What is made of a window.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/series.h"

#include <math.h>

#include "../unit.h"

#define GAP NAN

static SeriesWindow window_of(const double *values, size_t n) {
        SeriesWindow window = {
                .step = USEC_PER_MINUTE, .points = calloc(n + 1, sizeof(SeriesPoint)), .n_points = n};

        ck_assert_ptr_nonnull(window.points);
        for (size_t i = 0; i < n; i++)
                window.points[i] = (SeriesPoint){(100 + i) * USEC_PER_MINUTE, !isnan(values[i]), values[i],
                                                 values[i], values[i]};
        return window;
}

#define VALUES(...) ((const double[]){__VA_ARGS__}), sizeof((const double[]){__VA_ARGS__}) / sizeof(double)

static void expect(const SeriesWindow *window, const double *values, size_t n) {
        ck_assert_uint_eq(window->n_points, n);
        for (size_t i = 0; i < n; i++) {
                const SeriesPoint *point = &window->points[i];

                ck_assert_msg(point->count == !isnan(values[i]), "point %zu: count %u", i, point->count);
                if (point->count > 0) {
                        ck_assert_double_eq_tol(point->sum, values[i], 1e-12);
                        ck_assert_double_eq_tol(point->min, values[i], 1e-12);
                        ck_assert_double_eq_tol(point->max, values[i], 1e-12);
                }
        }
}

START_TEST(growth_is_told_between_two_neighbours_only) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(10, 12, 12, GAP, 20, 25));

        series_window_growth(&window);
        expect(&window, VALUES(2, 0, GAP, GAP, 5));
        ck_assert_uint_eq(window.points[0].start, 101 * USEC_PER_MINUTE);
}
END_TEST

START_TEST(a_counter_that_fell_tells_nothing_of_that_step) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(10, 3, 5, 8));

        /* Reset within the step, and past the old value again. */
        window.points[3] = (SeriesPoint){window.points[3].start, 3, 1, 9, 18};
        series_window_growth(&window);
        expect(&window, VALUES(GAP, 2, GAP));
}
END_TEST

START_TEST(the_growth_of_several_samples_counts_from_the_step_before) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(10, 11));

        window.points[0] = (SeriesPoint){window.points[0].start, 3, 8, 10, 27};
        window.points[1] = (SeriesPoint){window.points[1].start, 3, 11, 16, 40};
        series_window_growth(&window);
        expect(&window, VALUES(6));
}
END_TEST

START_TEST(an_empty_window_has_no_growth) {
        SeriesWindow window = {};

        series_window_growth(&window);
        ck_assert_uint_eq(window.n_points, 0);
}
END_TEST

START_TEST(a_share_is_of_both_and_unknown_where_one_is) {
        _cleanup_(series_window_done) SeriesWindow part = window_of(VALUES(1, 0, GAP, 2, 0, 5));
        _cleanup_(series_window_done) SeriesWindow rest = window_of(VALUES(3, 9, 7, GAP, 0, 5));
        _cleanup_(series_window_done) SeriesWindow lost = window_of(VALUES(GAP, GAP, GAP, GAP, GAP, 1));

        series_window_share(&part, &rest, &lost);
        expect(&part, VALUES(0.25, 0, GAP, GAP, GAP, GAP));
}
END_TEST

START_TEST(a_share_without_anything_lost) {
        _cleanup_(series_window_done) SeriesWindow part = window_of(VALUES(1)), rest = window_of(VALUES(1));

        series_window_share(&part, &rest, &(SeriesWindow){});
        expect(&part, VALUES(0.5));
}
END_TEST

START_TEST(windows_of_other_steps_are_not_compared) {
        _cleanup_(series_window_done) SeriesWindow part = window_of(VALUES(1, 1)),
                                                   rest = window_of(VALUES(1, 1));
        _cleanup_(series_window_done) SeriesWindow none = window_of(VALUES(1, 1)),
                                                   part_too = window_of(VALUES(1, 1));

        rest.step *= 2;
        series_window_share(&part, &rest, &(SeriesWindow){});
        expect(&part, VALUES(GAP, GAP));
        none.n_points = 0;
        series_window_share(&part_too, &none, &(SeriesWindow){});
        expect(&part_too, VALUES(GAP, GAP));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                growth_is_told_between_two_neighbours_only,
                a_counter_that_fell_tells_nothing_of_that_step,
                the_growth_of_several_samples_counts_from_the_step_before,
                an_empty_window_has_no_growth,
                a_share_is_of_both_and_unknown_where_one_is,
                a_share_without_anything_lost,
                windows_of_other_steps_are_not_compared,
        };

        return unit_run("series", tests, ELEMENTS(tests));
}
