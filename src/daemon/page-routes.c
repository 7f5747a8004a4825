/* The status page for people, and its style.
 *
 * The page runs nothing and loads nothing but its own style: the headers forbid the browser the
 * rest, whatever a name out of a database may hold.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "internal.h"
#include "pgvigil/base/clock.h"

#define HTML_TYPE  "text/html; charset=utf-8"
#define STYLE_TYPE "text/css; charset=utf-8"

/* img-src: the icon of the tab, which is inside of the page. */
#define POLICY                                                                                               \
        "Content-Security-Policy",                                                                           \
                "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; " \
                "frame-ancestors 'none'",                                                                    \
                "Referrer-Policy", "no-referrer", "X-Frame-Options", "DENY"

/* Only the overview renews itself: a page that is read in detail stays as it is. */
static const char *const overview_headers[] = {POLICY, "Refresh", "30", NULL};
static const char *const target_headers[] = {POLICY, NULL};

static const char *series_name(void *userdata, const char *target, size_t n) {
        return history_series_name(userdata, target, n);
}

static int series_window(void *userdata, const char *target, const char *series, const SeriesQuery *query,
                         SeriesWindow *ret) {
        return history_window(userdata, target, series, query, ret);
}

int answer_page(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        const SeriesSource series = {series_name, series_window, daemon->history};
        const View *view = engine_view(daemon->engine);
        const TargetView *only = NULL;
        int r;

        if (!str_equal(request->path, "/")) {
                only = view_target(view, request->path + strlen("/target/"));
                if (!only)
                        return answer_error(answer, 404, "no such target");
        }
        r = render_html(view, only, daemon->history ? &series : NULL, clock_boottime(), clock_realtime(),
                        &body);
        if (r < 0)
                return r;
        answer->code = 200;
        return http_body_new(&body, HTML_TYPE, NULL, only ? target_headers : overview_headers, &answer->body);
}

int answer_style(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;

        buffer_add(&body, render_html_style());
        answer->code = 200;
        return http_body_new(&body, STYLE_TYPE, NULL, NULL, &answer->body);
}
