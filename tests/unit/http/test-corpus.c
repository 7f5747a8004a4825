/* Corpus: raw request bytes in, the whole answer out, byte for byte (dates masked).
 *
 * Behind each request stands a second, good one on the same connection, which asks for the
 * close. Where the first answer leaves the connection open, the second answer follows; where it
 * closes, nothing may follow, whatever the bytes would mean to another parser. Each case is sent
 * at once, and again a byte at a time.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>
#include <unistd.h>

#include "peer.h"
#include "pgvigil/base/str.h"

#define SECOND "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

#define ANSWER(status, connection, type, extra, length, body)                                                \
        "HTTP/1.1 " status "\r\nDate: *\r\n" connection "Content-Type: " type "\r\n"                         \
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n" extra "Content-Length: " length     \
        "\r\n\r\n" body

#define CLOSE "Connection: close\r\n"
#define ALLOW "Allow: GET, HEAD, OPTIONS\r\n"
#define HOME  ANSWER("200 OK", "", "text/plain", "", "5", "home\n")
#define LAST  ANSWER("200 OK", CLOSE, "text/plain", "", "5", "home\n")
#define REFUSED(status, extra, length, text)                                                                 \
        ANSWER(status, CLOSE, "application/json", extra, length, "{\"error\":\"" text "\"}\n")
#define BAD(length, text) REFUSED("400 Bad Request", "", length, text)
#define NO_METHOD         REFUSED("405 Method Not Allowed", ALLOW, "31", "method not allowed")
#define NO_CODING         BAD("45", "no Transfer-Encoding is accepted")
#define NO_BODY           BAD("32", "no body is accepted")
#define NO_LENGTHS        BAD("41", "more than one Content-Length")
#define NO_HOST           BAD("39", "exactly one Host is needed")
#define NO_BLANK          BAD("42", "a header's name holds a blank")
#define NOT_FOUND         ANSWER("404 Not Found", "", "text/plain", "", "8", "nothing\n")
#define NO_ESCAPES        ANSWER("404 Not Found", "", "application/json", "", "22", "{\"error\":\"not found\"}\n")

typedef struct Case {
        const char *name, *request;
        size_t length;
        const char *answer;
} Case;

#define CASE(name, request, answer)                                                                          \
        { name, request, sizeof(request) - 1, answer }

static void assert_answer(const Case *c, Buffer *answer, const char *way) {
        mask_dates(answer);
        ck_assert_msg(str_equal(buffer_text(answer), c->answer), "%s (%s):\n%s\nexpected:\n%s", c->name, way,
                      buffer_text(answer), c->answer);
}

static void check_at_once(Fixture *fixture, const Case *c) {
        _cleanup_(buffer_done) Buffer bytes = BUFFER_NULL, answer = BUFFER_NULL;
        buffer_append(&bytes, c->request, c->length);
        buffer_add(&bytes, SECOND);
        peer_exchange(fixture, bytes.data, bytes.length, &answer);
        assert_answer(c, &answer, "at once");
}

static void check_by_bytes(Fixture *fixture, const Case *c) {
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        int fd = peer_connect(fixture);
        bool is_open = true;
        for (size_t i = 0; i < c->length && is_open; i++) {
                peer_send(fixture, fd, c->request + i, 1);
                fixture_settle(fixture);
                is_open = peer_receive(fd, &answer);
        }
        peer_send(fixture, fd, SECOND, strlen(SECOND));
        peer_read_to_end(fixture, fd, &answer);
        close(fd);
        assert_answer(c, &answer, "by bytes");
}

static void check_cases(const Case *cases, size_t n, HttpOptions options) {
        Fixture fixture;
        fixture_start(&fixture, options);
        for (size_t i = 0; i < n; i++) {
                check_at_once(&fixture, &cases[i]);
                check_by_bytes(&fixture, &cases[i]);
        }
        fixture_stop(&fixture);
}

static const Case accepted[] = {
        CASE("GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", HOME LAST),
        CASE("HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
             ANSWER("200 OK", "", "text/plain", "", "5", "") LAST),
        CASE("OPTIONS", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
             ANSWER("200 OK", "", "text/plain", ALLOW, "5", "home\n") LAST),
        CASE("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", LAST),
        CASE("HAProxy's default probe", "OPTIONS / HTTP/1.0\r\n\r\n",
             ANSWER("200 OK", CLOSE, "text/plain", ALLOW, "5", "home\n")),
        CASE("HTTP/1.0 that keeps alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
             ANSWER("200 OK", "Connection: Keep-Alive\r\n", "text/plain", "", "5", "home\n") LAST),
        CASE("close on request", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", LAST),
        CASE("Content-Length: 0", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", HOME LAST),
        CASE("bare LF", "GET / HTTP/1.1\nHost: a\n\n", HOME LAST),
        CASE("folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n  c\r\n\r\n", HOME LAST),
        CASE("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", HOME LAST),
        CASE("leading CRLF", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HOME LAST),
        CASE("raw NUL ends the path", "GET /last\0y HTTP/1.1\r\nHost: a\r\n\r\n", HOME LAST),
        CASE("query is no path", "GET /?a=%2e&b HTTP/1.1\r\nHost: a\r\n\r\n", HOME LAST),
};

static const Case unknown_paths[] = {
        CASE("unknown", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", NOT_FOUND LAST),
        CASE("HEAD of unknown", "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
             ANSWER("404 Not Found", "", "text/plain", "", "8", "") LAST),
        CASE("double slash", "GET //last HTTP/1.1\r\nHost: a\r\n\r\n", NOT_FOUND LAST),
        CASE("trailing slash", "GET /last/ HTTP/1.1\r\nHost: a\r\n\r\n", NOT_FOUND LAST),
        CASE("dots", "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", NOT_FOUND LAST),
        CASE("dots to a path", "GET /x/../last HTTP/1.1\r\nHost: a\r\n\r\n", NOT_FOUND LAST),
        CASE("absolute URI", "GET http://a/last HTTP/1.1\r\nHost: a\r\n\r\n", NOT_FOUND LAST),
        CASE("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
             ANSWER("404 Not Found", "", "text/plain", ALLOW, "8", "nothing\n") LAST),
        CASE("encoded NUL", "GET /last%00y HTTP/1.1\r\nHost: a\r\n\r\n", NO_ESCAPES LAST),
        CASE("encoded letter", "GET /%6cast HTTP/1.1\r\nHost: a\r\n\r\n", NO_ESCAPES LAST),
        CASE("handler fails", "GET /fail HTTP/1.1\r\nHost: a\r\n\r\n",
             ANSWER("500 Internal Server Error", "", "application/json", "", "27",
                    "{\"error\":\"internal error\"}\n") LAST),
};

static const Case refused[] = {
        CASE("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", NO_METHOD),
        CASE("CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", NO_METHOD),
        CASE("DELETE", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", NO_METHOD),
        CASE("odd bytes in the method", "G@T\x01 / HTTP/1.1\r\nHost: a\r\n\r\n", NO_METHOD),
        CASE("lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", NO_METHOD),
        CASE("POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", NO_METHOD),
        CASE("body behind a GET", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", NO_BODY),
        CASE("no Host", "GET / HTTP/1.1\r\n\r\n", NO_HOST),
        CASE("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", NO_HOST),
        CASE("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", NO_HOST),
        CASE("codings in a list", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n",
             NO_CODING),
        CASE("blank before the first header's name", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", NO_BLANK),
        CASE("broken escape in the query", "GET /?a=%4 HTTP/1.0\r\nHost: a\r\n\r\n",
             BAD("37", "the query cannot be read")),
        CASE("NUL in the query", "GET /?a=%00 HTTP/1.0\r\nHost: a\r\n\r\n",
             BAD("37", "the query cannot be read")),
};

static const Case smuggled[] = {
        CASE("Content-Length and Transfer-Encoding",
             "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
             "0\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
             NO_CODING),
        CASE("two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 35\r\n\r\n",
             NO_LENGTHS),
        CASE("two equal lengths",
             "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", NO_LENGTHS),
        CASE("blank before the colon",
             "GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 35\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
             NO_BLANK),
        CASE("tab before the colon",
             "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", NO_BLANK),
        CASE("length far beyond the body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4294967296\r\n\r\n",
             NO_BODY),
};

#define POSTED(body, length)                                                                                 \
        ANSWER("200 OK", CLOSE, "text/plain", "Allow: GET, HEAD, OPTIONS, POST\r\n", length, body)

static const Case posts[] = {
        CASE("POST without a length", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", POSTED("home\n", "5")),
        CASE("POST with a small body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
             POSTED("home\n", "5")),
        CASE("POST with a large body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4097\r\n\r\nabc",
             NO_BODY),
        CASE("chunked POST", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             NO_CODING),
        CASE("POST to an unknown path", "POST /x HTTP/1.1\r\nHost: a\r\n\r\n",
             ANSWER("404 Not Found", CLOSE, "text/plain", "Allow: GET, HEAD, OPTIONS, POST\r\n", "8",
                    "nothing\n")),
        CASE("PUT", "PUT / HTTP/1.1\r\nHost: a\r\n\r\n",
             REFUSED("405 Method Not Allowed", "Allow: GET, HEAD, OPTIONS, POST\r\n", "31",
                     "method not allowed")),
};

/* Refused by the library before anything of ours runs: its own words, which differ between its
 * versions, so the code and the close are what counts. "": closed without a word. */
static const Case by_library[] = {
        CASE("HTTP/0.9", "GET /\r\n\r\n", "HTTP/1.1 400 "),
        CASE("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 "),
        CASE("PROXY protocol", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
             "HTTP/1.1 400 "),
        CASE("no colon", "GET / HTTP/1.1\r\nHost a\r\n\r\n", "HTTP/1.1 400 "),
        CASE("length that is no number", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
             "HTTP/1.1 400 "),
        CASE("negative length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "),
        CASE("length beyond 64 bits",
             "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 413 "),
        CASE("binary", "\x01\x02\x03\xff\xfe\r\n\r\n", ""),
};

START_TEST(h7_good_requests_are_answered_and_keep_the_connection) {
        check_cases(accepted, ELEMENTS(accepted), (HttpOptions){FIXTURE_OPTIONS});
}
END_TEST

START_TEST(h11_paths_match_exactly_or_are_404) {
        check_cases(unknown_paths, ELEMENTS(unknown_paths), (HttpOptions){FIXTURE_OPTIONS});
}
END_TEST

/* A query that cannot be read is found late, so it keeps alive; HTTP/1.0 makes it close here. */
START_TEST(h5_bad_requests_are_refused_and_closed) {
        check_cases(refused, ELEMENTS(refused), (HttpOptions){FIXTURE_OPTIONS});
}
END_TEST

START_TEST(h6_smuggled_requests_get_one_answer_and_a_close) {
        check_cases(smuggled, ELEMENTS(smuggled), (HttpOptions){FIXTURE_OPTIONS});
}
END_TEST

START_TEST(post_is_answered_only_where_it_is_allowed) {
        check_cases(posts, ELEMENTS(posts), (HttpOptions){FIXTURE_OPTIONS, .allow_post = true});
}
END_TEST

START_TEST(h5_what_the_library_refuses_is_closed_and_never_handled) {
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        for (size_t i = 0; i < ELEMENTS(by_library); i++) {
                const Case *c = &by_library[i];
                _cleanup_(buffer_done) Buffer bytes = BUFFER_NULL, answer = BUFFER_NULL;
                buffer_append(&bytes, c->request, c->length);
                buffer_add(&bytes, SECOND);
                peer_exchange(&fixture, bytes.data, bytes.length, &answer);
                ck_assert_msg(str_starts_with(buffer_text(&answer), c->answer), "%s: %s", c->name,
                              buffer_text(&answer));
                ck_assert_msg(!strstr(buffer_text(&answer), " 200 "), "%s: %s", c->name,
                              buffer_text(&answer));
                ck_assert_msg(fixture.handled == 0, "%s reached the handler", c->name);
        }
        fixture_stop(&fixture);
}
END_TEST

START_TEST(h5_oversized_heads_are_refused) {
        static const struct {
                const char *before, *after, *answer;
        } cases[] = {
                {"GET /", " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 414 "},
                {"GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n", "HTTP/1.1 431 "},
        };
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer bytes = BUFFER_NULL, answer = BUFFER_NULL;
                buffer_printf(&bytes, "%s%020000d%s", cases[i].before, 0, cases[i].after);
                peer_exchange(&fixture, bytes.data, bytes.length, &answer);
                ck_assert_msg(str_starts_with(buffer_text(&answer), cases[i].answer), "%s: %s",
                              cases[i].before, buffer_text(&answer));
        }
        ck_assert_uint_eq(fixture.handled, 0);
        fixture_stop(&fixture);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                h7_good_requests_are_answered_and_keep_the_connection,
                h11_paths_match_exactly_or_are_404,
                h5_bad_requests_are_refused_and_closed,
                h6_smuggled_requests_get_one_answer_and_a_close,
                post_is_answered_only_where_it_is_allowed,
                h5_what_the_library_refuses_is_closed_and_never_handled,
                h5_oversized_heads_are_refused,
        };
        return run_suite("corpus", tests, ELEMENTS(tests));
}
