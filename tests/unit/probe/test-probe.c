/* Probes of peers that answer well, badly, or not at all: each ends in time, once, as what it is.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "asking.h"
#include "pgvigil/base/macros.h"
#include "pgvigil/base/str.h"

#define LOOPBACK "http://127.0.0.1"
#define HEAD_OK  "HTTP/1.1 200 OK\r\n"
#define SHORT    (100 * USEC_PER_MSEC)

static const struct {
        const char *claim;
        Script script;
        int64_t expect_status;
        const char *expect_body;
        usec_t timeout;
        const char *host;
        ProbeResult ends;
} cases[] = {
        {"an answer", {HEAD_OK "Content-Length: 2\r\n\r\nok"}, .ends = {PROBE_OK, PROBE_AT_BODY, 200}},
        {"an answer without a length",
         {HEAD_OK "\r\nok", .closes = true},
         .ends = {PROBE_OK, PROBE_AT_BODY, 200}},
        {"a body that holds the text",
         {HEAD_OK "Content-Length: 11\r\n\r\n{\"up\":true}"},
         .expect_body = "\"up\":true",
         .ends = {PROBE_OK, PROBE_AT_BODY, 200}},
        {"a body that does not",
         {HEAD_OK "Content-Length: 11\r\n\r\n{\"up\":flse}"},
         .expect_body = "\"up\":true",
         .ends = {PROBE_BODY, PROBE_AT_BODY, 200}},
        {"no body where one is expected",
         {HEAD_OK "Content-Length: 0\r\n\r\n"},
         .expect_body = "up",
         .ends = {PROBE_BODY, PROBE_AT_BODY, 200}},
        {"another status",
         {"HTTP/1.1 503 Down\r\nContent-Length: 2\r\n\r\nok"},
         .ends = {PROBE_STATUS, PROBE_AT_BODY, 503}},
        {"another status that is expected",
         {"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"},
         .expect_status = 401,
         .ends = {PROBE_OK, PROBE_AT_BODY, 401}},
        {"a redirect",
         {"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
         .ends = {PROBE_STATUS, PROBE_AT_BODY, 302}},
        {"an upgrade of a hundred, then the answer",
         {"HTTP/1.1 100 Continue\r\n\r\n" HEAD_OK "Content-Length: 2\r\n\r\nok"},
         .ends = {PROBE_OK, PROBE_AT_BODY, 200}},
        {"nobody listens",
         {.is_deaf = true},
         .ends = {PROBE_REFUSED, PROBE_AT_CONNECT, .error = ECONNREFUSED}},
        {"a peer that is mute", {}, .timeout = SHORT, .ends = {PROBE_TIMEOUT, PROBE_AT_ANSWER}},
        {"a body that does not end",
         {HEAD_OK "Content-Length: 20\r\n\r\nonly some"},
         .timeout = SHORT,
         .ends = {PROBE_TIMEOUT, PROBE_AT_BODY, 200}},
        {"headers that do not end",
         {HEAD_OK "X: y\r\n"},
         .timeout = SHORT,
         .ends = {PROBE_TIMEOUT, PROBE_AT_BODY, 200}},
        {"a peer that hangs up", {.hangs_up = true}, .ends = {PROBE_BROKEN, PROBE_AT_ANSWER}},
        {"a peer that closes after the request", {.closes = true}, .ends = {PROBE_BROKEN, PROBE_AT_ANSWER}},
        {"a peer that ends its side", {.halves = true}, .ends = {PROBE_BROKEN, PROBE_AT_ANSWER}},
        {"a body that breaks off",
         {HEAD_OK "Content-Length: 20\r\n\r\nonly some", .closes = true},
         .ends = {PROBE_BROKEN, PROBE_AT_BODY, 200}},
        {"a chunk that breaks off",
         {HEAD_OK "Transfer-Encoding: chunked\r\n\r\n8\r\nonly", .halves = true},
         .ends = {PROBE_BROKEN, PROBE_AT_BODY, 200}},
        {"no HTTP", {"SSH-2.0-OpenSSH_9.2\r\n", .closes = true}, .ends = {PROBE_BROKEN, PROBE_AT_ANSWER}},
        {"no HTTP, and no end", {"220 mail ESMTP\r\n"}, .ends = {PROBE_BROKEN, PROBE_AT_ANSWER}},
        {"a body that never ends",
         {HEAD_OK "\r\n", .more = "0123456789abcdef", .repeats = 64 << 10},
         .ends = {PROBE_OK, PROBE_AT_BODY, 200, .is_cut = true}},
        {"a text beyond what is read",
         {HEAD_OK "\r\n", .more = "0123456789abcdef", .repeats = 64 << 10},
         .expect_body = "up",
         .ends = {PROBE_BODY, PROBE_AT_BODY, 200, .is_cut = true}},
        {"a text within it",
         {HEAD_OK "\r\nup", .more = "0123456789abcdef", .repeats = 64 << 10},
         .expect_body = "up",
         .ends = {PROBE_OK, PROBE_AT_BODY, 200, .is_cut = true}},
        {"a body that is as long as what is read",
         {HEAD_OK "\r\n", .more = "0123456789abcdef", .repeats = PROBE_READ_MAX / 16, .closes = true},
         .ends = {PROBE_OK, PROBE_AT_BODY, 200}},
        {"too many headers",
         {HEAD_OK, .more = "X-Some: header\r\n", .repeats = 8 << 10},
         .ends = {PROBE_TOO_LARGE, PROBE_AT_BODY, 200}},
        {"a header too long",
         {HEAD_OK "X-Some: ", .more = "0123456789abcdef", .repeats = 64 << 10},
         .ends = {PROBE_TOO_LARGE, PROBE_AT_BODY, 200}},
        {"a status line too long",
         {"HTTP/1.1 200 ", .more = "0123456789abcdef", .repeats = 64 << 10},
         .ends = {PROBE_TOO_LARGE, PROBE_AT_ANSWER}},
        {"clear text where TLS is asked for",
         {"HTTP/1.1 400 Bad Request\r\n\r\n", .blurts = true},
         .host = "https://127.0.0.1",
         .ends = {PROBE_TLS, PROBE_AT_CONNECT}},
        {"a peer that hangs up on TLS",
         {.hangs_up = true},
         .host = "https://127.0.0.1",
         .ends = {PROBE_TLS, PROBE_AT_CONNECT}},
        {"TLS with a peer that is mute",
         {},
         .timeout = SHORT,
         .host = "https://127.0.0.1",
         .ends = {PROBE_TIMEOUT, PROBE_AT_CONNECT}},
};

static void run_case(size_t i) {
        ProbeResult wanted = cases[i].ends;
        const ProbeResult *result;
        ProbeRequest request;
        Asking asking;

        asking_start(&asking, cases[i].script);
        request = asking_request(&asking, cases[i].host ? cases[i].host : LOOPBACK, "/health");
        request.expect_body = cases[i].expect_body;
        if (cases[i].expect_status > 0)
                request.expect_status = cases[i].expect_status;
        if (cases[i].timeout > 0)
                request.timeout = cases[i].timeout;

        result = asking_ask(&asking, &request);
        ck_assert_msg(result->end == wanted.end, "%s: ended as %d: %s", cases[i].claim, result->end,
                      result->detail);
        ck_assert_msg(result->step == wanted.step, "%s: at %d", cases[i].claim, result->step);
        ck_assert_msg(result->status == wanted.status, "%s: %d", cases[i].claim, result->status);
        ck_assert_msg(result->is_cut == wanted.is_cut, "%s: cut", cases[i].claim);
        ck_assert_msg(result->error == wanted.error, "%s: %d", cases[i].claim, result->error);
        ck_assert_msg((result->end == PROBE_TLS) == (*result->detail != '\0'), "%s: %s", cases[i].claim,
                      result->detail);
        ck_assert_uint_ge(result->duration, wanted.end == PROBE_TIMEOUT ? SHORT : 1);
        ck_assert_uint_le(asking.accepted, 1);
        asking_stop(&asking);
}

START_TEST(each_peer_is_told_as_what_it_is) {
        for (size_t i = 0; i < ELEMENTS(cases); i++)
                run_case(i);
}
END_TEST

START_TEST(what_is_asked_is_one_get_and_nothing_of_the_environment) {
        ProbeRequest request;
        Asking asking;

        /* A proxy that refuses would fail it. */
        setenv("http_proxy", "http://127.0.0.1:9", 1);
        setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
        asking_start(&asking, (Script){HEAD_OK "Content-Length: 0\r\n\r\n"});
        request = asking_request(&asking, LOOPBACK, "/health?deep=1#part");
        ck_assert_int_eq(asking_ask(&asking, &request)->end, PROBE_OK);
        ck_assert(str_starts_with(buffer_text(&asking.heard),
                                  "GET /health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&asking.heard), "User-Agent: pgvigil/"));
        ck_assert_ptr_null(strstr(buffer_text(&asking.heard), "Authorization"));
        asking_stop(&asking);
}
END_TEST

START_TEST(each_probe_has_a_connection_of_its_own) {
        ProbeRequest request;
        Asking asking;

        asking_start(&asking, (Script){HEAD_OK "Content-Length: 0\r\n\r\n"});
        for (unsigned i = 1; i <= 3; i++) {
                request = asking_request(&asking, LOOPBACK, "/");
                ck_assert_int_eq(asking_ask(&asking, &request)->end, PROBE_OK);
                ck_assert_uint_eq(asking.accepted, i);
        }
        asking_stop(&asking);
}
END_TEST

START_TEST(a_cancelled_probe_tells_nothing_and_leaves_the_others) {
        ProbeRequest request;
        Asking asking;
        Probe *mute;

        asking_start(&asking, (Script){HEAD_OK "Content-Length: 20\r\n\r\nonly some"});
        request = asking_request(&asking, LOOPBACK, "/");
        asking_begin(&asking, &request);
        mute = asking.probe;
        while (asking.heard.length == 0)
                asking_turn(&asking);
        asking.script = (Script){HEAD_OK "Content-Length: 0\r\n\r\n"};
        asking_begin(&asking, &request);
        probe_cancel(mute);
        probe_cancel(NULL);
        ck_assert_int_eq(asking_wait(&asking)->end, PROBE_OK);
        ck_assert_uint_eq(asking.accepted, 2);
        asking_stop(&asking);
}
END_TEST

START_TEST(a_client_that_is_freed_ends_what_is_under_way) {
        ProbeRequest request;
        Asking asking;

        asking_start(&asking, (Script){});
        request = asking_request(&asking, LOOPBACK, "/");
        asking_begin(&asking, &request);
        asking_turn(&asking);
        asking_begin(&asking, &request);
        asking.client = probe_client_free(asking.client);
        asking_turn(&asking);
        ck_assert_uint_eq(asking.ends, 0);
        asking_stop(&asking);
}
END_TEST

START_TEST(a_url_that_is_none_is_refused_at_once) {
        static const char *const urls[] = {"",
                                           "http://",
                                           "http://[::1",
                                           "ftp://127.0.0.1/",
                                           "file:///etc/passwd",
                                           "http://127.0.0.1:99999/",
                                           "http://a b/"};
        Asking asking;

        asking_start(&asking, (Script){});
        for (size_t i = 0; i < ELEMENTS(urls); i++) {
                ProbeRequest request = {.url = urls[i], .expect_status = 200, .timeout = SHORT};
                Probe *probe = NULL;

                ck_assert_msg(probe_start(asking.client, &request, NULL, NULL, &probe) == -EINVAL, "%s",
                              urls[i]);
                ck_assert_ptr_null(probe);
        }
        asking_stop(&asking);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                each_peer_is_told_as_what_it_is,
                what_is_asked_is_one_get_and_nothing_of_the_environment,
                each_probe_has_a_connection_of_its_own,
                a_cancelled_probe_tells_nothing_and_leaves_the_others,
                a_client_that_is_freed_ends_what_is_under_way,
                a_url_that_is_none_is_refused_at_once,
        };
        return unit_run("probe/probe", tests, ELEMENTS(tests));
}
