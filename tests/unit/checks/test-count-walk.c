/* Tests of a walk: where the next slice lies, how large it is, and when there is none.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "checks/count-walk.h"

#define SLICE 512 /* pages of the first one */
#define MIN   16
#define MAX   8192

/* Durations that leave the size as it is, halve it, double it. */
#define EVEN (20 * USEC_PER_MSEC)
#define SLOW (51 * USEC_PER_MSEC)
#define FAST (16 * USEC_PER_MSEC)

static Leaf leaves[3] = {{.id = 10}, {.id = 20}, {.id = 30}};
static Facts facts = {.leaves = leaves};

/* As the facts of a visit would have them. */
static void set_leaves(size_t n, const int64_t *ids, const int64_t *pages) {
        facts.n_leaves = n;
        facts.pages = 0;
        for (size_t i = 0; i < n; i++) {
                leaves[i].id = ids[i];
                leaves[i].pages = pages[i];
                facts.pages += pages[i];
        }
}

static void set_pages(int64_t a, int64_t b, int64_t c) {
        set_leaves(3, (const int64_t[]){10, 20, 30}, (const int64_t[]){a, b, c});
}

static Walk begin(void) {
        Walk walk = {};

        facts.snapshot = facts.signature = facts.time = (char[]){"x"};
        ck_assert_int_eq(walk_begin(&walk, &facts, 5, 7), 0);
        return walk;
}

/* The next slice is [first, end) of that leaf; it is read, in that time. */
static void step(Walk *walk, int64_t limit, Slice expected, usec_t duration) {
        Slice slice;

        ck_assert(walk_next(walk, &facts, limit, &slice));
        ck_assert_msg(slice.leaf == expected.leaf && slice.first == expected.first &&
                              slice.end == expected.end,
                      "leaf %lld [%lld, %lld)", (long long)slice.leaf->id, (long long)slice.first,
                      (long long)slice.end);
        walk_advance(walk, &slice, duration);
}

static bool is_at_end(const Walk *walk) {
        Slice slice;

        return !walk_next(walk, &facts, 1, &slice) && !walk_next(walk, &facts, INT64_MAX, &slice);
}

START_TEST(slices_cover_each_leaf_once_in_their_order) {
        Walk walk;

        set_pages(1000, 0, 600);
        walk = begin();
        step(&walk, INT64_MAX, (Slice){&leaves[0], 0, SLICE}, EVEN);
        step(&walk, INT64_MAX, (Slice){&leaves[0], SLICE, 1000}, EVEN);
        step(&walk, INT64_MAX, (Slice){&leaves[2], 0, SLICE}, EVEN);
        step(&walk, INT64_MAX, (Slice){&leaves[2], SLICE, 600}, EVEN);
        ck_assert(is_at_end(&walk));
        ck_assert_int_eq(walk.pages, facts.pages);
        walk_done(&walk);
}
END_TEST

START_TEST(a_limit_makes_slices_smaller_and_loses_nothing) {
        Walk walk;

        set_pages(100, 1, 30);
        walk = begin();
        step(&walk, 64, (Slice){&leaves[0], 0, 64}, EVEN);
        step(&walk, 1, (Slice){&leaves[0], 64, 65}, EVEN);
        step(&walk, 64, (Slice){&leaves[0], 65, 100}, EVEN);
        step(&walk, 64, (Slice){&leaves[1], 0, 1}, EVEN);
        step(&walk, 29, (Slice){&leaves[2], 0, 29}, EVEN);
        step(&walk, 29, (Slice){&leaves[2], 29, 30}, EVEN);
        ck_assert(is_at_end(&walk));
        walk_done(&walk);
}
END_TEST

START_TEST(nothing_to_read_is_the_end_at_once) {
        Walk walk;

        set_pages(0, 0, 0);
        walk = begin();
        ck_assert(is_at_end(&walk));
        facts.n_leaves = 0;
        ck_assert(is_at_end(&walk));
        walk_done(&walk);
}
END_TEST

START_TEST(the_end_is_where_it_is_now_and_not_where_it_was) {
        Walk walk;

        set_pages(500, 500, 500);
        walk = begin();
        step(&walk, 400, (Slice){&leaves[0], 0, 400}, EVEN);
        set_pages(700, 500, 500); /* it has grown */
        step(&walk, INT64_MAX, (Slice){&leaves[0], 400, 700}, EVEN);
        set_pages(800, 500, 500); /* and once more, behind the walk's back */
        step(&walk, INT64_MAX, (Slice){&leaves[0], 700, 800}, EVEN);
        step(&walk, 450, (Slice){&leaves[1], 0, 450}, EVEN);
        set_pages(800, 200, 500); /* a leaf that shrank below where the walk is has no more of it */
        step(&walk, INT64_MAX, (Slice){&leaves[2], 0, 500}, EVEN);
        ck_assert(is_at_end(&walk));
        set_pages(800, 200, 501);
        step(&walk, INT64_MAX, (Slice){&leaves[2], 500, 501}, EVEN);
        walk_done(&walk);
}
END_TEST

START_TEST(a_leaf_that_vanishes_is_passed_over) {
        Walk walk;

        set_pages(100, 100, 100);
        walk = begin();
        step(&walk, INT64_MAX, (Slice){&leaves[0], 0, 100}, EVEN);
        step(&walk, 50, (Slice){&leaves[1], 0, 50}, EVEN);
        set_leaves(2, (const int64_t[]){10, 30}, (const int64_t[]){100, 100});
        step(&walk, INT64_MAX, (Slice){&leaves[1], 0, 100}, EVEN);
        ck_assert(is_at_end(&walk));
        set_leaves(1, (const int64_t[]){10}, (const int64_t[]){100});
        ck_assert(is_at_end(&walk));
        walk_done(&walk);
}
END_TEST

START_TEST(the_size_of_a_slice_follows_the_time_it_takes) {
        static const struct {
                usec_t duration;
                int64_t next;
        } steps[] = {
                {EVEN, SLICE}, {FAST, 2 * SLICE}, {FAST, 4 * SLICE}, {FAST, 8 * SLICE}, {FAST, MAX},
                {FAST, MAX},   {SLOW, 8 * SLICE}, {SLOW, 4 * SLICE}, {EVEN, 4 * SLICE}, {SLOW, 2 * SLICE},
                {SLOW, SLICE}, {SLOW, SLICE / 2}, {SLOW, SLICE / 4}, {SLOW, SLICE / 8}, {SLOW, SLICE / 16},
                {SLOW, MIN},   {SLOW, MIN},       {EVEN, MIN},       {FAST, 2 * MIN},
        };
        Walk walk;

        set_pages(INT64_C(1) << 40, 0, 0);
        walk = begin();
        for (size_t i = 0; i < ELEMENTS(steps); i++) {
                Slice slice;

                ck_assert(walk_next(&walk, &facts, INT64_MAX, &slice));
                walk_advance(&walk, &slice, steps[i].duration);
                ck_assert_msg(walk.slice == steps[i].next, "step %zu: %lld", i, (long long)walk.slice);
        }
        walk_done(&walk);
}
END_TEST

START_TEST(a_slice_that_a_limit_has_cut_tells_nothing_of_a_whole_one) {
        Walk walk;

        set_pages(5000, 0, 0);
        walk = begin();
        step(&walk, 100, (Slice){&leaves[0], 0, 100}, 1);
        ck_assert_int_eq(walk.slice, SLICE);
        step(&walk, 100, (Slice){&leaves[0], 100, 200}, SLOW); /* but not when even this was slow */
        ck_assert_int_eq(walk.slice, SLICE / 2);
        walk_done(&walk);
}
END_TEST

START_TEST(what_was_in_the_way_makes_the_next_one_smaller_in_the_same_place) {
        Walk walk;

        set_pages(5000, 0, 0);
        walk = begin();
        step(&walk, INT64_MAX, (Slice){&leaves[0], 0, SLICE}, EVEN);
        walk_shrink(&walk);
        step(&walk, INT64_MAX, (Slice){&leaves[0], SLICE, SLICE + SLICE / 2}, EVEN);
        for (int i = 0; i < 100; i++)
                walk_shrink(&walk);
        ck_assert_int_eq(walk.slice, MIN);
        walk_done(&walk);
}
END_TEST

START_TEST(the_size_is_learnt_once_for_all_walks) {
        Walk walk;

        set_pages(5000, 0, 0);
        walk = begin();
        ck_assert(walk.is_active && walk.boottime == 5 && walk.at == 7);
        step(&walk, INT64_MAX, (Slice){&leaves[0], 0, SLICE}, SLOW);
        walk_done(&walk);
        ck_assert(!walk.is_active && walk.pages == 0 && walk.leaf == 0 && walk.block == 0);
        ck_assert_ptr_null(walk.snapshot);
        ck_assert_int_eq(walk_begin(&walk, &facts, 8, 9), 0);
        ck_assert_int_eq(walk.slice, SLICE / 2);
        step(&walk, INT64_MAX, (Slice){&leaves[0], 0, SLICE / 2}, EVEN);
        walk_done(&walk);
}
END_TEST

START_TEST(a_walk_is_never_at_100_percent_before_its_end) {
        Walk walk;
        Slice slice;
        unsigned last = 0;

        set_pages(3000, 1000, 999);
        walk = begin();
        ck_assert_uint_eq(walk_percent(&walk, &facts), 0);
        while (walk_next(&walk, &facts, 100, &slice)) {
                walk_advance(&walk, &slice, EVEN);
                ck_assert_uint_ge(walk_percent(&walk, &facts), last);
                last = walk_percent(&walk, &facts);
                ck_assert_uint_lt(last, 100);
        }
        ck_assert_uint_eq(last, 99);
        set_pages(30, 10, 9); /* most of what was read is gone */
        ck_assert_uint_eq(walk_percent(&walk, &facts), 99);
        set_pages(0, 0, 0);
        ck_assert_uint_eq(walk_percent(&walk, &facts), 0);
        walk_done(&walk);
}
END_TEST

START_TEST(it_missed_at_most_the_rows_that_were_moved_since_it_began) {
        static const struct {
                int64_t moved; /* 100 at its beginning */
                const char *reset;
                int64_t bound;
        } cases[] = {
                {100, "monday", 0},   {130, "monday", 30}, {30, "tuesday", -1}, {130, "tuesday", -1},
                {100, "tuesday", -1}, {130, NULL, -1},     {90, "monday", -1}, /* a partition that went took
                                                                                  its statistics along */
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Walk walk;

                set_pages(10, 0, 0);
                facts.moved = 100;
                facts.reset = (char[]){"monday"};
                walk = begin();
                facts.moved = cases[i].moved;
                facts.reset = (char *)cases[i].reset;
                ck_assert_msg(walk_bound(&walk, &facts) == cases[i].bound, "case %zu: %lld", i,
                              (long long)walk_bound(&walk, &facts));
                walk_done(&walk);
        }
        facts.reset = NULL;
}
END_TEST

START_TEST(where_statistics_were_never_reset_it_missed_at_most_those_as_well) {
        Walk walk;

        set_pages(10, 0, 0);
        facts.moved = 100;
        walk = begin();
        facts.moved = 107;
        ck_assert_int_eq(walk_bound(&walk, &facts), 7);
        facts.reset = (char[]){"monday"};
        ck_assert_int_eq(walk_bound(&walk, &facts), -1);
        facts.reset = NULL;
        walk_done(&walk);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                slices_cover_each_leaf_once_in_their_order,
                a_limit_makes_slices_smaller_and_loses_nothing,
                nothing_to_read_is_the_end_at_once,
                the_end_is_where_it_is_now_and_not_where_it_was,
                a_leaf_that_vanishes_is_passed_over,
                the_size_of_a_slice_follows_the_time_it_takes,
                a_slice_that_a_limit_has_cut_tells_nothing_of_a_whole_one,
                what_was_in_the_way_makes_the_next_one_smaller_in_the_same_place,
                the_size_is_learnt_once_for_all_walks,
                a_walk_is_never_at_100_percent_before_its_end,
                it_missed_at_most_the_rows_that_were_moved_since_it_began,
                where_statistics_were_never_reset_it_missed_at_most_those_as_well,
        };

        return unit_run("count-walk", tests, ELEMENTS(tests));
}
