/* CheckKind: a check is data. The engine drives it; it never runs SQL itself.
 *
 *   begin ─▶ next ─▶ (statement runs) ─▶ take ─▶ next … ─▶ 0 ─▶ judge
 *   ask ─▶ (an application is asked) ─▶ hear ─▶ judge
 *
 * All but `gather` are pure: no I/O, no clock; tests feed them tables. State lives from new() to
 * free(), over all polls of one target. A run that loses its connection ends without judge();
 * begin() must cope with a run that was cut anywhere.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/migration-run.h"
#include "pgvigil/model/probe.h"
#include "pgvigil/model/settings.h"
#include "pgvigil/model/statement.h"

/* What is known of the server behind a connection; read by the connection check. */
typedef struct ServerFacts {
        int version_num; /* 150018; 0: not known yet */
        bool in_recovery;
        char *system_identifier; /* owned; NULL: not readable */
        char *database; /* which of its databases, by number: a name may be given to another; the same */
        char *role;     /* current_user; owned */
} ServerFacts;

/* What the migration check knows, for rules with expected_after. */
typedef struct MigrationFacts {
        bool known;          /* the history was read in this or an earlier round */
        char **applied;      /* names, as recorded */
        usec_t *finished_at; /* of each, as recorded: a clock of its own; 0: unknown. NULL: of none */
        MigrationRun run;    /* of all tools together, as it was seen now */
} MigrationFacts;

/* Whether `name` (with or without its leading digits_) is among the applied: 1, 0, or -EAGAIN
 * when the history is not known. */
int migration_facts_applied(const MigrationFacts *facts, const char *name);

/* "20260119093000_add_x" matches "add_x" and itself. */
bool migration_name_matches(const char *recorded, const char *wanted);

typedef struct CheckContext {
        const TargetSettings *settings;
        const ServerFacts *server;
        const MigrationFacts *migrations;
        usec_t boottime, realtime; /* now */
        bool explain;              /* --explain: counting statements will not be run */
        size_t key_rows;           /* --rows N: keys of violating rows to fetch, else 0 */
        bool is_once;              /* there is no later poll that could go on */
        bool walk_now;             /* --walk: everything is to be read, whatever is proved */
        usec_t walk_since;         /* boottime: everything is to be read once anew since then, … */
        usec_t walk_within;        /* … evenly in this time; 0: none of that */
        int64_t blocks_left;       /* of limits.blocks_per_poll, for this check in this round */
        const int64_t *queryids;   /* statements whose texts are wanted; borrowed */
        size_t n_queryids;
} CheckContext;

/* What judge() hands over. Zero-initialise; report_done() frees what is left in it. */
typedef struct Report {
        Finding *findings;
        size_t n_findings, allocated;
        Table **tables; /* one for each shape that was asked for */
        size_t n_tables;
        MigrationFacts *migrations; /* set by the migration check only; owned */
        ServerFacts *server;        /* set by the connection check only; owned */
        usec_t again_in;            /* something is under way: to be looked at sooner than is due; 0: not */
        bool wants_blocks;          /* limits.blocks_per_poll kept it from reading on */
        int64_t walk_blocks;        /* what it costs to read once all that the configuration names */
} Report;

void report_done(Report *report);

/* A zeroed finding with kind, object and name copied; NULL when out of memory. Valid until the
 * next call. */
Finding *report_add(Report *report, FindingKind kind, const char *object, const char *name);

/* The report's table of that shape, made when missing; NULL when out of memory. */
Table *report_table(Report *report, const Shape *shape);

MigrationFacts *migration_facts_free(MigrationFacts *facts);
ServerFacts *server_facts_free(ServerFacts *facts);

typedef struct CheckKind {
        const char *name; /* "constraint"; also label `check` of its own metrics */
        const char *help;
        size_t interval;            /* offsetof(Intervals, …) */
        size_t also_interval;       /* the check runs at the shorter of both; 0: none */
        const Shape *const *shapes; /* what it publishes; NULL-terminated */
        bool asks_nothing;          /* no statement, no file: its runs are not shown */

        int (*new)(const TargetSettings *settings, void **ret_state);
        void *(*free)(void *state);

        /* Optional: reads files, on a worker's thread, before begin(). The result goes to begin()
         * and belongs to the state from then on; free_gathered() is for one that never got there. */
        int (*gather)(const TargetSettings *settings, void **ret_gathered);
        void *(*free_gathered)(void *gathered);

        int (*begin)(void *state, const CheckContext *context, void *gathered);
        /* 1: *ret holds the statement to run; 0: nothing more; negative errno: fatal. */
        int (*next)(void *state, const CheckContext *context, Statement *ret);
        int (*take)(void *state, const CheckContext *context, const Outcome *outcome);
        int (*judge)(void *state, const CheckContext *context, Report *report);

        /* Instead of begin, next and take, for what is asked of no database: such a check runs beside the
         * rounds, whether the database answers or not. ask() says 1 (*ret is what to ask, borrowed until the
         * next turn of the loop) or 0 (nothing); then comes hear() where something was asked, then judge().
         */
        int (*ask)(void *state, const CheckContext *context, ProbeRequest *ret);
        int (*hear)(void *state, const CheckContext *context, const ProbeResult *result);
} CheckKind;
