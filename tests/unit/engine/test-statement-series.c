/* Tests of engine/statement-series: which rows of the history are of which hour, and which are of none.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "engine/statement-series.h"
#include "pgvigil/base/usec.h"

#define WIDTH USEC_PER_HOUR
#define FIRST (472222 * WIDTH)
#define AT(n) (FIRST + (usec_t)(n)*WIDTH)
#define PHASE (PHASE_BASELINE_DAYS * PHASE_HOURS) /* its first cell */
#define SIGN(n, ms)                                                                                          \
        { AT(n), 0, (int64_t)WIDTH, ms }

static StatementCells cells_of(const HistoryStatement *rows, size_t n) {
        StatementCells cells;

        ck_assert_int_eq(statement_cells_make(FIRST, WIDTH, rows, n, &cells), 0);
        return cells;
}

static size_t count_void(const StatementCells *cells) {
        size_t n = 0;

        for (size_t i = 0; i < STATEMENT_CELLS; i++)
                n += cells->void_hours[i];
        return n;
}

START_TEST(each_row_is_of_its_hour_and_statement) {
        static const HistoryStatement rows[] = {
                {AT(0), -5, 10, 1.5}, {AT(PHASE), -5, 20, 2}, SIGN(0, 0),
                SIGN(PHASE, 0),       {AT(PHASE), 7, 1, 3},   {AT(PHASE + 23), 7, 100, 0.5},
        };
        StatementCells cells = cells_of(rows, ELEMENTS(rows));

        ck_assert_uint_eq(cells.n_series, 2);
        ck_assert_int_eq(cells.series[0].queryid, -5);
        ck_assert_int_eq(cells.series[0].hours[0].calls, 10);
        ck_assert(cells.series[0].hours[PHASE].total_ms == 2);
        ck_assert_int_eq(cells.series[0].hours[1].calls, 0);
        ck_assert_int_eq(cells.series[1].hours[PHASE + 23].calls, 100);
        ck_assert(!cells.void_hours[0] && !cells.void_hours[PHASE] && cells.void_hours[PHASE + 23]);
        ck_assert_uint_eq(count_void(&cells), STATEMENT_CELLS - 2);
        statement_cells_done(&cells);
}
END_TEST

START_TEST(what_the_history_has_not_is_void) {
        StatementCells cells = cells_of(NULL, 0);

        ck_assert_uint_eq(cells.n_series, 0);
        ck_assert_uint_eq(count_void(&cells), STATEMENT_CELLS);
        statement_cells_done(&cells);
}
END_TEST

START_TEST(what_was_not_called_in_the_phase_is_left_out) {
        static const HistoryStatement rows[] = {
                {AT(0), 1, 10, 1}, {AT(PHASE - 1), 1, 10, 1}, {AT(3), 2, 1, 1}, {AT(PHASE), 2, 1, 0}};
        StatementCells cells = cells_of(rows, ELEMENTS(rows));

        ck_assert_uint_eq(cells.n_series, 1);
        ck_assert_int_eq(cells.series[0].queryid, 2);
        statement_cells_done(&cells);
}
END_TEST

START_TEST(time_that_found_no_row_has_no_calls) {
        static const HistoryStatement rows[] = {SIGN(0, 4), SIGN(PHASE, 9)};
        StatementCells cells = cells_of(rows, ELEMENTS(rows));

        ck_assert_uint_eq(cells.n_series, 1);
        ck_assert_int_eq(cells.series[0].hours[PHASE].calls, 0);
        ck_assert(cells.series[0].hours[PHASE].total_ms == 9);
        statement_cells_done(&cells);
}
END_TEST

START_TEST(hours_of_another_grid_or_time_count_nowhere) {
        static const HistoryStatement rows[] = {
                {AT(-1), 0, (int64_t)WIDTH, 0},     {AT(2), 0, (int64_t)WIDTH / 2, 0},
                {AT(3) + 1, 0, (int64_t)WIDTH, 0},  {AT(STATEMENT_CELLS), 0, (int64_t)WIDTH, 5},
                {AT(STATEMENT_CELLS), 1, 1000, 50},
        };
        StatementCells cells = cells_of(rows, ELEMENTS(rows));

        ck_assert_uint_eq(cells.n_series, 0);
        ck_assert_uint_eq(count_void(&cells), STATEMENT_CELLS);
        statement_cells_done(&cells);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                each_row_is_of_its_hour_and_statement,        what_the_history_has_not_is_void,
                what_was_not_called_in_the_phase_is_left_out, time_that_found_no_row_has_no_calls,
                hours_of_another_grid_or_time_count_nowhere,
        };

        return unit_run("engine/statement-series", tests, ELEMENTS(tests));
}
