/* Tests of engine/transaction-sample: what came between two samples, and a sample as text.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "../unit.h"
#include "engine/transaction-sample.h"

#define T0      (472222 * USEC_PER_HOUR)
#define LONGEST USEC_PER_MINUTE

static TransactionSample sample_of(usec_t at, const char *epoch, int64_t commits, int64_t rollbacks) {
        return (TransactionSample){
                .at = at, .epoch = (char *)epoch, .commits = commits, .rollbacks = rollbacks};
}

START_TEST(what_came_since_is_a_difference) {
        const TransactionSample before = sample_of(T0, "a", 100, 5),
                                after = sample_of(T0 + LONGEST, "a", 130, 5);
        int64_t commits, rollbacks;

        ck_assert(transaction_sample_since(&before, &after, LONGEST, &commits, &rollbacks));
        ck_assert(commits == 30 && rollbacks == 0);
}
END_TEST

START_TEST(what_cannot_be_compared_is_not_known) {
        const TransactionSample before = sample_of(T0, "a", 100, 5), none = {};
        const struct {
                const TransactionSample *before, after;
        } breaks[] = {
                {&before, sample_of(T0 + 1, "b", 130, 5)},
                {&before, sample_of(T0 + 1, "a", 99, 9)},
                {&before, sample_of(T0 + 1, "a", 130, 4)},
                {&before, sample_of(T0, "a", 130, 5)},
                {&before, sample_of(T0 - 1, "a", 130, 5)},
                {&before, sample_of(T0 + LONGEST + 1, "a", 130, 5)},
                {&none, sample_of(T0 + 1, "a", 130, 5)},
        };

        for (size_t i = 0; i < ELEMENTS(breaks); i++) {
                int64_t commits, rollbacks;

                ck_assert_msg(!transaction_sample_since(breaks[i].before, &breaks[i].after,
                                                        i == 6 ? USEC_INFINITY : LONGEST, &commits,
                                                        &rollbacks),
                              "%zu", i);
        }
}
END_TEST

START_TEST(as_text_nothing_is_lost) {
        const TransactionSample samples[] = {sample_of(T0, "7 1/shop, 2026-11-24\nand \\ more", 100, 5),
                                             sample_of(T0, "", INT64_MAX, 0)};

        for (size_t i = 0; i < ELEMENTS(samples); i++) {
                _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
                _cleanup_(transaction_sample_done) TransactionSample read = {};

                ck_assert_int_eq(transaction_sample_format(&samples[i], &text), 0);
                ck_assert_int_eq(transaction_sample_parse(buffer_text(&text), &read), 0);
                ck_assert(read.at == T0 && read.commits == samples[i].commits &&
                          read.rollbacks == samples[i].rollbacks);
                ck_assert_str_eq(read.epoch, samples[i].epoch);
        }
}
END_TEST

START_TEST(a_text_that_was_cut_or_is_none_is_not_believed) {
        static const char *const texts[] = {
                "",        "\n",         "5 6\n",     "5 6 7\n",
                "5 6 7 a", "5 -6 7 a\n", "x 6 7 a\n", "5 9223372036854775808 7 a\n"};

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                TransactionSample read;

                ck_assert_msg(transaction_sample_parse(texts[i], &read) == -EINVAL, "%zu", i);
                ck_assert(read.at == 0 && !read.epoch);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                what_came_since_is_a_difference,
                what_cannot_be_compared_is_not_known,
                as_text_nothing_is_lost,
                a_text_that_was_cut_or_is_none_is_not_believed,
        };

        return unit_run("engine/transaction-sample", tests, ELEMENTS(tests));
}
