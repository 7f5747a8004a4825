/* render: from the View's tables and findings to bytes. Walks over Fields; knows no metric name,
 * no check and no database. The only module that includes jansson and zlib.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/health.h"
#include "pgvigil/model/series.h"

typedef enum MetricsFormat { METRICS_PROMETHEUS, METRICS_OPENMETRICS } MetricsFormat;

/* Every family of every table once, HELP and TYPE, then its samples over all tables of that
 * shape; label `target` first where the table has one. Cells that are NULL have no sample.
 * Invalid UTF-8 and control characters in labels are escaped; a sample that stands already is
 * dropped. 0 or -ENOMEM. */
int render_metrics(const Table *const *tables, size_t n_tables, MetricsFormat format, Buffer *out);

/* Ends the whole body: "# EOF" in OpenMetrics. render_metrics() may be called several times
 * before (a body made once, then what is live), each time with families of its own. */
void render_metrics_end(MetricsFormat format, Buffer *out);

/* Samples that render_metrics() writes for a table's row, for max_series. */
size_t render_metrics_row_samples(const Shape *shape);

/* Marks anew which rows of these tables render_metrics() leaves out: from the end, none but those
 * that `may_cut` names, until the samples of what is left are at most `limit` or none is left to
 * cut. *ret_cut: samples that are left out. 0 or -ENOMEM. */
int render_metrics_cap(Table *const *tables, size_t n_tables, size_t limit,
                       bool (*may_cut)(const Table *table, size_t row, void *userdata), void *userdata,
                       size_t *ret_cut);

/* { "version": 1, "time", "status", "scope", "findings": [...] } over the findings that pass the
 * filter (each may be NULL). One shape everywhere. The filter's `status` chooses only which are
 * listed: the top's status and scope are over all of that target and kind, so that asking for
 * what passes never looks as if everything passed. A target without any finding is unknown. */
typedef struct FindingFilter {
        const char *target, *status, *kind;
} FindingFilter;
int render_findings_json(const View *view, const FindingFilter *filter, usec_t realtime, Buffer *out);

/* /api/v1/status: targets, findings, tables, schedule, ages, health. */
int render_status_json(const View *view, usec_t boottime, usec_t realtime, Buffer *out);

/* /api/v1/phase/TARGET: the record of its phase, criteria, events and gaps among it. */
int render_phase_json(const TargetView *target, usec_t realtime, Buffer *out);

/* /health/TARGET/verdict: the same without criteria and what they name. There is a phase. */
int render_verdict_json(const TargetView *target, usec_t realtime, Buffer *out);

/* /api/v1/history: the points of one series, gaps among them. */
int render_series_json(const char *target, const char *series, const SeriesWindow *window, Buffer *out);

/* The same without a series: the names of those that there are (NULL: none), and what has happened. */
typedef struct EventText {
        usec_t at;
        const char *kind, *text;
} EventText;
int render_history_json(const char *target, char *const *names, const EventText *events, size_t n,
                        Buffer *out);

/* What a health answer is about: one target, or with NULL all of the view that count. */
typedef struct HealthSubject {
        const View *view; /* may be NULL where there is a target */
        const TargetView *target;
} HealthSubject;

/* The body of a health answer, under 1 KiB; with `verbose` also "checks", whose entries name their
 * target where the answer is about all. */
int render_health_json(const Health *health, const HealthSubject *subject, const HealthQuery *query,
                       usec_t boottime, usec_t realtime, Buffer *out);

typedef struct TextOptions {
        bool colour;
        bool quiet;   /* only what does not pass */
        bool verbose; /* also each that passes, and methods and ages */
} TextOptions;

/* The guide's checklist and the findings, worst first, each with its hint and repair. */
int render_text(const View *view, const TextOptions *options, usec_t realtime, Buffer *out);

/* The status page: of all targets, or with `only` of one with everything that is known of it. Links
 * are relative and lead one level up when `only`; the style is looked for beside the overview. Charts
 * are drawn of `series`, some dozens at most; NULL: there are none. */
int render_html(const View *view, const TargetView *only, const SeriesSource *series, usec_t boottime,
                usec_t realtime, Buffer *out);
const char *render_html_style(void);

/* What `pgvigil status` prints, from the text of /api/v1/status. -EBADMSG: not that. *ret_status
 * is the worst. */
int render_status_text(const char *json, size_t length, const TextOptions *options, Buffer *out,
                       Status *ret_status);

/* What `pgvigil report` prints, from the same text; *ret is the worst of the targets. -EBADMSG: not that. */
typedef enum ReportOutcome {
        REPORT_PASSED,
        REPORT_INCONCLUSIVE, /* or stopped */
        REPORT_NONE,         /* no phase yet */
        REPORT_WATCHING,
        REPORT_FAILING, /* not over, and a criterion fails */
        REPORT_FAILED,
} ReportOutcome;
int render_report_text(const char *json, size_t length, const TextOptions *options, Buffer *out,
                       ReportOutcome *ret);
int render_report_json(const char *json, size_t length, Buffer *out); /* { "version", "phases": [...] } */

/* The reference of checks' fields, reasons and options as man-page source (mdoc), for generating
 * the manual: `what` is "options", "reasons", "metrics" or "findings". -EINVAL: unknown. */
int render_manual(const char *what, const Shape *const *shapes, Buffer *out);

/* One gzip member over `body` then `tail`: the head is the compressed body, made once (a full
 * flush at its end); the whole is head + tail as a stored block + trailer. */
typedef struct Gzip {
        Buffer head;
        unsigned long crc;
        size_t length;
} Gzip;
int gzip_head(const char *body, size_t length, Gzip *ret);
int gzip_finish(const Gzip *gzip, const char *tail, size_t length, Buffer *out);
void gzip_done(Gzip *gzip);
