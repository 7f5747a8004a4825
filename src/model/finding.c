/* Finding: its words, its rule, its identity. How a status is made is in finding-settle.c.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/finding.h"

static const char *const status_names[] = {
        [STATUS_SKIPPED] = "skipped", [STATUS_PASS] = "pass", [STATUS_WARN] = "warn",
        [STATUS_UNKNOWN] = "unknown", [STATUS_FAIL] = "fail",
};

static const char *const severity_names[] = {
        [SEVERITY_INFO] = "info",
        [SEVERITY_WARNING] = "warning",
        [SEVERITY_CRITICAL] = "critical",
};

static const char *const kind_names[N_FINDING_KINDS] = {
#define FINDING_KIND(id, name, help) [KIND_##id] = name,
#include "pgvigil/model/finding-kinds.def"
#undef FINDING_KIND
};

static const struct {
        const char *name, *help;
} reasons[N_REASONS] = {
#define REASON(id, name, help) [REASON_##id] = {name, help},
#include "pgvigil/model/reasons.def"
#undef REASON
};

const char *status_name(Status status) {
        return status_names[status];
}

const char *severity_name(Severity severity) {
        return severity_names[severity];
}

const char *finding_kind_name(FindingKind kind) {
        return kind_names[kind];
}

const char *reason_name(Reason reason) {
        return reasons[reason].name;
}

const char *reason_help(Reason reason) {
        return reasons[reason].help;
}

int finding_kind_from_name(const char *name) {
        for (int i = 0; i < N_FINDING_KINDS; i++)
                if (str_equal(kind_names[i], name))
                        return i;
        return -1;
}

int status_from_name(const char *name) {
        for (size_t i = 0; i < ELEMENTS(status_names); i++)
                if (str_equal(status_names[i], name))
                        return (int)i;
        return -1;
}

void rule_default(Rule *rule, Severity severity) {
        *rule = (Rule){
                .severity = severity, .enforced = true, .threshold = 1, .for_polls = 1, .clear_after = 1};
}

Severity rule_severity(const Rule *rule) {
        return rule->severity == SEVERITY_DEFAULT ? SEVERITY_CRITICAL : rule->severity;
}

void rule_done(Rule *rule) {
        free(rule->expected_after);
        *rule = (Rule){};
}

int rule_copy(const Rule *rule, Rule *ret) {
        Rule copy = *rule;
        int r;

        copy.expected_after = NULL;
        r = str_set(&copy.expected_after, rule->expected_after);
        if (r < 0)
                return r;
        *ret = copy;
        return 0;
}

void finding_done(Finding *finding) {
        free(finding->object);
        free(finding->name);
        free(finding->summary);
        free(finding->hint);
        free(finding->repair);
        strv_free(finding->keys);
        value_done(&finding->value);
        *finding = (Finding){};
}

void finding_apply_rule(Finding *finding, const Rule *rule) {
        finding->severity = rule_severity(rule);
        finding->severity_is_default = rule->severity == SEVERITY_DEFAULT;
        finding->gate = rule->gate;
        finding->threshold = rule->threshold;
        finding->for_polls = rule->for_polls;
        finding->clear_after = rule->clear_after;
}

/* An object that is there and was only not validated, or whose building failed, is mild. */
Severity finding_severity(const Finding *finding) {
        bool is_mild = finding->reason == REASON_NOT_VALID || finding->reason == REASON_INVALID;

        if (finding->severity_is_default && is_mild && finding->severity > SEVERITY_WARNING)
                return SEVERITY_WARNING;
        return finding->severity;
}

bool finding_same(const Finding *a, const Finding *b) {
        return a->kind == b->kind && str_equal(a->object, b->object) && str_equal(a->name, b->name);
}
