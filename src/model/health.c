/* The gate: what /health answers, decided over a View at the moment of asking.
 *
 * The status says the truth about the data, the code is a routing decision; health.md of the
 * design has the table, target_decide() is that table in its order. Pure: no clock, no I/O.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/health.h"

static const char *const fail_on_names[N_FAIL_ON] = {
        [FAIL_ON_UNREACHABLE] = "unreachable",
        [FAIL_ON_GATE] = "gate",
        [FAIL_ON_CRITICAL] = "critical",
        [FAIL_ON_WARNING] = "warning",
};

const char *fail_on_name(FailOn fail_on) {
        return fail_on_names[fail_on];
}

int fail_on_from_name(const char *name) {
        for (int i = 0; i < N_FAIL_ON; i++)
                if (str_equal(fail_on_names[i], name))
                        return i;
        return -1;
}

/* What the findings that the question is about add up to. */
typedef struct Tally {
        Status worst;
        Scope scope;
        bool gate_broken;
        bool gate_unknown;
        bool gate_held;
        bool any_unknown;
        bool any_fail;
        bool any_warn;
        bool is_blank; /* nothing that counts was found: no evidence of anything */
        bool role_wrong;
        bool lagging;
} Tally;

static bool is_named(const Finding *finding, const char *check) {
        return str_equal(finding->name, check) || str_equal(finding_kind_name(finding->kind), check);
}

static bool is_asked(const Finding *finding, const HealthQuery *query) {
        if (query->check && !is_named(finding, query->check))
                return false;

        for (char *const *name = query->exclude; name && *name; name++)
                if (is_named(finding, *name))
                        return false;

        return true;
}

static bool breaks_gate(const Finding *finding) {
        return finding->gate && finding->is_broken;
}

static void tally_add(Tally *tally, const Finding *finding) {
        Status status = finding->status;
        Scope one;

        if (status == STATUS_SKIPPED)
                return;
        if (status > tally->worst)
                tally->worst = status;

        one = findings_scope(finding, 1);
        tally->scope.checked += one.checked;
        tally->scope.total += one.total;
        tally->scope.unknown += one.unknown;
        tally->scope.violations += one.violations;

        tally->any_unknown |= status == STATUS_UNKNOWN;
        tally->any_fail |= status == STATUS_FAIL;
        tally->any_warn |= status == STATUS_WARN;
        tally->gate_broken |= breaks_gate(finding);
        tally->gate_held |= finding->held_gate;
        tally->gate_unknown |= finding->gate && status == STATUS_UNKNOWN;
}

/* Role and lag are asked of the connection whatever subset the question is about: a server that
 * is not the one expected answers for nothing. */
static Tally tally_target(const TargetView *target, const HealthQuery *query) {
        Tally tally = {.worst = STATUS_SKIPPED};

        for (size_t i = 0; i < target->n_findings; i++) {
                const Finding *finding = &target->findings[i];

                if (finding->kind == KIND_CONNECTION && finding->status == STATUS_FAIL) {
                        tally.role_wrong |= finding->reason == REASON_ROLE;
                        tally.lagging |= finding->reason == REASON_LAG;
                }
                if (is_asked(finding, query))
                        tally_add(&tally, finding);
        }

        tally.is_blank = tally.worst == STATUS_SKIPPED;
        if (tally.is_blank)
                tally.worst = STATUS_UNKNOWN;
        return tally;
}

static void answer(Health *health, int code, Status status, const char *state) {
        health->code = code;
        health->status = status;
        health->state = state;
}

static bool is_restored(const TargetView *target, usec_t max_age, usec_t boottime) {
        return target->restored.heartbeat > 0 && usec_since(boottime, target->restored.heartbeat) <= max_age;
}

/* What the process before has answered: for as long as it is fresh, and only to what it was asked. A 200
 * over all is one over a part; a name that nothing has vouched for yet is none. */
static bool decide_restored(const TargetView *target, const HealthQuery *query, usec_t boottime,
                            Health *health) {
        const Restored *restored = &target->restored;
        bool is_part = query->check && finding_kind_from_name(query->check) < 0;

        if (!is_restored(target, health->max_age, boottime) || query->unknown_fails || is_part)
                return false;
        health->has_age = true;
        health->age = usec_since(boottime, restored->heartbeat);
        if (!restored->is_503[query->fail_on])
                answer(health, 200, STATUS_WARN, "restored");
        else
                answer(health, 503, restored->status == STATUS_FAIL ? STATUS_FAIL : STATUS_UNKNOWN,
                       "restored");
        return true;
}

/* The rows that concern the database itself: true when one of them decided. */
static bool decide_reach(const View *view, const TargetView *target, const HealthQuery *query,
                         const Tally *tally, usec_t boottime, Health *health) {
        if (view->is_stopping)
                answer(health, 503, STATUS_FAIL, "stopping");
        else if (target->reach == REACH_CONFIG)
                answer(health, 503, STATUS_FAIL, "config");
        else if (target->reach == REACH_UNREACHABLE)
                answer(health, 503, STATUS_FAIL, "unreachable");
        else if (decide_restored(target, query, boottime, health))
                return true;
        else if (target->rounds == 0 || (!health->has_age && target->reach != REACH_OK))
                answer(health, 503, STATUS_UNKNOWN, "starting");
        else if (tally->role_wrong)
                answer(health, 503, STATUS_FAIL, "unreachable");
        else if (!health->has_age || health->age > health->max_age || tally->lagging)
                answer(health, 503, STATUS_UNKNOWN, "stale");
        else
                return false;

        if (target->reach == REACH_CONFIG || target->reach == REACH_UNREACHABLE)
                health->cause = cause_name(target->cause);
        else if (tally->role_wrong)
                health->cause = cause_name(CAUSE_ROLE);
        return true;
}

static bool fails_on(const HealthQuery *query, const Tally *tally) {
        bool gates = query->fail_on >= FAIL_ON_GATE || query->check;
        bool strict = query->fail_on >= FAIL_ON_CRITICAL || query->check;

        if (query->unknown_fails && ((strict && tally->any_unknown) || (gates && tally->is_blank)))
                return true;
        if (query->fail_on >= FAIL_ON_CRITICAL && tally->any_fail)
                return true;
        return query->fail_on == FAIL_ON_WARNING && tally->any_warn;
}

/* Settling keeps the previous code of this very question: one that a broken gate did not touch was
 * 200 all the time. */
static bool is_settling(const Settle *settle, const HealthQuery *query, const Tally *tally) {
        if (!settle->is_settling || query->ignore_settling)
                return false;
        if (!settle->was_503 || !settle->by_gate)
                return true;
        if (query->fail_on < FAIL_ON_GATE)
                return false;
        return tally->gate_held || (!query->check && (!query->exclude || !*query->exclude));
}

/* The rows that concern the data, on a database that is there. */
static void decide_data(const TargetView *target, const HealthQuery *query, const Tally *tally,
                        Health *health) {
        bool gates = query->fail_on >= FAIL_ON_GATE;

        health->verified = !tally->is_blank;
        if (gates && tally->gate_broken) {
                answer(health, 503, STATUS_FAIL, "gated");
        } else if (gates && tally->gate_unknown) {
                health->verified = false;
                answer(health, query->unknown_fails || fails_on(query, tally) ? 503 : 200, STATUS_UNKNOWN,
                       "unverified");
        } else if (is_settling(&target->settle, query, tally)) {
                answer(health, target->settle.was_503 || fails_on(query, tally) ? 503 : 200, tally->worst,
                       "settling");
        } else if (tally->is_blank) {
                answer(health, fails_on(query, tally) ? 503 : 200, STATUS_UNKNOWN, "unverified");
        } else if (tally->worst != STATUS_PASS) {
                answer(health, fails_on(query, tally) ? 503 : 200, tally->worst, "degraded");
        } else {
                answer(health, 200, STATUS_PASS, "healthy");
        }
}

bool health_check_exists(const TargetView *target, const char *check) {
        if (finding_kind_from_name(check) >= 0)
                return true;

        for (size_t i = 0; i < target->n_findings; i++)
                if (str_equal(target->findings[i].name, check))
                        return true;
        return false;
}

static Health decide(const View *view, const TargetView *target, const HealthQuery *query, const Tally *tally,
                     usec_t boottime) {
        Health health = {
                .scope = tally->scope,
                .has_age = target->heartbeat > 0,
                .age = target->heartbeat > 0 ? usec_since(boottime, target->heartbeat) : 0,
                .max_age = target_max_age(target->settings),
        };

        if (query->max_age > 0 && query->max_age < health.max_age)
                health.max_age = query->max_age;

        if (!decide_reach(view, target, query, tally, boottime, &health))
                decide_data(target, query, tally, &health);
        return health;
}

Health health_of_target(const View *view, const TargetView *target, const HealthQuery *query,
                        usec_t boottime) {
        Tally tally = tally_target(target, query);

        return decide(view, target, query, &tally, boottime);
}

void health_of_each(const View *view, const TargetView *target, usec_t boottime,
                    Health ret[static N_FAIL_ON]) {
        HealthQuery query = {};
        Tally tally = tally_target(target, &query); /* heeds no fail_on */

        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++) {
                query.fail_on = fail_on;
                ret[fail_on] = decide(view, target, &query, &tally, boottime);
        }
}

/* How much a finding has to do with a 503 to the query; 0: nothing. */
static int guilt(const Finding *finding, const HealthQuery *query) {
        if (query->fail_on >= FAIL_ON_GATE && breaks_gate(finding))
                return 3;
        if (query->fail_on >= FAIL_ON_CRITICAL && finding->status == STATUS_FAIL)
                return 2;
        return query->fail_on == FAIL_ON_WARNING && finding->status == STATUS_WARN;
}

static const Finding *find_culprit(const TargetView *target, const HealthQuery *query) {
        const Finding *culprit = NULL;

        for (size_t i = 0; i < target->n_findings; i++) {
                const Finding *finding = &target->findings[i];

                if (is_asked(finding, query) && guilt(finding, query) > (culprit ? guilt(culprit, query) : 0))
                        culprit = finding;
        }
        return culprit;
}

void health_add_why(const TargetView *target, const HealthQuery *query, const Health *health, Buffer *out) {
        bool is_of_data = str_equal(health->state, "gated") || str_equal(health->state, "unverified") ||
                          str_equal(health->state, "degraded") || str_equal(health->state, "settling");
        const Finding *culprit = is_of_data ? find_culprit(target, query) : NULL;

        if (culprit)
                buffer_printf(out, "%s %s%s%s: %s", finding_kind_name(culprit->kind), culprit->object,
                              str_is_empty(culprit->name) ? "" : " ", culprit->name ? culprit->name : "",
                              reason_name(culprit->reason));
        else
                buffer_printf(out, "%s%s%s%s", health->state, health->cause ? " (" : "",
                              health->cause ? health->cause : "", health->cause ? ")" : "");
}

static bool is_worse(const Health *a, const Health *b) {
        if (a->code != b->code)
                return a->code > b->code;
        return a->status > b->status;
}

bool target_is_counted(const TargetView *target) {
        return target->settings->in_global && !target->is_new;
}

Health health_of_all(const View *view, const HealthQuery *query, usec_t boottime) {
        Tally blank = {.is_blank = true};
        Health all = {.code = 200, .status = STATUS_SKIPPED, .verified = true};
        bool verified = true;
        Scope scope = {};

        if (view->is_stopping)
                return (Health){.code = 503, .status = STATUS_FAIL, .state = "stopping"};

        for (size_t i = 0; i < view->n_targets; i++) {
                const TargetView *target = view->targets[i];
                Health one;

                if (!target_is_counted(target))
                        continue;

                one = health_of_target(view, target, query, boottime);
                scope.checked += one.scope.checked;
                scope.total += one.scope.total;
                scope.unknown += one.scope.unknown;
                scope.violations += one.scope.violations;
                verified &= one.verified;
                if (is_worse(&one, &all))
                        all = one;
        }

        all.scope = scope;
        all.verified = verified;
        /* No target counts: routing goes on, but nothing was seen to be good. */
        if (all.status == STATUS_SKIPPED) {
                all.verified = false;
                answer(&all, fails_on(query, &blank) ? 503 : 200, STATUS_UNKNOWN, "unverified");
        }
        return all;
}

void health_end_restored(TargetView *target, usec_t boottime) {
        const Restored *restored = &target->restored;

        if (is_restored(target, target_max_age(target->settings), boottime) && restored->is_503[FAIL_ON_GATE])
                target->settle = (Settle){.is_settling = true,
                                          .was_503 = true,
                                          .by_gate = !restored->is_503[FAIL_ON_UNREACHABLE]};
        target->restored = (Restored){};
}

static void hold_gates(TargetView *target, bool holds) {
        for (size_t i = 0; i < target->n_findings; i++) {
                Finding *finding = &target->findings[i];

                finding->held_gate = holds && breaks_gate(finding);
        }
}

void health_settle(const View *view, TargetView *target, bool identity_changed, usec_t boottime) {
        HealthQuery plain = {.fail_on = FAIL_ON_GATE, .ignore_settling = true};
        Health own = health_of_target(view, target, &plain, boottime);
        Settle *settle = &target->settle;

        if (own.code == 503) {
                *settle = (Settle){.is_settling = true, .was_503 = true, .by_gate = own.verified};
                hold_gates(target, settle->by_gate);
                return;
        }
        if (identity_changed && !settle->is_settling)
                *settle = (Settle){.is_settling = true};
        if (!settle->is_settling)
                return;

        settle->good_rounds++;
        if (settle->good_rounds < 2)
                return;
        *settle = (Settle){};
        hold_gates(target, false);
}
