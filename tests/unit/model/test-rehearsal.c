/* Tests of model/rehearsal: sums over spans, the end of the window, gaps, restarts, bounds.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "pgvigil/model/rehearsal.h"

#define NOW (1800000000 * USEC_PER_SEC)
#define S   USEC_PER_SEC

static Rehearsal rehearsal; /* each test has a process of its own */

/* From `at` on every fail_on that is at least as strict as `mildest` is 503. */
static int look(usec_t at, FailOn mildest, const char *why) {
        RehearsalAnswer answers[N_FAIL_ON] = {};
        int r;

        for (FailOn fail_on = mildest; fail_on < N_FAIL_ON; fail_on++)
                answers[fail_on] = (RehearsalAnswer){true, strdup(why)};
        r = rehearsal_look(&rehearsal, at, answers);
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++)
                ck_assert_ptr_null(answers[fail_on].why);
        return r;
}

static int look_good(usec_t at) {
        return look(at, N_FAIL_ON, NULL);
}

static void check_sum(usec_t now, FailOn fail_on, usec_t observed, usec_t refused) {
        RehearsalSum sum = rehearsal_sum(&rehearsal, fail_on, now);

        ck_assert_uint_eq(sum.observed, observed);
        ck_assert_uint_eq(sum.refused, refused);
        ck_assert((sum.why != NULL) == (refused > 0));
        ck_assert((sum.last_at != 0) == (refused > 0));
}

START_TEST(what_was_never_looked_at_is_not_observed) {
        check_sum(NOW, FAIL_ON_GATE, 0, 0);
        ck_assert_int_eq(look_good(NOW), 0);
        check_sum(NOW, FAIL_ON_GATE, 0, 0);
}
END_TEST

START_TEST(an_answer_holds_until_the_next_look_for_those_that_it_is_of) {
        ck_assert_int_eq(look(NOW, FAIL_ON_CRITICAL, "a"), 1);
        ck_assert_int_eq(look(NOW + 5 * S, FAIL_ON_CRITICAL, "a"), 0);
        ck_assert_int_eq(look_good(NOW + 8 * S), 1);
        ck_assert_int_eq(look_good(NOW + 10 * S), 0);
        check_sum(NOW + 10 * S, FAIL_ON_UNREACHABLE, 10 * S, 0);
        check_sum(NOW + 10 * S, FAIL_ON_GATE, 10 * S, 0);
        check_sum(NOW + 10 * S, FAIL_ON_CRITICAL, 10 * S, 8 * S);
        check_sum(NOW + 10 * S, FAIL_ON_WARNING, 10 * S, 8 * S);
        ck_assert_uint_eq(rehearsal_sum(&rehearsal, FAIL_ON_CRITICAL, NOW + 10 * S).last_at, NOW + 8 * S);
}
END_TEST

START_TEST(what_goes_on_counts_at_the_moment_of_asking_and_no_longer_than_looks_are_apart) {
        look(NOW, FAIL_ON_GATE, "a");
        check_sum(NOW + 3 * S, FAIL_ON_GATE, 3 * S, 3 * S);
        check_sum(NOW + REHEARSAL_GAP, FAIL_ON_GATE, REHEARSAL_GAP, REHEARSAL_GAP);
        check_sum(NOW + REHEARSAL_GAP + 1, FAIL_ON_GATE, 0, 0);
        check_sum(NOW - 1, FAIL_ON_GATE, 0, 0);
}
END_TEST

START_TEST(a_gap_is_neither_good_nor_bad) {
        look(NOW, FAIL_ON_GATE, "a");
        look(NOW + 10 * S, FAIL_ON_GATE, "a");
        look(NOW + 10 * S + REHEARSAL_GAP + 1, FAIL_ON_GATE, "a");
        look_good(NOW + 20 * S + REHEARSAL_GAP + 1);
        check_sum(NOW + 20 * S + REHEARSAL_GAP + 1, FAIL_ON_GATE, 20 * S, 20 * S);
}
END_TEST

START_TEST(the_reason_of_most_of_the_time_is_told) {
        RehearsalSum sum;

        look(NOW, FAIL_ON_GATE, "short");
        look(NOW + 4 * S, FAIL_ON_GATE, "long");
        look(NOW + 7 * S, FAIL_ON_GATE, "short too");
        look(NOW + 9 * S, FAIL_ON_GATE, "long");
        sum = rehearsal_sum(&rehearsal, FAIL_ON_GATE, NOW + 11 * S);
        ck_assert_uint_eq(sum.refused, 11 * S);
        ck_assert_str_eq(sum.why, "long"); /* 3 s and 2 s that go on */
        ck_assert(!sum.is_only);

        sum = rehearsal_sum(&rehearsal, FAIL_ON_GATE, NOW + 4 * S);
        ck_assert_str_eq(sum.why, "short");
        ck_assert(sum.is_only);
}
END_TEST

START_TEST(the_window_cuts_what_reaches_into_it) {
        look(NOW, FAIL_ON_GATE, "a");
        look_good(NOW + 10 * S);
        look_good(NOW + 14 * S);
        check_sum(NOW + REHEARSAL_WINDOW, FAIL_ON_GATE, 14 * S, 10 * S);
        check_sum(NOW + REHEARSAL_WINDOW + 4 * S, FAIL_ON_GATE, 10 * S, 6 * S);
        check_sum(NOW + REHEARSAL_WINDOW + 12 * S, FAIL_ON_GATE, 2 * S, 0);
        check_sum(NOW + REHEARSAL_WINDOW + 14 * S, FAIL_ON_GATE, 0, 0);

        look_good(NOW + REHEARSAL_WINDOW + 10 * S);
        ck_assert_uint_eq(rehearsal.refused[FAIL_ON_GATE].count, 0);
        ck_assert_uint_eq(rehearsal.observed.count, 1);
}
END_TEST

START_TEST(a_clock_that_is_set_back_counts_no_time_twice) {
        look(NOW, FAIL_ON_GATE, "a");
        look(NOW + 10 * S, FAIL_ON_GATE, "a");
        look(NOW + 4 * S, FAIL_ON_GATE, "a");
        check_sum(NOW + 4 * S, FAIL_ON_GATE, 4 * S, 4 * S);
        look_good(NOW + 6 * S);
        check_sum(NOW + 6 * S, FAIL_ON_GATE, 6 * S, 6 * S);

        look_good(NOW - 100 * S);
        check_sum(NOW - 100 * S, FAIL_ON_GATE, 0, 0);
        ck_assert_uint_eq(rehearsal.observed.count, 0);
}
END_TEST

START_TEST(a_restart_keeps_what_was_counted_and_leaves_a_gap) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        Rehearsal read;

        look(NOW, FAIL_ON_GATE, "constraint \"a\nb\" c\\d: violated");
        look(NOW + 7 * S, FAIL_ON_WARNING, "w");
        look_good(NOW + 9 * S);
        ck_assert_int_eq(rehearsal_format(&rehearsal, &text), 0);
        ck_assert_int_eq(rehearsal_parse(buffer_text(&text), &read), 0);
        rehearsal_done(&rehearsal);
        rehearsal = read;

        check_sum(NOW + 10 * S, FAIL_ON_GATE, 9 * S, 7 * S);
        check_sum(NOW + 10 * S, FAIL_ON_WARNING, 9 * S, 9 * S);
        ck_assert_str_eq(rehearsal_sum(&rehearsal, FAIL_ON_GATE, NOW).why ? "then" : "not yet", "not yet");
        ck_assert_str_eq(rehearsal_sum(&rehearsal, FAIL_ON_GATE, NOW + 10 * S).why,
                         "constraint \"a\nb\" c\\d: violated");
        /* Nobody looked from 9 to 12. */
        look(NOW + 12 * S, FAIL_ON_GATE, "b");
        look_good(NOW + 13 * S);
        check_sum(NOW + 13 * S, FAIL_ON_GATE, 10 * S, 8 * S);
}
END_TEST

START_TEST(a_text_that_is_not_whole_or_not_ours_is_refused) {
        static const char *const texts[] = {
                "",
                "end\n",
                "pgvigil-rehearsal 2\nend\n",
                "pgvigil-rehearsal 1\n",
                "pgvigil-rehearsal 1\nobserved 1 5 4 4 \n",
                "pgvigil-rehearsal 1\nobserved 1 5 4 4 \nen",
                "pgvigil-rehearsal 1\nobserved 1 5 \nend\n",
                "pgvigil-rehearsal 1\nobserved 5 1 0 0 \nend\n",
                "pgvigil-rehearsal 1\nobserved 5 5 0 0 \nend\n",
                "pgvigil-rehearsal 1\nobserved 1 5 5 5 \nend\n",
                "pgvigil-rehearsal 1\nobserved 1 5 3 4 \nend\n",
                "pgvigil-rehearsal 1\nobserved 1 5 4 4 \nobserved 4 6 2 2 \nend\n",
                "pgvigil-rehearsal 1\ngate 1 5 -4 -4 why\nend\n",
                "pgvigil-rehearsal 1\ngate\nend\n",
                "pgvigil-rehearsal 1\n\nend\n",
                "pgvigil-rehearsal 1\nnosuch 1 5 4 4 why\nend\n",
        };

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                Rehearsal read;

                ck_assert_int_eq(rehearsal_parse(texts[i], &read), -EINVAL);
                ck_assert_uint_eq(read.observed.count, 0);
        }
        ck_assert_int_eq(rehearsal_parse("pgvigil-rehearsal 1\nobserved 1 5 4 4 \ngate 2 3 1 1 a b\nend\n",
                                         &rehearsal),
                         0);
        ck_assert_str_eq(rehearsal.refused[FAIL_ON_GATE].items[0].why, "a b");
}
END_TEST

/* Flapping for days stays bounded, and its sums stay right. */
START_TEST(ten_thousand_changes_take_no_more_room_and_lose_no_time) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        usec_t at = NOW;
        RehearsalSum sum;
        Rehearsal read;

        for (unsigned i = 0; i < 10000; i++) {
                look(at, FAIL_ON_GATE, i % 100 == 0 ? "seldom" : "often");
                look_good(at + 2 * S);
                at += 5 * S + (i % 7) * S;
        }
        look_good(at);
        sum = rehearsal_sum(&rehearsal, FAIL_ON_GATE, at);
        ck_assert_uint_eq(sum.refused, 20000 * S);
        ck_assert_uint_eq(sum.observed, at - NOW);
        ck_assert_str_eq(sum.why, "often");
        ck_assert_uint_le(rehearsal.refused[FAIL_ON_GATE].count, REHEARSAL_SPANS);

        ck_assert_int_eq(rehearsal_format(&rehearsal, &text), 0);
        ck_assert_uint_lt(text.length, 40000);
        ck_assert_int_eq(rehearsal_parse(buffer_text(&text), &read), 0);
        ck_assert_uint_eq(rehearsal_sum(&read, FAIL_ON_GATE, at).refused, 20000 * S);
        rehearsal_done(&read);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                what_was_never_looked_at_is_not_observed,
                an_answer_holds_until_the_next_look_for_those_that_it_is_of,
                what_goes_on_counts_at_the_moment_of_asking_and_no_longer_than_looks_are_apart,
                a_gap_is_neither_good_nor_bad,
                the_reason_of_most_of_the_time_is_told,
                the_window_cuts_what_reaches_into_it,
                a_clock_that_is_set_back_counts_no_time_twice,
                a_restart_keeps_what_was_counted_and_leaves_a_gap,
                a_text_that_is_not_whole_or_not_ours_is_refused,
                ten_thousand_changes_take_no_more_room_and_lose_no_time,
        };

        return unit_run("model/rehearsal", tests, ELEMENTS(tests));
}
