/* Tests of the check app: what each end of a probe is said to be, and what goes to /metrics.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "feed.h"
#include "pgvigil/base/macros.h"
#include "pgvigil/checks.h"

#define URL "http://127.0.0.1:3000/health"

static void open_app(Feed *feed, const char *url) {
        feed_open(feed, &app_check);
        ck_assert_int_eq(str_set(&feed->target->app.url, url), 0);
}

static CheckContext context_of(const Feed *feed) {
        return (CheckContext){.settings = feed->target,
                              .server = &feed->server,
                              .migrations = &feed->facts,
                              .boottime = feed->boottime};
}

/* One run; `result` NULL: nothing is to be asked. */
static void run_app(Feed *feed, const ProbeResult *result) {
        CheckContext context = context_of(feed);
        ProbeRequest request = {};

        report_done(&feed->report);
        feed->report = (Report){};
        ck_assert_int_eq(app_check.ask(feed->state, &context, &request), result != NULL);
        if (result) {
                ck_assert_str_eq(request.url, feed->target->app.url);
                ck_assert_int_eq(app_check.hear(feed->state, &context, result), 0);
        }
        ck_assert_int_eq(app_check.judge(feed->state, &context, &feed->report), 0);
}

static const struct {
        ProbeResult result;
        Seen seen;
        Reason reason;
        const char *says, *hint;
} cases[] = {
        {{PROBE_OK, PROBE_AT_BODY, 200, .duration = 12000},
         SEEN_OK,
         REASON_OK,
         "Answered 200 in 12 ms.",
         NULL},
        {{PROBE_STATUS, PROBE_AT_BODY, 503},
         SEEN_BREACH,
         REASON_FAILED,
         "Answered 503; expected is 200.",
         "log"},
        {{PROBE_STATUS, PROBE_AT_BODY, 302},
         SEEN_BREACH,
         REASON_FAILED,
         "Answered 302; expected is 200. Redirects are not followed.",
         "app.url"},
        {{PROBE_BODY, PROBE_AT_BODY, 200},
         SEEN_BREACH,
         REASON_FAILED,
         "Answered 200, but the expected text is not in the body.",
         "expect_body"},
        {{PROBE_BODY, PROBE_AT_BODY, 200, .is_cut = true},
         SEEN_BREACH,
         REASON_FAILED,
         "Answered 200, but the expected text is not in the first 64 kB of the body.",
         "expect_body"},
        {{PROBE_BROKEN, PROBE_AT_ANSWER},
         SEEN_BREACH,
         REASON_FAILED,
         "The connection was closed without an answer, or what came is no HTTP.",
         "crashed"},
        {{PROBE_BROKEN, PROBE_AT_BODY, 200},
         SEEN_BREACH,
         REASON_FAILED,
         "Answered 200, but the connection was closed before the answer was complete.",
         "crashed"},
        {{PROBE_TOO_LARGE, PROBE_AT_BODY, 200},
         SEEN_BREACH,
         REASON_FAILED,
         "The answer's header lines are longer than 64 kB.",
         "says little"},
        {{PROBE_REFUSED, PROBE_AT_CONNECT, .error = ECONNREFUSED},
         SEEN_BREACH,
         REASON_UNREACHABLE,
         "No connection: Connection refused.",
         "running"},
        {{PROBE_REFUSED, PROBE_AT_CONNECT}, SEEN_BREACH, REASON_UNREACHABLE, "No connection.", "running"},
        {{PROBE_TIMEOUT, PROBE_AT_NAME},
         SEEN_BREACH,
         REASON_TIMEOUT,
         "The name of the host was not resolved within 2 s.",
         "overloaded"},
        {{PROBE_TIMEOUT, PROBE_AT_CONNECT},
         SEEN_BREACH,
         REASON_TIMEOUT,
         "No connection within 2 s.",
         "firewall"},
        {{PROBE_TIMEOUT, PROBE_AT_ANSWER},
         SEEN_BREACH,
         REASON_TIMEOUT,
         "No answer within 2 s.",
         "overloaded"},
        {{PROBE_TIMEOUT, PROBE_AT_BODY, 200},
         SEEN_BREACH,
         REASON_TIMEOUT,
         "No complete answer within 2 s.",
         "overloaded"},
        {{PROBE_DNS},
         SEEN_BREACH,
         REASON_UNREACHABLE,
         "The name of the host cannot be resolved.",
         "name server"},
        {{PROBE_TLS, PROBE_AT_CONNECT, .detail = "certificate has expired"},
         SEEN_BREACH,
         REASON_UNREACHABLE,
         "No trusted TLS connection: certificate has expired.",
         "ca-certificates"},
        {{PROBE_ERROR, .error = EMFILE},
         SEEN_UNKNOWN,
         REASON_ERROR,
         "It could not be asked: Too many open files.",
         "limits"},
        {{PROBE_ERROR}, SEEN_UNKNOWN, REASON_ERROR, "It could not be asked.", "limits"},
        {{PROBE_ERROR, .error = EINVAL},
         SEEN_UNKNOWN,
         REASON_CONFIG,
         "It could not be asked: Invalid argument.",
         "app.url"},
        {{PROBE_ERROR, .error = EOPNOTSUPP},
         SEEN_UNKNOWN,
         REASON_UNSUPPORTED,
         "It could not be asked: Operation not supported.",
         "libcurl"},
};

START_TEST(unknown_is_only_what_could_not_be_asked) {
        Feed feed;

        open_app(&feed, URL);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Finding *finding;

                run_app(&feed, &cases[i].result);
                ck_assert_uint_eq(feed.report.n_findings, 1);
                finding = feed_finding(&feed, URL, "health");
                ck_assert_int_eq(finding->kind, KIND_APP);
                ck_assert_str_eq(finding->summary, cases[i].says);
                ck_assert_msg(finding->seen == cases[i].seen && finding->reason == cases[i].reason, "%s: %s",
                              cases[i].says, reason_name(finding->reason));
                ck_assert_msg(cases[i].hint ? strstr(finding->hint, cases[i].hint) != NULL : !finding->hint,
                              "%s", cases[i].says);
                ck_assert_int_eq(finding->severity, SEVERITY_CRITICAL);
                ck_assert(finding->configured);
                ck_assert((finding->value.kind == VALUE_FLOAT) == (cases[i].result.end <= PROBE_BODY));
        }
        feed_close(&feed);
}
END_TEST

START_TEST(a_result_outlives_three_intervals_and_the_timeout) {
        Feed feed;

        open_app(&feed, URL);
        feed.target->intervals.app = 20 * USEC_PER_SEC;
        feed.target->app.timeout = 50 * USEC_PER_SEC;
        run_app(&feed, &(ProbeResult){.end = PROBE_OK});
        ck_assert_uint_eq(feed_finding(&feed, URL, "health")->max_age, 110 * USEC_PER_SEC);
        feed_close(&feed);
}
END_TEST

START_TEST(without_a_url_nothing_is_asked_or_said) {
        Feed feed;

        open_app(&feed, "");
        run_app(&feed, NULL);
        ck_assert_uint_eq(feed.report.n_findings + feed.report.n_tables, 0);
        feed_close(&feed);
}
END_TEST

START_TEST(what_is_in_front_of_the_host_is_never_shown) {
        Feed feed;

        open_app(&feed, "http://secret@app.test/health?at=@home");
        run_app(&feed, &(ProbeResult){.end = PROBE_DNS});
        ck_assert_str_eq(feed.report.findings[0].object, "http://app.test/health?at=@home");
        feed_close(&feed);
}
END_TEST

START_TEST(until_its_migration_a_breach_is_expected) {
        Feed feed;

        open_app(&feed, URL);
        ck_assert_int_eq(str_set(&feed.target->app.rule.expected_after, "add_app"), 0);
        run_app(&feed, &(ProbeResult){.end = PROBE_REFUSED});
        ck_assert_int_eq(feed_finding(&feed, URL, "health")->reason, REASON_NOT_EXPECTED_YET);
        ck_assert_int_eq(feed_finding(&feed, URL, "health")->severity, SEVERITY_INFO);
        ck_assert_int_eq(strv_add(&feed.facts.applied, "20260119000000_add_app"), 0);
        run_app(&feed, &(ProbeResult){.end = PROBE_REFUSED});
        ck_assert_int_eq(feed_finding(&feed, URL, "health")->reason, REASON_UNREACHABLE);
        feed_close(&feed);
}
END_TEST

static void check_table(Feed *feed, const ProbeResult *result, int up, int status, int answers) {
        const Table *table;
        const Value *duration;

        run_app(feed, result);
        table = feed_table(feed, "app");
        ck_assert_uint_eq(table->n_rows, 1);
        duration = table_get(table, 0, "duration");
        ck_assert_int_eq(table_is_null(table, 0, "up") ? -1 : table_int(table, 0, "up"), up);
        ck_assert_int_eq(table_int(table, 0, "http_status"), status);
        ck_assert_int_eq(duration->kind == VALUE_HISTOGRAM ? (int)duration->histogram->count : 0, answers);
}

START_TEST(the_metrics_are_of_answers_and_of_one_url) {
        Feed feed;

        open_app(&feed, URL);
        check_table(&feed, &(ProbeResult){.end = PROBE_ERROR}, -1, 0, 0);
        check_table(&feed, &(ProbeResult){.end = PROBE_OK, .status = 200}, 1, 200, 1);
        check_table(&feed, &(ProbeResult){.end = PROBE_STATUS, .status = 500}, 0, 500, 2);
        check_table(&feed, &(ProbeResult){.end = PROBE_TIMEOUT}, 0, 0, 2);
        check_table(&feed, &(ProbeResult){.end = PROBE_OK, .status = 200}, 1, 200, 3);
        check_table(&feed, &(ProbeResult){.end = PROBE_ERROR}, 1, 0, 3);

        ck_assert_int_eq(str_set(&feed.target->app.url, URL "/other"), 0);
        check_table(&feed, &(ProbeResult){.end = PROBE_REFUSED}, 0, 0, 0);
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                unknown_is_only_what_could_not_be_asked,  a_result_outlives_three_intervals_and_the_timeout,
                without_a_url_nothing_is_asked_or_said,   what_is_in_front_of_the_host_is_never_shown,
                until_its_migration_a_breach_is_expected, the_metrics_are_of_answers_and_of_one_url,
        };

        return unit_run("checks/app", tests, ELEMENTS(tests));
}
