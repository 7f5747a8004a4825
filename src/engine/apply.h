/* Apply: what was found becomes the view, for app.c and round.c to call, and what time makes of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "internal.h"

/* What a round found; or the job that asks no database, beside the rounds. */
void apply_round(Target *target, usec_t boottime, usec_t realtime);
void apply_beside(Target *target, usec_t boottime, usec_t realtime);

void apply_failure(Target *target, const char *text, usec_t boottime, usec_t realtime);
bool apply_age(Target *target, usec_t boottime, usec_t realtime);

/* Looks at the code, and tells of a change since it was last told. */
void apply_code(Target *target, usec_t boottime, usec_t realtime);

/* cap.c: marks what limits.max_series keeps out of /metrics, before findings are in the view. 0, -ENOMEM. */
int cap_series(Target *target);
