/* What `pgvigil report` prints of a phase, through the JSON that a daemon serves; and of JSON that may be
 * anything.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "fixture.h"

static const TextOptions plain = {}, quiet = {.quiet = true};

#define MIGRATION "20260119093000_checks"

static void phase_open(PhaseRecord *record, PhaseState state) {
        *record = (PhaseRecord){
                .state = state, .started_at = NOW - USEC_PER_HOUR, .ends_at = NOW + 23 * USEC_PER_HOUR};
        ck_assert_int_eq(phase_migrations_add(&record->batch, MIGRATION, NOW - USEC_PER_HOUR), 0);
        record->criteria[CRITERION_NO_VIOLATIONS] = (CriterionResult){STATUS_FAIL, strdup("1 row of t.")};
        record->criteria[CRITERION_CASCADES] = (CriterionResult){STATUS_PASS, strdup("3 of 3.")};
        record->events = calloc(1, sizeof(*record->events));
        record->n_events = 1;
        record->events[0] = (PhaseEvent){PHASE_EVENT_VIOLATED, strdup("public.t c"), NOW - USEC_PER_MINUTE,
                                         NOW, 3};
        record->gaps = calloc(1, sizeof(*record->gaps));
        record->n_gaps = 1;
        ck_assert_int_eq(
                phase_statements_add(record, &(PhaseStatement){(char *)"SELECT \x1b[1m $1", 4, 6.4, 0.123}),
                0);
        record->run = (PhaseRun){NOW - USEC_PER_HOUR, NOW - USEC_PER_HOUR, 1, 3, 0, 800 * USEC_PER_MSEC, 0,
                                 strdup("public.t")};
        record->gaps[0] = (PhaseGap){NOW - 2 * USEC_PER_MINUTE, NOW - USEC_PER_MINUTE};
}

/* The outcome of one target in that state; its text in *out, unless NULL. */
static ReportOutcome report(PhaseState state, const TextOptions *options, Buffer *ret) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer json = {}, text = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");
        ReportOutcome outcome;
        PhaseRecord record;

        phase_open(&record, state);
        shop->phase = &record;
        ck_assert_int_eq(render_status_json(&fixture.view, BOOT, NOW, &json), 0);
        ck_assert_int_eq(render_report_text(buffer_text(&json), json.length, options, &text, &outcome), 0);
        if (ret)
                buffer_add(ret, buffer_text(&text));
        phase_record_done(&record);
        return outcome;
}

START_TEST(a_phase_is_told_with_its_criteria_events_and_gaps) {
        _cleanup_(buffer_done) Buffer out = {};

        ck_assert_int_eq(report(PHASE_WATCHING, &plain, &out), REPORT_FAILING);
        ck_assert_ptr_nonnull(
                strstr(buffer_text(&out), "shop: ? watching, migration " MIGRATION ", 23 h to go\n"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "  ✘ no_violations         1 row of t.\n"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "  ✔ cascades              3 of 3.\n"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&out),
                                     "  while it ran: at most 3 sessions waited behind it, the "
                                     "longest for 800 ms; it locked public.t\n"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "  event: violated public.t c, "));
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), ", 3 rows\n"));
        ck_assert_ptr_nonnull(
                strstr(buffer_text(&out), "  moved: 6.4 ms, before 4 ms (+12.3 % of all): SELECT "));
        ck_assert_ptr_null(strstr(buffer_text(&out), "\x1b[1m"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "  not observed: "));
        buffer_clear(&out);
        report(PHASE_WATCHING, &quiet, &out);
        ck_assert_ptr_null(strstr(buffer_text(&out), "cascades"));
}
END_TEST

START_TEST(only_a_phase_that_passed_is_passed) {
        static const struct {
                PhaseState state;
                ReportOutcome outcome;
        } cases[] = {
                {PHASE_IDLE, REPORT_NONE},
                {PHASE_BASELINE, REPORT_NONE},
                {PHASE_WATCHING, REPORT_FAILING},
                {PHASE_PASSED, REPORT_PASSED},
                {PHASE_FAILED, REPORT_FAILED},
                {PHASE_INCONCLUSIVE, REPORT_INCONCLUSIVE},
                {PHASE_STOPPED, REPORT_INCONCLUSIVE},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_int_eq(report(cases[i].state, &plain, NULL), cases[i].outcome);
        for (ReportOutcome outcome = REPORT_PASSED + 1; outcome <= REPORT_FAILED; outcome++)
                ck_assert_int_gt(outcome, REPORT_PASSED); /* the worst of several targets wins */
}
END_TEST

START_TEST(what_is_no_report_is_refused) {
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "{\"targets\":1}",
                "{\"targets\":[{}]}",
                "{\"targets\":[{\"name\":\"a\"}]}",
                "{\"targets\":[{\"name\":\"a\",\"phase\":{}}]}",
                "{\"targets\":[{\"phase\":null}]}",
                "{\"targets\":[{\"name\":\"a\",\"phase\":{\"state\":\"passed\",\"criteria\":[{\"criterion\":"
                "\"x\"}]}}]}",
        };

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_(buffer_done) Buffer out = {};
                ReportOutcome outcome;

                ck_assert_msg(render_report_text(texts[i], strlen(texts[i]), &plain, &out, &outcome) ==
                                      -EBADMSG,
                              "%s", texts[i]);
        }
}
END_TEST

START_TEST(no_target_and_no_phase_are_not_passed) {
        static const char *const texts[] = {"{\"targets\":[]}",
                                            "{\"targets\":[{\"name\":\"a\",\"phase\":null}]}"};

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_(buffer_done) Buffer out = {}, json = {};
                ReportOutcome outcome = REPORT_PASSED;

                ck_assert_int_eq(render_report_text(texts[i], strlen(texts[i]), &plain, &out, &outcome), 0);
                ck_assert_int_eq(outcome, REPORT_NONE);
                ck_assert_int_eq(render_report_json(texts[i], strlen(texts[i]), &json), 0);
                ck_assert_str_eq(buffer_text(&json), "{\"version\":1,\"phases\":[]}\n");
        }
}
END_TEST

START_TEST(phases_of_several_targets_are_one_list) {
        static const char text[] =
                "{\"targets\":[{\"name\":\"a\",\"phase\":{\"state\":\"idle\"}},{\"name\":\"b\","
                "\"phase\":null},{\"name\":\"c\",\"phase\":{\"state\":\"passed\"}}]}";
        _cleanup_(buffer_done) Buffer json = {};

        ck_assert_int_eq(render_report_json(text, strlen(text), &json), 0);
        ck_assert_str_eq(buffer_text(&json),
                         "{\"version\":1,\"phases\":[{\"state\":\"idle\"},{\"state\":\"passed\"}]}\n");
}
END_TEST

START_TEST(a_gap_of_a_series_has_a_count_and_no_value) {
        SeriesPoint points[] = {{.start = NOW, .count = 2, .min = 1, .max = 3, .sum = 4},
                                {.start = NOW + USEC_PER_MINUTE}};
        const SeriesWindow window = {.step = USEC_PER_MINUTE, .points = points, .n_points = 2};
        _cleanup_(buffer_done) Buffer json = {};

        ck_assert_int_eq(render_series_json("shop", "violations", &window, &json), 0);
        ck_assert_ptr_nonnull(
                strstr(buffer_text(&json), "\"count\":2,\"mean\":2,\"min\":1,\"max\":3,\"sum\":4}"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&json), "\"count\":0}]}"));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_phase_is_told_with_its_criteria_events_and_gaps,
                only_a_phase_that_passed_is_passed,
                what_is_no_report_is_refused,
                no_target_and_no_phase_are_not_passed,
                phases_of_several_targets_are_one_list,
                a_gap_of_a_series_has_a_count_and_no_value,
        };

        return run_suite("report", tests, ELEMENTS(tests));
}
