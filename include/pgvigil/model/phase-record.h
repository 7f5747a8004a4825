/* PhaseRecord: the monitoring phase of one target, all that is known of it. The phase module
 * writes it, the engine keeps it, renderers read it as const; as text it survives a restart.
 *
 * All times are realtime: a phase begins at a time that another machine wrote down, and outlives
 * reboots. 0 is "never".
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/finding.h"
#include "pgvigil/model/migration-run.h"
#include "pgvigil/model/phase-words.h"

typedef struct PhaseMigration {
        char *name; /* owned, as all char * here */
        usec_t finished_at;
} PhaseMigration;

typedef struct PhaseMigrations {
        PhaseMigration *items;
        size_t count;
} PhaseMigrations;

/* Not observed. */
typedef struct PhaseGap {
        usec_t from, to;
} PhaseGap;

typedef struct PhaseEvent {
        PhaseEventKind kind;
        char *object;
        usec_t from, to; /* to 0: it goes on */
        int64_t rows;
} PhaseEvent;

typedef struct CriterionResult {
        Status status; /* PASS, FAIL, UNKNOWN or SKIPPED */
        char *reason;  /* a sentence that names the objects; NULL: not judged yet */
} CriterionResult;

/* That moved the statements' cost most; `effect` on the whole: 0.1 is 10 % of its time more. */
typedef struct PhaseStatement {
        char *text; /* without values, in one line */
        double before_ms, after_ms, effect;
} PhaseStatement;

/* What was seen of the batch's migrations while they ran: the most of each. */
typedef struct PhaseRun {
        usec_t first_seen, last_seen; /* 0: nothing was */
        uint64_t is_known, blocked, is_capped;
        usec_t longest_wait, elapsed; /* USEC_INFINITY, 0: not known */
        char *locked;
} PhaseRun;

typedef struct PhaseRecord {
        PhaseState state;
        char *note;        /* why it is idle, or what the verdict rests on beside the criteria; or NULL */
        char *cannot_pass; /* a sentence, from the first minute on; NULL: it can */
        usec_t started_at, ends_at; /* ends_at - started_at is its duration, whatever the settings say now */
        usec_t closed_at;           /* verdict or stop */
        usec_t batch_at;            /* when the first of the batch finished; 0: opened by hand */
        usec_t observed_since, last_round, last_poll;
        char *database; /* that answers, so that another one is noticed; NULL: not known */
        PhaseRun run;   /* also before it is open */
        PhaseMigrations batch;
        PhaseMigrations known;   /* finished as of last_poll */
        PhaseMigrations waiting; /* that finished later, and open the next phase */
        PhaseGap *gaps;          /* in order, apart from each other */
        size_t n_gaps;
        PhaseEvent *events; /* in the order they began */
        size_t n_events;
        uint64_t events_dropped; /* there were too many */
        CriterionResult criteria[N_CRITERIA];
        PhaseStatement *statements;
        size_t n_statements;
} PhaseRecord;

void phase_record_done(PhaseRecord *record);

/* As one run, for words; `locked` is borrowed. */
MigrationRun phase_run_sum(const PhaseRecord *record);

/* A verdict or a stop: it stays until the next phase opens. */
bool phase_is_over(const PhaseRecord *record);

void phase_statements_done(PhaseRecord *record);
int phase_statements_add(PhaseRecord *record, const PhaseStatement *statement); /* copies the text */

void phase_migrations_done(PhaseMigrations *list);
int phase_migrations_add(PhaseMigrations *list, const char *name, usec_t finished_at);
bool phase_migrations_have(const PhaseMigrations *list, const char *name);
