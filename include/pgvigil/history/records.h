/* Records: what the history keeps beside series.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdint.h>

#include "pgvigil/base/usec.h"

typedef struct HistoryEvent {
        usec_t at;
        char *kind, *text; /* owned by the history */
} HistoryEvent;

/* Differences of pg_stat_statements within one hour. */
typedef struct HistoryStatement {
        usec_t hour;
        int64_t queryid;
        int64_t calls;
        double total_ms;
} HistoryStatement;
