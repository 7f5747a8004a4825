/* Tests of phase/record-text: what is written is read back, and nothing else is believed.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "lab.h"

/* Something in each place. */
static void make(PhaseRecord *record) {
        Lab lab;

        lab_init(&lab, "");
        lab_rounds(&lab, -600, 0);
        lab_poll(&lab, 0);
        lab_row(&lab, "with a blank\nand \\n more", 10);
        lab_poll(&lab, 30);
        lab_rounds(&lab, 300, 300);
        lab_row(&lab, "later", 2 * HOUR);
        lab_poll(&lab, 2 * HOUR + 5);
        lab.record.events[0].rows = 7;
        lab.record.events_dropped = 3;
        lab.record.criteria[CRITERION_CASCADES].status = STATUS_FAIL;
        str_set(&lab.record.criteria[CRITERION_CASCADES].reason, "orders.fk: 2 \\ 3\nrows.");
        str_set(&lab.record.cannot_pass, "Cannot pass.");
        ck_assert_int_eq(
                phase_statements_add(&lab.record, &(PhaseStatement){(char *)"SELECT\n1 \\", 0.1, 1e9, -0.3}),
                0);
        str_set(&lab.record.note, "Noted.");
        lab.record.run = (PhaseRun){
                .first_seen = 1, .last_seen = 2, .is_known = 1, .blocked = 3, .longest_wait = USEC_INFINITY};
        str_set(&lab.record.run.locked, "public.t");
        *record = lab.record;
}

static char *text_of(const PhaseRecord *record) {
        Buffer text = BUFFER_NULL;

        ck_assert_int_eq(phase_format(record, &text), 0);
        return buffer_take(&text);
}

START_TEST(what_was_written_is_read_back) {
        _cleanup_(freep) char *first = NULL, *second = NULL;
        PhaseRecord record, copy;

        make(&record);
        first = text_of(&record);
        ck_assert_int_eq(phase_parse(first, &copy), 0);
        second = text_of(&copy);
        ck_assert_str_eq(first, second);
        ck_assert_str_eq(copy.batch.items[0].name, "with a blank\nand \\n more");
        ck_assert_str_eq(copy.criteria[CRITERION_CASCADES].reason, "orders.fk: 2 \\ 3\nrows.");
        ck_assert_int_eq(copy.criteria[CRITERION_CASCADES].status, STATUS_FAIL);
        ck_assert_int_eq(copy.events[0].rows, 7);
        ck_assert_uint_eq(copy.n_statements, 1);
        ck_assert_str_eq(copy.statements[0].text, "SELECT\n1 \\");
        ck_assert(copy.statements[0].before_ms == 0.1 && copy.statements[0].after_ms == 1e9);
        ck_assert(copy.statements[0].effect == -0.3);
        ck_assert_uint_eq(copy.n_gaps, 1);
        ck_assert_uint_eq(copy.waiting.count, 1);
        ck_assert_uint_eq(copy.run.blocked, 3);
        ck_assert_uint_eq(copy.run.longest_wait, USEC_INFINITY);
        ck_assert_str_eq(copy.run.locked, "public.t");
        phase_record_done(&record);
        phase_record_done(&copy);
}
END_TEST

/* A crash may cut it anywhere: no half of it is believed. */
START_TEST(s6_a_text_cut_anywhere_is_refused) {
        _cleanup_(freep) char *text = NULL;
        PhaseRecord record, copy;

        make(&record);
        text = text_of(&record);
        for (size_t length = strlen(text) - 1; length > 0; length--) {
                text[length - 1] = '\0';
                ck_assert_int_eq(phase_parse(text, &copy), -EINVAL);
                ck_assert_ptr_null(copy.note);
                ck_assert_int_eq(copy.state, PHASE_IDLE);
        }
        phase_record_done(&record);
}
END_TEST

START_TEST(s3_what_is_none_of_ours_is_refused) {
        static const char *const texts[] = {
                "",
                "end\n",
                "pgvigil-phase 2\nstate idle\nend\n",
                "pgvigil-phase 1\nstate dreaming\nend\n",
                "pgvigil-phase 1\nstarted_at -5\nend\n",
                "pgvigil-phase 1\nstarted_at 99999999999999999999999\nend\n",
                "pgvigil-phase 1\nstarted_at 5x\nend\n",
                "pgvigil-phase 1\nstarted_at 10\nends_at 5\nend\n",
                "pgvigil-phase 1\nbatch 5\nend\n",
                "pgvigil-phase 1\ngap 5\nend\n",
                "pgvigil-phase 1\nevent lunch 1 2 3 x\nend\n",
                "pgvigil-phase 1\ncriterion cascades great x\nend\n",
                "pgvigil-phase 1\n\nend\n",
        };
        PhaseRecord record;

        for (size_t i = 0; i < ELEMENTS(texts); i++)
                ck_assert_msg(phase_parse(texts[i], &record) == -EINVAL, "%s", texts[i]);
}
END_TEST

START_TEST(s4_keys_of_a_later_version_are_passed_over) {
        PhaseRecord record;

        ck_assert_int_eq(phase_parse("pgvigil-phase 1\nstate passed\nmood good\n"
                                     "criterion humour fail None.\nstarted_at 5\nends_at 9\nend\n",
                                     &record),
                         0);
        ck_assert_int_eq(record.state, PHASE_PASSED);
        ck_assert_uint_eq(record.started_at, 5);
        phase_record_done(&record);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                what_was_written_is_read_back,
                s6_a_text_cut_anywhere_is_refused,
                s3_what_is_none_of_ours_is_refused,
                s4_keys_of_a_later_version_are_passed_over,
        };

        return unit_run("record-text", tests, ELEMENTS(tests));
}
