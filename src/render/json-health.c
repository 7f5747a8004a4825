/* The body of a health answer. Made at each request.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include <errno.h>
#include <string.h>

#include "findings.h"

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

/* By kind, then name; of one key in the order of the View (one array). */
static int compare_findings(const void *a, const void *b) {
        const Finding *left = *(const Finding *const *)a, *right = *(const Finding *const *)b;
        int r = compare_keys(left, right);

        if (r != 0)
                return r;
        return left < right ? -1 : left > right;
}

static void write_check(JsonWriter *json, const Finding *finding, usec_t boottime) {
        bool was_seen = finding->checked_boottime != 0;

        writer_open(json, NULL, '{');
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

/* An object of arrays: constraints of several tables may share a name. */
static int write_checks(JsonWriter *json, const TargetView *target, const HealthQuery *query,
                        usec_t boottime) {
        _cleanup_(freep) const Finding **sorted = calloc(target->n_findings + 1, sizeof(*sorted));
        size_t n = 0;

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < target->n_findings; i++)
                if (query_takes(query, &target->findings[i]))
                        sorted[n++] = &target->findings[i];
        qsort(sorted, n, sizeof(*sorted), compare_findings);
        writer_open(json, "checks", '{');
        for (size_t i = 0; i < n; i++) {
                bool is_first = i == 0 || compare_keys(sorted[i - 1], sorted[i]) != 0;
                if (is_first && i > 0)
                        writer_close(json, ']');
                if (is_first)
                        write_check_key(json, sorted[i]);
                write_check(json, sorted[i], boottime);
        }
        if (n > 0)
                writer_close(json, ']');
        writer_close(json, '}');
        return 0;
}

int render_health_json(const Health *health, const TargetView *target, const HealthQuery *query,
                       usec_t boottime, usec_t realtime, Buffer *out) {
        JsonWriter json = {.out = out};

        writer_open(&json, NULL, '{');
        writer_text(&json, "status", status_name(health->status));
        writer_text(&json, "state", health->state);
        if (health->cause)
                writer_text(&json, "cause", health->cause);
        writer_text(&json, "target", target ? target->name : NULL);
        writer_bool(&json, "verified", health->verified);
        writer_seconds(&json, "age_s", health->has_age ? health->age : USEC_INFINITY);
        writer_seconds(&json, "max_age_s", health->max_age);
        writer_scope(&json, &health->scope);
        writer_int(&json, "violations", health->scope.violations);
        writer_int(&json, "unknown", (int64_t)health->scope.unknown);
        writer_null(&json, "phase");
        writer_null(&json, "phase_remaining_s");
        writer_time(&json, "time", realtime);
        if (query->verbose && target) {
                int r = write_checks(&json, target, query, boottime);
                if (r < 0)
                        return r;
        }
        writer_close(&json, '}');
        return buffer_error(out);
}
