/* Attempt: from CLOSED to a socket that speaks PostgreSQL. Settings, names, libpq's poll; all of it
 * under one deadline, which run.c inherits for the set-up statement.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "connection.h"
#include "conninfo.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/str.h"

static void attempt_fail_with(PgConnection *c, Cause cause, const char *text) {
        Failure failure = {};
        failure_set(&failure, cause, "%s", text);
        attempt_fail(c, &failure);
}

void attempt_fail(PgConnection *c, Failure *failure) {
        _cleanup_(failure_done) Failure mine = *failure;
        PgConnected connected = c->connected;
        void *userdata = c->userdata;
        if (mine.cause == CAUSE_TIMEOUT)
                c->rotation++;
        PgFailure shown = {.cause = mine.cause, .text = mine.text ? mine.text : "out of memory"};
        memcpy(shown.sqlstate, mine.sqlstate, sizeof shown.sqlstate);
        pg_connection_close(c);
        connected(userdata, &shown);
}

/* Notices come by the million from some code; libpq would print them. */
static void drop_notice(void *userdata, const PGresult *result) {
        PgConnection *c = userdata;
        c->notices++;
}

static int attempt_call_libpq(PgConnection *c) {
        c->pg = PQconnectStartParams((const char *const *)c->parameters.keywords,
                                     (const char *const *)c->parameters.values, 0);
        if (!c->pg)
                return -ENOMEM;
        PQsetErrorVerbosity(c->pg, PQERRORS_SQLSTATE); /* the one way to learn it of a failed attempt */
        PQsetNoticeReceiver(c->pg, drop_notice, c);
        c->trace = (AttemptTrace){.last = CONNECTION_STARTED, .parameters = &c->parameters};
        c->state = STATE_CONNECTING;
        return 0;
}

static void attempt_fail_in_libpq(PgConnection *c) {
        Failure failure = {};
        failure_of_attempt(c->pg, &c->trace, &failure);
        attempt_fail(c, &failure);
}

/* Names are resolved, or there are none. */
static void attempt_open(PgConnection *c) {
        int r = resolve_expand(&c->parameters, &c->book, c->rotation);
        if (r == -ENOENT) {
                attempt_fail_with(c, CAUSE_DNS, "no address was found for the host");
                return;
        }
        if (r >= 0)
                r = attempt_call_libpq(c);
        if (r >= 0 && PQstatus(c->pg) == CONNECTION_BAD) {
                attempt_fail_in_libpq(c);
                return;
        }
        if (r >= 0)
                r = connection_watch(c, EPOLLOUT);
        if (r < 0)
                attempt_fail_with(c, CAUSE_LOST, "out of memory or descriptors");
}

static void on_resolved(void *userdata, AddressBook *found) {
        PgConnection *c = userdata;
        c->lookup = NULL;
        usec_t used = usec_since(clock_boottime(), c->began);
        int r = address_book_update(&c->book, found);
        if (r >= 0)
                r = connection_arm(c, usec_since(c->options.connect_timeout, used));
        if (r < 0)
                attempt_fail_with(c, CAUSE_LOST, "out of memory or descriptors");
        else
                attempt_open(c);
}

/* With addresses of an earlier attempt at hand, a silent name server gets half of the time. */
static int attempt_resolve(PgConnection *c, char *const *names) {
        if (!c->names)
                return -EAGAIN;
        if (address_book_has_all(&c->book, names)) {
                int r = connection_arm(c, c->options.connect_timeout / 2);
                if (r < 0)
                        return r;
        }
        c->state = STATE_RESOLVING;
        return resolve_start(c->names, names, on_resolved, c, &c->lookup);
}

static void attempt_start(PgConnection *c) {
        _cleanup_(freep) char *error = NULL;
        _cleanup_(strv_freep) char **names = NULL;
        Cause cause = CAUSE_CONFIG;
        int r = conninfo_load(&c->options, &c->parameters, &cause, &error);
        if (r < 0) {
                attempt_fail_with(c, cause, error ? error : "out of memory");
                return;
        }
        r = resolve_names(&c->parameters, &names);
        if (r >= 0 && !names) {
                attempt_open(c);
                return;
        }
        if (r >= 0)
                r = attempt_resolve(c, names);
        if (r < 0)
                attempt_fail_with(c, CAUSE_DNS, "the host's name cannot be resolved: no resolver thread");
}

/* Must not be asked while the connect() is under way: it would take the error away from libpq. */
static bool peer_has_closed(PGconn *pg) {
        char byte;
        ssize_t n = recv(PQsocket(pg), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void attempt_poll(PgConnection *c) {
        c->trace.last = PQstatus(c->pg);
        c->trace.peer_closed = c->trace.last != CONNECTION_STARTED && peer_has_closed(c->pg);
        PostgresPollingStatusType status = PQconnectPoll(c->pg);
        if (status == PGRES_POLLING_OK) {
                run_set_up(c);
                return;
        }
        if (status == PGRES_POLLING_FAILED) {
                attempt_fail_in_libpq(c);
                return;
        }
        if (connection_watch(c, status == PGRES_POLLING_WRITING ? EPOLLOUT : EPOLLIN) < 0)
                attempt_fail_with(c, CAUSE_LOST, "out of memory or descriptors");
}

void attempt_step(PgConnection *c) {
        if (c->state == STATE_STARTING)
                attempt_start(c);
        else
                attempt_poll(c);
}

static void fail_timeout(PgConnection *c) {
        _cleanup_(freep) char *peer = failure_peer(PQhost(c->pg), PQport(c->pg));
        Buffer waited = BUFFER_NULL;
        Failure failure = {};
        buffer_add_usec_human(&waited, c->options.connect_timeout);
        failure_set(&failure, CAUSE_TIMEOUT,
                    c->state == STATE_CONNECTING ? "no answer from %s within %s"
                                                 : "%s lets us in, but no statement completed within %s",
                    peer ? peer : "the server", buffer_text(&waited));
        buffer_done(&waited);
        attempt_fail(c, &failure);
}

void attempt_expired(PgConnection *c) {
        if (c->state == STATE_CONNECTING || c->state == STATE_SETTING_UP) {
                fail_timeout(c);
                return;
        }
        usec_t used = usec_since(clock_boottime(), c->began);
        usec_t left = usec_since(c->options.connect_timeout, used);
        if (!c->lookup || left < c->options.connect_timeout / 4) {
                attempt_fail_with(c, CAUSE_DNS, "the host's name was not resolved in time");
                return;
        }
        worker_abandon(TAKE(c->lookup));
        if (connection_arm(c, left) < 0)
                attempt_fail_with(c, CAUSE_LOST, "out of memory or descriptors");
        else
                attempt_open(c);
}
