/* Backoff: how long to wait before the next attempt. Pure: randomness comes in.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/pg.h"

#define FIRST     (100 * USEC_PER_MSEC)
#define LEAST     (10 * USEC_PER_MSEC)
#define SLOW      (30 * USEC_PER_SEC) /* rejected logins must not lock the account, nor fill the slots */
#define SLOW_MORE (10 * USEC_PER_SEC)

static usec_t jitter(usec_t most, uint64_t random) {
        return most == 0 ? 0 : random % (most + 1);
}

usec_t pg_backoff(Cause cause, unsigned failures, usec_t reconnect_max, uint64_t random) {
        if (failures == 0)
                return 0;
        if (cause == CAUSE_AUTH || cause == CAUSE_SLOTS)
                return SLOW + jitter(SLOW_MORE, random);
        usec_t most = failures > 16 ? reconnect_max : FIRST << (failures - 1);
        if (most > reconnect_max)
                most = reconnect_max;
        usec_t wait = jitter(most, random);
        return wait >= LEAST ? wait : most < LEAST ? most : LEAST;
}
