/* Exchange: what is sent, what comes back.
 *
 *   ALONE    BEGIN, settings, statement, Sync, COMMIT, Sync      the first Sync so that COMMIT
 *   OPENS    BEGIN, settings, statement, Sync                    runs also after an error, where
 *   WITHIN   statement, Sync                                     the server makes it a rollback
 *   CLOSES   statement, Sync, COMMIT, Sync
 *   commit   COMMIT, Sync
 *
 * ALONE and OPENS commit first what is still open. OPENS and WITHIN that failed get a COMMIT, Sync
 * behind them, so that an error always ends the transaction.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rows.h"
#include "session.h"

void exchange_done(Exchange *exchange) {
        free(exchange->columns);
        outcome_done(&exchange->outcome);
        *exchange = (Exchange){};
}

static int exchange_add(Exchange *exchange, PGconn *pg, ExchangePart part, const char *sql) {
        const Statement *s = part == PART_STATEMENT ? exchange->statement : NULL;
        int ok = part == PART_SYNC
                         ? PQpipelineSync(pg)
                         : PQsendQueryParams(pg, sql, s ? (int)s->n_parameters : 0, NULL,
                                             s ? (const char *const *)s->parameters : NULL, NULL, NULL, 0);
        if (!ok)
                return -EIO;
        exchange->parts[exchange->n_parts++] = part;
        return 0;
}

static int exchange_add_commit(Exchange *exchange, PGconn *pg) {
        int r = exchange_add(exchange, pg, PART_COMMAND, SESSION_COMMIT);
        return r < 0 ? r : exchange_add(exchange, pg, PART_SYNC, NULL);
}

static int exchange_add_begin(Exchange *exchange, PGconn *pg, const char *preamble, bool in_transaction) {
        int r = in_transaction ? exchange_add_commit(exchange, pg) : 0;
        if (r >= 0)
                r = exchange_add(exchange, pg, PART_COMMAND, SESSION_BEGIN);
        return r < 0 ? r : exchange_add(exchange, pg, PART_COMMAND, preamble);
}

/* Only for the query whose results come next; one that cannot be had costs memory, no more. */
static void exchange_ask_single_rows(const Exchange *exchange, PGconn *pg) {
        if (exchange->current < exchange->n_parts && exchange->parts[exchange->current] == PART_STATEMENT)
                (void)PQsetSingleRowMode(pg);
}

int exchange_send(Exchange *exchange, PGconn *pg, const Statement *statement, const char *preamble,
                  bool in_transaction) {
        exchange->statement = statement;
        if (!statement)
                return exchange_add_commit(exchange, pg);
        int r = 0;
        if (statement->place == STATEMENT_ALONE || statement->place == STATEMENT_OPENS)
                r = exchange_add_begin(exchange, pg, preamble, in_transaction);
        if (r >= 0)
                r = exchange_add(exchange, pg, PART_STATEMENT, statement->sql);
        if (r >= 0)
                r = exchange_add(exchange, pg, PART_SYNC, NULL);
        if (r >= 0 && (statement->place == STATEMENT_ALONE || statement->place == STATEMENT_CLOSES))
                r = exchange_add_commit(exchange, pg);
        exchange_ask_single_rows(exchange, pg);
        return r;
}

/* The first error counts, and a table with it would be half a truth. */
static void exchange_set_error(Exchange *exchange, const char *sqlstate, const char *message) {
        Outcome *outcome = &exchange->outcome;
        if (outcome->kind == OUTCOME_ERROR)
                return;
        outcome->kind = OUTCOME_ERROR;
        outcome->table = table_free(outcome->table);
        snprintf(outcome->sqlstate, sizeof outcome->sqlstate, "%s", sqlstate ? sqlstate : "");
        outcome->message = str_format("%.1000s", message ? message : "");
}

static int exchange_take_error(Exchange *exchange, const PGresult *result) {
        const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
        const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        exchange_set_error(exchange, sqlstate, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        bool is_final = !sqlstate || str_equal(severity, "FATAL") || str_equal(severity, "PANIC");
        return is_final ? -ECONNRESET : 0;
}

static int exchange_take_rows(Exchange *exchange, const PGresult *result) {
        const Statement *statement = exchange->statement;
        if (exchange->parts[exchange->current] != PART_STATEMENT || !statement->shape ||
            exchange->outcome.kind == OUTCOME_ERROR)
                return 0;
        const char *sqlstate = NULL;
        int r = rows_take(statement, result, &exchange->columns, &exchange->outcome.table, &sqlstate);
        if (r == -EBADMSG)
                exchange_set_error(exchange, sqlstate, "the answer is not what was asked for");
        return r == -EBADMSG ? 0 : r;
}

static int exchange_take(Exchange *exchange, const PGresult *result) {
        switch (PQresultStatus(result)) {
        case PGRES_PIPELINE_SYNC:
        case PGRES_PIPELINE_ABORTED:
                return 0;
        case PGRES_EMPTY_QUERY:
        case PGRES_COMMAND_OK:
        case PGRES_SINGLE_TUPLE:
        case PGRES_TUPLES_OK:
                return exchange_take_rows(exchange, result);
        case PGRES_FATAL_ERROR:
                return exchange_take_error(exchange, result);
        default: /* COPY and what no server should send: the connection cannot be read further */
                return -EPROTO;
        }
}

/* The results of a query end with NULL, a Sync is a single result. */
static int exchange_next_result(Exchange *exchange, PGconn *pg) {
        PGresult *result = PQgetResult(pg);
        int r = result ? exchange_take(exchange, result) : 0;
        if (!result || PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
                exchange->current++;
                exchange_ask_single_rows(exchange, pg);
        }
        PQclear(result);
        return r;
}

/* 1: really complete; 0: a commit was sent behind a failed statement. */
static int exchange_finish(Exchange *exchange, PGconn *pg) {
        if (exchange->outcome.kind != OUTCOME_ERROR || PQtransactionStatus(pg) == PQTRANS_IDLE)
                return 1;
        if (exchange->n_parts + 2 > EXCHANGE_PARTS_MAX)
                return -EPROTO;
        return exchange_add_commit(exchange, pg);
}

int exchange_advance(Exchange *exchange, PGconn *pg) {
        while (!PQisBusy(pg)) {
                int r = exchange_next_result(exchange, pg);
                if (r >= 0 && exchange->current == exchange->n_parts)
                        r = exchange_finish(exchange, pg);
                if (r != 0)
                        return r;
        }
        return 0;
}
