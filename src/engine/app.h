/* App: what asks a target's application, beside the rounds and on a timer of its own.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

#include "pgvigil/model/rule-settings.h"
#include "pgvigil/phase/criteria.h"
#include "pgvigil/probe.h"

typedef struct sd_event_source sd_event_source;
typedef struct Target Target;

/* Probes since a phase began; times are boottime. */
typedef struct AppTally {
        uint64_t probes, good, lost;
        usec_t bad_since; /* begin of the first bad probe of an outage; 0: there is none */
        usec_t longest_outage;
} AppTally;

/* A probe that was begun then has its result now. */
void app_tally_add(AppTally *tally, const ProbeResult *result, usec_t began, usec_t now);
usec_t app_tally_outage(const AppTally *tally, usec_t now); /* that goes on; 0: none does */
void app_tally_reset(AppTally *tally, usec_t now);          /* an outage goes on, from now */
PhaseApp app_tally_phase(const AppTally *tally, usec_t now);

typedef struct App {
        sd_event_source *timer;
        Probe *probe; /* under way, or NULL */
        usec_t began; /* boottime, of the last one */
        AppTally tally;
} App;

int app_init(Target *target, usec_t delay);
void app_done(Target *target);
void app_stop(Target *target); /* asks no more */

/* `once`: whether its result is still to come. */
bool app_is_pending(const Target *target);

/* Its settings are to become others: whether another question is asked. */
bool app_is_changed(const AppSettings *old, const AppSettings *settings);

/* They have; a probe under way goes on unless the question changed. */
void app_changed(Target *target, bool is_other_url, bool is_changed);

/* A probe that was begun at `began` has its result. */
void app_note(Target *target, const ProbeResult *result, usec_t boottime, usec_t realtime);

/* A phase begins; and what of its application was seen since then. */
void app_phase_reset(Target *target, usec_t boottime);
PhaseApp app_phase(const Target *target, usec_t boottime);
