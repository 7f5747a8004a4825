/* Tests of phase/judge: whole phases, from the migration to the verdict. Never a wrong green.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "lab.h"

/* A shop with one rule, its migration finished at 10, and a round each 15 s. */
typedef struct Shop {
        Lab lab;
        Finding finding;
        PhaseObject object;
        ErrorRate errors;
        Performance latencies;
        PhaseInputs inputs;
} Shop;

static void shop_init(Shop *shop, const char *name) {
        *shop = (Shop){};
        lab_init(&shop->lab, name);
        shop->finding = (Finding){
                .kind = KIND_CONSTRAINT,
                .object = (char *)"orders",
                .name = (char *)"check_amount",
                .configured = true,
                .severity = SEVERITY_CRITICAL,
                .status = STATUS_PASS,
                .value = VALUE_OF_INT(0),
                .unit = "rows",
        };
        shop->object = (PhaseObject){.finding = &shop->finding, .walked_since = AT(100)};
        shop->errors = (ErrorRate){.status = STATUS_PASS, .n_window = PHASE_BUCKETS};
        shop->latencies = (Performance){.status = STATUS_PASS, .n_hours = PHASE_HOURS};
        shop->inputs = (PhaseInputs){
                .interval = INTERVAL,
                .is_complete = true,
                .history_is_readable = true,
                .scope_is_known = true,
                .objects = &shop->object,
                .n_objects = 1,
                .error_rate = &shop->errors,
                .performance = &shop->latencies,
        };
        lab_rounds(&shop->lab, -60, 0);
        lab_poll(&shop->lab, 0);
        lab_row(&shop->lab, "a", 10);
        lab_rounds(&shop->lab, 15, 30);
        lab_poll(&shop->lab, 30);
}

static void shop_done(Shop *shop) {
        phase_record_done(&shop->lab.record);
}

static int shop_judge(Shop *shop, int64_t at) {
        int r = phase_judge(&shop->lab.record, &shop->lab.settings, &shop->inputs, AT(at));

        ck_assert_int_ge(r, 0);
        return r;
}

static void shop_break(Shop *shop, int64_t rows) {
        shop->finding.value = VALUE_OF_INT(rows);
        shop->finding.seen = rows > 0 ? SEEN_BREACH : SEEN_OK;
        shop->finding.reason = rows > 0 ? REASON_VIOLATED : REASON_OK;
        shop->finding.status = rows > 0 ? STATUS_FAIL : STATUS_PASS;
}

/* To the first round after the end. */
static int shop_finish(Shop *shop, int64_t from) {
        lab_rounds(&shop->lab, from, DAY + 25);
        return shop_judge(shop, DAY + 25);
}

static Status status_of(const Shop *shop, Criterion criterion) {
        return shop->lab.record.criteria[criterion].status;
}

START_TEST(a_quiet_day_passes) {
        Shop shop;

        shop_init(&shop, "a");
        lab_rounds(&shop.lab, 45, DAY);
        ck_assert_int_eq(shop_judge(&shop, DAY), 0);
        ck_assert_int_eq(shop_judge(&shop, DAY + 20), 0); /* no round since the end */
        EXPECT_STATE(&shop.lab, "watching");
        ck_assert_int_eq(shop_finish(&shop, DAY + 10), 1);
        EXPECT_STATE(&shop.lab, "passed");
        ck_assert_int_eq(seconds(shop.lab.record.closed_at), DAY + 25);
        ck_assert_int_eq(status_of(&shop, CRITERION_QUERIES_WORK), STATUS_SKIPPED);
        ck_assert_ptr_null(shop.lab.record.cannot_pass);
        ck_assert_int_eq(shop_judge(&shop, 2 * DAY), 0);
        EXPECT_STATE(&shop.lab, "passed");
        shop_done(&shop);
}
END_TEST

START_TEST(one_failing_criterion_fails) {
        Shop shop;

        shop_init(&shop, "a");
        shop.errors = (ErrorRate){.status = STATUS_FAIL, .cause = ERROR_RATE_BUCKET};
        shop_judge(&shop, 45);
        ck_assert_str_eq(shop.lab.record.cannot_pass, "Cannot pass: error_rate failed.");
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "failed");
        shop_done(&shop);
}
END_TEST

START_TEST(one_unknown_criterion_is_inconclusive) {
        Shop shop;

        shop_init(&shop, "a");
        shop.latencies = (Performance){.status = STATUS_UNKNOWN, .cause = PERFORMANCE_INCONCLUSIVE};
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "inconclusive");
        shop_done(&shop);
}
END_TEST

START_TEST(a_count_that_no_walk_confirmed_is_inconclusive) {
        Shop shop;

        shop_init(&shop, "a");
        shop.object.walked_since = 0;
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "inconclusive");
        shop_done(&shop);
}
END_TEST

START_TEST(the_last_slots_belong_to_the_verdict) {
        Shop shop;

        shop_init(&shop, "a");
        lab_rounds(&shop.lab, 45, DAY);
        shop.errors.n_window = PHASE_BUCKETS - 1;
        shop.latencies.n_hours = PHASE_HOURS - 2; /* 23 hours of the clock are wholly within */
        shop_judge(&shop, DAY);
        ck_assert_int_eq(status_of(&shop, CRITERION_ERROR_RATE), STATUS_PASS);
        ck_assert_int_eq(status_of(&shop, CRITERION_PERFORMANCE), STATUS_PASS);
        shop_finish(&shop, DAY + 10);
        ck_assert_int_eq(status_of(&shop, CRITERION_ERROR_RATE), STATUS_UNKNOWN);
        ck_assert_int_eq(status_of(&shop, CRITERION_PERFORMANCE), STATUS_UNKNOWN);
        EXPECT_STATE(&shop.lab, "inconclusive");
        shop_done(&shop);
}
END_TEST

START_TEST(what_is_still_summed_up_is_waited_for_and_not_for_ever) {
        Shop shop;

        shop_init(&shop, "a");
        shop.inputs.is_awaited = true;
        shop.latencies.n_hours = PHASE_HOURS - 2;
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "watching");
        shop.inputs.is_awaited = false;
        shop.latencies.n_hours = PHASE_HOURS - 1;
        shop_judge(&shop, DAY + 40);
        EXPECT_STATE(&shop.lab, "passed");
        shop_done(&shop);

        shop_init(&shop, "a");
        shop.inputs.is_awaited = true;
        shop.latencies.n_hours = PHASE_HOURS - 2;
        shop_finish(&shop, 45);
        lab_rounds(&shop.lab, DAY + 30, DAY + HOUR + 30);
        shop_judge(&shop, DAY + HOUR + 30);
        EXPECT_STATE(&shop.lab, "inconclusive");
        shop_done(&shop);
}
END_TEST

START_TEST(what_was_not_looked_at_after_the_end_is_waited_for_and_no_pass) {
        Shop shop;

        shop_init(&shop, "a");
        shop.inputs.is_unseen = true;
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "watching");
        shop.inputs.is_unseen = false;
        shop_judge(&shop, DAY + 40);
        EXPECT_STATE(&shop.lab, "passed");
        shop_done(&shop);

        shop_init(&shop, "a");
        shop.inputs.is_unseen = true;
        shop_finish(&shop, 45);
        lab_rounds(&shop.lab, DAY + 30, DAY + HOUR + 30);
        shop_judge(&shop, DAY + HOUR + 30);
        EXPECT_STATE(&shop.lab, "inconclusive");
        ck_assert_ptr_nonnull(strstr(shop.lab.record.note, "Not everything"));
        shop_done(&shop);
}
END_TEST

START_TEST(what_moved_most_is_kept_with_both_means) {
        Shop shop;

        shop_init(&shop, "a");
        shop.latencies.n_compared = 20;
        shop.latencies.n_moved = 2;
        shop.latencies.moved[0] = (StatementShift){"SELECT\n$1", 1, 2, 0.5, 7};
        shop.latencies.moved[1] = (StatementShift){NULL, 3, 4, 0.1, -8};
        shop_judge(&shop, 60);
        ck_assert_uint_eq(shop.lab.record.n_statements, 2);
        ck_assert_str_eq(shop.lab.record.statements[0].text, "SELECT $1");
        ck_assert(shop.lab.record.statements[0].after_ms == 2);
        ck_assert_str_eq(shop.lab.record.statements[1].text, "statement -8, whose text is not known");

        shop.inputs.performance = &(Performance){.status = STATUS_UNKNOWN, .cause = PERFORMANCE_UNREAD};
        shop_judge(&shop, 75);
        ck_assert_uint_eq(shop.lab.record.n_statements, 2);
        shop.inputs.performance = &shop.latencies;
        shop.latencies.n_moved = 0;
        shop_judge(&shop, 90);
        ck_assert_uint_eq(shop.lab.record.n_statements, 0);
        shop_done(&shop);
}
END_TEST

START_TEST(a_breach_at_the_end_fails) {
        Shop shop;

        shop_init(&shop, "a");
        shop_break(&shop, 2);
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "failed");
        shop_done(&shop);
}
END_TEST

START_TEST(a_breach_that_was_repaired_passes_and_is_listed) {
        const PhaseEvent *event;
        Shop shop;

        shop_init(&shop, "a");
        lab_rounds(&shop.lab, 45, 630);
        shop_break(&shop, 2);
        shop_judge(&shop, 600);
        shop_break(&shop, 3);
        shop_judge(&shop, 615);
        shop_break(&shop, 1);
        shop_judge(&shop, 630);
        ck_assert_int_eq(status_of(&shop, CRITERION_NO_VIOLATIONS), STATUS_FAIL);
        lab_restart(&shop.lab);
        shop_break(&shop, 0);
        lab_rounds(&shop.lab, 645, 645);
        shop_judge(&shop, 645);
        shop_finish(&shop, 660);
        EXPECT_STATE(&shop.lab, "passed");
        ck_assert_uint_eq(shop.lab.record.n_events, 1);
        event = &shop.lab.record.events[0];
        ck_assert_str_eq(event->object, "check_amount on orders");
        ck_assert_int_eq(seconds(event->from), 600);
        ck_assert_int_eq(seconds(event->to), 645);
        ck_assert_int_eq(event->rows, 3);
        ck_assert_ptr_nonnull(
                strstr(shop.lab.record.criteria[CRITERION_NO_VIOLATIONS].reason, "were repaired: 1"));
        shop_done(&shop);
}
END_TEST

/* Blindness repairs nothing. */
START_TEST(a_breach_that_is_out_of_sight_goes_on) {
        Shop shop;

        shop_init(&shop, "a");
        shop_break(&shop, 2);
        shop_judge(&shop, 45);
        shop.finding = (Finding){
                .kind = KIND_CONSTRAINT,
                .object = (char *)"orders",
                .name = (char *)"check_amount",
                .configured = true,
                .seen = SEEN_UNKNOWN,
                .status = STATUS_UNKNOWN,
                .reason = REASON_LOCKED,
        };
        shop_judge(&shop, 60);
        ck_assert_uint_eq(shop.lab.record.events[0].to, 0);
        shop.inputs.n_objects = 0; /* dropped, or not there */
        shop_judge(&shop, 75);
        ck_assert_uint_eq(shop.lab.record.events[0].to, 0);
        shop_done(&shop);
}
END_TEST

START_TEST(five_percent_void_pass_and_more_do_not) {
        static const struct {
                int64_t hole;
                const char *state;
        } cases[] = {{DAY / 20 - 30, "passed"}, {DAY / 20 + 30, "inconclusive"}};

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Shop shop;

                shop_init(&shop, "a");
                shop_finish(&shop, 30 + cases[i].hole);
                EXPECT_STATE(&shop.lab, cases[i].state);
                ck_assert_int_eq(shop.lab.record.note != NULL, i == 1);
                shop_done(&shop);
        }
}
END_TEST

START_TEST(void_is_no_excuse_for_a_failure) {
        Shop shop;

        shop_init(&shop, "a");
        shop_break(&shop, 2);
        shop_finish(&shop, HOUR * 10);
        EXPECT_STATE(&shop.lab, "failed");
        shop_done(&shop);
}
END_TEST

START_TEST(it_says_at_once_that_it_cannot_pass) {
        char *required[] = {(char *)"performance", (char *)"app_healthy", NULL};
        Shop shop;

        shop_init(&shop, "a");
        shop.lab.settings.require = required;
        shop.inputs.performance = NULL;
        shop.inputs.performance_absent = "pg_stat_statements is missing";
        shop_judge(&shop, 30);
        ck_assert_str_eq(shop.lab.record.cannot_pass,
                         "Cannot pass: no app.url is configured and app_healthy is required; "
                         "pg_stat_statements is missing and performance is required.");
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "inconclusive");
        shop_done(&shop);
}
END_TEST

START_TEST(what_cannot_be_read_in_its_time_is_said_at_once) {
        Shop shop;

        shop_init(&shop, "a");
        shop.object.walked_since = 0;
        shop.inputs.walk_blocks = shop.inputs.walk_blocks_max = 5760;
        shop_judge(&shop, 30);
        ck_assert_ptr_null(shop.lab.record.cannot_pass);
        shop.inputs.walk_blocks = 5761;
        shop_judge(&shop, 45);
        ck_assert_str_eq(shop.lab.record.cannot_pass,
                         "Cannot pass: to read everything once takes 5761 blocks, and limits.blocks_per_poll "
                         "allows 5760 within the phase.");
        shop.object.walked_since = AT(60); /* what was read already needs not be read again */
        shop_judge(&shop, 75);
        ck_assert_ptr_null(shop.lab.record.cannot_pass);
        shop_done(&shop);
}
END_TEST

START_TEST(what_is_skipped_and_not_required_counts_nowhere) {
        Shop shop;

        shop_init(&shop, "a");
        shop.inputs.performance = NULL;
        shop.inputs.error_rate = NULL;
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "passed");
        shop_done(&shop);
}
END_TEST

/* The daemon starts again after the end: what it has not looked at yet is no evidence. */
START_TEST(after_a_restart_the_verdict_waits_for_the_first_round) {
        Shop shop;

        shop_init(&shop, "a");
        lab_rounds(&shop.lab, 45, DAY - 300);
        lab_restart(&shop.lab);
        shop.inputs.is_complete = false;
        shop.inputs.n_objects = 0;
        ck_assert_int_eq(shop_judge(&shop, DAY + 60), 0);
        EXPECT_STATE(&shop.lab, "watching");
        lab_rounds(&shop.lab, DAY + 75, DAY + 75);
        shop.inputs.is_complete = true;
        shop.inputs.n_objects = 1;
        ck_assert_int_eq(shop_judge(&shop, DAY + 75), 1);
        EXPECT_STATE(&shop.lab, "passed");
        shop_done(&shop);
}
END_TEST

START_TEST(it_does_not_wait_for_ever) {
        Shop shop;

        shop_init(&shop, "a");
        lab_rounds(&shop.lab, 45, DAY + 30);
        shop.inputs.is_complete = false;
        ck_assert_int_eq(shop_judge(&shop, DAY + HOUR), 0);
        ck_assert_int_eq(shop_judge(&shop, DAY + HOUR + 10), 1);
        EXPECT_STATE(&shop.lab, "inconclusive");
        shop_done(&shop);
}
END_TEST

/* Five percent may be void, but not the end: nobody knows what has become of it. */
START_TEST(a_target_that_does_not_answer_at_the_end_does_not_pass) {
        Shop shop;

        shop_init(&shop, "a");
        lab_rounds(&shop.lab, 45, DAY - 60);
        ck_assert_int_eq(shop_judge(&shop, DAY + 20), 0);
        ck_assert_int_eq(shop_judge(&shop, DAY + HOUR + 10), 1);
        EXPECT_STATE(&shop.lab, "inconclusive");
        ck_assert_str_eq(shop.lab.record.note, "The target did not answer at the end of the phase.");
        shop_done(&shop);
}
END_TEST

START_TEST(a_migration_that_is_rolled_back_fails_it) {
        Shop shop;

        shop_init(&shop, "a");
        shop.lab.n_rows = 0;
        lab_poll(&shop.lab, 60);
        shop_finish(&shop, 45);
        EXPECT_STATE(&shop.lab, "failed");
        shop_done(&shop);
}
END_TEST

START_TEST(a_phase_that_waited_opens_after_the_verdict_at_its_own_time) {
        Shop shop;

        shop_init(&shop, "");
        lab_row(&shop.lab, "b", 5 * HOUR);
        lab_row(&shop.lab, "c", 5 * HOUR + 60);
        lab_row(&shop.lab, "d", 9 * HOUR);
        lab_rounds(&shop.lab, 45, 9 * HOUR);
        lab_poll(&shop.lab, 5 * HOUR - 5);
        lab_restart(&shop.lab);
        lab_poll(&shop.lab, 9 * HOUR + 5);
        ck_assert_int_eq(shop_finish(&shop, 9 * HOUR), 1);
        EXPECT_STATE(&shop.lab, "passed");
        lab_restart(&shop.lab);
        ck_assert_int_eq(shop_judge(&shop, DAY + 40), 1);
        EXPECT_STATE(&shop.lab, "watching");
        ck_assert_ptr_null(shop.lab.record.criteria[0].reason);
        ck_assert_uint_eq(shop.lab.record.batch.count, 3);
        shop_done(&shop);
}
END_TEST

START_TEST(a_phase_of_a_minute_ends_after_a_minute) {
        Shop shop;

        shop_init(&shop, "a");
        phase_stop(&shop.lab.record, AT(40));
        shop.lab.settings.duration = USEC_PER_MINUTE;
        phase_start(&shop.lab.record, &shop.lab.settings, AT(45));
        shop.object.walked_since = AT(46);
        lab_rounds(&shop.lab, 45, 90);
        ck_assert_int_eq(shop_judge(&shop, 104), 0);
        lab_rounds(&shop.lab, 105, 105);
        ck_assert_int_eq(shop_judge(&shop, 105), 1);
        EXPECT_STATE(&shop.lab, "passed");
        shop_done(&shop);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_quiet_day_passes,
                one_failing_criterion_fails,
                one_unknown_criterion_is_inconclusive,
                a_count_that_no_walk_confirmed_is_inconclusive,
                the_last_slots_belong_to_the_verdict,
                what_is_still_summed_up_is_waited_for_and_not_for_ever,
                what_was_not_looked_at_after_the_end_is_waited_for_and_no_pass,
                what_moved_most_is_kept_with_both_means,
                a_breach_at_the_end_fails,
                a_breach_that_was_repaired_passes_and_is_listed,
                a_breach_that_is_out_of_sight_goes_on,
                five_percent_void_pass_and_more_do_not,
                void_is_no_excuse_for_a_failure,
                it_says_at_once_that_it_cannot_pass,
                what_cannot_be_read_in_its_time_is_said_at_once,
                what_is_skipped_and_not_required_counts_nowhere,
                after_a_restart_the_verdict_waits_for_the_first_round,
                it_does_not_wait_for_ever,
                a_target_that_does_not_answer_at_the_end_does_not_pass,
                a_migration_that_is_rolled_back_fails_it,
                a_phase_that_waited_opens_after_the_verdict_at_its_own_time,
                a_phase_of_a_minute_ends_after_a_minute,
        };

        return unit_run("judge", tests, ELEMENTS(tests));
}
