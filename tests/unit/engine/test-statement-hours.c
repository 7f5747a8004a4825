/* Tests of engine/statement-hours: which hours are whole, and what is in them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "engine/statement-hours.h"

#define HOUR    USEC_PER_HOUR
#define T0      (472222 * HOUR)
#define AT(s)   (T0 + (usec_t)(s)*USEC_PER_SEC)
#define MINUTE  60
#define NONE    INT64_MIN
#define LONGEST (3 * USEC_PER_MINUTE)

/* What a scenario leaves: the hours that ended whole. */
typedef struct Lab {
        StatementHours hours;
        int64_t last; /* sample; NONE: there is none */
        size_t n_whole;
        HistoryStatement rows[STATEMENT_HOUR_ROWS + 1]; /* of the last whole hour */
        size_t n_rows;
        usec_t whole[8];
} Lab;

static void on_hour(void *userdata, const HistoryStatement *rows, size_t n) {
        Lab *lab = userdata;

        ck_assert_uint_lt(lab->n_whole, ELEMENTS(lab->whole));
        ck_assert_uint_le(n, ELEMENTS(lab->rows));
        ck_assert(statement_hour_is_whole(&rows[0], lab->hours.width));
        lab->whole[lab->n_whole++] = rows[0].hour;
        lab->n_rows = n;
        for (size_t i = 0; i < n; i++) {
                ck_assert_uint_eq(rows[i].hour, rows[0].hour);
                lab->rows[i] = rows[i];
        }
}

static void lab_init(Lab *lab) {
        *lab = (Lab){.last = NONE};
        statement_hours_set_width(&lab->hours, HOUR);
}

static void lab_add(Lab *lab, int64_t at, bool is_void, const HistoryStatement *deltas, size_t n) {
        const StatementSpan span = {.from = lab->last == NONE ? 0 : AT(lab->last),
                                    .to = AT(at),
                                    .longest = LONGEST,
                                    .is_void = is_void,
                                    .deltas = deltas,
                                    .n = n};

        statement_hours_add(&lab->hours, &span, on_hour, lab);
        lab->last = at;
}

/* Samples each minute, in each of which statement 7 was called 60 times and took 120 ms. */
static void lab_run(Lab *lab, int64_t from, int64_t to) {
        static const HistoryStatement delta = {.queryid = 7, .calls = 60, .total_ms = 120};

        for (int64_t at = from; at <= to; at += MINUTE)
                lab_add(lab, at, lab->last == NONE, &delta, 1);
}

/* Of the last whole hour; 0: none. */
static const HistoryStatement *row_of(const Lab *lab, int64_t queryid) {
        for (size_t i = 1; i < lab->n_rows; i++)
                if (lab->rows[i].queryid == queryid)
                        return &lab->rows[i];
        return NULL;
}

START_TEST(an_hour_observed_from_begin_to_end_is_whole) {
        Lab lab;

        lab_init(&lab);
        lab_run(&lab, -30, 2 * 3600 + 30);
        ck_assert_uint_eq(lab.n_whole, 2);
        ck_assert_uint_eq(lab.whole[0], AT(0));
        ck_assert_uint_eq(lab.whole[1], AT(3600));
        ck_assert_int_eq(row_of(&lab, 7)->calls, 3600);
        ck_assert(row_of(&lab, 7)->total_ms > 7199.9 && row_of(&lab, 7)->total_ms < 7200.1);
        ck_assert_uint_eq(lab.n_rows, 2);
}
END_TEST

START_TEST(what_began_within_an_hour_voids_it) {
        Lab lab;

        lab_init(&lab);
        lab_run(&lab, 60, 3600 - 60); /* as after a restart */
        ck_assert_uint_eq(lab.n_whole, 0);
        lab_run(&lab, 3600, 2 * 3600);
        ck_assert_uint_eq(lab.n_whole, 1);
        ck_assert_uint_eq(lab.whole[0], AT(3600));
}
END_TEST

START_TEST(each_break_voids_the_hours_that_it_touches) {
        static const struct {
                int64_t at, next; /* the samples around the break */
                bool is_void;
                size_t n_whole; /* of three hours */
        } breaks[] = {
                {5400, 5460, true, 2},  {5400, 5580, false, 3}, /* three intervals are none */
                {5400, 5640, false, 2}, {3540, 3660, true, 1},  {3480, 7260, false, 0},
                {7140, 6000, false, 2}, /* the clock went back, and that hour is seen again */
        };

        for (size_t i = 0; i < ELEMENTS(breaks); i++) {
                Lab lab;

                lab_init(&lab);
                lab_run(&lab, -60, breaks[i].at);
                lab_add(&lab, breaks[i].next, breaks[i].is_void, NULL, 0);
                lab_run(&lab, breaks[i].next + MINUTE, 3 * 3600);
                ck_assert_msg(lab.n_whole == breaks[i].n_whole, "%zu: %zu", i, lab.n_whole);
        }
}
END_TEST

START_TEST(calls_across_a_change_of_hour_are_shared_and_add_up) {
        static const HistoryStatement delta = {.queryid = -9, .calls = 101, .total_ms = 300};
        Lab lab;
        int64_t calls;

        lab_init(&lab);
        lab_run(&lab, -60, 3540);
        lab_add(&lab, 3660, false, &delta, 1);
        ck_assert_uint_eq(lab.n_whole, 1);
        calls = row_of(&lab, -9)->calls;
        ck_assert(calls == 50 || calls == 51);
        ck_assert(row_of(&lab, -9)->total_ms == 150);
        lab_run(&lab, 3720, 7200);
        ck_assert_uint_eq(lab.n_whole, 2);
        ck_assert_int_eq(row_of(&lab, -9)->calls, 101 - calls);
}
END_TEST

START_TEST(memory_is_bounded_and_what_has_no_place_is_summed_up) {
        HistoryStatement deltas[STATEMENT_HOUR_ROWS + 30];
        Lab lab;

        for (size_t i = 0; i < ELEMENTS(deltas); i++)
                deltas[i] = (HistoryStatement){.queryid = (int64_t)i + 1, .calls = 10, .total_ms = 4};
        lab_init(&lab);
        lab_add(&lab, -60, true, NULL, 0);
        lab_add(&lab, 0, false, NULL, 0);
        lab_add(&lab, 60, false, deltas, ELEMENTS(deltas));
        lab_run(&lab, 120, 3600);
        ck_assert_uint_eq(lab.n_whole, 1);
        ck_assert_uint_eq(lab.n_rows, STATEMENT_HOUR_ROWS + 1);
        ck_assert_int_eq(lab.rows[0].queryid, 0);
        ck_assert(lab.rows[0].total_ms > 119.9 && lab.rows[0].total_ms < 120.1);
}
END_TEST

START_TEST(hours_of_another_width_are_others) {
        Lab lab;

        lab_init(&lab);
        lab_run(&lab, -60, 1800);
        statement_hours_set_width(&lab.hours, HOUR / 2);
        lab_run(&lab, 1860, 2 * 3600);
        ck_assert_uint_eq(lab.n_whole, 3);
        ck_assert_uint_eq(lab.whole[0], AT(1800));
        ck_assert(!statement_hour_is_whole(&lab.rows[0], HOUR));
        ck_assert(!statement_hour_is_whole(row_of(&lab, 7), HOUR / 2));
}
END_TEST

START_TEST(an_hour_shorter_than_the_interval_is_never_whole) {
        Lab lab;

        lab_init(&lab);
        statement_hours_set_width(&lab.hours, 25 * USEC_PER_SEC);
        lab_run(&lab, -60, 3600);
        ck_assert_uint_eq(lab.n_whole, 0);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                an_hour_observed_from_begin_to_end_is_whole,
                what_began_within_an_hour_voids_it,
                each_break_voids_the_hours_that_it_touches,
                calls_across_a_change_of_hour_are_shared_and_add_up,
                memory_is_bounded_and_what_has_no_place_is_summed_up,
                hours_of_another_width_are_others,
                an_hour_shorter_than_the_interval_is_never_whole,
        };

        return unit_run("engine/statement-hours", tests, ELEMENTS(tests));
}
