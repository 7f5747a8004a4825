/* Tests of model/finding-settle: each scenario is a sequence of polls of one fact. Never a wrong
 * green.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>
#include <string.h>

#include "../unit.h"
#include "pgvigil/model/finding.h"

#define EPOCH     ((usec_t)1700000000 * USEC_PER_SEC) /* realtime at boottime 0 */
#define NO_VALUE  (-1)
#define MAX_POLLS 8

/* One poll: when (boottime, seconds), what was seen, and what must come of it. */
typedef struct Poll {
        usec_t at;
        Seen seen;
        Reason reason;
        int64_t value;
        usec_t checked; /* seconds; 0: now */
        /* expected: */
        Status status;
        Reason shown;
        int64_t shown_value;
        usec_t since;   /* seconds */
        usec_t seen_at; /* checked_boottime, seconds; 0: never */
        bool is_blind;
} Poll;

typedef struct Scenario {
        const char *claim;
        struct {
                Severity severity;
                int64_t threshold;
                unsigned for_polls, clear_after;
                usec_t max_age; /* seconds */
        } rule;
        Poll polls[MAX_POLLS];
} Scenario;

#define OK(v)     SEEN_OK, REASON_OK, (v), 0
#define ROWS(v)   SEEN_BREACH, REASON_VIOLATED, (v), 0
#define GONE      SEEN_BREACH, REASON_MISSING, NO_VALUE, 0
#define LOCK      SEEN_UNKNOWN, REASON_LOCKED, NO_VALUE, 0
#define TIMED_OUT SEEN_UNKNOWN, REASON_TIMEOUT, NO_VALUE, 0
#define SKIP      SEEN_SKIPPED, REASON_SKIPPED, NO_VALUE, 0

static const Scenario scenarios[] = {
        {"what holds passes",
         {SEVERITY_CRITICAL, 0, 0, 0, 30},
         {{100, OK(0), STATUS_PASS, REASON_OK, 0, 100, 100, false},
          {110, OK(0), STATUS_PASS, REASON_OK, 0, 100, 110, false}}},

        {"a critical breach fails, at once",
         {SEVERITY_CRITICAL, 0, 0, 0, 30},
         {{100, OK(0), STATUS_PASS, REASON_OK, 0, 100, 100, false},
          {110, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 110, 110, false},
          {120, ROWS(2), STATUS_FAIL, REASON_VIOLATED, 2, 110, 120, false},
          {130, OK(0), STATUS_PASS, REASON_OK, 0, 130, 130, false}}},
        {"a warning breach warns",
         {SEVERITY_WARNING, 0, 0, 0, 30},
         {{100, ROWS(1), STATUS_WARN, REASON_VIOLATED, 1, 100, 100, false}}},
        {"an info breach passes and shows its value",
         {SEVERITY_INFO, 0, 0, 0, 30},
         {{100, ROWS(9), STATUS_PASS, REASON_VIOLATED, 9, 100, 100, false}}},
        {"another reason is another time",
         {SEVERITY_CRITICAL, 0, 0, 0, 30},
         {{100, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 100, 100, false},
          {110, GONE, STATUS_FAIL, REASON_MISSING, NO_VALUE, 110, 110, false}}},

        {"below the threshold passes, at it fails",
         {SEVERITY_CRITICAL, 5, 1, 1, 30},
         {{100, ROWS(4), STATUS_PASS, REASON_VIOLATED, 4, 100, 100, false},
          {110, ROWS(5), STATUS_FAIL, REASON_VIOLATED, 5, 110, 110, false},
          {120, ROWS(4), STATUS_PASS, REASON_VIOLATED, 4, 120, 120, false}}},
        {"the threshold is about counted rows only",
         {SEVERITY_CRITICAL, 5, 1, 1, 30},
         {{100, SEEN_BREACH, REASON_NOT_VALID, 0, 0, STATUS_FAIL, REASON_NOT_VALID, 0, 100, 100, false},
          {110, GONE, STATUS_FAIL, REASON_MISSING, NO_VALUE, 110, 110, false}}},
        {"violated without a count fails whatever the threshold",
         {SEVERITY_CRITICAL, 5, 1, 1, 30},
         {{100, ROWS(NO_VALUE), STATUS_FAIL, REASON_VIOLATED, NO_VALUE, 100, 100, false}}},
        {"a threshold of 0 is 1",
         {SEVERITY_CRITICAL, 0, 1, 1, 30},
         {{100, ROWS(0), STATUS_PASS, REASON_VIOLATED, 0, 100, 100, false},
          {110, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 110, 110, false}}},

        {"a breach counts after `for` polls in a row",
         {SEVERITY_CRITICAL, 1, 3, 1, 30},
         {{100, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 100, 100, false},
          {110, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 100, 110, false},
          {120, OK(0), STATUS_PASS, REASON_OK, 0, 120, 120, false},
          {130, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 130, 130, false},
          {140, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 130, 140, false},
          {150, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 150, 150, false},
          {160, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 150, 160, false}}},
        {"a poll that could not check does not break the row of breaches",
         {SEVERITY_CRITICAL, 1, 2, 1, 30},
         {{100, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 100, 100, false},
          {110, LOCK, STATUS_PASS, REASON_VIOLATED, 1, 100, 100, true},
          {120, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 120, 120, false}}},
        {"a result that is handed over again is no new poll",
         {SEVERITY_CRITICAL, 1, 2, 2, 60},
         {{100, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 100, 100, false},
          {110, SEEN_BREACH, REASON_VIOLATED, 1, 100, STATUS_PASS, REASON_VIOLATED, 1, 100, 100, false},
          {120, SEEN_BREACH, REASON_VIOLATED, 1, 115, STATUS_FAIL, REASON_VIOLATED, 1, 120, 115, false},
          {130, SEEN_OK, REASON_OK, 0, 125, STATUS_FAIL, REASON_VIOLATED, 0, 120, 125, false},
          {140, SEEN_OK, REASON_OK, 0, 125, STATUS_FAIL, REASON_VIOLATED, 0, 120, 125, false},
          {150, SEEN_OK, REASON_OK, 0, 145, STATUS_PASS, REASON_OK, 0, 150, 145, false}}},

        {"a breach clears after `clear_after` clean polls in a row",
         {SEVERITY_WARNING, 1, 1, 3, 30},
         {{100, ROWS(7), STATUS_WARN, REASON_VIOLATED, 7, 100, 100, false},
          {110, OK(0), STATUS_WARN, REASON_VIOLATED, 0, 100, 110, false},
          {120, OK(0), STATUS_WARN, REASON_VIOLATED, 0, 100, 120, false},
          {130, ROWS(1), STATUS_WARN, REASON_VIOLATED, 1, 100, 130, false},
          {140, OK(0), STATUS_WARN, REASON_VIOLATED, 0, 100, 140, false},
          {150, OK(0), STATUS_WARN, REASON_VIOLATED, 0, 100, 150, false},
          {160, OK(0), STATUS_PASS, REASON_OK, 0, 160, 160, false}}},
        {"below the threshold is clean while clearing",
         {SEVERITY_CRITICAL, 5, 1, 2, 30},
         {{100, ROWS(5), STATUS_FAIL, REASON_VIOLATED, 5, 100, 100, false},
          {110, ROWS(4), STATUS_FAIL, REASON_VIOLATED, 4, 100, 110, false},
          {120, ROWS(4), STATUS_PASS, REASON_VIOLATED, 4, 120, 120, false}}},
        {"not checked is not clean",
         {SEVERITY_CRITICAL, 1, 1, 2, 30},
         {{100, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 100, 100, false},
          {110, OK(0), STATUS_FAIL, REASON_VIOLATED, 0, 100, 110, false},
          {120, LOCK, STATUS_FAIL, REASON_VIOLATED, 0, 100, 110, true},
          {130, OK(0), STATUS_FAIL, REASON_VIOLATED, 0, 100, 130, false},
          {140, OK(0), STATUS_PASS, REASON_OK, 0, 140, 140, false}}},
        {"while clearing, a breach counts at once again",
         {SEVERITY_CRITICAL, 1, 3, 2, 30},
         {{100, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 100, 100, false},
          {110, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 100, 110, false},
          {120, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 120, 120, false},
          {130, OK(0), STATUS_FAIL, REASON_VIOLATED, 0, 120, 130, false},
          {140, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 120, 140, false},
          {150, OK(0), STATUS_FAIL, REASON_VIOLATED, 0, 120, 150, false},
          {160, OK(0), STATUS_PASS, REASON_OK, 0, 160, 160, false},
          {170, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 170, 170, false}}},
        {"what was unknown does not turn green before the breach has cleared",
         {SEVERITY_CRITICAL, 1, 1, 2, 30},
         {{100, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 100, 100, false},
          {200, LOCK, STATUS_UNKNOWN, REASON_LOCKED, 1, 200, 100, false},
          {210, OK(0), STATUS_UNKNOWN, REASON_LOCKED, 0, 200, 210, false},
          {220, OK(0), STATUS_PASS, REASON_OK, 0, 220, 220, false}}},

        {"what was never checked is unknown at once",
         {SEVERITY_INFO, 0, 0, 0, 30},
         {{100, LOCK, STATUS_UNKNOWN, REASON_LOCKED, NO_VALUE, 100, 0, false},
          {110, LOCK, STATUS_UNKNOWN, REASON_LOCKED, NO_VALUE, 100, 0, false},
          {120, TIMED_OUT, STATUS_UNKNOWN, REASON_TIMEOUT, NO_VALUE, 120, 0, false},
          {130, OK(0), STATUS_PASS, REASON_OK, 0, 130, 130, false}}},
        {"what was never checked is unknown also without an age",
         {SEVERITY_INFO, 0, 0, 0, 0},
         {{100, LOCK, STATUS_UNKNOWN, REASON_LOCKED, NO_VALUE, 100, 0, false}}},
        {"the last result stays until it is too old, its value stays for ever",
         {SEVERITY_CRITICAL, 0, 0, 0, 30},
         {{100, OK(0), STATUS_PASS, REASON_OK, 0, 100, 100, false},
          {110, LOCK, STATUS_PASS, REASON_OK, 0, 100, 100, true},
          {130, LOCK, STATUS_PASS, REASON_OK, 0, 100, 100, true},
          {131, LOCK, STATUS_UNKNOWN, REASON_LOCKED, 0, 131, 100, false},
          {140, TIMED_OUT, STATUS_UNKNOWN, REASON_TIMEOUT, 0, 140, 100, false},
          {150, TIMED_OUT, STATUS_UNKNOWN, REASON_TIMEOUT, 0, 140, 100, false},
          {160, OK(0), STATUS_PASS, REASON_OK, 0, 160, 160, false}}},
        {"a failure stays too, and goes on when seen again",
         {SEVERITY_CRITICAL, 0, 0, 0, 30},
         {{100, ROWS(3), STATUS_FAIL, REASON_VIOLATED, 3, 100, 100, false},
          {120, LOCK, STATUS_FAIL, REASON_VIOLATED, 3, 100, 100, true},
          {130, ROWS(2), STATUS_FAIL, REASON_VIOLATED, 2, 100, 130, false},
          {161, LOCK, STATUS_UNKNOWN, REASON_LOCKED, 2, 161, 130, false}}},
        {"without an age the last result stays",
         {SEVERITY_CRITICAL, 0, 0, 0, 0},
         {{100, OK(0), STATUS_PASS, REASON_OK, 0, 100, 100, false},
          {100000, LOCK, STATUS_PASS, REASON_OK, 0, 100, 100, true}}},
        {"an old result is not fresh because it is handed over",
         {SEVERITY_CRITICAL, 0, 0, 0, 30},
         {{100, SEEN_OK, REASON_OK, 0, 69, STATUS_UNKNOWN, REASON_STALE, 0, 100, 69, false},
          {110, SEEN_OK, REASON_OK, 0, 69, STATUS_UNKNOWN, REASON_STALE, 0, 100, 69, false},
          {120, SEEN_OK, REASON_OK, 0, 90, STATUS_PASS, REASON_OK, 0, 120, 90, false},
          {130, LOCK, STATUS_UNKNOWN, REASON_LOCKED, 0, 130, 90, false}}},
        {"a check from the future is not old",
         {SEVERITY_CRITICAL, 0, 0, 0, 30},
         {{100, SEEN_OK, REASON_OK, 0, 500, STATUS_PASS, REASON_OK, 0, 100, 500, false}}},

        {"skipped counts nowhere and keeps nothing",
         {SEVERITY_CRITICAL, 1, 2, 2, 30},
         {{100, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 100, 100, false},
          {110, ROWS(1), STATUS_FAIL, REASON_VIOLATED, 1, 110, 110, false},
          {120, SKIP, STATUS_SKIPPED, REASON_SKIPPED, NO_VALUE, 120, 0, false},
          {130, LOCK, STATUS_UNKNOWN, REASON_LOCKED, NO_VALUE, 130, 0, false},
          {140, OK(0), STATUS_PASS, REASON_OK, 0, 140, 140, false},
          {150, ROWS(1), STATUS_PASS, REASON_VIOLATED, 1, 150, 150, false}}},
        {"a check that was skipped with a time of its own is not carried",
         {SEVERITY_CRITICAL, 0, 0, 0, 0},
         {{100, SEEN_SKIPPED, REASON_SKIPPED, 1, 90, STATUS_SKIPPED, REASON_SKIPPED, 1, 100, 0, false},
          {110, LOCK, STATUS_UNKNOWN, REASON_LOCKED, NO_VALUE, 110, 0, false}}},
};

/* Owned strings, as a check makes them; the summary names the poll. */
static Finding make_finding(const Scenario *scenario, const Poll *poll) {
        Finding finding = {
                .kind = KIND_CONSTRAINT,
                .object = strdup("public.orders"),
                .name = strdup("positive"),
                .seen = poll->seen,
                .severity = scenario->rule.severity,
                .threshold = scenario->rule.threshold,
                .for_polls = scenario->rule.for_polls,
                .clear_after = scenario->rule.clear_after,
                .reason = poll->reason,
                .summary = str_format("seen at %u", (unsigned)poll->at),
                .value = poll->value == NO_VALUE ? VALUE_NONE : VALUE_OF_INT(poll->value),
                .unit = poll->value == NO_VALUE ? NULL : "rows",
                .max_age = scenario->rule.max_age * USEC_PER_SEC,
                .checked_boottime = poll->checked * USEC_PER_SEC,
                .checked_at = poll->checked ? EPOCH + poll->checked * USEC_PER_SEC : 0,
        };

        return finding;
}

static void check_poll(const Scenario *scenario, const Poll *poll, const Finding *finding) {
        char place[200];

        (void)snprintf(place, sizeof(place), "\"%s\" at %u", scenario->claim, (unsigned)poll->at);
        ck_assert_msg(finding->status == poll->status, "%s: status %s", place, status_name(finding->status));
        ck_assert_msg(finding->reason == poll->shown, "%s: reason %s", place, reason_name(finding->reason));
        if (poll->shown_value == NO_VALUE)
                ck_assert_msg(finding->value.kind == VALUE_NULL, "%s: has a value", place);
        else
                ck_assert_msg(finding->value.kind == VALUE_INT &&
                                      finding->value.integer == poll->shown_value &&
                                      (finding->seen == SEEN_SKIPPED || str_equal(finding->unit, "rows")),
                              "%s: value", place);
        ck_assert_msg(finding->since == EPOCH + poll->since * USEC_PER_SEC, "%s: since", place);
        ck_assert_msg(finding->checked_boottime == poll->seen_at * USEC_PER_SEC, "%s: checked", place);
        ck_assert_msg(finding->checked_at == (poll->seen_at ? EPOCH + poll->seen_at * USEC_PER_SEC : 0),
                      "%s: checked_at", place);
        ck_assert_msg(finding->is_blind == poll->is_blind, "%s: blind", place);
        ck_assert_msg(!str_is_empty(finding->summary), "%s: silent", place);
}

START_TEST(each_scenario_settles_as_written) {
        const Scenario *scenario = &scenarios[_i];
        Finding previous = {};

        for (size_t i = 0; i < MAX_POLLS && scenario->polls[i].at > 0; i++) {
                const Poll *poll = &scenario->polls[i];
                Finding finding = make_finding(scenario, poll);

                ck_assert_int_eq(finding_settle(&finding, i > 0 ? &previous : NULL, poll->at * USEC_PER_SEC,
                                                EPOCH + poll->at * USEC_PER_SEC),
                                 0);
                check_poll(scenario, poll, &finding);
                finding_done(&previous);
                previous = finding;
        }
        finding_done(&previous);
}
END_TEST

START_TEST(a_check_that_began_anew_does_not_shorten_the_life_of_a_result) {
        Finding walked = {.kind = KIND_CONSTRAINT,
                          .seen = SEEN_BREACH,
                          .severity = SEVERITY_CRITICAL,
                          .gate = true,
                          .reason = REASON_VIOLATED,
                          .max_age = 900 * USEC_PER_SEC};
        Finding blind = {.kind = KIND_CONSTRAINT,
                         .seen = SEEN_UNKNOWN,
                         .severity = SEVERITY_CRITICAL,
                         .gate = true,
                         .reason = REASON_OVER_LIMIT,
                         .max_age = 30 * USEC_PER_SEC};

        ck_assert_int_eq(finding_settle(&walked, NULL, 100 * USEC_PER_SEC, EPOCH), 0);
        ck_assert_int_eq(finding_settle(&blind, &walked, 200 * USEC_PER_SEC, EPOCH), 0);
        ck_assert(blind.is_blind && blind.is_broken && blind.status == STATUS_FAIL);
        ck_assert_uint_eq(finding_expires(&blind), 1000 * USEC_PER_SEC + 1);
        finding_done(&walked);
        finding_done(&blind);
}
END_TEST

/* What a gate is about: the same for every severity. */
START_TEST(a_breach_is_broken_by_threshold_for_and_clear_after_whatever_its_severity) {
        static const struct {
                Poll poll;
                bool is_broken;
        } steps[] = {
                {{.at = 100, ROWS(1)}, false}, {{.at = 110, ROWS(2)}, false}, {{.at = 120, ROWS(2)}, true},
                {{.at = 130, LOCK}, true},     {{.at = 140, OK(0)}, true},    {{.at = 150, OK(0)}, false},
                {{.at = 160, GONE}, false},    {{.at = 170, GONE}, true},     {{.at = 300, LOCK}, false},
                {{.at = 310, GONE}, true},
        };

        for (Severity severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++) {
                const Scenario scenario = {"broken", {severity, 2, 2, 2, 30}, {{}}};
                Finding previous = {};

                for (size_t i = 0; i < ELEMENTS(steps); i++) {
                        const Poll *poll = &steps[i].poll;
                        Finding finding = make_finding(&scenario, poll);

                        ck_assert_int_eq(finding_settle(&finding, i > 0 ? &previous : NULL,
                                                        poll->at * USEC_PER_SEC, EPOCH),
                                         0);
                        ck_assert_msg(finding.is_broken == steps[i].is_broken, "%s at %u",
                                      severity_name(severity), (unsigned)poll->at);
                        finding_done(&previous);
                        previous = finding;
                }
                ck_assert(finding_age(&previous, 400 * USEC_PER_SEC, EPOCH));
                ck_assert(!previous.is_broken);
                finding_done(&previous);
        }
}
END_TEST

/* A rule that says no severity: what is there and was not validated warns, all else fails. */
START_TEST(a_rule_without_a_severity_is_milder_about_what_is_only_not_valid) {
        static const struct {
                Severity said;
                Reason reason;
                Status status;
        } cases[] = {
                {SEVERITY_DEFAULT, REASON_NOT_VALID, STATUS_WARN},
                {SEVERITY_DEFAULT, REASON_INVALID, STATUS_WARN},
                {SEVERITY_DEFAULT, REASON_MISSING, STATUS_FAIL},
                {SEVERITY_DEFAULT, REASON_DIFFERS, STATUS_FAIL},
                {SEVERITY_DEFAULT, REASON_WRONG_ACTION, STATUS_FAIL},
                {SEVERITY_DEFAULT, REASON_VIOLATED, STATUS_FAIL},
                {SEVERITY_CRITICAL, REASON_NOT_VALID, STATUS_FAIL},
                {SEVERITY_CRITICAL, REASON_INVALID, STATUS_FAIL},
                {SEVERITY_WARNING, REASON_MISSING, STATUS_WARN},
                {SEVERITY_INFO, REASON_NOT_VALID, STATUS_PASS},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Finding finding = {.kind = KIND_CONSTRAINT, .seen = SEEN_BREACH, .reason = cases[i].reason};
                Rule rule;

                rule_default(&rule, cases[i].said);
                finding_apply_rule(&finding, &rule);
                ck_assert_int_eq(finding_settle(&finding, NULL, USEC_PER_SEC, EPOCH), 0);
                ck_assert_msg(finding.status == cases[i].status, "case %zu: %s", i,
                              status_name(finding.status));
        }
}
END_TEST

START_TEST(what_is_only_noted_breaks_nothing) {
        static const Reason notes[] = {REASON_NOT_EXPECTED_YET, REASON_DUPLICATE, REASON_UNUSED};

        for (size_t i = 0; i < ELEMENTS(notes); i++) {
                Finding finding = {.kind = KIND_INDEX, .seen = SEEN_BREACH, .reason = notes[i]};

                ck_assert_int_eq(finding_settle(&finding, NULL, USEC_PER_SEC, EPOCH), 0);
                ck_assert(!finding.is_broken);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("settle");
        TCase *list = tcase_create("settle");
        SRunner *runner;
        int failed;

        tcase_add_loop_test(list, each_scenario_settles_as_written, 0, ELEMENTS(scenarios));
        tcase_add_test(list, a_breach_is_broken_by_threshold_for_and_clear_after_whatever_its_severity);
        tcase_add_test(list, a_check_that_began_anew_does_not_shorten_the_life_of_a_result);
        tcase_add_test(list, a_rule_without_a_severity_is_milder_about_what_is_only_not_valid);
        tcase_add_test(list, what_is_only_noted_breaks_nothing);
        suite_add_tcase(suite, list);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
