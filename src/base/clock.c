/* The two clocks of the kernel, in microseconds.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/clock.h"

#include <assert.h>
#include <time.h>

static usec_t clock_read(clockid_t id) {
        struct timespec now = {};
        int r;

        r = clock_gettime(id, &now);
        assert(r == 0); /* fails for an unknown clock only */
        (void)r;
        return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

usec_t clock_boottime(void) {
        return clock_read(CLOCK_BOOTTIME);
}

usec_t clock_realtime(void) {
        return clock_read(CLOCK_REALTIME);
}
