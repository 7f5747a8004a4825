/* Tests of phase/poll: which migration opens a phase, when it began, what belongs to it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "lab.h"

#define NAME "20260119093000_add_rules"

START_TEST(a_named_migration_is_waited_for) {
        Lab lab;

        lab_init(&lab, "add_rules");
        EXPECT_STATE(&lab, "idle");
        lab_row(&lab, "20250101000000_old", -9 * DAY);
        ck_assert_int_eq(lab_poll(&lab, 0), 1);
        EXPECT_STATE(&lab, "baseline");
        ck_assert_ptr_null(lab.record.note);
        lab_row(&lab, "20260101000000_other", 10);
        ck_assert_int_eq(lab_poll(&lab, 30), 0);
        EXPECT_STATE(&lab, "baseline");
        lab_row(&lab, NAME, 40);
        ck_assert_int_eq(lab_poll(&lab, 60), 1);
        EXPECT_STATE(&lab, "watching");
        ck_assert_int_eq(seconds(lab.record.started_at), 40);
        ck_assert_int_eq(seconds(lab.record.ends_at), 40 + DAY);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(it_matches_with_its_digits_too) {
        Lab lab;

        lab_init(&lab, NAME);
        lab_poll(&lab, 0);
        lab_row(&lab, NAME, 10);
        ck_assert_int_eq(lab_poll(&lab, 30), 1);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(without_a_name_any_new_one_opens) {
        Lab lab;

        lab_init(&lab, "");
        lab_row(&lab, "a", -9 * DAY);
        lab_poll(&lab, 0);
        EXPECT_STATE(&lab, "idle");
        lab_row(&lab, "b", 20);
        lab_poll(&lab, 30);
        EXPECT_STATE(&lab, "watching");
        ck_assert_uint_eq(lab.record.batch.count, 1);
        ck_assert_str_eq(lab.record.batch.items[0].name, "b");
        phase_record_done(&lab.record);
}
END_TEST

/* Tools write the clock of who ran them. */
START_TEST(its_clock_is_believed_between_the_polls_that_saw_it) {
        static const struct {
                int64_t written, believed;
        } cases[] = {{-5000, 100}, {99, 100},   {100, 100},    {115, 115},
                     {130, 130},   {9999, 130}, {UNTIMED, 130}};

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Lab lab;

                lab_init(&lab, "");
                lab_poll(&lab, 100);
                lab_row(&lab, "a", cases[i].written);
                lab_poll(&lab, 130);
                ck_assert_int_eq(seconds(lab.record.started_at), cases[i].believed);
                phase_record_done(&lab.record);
        }
}
END_TEST

START_TEST(at_first_start_a_recent_migration_opens_with_a_void_part) {
        Lab lab;

        lab_init(&lab, "add_rules");
        lab_row(&lab, NAME, -2 * HOUR);
        lab_rounds(&lab, 0, 0);
        lab_poll(&lab, 0);
        EXPECT_STATE(&lab, "watching");
        ck_assert_int_eq(seconds(lab.record.started_at), -2 * HOUR);
        ck_assert_uint_eq(phase_void(&lab.record, AT(0), INTERVAL), 2 * HOUR * USEC_PER_SEC);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(at_first_start_an_older_one_leaves_idle_and_says_so) {
        Lab lab;

        lab_init(&lab, "add_rules");
        lab_row(&lab, NAME, -DAY);
        lab_poll(&lab, 0);
        EXPECT_STATE(&lab, "idle");
        ck_assert_ptr_nonnull(strstr(lab.record.note, NAME));
        ck_assert_ptr_nonnull(strstr(lab.record.note, "2023-11-13T22:13:20Z"));
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_first_poll_from_the_future_is_now) {
        Lab lab;

        lab_init(&lab, "");
        lab_row(&lab, "a", 5000);
        lab_poll(&lab, 0);
        ck_assert_int_eq(seconds(lab.record.started_at), 0);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(ten_minutes_are_one_batch_and_the_clock_is_the_last_one_s) {
        Lab lab;

        lab_init(&lab, "");
        lab_poll(&lab, 0);
        lab_row(&lab, "a", 10);
        lab_row(&lab, "b", 12);
        lab_poll(&lab, 30);
        lab_row(&lab, "c", 610);
        lab_poll(&lab, 630);
        ck_assert_uint_eq(lab.record.batch.count, 3);
        ck_assert_int_eq(seconds(lab.record.started_at), 610);
        ck_assert_int_eq(seconds(lab.record.ends_at), 610 + DAY);
        lab_row(&lab, "d", 611);
        lab_poll(&lab, 660); /* within ten minutes of the last poll, not of the first migration */
        ck_assert_uint_eq(lab.record.batch.count, 3);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(what_the_same_deployment_ran_before_a_named_one_is_its_batch) {
        Lab lab;

        lab_init(&lab, "add_rules");
        lab_row(&lab, "20250101000000_old", -9 * DAY);
        lab_poll(&lab, 0);
        lab_row(&lab, "20260118000000_before", 10);
        lab_row(&lab, NAME, 20);
        lab_poll(&lab, 30);
        ck_assert_uint_eq(lab.record.batch.count, 2);
        ck_assert(phase_migrations_have(&lab.record.batch, "20260118000000_before"));
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_later_migration_is_an_event_and_waits_when_none_is_named) {
        Lab lab;

        lab_init(&lab, "");
        lab_poll(&lab, 0);
        lab_row(&lab, "a", 10);
        lab_poll(&lab, 30);
        lab_row(&lab, "b", 5 * HOUR);
        ck_assert_int_eq(lab_poll(&lab, 5 * HOUR + 10), 0);
        ck_assert_uint_eq(lab.record.n_events, 1);
        ck_assert_int_eq(lab.record.events[0].kind, PHASE_EVENT_FINISHED);
        ck_assert_str_eq(lab.record.events[0].object, "b");
        ck_assert_int_eq(seconds(lab.record.ends_at), 10 + DAY);
        ck_assert_uint_eq(lab.record.waiting.count, 1);
        phase_record_done(&lab.record);
}
END_TEST

/* An open phase of "a" that "b" waits for. */
static void lab_waiting(Lab *lab) {
        lab_init(lab, "");
        lab_poll(lab, 0);
        lab_row(lab, "a", 10);
        lab_poll(lab, 30);
        lab_row(lab, "b", 5 * HOUR);
        lab_poll(lab, 5 * HOUR + 10);
        ck_assert_uint_eq(lab->record.waiting.count, 1);
}

static int lab_judge(Lab *lab, int64_t at) {
        return phase_judge(&lab->record, &lab->settings, &(PhaseInputs){}, AT(at));
}

START_TEST(what_waited_has_its_phase_after_the_verdict_and_once) {
        Lab lab;

        lab_waiting(&lab);
        lab.record.state = PHASE_PASSED;
        lab_poll(&lab, 6 * HOUR);
        ck_assert_int_eq(lab_judge(&lab, 6 * HOUR), 1);
        EXPECT_STATE(&lab, "watching");
        ck_assert_str_eq(lab.record.batch.items[0].name, "b");
        ck_assert_uint_eq(lab.record.waiting.count, 0);
        phase_stop(&lab.record, AT(7 * HOUR));
        ck_assert_int_eq(lab_judge(&lab, 7 * HOUR), 0);
        EXPECT_STATE(&lab, "stopped");
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(what_waited_and_is_named_has_one_phase_too) {
        Lab lab;

        lab_waiting(&lab);
        lab.settings.migration = (char *)"b";
        phase_stop(&lab.record, AT(6 * HOUR));
        ck_assert_int_eq(lab_poll(&lab, 6 * HOUR), 1);
        EXPECT_STATE(&lab, "watching");
        ck_assert_uint_eq(lab.record.waiting.count, 0);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(what_waited_and_nobody_names_any_more_has_none) {
        Lab lab;

        lab_waiting(&lab);
        lab.settings.migration = (char *)"c";
        phase_stop(&lab.record, AT(6 * HOUR));
        lab_poll(&lab, 6 * HOUR);
        ck_assert_int_eq(lab_judge(&lab, 6 * HOUR), 0);
        EXPECT_STATE(&lab, "stopped");
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(beside_a_named_one_a_later_migration_waits_for_nothing) {
        Lab lab;

        lab_init(&lab, "add_rules");
        lab_poll(&lab, 0);
        lab_row(&lab, NAME, 10);
        lab_poll(&lab, 30);
        lab_row(&lab, "other", 5 * HOUR);
        lab_poll(&lab, 5 * HOUR);
        ck_assert_uint_eq(lab.record.n_events, 1);
        ck_assert_uint_eq(lab.record.waiting.count, 0);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(an_unreadable_history_changes_nothing) {
        PhasePoll blind = {.at = AT(60)};
        Lab lab;

        lab_init(&lab, "");
        lab_row(&lab, "a", -9 * DAY);
        lab_poll(&lab, 0);
        ck_assert_int_eq(phase_poll(&lab.record, &lab.settings, &blind), 0);
        lab_poll(&lab, 90); /* what is there again is not new */
        EXPECT_STATE(&lab, "idle");
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_migration_of_the_batch_that_goes_is_an_event) {
        Lab lab;

        lab_init(&lab, "");
        lab_poll(&lab, 0);
        lab_row(&lab, "a", 10);
        lab_poll(&lab, 30);
        lab.n_rows = 0;
        lab_poll(&lab, 60);
        lab_poll(&lab, 90);
        ck_assert_uint_eq(lab.record.n_events, 1);
        ck_assert_int_eq(lab.record.events[0].kind, PHASE_EVENT_GONE);
        ck_assert_uint_eq(lab.record.events[0].to, 0);
        lab_row(&lab, "a", 100);
        lab_poll(&lab, 120);
        ck_assert_int_eq(seconds(lab.record.events[0].to), 120);
        EXPECT_STATE(&lab, "watching");
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(by_hand_it_opens_and_stops) {
        Lab lab;

        lab_init(&lab, "");
        ck_assert_int_eq(phase_stop(&lab.record, AT(0)), 0);
        ck_assert_int_eq(phase_start(&lab.record, &lab.settings, AT(5)), 1);
        ck_assert_int_eq(phase_start(&lab.record, &lab.settings, AT(6)), 0);
        ck_assert_int_eq(seconds(lab.record.started_at), 5);
        ck_assert_uint_eq(lab.record.batch.count, 0);
        ck_assert_uint_eq(phase_remaining(&lab.record, AT(5 + HOUR)), 23 * HOUR * USEC_PER_SEC);
        ck_assert_int_eq(phase_stop(&lab.record, AT(10)), 1);
        EXPECT_STATE(&lab, "stopped");
        ck_assert_uint_eq(phase_remaining(&lab.record, AT(11)), 0);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(after_a_stop_the_same_migration_opens_nothing) {
        Lab lab;

        lab_init(&lab, "");
        lab_poll(&lab, 0);
        lab_row(&lab, "a", 10);
        lab_poll(&lab, 30);
        phase_stop(&lab.record, AT(40));
        lab_restart(&lab);
        lab_poll(&lab, 60);
        EXPECT_STATE(&lab, "stopped");
        lab_row(&lab, "b", 70);
        lab_poll(&lab, 90);
        EXPECT_STATE(&lab, "watching");
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_reload_keeps_the_duration_it_began_with) {
        Lab lab;

        lab_init(&lab, "");
        lab_poll(&lab, 0);
        lab_row(&lab, "a", 10);
        lab_poll(&lab, 30);
        lab.settings.duration = USEC_PER_HOUR;
        lab_row(&lab, "b", 40);
        lab_poll(&lab, 60);
        ck_assert_int_eq(seconds(lab.record.ends_at), 40 + DAY);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(where_another_is_named_the_verdict_of_before_is_none) {
        Lab lab;

        lab_init(&lab, "first");
        lab_poll(&lab, 0);
        lab_row(&lab, "20260101000000_first", 10);
        lab_poll(&lab, 30);
        lab.settings.migration = (char *)"second";
        lab_poll(&lab, 60);
        EXPECT_STATE(&lab, "watching"); /* what is open goes on */
        ck_assert(!phase_is_of_another(&lab.record, &lab.settings));
        lab.record.state = PHASE_PASSED;
        ck_assert_int_eq(lab_poll(&lab, 90), 0);
        ck_assert(phase_is_of_another(&lab.record, &lab.settings));
        lab.settings.migration = (char *)"first"; /* it was a slip */
        ck_assert(!phase_is_of_another(&lab.record, &lab.settings));
        lab.settings.migration = (char *)"second";
        lab_row(&lab, "20260102000000_second", 100);
        lab_poll(&lab, 120);
        EXPECT_STATE(&lab, "watching");
        ck_assert_str_eq(lab.record.batch.items[0].name, "20260102000000_second");
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(one_that_is_named_and_was_under_way_already_has_its_phase) {
        Lab lab;

        lab_init(&lab, "first");
        lab_poll(&lab, 0);
        lab_row(&lab, "20260101000000_first", 10);
        lab_poll(&lab, 30);
        lab.record.state = PHASE_PASSED;
        lab_row(&lab, "20260102000000_second", 3 * HOUR);
        ck_assert_int_eq(lab_poll(&lab, 4 * HOUR), 0);
        EXPECT_STATE(&lab, "passed");
        lab.settings.migration = (char *)"second";
        ck_assert_int_eq(lab_poll(&lab, 5 * HOUR), 1);
        EXPECT_STATE(&lab, "watching");
        ck_assert_int_eq(seconds(lab.record.started_at), 3 * HOUR);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(where_the_same_is_named_or_none_the_verdict_stands) {
        static const char *const names[] = {"first", "20260101000000_first", ""};
        Lab lab;

        lab_init(&lab, "first");
        lab_poll(&lab, 0);
        lab_row(&lab, "20260101000000_first", 10);
        lab_poll(&lab, 30);
        lab.record.state = PHASE_FAILED;
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                lab.settings.migration = (char *)names[i];
                ck_assert_int_eq(lab_poll(&lab, 60), 0);
                EXPECT_STATE(&lab, "failed");
                ck_assert(!phase_is_of_another(&lab.record, &lab.settings));
        }
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_verdict_by_hand_is_about_no_migration) {
        Lab lab;

        lab_init(&lab, "first");
        lab_poll(&lab, 0);
        ck_assert_int_eq(phase_start(&lab.record, &lab.settings, AT(5)), 1);
        lab.record.state = PHASE_PASSED;
        ck_assert_int_eq(lab_poll(&lab, 60), 0);
        EXPECT_STATE(&lab, "passed");
        ck_assert(!phase_is_of_another(&lab.record, &lab.settings));
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(a_restart_sees_what_finished_meanwhile) {
        Lab lab;

        lab_init(&lab, "add_rules");
        lab_row(&lab, "old", -9 * DAY);
        lab_rounds(&lab, 0, 30);
        lab_poll(&lab, 30);
        lab_restart(&lab);
        lab_row(&lab, NAME, HOUR);
        lab_rounds(&lab, 2 * HOUR, 2 * HOUR);
        lab_poll(&lab, 2 * HOUR);
        EXPECT_STATE(&lab, "watching");
        ck_assert_int_eq(seconds(lab.record.started_at), HOUR);
        ck_assert_uint_eq(phase_void(&lab.record, AT(2 * HOUR), INTERVAL), HOUR * USEC_PER_SEC);
        phase_record_done(&lab.record);
}
END_TEST

static void see(Lab *lab, int64_t at, uint64_t blocked) {
        MigrationRun run = {.is_live = true, .is_known = true, .blocked = blocked, .longest_wait = blocked};

        ck_assert_int_eq(phase_run(&lab->record, &run, AT(at)), 0);
}

START_TEST(what_was_seen_of_a_migration_while_it_ran_is_of_its_phase) {
        Lab lab;
        MigrationRun none = {};

        lab_init(&lab, "");
        lab_poll(&lab, 0);
        see(&lab, 20, 1);
        ck_assert_int_eq(phase_run(&lab.record, &none, AT(25)), 0);
        see(&lab, 30, 4);
        lab_restart(&lab);
        see(&lab, 40, 2);
        lab_row(&lab, "a", 45);
        lab_poll(&lab, 50);
        EXPECT_STATE(&lab, "watching");
        ck_assert_uint_eq(lab.record.run.blocked, 4);
        ck_assert_int_eq(seconds(lab.record.run.first_seen), 20);
        ck_assert_int_eq(seconds(lab.record.run.last_seen), 40);
        /* One more of its batch counts, one that comes later does not. */
        see(&lab, 100, 9);
        see(&lab, 2 * HOUR, 99);
        ck_assert_uint_eq(lab.record.run.blocked, 9);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(what_was_seen_of_an_earlier_migration_is_not) {
        Lab lab;

        lab_init(&lab, "");
        lab_poll(&lab, 0);
        see(&lab, 20, 5);
        lab_poll(&lab, HOUR); /* it came to nothing */
        lab_row(&lab, "a", HOUR + 10);
        lab_poll(&lab, HOUR + 20);
        EXPECT_STATE(&lab, "watching");
        ck_assert_uint_eq(lab.record.run.last_seen, 0);
        phase_record_done(&lab.record);

        lab_init(&lab, "");
        lab_poll(&lab, 0);
        see(&lab, 20, 5);
        see(&lab, HOUR, 1);
        ck_assert_uint_eq(lab.record.run.blocked, 1);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(one_that_was_rolled_back_and_is_there_again_is_watched_for_a_whole_phase) {
        Lab lab;

        lab_init(&lab, "a");
        lab_poll(&lab, 0);
        lab_row(&lab, "1_a", 100);
        lab_poll(&lab, 120);
        lab.n_rows = 0;
        lab_poll(&lab, 7200);
        lab_row(&lab, "1_a", 80000);
        lab_poll(&lab, 80010);
        EXPECT_STATE(&lab, "watching");
        ck_assert_int_eq(seconds(lab.record.started_at), 80000);
        ck_assert_int_eq(seconds(lab.record.ends_at), 80000 + DAY);
        ck_assert_uint_eq(lab.record.batch.count, 1);
        ck_assert_int_eq(seconds(lab.record.batch.items[0].finished_at), 80000);
        ck_assert_uint_eq(lab.record.waiting.count, 0);
        ck_assert_uint_eq(lab.record.n_events, 1);
        ck_assert_int_eq(seconds(lab.record.events[0].to), 80010);
        phase_record_done(&lab.record);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                what_was_seen_of_a_migration_while_it_ran_is_of_its_phase,
                what_was_seen_of_an_earlier_migration_is_not,
                a_named_migration_is_waited_for,
                it_matches_with_its_digits_too,
                without_a_name_any_new_one_opens,
                its_clock_is_believed_between_the_polls_that_saw_it,
                at_first_start_a_recent_migration_opens_with_a_void_part,
                at_first_start_an_older_one_leaves_idle_and_says_so,
                a_first_poll_from_the_future_is_now,
                ten_minutes_are_one_batch_and_the_clock_is_the_last_one_s,
                what_the_same_deployment_ran_before_a_named_one_is_its_batch,
                a_later_migration_is_an_event_and_waits_when_none_is_named,
                what_waited_has_its_phase_after_the_verdict_and_once,
                what_waited_and_is_named_has_one_phase_too,
                what_waited_and_nobody_names_any_more_has_none,
                beside_a_named_one_a_later_migration_waits_for_nothing,
                an_unreadable_history_changes_nothing,
                a_migration_of_the_batch_that_goes_is_an_event,
                one_that_was_rolled_back_and_is_there_again_is_watched_for_a_whole_phase,
                by_hand_it_opens_and_stops,
                after_a_stop_the_same_migration_opens_nothing,
                a_reload_keeps_the_duration_it_began_with,
                where_another_is_named_the_verdict_of_before_is_none,
                one_that_is_named_and_was_under_way_already_has_its_phase,
                where_the_same_is_named_or_none_the_verdict_stands,
                a_verdict_by_hand_is_about_no_migration,
                a_restart_sees_what_finished_meanwhile,
        };

        return unit_run("poll", tests, ELEMENTS(tests));
}
