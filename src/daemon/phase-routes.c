/* /api/v1/phase/TARGET and /api/v1/history: the monitoring phase, and the numbers behind it.
 *
 * What changes something is a POST, and the server lets those through on the daemon's own socket only.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "parameters.h"
#include "pgvigil/base/clock.h"

#define JSON_TYPE "application/json"
#define DAY       (24 * USEC_PER_HOUR)

static int answer_change(Daemon *daemon, const char *name, const char *verb, Answer *answer) {
        bool is_start = str_equal(verb, "start");
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        int r;

        if (!is_start && !str_equal(verb, "stop"))
                return answer_error(answer, 404, "a phase is started or stopped");
        r = is_start ? engine_phase_start(daemon->engine, name) : engine_phase_stop(daemon->engine, name);
        if (r == -ENOENT)
                return answer_error(answer, 404, "no such target");
        if (r == -EAGAIN)
                return answer_error(answer, 503,
                                    "what was kept of it is not known yet: try again in a moment");
        if (r < 0)
                return r;
        if (r == 0)
                return answer_error(answer, 409, is_start ? "a phase is open already" : "no phase is open");
        r = render_phase_json(view_target(engine_view(daemon->engine), name), clock_realtime(), &body);
        return r < 0 ? r : answer_buffer(answer, 200, &body, JSON_TYPE);
}

/* "/api/v1/phase/TARGET[/start|/stop]" */
int answer_phase(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        const char *rest = request->path + strlen("/api/v1/phase/"), *slash = strchr(rest, '/');
        _cleanup_(freep) char *name = strndup(rest, slash ? (size_t)(slash - rest) : strlen(rest));
        const char *wrong = parameters_parse(request, NULL, 0, NULL);
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        const TargetView *target;
        int r;

        if (!name)
                return -ENOMEM;
        if (wrong)
                return answer_error(answer, 400, wrong);
        if (str_equal(request->method, "POST"))
                return answer_change(daemon, name, slash ? slash + 1 : "", answer);
        target = slash ? NULL : view_target(engine_view(daemon->engine), name);
        if (!target)
                return answer_error(answer, 404, "no such target");
        if (!target->phase)
                return answer_error(answer, 404, "no monitoring phase");
        r = render_phase_json(target, clock_realtime(), &body);
        return r < 0 ? r : answer_buffer(answer, 200, &body, JSON_TYPE);
}

typedef struct Asked {
        const char *target, *series;
        SeriesQuery query;
} Asked;

static const char *parse_target(void *userdata, const char *value) {
        ((Asked *)userdata)->target = value;
        return NULL;
}

static const char *parse_series(void *userdata, const char *value) {
        ((Asked *)userdata)->series = value;
        return NULL;
}

/* Seconds since 1970; with a sign before them, from now. */
static const char *parse_time(const char *value, usec_t *ret) {
        bool is_relative = *value == '-' || *value == '+';
        double seconds, base = is_relative ? (double)clock_realtime() / (double)USEC_PER_SEC : 0;
        char *end;

        seconds = strtod(value, &end) + base;
        if (end == value || *end || !isfinite(seconds) || seconds < 0 || seconds > 1e11)
                return "from and to are seconds since 1970, or, with a sign, from now";
        *ret = (usec_t)(seconds * (double)USEC_PER_SEC);
        return NULL;
}

static const char *parse_from(void *userdata, const char *value) {
        return parse_time(value, &((Asked *)userdata)->query.from);
}

static const char *parse_to(void *userdata, const char *value) {
        return parse_time(value, &((Asked *)userdata)->query.to);
}

static const char *parse_step(void *userdata, const char *value) {
        return parse_time(value, &((Asked *)userdata)->query.step);
}

static int list_events(Daemon *daemon, const char *target, EventText **ret, size_t *ret_n) {
        const HistoryEvent *events = history_events(daemon->history, target, ret_n);

        *ret = calloc(*ret_n + 1, sizeof(**ret));
        if (!*ret)
                return -ENOMEM;
        for (size_t i = 0; i < *ret_n; i++)
                (*ret)[i] = (EventText){events[i].at, events[i].kind, events[i].text};
        return 0;
}

/* Without a series: the names of those that there are, and what has happened. */
static int answer_names(Daemon *daemon, const char *target, Answer *answer) {
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_(freep) EventText *events = NULL;
        size_t n = 0;
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        const char *name;
        int r = 0;

        for (size_t i = 0; r >= 0 && (name = history_series_name(daemon->history, target, i)); i++)
                r = strv_add(&names, name);
        if (r >= 0)
                r = list_events(daemon, target, &events, &n);
        if (r >= 0)
                r = render_history_json(target, names, events, n, &body);
        return r < 0 ? r : answer_buffer(answer, 200, &body, JSON_TYPE);
}

int answer_history(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        static const Parameter known[] = {
                {"from", parse_from, false},     {"series", parse_series, false}, {"step", parse_step, false},
                {"target", parse_target, false}, {"to", parse_to, false},
        };
        usec_t now = clock_realtime();
        Asked asked = {.query = {.from = now > DAY ? now - DAY : 0, .to = now}};
        const char *wrong = parameters_parse(request, known, ELEMENTS(known), &asked);
        _cleanup_(series_window_done) SeriesWindow window = {};
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        int r;

        if (wrong)
                return answer_error(answer, 400, wrong);
        if (!asked.target)
                return answer_error(answer, 400, "target= names the target");
        if (asked.query.from >= asked.query.to)
                return answer_error(answer, 400, "from lies before to");
        if (!daemon->history || !view_target(engine_view(daemon->engine), asked.target))
                return answer_error(answer, 404, "no such target");
        if (!asked.series)
                return answer_names(daemon, asked.target, answer);
        r = history_window(daemon->history, asked.target, asked.series, &asked.query, &window);
        if (r < 0)
                return r;
        if (r > 0)
                return answer_error(answer, 404, "no such series");
        r = render_series_json(asked.target, asked.series, &window, &body);
        return r < 0 ? r : answer_buffer(answer, 200, &body, JSON_TYPE);
}
