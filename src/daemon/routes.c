/* The endpoints: one line each. Every answer comes from memory; none waits.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "internal.h"

enum {
        ROUTE_PREFIX = 1 << 0,  /* the pattern ends in '/', more follows */
        ROUTE_PROBE = 1 << 1,   /* also on probe_listen */
        ROUTE_OPEN = 1 << 2,    /* never asks for a token */
        ROUTE_CHANGES = 1 << 3, /* takes a POST, which only the daemon's own socket lets through */
};

typedef struct Route {
        const char *pattern;
        unsigned flags;
        int (*answer)(Daemon *daemon, const HttpRequest *request, Answer *answer);
        const char *help;
} Route;

/* Sorted; the first that matches wins. */
static const Route routes[] = {
        {"/", 0, answer_page, "The status page of all targets, for people."},
        {"/api/v1/findings", 0, answer_findings, "The findings; target=, status= and kind= filter them."},
        {"/api/v1/history", 0, answer_history,
         "One series over time; target= and series= name it, from= and to= bound it."},
        {"/api/v1/phase/", ROUTE_PREFIX | ROUTE_CHANGES, answer_phase,
         "The current or last monitoring phase of one target; POST …/start and …/stop on the daemon's own "
         "socket."},
        {"/api/v1/status", 0, answer_status, "Everything known: targets, findings, schedule, ages."},
        {"/health", ROUTE_PROBE | ROUTE_OPEN, answer_health,
         "The probe for load balancers: the worst of the targets."},
        {"/health/", ROUTE_PROBE | ROUTE_OPEN | ROUTE_PREFIX, answer_health,
         "The same for one target, or one check of it."},
        {"/livez", ROUTE_PROBE | ROUTE_OPEN, answer_livez,
         "200 while the event loop turns and the scheduler advances."},
        {"/metrics", 0, answer_metrics, "Prometheus text 0.0.4, or OpenMetrics 1.0 when asked for."},
        {"/readyz", ROUTE_PROBE | ROUTE_OPEN, answer_readyz,
         "200 once every target had one finished attempt."},
        {"/style.css", ROUTE_OPEN, answer_style, "The style of the status page."},
        {"/target/", ROUTE_PREFIX, answer_page,
         "The status page of one target, with everything that is known of it."},
};

const char *daemon_route(unsigned i, const char **ret_help) {
        if (i >= ELEMENTS(routes))
                return NULL;
        *ret_help = routes[i].help;
        return routes[i].pattern;
}

static const Route *route_find(const char *path, bool is_probe) {
        for (size_t i = 0; i < ELEMENTS(routes); i++) {
                const Route *route = &routes[i];
                bool is_match = route->flags & ROUTE_PREFIX ? str_starts_with(path, route->pattern)
                                                            : str_equal(path, route->pattern);

                if (is_match && (!is_probe || (route->flags & ROUTE_PROBE)))
                        return route;
        }
        return NULL;
}

/* HAProxy's default probe is `OPTIONS /`: it asks for the health of all. */
static const char *path_asked(const HttpRequest *request) {
        if (str_equal(request->method, "OPTIONS") &&
            (str_equal(request->path, "/") || str_equal(request->path, "*")))
                return "/health";
        return request->path;
}

static bool token_matches(const char *token, const char *given) {
        size_t length = strlen(token), n = strlen(given);
        unsigned char difference = length != n;

        /* Constant in the place of the first difference. */
        for (size_t i = 0; i < n; i++)
                difference |= (unsigned char)given[i] ^ (unsigned char)token[length > 0 ? i % length : 0];
        return difference == 0;
}

bool daemon_is_authorized(const Daemon *daemon, const HttpRequest *request) {
        bool is_match = false;

        if (!daemon->tokens)
                return true;
        if (!request->authorization || strncasecmp(request->authorization, "Bearer ", 7) != 0)
                return false;
        for (char **token = daemon->tokens; *token; token++)
                is_match |= token_matches(*token, request->authorization + 7);
        return is_match;
}

int answer_buffer(Answer *answer, unsigned code, Buffer *buffer, const char *content_type) {
        static const char *const retry[] = {"Retry-After", "1", NULL};
        int r = buffer_error(buffer);

        if (r < 0)
                return r;
        answer->code = code;
        return http_body_new(buffer, content_type, NULL, code == 503 ? retry : NULL, &answer->body);
}

int answer_error(Answer *answer, unsigned code, const char *text) {
        static const char *const challenge[] = {"WWW-Authenticate", "Bearer realm=\"pgvigil\"", NULL};
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;

        buffer_printf(&body, "{\"error\":\"%s\"}\n", text);
        answer->code = code;
        return http_body_new(&body, "application/json", NULL, code == 401 ? challenge : NULL, &answer->body);
}

int daemon_answer(void *userdata, const HttpRequest *request, unsigned *ret_code, HttpBody **ret_body) {
        const Listener *listener = userdata;
        Daemon *daemon = listener->daemon;
        HttpRequest asked = *request;
        const Route *route;
        Answer answer = {};
        int r;

        asked.path = path_asked(request);
        route = route_find(asked.path, listener->kind == LISTENER_PROBE);
        answer.pattern = route ? route->pattern : "other";

        if (!route)
                r = answer_error(&answer, 404, "no such path");
        else if (str_equal(request->method, "POST") && !(route->flags & ROUTE_CHANGES))
                r = answer_error(&answer, 405, "this path takes no POST");
        else if (!(route->flags & ROUTE_OPEN) && listener->kind != LISTENER_LOCAL &&
                 !daemon_is_authorized(daemon, request))
                r = answer_error(&answer, 401, "a bearer token is needed");
        else
                r = route->answer(daemon, &asked, &answer);

        daemon_count(daemon, answer.pattern, r < 0 ? 500 : answer.code);
        if (r < 0)
                return r;
        *ret_code = answer.code;
        *ret_body = answer.body;
        return 0;
}
