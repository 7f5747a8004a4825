/* pg: one asynchronous connection to PostgreSQL on the event loop. The only module with libpq.
 *
 * It connects, runs one Statement at a time inside the transaction contract, and completes every
 * call exactly once, always from the loop, never from inside the call that started it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/worker.h"
#include "pgvigil/model/statement.h"
#include "pgvigil/model/view.h"

typedef struct sd_event sd_event;
typedef struct PgConnection PgConnection;

typedef struct PgOptions {
        const char *conninfo;        /* borrowed for the life of the connection */
        const char *credential_path; /* file that holds the conninfo, read anew at each attempt; or NULL */
        char *const *schemas;        /* borrowed: those watched; a credential may ask for no other; or NULL */
        bool use_environment;        /* libpq's PG* variables and passfile: one-shot commands only */
        const char *application_name; /* begins with "pgvigil" */
        usec_t connect_timeout, statement_timeout, lock_timeout;
} PgOptions;

typedef struct PgFailure {
        Cause cause;
        char sqlstate[6]; /* "" when there is none */
        const char *text; /* a sentence for people, without secrets or server text; borrowed */
} PgFailure;

/* failure == NULL: connected, the session was set up, a statement has completed. */
typedef void (*PgConnected)(void *userdata, const PgFailure *failure);
typedef void (*PgDone)(void *userdata, Outcome *outcome); /* takes what it wants out of *outcome */

/* `names` resolves host names off the loop; it may be shared. */
int pg_connection_new(sd_event *event, Worker *names, const PgOptions *options, PgConnection **ret);
PgConnection *pg_connection_free(PgConnection *connection); /* closes at once; no callback after */
DEFINE_CLEANUP(PgConnection, pg_connection_free)

/* Other options of the same conninfo, for the next attempt: what they point to is borrowed instead of
 * that of before. An open connection may be kept where the timeouts are equal. */
void pg_connection_set_options(PgConnection *connection, const PgOptions *options);

/* One attempt, within connect_timeout altogether. -EBUSY when one is under way or connected. */
int pg_connection_connect(PgConnection *connection, PgConnected done, void *userdata);

/* Runs one statement; `statement` is borrowed until `done`. -EBUSY when one is running,
 * -ENOTCONN. After OUTCOME_LOST the connection is closed. */
int pg_connection_run(PgConnection *connection, const Statement *statement, PgDone done, void *userdata);

/* Why an OUTCOME_LOST was lost: CAUSE_TIMEOUT (own deadline), CAUSE_STARTING_UP, CAUSE_LOST. */
Cause pg_lost_cause(const Outcome *outcome);

/* Commits a transaction that a cut run left open; `done` with OUTCOME_ROWS without a table. */
int pg_connection_commit(PgConnection *connection, PgDone done, void *userdata);

bool pg_connection_is_ready(const PgConnection *connection); /* connected, nothing running */
bool pg_connection_in_transaction(const PgConnection *connection);
int pg_connection_server_version(const PgConnection *connection); /* 150018; 0: not connected */

/* The server's process behind the connection, as other sessions of that server name it. 0: not
 * connected, or what stands in between answers with a pid of its own: then it may change. */
int pg_connection_backend_pid(const PgConnection *connection);

/* When the server was started, as text: pids can be compared only where this is equal. NULL: not
 * connected. Borrowed until the connection is closed. */
const char *pg_connection_server_start(const PgConnection *connection);

/* Closes without waiting; a running call is forgotten (its callback is not called). */
void pg_connection_close(PgConnection *connection);

/* Wait before the attempt after `failures` failed ones in a row: exponential from 100 ms up to
 * reconnect_max, 30 s for rejected logins and exhausted slots, full jitter by `random` (any 64
 * bits). */
usec_t pg_backoff(Cause cause, unsigned failures, usec_t reconnect_max, uint64_t random);

/* NULL when the conninfo (keywords, URI, Prisma-style URL) can be used; else an owned sentence
 * that names what is wrong and never a value that may be secret. */
char *pg_conninfo_check(const char *conninfo);

/* The schema that a Prisma-style URL asks for (owned), or NULL; and a note for people about the
 * parameters that were dropped (owned), or NULL. */
int pg_conninfo_extras(const char *conninfo, char **ret_schema, char **ret_note);

/* "host=… port=… dbname=… user=…": what may be shown of it. Owned; NULL when out of memory. */
char *pg_conninfo_describe(const char *conninfo);

/* Everything that the next attempt would be made with, service and credential read, but for passwords: a
 * line for each parameter. Owned; NULL where it cannot be used, or out of memory. */
char *pg_options_describe(const PgOptions *options);

/* What reaches the same database without libpq's environment and service files, which the daemon does
 * not heed: keywords, quoted as libpq reads them, without any secret (*ret_left_out: there was one) and
 * without what we set ourselves. 0, -EINVAL when it cannot be used, -ENOMEM. */
int pg_conninfo_write(const char *conninfo, bool use_environment, char **ret, bool *ret_left_out);

/* The statements around each statement, for `check --explain`, for a server version: the BEGIN,
 * the set_config() SELECT and the COMMIT, and what is asked once at connect; with `exclusion_off` also
 * those around a statement that says so. Owned, ";\n" between. */
char *pg_session_statements(int version_num, const PgOptions *options, bool exclusion_off);

/* libpq's version, "15.18". Static buffer. */
const char *pg_library_version(void);
