/* Exchange: one Statement in its transaction as one libpq pipeline, and its Outcome gathered.
 *
 * Knows no event loop and no time, never waits: the connection feeds it when there is input.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <libpq-fe.h>

#include "pgvigil/model/statement.h"

enum { EXCHANGE_PARTS_MAX = 10, EXCHANGE_ROWS_DEFAULT = 10000, EXCHANGE_CELL_MAX = 1 << 20 };

typedef enum ExchangePart { PART_COMMAND, PART_STATEMENT, PART_SYNC } ExchangePart;

typedef struct Exchange {
        const Statement *statement; /* NULL: only a commit */
        ExchangePart parts[EXCHANGE_PARTS_MAX];
        size_t n_parts, current;
        int *columns; /* of the result, for each field of the shape; NULL: not bound yet */
        Outcome outcome;
} Exchange;

void exchange_done(Exchange *exchange);

/* Sends all of it as far as the socket takes it. `preamble` is used when a transaction begins. 0,
 * or -EIO when the connection is of no use any more. */
int exchange_send(Exchange *exchange, PGconn *pg, const Statement *statement, const char *preamble,
                  bool in_transaction);

/* Takes what has arrived: 1 complete, 0 more must come, negative: the connection is of no use any
 * more; `outcome` has the SQLSTATE that was seen, if any. */
int exchange_advance(Exchange *exchange, PGconn *pg);
