/* Peer: a server in the test's own loop, and raw clients beside it in the same thread.
 *
 * Nothing here sleeps: the loop turns until a condition holds, or a wide deadline fails the test.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "pgvigil/http.h"

#define PATIENCE (20 * USEC_PER_SEC)

/* Paths of its handler: "/" and "/last" say "home\n", "/big" 90,000 bytes, "/echo" tells the
 * request back, "/fail" fails, anything else is 404 "nothing\n". */
typedef struct Fixture {
        sd_event *event;
        HttpServer *server;
        int port;
        unsigned handled; /* requests the handler saw */
        HttpBody *home, *big, *nothing;
} Fixture;

#define FIXTURE_OPTIONS .max_connections = 64, .request_timeout = 10 * USEC_PER_SEC

/* Handler and userdata of the options are filled in. */
void fixture_start(Fixture *fixture, HttpOptions options);
void fixture_start_on(Fixture *fixture, int fd, HttpOptions options);
void fixture_stop(Fixture *fixture);

/* One turn of the loop, waiting 5 ms at most. */
void fixture_turn(Fixture *fixture);

/* Turns while anything is ready, without waiting. */
void fixture_settle(Fixture *fixture);

int peer_connect(const Fixture *fixture); /* non-blocking */
void peer_send(Fixture *fixture, int fd, const void *bytes, size_t length);

/* What there is to read goes to `out`; false once the server has closed or reset. */
bool peer_receive(int fd, Buffer *out);

/* Turns until the server closes, until `length` bytes are there; fails after PATIENCE. */
void peer_read_to_end(Fixture *fixture, int fd, Buffer *out);
void peer_read(Fixture *fixture, int fd, size_t length, Buffer *out);

/* Sends and reads to the end on a connection of its own. */
void peer_exchange(Fixture *fixture, const void *bytes, size_t length, Buffer *out);

/* Replaces the value of each Date header by "*". */
void mask_dates(Buffer *answer);

/* Descriptors this process has open. */
unsigned count_fds(void);

/* Run all tests of a file; the exit status for main(). */
int run_suite(const char *name, const TTest *const *tests, size_t n);
int run_suite_with(const char *name, const TTest *const *tests, size_t n, SFun before, SFun after);
