/* The gate: what /health answers, as a pure function of a View and the time of asking.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/fail-on.h"
#include "pgvigil/model/view.h"

/* Zeroed but for fail_on = FAIL_ON_GATE it is the plain question. */
typedef struct HealthQuery {
        FailOn fail_on;
        bool unknown_fails;   /* on_unknown=fail */
        usec_t max_age;       /* 0: the target's own; may only shorten */
        const char *check;    /* rule, index or kind; NULL: all */
        char *const *exclude; /* the same, NULL-terminated, or NULL */
        bool verbose;         /* the answer lists its findings */
        bool ignore_settling; /* what the code would be on its own */
} HealthQuery;

typedef struct Health {
        int code; /* 200 or 503 */
        Status status;
        const char *state; /* static: "healthy", "degraded", "stale", … as health.md */
        const char *cause; /* static, for unreachable and config; else NULL */
        bool verified;
        Scope scope;
        bool has_age; /* a heartbeat was ever seen */
        usec_t age, max_age;
} Health;

/* Whether CHECK names something of the target: a kind, or a finding's name. */
bool health_check_exists(const TargetView *target, const char *check);

Health health_of_target(const View *view, const TargetView *target, const HealthQuery *query,
                        usec_t boottime);

/* The plain question with each fail_on, for the price of one. */
void health_of_each(const View *view, const TargetView *target, usec_t boottime,
                    Health ret[static N_FAIL_ON]);

/* Why an answer to `query` is 503, a few words: "unreachable (refused)", or the finding that is behind it,
 * "constraint t positive: violated". */
void health_add_why(const TargetView *target, const HealthQuery *query, const Health *health, Buffer *out);

/* Whether it counts for /health. */
bool target_is_counted(const TargetView *target);

/* The worst over the targets that count (in_global, not new); verified when all of them are. No target:
 * unverified with 0 of 0. */
Health health_of_all(const View *view, const HealthQuery *query, usec_t boottime);

/* The first round is done: what was restored is not needed any more. A 503 of it settles. */
void health_end_restored(TargetView *target, usec_t boottime);

/* After each round (and each failed attempt): carries the settling rule forward. `identity_changed`:
 * failover or another system identifier. */
void health_settle(const View *view, TargetView *target, bool identity_changed, usec_t boottime);
