/* Failure: why an attempt to connect failed, in our words.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <libpq-fe.h>

#include "parameters.h"
#include "pgvigil/pg.h"

typedef struct Failure {
        Cause cause;
        char sqlstate[6];
        char *text; /* owned; NULL only when out of memory */
} Failure;

void failure_done(Failure *failure);
void failure_set(Failure *failure, Cause cause, const char *format, ...) _printf_(3, 4);

/* What was seen of an attempt before it failed. */
typedef struct AttemptTrace {
        ConnStatusType last; /* what libpq was doing */
        bool peer_closed;    /* the server had closed the socket */
        const Parameters *parameters;
} AttemptTrace;

/* `pg` has CONNECTION_BAD, and PQERRORS_SQLSTATE was its verbosity. */
void failure_of_attempt(PGconn *pg, const AttemptTrace *trace, Failure *ret);

/* A session that connected and whose first statement failed with this SQLSTATE. */
void failure_of_sqlstate(const char *sqlstate, PGconn *pg, Failure *ret);

/* The first SQLSTATE that stands at the end of a line of libpq's message. */
bool failure_find_sqlstate(const char *message, char ret[static 6]);

/* "127.0.0.1:5432", "[::1]:5432", "/run/postgresql/.s.PGSQL.5432". Owned. */
char *failure_peer(const char *host, const char *port);
