/* The one list as JSON, and what the other renderings of findings share.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "findings.h"

#include <errno.h>

#include "pgvigil/render.h"

void tally_add(Tally *tally, const Finding *finding) {
        Scope scope = findings_scope(finding, 1);

        tally->by_status[finding->status]++;
        tally->scope.checked += scope.checked;
        tally->scope.total += scope.total;
        tally->scope.unknown += scope.unknown;
        tally->scope.violations += scope.violations;
}

void tally_add_target(Tally *tally, const TargetView *target, int kind) {
        if (target->n_findings == 0)
                tally->has_blank = true;
        for (size_t i = 0; i < target->n_findings; i++)
                if (kind < 0 || (int)target->findings[i].kind == kind)
                        tally_add(tally, &target->findings[i]);
}

Status tally_status(const Tally *tally) {
        Status worst = tally->has_blank ? STATUS_UNKNOWN : STATUS_SKIPPED;

        for (Status status = STATUS_FAIL; status > worst; status--)
                if (tally->by_status[status] > 0)
                        worst = status;
        return worst == STATUS_SKIPPED ? STATUS_UNKNOWN : worst;
}

int finding_full_hint(const Finding *finding, char **ret) {
        _cleanup_(buffer_done) Buffer hint = {};

        if (str_is_empty(finding->hint) && str_is_empty(finding->repair)) {
                *ret = NULL;
                return 0;
        }
        buffer_add(&hint, finding->hint);
        if (hint.length > 0 && !str_is_empty(finding->repair))
                buffer_add_char(&hint, '\n');
        buffer_add(&hint, finding->repair);
        char *text = buffer_take(&hint);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

void writer_scope(JsonWriter *json, const Scope *scope) {
        writer_open(json, "scope", '{');
        writer_int(json, "checked", (int64_t)scope->checked);
        writer_int(json, "total", (int64_t)scope->total);
        writer_close(json, '}');
}

void writer_finding(JsonWriter *json, const char *target, const Finding *finding) {
        _cleanup_(freep) char *hint = NULL;

        if (finding_full_hint(finding, &hint) < 0)
                json->out->failed = true;
        writer_open(json, NULL, '{');
        writer_text(json, "target", target);
        writer_text(json, "kind", finding_kind_name(finding->kind));
        writer_text(json, "object", finding->object);
        writer_text(json, "name", finding->name);
        writer_text(json, "status", status_name(finding->status));
        writer_text(json, "summary", finding->summary);
        writer_text(json, "reason", reason_name(finding->reason));
        writer_value_number(json, "value", &finding->value);
        writer_text(json, "unit", finding->unit);
        writer_time(json, "since", finding->since);
        writer_time(json, "checked_at", finding->checked_at);
        writer_text(json, "method", finding->method);
        writer_text(json, "hint", hint);
        writer_text(json, "severity", severity_name(finding->severity));
        writer_bool(json, "gate", finding->gate);
        if (finding->keys) {
                writer_open(json, "keys", '[');
                for (char **key = finding->keys; *key; key++)
                        writer_text(json, NULL, *key);
                writer_close(json, ']');
        }
        writer_close(json, '}');
}

void rehearsal_add_claim(Buffer *out, const RehearsalText *text) {
        bool is_plain = str_equal(text->fail_on, fail_on_name(FAIL_ON_GATE));

        if (!is_plain)
                buffer_printf(out, "with fail_on=%s ", text->fail_on);
        if (text->refused == 0) {
                buffer_add(out, is_plain ? "this URL was never 503" : "it would never have been 503");
                return;
        }
        buffer_add(out, is_plain ? "this URL was 503 for " : "it would have been 503 for ");
        buffer_add_usec_human(out, text->refused);
        buffer_printf(out, ", %sbecause %s", text->is_only ? "" : "most of it ",
                      text->because ? text->because : "of what is not known");
}

/* The kind that the filter names: -1 for any, N_FINDING_KINDS for one that does not exist. */
static int filter_kind(const FindingFilter *filter) {
        if (!filter->kind)
                return -1;
        int kind = finding_kind_from_name(filter->kind);
        return kind < 0 ? N_FINDING_KINDS : kind;
}

static bool filter_takes_target(const FindingFilter *filter, const TargetView *target) {
        return !filter->target || str_equal(filter->target, target->name);
}

static bool filter_takes(const FindingFilter *filter, int kind, const Finding *finding) {
        return (kind < 0 || (int)finding->kind == kind) &&
               (!filter->status || str_equal(filter->status, status_name(finding->status)));
}

int render_findings_json(const View *view, const FindingFilter *filter, usec_t realtime, Buffer *out) {
        static const FindingFilter no_filter = {};
        JsonWriter json = {.out = out};
        Tally tally = {};

        filter = filter ? filter : &no_filter;
        int kind = filter_kind(filter);
        for (size_t i = 0; i < view->n_targets; i++)
                if (filter_takes_target(filter, view->targets[i]))
                        tally_add_target(&tally, view->targets[i], kind);
        writer_open(&json, NULL, '{');
        writer_int(&json, "version", 1);
        writer_time(&json, "time", realtime);
        writer_text(&json, "status", status_name(tally_status(&tally)));
        writer_scope(&json, &tally.scope);
        writer_open(&json, "findings", '[');
        for (size_t i = 0; i < view->n_targets; i++) {
                const TargetView *target = view->targets[i];
                if (!filter_takes_target(filter, target))
                        continue;
                for (size_t j = 0; j < target->n_findings; j++)
                        if (filter_takes(filter, kind, &target->findings[j]))
                                writer_finding(&json, target->name, &target->findings[j]);
        }
        writer_close(&json, ']');
        writer_close(&json, '}');
        return buffer_error(out);
}
