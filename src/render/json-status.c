/* /api/v1/status: everything that is known, of every target.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include "findings.h"
#include "format.h"
#include "json-phase.h"

static const char *const reach_names[] = {
        [REACH_STARTING] = "starting",       [REACH_OK] = "ok",         [REACH_FAILING] = "failing",
        [REACH_UNREACHABLE] = "unreachable", [REACH_CONFIG] = "config",
};

static void write_server(JsonWriter *json, const ServerFacts *server) {
        _cleanup_(buffer_done) Buffer version = {};

        if (!server || server->version_num == 0) {
                writer_null(json, "server");
                return;
        }
        buffer_printf(&version, "%d.%d", server->version_num / 10000, server->version_num % 10000);
        writer_open(json, "server", '{');
        writer_text(json, "version", buffer_text(&version));
        writer_bool(json, "in_recovery", server->in_recovery);
        writer_text(json, "role", server->role);
        writer_close(json, '}');
}

static void write_health(JsonWriter *json, const Health *health) {
        writer_open(json, "health", '{');
        writer_int(json, "code", health->code);
        writer_text(json, "state", health->state);
        writer_text(json, "status", status_name(health->status));
        writer_bool(json, "verified", health->verified);
        writer_seconds(json, "age_s", health->has_age ? health->age : USEC_INFINITY);
        writer_seconds(json, "max_age_s", health->max_age);
        writer_close(json, '}');
}

/* What each fail_on would have made of the last 7 days; null where nothing was observed. */
static void write_rehearsal(JsonWriter *json, const TargetView *target, usec_t realtime) {
        if (!target->rehearsal) {
                writer_null(json, "rehearsal");
                return;
        }
        writer_open(json, "rehearsal", '{');
        writer_seconds(json, "window_s", REHEARSAL_WINDOW);
        writer_seconds(json, "observed_s", rehearsal_sum(target->rehearsal, FAIL_ON_GATE, realtime).observed);
        writer_open(json, "fail_on", '[');
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++) {
                RehearsalSum sum = rehearsal_sum(target->rehearsal, fail_on, realtime);

                writer_open(json, NULL, '{');
                writer_text(json, "fail_on", fail_on_name(fail_on));
                writer_seconds(json, "code_503_s", sum.refused);
                writer_text(json, "because", sum.why);
                writer_bool(json, "because_only", sum.is_only);
                writer_time(json, "last_at", sum.last_at);
                writer_close(json, '}');
        }
        writer_close(json, ']');
        writer_close(json, '}');
}

static void write_schedule(JsonWriter *json, const TargetView *target, usec_t boottime) {
        writer_open(json, "schedule", '[');
        for (size_t i = 0; i < target->n_runs; i++) {
                const CheckRun *run = &target->runs[i];
                bool is_due_known = run->next_due != 0 && run->next_due != USEC_INFINITY;

                if (run->kind->asks_nothing)
                        continue;
                writer_open(json, NULL, '{');
                writer_text(json, "check", run->kind->name);
                writer_seconds(json, "interval_s", check_run_interval(target, run->kind));
                writer_seconds(json, "next_in_s",
                               is_due_known ? usec_since(run->next_due, boottime) : USEC_INFINITY);
                writer_int(json, "runs", (int64_t)run->runs);
                writer_int(json, "failures", (int64_t)check_run_failures(run));
                writer_time(json, "last_success_at", run->last_success_at);
                writer_close(json, '}');
        }
        writer_close(json, ']');
}

static void write_rows(JsonWriter *json, const Table *table) {
        for (size_t row = 0; row < table->n_rows; row++) {
                writer_open(json, NULL, '{');
                for (size_t i = 0; i < table->shape->n_fields; i++)
                        if (table->shape->fields[i].role != FIELD_HIDDEN)
                                writer_value(json, table->shape->fields[i].name,
                                             &table->cells[row * table->shape->n_fields + i]);
                writer_close(json, '}');
        }
}

static bool was_written(const TargetView *target, size_t index) {
        for (size_t i = 0; i < index; i++)
                if (str_equal(target->tables[i]->shape->name, target->tables[index]->shape->name))
                        return true;
        return false;
}

/* Two checks may publish rows of one shape: a key of an object stands once. */
static void write_tables(JsonWriter *json, const TargetView *target) {
        writer_open(json, "tables", '{');
        for (size_t i = 0; i < target->n_tables; i++) {
                const char *name = target->tables[i]->shape->name;

                if (was_written(target, i))
                        continue;
                writer_open(json, name, '[');
                for (size_t j = i; j < target->n_tables; j++)
                        if (str_equal(target->tables[j]->shape->name, name))
                                write_rows(json, target->tables[j]);
                writer_close(json, ']');
        }
        writer_close(json, '}');
}

static void write_target(JsonWriter *json, const TargetView *target, const Health *health, usec_t boottime,
                         usec_t realtime) {
        Scope scope = findings_scope(target->findings, target->n_findings);

        writer_open(json, NULL, '{');
        writer_text(json, "name", target->name);
        writer_text(json, "status", status_name(health->status));
        writer_text(json, "reach", reach_names[target->reach]);
        writer_text(json, "cause", target->cause == CAUSE_NONE ? NULL : cause_name(target->cause));
        writer_time(json, "since", target->reach_since);
        write_server(json, target->server);
        write_health(json, health);
        write_rehearsal(json, target, realtime);
        writer_scope(json, &scope);
        writer_text(json, "doing", target->doing);
        writer_phase(json, "phase", target, realtime);
        write_schedule(json, target, boottime);
        writer_open(json, "findings", '[');
        for (size_t i = 0; i < target->n_findings; i++)
                writer_finding(json, target->name, &target->findings[i]);
        writer_close(json, ']');
        write_tables(json, target);
        writer_close(json, '}');
}

int render_status_json(const View *view, usec_t boottime, usec_t realtime, Buffer *out) {
        static const HealthQuery plain = {.fail_on = FAIL_ON_GATE};
        JsonWriter json = {.out = out};
        Status worst = STATUS_SKIPPED;
        Tally tally = {};

        for (size_t i = 0; i < view->n_targets; i++) {
                Health health = health_of_target(view, view->targets[i], &plain, boottime);
                tally_add_target(&tally, view->targets[i], -1);
                worst = health.status > worst ? health.status : worst;
        }
        writer_open(&json, NULL, '{');
        writer_int(&json, "version", 1);
        writer_time(&json, "time", realtime);
        writer_text(&json, "status", status_name(worst == STATUS_SKIPPED ? STATUS_UNKNOWN : worst));
        writer_scope(&json, &tally.scope);
        writer_open(&json, "pgvigil", '{');
        writer_text(&json, "version", PGVIGIL_VERSION);
        writer_close(&json, '}');
        writer_open(&json, "targets", '[');
        for (size_t i = 0; i < view->n_targets; i++) {
                Health health = health_of_target(view, view->targets[i], &plain, boottime);
                write_target(&json, view->targets[i], &health, boottime, realtime);
        }
        writer_close(&json, ']');
        writer_close(&json, '}');
        return buffer_error(out);
}
