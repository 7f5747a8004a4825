/* TransactionSample: how many transactions a server has counted at one time, and what came since another.
 * Pure.
 *
 * As text it survives a restart: what ran meanwhile is in the server's counters.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/buffer.h"
#include "pgvigil/base/usec.h"

typedef struct TransactionSample {
        usec_t at;   /* 0: there is none */
        char *epoch; /* owned; counters of two epochs do not begin alike */
        int64_t commits, rollbacks;
} TransactionSample;

void transaction_sample_done(TransactionSample *sample);

/* False: what came between both is not known: another epoch, a counter that fell, more than `longest`
 * between. */
bool transaction_sample_since(const TransactionSample *before, const TransactionSample *after, usec_t longest,
                              int64_t *ret_commits, int64_t *ret_rollbacks);

/* 0 or -ENOMEM. */
int transaction_sample_format(const TransactionSample *sample, Buffer *out);

/* -EINVAL: it is no such text. -ENOMEM. */
int transaction_sample_parse(const char *text, TransactionSample *ret);
