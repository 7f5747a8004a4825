/* engine: which job runs when, against which connection, and what became of it. Shared by the
 * daemon and by one-shot commands.
 *
 *   Settings ─▶ targets × checks = jobs ─▶ due jobs of a target = a round ─▶ View
 *
 * A round is applied as a whole; a job that is still running when due again is skipped and
 * counted. The engine owns the View; everybody else reads it between two turns of the loop.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/view.h"

typedef struct sd_event sd_event;
typedef struct Engine Engine;

typedef struct EngineObserver {
        /* The View changed: a round was applied, an attempt failed, a result grew too old. */
        void (*changed)(void *userdata);
        /* What a target's URL answers has changed, for some fail_on. */
        void (*answers)(void *userdata);
        /* `once` only: every target had its round. */
        void (*finished)(void *userdata);
        /* A statement is about to run, or (ran == false) would run: `outcome` is NULL then. */
        void (*statement)(void *userdata, const TargetView *target, const CheckKind *check,
                          const Statement *statement, const Outcome *outcome);
        void *userdata;
} EngineObserver;

typedef struct EngineOptions {
        const CheckKind *const *kinds; /* NULL-terminated, in the order of a round; NULL: all */
        bool once;                     /* one round a target, one attempt, no schedule */
        bool explain;                  /* what reads rows of tables is not run */
        bool walk;                     /* `once`: every watched table is read whole, whatever is proved */
        const char *application_name;  /* begins with "pgvigil"; NULL: "pgvigil" */
        bool use_environment;          /* libpq's environment and passfile */
        size_t key_rows;               /* keys of violating rows to fetch a rule */
        EngineObserver observer;
} EngineOptions;

int engine_new(sd_event *event, const EngineOptions *options, Engine **ret);

/* Closes every connection at once. */
Engine *engine_free(Engine *engine);
DEFINE_CLEANUP(Engine, engine_free)

/* Makes the targets those of `settings` (start and reload): a target that did not change keeps
 * its connection, counters, findings and ages. Takes the targets out of *settings. On failure
 * nothing changed. */
int engine_configure(Engine *engine, Settings *settings);

/* Samples are kept there, and phases begin; borrowed. Without one nothing is kept, and there is no phase. */
struct History;
void engine_set_history(Engine *engine, struct History *history);

/* Opens or closes a phase by hand. 1: done; 0: one is open already, or none is; -ENOENT: no such target;
 * -EAGAIN: what was kept of it is not known yet. */
int engine_phase_start(Engine *engine, const char *target);
int engine_phase_stop(Engine *engine, const char *target);

/* Each second: answers that change by age alone are seen, and are events. */
void engine_tick(Engine *engine, usec_t boottime, usec_t realtime);

/* The answers as the next process may restore them; of a target that none was ever fresh of, none. */
int engine_keep_health(const Engine *engine, usec_t boottime, usec_t realtime, KeptHealths *ret);

/* At start, before anything is answered: what the process before has kept, as far as it may be believed. */
void engine_restore_health(Engine *engine, const KeptHealths *kept, usec_t boottime, usec_t realtime);

/* Of the shortest max_age of the targets: kept answers that are older than a third of it are of little use.
 */
usec_t engine_shortest_max_age(const Engine *engine);

/* No new round begins; connections are closed; /health says stopping. */
void engine_stop(Engine *engine);

View *engine_view(Engine *engine);

/* The scheduler has not advanced for three intervals of some target (or 10 s, if longer). */
bool engine_is_late(const Engine *engine, usec_t boottime);

/* The engine's own tables (status, up, runs, durations …) for /metrics; borrowed by the caller,
 * who frees them. `live`: those that depend on the moment of asking. */
int engine_tables(const Engine *engine, bool live, usec_t boottime, Table ***ret_tables, size_t *ret_n);
void engine_tables_free(Table **tables, size_t n);

/* The shapes of all checks and of the engine itself, NULL-terminated: for the manual. */
const Shape *const *engine_shapes(void);

/* What a second session runs while a statement that reads rows takes long, NULL-terminated; $1 of
 * each is the process of that statement. */
const Statement *const *engine_yield_statements(void);

/* The session statements of a target, for --explain; `exclusion_off`: a Statement says so. Owned. */
char *engine_session_statements(const Engine *engine, const TargetView *target, bool exclusion_off);
