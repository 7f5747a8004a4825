/* Driver: one connection in the test's own loop, with verbs that turn the loop until it answers.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "pgvigil/pg.h"

#define PATIENCE (20 * USEC_PER_SEC)

typedef struct Driver {
        sd_event *event;
        Worker *names;
        PgConnection *connection;
        PgOptions options;
        /* what the last call said */
        unsigned completions; /* since the call began */
        bool is_starting;     /* inside the call that began it */
        bool is_connected;
        Cause cause;
        char sqlstate[6];
        char text[256];
        Outcome outcome;
        usec_t took;
} Driver;

/* Short timeouts, application_name "pgvigil/test". */
PgOptions driver_options(const char *conninfo);
void driver_start(Driver *driver, PgOptions options);
void driver_stop(Driver *driver);

/* Turns the loop until the call has completed, then once more: it must not complete twice. */
bool driver_connect(Driver *driver);
const Outcome *driver_run(Driver *driver, const Statement *statement);
void driver_begin_run(Driver *driver, const Statement *statement); /* returns at once */
const Outcome *driver_wait(Driver *driver);
const Outcome *driver_commit(Driver *driver);

/* Runs one statement of one text column "value" that is borrowed; the outcome's first cell or NULL. */
const Outcome *driver_sql(Driver *driver, StatementPlace place, const char *sql);
const char *driver_value(const Driver *driver);
