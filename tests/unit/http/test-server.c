/* Server: slow, silent, many, rude and leaving clients; deadlines; the end.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/str.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

#define SHORT_TIMEOUT   (300 * USEC_PER_MSEC)
#define BIG_BODY        90000
#define CONNECTIONS_MAX 64

/* A whole exchange while everything else of the test goes on. */
static void assert_served(Fixture *fixture) {
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        peer_exchange(fixture, LAST("/"), strlen(LAST("/")), &answer);
        ck_assert_msg(str_starts_with(buffer_text(&answer), "HTTP/1.1 200 OK\r\n"), "%s",
                      buffer_text(&answer));
}

/* One answer on a connection that stays open. */
static void assert_answers(Fixture *fixture, int fd) {
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        usec_t end = clock_boottime() + PATIENCE;
        peer_send(fixture, fd, GET("/"), strlen(GET("/")));
        while (!strstr(buffer_text(&answer), "\r\n\r\nhome\n")) {
                ck_assert_msg(peer_receive(fd, &answer) && clock_boottime() < end, "%s",
                              buffer_text(&answer));
                fixture_turn(fixture);
        }
}

START_TEST(h1_slow_client_is_cut_at_the_deadline_while_others_are_served) {
        static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ";
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){.max_connections = 64, .request_timeout = SHORT_TIMEOUT});
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        usec_t start = clock_boottime(), sent_at = 0;
        int slow = peer_connect(&fixture);
        for (size_t i = 0; peer_receive(slow, &answer);) {
                usec_t now = clock_boottime();
                if (now - sent_at >= 5 * USEC_PER_MSEC) {
                        peer_send(&fixture, slow, i < strlen(head) ? head + i : "x", 1);
                        i++;
                        sent_at = now;
                }
                assert_served(&fixture);
                ck_assert_msg(now < start + PATIENCE, "a byte at a time keeps the connection open");
        }
        ck_assert_uint_ge(clock_boottime() - start, SHORT_TIMEOUT);
        ck_assert_uint_eq(answer.length, 0);
        close(slow);
        fixture_stop(&fixture);
}
END_TEST

START_TEST(silent_clients_are_cut_before_and_after_an_answer) {
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){.max_connections = 64, .request_timeout = SHORT_TIMEOUT});
        _cleanup_(buffer_done) Buffer nothing = BUFFER_NULL;
        int mute = peer_connect(&fixture), satisfied = peer_connect(&fixture);
        assert_answers(&fixture, satisfied);
        peer_read_to_end(&fixture, mute, &nothing);
        peer_read_to_end(&fixture, satisfied, &nothing);
        ck_assert_uint_eq(nothing.length, 0);
        close(mute);
        close(satisfied);
        fixture_stop(&fixture);
}
END_TEST

START_TEST(each_answer_starts_the_deadline_anew) {
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){.max_connections = 64, .request_timeout = SHORT_TIMEOUT});
        int fd = peer_connect(&fixture);
        usec_t end = clock_boottime() + 4 * SHORT_TIMEOUT;
        unsigned answers = 0;
        for (; clock_boottime() < end; answers++)
                assert_answers(&fixture, fd);
        ck_assert_uint_eq(fixture.handled, answers);
        close(fd);
        fixture_stop(&fixture);
}
END_TEST

/* After the burst nothing wakes the server but the new client: neither the timer nor any waiting
 * helps, so a server that stopped listening at its limit is found out. */
START_TEST(h2_burst_then_silence_leaves_the_server_listening) {
        static const unsigned bursts[] = {CONNECTIONS_MAX, CONNECTIONS_MAX + 1, 3 * CONNECTIONS_MAX};
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){.max_connections = CONNECTIONS_MAX,
                                              .request_timeout = 60 * USEC_PER_SEC});
        for (size_t i = 0; i < ELEMENTS(bursts); i++) {
                int burst[3 * CONNECTIONS_MAX];
                for (unsigned k = 0; k < bursts[i]; k++)
                        burst[k] = peer_connect(&fixture);
                fixture_settle(&fixture);
                for (unsigned k = 0; k < bursts[i]; k++)
                        close(burst[k]);
                fixture_settle(&fixture);
                _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
                int fd = peer_connect(&fixture);
                peer_send(&fixture, fd, LAST("/"), strlen(LAST("/")));
                fixture_settle(&fixture);
                peer_receive(fd, &answer);
                ck_assert_msg(strstr(buffer_text(&answer), "\r\n\r\nhome\n"), "after %u: %s", bursts[i],
                              buffer_text(&answer));
                close(fd);
        }
        fixture_stop(&fixture);
}
END_TEST

START_TEST(clients_beyond_the_limit_wait_and_are_served_later) {
        int fds[CONNECTIONS_MAX + 8];
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){.max_connections = CONNECTIONS_MAX,
                                              .request_timeout = 60 * USEC_PER_SEC});
        for (size_t i = 0; i < ELEMENTS(fds); i++) {
                fds[i] = peer_connect(&fixture);
                peer_send(&fixture, fds[i], GET("/"), strlen(GET("/")));
        }
        fixture_settle(&fixture);
        ck_assert_uint_eq(fixture.handled, CONNECTIONS_MAX);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                close(fds[i]);
        for (usec_t end = clock_boottime() + PATIENCE; fixture.handled < ELEMENTS(fds);) {
                fixture_turn(&fixture);
                ck_assert_msg(clock_boottime() < end, "%u answered", fixture.handled);
        }
        for (size_t i = CONNECTIONS_MAX; i < ELEMENTS(fds); i++)
                close(fds[i]);
        fixture_stop(&fixture);
}
END_TEST

START_TEST(h7_fifty_pipelined_requests_are_answered_in_order) {
        _cleanup_(buffer_done) Buffer requests = BUFFER_NULL, answers = BUFFER_NULL;
        for (unsigned i = 1; i <= 50; i++)
                buffer_printf(&requests, "GET /echo?a=%u HTTP/1.1\r\nHost: a\r\n%s\r\n", i,
                              i == 50 ? "Connection: close\r\n" : "");
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        peer_exchange(&fixture, requests.data, requests.length, &answers);
        const char *rest = buffer_text(&answers);
        for (unsigned i = 1; i <= 50; i++) {
                _cleanup_(buffer_done) Buffer value = BUFFER_NULL;
                buffer_printf(&value, "[a](%u)\n", i);
                const char *next = strstr(rest, "[a](");
                ck_assert_msg(next && str_starts_with(next, buffer_text(&value)), "answer %u: %s", i, rest);
                rest = next + 1;
        }
        ck_assert_ptr_null(strstr(rest, "HTTP/1.1"));
        fixture_stop(&fixture);
}
END_TEST

static unsigned long content_length(const Buffer *answer) {
        static const char name[] = "\r\nContent-Length: ";
        const char *found = strstr(buffer_text(answer), name);
        ck_assert_msg(found, "%s", buffer_text(answer));
        return strtoul(found + strlen(name), NULL, 10);
}

START_TEST(h7_head_has_the_length_of_get_and_no_body) {
        static const char head_request[] = "HEAD /big HTTP/1.0\r\n\r\n";
        static const char get_request[] = "GET /big HTTP/1.0\r\n\r\n";
        _cleanup_(buffer_done) Buffer head = BUFFER_NULL, get = BUFFER_NULL;
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        peer_exchange(&fixture, head_request, strlen(head_request), &head);
        peer_exchange(&fixture, get_request, strlen(get_request), &get);
        ck_assert_uint_eq(content_length(&head), BIG_BODY);
        ck_assert_uint_eq(content_length(&get), BIG_BODY);
        ck_assert_uint_eq(get.length, head.length + BIG_BODY);
        ck_assert_int_eq(memcmp(get.data, head.data, head.length), 0);
        fixture_stop(&fixture);
}
END_TEST

/* More answers than any socket buffer takes. */
static int ask_and_never_read(Fixture *fixture) {
        int fd = peer_connect(fixture);
        for (unsigned i = 0; i < 400; i++)
                (void)!send(fd, GET("/big"), strlen(GET("/big")), MSG_NOSIGNAL | MSG_DONTWAIT);
        return fd;
}

START_TEST(h13_client_that_never_reads_stops_nobody_and_is_cut) {
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){.max_connections = 64, .request_timeout = SHORT_TIMEOUT});
        unsigned before = count_fds();
        int fd = ask_and_never_read(&fixture);
        usec_t end = clock_boottime() + PATIENCE;
        do {
                assert_served(&fixture);
                fixture_turn(&fixture);
                ck_assert_msg(clock_boottime() < end, "it is still connected");
        } while (count_fds() > before + 1);
        close(fd);
        fixture_stop(&fixture);
}
END_TEST

static void leave(int fd, bool resets) {
        const struct linger now = {.l_onoff = resets, .l_linger = 0};
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
        close(fd);
}

/* Leaves before, within and after a request, and amid a large answer. */
static void leave_everywhere(Fixture *fixture) {
        static const char *const starts[] = {"", "GET / HT", GET("/"), GET("/big") GET("/big") GET("/big")};
        for (size_t i = 0; i < ELEMENTS(starts); i++)
                for (unsigned way = 0; way < 4; way++) {
                        int fd = peer_connect(fixture);
                        peer_send(fixture, fd, starts[i], strlen(starts[i]));
                        if (way & 1)
                                fixture_settle(fixture);
                        leave(fd, way & 2);
                        fixture_settle(fixture);
                }
        leave(ask_and_never_read(fixture), true);
        leave(ask_and_never_read(fixture), false);
        fixture_settle(fixture);
}

START_TEST(h13_clients_that_leave_are_taken_quietly) {
        int quiet = memfd_create("stderr", MFD_CLOEXEC), saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        ck_assert_int_ge(quiet, 0);
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){.max_connections = 64, .request_timeout = SHORT_TIMEOUT});
        unsigned before = count_fds();
        dup2(quiet, STDERR_FILENO);
        leave_everywhere(&fixture);
        assert_served(&fixture);
        usec_t end = clock_boottime() + PATIENCE;
        while (count_fds() > before && clock_boottime() < end)
                fixture_turn(&fixture);
        dup2(saved, STDERR_FILENO);
        ck_assert_int_eq(lseek(quiet, 0, SEEK_END), 0);
        ck_assert_uint_eq(count_fds(), before);
        fixture_stop(&fixture);
        close(quiet);
        close(saved);
}
END_TEST

/* libmicrohttpd 0.9.75 does not hear the half close when it comes with the request: the deadline
 * takes the connection, not before the whole answer is out. */
START_TEST(h13_half_closed_client_is_answered_and_cut) {
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){.max_connections = 64, .request_timeout = SHORT_TIMEOUT});
        int fd = peer_connect(&fixture);
        peer_send(&fixture, fd, GET("/big"), strlen(GET("/big")));
        shutdown(fd, SHUT_WR);
        peer_read_to_end(&fixture, fd, &answer);
        ck_assert_uint_gt(answer.length, BIG_BODY);
        close(fd);
        fixture_stop(&fixture);
}
END_TEST

START_TEST(descriptors_are_back_after_500_connections) {
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        assert_served(&fixture);
        fixture_settle(&fixture);
        unsigned before = count_fds();
        for (unsigned i = 0; i < 500; i++)
                assert_served(&fixture);
        fixture_settle(&fixture);
        ck_assert_uint_eq(count_fds(), before);
        ck_assert_uint_eq(fixture.handled, 501);
        fixture_stop(&fixture);
        ck_assert_uint_lt(count_fds(), before);
}
END_TEST

START_TEST(many_requests_use_one_connection) {
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        int fd = peer_connect(&fixture);
        for (unsigned i = 0; i < 100; i++)
                assert_answers(&fixture, fd);
        ck_assert_uint_eq(fixture.handled, 100);
        close(fd);
        fixture_stop(&fixture);
}
END_TEST

START_TEST(free_sends_what_is_asked_and_is_quick) {
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        int idle = peer_connect(&fixture), asking = peer_connect(&fixture);
        int unread = ask_and_never_read(&fixture);
        fixture_settle(&fixture);
        peer_send(&fixture, asking, GET("/"), strlen(GET("/")));
        usec_t start = clock_boottime();
        fixture.server = http_server_free(fixture.server);
        ck_assert_uint_lt(clock_boottime() - start, 5 * USEC_PER_SEC);
        ck_assert(!peer_receive(asking, &answer));
        ck_assert_msg(strstr(buffer_text(&answer), "\r\n\r\nhome\n"), "%s", buffer_text(&answer));
        buffer_clear(&answer);
        ck_assert(!peer_receive(idle, &answer));
        ck_assert_uint_eq(answer.length, 0);
        close(idle);
        close(asking);
        close(unread);
        fixture_stop(&fixture);
}
END_TEST

START_TEST(body_outlives_its_owner_while_it_is_sent) {
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        int fd = peer_connect(&fixture);
        for (unsigned i = 0; i < 99; i++)
                peer_send(&fixture, fd, GET("/big"), strlen(GET("/big")));
        peer_send(&fixture, fd, LAST("/"), strlen(LAST("/")));
        fixture_settle(&fixture);
        fixture.big = http_body_unref(fixture.big);
        fixture.big = http_body_ref(fixture.nothing);
        peer_read_to_end(&fixture, fd, &answer);
        ck_assert_msg(strstr(buffer_text(&answer), "\n000008999\nHTTP/1.1 200 OK\r\n"), "cut short");
        close(fd);
        fixture_stop(&fixture);
}
END_TEST

START_TEST(socket_that_does_not_listen_is_refused_and_closed) {
        const HttpOptions options = {FIXTURE_OPTIONS};
        sd_event *event = NULL;
        HttpServer *server = NULL;
        ck_assert_int_ge(sd_event_new(&event), 0);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(http_server_new(event, fd, &options, &server), -EINVAL);
        ck_assert_ptr_null(server);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
        sd_event_unref(event);
}
END_TEST

START_TEST(idle_server_turns_twice_a_second_and_no_more) {
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        fixture_settle(&fixture);
        int fd = peer_connect(&fixture);
        assert_answers(&fixture, fd);
        fixture_settle(&fixture);
        unsigned turns = 0;
        for (usec_t end = clock_boottime() + USEC_PER_SEC; clock_boottime() < end;)
                turns += sd_event_run(fixture.event, 100 * USEC_PER_MSEC) > 0;
        ck_assert_uint_ge(turns, 1);
        ck_assert_uint_le(turns, 4);
        close(fd);
        fixture_stop(&fixture);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                h1_slow_client_is_cut_at_the_deadline_while_others_are_served,
                silent_clients_are_cut_before_and_after_an_answer,
                each_answer_starts_the_deadline_anew,
                h2_burst_then_silence_leaves_the_server_listening,
                clients_beyond_the_limit_wait_and_are_served_later,
                h7_fifty_pipelined_requests_are_answered_in_order,
                h7_head_has_the_length_of_get_and_no_body,
                h13_client_that_never_reads_stops_nobody_and_is_cut,
                h13_clients_that_leave_are_taken_quietly,
                h13_half_closed_client_is_answered_and_cut,
                descriptors_are_back_after_500_connections,
                many_requests_use_one_connection,
                free_sends_what_is_asked_and_is_quick,
                body_outlives_its_owner_while_it_is_sent,
                socket_that_does_not_listen_is_refused_and_closed,
                idle_server_turns_twice_a_second_and_no_more,
        };
        return run_suite("server", tests, ELEMENTS(tests));
}
