/* Peer: a server in the test's own loop, and raw clients beside it in the same thread.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "peer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pgvigil/base/clock.h"
#include "pgvigil/base/str.h"

static HttpBody *body_of(Buffer *bytes) {
        HttpBody *body = NULL;
        ck_assert_int_eq(http_body_new(bytes, "text/plain", NULL, NULL, &body), 0);
        return body;
}

static HttpBody *body_text(const char *text) {
        Buffer bytes = BUFFER_NULL;
        buffer_add(&bytes, text);
        return body_of(&bytes);
}

static HttpBody *body_big(void) {
        Buffer bytes = BUFFER_NULL;
        for (unsigned i = 0; i < 9000; i++)
                buffer_printf(&bytes, "%09u\n", i);
        return body_of(&bytes);
}

static HttpBody *body_echo(const HttpRequest *request) {
        Buffer text = BUFFER_NULL;
        buffer_printf(&text, "%s %s gzip=%d openmetrics=%d auth=%s\n", request->method, request->path,
                      request->accepts_gzip, request->accepts_openmetrics,
                      request->authorization ? request->authorization : "-");
        const char *key;
        for (size_t i = 0; (key = http_request_query_key(request, i)); i++)
                buffer_printf(&text, "[%s]", key);
        const char *value;
        for (size_t i = 0; (value = http_request_query(request, "a", i)); i++)
                buffer_printf(&text, "(%s)", value);
        buffer_add_char(&text, '\n');
        return body_of(&text);
}

static int on_request(void *userdata, const HttpRequest *request, unsigned *ret_code, HttpBody **ret_body) {
        Fixture *fixture = userdata;
        fixture->handled++;
        if (str_equal(request->path, "/fail"))
                return -EIO;
        *ret_code = 200;
        if (str_equal(request->path, "/") || str_equal(request->path, "/last"))
                *ret_body = http_body_ref(fixture->home);
        else if (str_equal(request->path, "/big"))
                *ret_body = http_body_ref(fixture->big);
        else if (str_equal(request->path, "/echo"))
                *ret_body = body_echo(request);
        else {
                *ret_code = 404;
                *ret_body = http_body_ref(fixture->nothing);
        }
        return 0;
}

void fixture_start_on(Fixture *fixture, int fd, HttpOptions options) {
        *fixture = (Fixture){
                .home = body_text("home\n"),
                .nothing = body_text("nothing\n"),
                .big = body_big(),
        };
        ck_assert_int_ge(sd_event_new(&fixture->event), 0);
        struct sockaddr_in address = {};
        socklen_t size = sizeof(address);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        fixture->port = ntohs(address.sin_port);
        options.handler = on_request;
        options.userdata = fixture;
        ck_assert_int_eq(http_server_new(fixture->event, fd, &options, &fixture->server), 0);
}

void fixture_start(Fixture *fixture, HttpOptions options) {
        int fd = -1;
        ck_assert_int_eq(http_listen("127.0.0.1:0", &fd), 0);
        fixture_start_on(fixture, fd, options);
}

void fixture_stop(Fixture *fixture) {
        fixture->server = http_server_free(fixture->server);
        http_body_unref(fixture->home);
        http_body_unref(fixture->nothing);
        http_body_unref(fixture->big);
        sd_event_unref(fixture->event);
}

void fixture_turn(Fixture *fixture) {
        ck_assert_int_ge(sd_event_run(fixture->event, 5 * USEC_PER_MSEC), 0);
}

void fixture_settle(Fixture *fixture) {
        int r;
        while ((r = sd_event_run(fixture->event, 0)) > 0)
                ;
        ck_assert_int_eq(r, 0);
}

int peer_connect(const Fixture *fixture) {
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t)fixture->port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(fd, 0);
        int r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
        ck_assert(r == 0 || errno == EINPROGRESS);
        return fd;
}

void peer_send(Fixture *fixture, int fd, const void *bytes, size_t length) {
        usec_t end = clock_boottime() + PATIENCE;
        for (size_t sent = 0; sent < length;) {
                ssize_t n = send(fd, (const char *)bytes + sent, length - sent, MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN)
                        return; /* closed by the server: the answer tells */
                sent += n > 0 ? (size_t)n : 0;
                if (n < 0)
                        fixture_turn(fixture);
                ck_assert(clock_boottime() < end);
        }
}

bool peer_receive(int fd, Buffer *out) {
        for (char chunk[16 * 1024];;) {
                ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
                if (n <= 0)
                        return n < 0 && errno == EAGAIN;
                buffer_append(out, chunk, (size_t)n);
        }
}

void peer_read_to_end(Fixture *fixture, int fd, Buffer *out) {
        usec_t end = clock_boottime() + PATIENCE;
        while (peer_receive(fd, out)) {
                ck_assert_msg(clock_boottime() < end, "still open, got: %.300s", buffer_text(out));
                fixture_turn(fixture);
        }
}

void peer_read(Fixture *fixture, int fd, size_t length, Buffer *out) {
        usec_t end = clock_boottime() + PATIENCE;
        while (out->length < length && peer_receive(fd, out) && out->length < length) {
                ck_assert_msg(clock_boottime() < end, "too little: %.300s", buffer_text(out));
                fixture_turn(fixture);
        }
        ck_assert_uint_ge(out->length, length);
}

void peer_exchange(Fixture *fixture, const void *bytes, size_t length, Buffer *out) {
        int fd = peer_connect(fixture);
        peer_send(fixture, fd, bytes, length);
        peer_read_to_end(fixture, fd, out);
        close(fd);
}

void mask_dates(Buffer *answer) {
        static const char date[] = "\r\nDate: ";
        _cleanup_(buffer_done) Buffer masked = BUFFER_NULL;
        const char *rest = buffer_text(answer);
        for (const char *found; (found = strstr(rest, date));) {
                buffer_append(&masked, rest, (size_t)(found - rest));
                buffer_add(&masked, "\r\nDate: *");
                rest = strstr(found + 2, "\r\n");
                ck_assert_ptr_nonnull(rest);
        }
        buffer_add(&masked, rest);
        buffer_clear(answer);
        buffer_append(answer, buffer_text(&masked), masked.length);
}

unsigned count_fds(void) {
        DIR *directory = opendir("/proc/self/fd");
        ck_assert_ptr_nonnull(directory);
        unsigned count = 0;
        while (readdir(directory))
                count++;
        closedir(directory);
        return count;
}

int run_suite(const char *name, const TTest *const *tests, size_t n) {
        return run_suite_with(name, tests, n, NULL, NULL);
}

int run_suite_with(const char *name, const TTest *const *tests, size_t n, SFun before, SFun after) {
        Suite *suite = suite_create(name);
        TCase *tcase = tcase_create(name);
        tcase_set_timeout(tcase, 100);
        tcase_add_checked_fixture(tcase, before, after);
        for (size_t i = 0; i < n; i++)
                tcase_add_test(tcase, tests[i]);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
