/* Records: what the history keeps beside series.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pgvigil/base/usec.h"

typedef struct HistoryEvent {
        usec_t at;
        char *kind, *text; /* owned by the history */
} HistoryEvent;

/* Differences of pg_stat_database's counters between the ends of a bucket. */
typedef struct HistoryBucket {
        usec_t start;
        int64_t commits, rollbacks;
        bool is_void; /* not observed, statistics reset, a counter fell */
} HistoryBucket;

/* Differences of pg_stat_statements within one hour. */
typedef struct HistoryStatement {
        usec_t hour;
        int64_t queryid;
        int64_t calls;
        double total_ms;
} HistoryStatement;

typedef struct HistoryObject {
        char *kind;       /* "constraint", "index" … */
        char *object;     /* the table it belongs to, qualified */
        char *name;       /* its own */
        char *definition; /* or NULL */
} HistoryObject;
