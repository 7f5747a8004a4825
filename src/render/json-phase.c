/* The monitoring phase as JSON: /api/v1/phase/TARGET, and what other answers say of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "json-phase.h"

#include "findings.h"
#include "pgvigil/render.h"

/* The name that the phase is about: of the batch its first migration; where none has begun, what is waited
 * for. One that was opened by hand is about none. */
static const char *migration_of(const TargetView *target) {
        const PhaseRecord *record = target->phase;
        const char *wanted = target->settings ? target->settings->phase.migration : NULL;

        if (record->batch.count > 0)
                return record->batch.items[0].name;
        return record->started_at > 0 || str_is_empty(wanted) ? NULL : wanted;
}

static void write_batch(JsonWriter *json, const char *key, const PhaseMigrations *list) {
        writer_open(json, key, '[');
        for (size_t i = 0; i < list->count; i++) {
                writer_open(json, NULL, '{');
                writer_text(json, "name", list->items[i].name);
                writer_time(json, "finished_at", list->items[i].finished_at);
                writer_close(json, '}');
        }
        writer_close(json, ']');
}

static void write_criteria(JsonWriter *json, const PhaseRecord *record) {
        writer_open(json, "criteria", '[');
        for (size_t i = 0; i < N_CRITERIA; i++) {
                const CriterionResult *result = &record->criteria[i];

                if (!result->reason)
                        continue;
                writer_open(json, NULL, '{');
                writer_text(json, "criterion", criterion_name((Criterion)i));
                writer_text(json, "status", status_name(result->status));
                writer_text(json, "reason", result->reason);
                writer_close(json, '}');
        }
        writer_close(json, ']');
}

static void write_events(JsonWriter *json, const PhaseRecord *record) {
        writer_open(json, "events", '[');
        for (size_t i = 0; i < record->n_events; i++) {
                const PhaseEvent *event = &record->events[i];

                writer_open(json, NULL, '{');
                writer_text(json, "event", phase_event_name(event->kind));
                writer_text(json, "object", event->object);
                writer_time(json, "from", event->from);
                writer_time(json, "to", event->to);
                if (event->kind == PHASE_EVENT_VIOLATED)
                        writer_int(json, "rows", event->rows);
                writer_close(json, '}');
        }
        writer_close(json, ']');
}

static void write_statements(JsonWriter *json, const PhaseRecord *record) {
        writer_open(json, "statements", '[');
        for (size_t i = 0; i < record->n_statements; i++) {
                const PhaseStatement *statement = &record->statements[i];

                writer_open(json, NULL, '{');
                writer_text(json, "statement", statement->text);
                writer_number(json, "before_ms", statement->before_ms);
                writer_number(json, "after_ms", statement->after_ms);
                writer_number(json, "effect", statement->effect);
                writer_close(json, '}');
        }
        writer_close(json, ']');
}

static void write_gaps(JsonWriter *json, const PhaseRecord *record) {
        writer_open(json, "gaps", '[');
        for (size_t i = 0; i < record->n_gaps; i++) {
                writer_open(json, NULL, '{');
                writer_time(json, "from", record->gaps[i].from);
                writer_time(json, "to", record->gaps[i].to);
                writer_close(json, '}');
        }
        writer_close(json, ']');
}

/* What was seen of the migration while it ran; null: nothing. */
static void write_run(JsonWriter *json, const PhaseRecord *record) {
        const PhaseRun *run = &record->run;

        if (run->last_seen == 0) {
                writer_null(json, "migration_run");
                return;
        }
        writer_open(json, "migration_run", '{');
        writer_time(json, "first_seen", run->first_seen);
        writer_time(json, "last_seen", run->last_seen);
        writer_seconds(json, "elapsed_s", run->elapsed > 0 ? run->elapsed : USEC_INFINITY);
        if (run->is_known)
                writer_int(json, "blocked_sessions", (int64_t)run->blocked);
        else
                writer_null(json, "blocked_sessions");
        writer_bool(json, "blocked_is_minimum", run->is_capped);
        writer_seconds(json, "longest_wait_s", run->is_known ? run->longest_wait : USEC_INFINITY);
        writer_text(json, "locked", run->locked);
        writer_close(json, '}');
}

void writer_phase_left(JsonWriter *json, const char *key, const PhaseRecord *record, usec_t realtime) {
        if (record && record->state == PHASE_WATCHING)
                writer_seconds(json, key, usec_since(record->ends_at, realtime));
        else
                writer_null(json, key);
}

static void write_state(JsonWriter *json, const TargetView *target, usec_t realtime) {
        const PhaseRecord *record = target->phase;

        writer_text(json, "target", target->name);
        writer_text(json, "state", phase_state_name(record->state));
        writer_text(json, "migration", migration_of(target));
        writer_time(json, "started_at", record->started_at);
        writer_time(json, "ends_at", record->ends_at);
        writer_time(json, "closed_at", record->closed_at);
        writer_phase_left(json, "remaining_s", record, realtime);
        writer_text(json, "verdict", phase_is_over(record) ? phase_state_name(record->state) : NULL);
}

void writer_phase(JsonWriter *json, const char *key, const TargetView *target, usec_t realtime) {
        const PhaseRecord *record = target->phase;

        if (!record) {
                writer_null(json, key);
                return;
        }
        writer_open(json, key, '{');
        write_state(json, target, realtime);
        writer_text(json, "note", record->note);
        writer_text(json, "cannot_pass", record->cannot_pass);
        write_criteria(json, record);
        write_statements(json, record);
        write_batch(json, "batch", &record->batch);
        write_run(json, record);
        write_events(json, record);
        write_gaps(json, record);
        writer_close(json, '}');
}

int render_phase_json(const TargetView *target, usec_t realtime, Buffer *out) {
        JsonWriter json = {.out = out};

        writer_phase(&json, NULL, target, realtime);
        buffer_add_char(out, '\n');
        return buffer_error(out);
}

static Status status_of(const PhaseRecord *record) {
        return record->state == PHASE_PASSED   ? STATUS_PASS
               : record->state == PHASE_FAILED ? STATUS_FAIL
                                               : STATUS_UNKNOWN;
}

int render_verdict_json(const TargetView *target, usec_t realtime, Buffer *out) {
        JsonWriter json = {.out = out};

        writer_open(&json, NULL, '{');
        writer_text(&json, "status", status_name(status_of(target->phase)));
        write_state(&json, target, realtime);
        writer_close(&json, '}');
        buffer_add_char(out, '\n');
        return buffer_error(out);
}

int render_series_json(const char *target, const char *series, const SeriesWindow *window, Buffer *out) {
        JsonWriter json = {.out = out};

        writer_open(&json, NULL, '{');
        writer_text(&json, "target", target);
        writer_text(&json, "series", series);
        writer_seconds(&json, "step_s", window->step);
        writer_open(&json, "points", '[');
        for (size_t i = 0; i < window->n_points; i++) {
                const SeriesPoint *point = &window->points[i];

                writer_open(&json, NULL, '{');
                writer_time(&json, "time", point->start);
                writer_int(&json, "count", point->count);
                if (point->count > 0) {
                        writer_number(&json, "mean", point->sum / point->count);
                        writer_number(&json, "min", point->min);
                        writer_number(&json, "max", point->max);
                        writer_number(&json, "sum", point->sum);
                }
                writer_close(&json, '}');
        }
        writer_close(&json, ']');
        writer_close(&json, '}');
        buffer_add_char(out, '\n');
        return buffer_error(out);
}

int render_history_json(const char *target, char *const *names, const EventText *events, size_t n,
                        Buffer *out) {
        JsonWriter json = {.out = out};

        writer_open(&json, NULL, '{');
        writer_text(&json, "target", target);
        writer_open(&json, "series", '[');
        for (; names && *names; names++)
                writer_text(&json, NULL, *names);
        writer_close(&json, ']');
        writer_open(&json, "events", '[');
        for (size_t i = 0; i < n; i++) {
                writer_open(&json, NULL, '{');
                writer_time(&json, "time", events[i].at);
                writer_text(&json, "kind", events[i].kind);
                writer_text(&json, "text", events[i].text);
                writer_close(&json, '}');
        }
        writer_close(&json, ']');
        writer_close(&json, '}');
        buffer_add_char(out, '\n');
        return buffer_error(out);
}
