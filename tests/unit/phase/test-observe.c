/* Tests of phase/observe: what counts as not observed, and where the slots of a phase lie.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "lab.h"

static int64_t void_at(const Lab *lab, int64_t at) {
        return (int64_t)(phase_void(&lab->record, AT(at), INTERVAL) / USEC_PER_SEC);
}

static void open_at(Lab *lab, int64_t at) {
        lab_init(lab, "");
        lab_rounds(lab, at - 60, at);
        ck_assert_int_eq(phase_start(&lab->record, &lab->settings, AT(at)), 1);
}

START_TEST(rounds_at_their_interval_leave_nothing_void) {
        Lab lab;

        open_at(&lab, 0);
        lab_rounds(&lab, 15, DAY);
        ck_assert_int_eq(void_at(&lab, DAY), 0);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(three_intervals_are_no_gap_and_more_are) {
        Lab lab;

        open_at(&lab, 0);
        lab_rounds(&lab, 45, 45);
        ck_assert_int_eq(void_at(&lab, 45), 0);
        lab_rounds(&lab, 91, 91);
        ck_assert_int_eq(void_at(&lab, 91), 46);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_gap_counts_while_it_lasts) {
        Lab lab;

        open_at(&lab, 0);
        ck_assert_int_eq(void_at(&lab, 45), 0);
        ck_assert_int_eq(void_at(&lab, 600), 600);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_gap_counts_within_the_phase_only) {
        Lab lab;

        open_at(&lab, 0);
        lab_rounds(&lab, 15, DAY - 600);
        ck_assert_int_eq(void_at(&lab, 2 * DAY), 600);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(what_was_before_the_first_round_is_void) {
        Lab lab;

        lab_init(&lab, "");
        lab_rounds(&lab, 600, 615);
        ck_assert_int_eq(phase_start(&lab.record, &lab.settings, AT(0)), 1);
        ck_assert_int_eq(void_at(&lab, 615), 600);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(without_any_round_all_is_void) {
        Lab lab;

        lab_init(&lab, "");
        ck_assert_int_eq(phase_start(&lab.record, &lab.settings, AT(0)), 1);
        ck_assert_int_eq(void_at(&lab, 20), 20);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_clock_that_steps_back_is_no_gap_and_forward_is_one) {
        Lab lab;

        open_at(&lab, 0);
        lab_rounds(&lab, 15, 3 * HOUR);
        lab_rounds(&lab, 2 * HOUR, 3 * HOUR);
        ck_assert_int_eq(void_at(&lab, 3 * HOUR), 0);
        lab_rounds(&lab, 4 * HOUR, 4 * HOUR);
        ck_assert_int_eq(void_at(&lab, 4 * HOUR), HOUR);
        phase_record_done(&lab.record);
}
END_TEST

/* More gaps than are kept: void is overstated rather than forgotten. */
START_TEST(many_gaps_lose_no_void) {
        Lab lab;

        open_at(&lab, 0);
        for (int64_t i = 1; i <= 200; i++)
                lab_rounds(&lab, i * 100, i * 100);
        ck_assert_int_eq(void_at(&lab, 20000), 20000);
        for (int64_t i = 0; i < 200; i++)
                lab_rounds(&lab, 20015 + i * 120, 20015 + i * 120 + 60);
        ck_assert_int_ge(void_at(&lab, 44000), 20000 + 199 * 60);
        ck_assert_uint_le(lab.record.n_gaps, 64);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(slots_divide_the_phase_and_the_days_before) {
        PhaseRecord record = {.started_at = AT(0), .ends_at = AT(DAY)};

        ck_assert_int_eq(seconds(phase_slot(&record, 0, PHASE_BUCKETS, 1)), 900);
        ck_assert_int_eq(seconds(phase_slot(&record, 0, PHASE_HOURS, 24)), DAY);
        ck_assert_int_eq(seconds(phase_slot(&record, -1, PHASE_HOURS, 24)), 0);
        ck_assert_int_eq(seconds(phase_slot(&record, -2, PHASE_HOURS, 1)), HOUR - 2 * DAY);
        ck_assert_uint_eq(phase_slots_ended(&record, PHASE_BUCKETS, AT(1799)), 1);
        ck_assert_uint_eq(phase_slots_ended(&record, PHASE_BUCKETS, AT(2 * DAY)), PHASE_BUCKETS);
        ck_assert_uint_eq(phase_slots_ended(&record, PHASE_BUCKETS, AT(-5)), 0);
}
END_TEST

START_TEST(a_phase_of_a_minute_has_the_same_arithmetic) {
        PhaseRecord record = {.started_at = AT(0), .ends_at = AT(60)};

        ck_assert_uint_eq(phase_slot(&record, 0, PHASE_BUCKETS, 1) - AT(0), 625 * USEC_PER_MSEC);
        ck_assert_uint_eq(phase_slot(&record, 0, PHASE_HOURS, 2) - AT(0), 5 * USEC_PER_SEC);
        ck_assert_uint_eq(phase_baseline_days(&record, AT(-150)), 2);
}
END_TEST

START_TEST(less_than_a_day_of_samples_is_no_baseline) {
        PhaseRecord record = {.started_at = AT(0), .ends_at = AT(DAY)};

        ck_assert_uint_eq(phase_baseline_days(&record, AT(1 - DAY)), 0);
        ck_assert_uint_eq(phase_baseline_days(&record, AT(-DAY)), 1);
        ck_assert_uint_eq(phase_baseline_days(&record, AT(-30 * DAY)), PHASE_BASELINE_DAYS);
        ck_assert_uint_eq(phase_baseline_days(&record, 0), 0);
        ck_assert_uint_eq(phase_baseline_days(&record, AT(5)), 0);
}
END_TEST

START_TEST(whole_hours_of_the_clock_are_those_within) {
        PhaseRecord record = {.started_at = AT(0), .ends_at = AT(DAY)}; /* 1700000000 is 800 s past an hour */

        ck_assert(phase_hours_are_shifted(&record));
        ck_assert_uint_eq(phase_hour(&record, 0, 0), AT(2800));
        ck_assert_uint_eq(phase_hour(&record, -7, 23), AT(2800 + 23 * HOUR - 7 * DAY));
        ck_assert_uint_eq(phase_hours_ended(&record, AT(2800 + HOUR) - 1), 0);
        ck_assert_uint_eq(phase_hours_ended(&record, AT(2800 + HOUR)), 1);
        ck_assert_uint_eq(phase_hours_ended(&record, AT(DAY)), 23);
        ck_assert_uint_eq(phase_hours_ended(&record, AT(2 * DAY)), 23);

        record.started_at = AT(2800);
        record.ends_at = AT(2800 + DAY);
        ck_assert(!phase_hours_are_shifted(&record));
        ck_assert_uint_eq(phase_hour(&record, 0, 0), AT(2800));
        ck_assert_uint_eq(phase_hours_ended(&record, record.ends_at - 1), 23);
        ck_assert_uint_eq(phase_hours_ended(&record, record.ends_at), 24);
        ck_assert_uint_eq(phase_hours_ended(&(PhaseRecord){}, AT(0)), 0);
}
END_TEST

START_TEST(of_another_database_nothing_was_observed) {
        Lab lab;

        lab_init(&lab, "a");
        ck_assert_int_eq(phase_database(&lab.record, "1/5", AT(0)), 0);
        lab_rounds(&lab, 0, 60);
        lab_poll(&lab, 60);
        lab_row(&lab, "1_a", 100);
        lab_poll(&lab, 120);
        ck_assert_int_eq(lab.record.state, PHASE_WATCHING);
        lab_restart(&lab);
        ck_assert_int_eq(phase_database(&lab.record, NULL, AT(600)), 0);
        ck_assert_int_eq(phase_database(&lab.record, "1/5", AT(600)), 0);
        ck_assert_int_eq(phase_database(&lab.record, "1/6", AT(7200)), 1);
        ck_assert_int_eq(phase_database(&lab.record, "1/6", AT(7200)), 0);
        lab_rounds(&lab, 7200, 7300);
        ck_assert_int_eq(lab.record.state, PHASE_WATCHING);
        ck_assert_uint_eq(phase_void(&lab.record, AT(7300), INTERVAL), AT(7200) - AT(100));
        ck_assert_int_eq(lab.record.events[0].kind, PHASE_EVENT_MOVED);
        lab.rows[0].finished_at = AT(50); /* the other one had it before */
        lab_poll(&lab, 7300);
        ck_assert_uint_eq(lab.record.n_events, 1);
        ck_assert_uint_eq(lab.record.waiting.count, 0);

        /* A verdict is of the one that it was of. */
        lab.record.state = PHASE_PASSED;
        ck_assert_int_eq(phase_database(&lab.record, "2/6", AT(2 * DAY)), 1);
        ck_assert_int_eq(lab.record.state, PHASE_IDLE);
        lab_poll(&lab, 2 * DAY);
        ck_assert_int_eq(lab.record.state, PHASE_IDLE);
        phase_record_done(&lab.record);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                rounds_at_their_interval_leave_nothing_void,
                three_intervals_are_no_gap_and_more_are,
                a_gap_counts_while_it_lasts,
                a_gap_counts_within_the_phase_only,
                what_was_before_the_first_round_is_void,
                without_any_round_all_is_void,
                a_clock_that_steps_back_is_no_gap_and_forward_is_one,
                many_gaps_lose_no_void,
                slots_divide_the_phase_and_the_days_before,
                a_phase_of_a_minute_has_the_same_arithmetic,
                less_than_a_day_of_samples_is_no_baseline,
                whole_hours_of_the_clock_are_those_within,
                of_another_database_nothing_was_observed,
        };

        return unit_run("observe", tests, ELEMENTS(tests));
}
