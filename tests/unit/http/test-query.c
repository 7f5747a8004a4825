/* Query: decoding, look-up, and the way of a query through the server.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "http/query.h"

#include <errno.h>
#include <string.h>

#include "peer.h"
#include "pgvigil/base/str.h"

static const struct {
        const char *key, *value;
        int result;
        const char *decoded_key, *decoded_value; /* NULL key: nothing was added */
} decodings[] = {
        {"a", "b", 0, "a", "b"},
        {"a", "", 0, "a", ""},
        {"a", NULL, 0, "a", ""},
        {"", NULL, 0, NULL, NULL},
        {"", "b", 0, "", "b"},
        {"a%62", "%41%7a", 0, "ab", "Az"},
        {"a", "%E2%82%ac", 0, "a", "\xe2\x82\xac"},
        {"a", "100%25", 0, "a", "100%"},
        {"a", "b c", 0, "a", "b c"},
        {"a", "%", -EINVAL, NULL, NULL},
        {"a", "%4", -EINVAL, NULL, NULL},
        {"a", "%4g", -EINVAL, NULL, NULL},
        {"a", "%g4", -EINVAL, NULL, NULL},
        {"a", "%00", -EINVAL, NULL, NULL},
        {"%00", "b", -EINVAL, NULL, NULL},
};

START_TEST(parameters_are_percent_decoded) {
        static Query query;
        const HttpRequest request = {.handle = &query};
        for (size_t i = 0; i < ELEMENTS(decodings); i++) {
                query_clear(&query);
                ck_assert_int_eq(query_add(&query, decodings[i].key, decodings[i].value),
                                 decodings[i].result);
                ck_assert_pstr_eq(http_request_query_key(&request, 0), decodings[i].decoded_key);
                if (decodings[i].decoded_key)
                        ck_assert_str_eq(http_request_query(&request, decodings[i].decoded_key, 0),
                                         decodings[i].decoded_value);
        }
}
END_TEST

START_TEST(the_nth_value_of_a_key_is_found) {
        static Query query;
        const HttpRequest request = {.handle = &query};
        query_clear(&query);
        ck_assert_int_eq(query_add(&query, "a", "1"), 0);
        ck_assert_int_eq(query_add(&query, "b", "2"), 0);
        ck_assert_int_eq(query_add(&query, "a", "3"), 0);
        ck_assert_str_eq(http_request_query(&request, "a", 0), "1");
        ck_assert_str_eq(http_request_query(&request, "a", 1), "3");
        ck_assert_ptr_null(http_request_query(&request, "a", 2));
        ck_assert_ptr_null(http_request_query(&request, "c", 0));
        ck_assert_str_eq(http_request_query_key(&request, 2), "a");
        ck_assert_ptr_null(http_request_query_key(&request, 3));
}
END_TEST

START_TEST(more_than_32_parameters_are_refused) {
        static Query query;
        query_clear(&query);
        for (unsigned i = 0; i < QUERY_PARAMETERS_MAX; i++)
                ck_assert_int_eq(query_add(&query, "a", "b"), 0);
        ck_assert_int_eq(query_add(&query, "a", "b"), -E2BIG);
}
END_TEST

START_TEST(memory_for_text_is_bounded) {
        static Query query;
        static char text[QUERY_BYTES_MAX + 1];
        memset(text, 'x', sizeof(text) - 1);
        query_clear(&query);
        ck_assert_int_eq(query_add(&query, "a", text), -E2BIG);
        query_clear(&query);
        ck_assert_int_eq(query_add(&query, "a", text + 2), -E2BIG);
        query_clear(&query);
        ck_assert_int_eq(query_add(&query, "a", text + 3), 0);
        ck_assert_int_eq(query_add(&query, "", "b"), -E2BIG);
}
END_TEST

static const struct {
        const char *target, *tail;
} targets[] = {
        {"/echo", "\n"},
        {"/echo?", "\n"},
        {"/echo?a=1", "[a](1)\n"},
        {"/echo?a=1&b=2&a=3", "[a][b][a](1)(3)\n"},
        {"/echo?a", "[a]()\n"},
        {"/echo?&&a=x", "[a](x)\n"},
        {"/echo?a=b+c%2Bd", "[a](b c+d)\n"},
        {"/echo?a=b=c", "[a](b=c)\n"},
        {"/echo?a=x?y/z", "[a](x?y/z)\n"},
};

START_TEST(a_query_reaches_the_handler_decoded) {
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        for (size_t i = 0; i < ELEMENTS(targets); i++) {
                _cleanup_(buffer_done) Buffer request = BUFFER_NULL, answer = BUFFER_NULL, tail = BUFFER_NULL;
                buffer_printf(&request, "GET %s HTTP/1.0\r\n\r\n", targets[i].target);
                buffer_printf(&tail, "GET /echo gzip=0 openmetrics=0 auth=-\n%s", targets[i].tail);
                peer_exchange(&fixture, request.data, request.length, &answer);
                const char *body = strstr(buffer_text(&answer), "\r\n\r\n");
                ck_assert_msg(body && str_equal(body + 4, buffer_text(&tail)), "%s: %s", targets[i].target,
                              buffer_text(&answer));
        }
        fixture_stop(&fixture);
}
END_TEST

START_TEST(headers_reach_the_handler) {
        static const char request[] =
                "GET /echo HTTP/1.0\r\naccept-encoding: gzip\r\nAUTHORIZATION: Bearer x\r\n"
                "Accept: application/openmetrics-text\r\n\r\n";
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        Fixture fixture;
        fixture_start(&fixture, (HttpOptions){FIXTURE_OPTIONS});
        peer_exchange(&fixture, request, strlen(request), &answer);
        ck_assert_msg(strstr(buffer_text(&answer), "GET /echo gzip=1 openmetrics=1 auth=Bearer x\n"), "%s",
                      buffer_text(&answer));
        fixture_stop(&fixture);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                parameters_are_percent_decoded,      the_nth_value_of_a_key_is_found,
                more_than_32_parameters_are_refused, memory_for_text_is_bounded,
                a_query_reaches_the_handler_decoded, headers_reach_the_handler,
        };
        return run_suite("query", tests, ELEMENTS(tests));
}
