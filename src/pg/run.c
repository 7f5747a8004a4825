/* Run: one exchange on an open connection, under its deadline; and the set-up statement, which is
 * such an exchange too: "up" means that a query finished, because a pooler lets us in even when
 * the database behind it is dead.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "connection.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/str.h"
#include "session.h"

/* TLS hands over one record at a time: what is left of one makes no descriptor readable. */
enum { ROUNDS_PLAIN = 1, ROUNDS_TLS = 3 };

/* 1 complete, 0 more must come, negative: lost. */
static int run_pump(PgConnection *c) {
        int rounds = PQsslInUse(c->pg) ? ROUNDS_TLS : ROUNDS_PLAIN;
        int r = 0;
        for (int i = 0; r == 0 && i < rounds; i++) {
                bool is_open = PQconsumeInput(c->pg);
                r = exchange_advance(&c->exchange, c->pg); /* first what came before it closed */
                if (r == 0 && !is_open)
                        r = -ECONNRESET;
        }
        if (r != 0)
                return r;
        int unsent = PQflush(c->pg);
        return unsent < 0 ? -ECONNRESET : connection_watch(c, EPOLLIN | (unsent ? EPOLLOUT : 0));
}

/* The connection is closed, and the outcome keeps the SQLSTATE that came before. */
static void run_lose(PgConnection *c, Outcome *outcome, bool is_timeout) {
        outcome->kind = OUTCOME_LOST;
        outcome->table = table_free(outcome->table);
        outcome->is_timeout = is_timeout;
        pg_connection_close(c);
}

static void run_complete(PgConnection *c, bool is_lost, bool is_timeout) {
        PgDone done = c->done;
        void *userdata = c->userdata;
        _cleanup_(outcome_done) Outcome outcome = c->exchange.outcome;
        c->exchange.outcome = (Outcome){};
        exchange_done(&c->exchange);
        outcome.duration = usec_since(clock_boottime(), c->began);
        if (is_lost) {
                run_lose(c, &outcome, is_timeout);
        } else {
                c->timer = sd_event_source_disable_unref(c->timer);
                c->in_transaction = PQtransactionStatus(c->pg) == PQTRANS_INTRANS;
                c->state = STATE_READY;
                c->statement = NULL;
                c->done = NULL;
        }
        done(userdata, &outcome);
}

void run_expired(PgConnection *c) {
        run_complete(c, true, true);
}

static void set_up_fail(PgConnection *c) {
        Failure failure = {};
        if (*c->exchange.outcome.sqlstate)
                failure_of_sqlstate(c->exchange.outcome.sqlstate, c->pg, &failure);
        else
                failure_set(&failure, CAUSE_LOST,
                            "the connection went away before its first statement completed");
        attempt_fail(c, &failure);
}

static int set_up_preambles(PgConnection *c, unsigned features) {
        for (size_t i = 0; i < ELEMENTS(c->preambles); i++) {
                free(c->preambles[i]);
                c->preambles[i] = session_preamble(&c->options, features, i == 1);
                if (!c->preambles[i])
                        return -ENOMEM;
        }
        return 0;
}

/* A pooler hands out keys of its own, and may change the process behind them. */
static int set_up_backend(PgConnection *c, const Table *answer) {
        if (!answer || answer->n_rows != 1)
                return 0;
        int64_t pid = table_int(answer, 0, "backend_pid");
        c->backend_pid = pid == PQbackendPID(c->pg) ? (int)pid : 0;
        return str_set(&c->server_start, table_text(answer, 0, "server_start"));
}

static void set_up_finish(PgConnection *c, bool is_lost) {
        const Table *answer = c->exchange.outcome.table;
        if (is_lost || c->exchange.outcome.kind != OUTCOME_ROWS ||
            set_up_preambles(c, session_features(answer)) < 0 || set_up_backend(c, answer) < 0) {
                set_up_fail(c);
                return;
        }
        PgConnected connected = TAKE(c->connected);
        void *userdata = c->userdata;
        exchange_done(&c->exchange);
        parameters_done(&c->parameters);
        c->timer = sd_event_source_disable_unref(c->timer);
        c->statement = NULL;
        c->state = STATE_READY;
        connected(userdata, NULL);
}

static void run_finish(PgConnection *c, bool is_lost) {
        if (c->state == STATE_SETTING_UP)
                set_up_finish(c, is_lost);
        else
                run_complete(c, is_lost, false);
}

static void run_continue(PgConnection *c) {
        int r = run_pump(c);
        if (r != 0)
                run_finish(c, r < 0);
}

/* A statement that needs the open transaction must never run outside of it: it counts on its locks. */
static bool run_lacks_transaction(const PgConnection *c) {
        return c->statement && !c->in_transaction &&
               (c->statement->place == STATEMENT_WITHIN || c->statement->place == STATEMENT_CLOSES);
}

/* 1: complete without a word to the server. */
static int run_send(PgConnection *c) {
        c->is_sent = true;
        c->began = clock_boottime();
        if (run_lacks_transaction(c)) {
                c->exchange.outcome.kind = OUTCOME_ERROR;
                memcpy(c->exchange.outcome.sqlstate, "25P01", 6);
                return 1;
        }
        if (!c->statement && !c->in_transaction)
                return 1;
        bool exclusion_off = c->statement && c->statement->exclusion_off;
        return exchange_send(&c->exchange, c->pg, c->statement, c->preambles[exclusion_off],
                             c->in_transaction);
}

void run_step(PgConnection *c) {
        int r = c->is_sent ? 0 : run_send(c);
        if (r != 0)
                run_finish(c, r < 0);
        else
                run_continue(c);
}

void run_set_up(PgConnection *c) {
        c->state = STATE_SETTING_UP;
        c->statement = &session_probe;
        c->is_sent = false;
        PQsetErrorVerbosity(c->pg, PQERRORS_DEFAULT);
        if (PQsetnonblocking(c->pg, 1) < 0 || !PQenterPipelineMode(c->pg) || set_up_preambles(c, 0) < 0)
                run_finish(c, true);
        else
                run_step(c);
}
