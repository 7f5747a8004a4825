/* Yielding, the decisions: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "yield-plan.h"

#include <string.h>

#define LOCKED "55P03" /* what a check hears of a table that it may not wait for */

/* What comes next when it is due, by the stage of the second session. */
static YieldAct plan_next(const YieldPlan *plan, usec_t *ret_due) {
        *ret_due = 0;
        if (plan->is_unsure)
                return YIELD_HANG_UP;
        if (plan->stage == YIELD_CLOSED && plan->is_scanning) {
                *ret_due = plan->next_look > plan->retry_at ? plan->next_look : plan->retry_at;
                return YIELD_CONNECT;
        }
        if (plan->stage != YIELD_OPEN) {
                *ret_due = USEC_INFINITY;
                return YIELD_REST;
        }
        if (!plan->is_scanning) {
                *ret_due = usec_add(plan->ended, YIELD_LINGER);
                return YIELD_LEAVE;
        }
        if (plan->is_blocking)
                return plan->was_told ? YIELD_TERMINATE : YIELD_CANCEL;
        *ret_due = plan->next_look;
        return YIELD_LOOK;
}

YieldAct yield_plan_act(const YieldPlan *plan, usec_t now, usec_t *ret_wake) {
        usec_t due;
        YieldAct act = plan_next(plan, &due);

        *ret_wake = due;
        return due <= now ? act : YIELD_REST;
}

bool yield_plan_holds(const YieldPlan *plan) {
        return plan->stage == YIELD_TELLING || plan->is_unsure;
}

void yield_plan_scan(YieldPlan *plan, usec_t now) {
        plan->scan++;
        plan->is_scanning = true;
        plan->is_blocking = false;
        plan->was_told = plan->is_doomed = false;
        plan->began = now;
        plan->next_look = usec_add(now, YIELD_PATIENCE);
}

/* The wait that was seen has lasted until `until`. */
static void plan_account(YieldPlan *plan, usec_t until) {
        if (plan->blocked_seen > 0)
                plan->blocking += usec_since(until, plan->blocked_from);
        plan->blocked_from = plan->blocked_seen = 0;
}

/* A cancel shows as 57014. Rows are not believed either: a function may have trapped the cancel and
 * answered whatever it says then. */
static void outcome_to_locked(Outcome *outcome) {
        bool is_cancelled = outcome->kind == OUTCOME_ERROR && sqlstate_in(outcome->sqlstate, "57014");

        if (outcome->kind != OUTCOME_ROWS && !is_cancelled)
                return;
        outcome->kind = OUTCOME_ERROR;
        outcome->table = table_free(outcome->table);
        memcpy(outcome->sqlstate, LOCKED, sizeof(LOCKED));
}

void yield_plan_end(YieldPlan *plan, Outcome *outcome, usec_t now) {
        if (!plan->is_scanning)
                return;

        if (outcome && plan->was_told)
                outcome_to_locked(outcome);
        plan_account(plan, now);
        plan->is_scanning = false;
        plan->is_blocking = false;
        plan->ended = now;
}

void yield_plan_ask(YieldPlan *plan) {
        plan->stage = YIELD_LOOKING;
        plan->asked = plan->scan;
}

void yield_plan_looked(YieldPlan *plan, bool is_blocking, usec_t waited, usec_t now) {
        plan->stage = YIELD_OPEN;
        if (!plan->is_scanning || plan->asked != plan->scan)
                return; /* of a scan that is over: its locks are gone */

        plan->next_look = usec_add(now, YIELD_EVERY);
        plan->is_blocking = is_blocking;
        if (!is_blocking) {
                plan_account(plan, plan->blocked_seen);
                return;
        }
        if (plan->blocked_seen == 0) {
                usec_t from = usec_since(now, waited);

                /* They may have waited for somebody else before: this scan answers for itself only. */
                plan->blocked_from = from > plan->began ? from : plan->began;
        }
        plan->blocked_seen = now;
}

void yield_plan_tell(YieldPlan *plan, bool is_doomed) {
        plan->stage = YIELD_TELLING;
        plan->was_told = true;
        plan->is_doomed = is_doomed;
        plan->is_blocking = false;
}

void yield_plan_told(YieldPlan *plan, usec_t now) {
        plan->stage = YIELD_OPEN;
        plan->next_look = usec_add(now, YIELD_EVERY);
}

void yield_plan_failed(YieldPlan *plan, usec_t now) {
        plan->is_unsure = plan->stage == YIELD_TELLING;
        plan->stage = YIELD_CLOSED;
        plan->retry_at = usec_add(now, YIELD_RETRY);
}

void yield_plan_reset(YieldPlan *plan) {
        plan->stage = YIELD_CLOSED;
        plan->is_scanning = plan->is_blocking = plan->was_told = plan->is_doomed = plan->is_unsure = false;
        plan->blocked_from = plan->blocked_seen = 0;
}
