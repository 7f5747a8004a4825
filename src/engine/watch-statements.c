/* What statements cost, hour by hour: kept in the history, and read back for the phase.
 *
 * The last sample and the hour that is open are kept with each sample: after a restart the next one has all
 * that was called meanwhile, and the hour goes on.
 * The history is the only place where hours are: what it has not is void. It is read on its thread, once
 * after each hour of an open phase; the result stays until the next one, and a restart makes it anew.
 *
 *   check ─▶ StatementHours ─whole hours─▶ history ─rows─▶ StatementSeries ─performance()─▶ result
 *     ▲                                                                                      │
 *     └──────────────────────── of which statements the texts are wanted ────────────────────┘
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/base/log.h"
#include "statement-series.h"

#define KEY_SAMPLE    "phase.statements"
#define GAP_INTERVALS 3
#define DAYS_KEPT     (PHASE_BASELINE_DAYS + 3) /* the baseline, a phase, and one that waited for it */
#define ASKED_MAX     2                         /* runs of the check, for a text */

/* Outlives its target where the history's thread is slow. */
typedef struct WatchReading {
        Target *target; /* NULL: nobody wants it any more */
        usec_t started_at;
        size_t n_hours;
} WatchReading;

void watch_statements_done(WatchStatements *statements) {
        if (statements->reading)
                statements->reading->target = NULL;
        for (size_t i = 0; i < statements->n_texts; i++)
                free(statements->texts[i].text);
        statement_sample_done(&statements->sample);
        *statements = (WatchStatements){};
}

static History *history_of(const Target *target) {
        return target->engine->history;
}

/* That may lie between two samples. */
static usec_t longest_of(const Target *target) {
        return GAP_INTERVALS * target->settings.intervals.catalog;
}

static usec_t hour_width(const Target *target) {
        const PhaseRecord *record = &target->watch.record;

        return phase_hour_width(record->state == PHASE_WATCHING ? record->ends_at - record->started_at
                                                                : target->settings.phase.duration);
}

static void on_hour(void *userdata, const HistoryStatement *rows, size_t n) {
        Target *target = userdata;
        usec_t oldest = usec_since(rows[0].hour,
                                   DAYS_KEPT * PHASE_HOURS * target->watch.statements.hours.width);

        if (history_add_statements(history_of(target), target->view.name, rows, n, oldest) < 0)
                log_oom();
}

int watch_load_statements(Target *target) {
        WatchStatements *statements = &target->watch.statements;
        const char *kept = history_get(history_of(target), target->view.name, KEY_SAMPLE);
        int r;

        statement_sample_done(&statements->sample);
        r = kept ? statement_sample_parse(kept, &statements->sample, &statements->hours) : 0;
        return r == -ENOMEM ? r : 0;
}

static int keep_sample(const Target *target) {
        const WatchStatements *statements = &target->watch.statements;
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        int r = statement_sample_format(&statements->sample, &statements->hours, &text);

        return r < 0 ? r : history_set(history_of(target), target->view.name, KEY_SAMPLE, buffer_text(&text));
}

static int read_counters(const Table *table, StatementSample *sample) {
        sample->counters = calloc(table->n_rows + 1, sizeof(*sample->counters));
        if (!sample->counters)
                return -ENOMEM;
        for (size_t row = 0; row < table->n_rows; row++) {
                HistoryStatement counter = {
                        .queryid = strtoll(table_text(table, row, "queryid"), NULL, 10),
                        .calls = table_int(table, row, "calls"),
                        .total_ms = 1000 * table_get(table, row, "seconds")->number,
                };

                if (counter.queryid != 0)
                        sample->counters[sample->n++] = counter;
        }
        return 0;
}

/* Counters are of the same entries while the same database answers, nothing was reset and nothing thrown out.
 */
static int read_sample(const Target *target, const Table *table, const Table *summary, StatementSample *ret) {
        const char *since = table_text(summary, 0, "since");
        _cleanup_(freep) char *own = str_format("%" PRId64 " evictions since %s",
                                                table_int(summary, 0, "evictions"), since ? since : "");

        ret->at = (usec_t)table_int(summary, 0, "sampled_at");
        ret->epoch = own ? watch_epoch(target, own) : NULL;
        return ret->epoch ? read_counters(table, ret) : -ENOMEM;
}

static int add_sample(Target *target, const Table *table, const Table *summary) {
        WatchStatements *statements = &target->watch.statements;
        _cleanup_(statement_sample_done) StatementSample sample = {};
        _cleanup_(freep) HistoryStatement *deltas = NULL;
        StatementSpan span;
        int r = read_sample(target, table, summary, &sample);

        if (r < 0 || sample.at == statements->sample.at)
                return r;
        r = statement_sample_since(&statements->sample, &sample, &deltas, &span);
        if (r < 0)
                return r;
        span.longest = longest_of(target);
        statement_hours_set_width(&statements->hours, hour_width(target));
        statement_hours_add(&statements->hours, &span, on_hour, target);
        SWAP(statements->sample, sample);
        return keep_sample(target);
}

static const char *text_of(const WatchStatements *statements, int64_t queryid) {
        for (size_t i = 0; i < statements->n_texts; i++)
                if (statements->texts[i].queryid == queryid)
                        return statements->texts[i].text;
        return NULL;
}

static int add_text(WatchStatements *statements, int64_t queryid, const char *text) {
        WatchText new = {.queryid = queryid};

        if (text_of(statements, queryid))
                return 0;
        if (str_set(&new.text, text) < 0)
                return -ENOMEM;
        if (statements->n_texts == WATCH_TEXTS)
                free(statements->texts[--statements->n_texts].text);
        memmove(&statements->texts[1], statements->texts, statements->n_texts * sizeof(new));
        statements->texts[0] = new;
        statements->n_texts++;
        return 0;
}

/* A statement that the server has forgotten has no text: it is not asked for again and again. */
static void take_texts(WatchStatements *statements, const Table *table) {
        size_t n = 0;

        for (size_t row = 0; table && row < table->n_rows; row++)
                if (add_text(statements, table_int(table, row, "queryid"), table_text(table, row, "text")) <
                    0)
                        log_oom();
        if (++statements->n_asked < ASKED_MAX)
                for (size_t i = 0; i < statements->n_wanted; i++)
                        if (!text_of(statements, statements->wanted[i]))
                                statements->wanted[n++] = statements->wanted[i];
        statements->n_wanted = n;
}

/* A look that failed shows the sample of before, and none is taken until what was kept is known: the next one
 * has all that was called since. */
void watch_take_statements(Target *target, const Job *job) {
        const Table *table = watch_table(job, "seconds"), *summary = watch_table(job, "sampled_at");

        if (target->watch.statements.n_wanted > 0)
                take_texts(&target->watch.statements, watch_table(job, "text"));
        if (target->watch.is_begun && table && summary && summary->n_rows == 1 &&
            add_sample(target, table, summary) < 0)
                log_oom();
}

static int sum_up(const PhaseRecord *record, size_t n_hours, const HistoryStatement *rows, size_t n,
                  Performance *ret) {
        _cleanup_(statement_cells_done) StatementCells cells = {};
        int r = statement_cells_make(phase_hour(record, -PHASE_BASELINE_DAYS, 0),
                                     phase_hour_width(record->ends_at - record->started_at), rows, n, &cells);

        if (r < 0)
                return r;
        return performance(&(PerformanceInput){.statements = cells.series,
                                               .n_statements = cells.n_series,
                                               .n_days = PHASE_BASELINE_DAYS,
                                               .n_hours = n_hours,
                                               .void_hours = cells.void_hours,
                                               .is_shifted = phase_hours_are_shifted(record)},
                           ret);
}

/* For the chart; what ended while nobody was there to see it stays a gap. */
static void sample_indexes(Target *target, size_t from, const Performance *result) {
        const PhaseRecord *record = &target->watch.record;

        for (size_t i = from; i < result->n_hours; i++)
                if (!isnan(result->indexes[i]))
                        (void)history_sample(history_of(target), target->view.name, "performance",
                                             phase_hour(record, 0, i), result->indexes[i]);
}

static void want_texts(WatchStatements *statements) {
        statements->n_wanted = statements->n_asked = 0;
        for (size_t i = 0; i < statements->result.n_moved; i++)
                if (!text_of(statements, statements->result.moved[i].queryid))
                        statements->wanted[statements->n_wanted++] = statements->result.moved[i].queryid;
}

static bool has_result(const Watch *watch) {
        return watch->record.started_at > 0 && watch->statements.started_at == watch->record.started_at;
}

static void on_read(void *userdata, int r, const HistoryStatement *rows, size_t n) {
        _cleanup_(freep) WatchReading *reading = userdata;
        Target *target = reading->target;
        WatchStatements *statements = target ? &target->watch.statements : NULL;
        Performance result;

        if (!target)
                return;
        statements->reading = NULL;
        if (r < 0 || target->watch.record.started_at != reading->started_at || !history_of(target))
                return;
        if (sum_up(&target->watch.record, reading->n_hours, rows, n, &result) < 0) {
                log_oom();
                return;
        }
        if (has_result(&target->watch))
                sample_indexes(target, statements->result.n_hours, &result);
        statements->result = result;
        statements->started_at = reading->started_at;
        want_texts(statements);
}

/* An hour is looked at when a sample has ended it, or when none came in time: it is void then. */
static size_t hours_seen(const Target *target, usec_t realtime) {
        usec_t late = usec_since(realtime, longest_of(target)), seen = target->watch.statements.sample.at;

        return phase_hours_ended(&target->watch.record, seen > late ? seen : late);
}

void watch_read_statements(Target *target, usec_t realtime) {
        Watch *watch = &target->watch;
        const PhaseRecord *record = &watch->record;
        size_t n_hours = hours_seen(target, realtime);
        const Performance *known = has_result(watch) ? &watch->statements.result : NULL;
        WatchReading *reading;

        if (record->state != PHASE_WATCHING || watch->statements.reading ||
            (known && known->n_hours >= n_hours))
                return;
        reading = calloc(1, sizeof(*reading));
        if (!reading) {
                log_oom();
                return;
        }
        *reading = (WatchReading){target, record->started_at, n_hours};
        watch->statements.reading = reading;
        if (history_read_statements(history_of(target), target->view.name,
                                    phase_hour(record, -PHASE_BASELINE_DAYS, 0),
                                    phase_hour(record, 0, n_hours), on_read, reading) >= 0)
                return;
        watch->statements.reading = NULL;
        free(reading);
}

/* Why there is nothing to compare, as part of a sentence; NULL: not for want of it. Owned. */
static int find_lack(const Target *target, char **ret) {
        for (size_t i = 0; i < target->view.n_findings; i++) {
                const Finding *finding = &target->view.findings[i];
                size_t length = finding->summary ? strlen(finding->summary) : 0;

                if (finding->kind != KIND_STATEMENTS || finding->status != STATUS_SKIPPED || length == 0)
                        continue;
                if (str_set(ret, finding->summary) < 0)
                        return -ENOMEM;
                (*ret)[0] = (char)tolower((unsigned char)(*ret)[0]);
                if ((*ret)[length - 1] == '.')
                        (*ret)[length - 1] = '\0';
                return 0;
        }
        return 0;
}

static bool is_history_there(const Target *target) {
        HistoryStatus status;

        history_status(history_of(target), &status);
        return status.state != HISTORY_OFF && status.is_loaded;
}

static void name_moved(const WatchStatements *statements, Performance *result) {
        for (size_t i = 0; i < result->n_moved; i++)
                result->moved[i].text = text_of(statements, result->moved[i].queryid);
}

int watch_fill_performance(Target *target, usec_t realtime, WatchInputs *ret) {
        const Watch *watch = &target->watch;
        bool is_known = has_result(watch);
        int r = 0;

        ret->performance = is_known ? watch->statements.result
                                    : (Performance){.status = STATUS_UNKNOWN, .cause = PERFORMANCE_UNREAD};
        if (!is_known && !is_history_there(target)) {
                ret->inputs.performance_absent = "no history is kept";
                return 0;
        }
        if (ret->performance.cause == PERFORMANCE_NO_BASELINE) {
                r = find_lack(target, &ret->performance_absent);
                ret->inputs.performance_absent = ret->performance_absent;
        }
        if (ret->performance_absent)
                return r;
        name_moved(&watch->statements, &ret->performance);
        ret->inputs.performance = &ret->performance;
        if (ret->performance.cause != PERFORMANCE_NO_BASELINE)
                ret->inputs.is_awaited = !is_known || watch->statements.n_wanted > 0 ||
                                         ret->performance.n_hours <
                                                 phase_hours_ended(&watch->record, realtime);
        return r;
}
