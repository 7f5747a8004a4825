/* The references of the manual.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "fixture.h"

static const Shape *const shapes[] = {&thing_shape, &other_shape, NULL};

START_TEST(every_family_is_described_once) {
        _cleanup_(buffer_done) Buffer out = {};

        ck_assert_int_eq(render_manual("metrics", shapes, &out), 0);
        expect_text(&out, ".Bl -tag -width Ds\n"
                          ".It Ic pgvigil_thing_violations\n"
                          "Gauge, in rows; labels beyond the target: schemaname, relname.\n"
                          "Rows that break \\e \"it\"; polled.\n"
                          ".It Ic pgvigil_thing_scans_total\n"
                          "Counter; labels beyond the target: relname.\n"
                          "Scans; polled.\n"
                          ".It Ic pgvigil_thing_state\n"
                          "Gauge, 1 for the current one and 0 for the others; labels beyond the target: "
                          "schemaname, relname, state (good,bad, gone).\n"
                          "State; polled.\n"
                          ".It Ic pgvigil_thing_duration_seconds\n"
                          "Histogram, in seconds.\n"
                          "Duration.\n"
                          ".It Ic pgvigil_thing_ratio\n"
                          "Gauge; labels beyond the target: schemaname, relname.\n"
                          "Ratio; polled.\n"
                          ".El\n");
}
END_TEST

START_TEST(every_reason_and_kind_is_listed) {
        _cleanup_(buffer_done) Buffer reasons = {}, kinds = {};

        ck_assert_int_eq(render_manual("reasons", NULL, &reasons), 0);
        ck_assert_int_eq(render_manual("findings", NULL, &kinds), 0);
        ck_assert_uint_eq(count_of_text(buffer_text(&reasons), ".It Cm "), N_REASONS);
        ck_assert_uint_eq(count_of_text(buffer_text(&kinds), ".It Cm "), N_FINDING_KINDS);
        ck_assert_ptr_nonnull(strstr(buffer_text(&reasons), ".It Cm not_valid\nThe constraint exists"));
}
END_TEST

START_TEST(options_come_from_their_tables) {
        _cleanup_(buffer_done) Buffer out = {};

        ck_assert_int_eq(render_manual("options", NULL, &out), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "statement_timeout"));
}
END_TEST

START_TEST(an_unknown_reference_is_refused) {
        _cleanup_(buffer_done) Buffer out = {};

        ck_assert_int_eq(render_manual("nothing", shapes, &out), -EINVAL);
        expect_text(&out, "");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                every_family_is_described_once,
                every_reason_and_kind_is_listed,
                options_come_from_their_tables,
                an_unknown_reference_is_refused,
        };

        return run_suite("manual", tests, ELEMENTS(tests));
}
