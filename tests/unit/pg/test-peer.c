/* Peers that are no good servers, on loopback: each attempt ends in time, once, with its cause.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit.h"
#include "driver.h"

/* What a peer does with each connection: waits for some bytes, answers, then closes or is mute. */
typedef struct Script {
        bool listens;      /* first; else it speaks at once */
        const char *bytes; /* NULL: says nothing */
        size_t length;
        const char *flood; /* repeated for as long as it is taken */
        bool closes;
} Script;

#define SAYS(text) .bytes = (text), .length = sizeof(text) - 1

typedef struct Peer {
        int listener, port;
        Script script;
        pthread_t thread;
        char heard[4096];
        size_t n_heard;
        unsigned accepted;
} Peer;

static void peer_serve(Peer *peer, int fd) {
        const Script *script = &peer->script;
        ssize_t n = script->listens ? recv(fd, peer->heard, sizeof peer->heard, 0) : 0;
        if (script->bytes)
                send(fd, script->bytes, script->length, MSG_NOSIGNAL);
        for (size_t sent = 0; script->flood && sent < 30 << 20; sent += 1024)
                if (send(fd, script->flood, 1024, MSG_NOSIGNAL) < 0)
                        break;
        while (!script->closes && n >= 0) {
                if (n > 0)
                        peer->n_heard += (size_t)n;
                n = recv(fd, peer->heard + peer->n_heard, sizeof peer->heard - peer->n_heard, 0);
                if (n <= 0)
                        break;
        }
        close(fd);
}

static void *peer_thread(void *userdata) {
        Peer *peer = userdata;
        for (;;) {
                int fd = accept(peer->listener, NULL, NULL);
                if (fd < 0)
                        return NULL;
                peer->accepted++;
                peer_serve(peer, fd);
        }
}

static int bind_loopback(int *ret_port) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        *ret_port = ntohs(address.sin_port);
        return fd;
}

static void peer_start(Peer *peer, Script script) {
        *peer = (Peer){.script = script};
        peer->listener = bind_loopback(&peer->port);
        ck_assert_int_eq(listen(peer->listener, 8), 0);
        ck_assert_int_eq(pthread_create(&peer->thread, NULL, peer_thread, peer), 0);
}

static void peer_stop(Peer *peer) {
        shutdown(peer->listener, SHUT_RDWR);
        pthread_join(peer->thread, NULL);
        close(peer->listener);
}

static const struct {
        const char *name, *parameters;
        Script script;
        Cause cause;
        const char *sqlstate, *says;
        unsigned timeout_msec;
} peers[] = {
        {"mute", "", {.listens = true}, CAUSE_TIMEOUT, "", "no answer from 127.0.0.1:", 150},
        {"mute from the start", "sslmode=disable", {}, CAUSE_TIMEOUT, "", "no answer from", 150},
        {"http",
         "sslmode=disable",
         {.listens = true, SAYS("HTTP/1.1 400 Bad Request\r\n\r\n"), .closes = true},
         CAUSE_REFUSED,
         "",
         "is no PostgreSQL server",
         10000},
        {"http, tls wanted",
         "sslmode=require",
         {.listens = true, SAYS("HTTP/1.1 400 Bad Request\r\n\r\n"), .closes = true},
         CAUSE_TLS,
         "",
         "sslmode=require",
         10000},
        {"closes", "sslmode=disable", {.listens = true, .closes = true}, CAUSE_REFUSED, "", "closed", 10000},
        {"closes at once", "", {.closes = true}, CAUSE_REFUSED, "", "", 10000},
        {"closes, tls wanted",
         "sslmode=require",
         {.listens = true, .closes = true},
         CAUSE_REFUSED,
         "",
         "closed",
         10000},
        {"no tls", "sslmode=require", {.listens = true, SAYS("N")}, CAUSE_TLS, "", "sslmode=require", 10000},
        {"no certificate to verify with",
         "sslmode=verify-full sslrootcert=/nonexistent",
         {.listens = true, SAYS("S")},
         CAUSE_TLS,
         "",
         "sslmode=verify-full",
         10000},
        {"asks for cleartext although tls is wanted",
         "sslmode=require",
         {.listens = true, SAYS("R\0\0\0\10\0\0\0\3")},
         CAUSE_TLS,
         "",
         "sslmode=require",
         10000},
        {"asks for cleartext, none given",
         "sslmode=disable passfile=/dev/null/none",
         {.listens = true, SAYS("R\0\0\0\10\0\0\0\3")},
         CAUSE_AUTH,
         "",
         "wants a password",
         10000},
        {"rejects",
         "sslmode=disable",
         {.listens = true, SAYS("E\0\0\0\42SFATAL\0VFATAL\0C28P01\0Mhunter\0\0")},
         CAUSE_AUTH,
         "28P01",
         "login rejected for user \"someone\" (28P01)",
         10000},
        {"is starting",
         "sslmode=disable",
         {.listens = true, SAYS("E\0\0\0\42SFATAL\0VFATAL\0C57P03\0Mhunter\0\0")},
         CAUSE_STARTING_UP,
         "57P03",
         "(57P03)",
         10000},
        {"announces a gigabyte",
         "sslmode=disable",
         {.listens = true, SAYS("R\100\0\0\0")},
         CAUSE_REFUSED,
         "",
         "",
         10000},
        {"announces a gigabyte of error",
         "sslmode=disable",
         {.listens = true, SAYS("E\100\0\0\0"), .flood = (const char[1024]){"x"}},
         CAUSE_REFUSED,
         "",
         "",
         10000},
        {"lets in, then is mute",
         "sslmode=disable",
         {.listens = true, SAYS("R\0\0\0\10\0\0\0\0Z\0\0\0\5I")},
         CAUSE_TIMEOUT,
         "",
         "no statement completed",
         700},
        {"lets in, then announces a gigabyte",
         "sslmode=disable",
         {.listens = true, SAYS("R\0\0\0\10\0\0\0\0Z\0\0\0\5ID\100\0\0\0"), .flood = (const char[1024]){"x"}},
         CAUSE_TIMEOUT,
         "",
         "no statement completed",
         700},
        {"lets in, then closes",
         "sslmode=disable",
         {.listens = true, SAYS("R\0\0\0\10\0\0\0\0Z\0\0\0\5I"), .closes = true},
         CAUSE_LOST,
         "",
         "went away",
         10000},
};

static void one_attempt(size_t i) {
        Peer peer;
        Driver driver;
        char conninfo[256];
        peer_start(&peer, peers[i].script);
        snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d user=someone dbname=d %s%s", peer.port,
                 strstr(peers[i].name, "none given") ? "" : "password=hunter ", peers[i].parameters);
        PgOptions options = driver_options(conninfo);
        options.connect_timeout = peers[i].timeout_msec * USEC_PER_MSEC;
        driver_start(&driver, options);
        ck_assert_msg(!driver_connect(&driver), "%s", peers[i].name);
        ck_assert_msg(driver.cause == peers[i].cause, "%s: %d %s", peers[i].name, driver.cause, driver.text);
        ck_assert_str_eq(driver.sqlstate, peers[i].sqlstate);
        ck_assert_msg(strstr(driver.text, peers[i].says), "%s: %s", peers[i].name, driver.text);
        ck_assert_msg(!strstr(driver.text, "hunter"), "%s: %s", peers[i].name, driver.text);
        ck_assert_msg(driver.took < 5 * USEC_PER_SEC, "%s", peers[i].name);
        driver_stop(&driver);
        peer_stop(&peer);
        if (strstr(peers[i].parameters, "require"))
                ck_assert_ptr_null(memmem(peer.heard, sizeof peer.heard, "hunter", 6));
}

START_TEST(d5_d28_every_bad_peer_fails_the_attempt_once_and_in_time) {
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        for (size_t i = 0; i < ELEMENTS(peers); i++)
                one_attempt(i);
        getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__
        ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 64 * 1024); /* kB */
#endif
}
END_TEST

static bool connect_to(Driver *driver, const char *conninfo, usec_t timeout) {
        PgOptions options = driver_options(conninfo);
        options.connect_timeout = timeout;
        driver_start(driver, options);
        return driver_connect(driver);
}

START_TEST(d1_a_refused_port_is_named) {
        Driver driver;
        int port, fd = bind_loopback(&port); /* bound, not listening */
        char conninfo[128], says[128];
        snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d", port);
        snprintf(says, sizeof says, "connection refused by 127.0.0.1:%d", port);
        ck_assert(!connect_to(&driver, conninfo, PATIENCE));
        ck_assert_int_eq(driver.cause, CAUSE_REFUSED);
        ck_assert_str_eq(driver.text, says);
        driver_stop(&driver);
        close(fd);
}
END_TEST

START_TEST(d1_a_missing_socket_is_named) {
        Driver driver;
        ck_assert(!connect_to(&driver, "host=/nonexistent port=5439", PATIENCE));
        ck_assert_int_eq(driver.cause, CAUSE_REFUSED);
        ck_assert_str_eq(driver.text, "no server listens on /nonexistent/.s.PGSQL.5439");
        driver_stop(&driver);
}
END_TEST

START_TEST(the_next_host_is_tried_when_the_first_refuses) {
        Driver driver;
        Peer peer;
        int port, fd = bind_loopback(&port);
        char conninfo[256];
        peer_start(&peer, (Script){.listens = true, SAYS("E\0\0\0\42SFATAL\0VFATAL\0C3D000\0Mhunter\0\0")});
        snprintf(conninfo, sizeof conninfo,
                 "host=127.0.0.1,127.0.0.1,127.0.0.1 port=%d,%d,%d sslmode=disable", port, port, peer.port);
        ck_assert(!connect_to(&driver, conninfo, PATIENCE));
        ck_assert_str_eq(driver.sqlstate, "3D000");
        ck_assert_uint_eq(peer.accepted, 1);
        driver_stop(&driver);
        peer_stop(&peer);
        close(fd);
}
END_TEST

START_TEST(d29_a_host_that_never_answers_hides_the_next_only_once) {
        Driver driver;
        Peer mute, other;
        char conninfo[256];
        peer_start(&mute, (Script){.listens = true});
        peer_start(&other, (Script){.listens = true, SAYS("E\0\0\0\42SFATAL\0VFATAL\0C3D000\0Mhunter\0\0")});
        snprintf(conninfo, sizeof conninfo,
                 "host=localhost,127.0.0.1 hostaddr=127.0.0.1,127.0.0.1 port=%d,%d sslmode=disable",
                 mute.port, other.port);
        ck_assert(!connect_to(&driver, conninfo, 700 * USEC_PER_MSEC));
        ck_assert_int_eq(driver.cause, CAUSE_TIMEOUT);
        ck_assert(!driver_connect(&driver));
        ck_assert_str_eq(driver.sqlstate, "3D000");
        driver_stop(&driver);
        peer_stop(&mute);
        peer_stop(&other);
}
END_TEST

START_TEST(a_name_is_resolved_off_the_loop) {
        Driver driver;
        Peer peer;
        char conninfo[128];
        peer_start(&peer, (Script){.listens = true, SAYS("E\0\0\0\42SFATAL\0VFATAL\0C3D000\0Mhunter\0\0")});
        snprintf(conninfo, sizeof conninfo, "postgres://u@localhost:%d/d?sslmode=disable", peer.port);
        ck_assert(!connect_to(&driver, conninfo, PATIENCE));
        ck_assert_str_eq(driver.text, "database \"d\" does not exist (3D000)");
        driver_stop(&driver);
        peer_stop(&peer);
}
END_TEST

START_TEST(d29_a_name_that_nobody_knows_is_a_failure_of_dns) {
        Driver driver;
        ck_assert(!connect_to(&driver, "host=pgvigil.invalid", 2 * USEC_PER_SEC));
        ck_assert_int_eq(driver.cause, CAUSE_DNS);
        ck_assert_uint_lt(driver.took, 5 * USEC_PER_SEC);
        driver_stop(&driver);
}
END_TEST

START_TEST(d28_a_password_is_refused_before_any_socket_is_opened) {
        Driver driver;
        ck_assert(!connect_to(&driver, "host=192.0.2.1 password=hunter sslmode=prefer", PATIENCE));
        ck_assert_int_eq(driver.cause, CAUSE_TLS);
        ck_assert(strstr(driver.text, "use sslmode=require"));
        ck_assert_uint_lt(driver.took, USEC_PER_SEC);
        driver_stop(&driver);
}
END_TEST

static void must_not_be_called(void *userdata, const PgFailure *failure) {
        ck_abort_msg("called after close");
}

START_TEST(nothing_is_called_after_close_or_free) {
        Driver driver;
        Peer peer;
        char conninfo[128];
        peer_start(&peer, (Script){.closes = true});
        snprintf(conninfo, sizeof conninfo, "host=localhost port=%d", peer.port);
        driver_start(&driver, driver_options(conninfo));
        for (int turns = 0; turns < 4; turns++) {
                ck_assert_int_eq(pg_connection_connect(driver.connection, must_not_be_called, NULL), 0);
                for (int i = 0; i < turns; i++)
                        ck_assert_int_ge(sd_event_run(driver.event, 0), 0);
                pg_connection_close(driver.connection);
                for (int i = 0; i < 10; i++)
                        ck_assert_int_ge(sd_event_run(driver.event, USEC_PER_MSEC), 0);
        }
        ck_assert_int_eq(pg_connection_commit(driver.connection, NULL, NULL), -ENOTCONN);
        ck_assert_int_eq(pg_connection_server_version(driver.connection), 0);
        driver_stop(&driver);
        peer_stop(&peer);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                d5_d28_every_bad_peer_fails_the_attempt_once_and_in_time,
                d1_a_refused_port_is_named,
                d1_a_missing_socket_is_named,
                the_next_host_is_tried_when_the_first_refuses,
                d29_a_host_that_never_answers_hides_the_next_only_once,
                a_name_is_resolved_off_the_loop,
                d29_a_name_that_nobody_knows_is_a_failure_of_dns,
                d28_a_password_is_refused_before_any_socket_is_opened,
                nothing_is_called_after_close_or_free,
        };
        mallopt(M_PERTURB, 0); /* meson's would write to every byte of an announced gigabyte */
        return unit_run("peer", tests, ELEMENTS(tests));
}
