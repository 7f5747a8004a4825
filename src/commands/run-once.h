/* One round of every target on a loop of its own, for the commands that look once.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/engine.h"

typedef struct sd_event_source sd_event_source;

typedef struct RunOnce {
        sd_event *event;
        sd_event_source *progress;
        Engine *engine; /* its view is what was found */
        usec_t began;
        bool showed; /* a progress line stands on the terminal */
        void *extra; /* for the caller's own observer: its userdata is the RunOnce */
} RunOnce;

/* Takes the targets out of *settings. SIGINT ends it with -EINTR. */
int run_once(RunOnce *run, EngineOptions *options, Settings *settings);
void run_once_done(RunOnce *run);
