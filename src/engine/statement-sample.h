/* StatementSample: the counters of pg_stat_statements at one time, and what was called between two. Pure.
 *
 * As text a sample and the hour that is open survive a restart together: what is called meanwhile is in the
 * server's counters.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/buffer.h"
#include "statement-hours.h"

typedef struct StatementSample {
        usec_t at;                  /* 0: there is none */
        char *epoch;                /* owned; counters of two epochs are not of the same entries */
        HistoryStatement *counters; /* owned, since the server's last reset; `hour` means nothing */
        size_t n;
} StatementSample;

void statement_sample_done(StatementSample *sample);

/* What was called from `before` to `after`, of the statements that both have. Void where an entry may have
 * begun anew between both: another epoch, or calls or a time that fell. *ret_deltas is owned, and borrowed by
 * *ret, whose `longest` is the caller's. 0 or -ENOMEM. */
int statement_sample_since(const StatementSample *before, const StatementSample *after,
                           HistoryStatement **ret_deltas, StatementSpan *ret);

/* 0 or -ENOMEM. */
int statement_sample_format(const StatementSample *sample, const StatementHours *hours, Buffer *out);

/* -EINVAL: it is no such text, or was cut; both are empty then. -ENOMEM. */
int statement_sample_parse(const char *text, StatementSample *ret, StatementHours *ret_hours);
