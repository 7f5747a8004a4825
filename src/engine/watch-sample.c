/* Samples: what a round left in the view, as numbers over time.
 *
 *   violations                        rows that break a rule, all together
 *   violations/OBJECT/NAME            … one: what is configured, and what is broken
 *   canary/NAME                       seconds; canary_failed/NAME and canary_lost/NAME: 0 or 1 a run
 *   canary_run/NAME                   in a phase, where it was wrong twice running or more: how often
 *   app                               1 where the application answered as it should, else 0; app_seconds
 *   app_outage                        where it did not before or now: seconds since it did
 *   scans/OBJECT/NAME                 of an index, as the server counts
 *   performance                       an hour of the phase: what statements cost, 1 is as on the days before
 *
 * What comes in a row has a series of its own: the buckets of days hold good and bad runs alike.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "internal.h"
#include "pgvigil/base/log.h"

static void sample(Target *target, usec_t at, double value, const char *format, ...) _printf_(4, 5);

static void sample(Target *target, usec_t at, double value, const char *format, ...) {
        _cleanup_(buffer_done) Buffer name = BUFFER_NULL;
        va_list args;

        va_start(args, format);
        buffer_vprintf(&name, format, args);
        va_end(args);
        if (buffer_error(&name) >= 0)
                (void)history_sample(target->engine->history, target->view.name, buffer_text(&name), at,
                                     value); /* without a place it is left out, and counted */
}

static bool is_counted(const Finding *finding) {
        return finding->value.kind == VALUE_INT && str_equal(finding->unit, "rows") && !finding->is_blind;
}

/* Single rules leave room for the other series of the target. */
#define RULES_MAX 30

static void sample_rows(Target *target, const Finding *finding, usec_t at, size_t *n_rules) {
        if (is_counted(finding) && (finding->configured || finding->value.integer > 0) &&
            (*n_rules)++ < RULES_MAX)
                sample(target, at, (double)finding->value.integer, "violations/%s/%s", finding->object,
                       finding->name);
}

/* The history knows also what the process before this one saw. */
#define RUN_WINDOW USEC_PER_HOUR

static int64_t kept_run(const Target *target, const char *name, usec_t at) {
        usec_t began = target->watch.record.started_at, from = usec_since(at, RUN_WINDOW);
        const SeriesQuery query = {.from = from > began ? from : began, .to = at + 1};
        _cleanup_(freep) char *series = str_format("canary_failed/%s", name);
        _cleanup_(series_window_done) SeriesWindow window = {};
        int64_t run = 0;

        if (!series ||
            history_window(target->engine->history, target->view.name, series, &query, &window) < 0)
                return -ENOMEM;
        for (size_t i = window.n_points; i-- > 0;) {
                const SeriesPoint *point = &window.points[i];

                if (point->count > 0 && (point->min < 1 || point->start < began))
                        break;
                run += (int64_t)point->count;
        }
        return run;
}

/* A round that was lost is none in between; what was wrong before the phase is none of it. */
static void sample_run(Target *target, const Finding *finding, bool is_failed, usec_t at) {
        const PhaseRecord *record = &target->watch.record;
        bool counts = is_failed && record->state == PHASE_WATCHING;
        int64_t run = watch_runs_add(&target->watch.runs, finding->name, record->started_at, counts);
        int64_t kept = counts ? kept_run(target, finding->name, at) : 0;

        if (run < 0 || kept < 0)
                log_oom();
        if (kept > run)
                run = kept;
        if (run > 1)
                sample(target, at, (double)run, "canary_run/%s", finding->name);
}

static void sample_canary(Target *target, const Finding *finding, usec_t at) {
        bool is_lost = finding->is_blind || finding->status == STATUS_UNKNOWN;
        bool is_failed = !is_lost && finding->seen == SEEN_BREACH &&
                         finding->reason != REASON_NOT_EXPECTED_YET;

        sample(target, at, is_failed, "canary_failed/%s", finding->name);
        sample(target, at, is_lost, "canary_lost/%s", finding->name);
        if (!is_lost)
                sample_run(target, finding, is_failed, at);
        if (!is_lost && finding->value.kind == VALUE_FLOAT)
                sample(target, at, finding->value.number, "canary/%s", finding->name);
}

static void sample_finding(Target *target, const Finding *finding, usec_t at, size_t *n_rules) {
        switch (finding->kind) {
        case KIND_CONSTRAINT:
        case KIND_FOREIGN_KEY:
                sample_rows(target, finding, at, n_rules);
                return;
        case KIND_CANARY:
                sample_canary(target, finding, at);
                return;
        default:
                return;
        }
}

static void sample_scans(Target *target, const Table *table, usec_t at) {
        for (size_t row = 0; row < table->n_rows; row++) {
                _cleanup_(freep) char *object = str_qualified(table_text(table, row, "schemaname"),
                                                              table_text(table, row, "relname"));

                if (object && !table_is_null(table, row, "scans"))
                        sample(target, at, (double)table_int(table, row, "scans"), "scans/%s/%s", object,
                               table_text(table, row, "indexrelname"));
        }
}

const Table *watch_table(const Job *job, const char *column) {
        for (size_t i = 0; i < job->n_tables; i++)
                if (shape_find(job->tables[i]->shape, column) >= 0)
                        return job->tables[i];
        return NULL;
}

static void sample_job(Target *target, const Job *job, usec_t at) {
        const Table *scans = watch_table(job, "scans");
        size_t n_rules = 0;

        for (size_t i = 0; i < job->count; i++)
                sample_finding(target, &target->view.findings[job->first + i], at, &n_rules);
        if (scans)
                sample_scans(target, scans, at);
}

static void sample_total(Target *target, usec_t at) {
        int64_t rows = 0;

        for (size_t i = 0; i < target->view.n_findings; i++)
                if (is_counted(&target->view.findings[i]))
                        rows += target->view.findings[i].value.integer;
        sample(target, at, (double)rows, "violations");
}

void watch_sample(Target *target, usec_t realtime) {
        bool has_counted = false;

        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];

                if (target->view.runs[i].runs == job->sampled)
                        continue;
                job->sampled = target->view.runs[i].runs;
                sample_job(target, job, realtime);
                if (str_equal(job->kind->name, "activity"))
                        watch_take_transactions(target, job, realtime);
                if (str_equal(job->kind->name, "statements"))
                        watch_take_statements(target, job);
                has_counted |= job->count > 0 && target->view.findings[job->first].kind == KIND_CONSTRAINT;
        }
        if (has_counted)
                sample_total(target, realtime);
}

void watch_event(Target *target, usec_t at, const char *kind, const char *format, ...) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        va_list args;

        if (!target->engine->history)
                return;
        va_start(args, format);
        buffer_vprintf(&text, format, args);
        va_end(args);
        if (buffer_error(&text) < 0 ||
            history_add_event(target->engine->history, target->view.name, at, kind, buffer_text(&text)) < 0)
                log_oom();
}

void watch_sample_app(Target *target, bool is_good, usec_t duration, usec_t outage, usec_t realtime) {
        if (!target->engine->history)
                return;
        sample(target, realtime, is_good, "app");
        if (outage > 0)
                sample(target, realtime, (double)outage / (double)USEC_PER_SEC, "app_outage");
        if (is_good)
                sample(target, realtime, (double)duration / (double)USEC_PER_SEC, "app_seconds");
}
