/* Tests of engine/yield-plan: each scenario is a sequence of events with what is to be done after
 * each of them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "../unit.h"
#include "engine/yield-plan.h"
#include "pgvigil/base/macros.h"

#define EPOCH      (1000 * USEC_PER_SEC)
#define MAX_EVENTS 24

typedef enum Event {
        TIME, /* passes */
        SCAN, /* begins */
        ROWS,
        CANCELED, /* 57014 */
        LOST,
        CONNECTED,
        ASK,
        CLEAR,
        BLOCKS, /* somebody waits, for `waited` ms */
        TELL,   /* a cancel */
        DOOM,   /* a terminate */
        TOLD,
        GONE, /* the second session */
        LEFT,
        RESET,
} Event;

typedef struct Turn {
        unsigned at; /* ms */
        Event event;
        unsigned waited;
        YieldAct act;
} Turn;

typedef struct Scenario {
        const char *claim;
        unsigned blocking; /* ms in the end */
        Turn turns[MAX_EVENTS];
} Scenario;

#define REST YIELD_REST

static const Scenario scenarios[] = {
        {"a short scan is not looked at",
         0,
         {{0, SCAN, 0, REST}, {99, TIME, 0, REST}, {99, ROWS, 0, REST}, {10000, TIME, 0, REST}}},
        {"a second session is opened when the scan has run for a while",
         0,
         {{0, SCAN, 0, REST},
          {100, TIME, 0, YIELD_CONNECT},
          {120, CONNECTED, 0, YIELD_LOOK},
          {120, ASK, 0, REST},
          {125, CLEAR, 0, REST},
          {374, TIME, 0, REST},
          {375, TIME, 0, YIELD_LOOK}}},
        {"an open session waits out the patience of each scan",
         0,
         {{0, SCAN, 0, REST},
          {100, CONNECTED, 0, YIELD_LOOK},
          {150, ROWS, 0, REST},
          {200, SCAN, 0, REST},
          {299, TIME, 0, REST},
          {300, TIME, 0, YIELD_LOOK}}},
        {"it is closed some seconds after the last scan",
         0,
         {{0, SCAN, 0, REST},
          {100, CONNECTED, 0, YIELD_LOOK},
          {1000, ROWS, 0, REST},
          {3000, SCAN, 0, REST},
          {3010, ROWS, 0, REST},
          {8009, TIME, 0, REST},
          {8010, TIME, 0, YIELD_LEAVE},
          {8010, LEFT, 0, REST},
          {9000, SCAN, 0, REST},
          {9100, TIME, 0, YIELD_CONNECT}}},
        {"one that connects when the scan is over stays as long",
         0,
         {{0, SCAN, 0, REST},
          {100, TIME, 0, YIELD_CONNECT},
          {150, ROWS, 0, REST},
          {200, CONNECTED, 0, REST},
          {5150, TIME, 0, YIELD_LEAVE}}},
        {"who is waited for stops at once",
         40,
         {{0, SCAN, 0, REST},
          {1000, CONNECTED, 0, YIELD_LOOK},
          {1000, ASK, 0, REST},
          {1010, BLOCKS, 30, YIELD_CANCEL},
          {1010, TELL, 0, REST},
          {1015, TOLD, 0, REST},
          {1020, CANCELED, 0, REST}}},
        {"who goes on all the same is ended by the next look",
         320,
         {{0, SCAN, 0, REST},
          {1000, CONNECTED, 0, YIELD_LOOK},
          {1000, ASK, 0, REST},
          {1010, BLOCKS, 60, YIELD_CANCEL},
          {1010, TELL, 0, REST},
          {1010, TOLD, 0, REST},
          {1259, TIME, 0, REST},
          {1260, TIME, 0, YIELD_LOOK},
          {1260, ASK, 0, REST},
          {1270, BLOCKS, 320, YIELD_TERMINATE},
          {1270, DOOM, 0, REST},
          {1270, LOST, 0, REST},
          {1270, RESET, 0, REST}}},
        {"a scan that was told and blocks nobody any more goes on",
         10,
         {{0, SCAN, 0, REST},
          {1000, CONNECTED, 0, YIELD_LOOK},
          {1000, ASK, 0, REST},
          {1010, BLOCKS, 10, YIELD_CANCEL},
          {1010, TELL, 0, REST},
          {1010, TOLD, 0, REST},
          {1260, ASK, 0, REST},
          {1270, CLEAR, 0, REST},
          {1520, TIME, 0, YIELD_LOOK}}},
        {"a look at a scan that is over stops nobody",
         0,
         {{0, SCAN, 0, REST},
          {100, CONNECTED, 0, YIELD_LOOK},
          {100, ASK, 0, REST},
          {110, ROWS, 0, REST},
          {120, BLOCKS, 50, REST},
          {5110, TIME, 0, YIELD_LEAVE}}},
        {"nor does it stop the next one",
         0,
         {{0, SCAN, 0, REST},
          {100, CONNECTED, 0, YIELD_LOOK},
          {100, ASK, 0, REST},
          {110, ROWS, 0, REST},
          {115, SCAN, 0, REST},
          {120, BLOCKS, 50, REST},
          {215, TIME, 0, YIELD_LOOK}}},
        {"that others waited before the scan began is not its fault",
         15,
         {{990, SCAN, 0, REST},
          {1000, CONNECTED, 0, REST},
          {1000, ASK, 0, REST},
          {1000, BLOCKS, 600, YIELD_CANCEL},
          {1000, TELL, 0, REST},
          {1005, CANCELED, 0, REST}}},
        {"each wait counts",
         160,
         {{0, SCAN, 0, REST},
          {1000, CONNECTED, 0, YIELD_LOOK},
          {1000, ASK, 0, REST},
          {1000, BLOCKS, 100, YIELD_CANCEL},
          {1000, TELL, 0, REST},
          {1010, CANCELED, 0, REST},
          {1010, TOLD, 0, REST},
          {2000, SCAN, 0, REST},
          {2100, ASK, 0, REST},
          {2140, BLOCKS, 40, YIELD_CANCEL},
          {2140, TELL, 0, REST},
          {2150, ROWS, 0, REST}}},
        {"a session that cannot be had is not tried again for a minute",
         0,
         {{0, SCAN, 0, REST},
          {100, TIME, 0, YIELD_CONNECT},
          {110, GONE, 0, REST},
          {60000, TIME, 0, REST},
          {60050, ROWS, 0, REST},
          {60060, SCAN, 0, REST},
          {60160, TIME, 0, YIELD_CONNECT}}},
        {"a look that fails stops nobody",
         0,
         {{0, SCAN, 0, REST},
          {100, CONNECTED, 0, YIELD_LOOK},
          {100, ASK, 0, REST},
          {110, GONE, 0, REST},
          {60000, TIME, 0, REST}}},
        {"a cancel without an answer ends in hanging up, as it may strike any time",
         70,
         {{0, SCAN, 0, REST},
          {1000, CONNECTED, 0, YIELD_LOOK},
          {1000, ASK, 0, REST},
          {1010, BLOCKS, 10, YIELD_CANCEL},
          {1010, TELL, 0, REST},
          {1070, GONE, 0, YIELD_HANG_UP},
          {1070, LOST, 0, YIELD_HANG_UP},
          {1070, RESET, 0, REST}}},
        {"also when the scan has ended meanwhile",
         50,
         {{0, SCAN, 0, REST},
          {1000, CONNECTED, 0, YIELD_LOOK},
          {1000, ASK, 0, REST},
          {1010, BLOCKS, 10, YIELD_CANCEL},
          {1010, TELL, 0, REST},
          {1050, ROWS, 0, REST},
          {1070, GONE, 0, YIELD_HANG_UP},
          {1070, RESET, 0, REST}}},
        {"a reset keeps nothing but the sum and the time of the next attempt",
         20,
         {{0, SCAN, 0, REST},
          {1000, GONE, 0, REST},
          {1000, CONNECTED, 0, YIELD_LOOK},
          {1000, ASK, 0, REST},
          {1000, BLOCKS, 10, YIELD_CANCEL},
          {1010, LOST, 0, REST},
          {1010, RESET, 0, REST},
          {1020, SCAN, 0, REST},
          {60999, TIME, 0, REST},
          {61000, TIME, 0, YIELD_CONNECT}}},
};

static void end_with(YieldPlan *plan, OutcomeKind kind, const char *sqlstate, usec_t now) {
        Outcome outcome = {.kind = kind};

        memcpy(outcome.sqlstate, sqlstate, strlen(sqlstate));
        yield_plan_end(plan, &outcome, now);
        outcome_done(&outcome);
}

static void happen(YieldPlan *plan, const Turn *turn, usec_t now) {
        switch (turn->event) {
        case TIME:
                return;
        case SCAN:
                yield_plan_scan(plan, now);
                return;
        case ROWS:
                end_with(plan, OUTCOME_ROWS, "", now);
                return;
        case CANCELED:
                end_with(plan, OUTCOME_ERROR, "57014", now);
                return;
        case LOST:
                end_with(plan, OUTCOME_LOST, "", now);
                return;
        case CONNECTED:
                plan->stage = YIELD_OPEN;
                return;
        case ASK:
                yield_plan_ask(plan);
                return;
        case CLEAR:
        case BLOCKS:
                yield_plan_looked(plan, turn->event == BLOCKS, turn->waited * USEC_PER_MSEC, now);
                return;
        case TELL:
                yield_plan_tell(plan, false);
                return;
        case DOOM:
                yield_plan_tell(plan, true);
                return;
        case TOLD:
                yield_plan_told(plan, now);
                return;
        case GONE:
                yield_plan_failed(plan, now);
                return;
        case LEFT:
                plan->stage = YIELD_CLOSED;
                return;
        case RESET:
                yield_plan_reset(plan);
                return;
        }
}

/* Asked again when it says so, and not before, it says something else than to rest. */
static void check_wake(const Scenario *scenario, size_t turn, const YieldPlan *plan, usec_t wake) {
        usec_t later;

        if (wake == USEC_INFINITY)
                return;
        ck_assert_msg(yield_plan_act(plan, wake, &later) != YIELD_REST, "%s: turn %zu", scenario->claim,
                      turn);
        ck_assert_msg(yield_plan_act(plan, wake - 1, &later) == YIELD_REST, "%s: turn %zu", scenario->claim,
                      turn);
}

static void play(const Scenario *scenario) {
        YieldPlan plan = {};

        for (size_t i = 0; i < MAX_EVENTS && (i == 0 || scenario->turns[i].at > 0); i++) {
                const Turn *turn = &scenario->turns[i];
                usec_t now = EPOCH + turn->at * USEC_PER_MSEC, wake;
                YieldAct act;

                happen(&plan, turn, now);
                act = yield_plan_act(&plan, now, &wake);
                ck_assert_msg(act == turn->act, "%s: turn %zu: %d, not %d", scenario->claim, i, (int)act,
                              (int)turn->act);
                if (act == YIELD_REST)
                        check_wake(scenario, i, &plan, wake);
        }
        ck_assert_msg(plan.blocking == scenario->blocking * USEC_PER_MSEC, "%s: %lu us blocked",
                      scenario->claim, (unsigned long)plan.blocking);
}

START_TEST(each_scenario_of_scans_and_looks) {
        for (size_t i = 0; i < ELEMENTS(scenarios); i++)
                play(&scenarios[i]);
}
END_TEST

START_TEST(nothing_is_sent_between_a_cancel_and_its_answer) {
        YieldPlan plan = {};

        yield_plan_scan(&plan, EPOCH);
        plan.stage = YIELD_OPEN;
        yield_plan_ask(&plan);
        ck_assert(!yield_plan_holds(&plan));
        yield_plan_looked(&plan, true, 0, EPOCH);
        yield_plan_tell(&plan, false);
        ck_assert(yield_plan_holds(&plan));
        end_with(&plan, OUTCOME_ERROR, "57014", EPOCH);
        ck_assert(yield_plan_holds(&plan));
        yield_plan_told(&plan, EPOCH);
        ck_assert(!yield_plan_holds(&plan));

        yield_plan_tell(&plan, false);
        yield_plan_failed(&plan, EPOCH);
        ck_assert(yield_plan_holds(&plan));
        yield_plan_reset(&plan);
        ck_assert(!yield_plan_holds(&plan));
}
END_TEST

/* How a scan ended, whether it had been told to stop, and what the check hears. */
static const struct {
        bool was_told;
        OutcomeKind kind;
        const char *sqlstate;
        OutcomeKind heard;
        const char *heard_sqlstate;
} ends[] = {
        {false, OUTCOME_ROWS, "", OUTCOME_ROWS, ""},
        {false, OUTCOME_ERROR, "57014", OUTCOME_ERROR, "57014"},
        {false, OUTCOME_ERROR, "22012", OUTCOME_ERROR, "22012"},
        {false, OUTCOME_LOST, "57P01", OUTCOME_LOST, "57P01"},
        {true, OUTCOME_ROWS, "", OUTCOME_ERROR, "55P03"},
        {true, OUTCOME_ERROR, "57014", OUTCOME_ERROR, "55P03"},
        {true, OUTCOME_ERROR, "22012", OUTCOME_ERROR, "22012"},
        {true, OUTCOME_LOST, "57P01", OUTCOME_LOST, "57P01"},
};

static const Field fields[] = {{.name = "count", .kind = VALUE_INT}};
static const Shape shape = SHAPE("count", fields);

START_TEST(what_a_scan_answers_after_it_was_told_to_stop_is_not_believed) {
        for (size_t i = 0; i < ELEMENTS(ends); i++) {
                YieldPlan plan = {.stage = YIELD_OPEN};
                Outcome outcome = {.kind = ends[i].kind};

                yield_plan_scan(&plan, EPOCH);
                if (ends[i].was_told)
                        yield_plan_tell(&plan, false);
                if (outcome.kind == OUTCOME_ROWS)
                        ck_assert_int_eq(table_new(&shape, NULL, &outcome.table), 0);
                memcpy(outcome.sqlstate, ends[i].sqlstate, strlen(ends[i].sqlstate));
                yield_plan_end(&plan, &outcome, EPOCH);
                ck_assert_int_eq(outcome.kind, ends[i].heard);
                ck_assert_str_eq(outcome.sqlstate, ends[i].heard_sqlstate);
                ck_assert((outcome.table != NULL) == (outcome.kind == OUTCOME_ROWS));
                outcome_done(&outcome);
        }
}
END_TEST

START_TEST(what_was_told_to_one_scan_is_not_held_against_the_next) {
        YieldPlan plan = {.stage = YIELD_OPEN};
        Outcome outcome = {.kind = OUTCOME_ERROR, .sqlstate = "57014"};

        yield_plan_scan(&plan, EPOCH);
        yield_plan_tell(&plan, false);
        yield_plan_end(&plan, NULL, EPOCH);
        yield_plan_told(&plan, EPOCH);
        yield_plan_scan(&plan, EPOCH);
        yield_plan_end(&plan, &outcome, EPOCH);
        ck_assert_str_eq(outcome.sqlstate, "57014");
}
END_TEST

START_TEST(the_end_of_what_is_no_scan_changes_nothing) {
        YieldPlan plan = {.stage = YIELD_TELLING, .was_told = true};
        Outcome outcome = {.kind = OUTCOME_ERROR, .sqlstate = "57014"};

        yield_plan_end(&plan, &outcome, EPOCH);
        ck_assert_str_eq(outcome.sqlstate, "57014");
        ck_assert_uint_eq(plan.ended, 0);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                each_scenario_of_scans_and_looks,
                nothing_is_sent_between_a_cancel_and_its_answer,
                what_a_scan_answers_after_it_was_told_to_stop_is_not_believed,
                what_was_told_to_one_scan_is_not_held_against_the_next,
                the_end_of_what_is_no_scan_changes_nothing,
        };

        return unit_run("yield-plan", tests, ELEMENTS(tests));
}
