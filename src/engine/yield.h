/* Yielding: a second session of a target that looks, while a scan runs, whether others wait on it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <systemd/sd-event.h>

#include "pgvigil/pg.h"
#include "yield-plan.h"

typedef struct Target Target;

typedef struct Yield {
        YieldPlan plan;
        PgConnection *connection;
        sd_event_source *timer;
        char *application_name;
        Statement statement; /* the one that runs */
        bool is_noted;       /* that it cannot be had: told once */
        bool is_releasing;   /* the scan is over, its transaction is being ended */
} Yield;

/* `options`: of the target's own connection; what they point to must outlive the target. */
int yield_init(Target *target, const PgOptions *options);
void yield_set_options(Target *target, const PgOptions *options);
void yield_done(Target *target);

/* A statement that reads rows of watched tables was begun on the target's connection. */
void yield_begin(Target *target);

/* The statement is over, if it was such a one; *outcome becomes that of a locked table when it was
 * told to stop. NULL: it is given up. */
void yield_end(Target *target, Outcome *outcome);

/* Nothing may be sent on the target's connection before round_go_on() is called. */
bool yield_holds(const Target *target);

/* The target's connection is closed: so is the second one, at once. */
void yield_stop(Target *target);
