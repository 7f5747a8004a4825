/* StatementHours: what pg_stat_statements counts, summed up by the hour of the clock. Pure.
 *
 * An hour is kept whole or not at all: one that was not observed from its begin to its end, without a reset
 * or an eviction, leaves no rows, and who reads them takes it as void.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "pgvigil/history/records.h"

/* Differences between two samples. */
typedef struct StatementSpan {
        usec_t from, to; /* from 0: there is none before */
        usec_t longest;  /* that may be between two samples */
        bool is_void;
        const HistoryStatement *deltas; /* `hour` means nothing; none has queryid 0 */
        size_t n;
} StatementSpan;

/* That many statements of an hour have a row; the time of the others is summed up. */
#define STATEMENT_HOUR_ROWS 200

typedef struct StatementHours {
        usec_t width; /* of an hour */
        usec_t hour;  /* the one that is open; 0: none */
        bool is_void;
        HistoryStatement rows[STATEMENT_HOUR_ROWS + 1]; /* the first is the hour's own */
        size_t n;
} StatementHours;

/* A whole hour has ended. Its first row, of queryid 0, says that it is whole: `calls` is its width in
 * microseconds, `total_ms` the time of statements that found no row. */
typedef void (*StatementHourEnded)(void *userdata, const HistoryStatement *rows, size_t n);

/* Other hours than before: the open one is void. */
void statement_hours_set_width(StatementHours *hours, usec_t width);

/* Calls and times go to the hours in proportion. */
void statement_hours_add(StatementHours *hours, const StatementSpan *span, StatementHourEnded ended,
                         void *userdata);

/* Whether the row says that its hour, of that width, was observed whole. */
bool statement_hour_is_whole(const HistoryStatement *row, usec_t width);
