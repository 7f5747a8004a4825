/* Yielding, the decisions: when to look whether others wait on a scan of ours, and what to do then.
 *
 * Pure: the time comes in, the driver (yield.c) acts and tells what came of it. A scan is one
 * statement that reads rows of watched tables.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/statement.h"

/* A scan is looked at when it has run for the first, and then this often. */
#define YIELD_PATIENCE (100 * USEC_PER_MSEC)
#define YIELD_EVERY    (250 * USEC_PER_MSEC)

/* How long the second session stays after the last scan, and away after it failed. */
#define YIELD_LINGER (5 * USEC_PER_SEC)
#define YIELD_RETRY  USEC_PER_MINUTE

/* Where the second session stands; the diagram is in yield.c. */
typedef enum YieldStage {
        YIELD_CLOSED,
        YIELD_CONNECTING,
        YIELD_OPEN,
        YIELD_LOOKING,
        YIELD_TELLING,
} YieldStage;

typedef enum YieldAct {
        YIELD_REST, /* until the time that came with it, or an answer */
        YIELD_CONNECT,
        YIELD_LOOK,
        YIELD_CANCEL,    /* the statement */
        YIELD_TERMINATE, /* the session, as the statement did not end */
        YIELD_HANG_UP,   /* close the scan's own connection, as nobody knows what strikes it */
        YIELD_LEAVE,     /* close the second session */
        N_YIELD_ACTS,
} YieldAct;

typedef struct YieldPlan {
        YieldStage stage;
        uint64_t scan, asked; /* numbers: of the last scan, and of that which the look under way is about */
        bool is_scanning;
        bool is_blocking; /* the last look at this scan saw somebody wait, and nothing was done yet */
        bool was_told;    /* a cancel was sent for this scan */
        bool is_doomed;   /* and a terminate, for its session */
        bool is_unsure;   /* one of them will never be answered: it may strike whatever runs next */
        usec_t began, ended;
        usec_t next_look, retry_at;
        usec_t blocked_from, blocked_seen; /* of the wait that goes on; 0: none */
        usec_t blocking;                   /* over all scans: how long others were seen to wait */
} YieldPlan;

/* What to do at `now`; with YIELD_REST, *ret_wake is when to ask again (USEC_INFINITY: never). */
YieldAct yield_plan_act(const YieldPlan *plan, usec_t now, usec_t *ret_wake);

/* No statement may be sent on the scan's connection: what is on its way there would strike it. */
bool yield_plan_holds(const YieldPlan *plan);

void yield_plan_scan(YieldPlan *plan, usec_t now);

/* The scan is over. What a scan that was told to stop still answers becomes the error of a locked
 * table; `outcome` may be NULL. */
void yield_plan_end(YieldPlan *plan, Outcome *outcome, usec_t now);

/* What became of an act. */
void yield_plan_ask(YieldPlan *plan);
void yield_plan_looked(YieldPlan *plan, bool is_blocking, usec_t waited, usec_t now);
void yield_plan_tell(YieldPlan *plan, bool is_doomed);
void yield_plan_told(YieldPlan *plan, usec_t now);

/* The second session could not be had, or went away. */
void yield_plan_failed(YieldPlan *plan, usec_t now);

/* Both sessions are closed, or about to be: what was under way is over. */
void yield_plan_reset(YieldPlan *plan);
