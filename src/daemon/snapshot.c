/* The bodies of /metrics and /api: made when first asked for after a round, then shared.
 *
 * /metrics is a polled part, made once a round, and a live tail (ages, health codes, request
 * counters), made at most every LIVE_TTL: under load each answer is one reference to one body.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "parameters.h"
#include "pgvigil/base/clock.h"

#define LIVE_TTL (100 * USEC_PER_MSEC)

static const char *const metrics_types[] = {
        [METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
        [METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

void snapshot_dirty(Snapshot *snapshot) {
        for (unsigned format = 0; format < 2; format++) {
                snapshot->is_fresh[format] = false;
                for (unsigned zip = 0; zip < 2; zip++)
                        snapshot->whole[format][zip] = http_body_unref(snapshot->whole[format][zip]);
        }
}

void snapshot_done(Snapshot *snapshot) {
        snapshot_dirty(snapshot);
        for (unsigned format = 0; format < 2; format++) {
                buffer_done(&snapshot->polled[format]);
                gzip_done(&snapshot->gzip[format]);
        }
}

/* The engine's tables and those of every check of every target, in one list. */
static int render_polled(Daemon *daemon, MetricsFormat format, Buffer *out) {
        const View *view = engine_view(daemon->engine);
        size_t n_own = 0, n = 0, total;
        Table **own = NULL;
        const Table **all;
        int r = engine_tables(daemon->engine, false, clock_boottime(), &own, &n_own);

        if (r < 0)
                return r;
        total = n_own;
        for (size_t i = 0; i < view->n_targets; i++)
                total += view->targets[i]->n_tables;

        all = calloc(total + 1, sizeof(*all));
        if (all) {
                for (size_t i = 0; i < n_own; i++)
                        all[n++] = own[i];
                for (size_t i = 0; i < view->n_targets; i++)
                        for (size_t k = 0; k < view->targets[i]->n_tables; k++)
                                all[n++] = view->targets[i]->tables[k];
                r = render_metrics(all, n, format, out);
        }
        free(all);
        engine_tables_free(own, n_own);
        return all ? r : -ENOMEM;
}

static int snapshot_refresh(Daemon *daemon, MetricsFormat format) {
        Snapshot *snapshot = &daemon->snapshot;
        int r;

        if (snapshot->is_fresh[format])
                return 0;

        buffer_clear(&snapshot->polled[format]);
        gzip_done(&snapshot->gzip[format]);
        snapshot->gzip[format] = (Gzip){};
        snapshot->has_gzip[format] = false;
        r = render_polled(daemon, format, &snapshot->polled[format]);
        if (r >= 0)
                snapshot->is_fresh[format] = true;
        return r;
}

static int render_live(Daemon *daemon, MetricsFormat format, Buffer *out) {
        Table **tables;
        size_t n;
        int r = live_tables(daemon, &tables, &n);

        if (r < 0)
                return r;
        r = render_metrics((const Table *const *)tables, n, format, out);
        engine_tables_free(tables, n);
        render_metrics_end(format, out);
        return r;
}

static int compose(Snapshot *snapshot, MetricsFormat format, bool zip, const Buffer *live, Buffer *out) {
        const Buffer *polled = &snapshot->polled[format];
        int r;

        if (!zip) {
                buffer_append(out, polled->data, polled->length);
                buffer_append(out, live->data, live->length);
                return buffer_error(out);
        }
        if (!snapshot->has_gzip[format]) {
                r = gzip_head(buffer_text(polled), polled->length, &snapshot->gzip[format]);
                if (r < 0)
                        return r;
                snapshot->has_gzip[format] = true;
        }
        return gzip_finish(&snapshot->gzip[format], buffer_text(live), live->length, out);
}

static int snapshot_make(Daemon *daemon, MetricsFormat format, bool zip) {
        _cleanup_(buffer_done) Buffer live = BUFFER_NULL, out = BUFFER_NULL;
        static const char *const vary[] = {"Vary", "Accept, Accept-Encoding", NULL};
        Snapshot *snapshot = &daemon->snapshot;
        int r = snapshot_refresh(daemon, format);

        if (r < 0 || (r = render_live(daemon, format, &live)) < 0 ||
            (r = compose(snapshot, format, zip, &live, &out)) < 0)
                return r;

        snapshot->whole[format][zip] = http_body_unref(snapshot->whole[format][zip]);
        snapshot->whole_at[format][zip] = clock_boottime();
        return http_body_new(&out, metrics_types[format], zip ? "gzip" : NULL, vary,
                             &snapshot->whole[format][zip]);
}

int answer_metrics(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        MetricsFormat format = request->accepts_openmetrics ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
        bool zip = request->accepts_gzip;
        Snapshot *snapshot = &daemon->snapshot;

        if (!snapshot->whole[format][zip] || clock_boottime() - snapshot->whole_at[format][zip] > LIVE_TTL) {
                int r = snapshot_make(daemon, format, zip);

                if (r < 0)
                        return r;
        }
        answer->code = 200;
        answer->body = http_body_ref(snapshot->whole[format][zip]);
        return 0;
}

static int make_findings(Daemon *daemon, const FindingFilter *filter, HttpBody **ret) {
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        int r = render_findings_json(engine_view(daemon->engine), filter, clock_realtime(), &body);

        return r < 0 ? r : http_body_new(&body, "application/json", NULL, NULL, ret);
}

static const char *parse_target(void *userdata, const char *value) {
        ((FindingFilter *)userdata)->target = value;
        return NULL;
}

static const char *parse_status(void *userdata, const char *value) {
        ((FindingFilter *)userdata)->status = value;
        return status_from_name(value) < 0 ? "no such status" : NULL;
}

static const char *parse_kind(void *userdata, const char *value) {
        ((FindingFilter *)userdata)->kind = value;
        return finding_kind_from_name(value) < 0 ? "no such kind" : NULL;
}

int answer_findings(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        static const Parameter known[] = {
                {"kind", parse_kind, false},
                {"status", parse_status, false},
                {"target", parse_target, false},
        };
        FindingFilter filter = {};
        const char *wrong = parameters_parse(request, known, ELEMENTS(known), &filter);

        if (wrong)
                return answer_error(answer, 400, wrong);
        if (filter.target && !view_target(engine_view(daemon->engine), filter.target))
                return answer_error(answer, 404, "no such target");
        answer->code = 200;
        return make_findings(daemon, &filter, &answer->body);
}

/* The view with the targets that target= names; all when it names none. -ENOENT: no such target. */
static int filter_view(const View *view, const HttpRequest *request, View *ret) {
        const char *name;

        *ret = *view;
        ret->targets = calloc(view->n_targets + 1, sizeof(*ret->targets));
        if (!ret->targets)
                return -ENOMEM;
        memcpy(ret->targets, view->targets, view->n_targets * sizeof(*ret->targets));
        if (!http_request_query(request, "target", 0))
                return 0;

        ret->n_targets = 0;
        for (size_t i = 0; (name = http_request_query(request, "target", i)); i++)
                if (!view_target(view, name))
                        return -ENOENT;
        for (size_t i = 0; i < view->n_targets; i++)
                for (size_t k = 0; (name = http_request_query(request, "target", k)); k++)
                        if (str_equal(view->targets[i]->name, name)) {
                                ret->targets[ret->n_targets++] = view->targets[i];
                                break;
                        }
        return 0;
}

/* Taken by filter_view(). */
static const char *pass_target(void *userdata, const char *value) {
        return NULL;
}

int answer_status(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        static const Parameter known[] = {{"target", pass_target, true}};
        const char *wrong = parameters_parse(request, known, ELEMENTS(known), NULL);
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        View view = {};
        int r;

        if (wrong)
                return answer_error(answer, 400, wrong);
        r = filter_view(engine_view(daemon->engine), request, &view);
        if (r == -ENOENT) {
                free(view.targets);
                return answer_error(answer, 404, "no such target");
        }
        if (r >= 0)
                r = render_status_json(&view, clock_boottime(), clock_realtime(), &body);
        free(view.targets);
        return r < 0 ? r : answer_buffer(answer, 200, &body, "application/json");
}
