/* The engine's own types: Target, a view with what drives it, and Engine.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <systemd/sd-event.h>

#include "app.h"
#include "job.h"
#include "pgvigil/engine.h"
#include "pgvigil/model/health.h"
#include "pgvigil/pg.h"
#include "watch.h"
#include "yield.h"

/* Where a target stands. target_step() makes every transition:
 *
 *   IDLE ──round_begin──▶ PICK ──job has gather──▶ GATHER ──on_gathered──▶ ASK
 *    ▲                     │ ▲ └───────────────────────────────────────────▲
 *    │ round_end           │ └──────── JUDGE ◀──(commit)── 0 ──┤            │
 *    └─────no job left─────┘                                  ASK ──1──▶ RUN ─on_statement
 *   RUN ──on_statement, a cancel is on its way──▶ HELD ──round_go_on──▶ ASK
 *   any ──target_lost──▶ IDLE                                                               */
typedef enum Stage {
        STAGE_IDLE,
        STAGE_CONNECT,
        STAGE_PICK,
        STAGE_GATHER,
        STAGE_ASK,
        STAGE_RUN,
        STAGE_HELD,
        STAGE_COMMIT,
        STAGE_JUDGE,
} Stage;

struct Target {
        TargetView view;
        Engine *engine;
        TargetSettings settings; /* owned */
        char *credential_path;
        PgConnection *connection;
        sd_event_source *timer; /* next due, next expiry or the deadline of a gather */
        Stage stage;
        Job *jobs; /* one a check, in the order of a round; runs are view.runs */
        size_t n_jobs;
        size_t current;     /* the job of this round */
        usec_t round_began; /* boottime */
        usec_t changed_at;  /* boottime of the last change of settings; 0: none */
        usec_t job_began;
        int64_t round_blocks;   /* of watched tables, read in this round */
        Statement statement;    /* the one that runs */
        WorkerJob *gather;      /* under way, or NULL */
        usec_t gather_deadline; /* boottime */
        MigrationFacts *migrations;
        Health last_health;    /* as last told: a change is an event */
        bool identity_changed; /* failover, or another system behind the address */
        bool system_changed;   /* another system: what was found is not of this one */
        unsigned failures;     /* attempts in a row */
        usec_t retry_at;       /* boottime */
        usec_t wake_at;        /* boottime by which something must have happened */
        usec_t next_expiry;    /* boottime at which the first finding grows too old */
        bool is_done;          /* `once`: had its round */
        Yield yield;
        Watch watch;
        App app;
        Rehearsal rehearsal;      /* view.rehearsal once it has begun */
        usec_t rehearsal_kept_at; /* realtime */
        bool is_503[N_FAIL_ON];   /* as last looked at */
        Status status;
        char fingerprint[DIGEST_HEX_MAX]; /* of its definition and its connection; "": not known */
};

struct Engine {
        sd_event *event;
        EngineOptions options;
        Worker *names;
        Worker *files;
        sd_event_source *names_source, *files_source;
        struct History *history; /* borrowed, or NULL */
        ProbeClient *probes;     /* made when the first application is asked */
        View view;
        Target **targets;
        size_t n_targets;
        uint64_t random;
        bool is_stopped;
};

/* target.c */
int target_new(Engine *engine, TargetSettings *settings, usec_t delay, Target **ret);
Target *target_free(Target *target);
DEFINE_CLEANUP(Target, target_free)
void target_arm(Target *target);
void target_lost(Target *target, Cause cause, const char *text);
void target_stop(Target *target);
void target_set_options(Target *target);                   /* of its connections, from its settings */
PgOptions target_connection_options(const Target *target); /* borrowed from it */
usec_t target_job_period(const CheckKind *kind, const TargetSettings *settings);

/* round.c */
void round_begin(Target *target, usec_t boottime);
void round_cancel(Target *target); /* gives up everything that is under way */
void round_gather_late(Target *target);
void round_go_on(Target *target); /* out of STAGE_HELD */
CheckContext target_context(const Target *target);
void run_count(CheckRun *run, const Report *report, usec_t realtime); /* what it could not check */

/* restore.c */
void target_set_fingerprint(Target *target); /* of its settings, and of what its next attempt is made with */

/* rehearse.c */
void rehearse_look(Target *target, usec_t boottime, usec_t realtime);
void rehearse_tick(Target *target, usec_t boottime, usec_t realtime);
void rehearse_keep(Target *target, usec_t realtime);
void rehearse_move(Target *from, Target *to); /* another target takes over the name */

uint64_t engine_random(Engine *engine);
void engine_changed(Engine *engine);
void engine_target_done(Engine *engine);
