/* See the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "statement-series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "statement-hours.h"

typedef struct Grid {
        usec_t first, width;
} Grid;

/* -1: of no hour that is compared. */
static ssize_t cell_of(const Grid *grid, usec_t hour) {
        usec_t offset = usec_since(hour, grid->first);

        if (hour < grid->first || offset % grid->width != 0 || offset / grid->width >= STATEMENT_CELLS)
                return -1;
        return (ssize_t)(offset / grid->width);
}

static void find_void(const Grid *grid, const HistoryStatement *rows, size_t n, bool *void_hours) {
        for (size_t i = 0; i < STATEMENT_CELLS; i++)
                void_hours[i] = true;
        for (size_t i = 0; i < n; i++) {
                ssize_t cell = cell_of(grid, rows[i].hour);

                if (cell >= 0 && statement_hour_is_whole(&rows[i], grid->width))
                        void_hours[cell] = false;
        }
}

/* The rows of one statement; false: it was not called in the phase. Those that found no row of their own are
 * time without a call: they are never compared, and count as not covered. */
static bool fill(const Grid *grid, const HistoryStatement *rows, size_t n, StatementHour *hours) {
        bool is_called = false;

        for (size_t i = 0; i < n; i++) {
                ssize_t cell = cell_of(grid, rows[i].hour);

                if (cell < 0)
                        continue;
                hours[cell].calls = rows[i].queryid == 0 ? 0 : rows[i].calls;
                hours[cell].total_ms = rows[i].total_ms;
                is_called |= cell >= PHASE_BASELINE_DAYS * PHASE_HOURS &&
                             (hours[cell].calls > 0 || hours[cell].total_ms > 0);
        }
        return is_called;
}

static size_t same_statement(const HistoryStatement *rows, size_t n) {
        size_t same = 1;

        while (same < n && rows[same].queryid == rows[0].queryid)
                same++;
        return same;
}

static int add_series(StatementCells *cells, const Grid *grid, const HistoryStatement *rows, size_t n) {
        StatementHour *hours = calloc(STATEMENT_CELLS, sizeof(*hours));

        if (!hours)
                return -ENOMEM;
        if (fill(grid, rows, n, hours))
                cells->series[cells->n_series++] = (StatementSeries){.queryid = rows[0].queryid,
                                                                     .hours = hours};
        else
                free(hours);
        return 0;
}

int statement_cells_make(usec_t first, usec_t width, const HistoryStatement *rows, size_t n,
                         StatementCells *ret) {
        const Grid grid = {first, width};
        int r = 0;

        *ret = (StatementCells){.series = calloc(n + 1, sizeof(*ret->series))};
        if (!ret->series)
                return -ENOMEM;
        find_void(&grid, rows, n, ret->void_hours);
        for (size_t i = 0, same; r >= 0 && i < n; i += same) {
                same = same_statement(rows + i, n - i);
                r = add_series(ret, &grid, rows + i, same);
        }
        if (r < 0)
                statement_cells_done(ret);
        return r;
}

void statement_cells_done(StatementCells *cells) {
        for (size_t i = 0; i < cells->n_series; i++)
                free((StatementHour *)cells->series[i].hours);
        free(cells->series);
        *cells = (StatementCells){};
}
