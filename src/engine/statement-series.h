/* StatementSeries out of the rows that the history kept: the hours of the phase and of the days before it,
 * one cell each. Pure.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/history/records.h"
#include "pgvigil/phase/statistics.h"

#define STATEMENT_CELLS ((PHASE_BASELINE_DAYS + 1) * PHASE_HOURS)

typedef struct StatementCells {
        StatementSeries *series; /* of what was called in the phase; the rest says nothing of it */
        size_t n_series;
        bool void_hours[STATEMENT_CELLS]; /* those that have no row that says they were whole */
} StatementCells;

/* `first`: start of the first cell. Rows are in the order of their statements. 0 or -ENOMEM. */
int statement_cells_make(usec_t first, usec_t width, const HistoryStatement *rows, size_t n,
                         StatementCells *ret);
void statement_cells_done(StatementCells *cells);
