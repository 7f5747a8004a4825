/* Results into the view: findings are settled against what was known before, tables replaced,
 * the settling rule of /health carried forward. The only writer of a target's findings.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "apply.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log-ids.h"
#include "pgvigil/base/log.h"

static const char *const cause_hints[N_CAUSES] = {
        [CAUSE_REFUSED] = "Is the server running, and does it listen at that address?",
        [CAUSE_TIMEOUT] = "Is the server overloaded, stopped, or behind a firewall that drops packets?",
        [CAUSE_AUTH] = "Check user, password and pg_hba.conf; a new credential is read at the next attempt.",
        [CAUSE_SLOTS] = "All connection slots are taken; raise max_connections or find what holds them.",
        [CAUSE_STARTING_UP] = "The server is starting, stopping or recovering: wait.",
        [CAUSE_DNS] = "Check the host name and the name server.",
        [CAUSE_TLS] = "Set sslmode=require (or verify-full) and let the server offer TLS.",
        [CAUSE_DATABASE] = "Check dbname.",
        [CAUSE_LOST] = "The server's log says why it ended the connection.",
        [CAUSE_CONFIG] = "Check conninfo and the credential file.",
};

/* A round reports in nearly the order of the one before: each search goes on behind the last hit. */
static const Finding *find_same(const Finding *findings, size_t n, const Finding *finding, size_t *at) {
        for (size_t tries = 0; tries < n; tries++) {
                size_t i = (*at + tries) % n;

                if (!finding_same(&findings[i], finding))
                        continue;
                *at = i + 1;
                return &findings[i];
        }
        return NULL;
}

static bool breaks_gate(const Finding *finding) {
        return finding && finding->gate && finding->is_broken;
}

static int change_level(const Finding *finding) {
        if (breaks_gate(finding))
                return LOG_WARNING;
        switch (finding->status) {
        case STATUS_FAIL:
                return LOG_WARNING;
        case STATUS_WARN:
        case STATUS_UNKNOWN:
                return LOG_NOTICE;
        default:
                return LOG_INFO;
        }
}

/* One line a change: a state that goes on is not told again. The first sight of what passes is
 * no news, but where it breaks a gate. */
static void log_change(Target *target, const Finding *old, const Finding *finding) {
        LogFields fields = {
                .message_id = LOG_ID_FINDING_CHANGED,
                .target = target->view.name,
                .check = finding_kind_name(finding->kind),
                .reason = reason_name(finding->reason),
        };
        Status before = old ? old->status : STATUS_PASS;
        bool is_same = before == finding->status && (!old || old->reason == finding->reason);
        bool gate_turned = breaks_gate(old) != breaks_gate(finding);

        if (target->engine->options.once || (is_same && !gate_turned))
                return;
        if (finding->status <= STATUS_PASS && before <= STATUS_PASS && !gate_turned)
                return;
        watch_event(target, finding->since, "finding", "%s %s %s%s%s: %s", status_name(finding->status),
                    finding_kind_name(finding->kind), finding->object, str_is_empty(finding->name) ? "" : " ",
                    finding->name ? finding->name : "", finding->summary ? finding->summary : "");
        log_event(change_level(finding), &fields, "%s %s %s%s%s: %s%s", status_name(finding->status),
                  finding_kind_name(finding->kind), finding->object, str_is_empty(finding->name) ? "" : " ",
                  finding->name ? finding->name : "", finding->summary ? finding->summary : "",
                  breaks_gate(finding) ? " (gates traffic)" : "");
}

/* A check that says nothing of its results' age gets the rule: no result is good for ever. */
static usec_t default_max_age(const Job *job) {
        usec_t max_age = 3 * job->period;

        return max_age > 30 * USEC_PER_SEC ? max_age : 30 * USEC_PER_SEC;
}

static int settle(Target *target, const Job *job, Finding *finding, size_t *at, const usec_t now[2]) {
        const Finding *old = find_same(target->view.findings + job->first, job->count, finding, at);
        int r;

        if (finding->max_age == 0)
                finding->max_age = default_max_age(job);
        r = finding_settle(finding, old, now[0], now[1]);

        if (r >= 0)
                log_change(target, old, finding);
        return r;
}

/* A check that began anew and could see nothing does not take the place of what was known. */
static bool has_seen_nothing(const Job *job) {
        if (!job->is_blank || !job->is_news || job->count == 0)
                return false;
        for (size_t i = 0; i < job->report.n_findings; i++)
                if (job->report.findings[i].seen != SEEN_UNKNOWN)
                        return false;
        return job->report.n_findings > 0;
}

/* Moves what stays or comes of one job to the end of *findings. */
static void job_merge(Target *target, Job *job, Finding *findings, size_t *n, const usec_t now[2]) {
        size_t first = *n, at = 0;

        if (job->is_news) {
                for (size_t i = 0; i < job->report.n_findings; i++) {
                        Finding *finding = &job->report.findings[i];

                        if (settle(target, job, finding, &at, now) < 0)
                                log_oom();
                        findings[(*n)++] = *finding;
                        *finding = (Finding){};
                }
                for (size_t i = 0; i < job->count; i++)
                        finding_done(&target->view.findings[job->first + i]);
        } else if (job->count > 0) {
                memcpy(findings + *n, target->view.findings + job->first, job->count * sizeof(*findings));
                *n += job->count;
        }
        job->first = first;
        job->count = *n - first;
}

static void forget_report(Job *job) {
        report_done(&job->report);
        job->report = (Report){};
        job->has_report = job->is_news = false;
}

static void drop_blanks(Target *target) {
        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];

                if (has_seen_nothing(job))
                        forget_report(job);
                job->is_blank &= !job->is_news;
        }
}

static int merge_findings(Target *target, const usec_t now[2]) {
        size_t total = 0, n = 0;
        Finding *findings;

        drop_blanks(target);
        for (size_t i = 0; i < target->n_jobs; i++)
                total += target->jobs[i].is_news ? target->jobs[i].report.n_findings : target->jobs[i].count;

        findings = calloc(total + 1, sizeof(*findings));
        if (!findings)
                return -ENOMEM;
        for (size_t i = 0; i < target->n_jobs; i++)
                job_merge(target, &target->jobs[i], findings, &n, now);

        free(target->view.findings);
        target->view.findings = findings;
        target->view.n_findings = n;
        return 0;
}

/* A row carries its target from here on. */
static int job_take_tables(const Target *target, Job *job) {
        if (!job->is_news)
                return 0;
        for (size_t i = 0; i < job->report.n_tables; i++)
                if (str_set(&job->report.tables[i]->target, target->view.name) < 0)
                        return -ENOMEM;
        for (size_t i = 0; i < job->n_tables; i++)
                table_free(job->tables[i]);
        free(job->tables);
        job->tables = TAKE(job->report.tables);
        job->n_tables = job->report.n_tables;
        job->report.n_tables = 0;
        return 0;
}

static int merge_tables(Target *target) {
        size_t total = 0, n = 0;
        Table **tables;

        for (size_t i = 0; i < target->n_jobs; i++) {
                int r = job_take_tables(target, &target->jobs[i]);

                if (r < 0)
                        return r;
                total += target->jobs[i].n_tables;
        }

        tables = calloc(total + 1, sizeof(Table *));
        if (!tables)
                return -ENOMEM;
        for (size_t i = 0; i < target->n_jobs; i++)
                for (size_t k = 0; k < target->jobs[i].n_tables; k++)
                        tables[n++] = target->jobs[i].tables[k];

        free(target->view.tables);
        target->view.tables = tables;
        target->view.n_tables = n;
        return 0;
}

/* A job that ended without a report and never had one still leaves a finding: silence would
 * look like health. */
static int report_failures(Target *target) {
        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];
                Finding *finding;

                if (job->has_report || job->failed == REASON_OK || job->count > 0)
                        continue;
                finding = report_add(&job->report, KIND_CONNECTION, job->kind->name, "check");
                if (!finding)
                        return -ENOMEM;
                finding->seen = SEEN_UNKNOWN;
                finding->severity = SEVERITY_CRITICAL;
                finding->reason = job->failed;
                finding->summary = str_format("the check %s could not run", job->kind->name);
                job->has_report = true;
        }
        return 0;
}

/* What max_series cuts is a finding of the connection's job, which reports in every round. */
static int report_dropped(Target *target) {
        Job *job = target->n_jobs > 0 ? &target->jobs[0] : NULL;
        Finding *finding;
        int r = cap_series(target);

        if (r < 0)
                return r;
        if (!job || !job->has_report || target->view.series_dropped == 0)
                return 0;
        finding = report_add(&job->report, KIND_CONNECTION, target->view.name, "max_series");
        if (!finding)
                return -ENOMEM;
        finding->seen = SEEN_BREACH;
        finding->severity = SEVERITY_WARNING;
        finding->reason = REASON_OVER_LIMIT;
        finding->value = VALUE_OF_INT((int64_t)target->view.series_dropped);
        finding->unit = "series";
        finding->summary = str_format("%" PRIu64 " series of healthy objects are left out of /metrics by "
                                      "limits.max_series.",
                                      target->view.series_dropped);
        finding->hint = strdup("Raise limits.max_series, or exclude what need not be watched.");
        return 0;
}

static const HealthQuery plain = {.fail_on = FAIL_ON_GATE};

/* "503: unreachable, refused", "503: gated, constraint t positive: violated" */
static void add_code(const Target *target, const Health *health, Buffer *out) {
        size_t begin;

        buffer_printf(out, "%d: ", health->code);
        begin = out->length;
        buffer_printf(out, "%s%s%s", health->state, health->cause ? ", " : "",
                      health->cause ? health->cause : "");
        if (health->code == 503 && !health->cause) {
                _cleanup_(buffer_done) Buffer why = BUFFER_NULL;

                health_add_why(&target->view, &plain, health, &why);
                if (!str_equal(buffer_text(&why), buffer_text(out) + begin))
                        buffer_printf(out, ", %s", buffer_text(&why));
        }
}

static void log_code(Target *target, const Health *before, const Health *after, usec_t realtime) {
        LogFields fields = {
                .message_id = LOG_ID_HEALTH_CODE_CHANGED,
                .target = target->view.name,
                .reason = after->cause ? after->cause : after->state,
        };
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        if (before->code == after->code || target->engine->options.once)
                return;
        add_code(target, after, &text);
        watch_event(target, realtime, "health", "%s", buffer_text(&text));
        log_event(after->code == 503 ? LOG_WARNING : LOG_NOTICE, &fields, "/health/%s is now %s",
                  target->view.name, buffer_text(&text));
}

/* Whatever made it 503 by itself, a look or the time that went by without one: it is not taken back at the
 * first sign of life. */
static void hold_code(Target *target, usec_t boottime) {
        static const HealthQuery own = {.fail_on = FAIL_ON_GATE, .ignore_settling = true};
        const View *view = &target->engine->view;

        if (target->view.rounds > 0 && health_of_target(view, &target->view, &own, boottime).code == 503)
                health_settle(view, &target->view, false, boottime);
}

void apply_code(Target *target, usec_t boottime, usec_t realtime) {
        Health after;

        hold_code(target, boottime);
        after = health_of_target(&target->engine->view, &target->view, &plain, boottime);
        log_code(target, &target->last_health, &after, realtime);
        target->last_health = after;
        rehearse_look(target, boottime, realtime);
}

/* Carries the settling rule forward and tells of a change of code. */
static void apply_health(Target *target, usec_t boottime, usec_t realtime) {
        health_settle(&target->engine->view, &target->view, target->identity_changed, boottime);
        target->identity_changed = false;
        apply_code(target, boottime, realtime);
}

/* What is asked of no database is true of whatever server answers. */
static void disown_findings(Target *target) {
        for (size_t i = 0; target->system_changed && i < target->n_jobs; i++) {
                const Job *job = &target->jobs[i];

                for (size_t k = 0; !job->kind->ask && k < job->count; k++)
                        finding_disown(&target->view.findings[job->first + k]);
        }
        target->system_changed = false;
}

/* The reports of a round, or those beside it: half of a round never goes with the latter. */
static void mark_news(Target *target, bool is_beside) {
        for (size_t i = 0; i < target->n_jobs; i++) {
                Job *job = &target->jobs[i];

                job->is_news = job->has_report && is_beside == (job->kind->ask != NULL);
        }
}

static void forget_news(Target *target) {
        for (size_t i = 0; i < target->n_jobs; i++)
                if (target->jobs[i].is_news)
                        forget_report(&target->jobs[i]);
}

static void apply(Target *target, const usec_t now[2]) {
        int r = report_failures(target);

        disown_findings(target);
        mark_news(target, false);
        if (r < 0 || merge_tables(target) < 0 || report_dropped(target) < 0 ||
            merge_findings(target, now) < 0)
                log_oom();

        forget_news(target);
        apply_age(target, now[0], now[1]);
        apply_health(target, now[0], now[1]);
}

/* A gate that it breaks holds at once; that it is whole again counts with the next rounds, as of any
 * other finding. */
void apply_beside(Target *target, usec_t boottime, usec_t realtime) {
        const usec_t now[2] = {boottime, realtime};

        mark_news(target, true);
        if (merge_tables(target) < 0 || merge_findings(target, now) < 0)
                log_oom();
        forget_news(target);
        apply_age(target, boottime, realtime);
        if (target->view.rounds > 0)
                apply_code(target, boottime, realtime);
}

void apply_round(Target *target, usec_t boottime, usec_t realtime) {
        apply(target, (const usec_t[2]){boottime, realtime});
        watch_round(target, true, boottime, realtime);
}

/* The finding that says what an attempt came to, in the place of the connection check's own. */
static int report_attempt(Target *target, const char *text) {
        Job *job = &target->jobs[0];
        const Finding *old = job->count > 0 ? &target->view.findings[job->first] : NULL;
        const char *object = old ? old->object : target->view.name;
        Finding *finding = report_add(&job->report, KIND_CONNECTION, object, "connection");
        bool is_down = target->view.reach != REACH_FAILING;

        if (!finding)
                return -ENOMEM;
        finding->seen = is_down ? SEEN_BREACH : SEEN_UNKNOWN;
        finding->severity = SEVERITY_CRITICAL;
        finding->reason = target->view.reach == REACH_CONFIG ? REASON_CONFIG : REASON_UNREACHABLE;
        finding->summary = str_format("%s", text);
        finding->max_age = target_max_age(&target->settings);
        if (cause_hints[target->view.cause])
                finding->hint = strdup(cause_hints[target->view.cause]);
        job->has_report = true;
        return finding->summary ? 0 : -ENOMEM;
}

void apply_failure(Target *target, const char *text, usec_t boottime, usec_t realtime) {
        if (target->n_jobs > 0 && report_attempt(target, text) < 0)
                log_oom();
        apply(target, (const usec_t[2]){boottime, realtime});
        watch_round(target, false, boottime, realtime);
}

bool apply_age(Target *target, usec_t boottime, usec_t realtime) {
        bool changed = false;

        target->next_expiry = USEC_INFINITY;
        for (size_t i = 0; i < target->view.n_findings; i++) {
                Finding *finding = &target->view.findings[i];
                usec_t expires;

                changed |= finding_age(finding, boottime, realtime);
                expires = finding_expires(finding);
                if (expires < target->next_expiry)
                        target->next_expiry = expires;
        }
        return changed;
}
