/* The checklist, the words for a state, the schedule's numbers: what people read, in any form.
 *
 * The checklist follows the success criteria of a migration: one line for each kind of finding.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "findings.h"

/* `claim` is written only where every finding of the kind was seen to be in order. Without one the
 * findings called "status" say themselves what was looked at. */
static const struct {
        const char *title, *claim;
} criteria[N_FINDING_KINDS] = {
        [KIND_CONNECTION] = {"Connection", "reached, in the expected role"},
        [KIND_CONSTRAINT] = {"Constraints", "enforced, no row violates"},
        [KIND_FOREIGN_KEY] = {"Foreign keys", "enforced, acting as expected"},
        [KIND_INDEX] = {"Indexes", "in place and valid"},
        [KIND_MIGRATION] = {"Migrations", NULL},
        [KIND_CANARY] = {"Queries", "plans and times as configured"},
        [KIND_ACTIVITY] = {"Activity", "counted, not judged"},
        [KIND_STATEMENTS] = {"Statements", "tracked, not judged"},
        [KIND_APP] = {"Application", "its health check passes"},
        [KIND_BACKUP] = {"Backups", "fresh"},
        [KIND_PRIVILEGE] = {"Privileges", "what is needed, not more"},
};

/* Why a code is what it is, by the state; sorted. */
static const struct {
        const char *state, *why;
} whys[] = {
        {"config", "the connection settings cannot be used"},
        {"degraded", "something does not pass, but no rule that gates traffic is broken"},
        {"gated", "a rule with gate = true is broken"},
        {"healthy", "every counted check passed and is fresh"},
        {"restored", "the last verdict was read from disk, the first round is not done"},
        {"settling", "the code is held until two good rounds in a row"},
        {"stale", "no statement has completed within the allowed age"},
        {"starting", "no round has finished yet"},
        {"stopping", "the daemon is stopping"},
        {"unreachable", "the database cannot be reached, or is not in the expected role"},
        {"unverified", "a rule with gate = true cannot be checked, or nothing that counts was found"},
};

void target_add_server(Buffer *out, const TargetView *target) {
        const ServerFacts *server = target->server;

        if (target->reach != REACH_OK || !server || server->version_num == 0) {
                buffer_add(out, "not connected");
                if (target->cause != CAUSE_NONE)
                        buffer_printf(out, " (%s)", cause_name(target->cause));
                return;
        }
        buffer_printf(out, "PostgreSQL %d.%d, %s", server->version_num / 10000, server->version_num % 10000,
                      server->in_recovery ? "standby" : "primary");
}

bool finding_is_noted(const Finding *finding) {
        return finding->status == STATUS_PASS && (finding->seen == SEEN_BREACH || finding->is_advice);
}

void checklist_tally(const TargetView *target, KindTally ret_kinds[static N_FINDING_KINDS]) {
        for (size_t id = 0; id < N_FINDING_KINDS; id++)
                ret_kinds[id] = (KindTally){};
        for (size_t i = 0; i < target->n_findings; i++) {
                const Finding *finding = &target->findings[i];
                KindTally *kind = &ret_kinds[finding->kind];

                tally_add(&kind->tally, finding);
                kind->seen_ok += finding->status == STATUS_PASS && finding->seen == SEEN_OK;
                kind->noted += finding_is_noted(finding);
                kind->advised += finding_is_noted(finding) && finding->is_advice;
                if (!kind->worst || finding->status > kind->worst->status)
                        kind->worst = finding;
        }
}

const char *checklist_title(FindingKind kind) {
        return criteria[kind].title;
}

static void add_counts(Buffer *out, const KindTally *kind) {
        static const Status shown[] = {STATUS_FAIL, STATUS_UNKNOWN, STATUS_WARN, STATUS_SKIPPED};
        const size_t *by_status = kind->tally.by_status;
        size_t total = by_status[STATUS_PASS] + by_status[STATUS_WARN] + by_status[STATUS_UNKNOWN] +
                       by_status[STATUS_FAIL] - kind->advised;
        const char *separator = "; ";

        if (total == 0)
                separator = "";
        else
                buffer_printf(out, "%zu of %zu in order", by_status[STATUS_PASS] - kind->noted, total);
        if (kind->noted > 0)
                buffer_printf(out, "%s%zu noted only", separator, kind->noted);
        separator = kind->noted > 0 ? ", " : separator;
        for (size_t i = 0; i < ELEMENTS(shown); i++) {
                if (by_status[shown[i]] == 0)
                        continue;
                buffer_printf(out, "%s%zu %s", separator, by_status[shown[i]], status_name(shown[i]));
                separator = ", ";
        }
}

/* A green says how far it goes. */
static void add_summaries(Buffer *out, const TargetView *target, FindingKind kind) {
        const char *lead = ": ";

        for (size_t i = 0; i < target->n_findings; i++) {
                const Finding *finding = &target->findings[i];

                if (finding->kind != kind || finding->status != STATUS_PASS ||
                    !str_equal(finding->name, "status") || str_is_empty(finding->summary))
                        continue;
                buffer_add(out, lead);
                buffer_add(out, finding->summary);
                lead = " ";
        }
}

void checklist_add_result(Buffer *out, const TargetView *target, FindingKind kind, const KindTally *tally) {
        Status status = tally->worst->status;

        if (kind == KIND_CONNECTION && status == STATUS_PASS && target->server) {
                target_add_server(out, target);
                if (target->server->role) {
                        buffer_add(out, ", as ");
                        buffer_add(out, target->server->role);
                }
                return;
        }
        add_counts(out, tally);
        if (status != STATUS_PASS)
                return;
        if (!criteria[kind].claim)
                add_summaries(out, target, kind);
        else if (tally->seen_ok == tally->tally.by_status[STATUS_PASS])
                buffer_printf(out, ": %s", criteria[kind].claim);
}

const char *health_why(const char *state) {
        for (size_t i = 0; i < ELEMENTS(whys); i++)
                if (str_equal(whys[i].state, state))
                        return whys[i].why;
        return "the daemon says no more";
}

static usec_t interval_at(const TargetView *target, size_t offset) {
        return *(const usec_t *)((const char *)&target->settings->intervals + offset);
}

/* A check that serves two intervals runs at the shorter. */
usec_t check_run_interval(const TargetView *target, const CheckKind *kind) {
        usec_t interval = interval_at(target, kind->interval),
               also = kind->also_interval > 0 ? interval_at(target, kind->also_interval) : USEC_INFINITY;

        return also < interval ? also : interval;
}

uint64_t check_run_failures(const CheckRun *run) {
        uint64_t failures = 0;

        for (size_t i = 0; i < ELEMENTS(run->failures); i++)
                failures += run->failures[i];
        return failures;
}
