/* The check `app`: the application's own health address answers as expected.
 *
 * It asks nothing of the database, and runs beside the rounds, whether the database answers or not. An
 * answer that is not the expected one is a breach, and so is none; unknown is only what could not be asked
 * at all.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "pgvigil/checks.h"
#include "pgvigil/model/secret.h"

static const Field app_fields[] = {
        {"up", VALUE_INT, FIELD_GAUGE, "pgvigil_app_up",
         .help = "Whether the application's health address answered as expected when it was last asked; "
                 "polled."},
        {"http_status", VALUE_INT, FIELD_TEXT, .help = "The HTTP status that it answered."},
        {"duration", VALUE_HISTOGRAM, FIELD_HISTOGRAM, "pgvigil_app_duration_seconds", .unit = "seconds",
         .help = "How long the application's answers took, whatever they said."},
};

static const Shape app_shape = SHAPE("app", app_fields);
static const Shape *const shapes[] = {&app_shape, NULL};

typedef struct App {
        char *url; /* that all of this is of */
        bool is_known;
        bool is_up; /* when it could last be asked */
        ProbeResult last;
        Histogram durations; /* of answers */
} App;

static int app_new(const TargetSettings *settings, void **ret_state) {
        *ret_state = calloc(1, sizeof(App));
        return *ret_state ? 0 : -ENOMEM;
}

static void *app_free(void *state) {
        App *app = state;

        if (!app)
                return NULL;
        free(app->url);
        free(app);
        return NULL;
}

static int app_ask(void *state, const CheckContext *context, ProbeRequest *ret) {
        const AppSettings *wanted = &context->settings->app;
        App *app = state;

        if (str_is_empty(wanted->url))
                return 0;
        if (!str_equal(app->url, wanted->url)) {
                int r = str_set(&app->url, wanted->url);

                if (r < 0)
                        return r;
                *app = (App){.url = app->url};
        }
        *ret = (ProbeRequest){
                .url = wanted->url,
                .expect_status = wanted->expect_status,
                .expect_body = wanted->expect_body,
                .timeout = wanted->timeout,
        };
        return 1;
}

static int app_hear(void *state, const CheckContext *context, const ProbeResult *result) {
        App *app = state;

        app->last = *result;
        if (result->end == PROBE_ERROR)
                return 0;
        app->is_known = true;
        app->is_up = result->end == PROBE_OK;
        if (result->end <= PROBE_BODY)
                histogram_add(&app->durations, result->duration);
        return 0;
}

typedef void Say(const ProbeResult *result, const AppSettings *wanted, Buffer *out);

static void say_ok(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        buffer_printf(out, "Answered %d in ", result->status);
        buffer_add_usec_human(out, result->duration);
}

static void say_status(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        buffer_printf(out, "Answered %d; expected is %d", result->status, (int)wanted->expect_status);
        if (result->status >= 300 && result->status < 400)
                buffer_add(out, ". Redirects are not followed");
}

static void say_body(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        buffer_printf(out, "Answered %d, but the expected text is not in ", result->status);
        if (result->is_cut) {
                buffer_add(out, "the first ");
                buffer_add_size_human(out, PROBE_READ_MAX);
                buffer_add(out, " of ");
        }
        buffer_add(out, "the body");
}

static void say_broken(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        if (result->status == 0)
                buffer_add(out, "The connection was closed without an answer, or what came is no HTTP");
        else
                buffer_printf(out,
                              "Answered %d, but the connection was closed before the answer was complete",
                              result->status);
}

static void say_too_large(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        buffer_add(out, "The answer's header lines are longer than ");
        buffer_add_size_human(out, PROBE_READ_MAX);
}

static void say_refused(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        buffer_add(out, "No connection");
        if (result->error != 0)
                buffer_printf(out, ": %s", strerror(result->error));
}

static void say_timeout(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        static const char *const missing[N_PROBE_STEPS] = {
                [PROBE_AT_NAME] = "The name of the host was not resolved",
                [PROBE_AT_CONNECT] = "No connection",
                [PROBE_AT_ANSWER] = "No answer",
                [PROBE_AT_BODY] = "No complete answer",
        };

        buffer_printf(out, "%s within ", missing[result->step]);
        buffer_add_usec_human(out, wanted->timeout);
}

static void say_dns(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        buffer_add(out, "The name of the host cannot be resolved");
}

static void say_tls(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        buffer_printf(out, "No trusted TLS connection: %s", result->detail);
}

static void say_error(const ProbeResult *result, const AppSettings *wanted, Buffer *out) {
        const char *why = *result->detail ? result->detail : result->error ? strerror(result->error) : NULL;

        buffer_printf(out, "It could not be asked%s%s", why ? ": " : "", why ? why : "");
}

static const struct {
        Reason reason;
        Say *say;
        const char *hint;
} ends[N_PROBE_ENDS] = {
        [PROBE_OK] = {REASON_OK, say_ok, NULL},
        [PROBE_STATUS] = {REASON_FAILED, say_status,
                          "The application's log says what is wrong; or correct app.url or expect_status."},
        [PROBE_BODY] = {REASON_FAILED, say_body, "Compare the body with app.expect_body: every byte counts."},
        [PROBE_BROKEN] = {REASON_FAILED, say_broken,
                          "Has the application crashed, and is it the one that listens there?"},
        [PROBE_TOO_LARGE] = {REASON_FAILED, say_too_large, "Point app.url at an address that says little."},
        [PROBE_REFUSED] = {REASON_UNREACHABLE, say_refused,
                           "Is the application running, and does it listen at that address?"},
        [PROBE_TIMEOUT] = {REASON_TIMEOUT, say_timeout,
                           "Is the application overloaded, or behind a firewall that drops packets?"},
        [PROBE_DNS] = {REASON_UNREACHABLE, say_dns, "Check the host in app.url and the name server."},
        [PROBE_TLS] = {REASON_UNREACHABLE, say_tls,
                       "Its certificate must be valid for that host, and of an authority that this machine "
                       "trusts (the package ca-certificates)."},
        [PROBE_ERROR] = {REASON_ERROR, say_error,
                         "If it stays so, look at the limits of the service, and for the package "
                         "ca-certificates."},
};

static const struct {
        int error;
        Reason reason;
        const char *hint;
} errors[] = {
        {EINVAL, REASON_CONFIG, "Correct app.url."},
        {EOPNOTSUPP, REASON_UNSUPPORTED,
         "Install a libcurl with HTTP, TLS and a resolver that does not block, as distributions ship it."},
};

static int judge_error(const ProbeResult *result, Finding *finding) {
        const char *hint = ends[PROBE_ERROR].hint;

        finding->seen = SEEN_UNKNOWN;
        for (size_t i = 0; i < ELEMENTS(errors); i++)
                if (result->error == errors[i].error) {
                        finding->reason = errors[i].reason;
                        hint = errors[i].hint;
                }
        return check_advise(finding, "%s", hint);
}

static int judge_finding(const App *app, const CheckContext *context, Finding *finding) {
        const AppSettings *wanted = &context->settings->app;
        const ProbeResult *last = &app->last;
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        int r;

        check_set_rule(finding, context->settings, &wanted->rule);
        finding->max_age = usec_add(check_max_age(context->settings->intervals.app), wanted->timeout);
        finding->method = "http";
        finding->reason = ends[last->end].reason;
        if (last->end <= PROBE_BODY) {
                finding->value = VALUE_OF_FLOAT((double)last->duration / (double)USEC_PER_SEC);
                finding->unit = "seconds";
        }
        ends[last->end].say(last, wanted, &text);
        r = buffer_error(&text);
        if (r >= 0)
                r = check_say(finding, "%s.", buffer_text(&text));
        if (r < 0 || last->end == PROBE_OK)
                return r;
        if (last->end == PROBE_ERROR)
                return judge_error(last, finding);
        check_set_due(finding, context, &wanted->rule, ends[last->end].reason);
        return check_advise(finding, "%s", ends[last->end].hint);
}

static int publish(const App *app, Report *report) {
        Table *table = report_table(report, &app_shape);

        if (!table || table_add_row(table, NULL) < 0)
                return -ENOMEM;
        if (app->is_known)
                table_set_int(table, 0, "up", app->is_up);
        if (app->last.status > 0)
                table_set_int(table, 0, "http_status", app->last.status);
        if (app->durations.count == 0)
                return 0;
        return value_set_histogram(table_cell(table, 0, "duration"), &app->durations);
}

static int app_judge(void *state, const CheckContext *context, Report *report) {
        _cleanup_(freep) char *shown = NULL;
        const App *app = state;
        Finding *finding;
        int r;

        if (str_is_empty(context->settings->app.url))
                return 0;
        shown = url_shown(context->settings->app.url);
        finding = shown ? report_add(report, KIND_APP, shown, "health") : NULL;
        if (!finding)
                return -ENOMEM;
        r = judge_finding(app, context, finding);
        return r < 0 ? r : publish(app, report);
}

const CheckKind app_check = {
        .name = "app",
        .help = "The application's own health address answers as expected, in time.",
        .interval = offsetof(Intervals, app),
        .shapes = shapes,
        .new = app_new,
        .free = app_free,
        .ask = app_ask,
        .hear = app_hear,
        .judge = app_judge,
};
