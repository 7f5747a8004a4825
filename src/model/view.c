/* View: looking things up in it, and what a list of findings adds up to.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/view.h"

#define MAX_AGE_LEAST     (30 * USEC_PER_SEC)
#define MAX_AGE_INTERVALS 3

static const char *const cause_names[N_CAUSES] = {
        [CAUSE_NONE] = "none",         [CAUSE_REFUSED] = "refused", [CAUSE_TIMEOUT] = "timeout",
        [CAUSE_AUTH] = "auth",         [CAUSE_SLOTS] = "slots",     [CAUSE_STARTING_UP] = "starting_up",
        [CAUSE_DNS] = "dns",           [CAUSE_TLS] = "tls",         [CAUSE_ROLE] = "role",
        [CAUSE_DATABASE] = "database", [CAUSE_LOST] = "lost",       [CAUSE_CONFIG] = "config",
};

const char *cause_name(Cause cause) {
        return cause_names[cause];
}

const TargetView *view_target(const View *view, const char *name) {
        for (size_t i = 0; i < view->n_targets; i++)
                if (str_equal(view->targets[i]->name, name))
                        return view->targets[i];
        return NULL;
}

Status findings_worst(const Finding *findings, size_t n) {
        Status worst = STATUS_SKIPPED;

        for (size_t i = 0; i < n; i++)
                if (findings[i].status > worst)
                        worst = findings[i].status;
        return worst == STATUS_SKIPPED ? STATUS_UNKNOWN : worst;
}

/* The value of both kinds is the number of rows that break the rule. */
static int64_t finding_violations(const Finding *finding) {
        if (finding->kind != KIND_CONSTRAINT && finding->kind != KIND_FOREIGN_KEY)
                return 0;
        if (finding->value.kind != VALUE_INT || finding->value.integer < 0)
                return 0;
        return finding->value.integer;
}

/* Advice is of no object, so there is nothing that was checked; that it could not be seen counts. */
static bool is_in_scope(const Finding *finding) {
        return finding->status != STATUS_SKIPPED && !(finding->is_advice && finding->status == STATUS_PASS);
}

Scope findings_scope(const Finding *findings, size_t n) {
        Scope scope = {};

        for (size_t i = 0; i < n; i++) {
                if (!is_in_scope(&findings[i]))
                        continue;
                scope.total++;
                if (findings[i].status == STATUS_UNKNOWN)
                        scope.unknown++;
                else
                        scope.checked++;
                if (__builtin_add_overflow(scope.violations, finding_violations(&findings[i]),
                                           &scope.violations))
                        scope.violations = INT64_MAX;
        }
        return scope;
}

usec_t target_max_age(const TargetSettings *settings) {
        usec_t age;

        if (settings->limits.max_age > 0)
                return settings->limits.max_age;
        if (__builtin_mul_overflow(settings->intervals.activity, (usec_t)MAX_AGE_INTERVALS, &age))
                return USEC_INFINITY;
        return age > MAX_AGE_LEAST ? age : MAX_AGE_LEAST;
}
