/* The two clocks. Only floor 3 and above (and a driver's own timers) may include this: below,
 * time is a parameter, so that a test owns it. The lint proves it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/usec.h"

/* CLOCK_BOOTTIME: ages and schedules. Counts while the machine sleeps, never steps. */
usec_t clock_boottime(void);

/* CLOCK_REALTIME: for display only. */
usec_t clock_realtime(void);
