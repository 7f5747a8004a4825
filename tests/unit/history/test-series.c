/* Tests of history/series: buckets, roll-ups, gaps, clocks that jump, and what a restart merges.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "history/series.h"

#include <math.h>
#include <stdio.h>

#include "../unit.h"

#define T0        (1764000000 * USEC_PER_SEC) /* on a whole hour, and of all widths */
#define RETENTION (15 * USEC_PER_DAY)

static void set_done(SeriesBook *set) {
        series_book_done(set);
}

static SeriesBook new_set(void) {
        SeriesBook set;

        series_book_init(&set, RETENTION);
        return set;
}

static void add(SeriesBook *set, usec_t at, double value) {
        ck_assert_int_eq(series_book_add(set, "shop", "a", at, value), 0);
}

static SeriesWindow window_of(const SeriesBook *set, usec_t from, usec_t to, usec_t step) {
        const SeriesQuery query = {from, to, step};
        SeriesWindow window;

        ck_assert_int_eq(series_window(series_book_find(set, "shop", "a"), &query, &window), 0);
        return window;
}

static void expect(const SeriesPoint *point, uint32_t count, double min, double max, double sum) {
        ck_assert_uint_eq(point->count, count);
        ck_assert_double_eq(point->min, min);
        ck_assert_double_eq(point->max, max);
        ck_assert_double_eq(point->sum, sum);
}

START_TEST(a_bucket_that_never_came_is_a_gap) {
        _cleanup_(set_done) SeriesBook set = new_set();
        _cleanup_(series_window_done) SeriesWindow window = {};

        add(&set, T0, 3);
        add(&set, T0 + 45 * USEC_PER_SEC, 0);
        window = window_of(&set, T0, T0 + USEC_PER_MINUTE, 0);
        ck_assert_uint_eq(window.n_points, 4);
        ck_assert_uint_eq(window.step, 15 * USEC_PER_SEC);
        expect(&window.points[0], 1, 3, 3, 3);
        ck_assert_uint_eq(window.points[1].count, 0);
        ck_assert_uint_eq(window.points[2].count, 0);
        ck_assert_uint_eq(window.points[2].start, T0 + 30 * USEC_PER_SEC);
        expect(&window.points[3], 1, 0, 0, 0);
}
END_TEST

START_TEST(each_width_holds_every_sample) {
        static const usec_t steps[] = {15 * USEC_PER_SEC, 5 * USEC_PER_MINUTE, USEC_PER_HOUR};
        _cleanup_(set_done) SeriesBook set = new_set();

        for (unsigned i = 0; i < 480; i++)
                add(&set, T0 + i * 15 * USEC_PER_SEC, i % 2 ? -1.0 * i : i);
        for (size_t i = 0; i < ELEMENTS(steps); i++) {
                _cleanup_(series_window_done)
                        SeriesWindow window = window_of(&set, T0, T0 + 2 * USEC_PER_HOUR, steps[i]);
                SeriesPoint all = {};

                ck_assert_uint_eq(window.n_points, 2 * USEC_PER_HOUR / steps[i]);
                for (size_t j = 0; j < window.n_points; j++)
                        series_point_merge(&all, &window.points[j]);
                expect(&all, 480, -479, 478, -240);
        }
        for (SeriesLevel level = 0; level < N_LEVELS; level++) {
                const Ring *ring = &series_book_find(&set, "shop", "a")->rings[level];
                SeriesPoint all;

                ring_sum(ring, T0 / USEC_PER_SEC, T0 / USEC_PER_SEC + 7200, &all);
                expect(&all, 480, -479, 478, -240);
        }
}
END_TEST

START_TEST(an_older_window_comes_from_a_wider_level) {
        static const struct {
                usec_t age, step;
        } cases[] = {
                {6 * USEC_PER_HOUR, 15 * USEC_PER_SEC},  {6 * USEC_PER_HOUR + 1, 5 * USEC_PER_MINUTE},
                {7 * USEC_PER_DAY, 5 * USEC_PER_MINUTE}, {7 * USEC_PER_DAY + 1, USEC_PER_HOUR},
                {15 * USEC_PER_DAY, USEC_PER_HOUR},
        };
        _cleanup_(set_done) SeriesBook set = new_set();

        for (usec_t age = 15 * USEC_PER_DAY; age > 0; age -= USEC_PER_HOUR)
                add(&set, T0 - age, 1);
        add(&set, T0, 1);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                usec_t from = T0 - cases[i].age;
                _cleanup_(series_window_done)
                        SeriesWindow window = window_of(&set, from, from + USEC_PER_HOUR, 0);

                ck_assert_uint_eq(window.step, cases[i].step);
                for (size_t j = 1; j < window.n_points; j++)
                        series_point_merge(&window.points[0], &window.points[j]);
                ck_assert_uint_ge(window.points[0].count, 1);
        }
}
END_TEST

START_TEST(a_window_is_bounded_whatever_is_asked) {
        static const SeriesQuery queries[] = {
                {0, USEC_INFINITY, 0},
                {0, USEC_INFINITY, USEC_INFINITY},
                {T0, T0 + 1, USEC_INFINITY},
                {0, T0, 1},
                {USEC_INFINITY - 1, USEC_INFINITY, 0},
                {T0 + 1, T0, 0},
                {T0, T0, 0},
        };
        _cleanup_(set_done) SeriesBook set = new_set();

        add(&set, T0, 1);
        for (size_t i = 0; i < ELEMENTS(queries); i++) {
                _cleanup_(series_window_done) SeriesWindow window = window_of(&set, queries[i].from,
                                                                              queries[i].to, queries[i].step);

                ck_assert_uint_le(window.n_points, SERIES_POINTS_MAX);
                if (window.n_points > 0)
                        ck_assert_uint_gt(window.points[window.n_points - 1].start + window.step,
                                          queries[i].from);
        }
}
END_TEST

START_TEST(what_is_no_number_is_no_sample) {
        _cleanup_(set_done) SeriesBook set = new_set();

        ck_assert_int_eq(series_book_add(&set, "shop", "a", T0, NAN), 1);
        ck_assert_int_eq(series_book_add(&set, "shop", "a", T0, INFINITY), 1);
        ck_assert_ptr_null(series_book_find(&set, "shop", "a"));
        ck_assert_uint_eq(set.refused, 2);
}
END_TEST

START_TEST(targets_and_names_are_kept_apart) {
        _cleanup_(set_done) SeriesBook set = new_set();
        size_t n, first;

        ck_assert_int_eq(series_book_add(&set, "shop", "b", T0, 1), 0);
        ck_assert_int_eq(series_book_add(&set, "sho", "pb", T0, 2), 0);
        ck_assert_int_eq(series_book_add(&set, "shop", "a", T0, 3), 0);
        first = series_book_of_target(&set, "shop", &n);
        ck_assert_uint_eq(n, 2);
        ck_assert_str_eq(set.items[first]->name, "a");
        ck_assert_str_eq(set.items[first + 1]->name, "b");
        ck_assert_ptr_null(series_book_find(&set, "shop", "pb"));
        ck_assert_ptr_null(series_book_find(&set, "", ""));
}
END_TEST

START_TEST(one_too_many_takes_the_place_of_an_idle_one_only) {
        _cleanup_(set_done) SeriesBook set = new_set();
        char name[16];

        for (int i = 0; i < SERIES_MAX; i++) {
                (void)snprintf(name, sizeof(name), "s%03d", i);
                ck_assert_int_eq(series_book_add(&set, "shop", name, T0 + (usec_t)i, 1), 0);
        }
        ck_assert_int_eq(series_book_add(&set, "shop", "new", T0 + USEC_PER_HOUR - 1, 1), 1);
        ck_assert_uint_eq(set.refused, 1);
        ck_assert_int_eq(series_book_add(&set, "other", "new", T0, 1), 0);
        ck_assert_int_eq(series_book_add(&set, "shop", "new", T0 + USEC_PER_HOUR, 1), 0);
        ck_assert_ptr_null(series_book_find(&set, "shop", "s000"));
        ck_assert_ptr_nonnull(series_book_find(&set, "shop", "s001"));
}
END_TEST

START_TEST(d24_a_clock_that_jumps_loses_no_sample_and_repeats_none) {
        static const usec_t jumps[] = {USEC_PER_DAY, USEC_PER_HOUR, 20 * USEC_PER_DAY, 1};

        for (size_t i = 0; i < ELEMENTS(jumps); i++) {
                _cleanup_(set_done) SeriesBook set = new_set();
                _cleanup_(series_window_done) SeriesWindow window = {};
                SeriesPoint all = {};

                add(&set, T0, 1);
                add(&set, T0 + jumps[i], 2);
                add(&set, T0 - jumps[i], 4); /* back beyond where it was */
                add(&set, T0 + 15 * USEC_PER_SEC, 8);
                window = window_of(&set, T0 - jumps[i], T0 + 20 * USEC_PER_SEC, 0);
                for (size_t j = 0; j < window.n_points; j++)
                        series_point_merge(&all, &window.points[j]);
                ck_assert_double_eq(all.max, 8);
                ck_assert_double_ge(all.sum, 12); /* 1 may have made place in the ring */
                ck_assert_double_le(all.sum, 15);
        }
}
END_TEST

typedef struct Told {
        unsigned count[N_LEVELS];
        SeriesPoint last[N_LEVELS];
} Told;

static void on_closed(void *userdata, Series *series, SeriesLevel level, const SeriesPoint *point) {
        Told *told = userdata;

        told->count[level]++;
        told->last[level] = *point;
}

START_TEST(a_bucket_is_told_once_when_the_next_begins) {
        _cleanup_(set_done) SeriesBook set = new_set();
        Told told = {};

        set.closed = on_closed;
        set.userdata = &told;
        for (unsigned i = 0; i < 720; i++)
                add(&set, T0 + i * 5 * USEC_PER_SEC, 1);
        ck_assert_uint_eq(told.count[LEVEL_FINE], 239);
        ck_assert_uint_eq(told.count[LEVEL_MIDDLE], 11);
        ck_assert_uint_eq(told.count[LEVEL_HOUR], 0);
        expect(&told.last[LEVEL_FINE], 3, 1, 1, 3);
        expect(&told.last[LEVEL_MIDDLE], 60, 1, 1, 60);
        add(&set, T0 + USEC_PER_HOUR, 1);
        expect(&told.last[LEVEL_HOUR], 720, 1, 1, 720);
        series_book_close(&set, T0 + USEC_PER_HOUR);
        ck_assert_uint_eq(told.count[LEVEL_HOUR], 2);
        expect(&told.last[LEVEL_HOUR], 1, 1, 1, 1);
}
END_TEST

START_TEST(a_bucket_that_grows_is_told_when_asked_and_not_again_before_it_has_grown) {
        _cleanup_(set_done) SeriesBook set = new_set();
        Told told = {};

        set.closed = on_closed;
        set.userdata = &told;
        add(&set, T0, 1);
        for (unsigned i = 0; i < 2; i++)
                series_book_tell_grown(&set);
        ck_assert_uint_eq(told.count[LEVEL_FINE], 1);
        add(&set, T0 + USEC_PER_SEC, 2);
        series_book_tell_grown(&set);
        ck_assert_uint_eq(told.count[LEVEL_FINE], 2);
        expect(&told.last[LEVEL_FINE], 2, 1, 2, 3);
        add(&set, T0 + 15 * USEC_PER_SEC, 1);
        ck_assert_uint_eq(told.count[LEVEL_FINE], 2);
        add(&set, T0 + 30 * USEC_PER_SEC, 1);
        ck_assert_uint_eq(told.count[LEVEL_FINE], 3);
        ck_assert_uint_eq(told.count[LEVEL_MIDDLE], 0);
}
END_TEST

/* Only fine buckets of the last minutes reached the file. */
START_TEST(what_a_kill_lost_of_wide_buckets_is_made_of_fine_ones) {
        _cleanup_(set_done) SeriesBook set = new_set();
        const Ring *rings;
        Told told = {};
        SeriesPoint point;

        set.closed = on_closed;
        set.userdata = &told;
        for (unsigned i = 0; i < 260; i++) {
                point = (SeriesPoint){T0 + i * 15 * USEC_PER_SEC, 1, i, i, i};
                ck_assert_int_eq(series_book_put(&set, "shop", "a", LEVEL_FINE, &point), 0);
        }
        point = (SeriesPoint){T0, 20, 100, 100, 2000}; /* of another time: it is not added up again */
        ck_assert_int_eq(series_book_put(&set, "shop", "a", LEVEL_MIDDLE, &point), 0);
        series_book_rebuild(&set, T0 + 65 * USEC_PER_MINUTE);
        rings = series_book_find(&set, "shop", "a")->rings;
        ck_assert(ring_get(&rings[LEVEL_MIDDLE], T0 / USEC_PER_SEC, &point));
        expect(&point, 20, 100, 100, 2000);
        ck_assert(ring_get(&rings[LEVEL_MIDDLE], T0 / USEC_PER_SEC + 300, &point));
        expect(&point, 20, 20, 39, 590);
        ck_assert(ring_get(&rings[LEVEL_HOUR], T0 / USEC_PER_SEC, &point));
        ck_assert_uint_eq(point.count, 240);
        ck_assert(ring_get(&rings[LEVEL_HOUR], T0 / USEC_PER_SEC + 3600, &point));
        ck_assert_uint_eq(point.count, 20); /* of the hour that grows still: not told */
        ck_assert_uint_eq(told.count[LEVEL_HOUR], 1);
        ck_assert_uint_eq(told.count[LEVEL_MIDDLE], 12);
}
END_TEST

/* An earlier process ended well, and left what it had of them. */
START_TEST(of_wide_buckets_that_a_kill_lost_a_part_of_the_whole_is_made_again) {
        _cleanup_(set_done) SeriesBook set = new_set();
        Told told = {};
        SeriesPoint point;

        set.closed = on_closed;
        set.userdata = &told;
        for (unsigned i = 0; i < 30; i++) {
                point = (SeriesPoint){T0 + i * 15 * USEC_PER_SEC, 1, i, i, i};
                ck_assert_int_eq(series_book_put(&set, "shop", "a", LEVEL_FINE, &point), 0);
        }
        for (SeriesLevel level = LEVEL_MIDDLE; level < N_LEVELS; level++) {
                point = (SeriesPoint){T0, 4, 0, 3, 6};
                ck_assert_int_eq(series_book_put(&set, "shop", "a", level, &point), 0);
        }
        series_book_rebuild(&set, T0 + 8 * USEC_PER_MINUTE);
        ck_assert_uint_eq(told.count[LEVEL_MIDDLE], 1);
        expect(&told.last[LEVEL_MIDDLE], 20, 0, 19, 190);
        ck_assert(
                ring_get(&series_book_find(&set, "shop", "a")->rings[LEVEL_HOUR], T0 / USEC_PER_SEC, &point));
        expect(&point, 30, 0, 29, 435);
}
END_TEST

START_TEST(what_was_loaded_and_what_came_meanwhile_add_up) {
        _cleanup_(set_done) SeriesBook loaded = new_set(), live = new_set();
        Told told = {};
        SeriesPoint point = {T0, 4, 1, 9, 20};

        ck_assert_int_eq(series_book_put(&loaded, "shop", "a", LEVEL_HOUR, &point), 0);
        series_book_rebuild(&loaded, T0 + USEC_PER_MINUTE);
        loaded.closed = on_closed;
        loaded.userdata = &told;
        add(&live, T0 + USEC_PER_MINUTE, 10);
        add(&live, T0 + 2 * USEC_PER_MINUTE, 0);
        ck_assert_int_eq(series_book_merge(&loaded, &live, LEVEL_FINE), 0);
        ck_assert(ring_get(&series_book_find(&loaded, "shop", "a")->rings[LEVEL_HOUR], T0 / USEC_PER_SEC,
                           &point));
        expect(&point, 6, 0, 10, 30);
        ck_assert_uint_eq(told.count[LEVEL_HOUR], 0);
        ck_assert_uint_eq(told.count[LEVEL_FINE], 1);
        add(&loaded, T0 + USEC_PER_HOUR, 1);
        expect(&told.last[LEVEL_HOUR], 6, 0, 10, 30);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_bucket_that_never_came_is_a_gap,
                each_width_holds_every_sample,
                an_older_window_comes_from_a_wider_level,
                a_window_is_bounded_whatever_is_asked,
                what_is_no_number_is_no_sample,
                targets_and_names_are_kept_apart,
                one_too_many_takes_the_place_of_an_idle_one_only,
                d24_a_clock_that_jumps_loses_no_sample_and_repeats_none,
                a_bucket_is_told_once_when_the_next_begins,
                a_bucket_that_grows_is_told_when_asked_and_not_again_before_it_has_grown,
                of_wide_buckets_that_a_kill_lost_a_part_of_the_whole_is_made_again,
                what_a_kill_lost_of_wide_buckets_is_made_of_fine_ones,
                what_was_loaded_and_what_came_meanwhile_add_up,
        };

        return unit_run("series", tests, ELEMENTS(tests));
}
