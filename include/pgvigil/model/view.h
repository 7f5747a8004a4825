/* View: what the engine knows, as everybody else may read it. The two halves meet here: the
 * engine writes it, render and http read it as const. Health is decided over it, at the moment
 * of asking.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"
#include "pgvigil/model/kept-health.h"
#include "pgvigil/model/phase-record.h"
#include "pgvigil/model/rehearsal.h"

/* Where a target's connection stands; `cause` says more. */
typedef enum Reach {
        REACH_STARTING, /* no finished attempt */
        REACH_OK,
        REACH_FAILING, /* an attempt failed; not yet enough to call it unreachable */
        REACH_UNREACHABLE,
        REACH_CONFIG, /* the connection settings cannot be used */
} Reach;

typedef enum Cause {
        CAUSE_NONE,
        CAUSE_REFUSED,
        CAUSE_TIMEOUT,
        CAUSE_AUTH,
        CAUSE_SLOTS,
        CAUSE_STARTING_UP,
        CAUSE_DNS,
        CAUSE_TLS,
        CAUSE_ROLE,
        CAUSE_DATABASE, /* 3D000 */
        CAUSE_LOST,     /* an established connection went away */
        CAUSE_CONFIG,   /* credential missing, conninfo unusable */
        N_CAUSES,
} Cause;

const char *cause_name(Cause cause);

/* One check's own bookkeeping, for its metrics. */
typedef struct CheckRun {
        const CheckKind *kind;
        uint64_t runs, skipped;       /* skipped: still running when due again */
        uint64_t failures[N_REASONS]; /* runs that left something unchecked, by reason */
        Histogram durations;
        uint64_t blocks;        /* of watched tables, that its statements were expected to read */
        usec_t last_success_at; /* realtime; 0: never */
        usec_t next_due;        /* boottime */
} CheckRun;

typedef struct Settle {
        bool is_settling;
        bool was_503;         /* the code that is held while settling */
        bool by_gate;         /* held for questions about a finding with `held_gate` only */
        unsigned good_rounds; /* in a row that would be 200 on their own */
} Settle;

typedef struct TargetView {
        char *name;
        const TargetSettings *settings;
        ServerFacts *server; /* NULL: never connected */
        Reach reach;
        Cause cause;
        usec_t reach_since; /* realtime */
        usec_t heartbeat;   /* boottime of the last statement that completed; 0: never */
        uint64_t rounds;    /* finished rounds, good or bad */
        bool is_new;        /* added by reload, first round not done: not in /health yet */
        Settle settle;
        Restored restored; /* until the first round is done */
        Finding *findings; /* settled */
        size_t n_findings;
        Table **tables; /* of the checks, in the order of the checks */
        size_t n_tables;
        CheckRun *runs;
        size_t n_runs;
        const PhaseRecord *phase;      /* NULL: there is no history, or it is not known yet */
        const Rehearsal *rehearsal;    /* NULL: the same */
        const char *doing;             /* the check that runs now, or NULL */
        uint64_t series_dropped;       /* that the last round left out of /metrics */
        uint64_t series_dropped_total; /* over all rounds */
        uint64_t own_blocks;
        usec_t own_statement_time;
        usec_t own_blocking_time; /* how long others were seen to wait on us */
} TargetView;

typedef struct View {
        TargetView **targets;
        size_t n_targets;
        bool is_stopping;
        usec_t started_at;       /* realtime */
        usec_t applied_boottime; /* when the newest round was applied; 0: none */
        bool reload_ok;
        usec_t reloaded_at; /* realtime */
} View;

const TargetView *view_target(const View *view, const char *name);

/* Worst status over the findings that count; STATUS_UNKNOWN where none does. */
Status findings_worst(const Finding *findings, size_t n);

typedef struct Scope {
        size_t checked, total, unknown; /* what is skipped is in none, nor is advice that was seen */
        int64_t violations;             /* breached constraints' rows, summed */
} Scope;

Scope findings_scope(const Finding *findings, size_t n);

/* Past this age of the heartbeat a target is stale: limits.max_age, else as health.md. */
usec_t target_max_age(const TargetSettings *settings);
