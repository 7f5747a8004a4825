/* Tests of engine/statement-sample: what was called between two samples, and both as text.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "engine/statement-sample.h"

#define T0 (472222 * USEC_PER_HOUR)

static HistoryStatement before_rows[] = {{.queryid = 7, .calls = 10, .total_ms = 20},
                                         {.queryid = -8, .calls = 3, .total_ms = 1.5}};

/* Borrows all of it. */
static StatementSample sample_of(usec_t at, const char *epoch, HistoryStatement *counters, size_t n) {
        return (StatementSample){.at = at, .epoch = (char *)epoch, .counters = counters, .n = n};
}

static StatementSpan span_of(const StatementSample *before, const StatementSample *after,
                             HistoryStatement **deltas) {
        StatementSpan span;

        ck_assert_int_eq(statement_sample_since(before, after, deltas, &span), 0);
        return span;
}

START_TEST(what_was_called_since_is_a_difference_of_the_same_statement) {
        HistoryStatement after_rows[] = {{.queryid = -8, .calls = 5, .total_ms = 4},
                                         {.queryid = 9, .calls = 100, .total_ms = 1000},
                                         {.queryid = 7, .calls = 10, .total_ms = 20}};
        const StatementSample before = sample_of(T0, "a", before_rows, 2),
                              after = sample_of(T0 + 1, "a", after_rows, 3);
        _cleanup_(freep) HistoryStatement *deltas = NULL;
        StatementSpan span = span_of(&before, &after, &deltas);

        ck_assert(!span.is_void && span.from == T0 && span.to == T0 + 1);
        ck_assert_uint_eq(span.n, 2); /* of the third nothing is known before */
        ck_assert(deltas[0].queryid == -8 && deltas[0].calls == 2 && deltas[0].total_ms == 2.5);
        ck_assert(deltas[1].queryid == 7 && deltas[1].calls == 0 && deltas[1].total_ms == 0);
}
END_TEST

START_TEST(another_epoch_or_a_fall_voids_all) {
        HistoryStatement fell[] = {{.queryid = 7, .calls = 9, .total_ms = 30}},
                         cheaper[] = {{.queryid = 7, .calls = 40, .total_ms = 19}},
                         rounded[] = {{.queryid = 7, .calls = 10, .total_ms = 19.9995}};
        const StatementSample before = sample_of(T0, "a", before_rows, 2), none = {};
        const StatementSample after[] = {sample_of(T0 + 1, "b", before_rows, 2),
                                         sample_of(T0 + 1, "a", fell, 1), sample_of(T0 + 1, "a", cheaper, 1)};
        const StatementSample as_text = sample_of(T0 + 1, "a", rounded, 1);
        _cleanup_(freep) HistoryStatement *same = NULL;

        for (size_t i = 0; i < ELEMENTS(after); i++) {
                _cleanup_(freep) HistoryStatement *deltas = NULL;

                ck_assert_msg(span_of(&before, &after[i], &deltas).is_void, "%zu", i);
        }
        ck_assert(!span_of(&before, &as_text, &same).is_void);
        for (size_t i = 0; i < ELEMENTS(after); i++) {
                _cleanup_(freep) HistoryStatement *deltas = NULL;

                ck_assert_msg(span_of(&none, &after[i], &deltas).from == 0, "%zu", i);
        }
}
END_TEST

static void no_hour(void *userdata, const HistoryStatement *rows, size_t n) {
        ck_abort_msg("an hour ended");
}

static void open_an_hour(StatementHours *hours) {
        StatementSpan span = {.from = T0,
                              .to = T0 + USEC_PER_MINUTE,
                              .longest = USEC_PER_HOUR,
                              .deltas = before_rows,
                              .n = ELEMENTS(before_rows)};

        *hours = (StatementHours){};
        statement_hours_set_width(hours, USEC_PER_HOUR);
        statement_hours_add(hours, &span, no_hour, NULL);
}

START_TEST(as_text_nothing_is_lost) {
        const StatementSample sample = sample_of(T0, "line one\nand \\ two", before_rows, 2);
        StatementHours hours, read_hours;
        _cleanup_(statement_sample_done) StatementSample read = {};
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL, again = BUFFER_NULL;

        open_an_hour(&hours);
        ck_assert_int_eq(statement_sample_format(&sample, &hours, &text), 0);
        ck_assert_int_eq(statement_sample_parse(buffer_text(&text), &read, &read_hours), 0);
        ck_assert(read.at == T0 && read.n == 2);
        ck_assert_str_eq(read.epoch, sample.epoch);
        ck_assert(read.counters[1].queryid == -8 && read.counters[1].calls == 3 &&
                  read.counters[1].total_ms == 1.5);
        ck_assert(read_hours.width == hours.width && read_hours.hour == hours.hour && !read_hours.is_void);
        ck_assert_uint_eq(read_hours.n, 3);
        ck_assert(read_hours.rows[2].queryid == -8 && read_hours.rows[2].hour == hours.hour);
        ck_assert_int_eq(statement_sample_format(&read, &read_hours, &again), 0);
        ck_assert_str_eq(buffer_text(&again), buffer_text(&text));
}
END_TEST

START_TEST(before_the_first_sample_there_is_nothing_and_that_is_a_text_too) {
        _cleanup_(statement_sample_done) StatementSample read = {};
        StatementHours hours = {}, read_hours;
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        ck_assert_int_eq(statement_sample_format(&read, &hours, &text), 0);
        ck_assert_int_eq(statement_sample_parse(buffer_text(&text), &read, &read_hours), 0);
        ck_assert(read.at == 0 && read.n == 0 && read_hours.hour == 0 && read_hours.n == 0);
}
END_TEST

START_TEST(a_text_that_was_cut_or_is_none_is_not_believed) {
        static const char *const texts[] = {
                "",
                "pgvigil-statements 2\nend\n",
                "pgvigil-statements 1\nsample 5 x\n",
                "pgvigil-statements 1\ncounter 7 -3 1\nend\n",
                "pgvigil-statements 1\ncounter 7 9223372036854775808 1\nend\n",
                "pgvigil-statements 1\nhour 3600000000 7200000000 0\nend\n",
                "pgvigil-statements 1\nhour 0 7200000000 0\nrow 0 0 0\nend\n",
                "pgvigil-statements 1\nweek 1\nend\n",
        };
        StatementHours hours;
        _cleanup_(buffer_done) Buffer whole = BUFFER_NULL;
        const StatementSample sample = sample_of(T0, "a", before_rows, 2);

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                StatementSample read;

                ck_assert_msg(statement_sample_parse(texts[i], &read, &hours) == -EINVAL, "%zu", i);
                ck_assert(read.at == 0 && !read.epoch && !read.counters && hours.n == 0);
        }
        open_an_hour(&hours);
        ck_assert_int_eq(statement_sample_format(&sample, &hours, &whole), 0);
        for (size_t cut = 0; cut + 1 < whole.length; cut++) { /* the last is the end of the last line */
                _cleanup_(freep) char *text = strndup(buffer_text(&whole), cut);
                StatementSample read;

                ck_assert_msg(statement_sample_parse(text, &read, &hours) == -EINVAL, "%zu", cut);
        }
}
END_TEST

START_TEST(more_rows_than_an_hour_has_are_refused) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        StatementSample read;
        StatementHours hours;

        buffer_add(&text, "pgvigil-statements 1\nhour 5 10 0\nrow 0 5 0\n");
        for (size_t i = 0; i < STATEMENT_HOUR_ROWS + 1; i++)
                buffer_printf(&text, "row %zu 1 1\n", i + 1);
        buffer_add(&text, "end\n");
        ck_assert_int_eq(statement_sample_parse(buffer_text(&text), &read, &hours), -EINVAL);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                what_was_called_since_is_a_difference_of_the_same_statement,
                another_epoch_or_a_fall_voids_all,
                as_text_nothing_is_lost,
                before_the_first_sample_there_is_nothing_and_that_is_a_text_too,
                a_text_that_was_cut_or_is_none_is_not_believed,
                more_rows_than_an_hour_has_are_refused,
        };

        return unit_run("engine/statement-sample", tests, ELEMENTS(tests));
}
