/* Tests of phase/tables: what is published of a phase.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "lab.h"

static void fill(const PhaseRecord *record, int64_t at, Table **ret_phase, Table **ret_criteria) {
        ck_assert_int_eq(table_new(&phase_shape, "shop", ret_phase), 0);
        ck_assert_int_eq(table_new(&phase_criterion_shape, "shop", ret_criteria), 0);
        ck_assert_int_eq(phase_fill(record, AT(at), *ret_phase, *ret_criteria), 0);
}

START_TEST(without_a_phase_nothing_remains_and_nothing_is_judged) {
        _cleanup_(table_freep) Table *phase = NULL, *criteria = NULL;
        Lab lab;

        lab_init(&lab, "");
        fill(&lab.record, 0, &phase, &criteria);
        ck_assert_str_eq(table_text(phase, 0, "state"), "idle");
        ck_assert(table_is_null(phase, 0, "remaining_seconds"));
        ck_assert_uint_eq(criteria->n_rows, 0);
        phase_record_done(&lab.record);
}
END_TEST

START_TEST(an_open_phase_tells_its_rest_and_each_criterion) {
        _cleanup_(table_freep) Table *phase = NULL, *criteria = NULL;
        const PhaseInputs inputs = {.interval = INTERVAL};
        Lab lab;

        lab_init(&lab, "");
        phase_start(&lab.record, &lab.settings, AT(0));
        ck_assert_int_eq(phase_judge(&lab.record, &lab.settings, &inputs, AT(30)), 0);
        fill(&lab.record, 30, &phase, &criteria);
        ck_assert_str_eq(table_text(phase, 0, "state"), "watching");
        ck_assert_double_eq_tol(table_get(phase, 0, "remaining_seconds")->number, DAY - 30, 1e-6);
        ck_assert_uint_eq(criteria->n_rows, N_CRITERIA);
        ck_assert_str_eq(table_text(criteria, 0, "criterion"), "migration_completed");
        ck_assert_str_eq(table_text(criteria, 0, "status"), "unknown");
        ck_assert_str_eq(table_text(criteria, 5, "status"), "skipped");
        phase_record_done(&lab.record);
}
END_TEST

/* A state that is not listed would have no sample. */
START_TEST(every_state_has_its_sample) {
        const Field *field = &phase_shape.fields[shape_find(&phase_shape, "state")];
        _cleanup_(buffer_done) Buffer names = BUFFER_NULL;

        for (PhaseState state = 0; state < N_PHASE_STATES; state++)
                buffer_printf(&names, "%s%s", state > 0 ? "," : "", phase_state_name(state));
        ck_assert_str_eq(field->states, buffer_text(&names));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                without_a_phase_nothing_remains_and_nothing_is_judged,
                an_open_phase_tells_its_rest_and_each_criterion,
                every_state_has_its_sample,
        };

        return unit_run("tables", tests, ELEMENTS(tests));
}
