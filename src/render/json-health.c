/* The body of a health answer. Made at each request.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include <errno.h>
#include <string.h>

#include "findings.h"
#include "json-phase.h"

static bool finding_is_called(const Finding *finding, const char *check) {
        return str_equal(finding->name, check) || str_equal(finding_kind_name(finding->kind), check);
}

static bool query_takes(const HealthQuery *query, const Finding *finding) {
        if (!query)
                return true;
        if (query->check && !finding_is_called(finding, query->check))
                return false;
        for (char *const *check = query->exclude; check && *check; check++)
                if (finding_is_called(finding, *check))
                        return false;
        return true;
}

static int compare_keys(const Finding *left, const Finding *right) {
        if (left->kind != right->kind)
                return left->kind < right->kind ? -1 : 1;
        return strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

typedef struct Check {
        const TargetView *target;
        const Finding *finding;
        size_t order; /* as it came: of one key in the order of the View */
} Check;

/* By kind, then name (one array). */
static int compare_checks(const void *a, const void *b) {
        const Check *left = a, *right = b;
        int r = compare_keys(left->finding, right->finding);

        if (r != 0)
                return r;
        return left->order < right->order ? -1 : left->order > right->order;
}

static void write_check(JsonWriter *json, const Check *check, bool names_target, usec_t boottime) {
        const Finding *finding = check->finding;
        bool was_seen = finding->checked_boottime != 0;

        writer_open(json, NULL, '{');
        if (names_target)
                writer_text(json, "target", check->target->name);
        writer_text(json, "status", status_name(finding->status));
        writer_text(json, "severity", severity_name(finding->severity));
        writer_value_number(json, "observedValue", &finding->value);
        writer_text(json, "observedUnit", finding->unit);
        writer_time(json, "time", finding->checked_at);
        writer_seconds(json, "age_s",
                       was_seen ? usec_since(boottime, finding->checked_boottime) : USEC_INFINITY);
        writer_text(json, "output", finding->summary);
        writer_close(json, '}');
}

static void write_check_key(JsonWriter *json, const Finding *finding) {
        _cleanup_(buffer_done) Buffer key = {};

        buffer_printf(&key, "%s:", finding_kind_name(finding->kind));
        buffer_add(&key, finding->name);
        if (buffer_error(&key) < 0)
                json->out->failed = true;
        writer_open(json, buffer_text(&key), '[');
}

static size_t add_checks(const TargetView *target, const HealthQuery *query, Check *checks, size_t n) {
        for (size_t i = 0; i < target->n_findings; i++)
                if (query_takes(query, &target->findings[i])) {
                        checks[n] = (Check){target, &target->findings[i], n};
                        n++;
                }
        return n;
}

static int sort_checks(const HealthSubject *subject, const HealthQuery *query, Check **ret, size_t *ret_n) {
        TargetView *const one[] = {(TargetView *)subject->target};
        TargetView *const *targets = subject->target ? one : subject->view->targets;
        size_t n_targets = subject->target ? 1 : subject->view->n_targets, total = 0, n = 0;
        Check *checks;

        for (size_t i = 0; i < n_targets; i++)
                total += targets[i]->n_findings;
        checks = calloc(total + 1, sizeof(*checks));
        if (!checks)
                return -ENOMEM;
        for (size_t i = 0; i < n_targets; i++)
                if (subject->target || target_is_counted(targets[i]))
                        n = add_checks(targets[i], query, checks, n);
        qsort(checks, n, sizeof(*checks), compare_checks);
        *ret = checks;
        *ret_n = n;
        return 0;
}

/* An object of arrays: constraints of several tables, and of several targets, may share a name. */
static int write_checks(JsonWriter *json, const HealthSubject *subject, const HealthQuery *query,
                        usec_t boottime) {
        _cleanup_(freep) Check *checks = NULL;
        size_t n;
        int r = sort_checks(subject, query, &checks, &n);

        if (r < 0)
                return r;
        writer_open(json, "checks", '{');
        for (size_t i = 0; i < n; i++) {
                bool is_first = i == 0 || compare_keys(checks[i - 1].finding, checks[i].finding) != 0;
                if (is_first && i > 0)
                        writer_close(json, ']');
                if (is_first)
                        write_check_key(json, checks[i].finding);
                write_check(json, &checks[i], !subject->target, boottime);
        }
        if (n > 0)
                writer_close(json, ']');
        writer_close(json, '}');
        return 0;
}

int render_health_json(const Health *health, const HealthSubject *subject, const HealthQuery *query,
                       usec_t boottime, usec_t realtime, Buffer *out) {
        const PhaseRecord *phase = subject->target ? subject->target->phase : NULL;
        JsonWriter json = {.out = out};

        writer_open(&json, NULL, '{');
        writer_text(&json, "status", status_name(health->status));
        writer_text(&json, "state", health->state);
        if (health->cause)
                writer_text(&json, "cause", health->cause);
        writer_text(&json, "target", subject->target ? subject->target->name : NULL);
        writer_bool(&json, "verified", health->verified);
        writer_seconds(&json, "age_s", health->has_age ? health->age : USEC_INFINITY);
        writer_seconds(&json, "max_age_s", health->max_age);
        writer_scope(&json, &health->scope);
        writer_int(&json, "violations", health->scope.violations);
        writer_int(&json, "unknown", (int64_t)health->scope.unknown);
        writer_text(&json, "phase", phase ? phase_state_name(phase->state) : NULL);
        writer_phase_left(&json, "phase_remaining_s", phase, realtime);
        writer_time(&json, "time", realtime);
        if (query->verbose) {
                int r = write_checks(&json, subject, query, boottime);
                if (r < 0)
                        return r;
        }
        writer_close(&json, '}');
        return buffer_error(out);
}
