/* Client: requests over a unix socket, against the real server and against bad ones.
 *
 * The client blocks, so it runs on a thread of its own while the test turns the server's loop.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/str.h"

static char directory[] = "/tmp/pgvigil-client-XXXXXX";
static char *path, *address;

static void enter_directory(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        path = str_format("%s/socket", directory);
        address = str_format("unix:%s", path);
}

static void leave_directory(void) {
        unlink(path);
        ck_assert_int_eq(rmdir(directory), 0);
        free(path);
        free(address);
}

typedef struct Call {
        const char *method, *target;
        usec_t timeout;
        Buffer body;
        int result;
        atomic_bool is_done;
        pthread_t thread;
} Call;

static void *call_run(void *data) {
        Call *call = data;
        call->result = http_unix_request(path, call->method, call->target, call->timeout, &call->body);
        atomic_store(&call->is_done, true);
        return NULL;
}

static void call_start(Call *call, const char *method, const char *target) {
        *call = (Call){.method = method, .target = target, .timeout = PATIENCE};
        ck_assert_int_eq(pthread_create(&call->thread, NULL, call_run, call), 0);
}

static const struct {
        const char *method, *target;
        int result;
        const char *body;
} requests[] = {
        {"GET", "/", 200, "home\n"},
        {"GET", "/unknown", 404, "nothing\n"},
        {"GET", "/fail", 500, "{\"error\":\"internal error\"}\n"},
        {"POST", "/", 200, "home\n"},
        {"POST", "/echo?a=1", 200, "POST /echo gzip=0 openmetrics=0 auth=-\n[a](1)\n"},
        {"PUT", "/", 405, "{\"error\":\"method not allowed\"}\n"},
};

START_TEST(answers_of_the_server_come_whole) {
        int fd = -1;
        ck_assert_int_eq(http_listen(address, &fd), 0);
        Fixture fixture;
        fixture_start_on(&fixture, fd, (HttpOptions){FIXTURE_OPTIONS, .allow_post = true});
        for (size_t i = 0; i < ELEMENTS(requests); i++) {
                Call call;
                call_start(&call, requests[i].method, requests[i].target);
                while (!atomic_load(&call.is_done))
                        fixture_turn(&fixture);
                pthread_join(call.thread, NULL);
                ck_assert_int_eq(call.result, requests[i].result);
                ck_assert_str_eq(buffer_text(&call.body), requests[i].body);
                buffer_done(&call.body);
        }
        fixture_stop(&fixture);
}
END_TEST

START_TEST(large_answers_come_whole) {
        int fd = -1;
        ck_assert_int_eq(http_listen(address, &fd), 0);
        Fixture fixture;
        fixture_start_on(&fixture, fd, (HttpOptions){FIXTURE_OPTIONS});
        Call call;
        call_start(&call, "GET", "/big");
        while (!atomic_load(&call.is_done))
                fixture_turn(&fixture);
        pthread_join(call.thread, NULL);
        ck_assert_int_eq(call.result, 200);
        ck_assert_uint_eq(call.body.length, 90000);
        buffer_done(&call.body);
        fixture_stop(&fixture);
}
END_TEST

/* What a peer that is not our server may say before it closes. */
static const struct {
        const char *answer;
        int result;
} answers[] = {
        {"", -EBADMSG},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200},
        {"HTTP/1.1 503 No\r\ncontent-length:0\r\n\r\n", 503},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", -EBADMSG},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", -EBADMSG},
        {"HTTP/1.1 200 OK\r\n\r\nok\r\nContent-Length: 2", -EBADMSG},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", -EBADMSG},
        {"HTTP/1.1 999 ?\r\nContent-Length: 0\r\n\r\n", -EBADMSG},
        {"HTTP/1.1 \r\nContent-Length: 0\r\n\r\n", -EBADMSG},
        {"SSH-2.0-OpenSSH\r\n", -EBADMSG},
};

static void say_and_close(int listening, const char *answer) {
        int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        char request[512];
        ck_assert_int_gt(recv(fd, request, sizeof(request), 0), 0);
        ck_assert_int_eq(send(fd, answer, strlen(answer), MSG_NOSIGNAL), (ssize_t)strlen(answer));
        close(fd);
}

START_TEST(half_an_answer_is_an_error) {
        int listening = -1;
        ck_assert_int_eq(http_listen(address, &listening), 0);
        ck_assert_int_ge(fcntl(listening, F_SETFL, 0), 0); /* accept() waits */
        for (size_t i = 0; i < ELEMENTS(answers); i++) {
                Call call;
                call_start(&call, "GET", "/");
                say_and_close(listening, answers[i].answer);
                pthread_join(call.thread, NULL);
                ck_assert_msg(call.result == answers[i].result, "%s: %d", answers[i].answer, call.result);
                buffer_done(&call.body);
        }
        close(listening);
}
END_TEST

START_TEST(mute_server_ends_at_the_deadline) {
        int listening = -1;
        ck_assert_int_eq(http_listen(address, &listening), 0);
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        usec_t start = clock_boottime();
        ck_assert_int_eq(http_unix_request(path, "GET", "/", 200 * USEC_PER_MSEC, &body), -ETIMEDOUT);
        ck_assert_uint_ge(clock_boottime() - start, 200 * USEC_PER_MSEC);
        close(listening);
}
END_TEST

START_TEST(nobody_listening_is_said_at_once) {
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        ck_assert_int_eq(http_unix_request(path, "GET", "/", PATIENCE, &body), -ENOENT);
        int listening = -1;
        ck_assert_int_eq(http_listen(address, &listening), 0);
        close(listening);
        ck_assert_int_eq(http_unix_request(path, "GET", "/", PATIENCE, &body), -ECONNREFUSED);
}
END_TEST

START_TEST(requests_cannot_be_split_by_their_target) {
        static const char *const targets[] = {"", "x", "/a b", "/a\r\nX: y", "/a\n"};
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        for (size_t i = 0; i < ELEMENTS(targets); i++)
                ck_assert_int_eq(http_unix_request(path, "GET", targets[i], PATIENCE, &body), -EINVAL);
        ck_assert_int_eq(http_unix_request(path, "GET /x", "/", PATIENCE, &body), -EINVAL);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                answers_of_the_server_come_whole, large_answers_come_whole,
                half_an_answer_is_an_error,       mute_server_ends_at_the_deadline,
                nobody_listening_is_said_at_once, requests_cannot_be_split_by_their_target,
        };
        return run_suite_with("client", tests, ELEMENTS(tests), enter_directory, leave_directory);
}
