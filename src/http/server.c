/* Server: libmicrohttpd's epoll descriptor on the event loop, and a deadline for each connection.
 *
 *   epoll readable ─▶ server_turn ─▶ MHD_run … ─▶ arm the timer
 *   timer          ─▶ cut what is overdue, server_turn
 *
 * Three traps of 0.9.75 rule this file. At its connection limit the library takes the listening
 * socket out of its epoll set and puts it back only in the next MHD_run(): when all clients
 * leave in one turn nothing would wake us again, so it runs once more whenever a connection
 * closed, and twice a second for ever. Requests that it already holds raise no event: they are
 * in MHD_get_timeout(), in relative milliseconds. Its own timeout starts anew with every byte;
 * ours does not: one deadline from the accept or from the end of the last answer.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "pgvigil/base/clock.h"

#define CONNECTION_MEMORY (16 * 1024)
#define RUN_PERIOD        (500 * USEC_PER_MSEC)
#define RUNS_PER_TURN     16 /* what is left waits for the timer: other sources come first */
#define TIMER_ACCURACY    (5 * USEC_PER_MSEC)
#define FREE_TIMEOUT      (300 * USEC_PER_MSEC)

static usec_t server_now(const HttpServer *server) {
        usec_t now;
        return sd_event_now(server->event, CLOCK_BOOTTIME, &now) < 0 ? clock_boottime() : now;
}

/* The connections, in the order of their deadlines: each new one is the latest. */

static void connection_unlink(HttpServer *server, Connection *connection) {
        *(connection->earlier ? &connection->earlier->later : &server->earliest) = connection->later;
        *(connection->later ? &connection->later->earlier : &server->latest) = connection->earlier;
        connection->earlier = connection->later = NULL;
}

static void connection_append(HttpServer *server, Connection *connection) {
        connection->deadline = usec_add(server_now(server), server->options.request_timeout);
        connection->earlier = server->latest;
        *(server->latest ? &server->latest->later : &server->earliest) = connection;
        server->latest = connection;
}

static void connection_answered(HttpServer *server, Connection *connection) {
        if (connection->is_answering)
                server->answering--;
        connection->is_answering = false;
}

static void connection_grows_old(HttpServer *server, Connection *connection) {
        if (connection->is_fresh)
                server->fresh--;
        connection->is_fresh = false;
}

void server_connection_rests(HttpServer *server, Connection *connection) {
        connection_answered(server, connection);
        connection_grows_old(server, connection);
        if (connection->is_cut)
                return;
        connection_unlink(server, connection);
        connection_append(server, connection);
}

static void connection_started(HttpServer *server, struct MHD_Connection *mhd, void **context) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        Connection *connection = calloc(1, sizeof(*connection));
        if (!connection) {
                shutdown(fd, SHUT_RDWR);
                return;
        }
        connection->fd = fd;
        connection->is_fresh = true;
        server->fresh++;
        connection_append(server, connection);
        *context = connection;
}

static void connection_closed(HttpServer *server, Connection *connection) {
        server->has_closed = true;
        if (!connection)
                return;
        connection_answered(server, connection);
        connection_grows_old(server, connection);
        if (!connection->is_cut)
                connection_unlink(server, connection);
        free(connection);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code) {
        if (code == MHD_CONNECTION_NOTIFY_STARTED)
                connection_started(cls, mhd, context);
        else
                connection_closed(cls, TAKE(*context));
}

/* The library sees the shutdown as an event and closes. */
static void server_cut_overdue(HttpServer *server) {
        usec_t now = server_now(server);
        while (server->earliest && server->earliest->deadline <= now) {
                Connection *connection = server->earliest;
                connection_unlink(server, connection);
                connection->is_cut = true;
                shutdown(connection->fd, SHUT_RDWR);
        }
}

static bool server_has_pending(HttpServer *server) {
        MHD_UNSIGNED_LONG_LONG msec;
        return MHD_get_timeout(server->daemon, &msec) == MHD_YES && msec == 0;
}

static void server_run(HttpServer *server) {
        for (unsigned i = 0; i < RUNS_PER_TURN; i++) {
                server->has_closed = false;
                MHD_run(server->daemon);
                if (!server->has_closed && !server_has_pending(server))
                        return;
        }
}

/* When the timer must fire at the latest. */
static usec_t server_next(HttpServer *server, usec_t now) {
        usec_t next = now + RUN_PERIOD;
        if (server->earliest && server->earliest->deadline < next)
                next = server->earliest->deadline;
        MHD_UNSIGNED_LONG_LONG msec;
        if (MHD_get_timeout(server->daemon, &msec) == MHD_YES && msec < RUN_PERIOD / USEC_PER_MSEC &&
            now + msec * USEC_PER_MSEC < next)
                next = now + msec * USEC_PER_MSEC;
        return next;
}

/* One that is set too early is left alone: it costs one idle turn, re-arming costs a system call. */
static void server_turn(HttpServer *server) {
        server_run(server);
        usec_t now = server_now(server), next = server_next(server, now);
        if (next >= server->armed)
                return;
        server->armed = next;
        sd_event_source_set_time(server->timer, next);
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        server_turn(userdata);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        HttpServer *server = userdata;
        server_cut_overdue(server);
        server->armed = USEC_INFINITY;
        server_turn(server);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text) {
        size_t length = 0;
        while (text[length])
                length++;
        return length;
}

/* Inherited or our own: it must be listening; flags are ours to set. */
static int listen_fd_prepare(int fd) {
        int listens = 0;
        socklen_t size = sizeof(listens);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
                return -errno;
        if (!listens)
                return -EINVAL;
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                return -errno;
        return 0;
}

static int server_start_library(HttpServer *server) {
        int r = listen_fd_prepare(server->listen_fd);
        if (r < 0)
                return r;
        /* The library closes its descriptor when it stops, and may or may not when it fails. */
        int fd = fcntl(server->listen_fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        server->daemon = MHD_start_daemon(
                MHD_USE_EPOLL, 0, NULL, NULL, request_handle, server, MHD_OPTION_LISTEN_SOCKET, fd,
                MHD_OPTION_CONNECTION_LIMIT, (unsigned)server->options.max_connections,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
                on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, request_completed, server,
                MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
        if (!server->daemon)
                return -EIO;
        server->epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        return 0;
}

static int server_watch(HttpServer *server) {
        int r = sd_event_add_io(server->event, &server->io, server->epoll_fd, EPOLLIN, on_ready, server);
        if (r < 0)
                return r;
        server->armed = server_now(server);
        return sd_event_add_time(server->event, &server->timer, CLOCK_BOOTTIME, server->armed, TIMER_ACCURACY,
                                 on_timer, server);
}

int http_server_new(sd_event *event, int fd, const HttpOptions *options, HttpServer **ret) {
        _cleanup_(http_server_freep) HttpServer *server = calloc(1, sizeof(*server));
        if (!server) {
                close(fd);
                return -ENOMEM;
        }
        server->options = *options;
        server->event = sd_event_ref(event);
        server->listen_fd = fd;
        int r = request_init(server);
        if (r == 0)
                r = server_start_library(server);
        if (r == 0)
                r = server_watch(server);
        if (r < 0)
                return r;
        *ret = TAKE(server);
        return 0;
}

/* Takes up who has come already, accepts no more, and sends what is queued. Who was accepted and
 * has asked nothing yet is about to: closing would lose a probe that the next process, which has
 * the same listening socket, never sees. */
static void server_drain(HttpServer *server) {
        usec_t end = clock_boottime() + FREE_TIMEOUT;
        server_run(server);
        server_run(server);
        MHD_quiesce_daemon(server->daemon);
        for (usec_t now; server->answering + server->fresh > 0 && (now = clock_boottime()) < end;) {
                struct pollfd wait = {.fd = server->epoll_fd, .events = POLLIN};
                if (poll(&wait, 1, (int)((end - now) / USEC_PER_MSEC)) <= 0)
                        break;
                server_run(server);
        }
}

HttpServer *http_server_free(HttpServer *server) {
        if (!server)
                return NULL;
        sd_event_source_disable_unref(server->io);
        sd_event_source_disable_unref(server->timer);
        if (server->daemon) {
                int fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD)->listen_fd;
                server_drain(server);
                MHD_stop_daemon(server->daemon);
                close(fd); /* quiesced: ours again */
        }
        close(server->listen_fd);
        request_done(server);
        sd_event_unref(server->event);
        free(server);
        return NULL;
}

const char *http_library_version(void) {
        return MHD_get_version();
}
