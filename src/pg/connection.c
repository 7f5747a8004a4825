/* One connection to PostgreSQL: one object, one step(), every event calls only that.
 *
 *                pg_connection_connect()
 *   CLOSED ──────────────────────────────▶ STARTING
 *     ▲                                       │ attempt_start()
 *     │                                       ├──────────────▶ RESOLVING   names on their worker
 *     │ attempt_fail()                        │ attempt_open()     │ attempt_open()
 *     ├◀── from each of these ── CONNECTING ◀─┴────────────────────┘
 *     │                              │ attempt_poll() → run_set_up()
 *     ├◀── attempt_fail() ────── SETTING_UP
 *     │                              │ set_up_finish(): the first statement has completed
 *     │       pg_connection_run()    ▼
 *     │      ┌──────────────────── READY
 *     │      ▼                       ▲
 *     └── RUNNING ───────────────────┘ run_complete()
 *       run_complete(): lost, or its deadline passed
 *
 * A call only posts its first step: whatever fails, fails in the loop. Sources of descriptors live
 * for one wait, because libpq may close a socket and get the same number again. Deadlines are ours:
 * a server that is stopped sends nothing, and libpq's connect_timeout does not rule here.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "connection.h"

#include <errno.h>
#include <sys/epoll.h>

#include "conninfo.h"
#include "pgvigil/base/clock.h"

enum { TIMER_ACCURACY_USEC = 2000 };

/* Beyond the server's own statement_timeout: for the way there and back. */
#define STATEMENT_GRACE (2 * USEC_PER_SEC)

int pg_connection_new(sd_event *event, Worker *names, const PgOptions *options, PgConnection **ret) {
        PgConnection *connection = calloc(1, sizeof *connection);
        if (!connection)
                return -ENOMEM;
        connection->event = sd_event_ref(event);
        connection->names = names;
        connection->options = *options;
        *ret = connection;
        return 0;
}

void pg_connection_set_options(PgConnection *c, const PgOptions *options) {
        c->options = *options;
}

void pg_connection_close(PgConnection *c) {
        c->state = STATE_CLOSED;
        c->io = sd_event_source_disable_unref(c->io);
        c->timer = sd_event_source_disable_unref(c->timer);
        c->deferred = sd_event_source_disable_unref(c->deferred);
        if (c->lookup)
                worker_abandon(TAKE(c->lookup));
        if (c->pg)
                PQfinish(TAKE(c->pg));
        parameters_done(&c->parameters);
        exchange_done(&c->exchange);
        for (size_t i = 0; i < ELEMENTS(c->preambles); i++)
                free(TAKE(c->preambles[i]));
        free(TAKE(c->server_start));
        c->backend_pid = 0;
        c->connected = NULL;
        c->done = NULL;
        c->statement = NULL;
        c->in_transaction = false;
}

PgConnection *pg_connection_free(PgConnection *c) {
        if (!c)
                return NULL;
        pg_connection_close(c);
        address_book_done(&c->book);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}

static void connection_step(PgConnection *c) {
        c->io = sd_event_source_disable_unref(c->io); /* before libpq may close its descriptor */
        if (c->state == STATE_STARTING || c->state == STATE_CONNECTING)
                attempt_step(c);
        else if (c->state == STATE_SETTING_UP || c->state == STATE_RUNNING)
                run_step(c);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        connection_step(userdata);
        return 0;
}

static int on_deferred(sd_event_source *source, void *userdata) {
        connection_step(userdata);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        PgConnection *c = userdata;
        if (c->state == STATE_RUNNING)
                run_expired(c);
        else if (c->state != STATE_READY && c->state != STATE_CLOSED)
                attempt_expired(c);
        return 0;
}

int connection_watch(PgConnection *c, uint32_t events) {
        c->io = sd_event_source_disable_unref(c->io);
        return sd_event_add_io(c->event, &c->io, PQsocket(c->pg), events, on_io, c);
}

int connection_arm(PgConnection *c, usec_t timeout) {
        c->timer = sd_event_source_disable_unref(c->timer);
        int r = sd_event_add_time_relative(c->event, &c->timer, CLOCK_BOOTTIME, timeout, TIMER_ACCURACY_USEC,
                                           on_timer, c);
        /* above input and output: a busy socket must not hold back a deadline */
        return r < 0 ? r : sd_event_source_set_priority(c->timer, SD_EVENT_PRIORITY_IMPORTANT);
}

int connection_defer(PgConnection *c) {
        c->deferred = sd_event_source_disable_unref(c->deferred);
        return sd_event_add_defer(c->event, &c->deferred, on_deferred, c);
}

/* Deadline and first step; the call has failed when this fails, and nothing is under way. */
static int connection_post(PgConnection *c, usec_t timeout) {
        int r = connection_arm(c, timeout);
        if (r >= 0)
                r = connection_defer(c);
        if (r < 0) {
                c->timer = sd_event_source_disable_unref(c->timer);
                return r;
        }
        return 0;
}

int pg_connection_connect(PgConnection *c, PgConnected done, void *userdata) {
        if (c->state != STATE_CLOSED)
                return -EBUSY;
        int r = connection_post(c, c->options.connect_timeout);
        if (r < 0)
                return r;
        c->state = STATE_STARTING;
        c->began = clock_boottime();
        c->connected = done;
        c->userdata = userdata;
        return 0;
}

static int connection_run(PgConnection *c, const Statement *statement, PgDone done, void *userdata) {
        if (c->state == STATE_RUNNING)
                return -EBUSY;
        if (c->state != STATE_READY)
                return -ENOTCONN;
        int r = connection_post(c, usec_add(c->options.statement_timeout, STATEMENT_GRACE));
        if (r < 0)
                return r;
        c->state = STATE_RUNNING;
        c->statement = statement;
        c->is_sent = false;
        c->began = clock_boottime();
        c->done = done;
        c->userdata = userdata;
        return 0;
}

int pg_connection_run(PgConnection *c, const Statement *statement, PgDone done, void *userdata) {
        return connection_run(c, statement, done, userdata);
}

int pg_connection_commit(PgConnection *c, PgDone done, void *userdata) {
        return connection_run(c, NULL, done, userdata);
}

bool pg_connection_is_ready(const PgConnection *c) {
        return c->state == STATE_READY;
}

bool pg_connection_in_transaction(const PgConnection *c) {
        return c->in_transaction;
}

int pg_connection_server_version(const PgConnection *c) {
        return c->state >= STATE_READY ? PQserverVersion(c->pg) : 0;
}

int pg_connection_backend_pid(const PgConnection *c) {
        return c->backend_pid;
}

const char *pg_connection_server_start(const PgConnection *c) {
        return c->server_start;
}
