/* The connection object and what its two halves share: attempt.c makes a connection, run.c uses it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <libpq-fe.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "exchange.h"
#include "failure.h"
#include "parameters.h"
#include "pgvigil/pg.h"
#include "resolve.h"

typedef enum ConnectionState {
        STATE_CLOSED,
        STATE_STARTING,
        STATE_RESOLVING,
        STATE_CONNECTING,
        STATE_SETTING_UP,
        STATE_READY,
        STATE_RUNNING,
} ConnectionState;

struct PgConnection {
        sd_event *event;
        Worker *names;
        PgOptions options;
        ConnectionState state;
        PGconn *pg;
        sd_event_source *io;       /* made anew for each wait */
        sd_event_source *timer;    /* the deadline of the call under way */
        sd_event_source *deferred; /* the first step of a call */
        usec_t began;              /* boottime of the attempt, or of sending */
        void *userdata;            /* of the call under way */

        /* an attempt */
        PgConnected connected;
        Parameters parameters;
        WorkerJob *lookup;
        AddressBook book; /* kept over attempts: last good addresses */
        size_t rotation;  /* endpoints to skip, so that one that never answers hides no other */
        AttemptTrace trace;

        /* a run */
        PgDone done;
        const Statement *statement; /* NULL: commit */
        bool is_sent;
        Exchange exchange;
        char *preambles[2]; /* constraint_exclusion on, off */
        int backend_pid;    /* 0: not known */
        char *server_start;
        bool in_transaction;
        uint64_t notices; /* dropped */
};

/* Waits for EPOLLIN, EPOLLOUT or both, with a source of its own. */
int connection_watch(PgConnection *connection, uint32_t events);
int connection_arm(PgConnection *connection, usec_t timeout);
int connection_defer(PgConnection *connection);

void attempt_step(PgConnection *connection);
void attempt_expired(PgConnection *connection);
/* Closes and completes with the failure, which is freed. Touch nothing afterwards. */
void attempt_fail(PgConnection *connection, Failure *failure);

/* Connected: makes the session's first statement complete, then reports. */
void run_set_up(PgConnection *connection);
void run_step(PgConnection *connection);
void run_expired(PgConnection *connection);
