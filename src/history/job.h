/* Job: one errand to the file, run by the history's thread.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/history.h"
#include "store.h"

typedef enum JobKind {
        JOB_OPEN, /* and load */
        JOB_WRITE,
        JOB_READ_STATEMENTS,
        JOB_CLOSE,
        N_JOB_KINDS,
} JobKind;

/* The thread touches what is here and the store, nothing else. */
typedef struct Job {
        JobKind kind;
        History *history; /* loop only */
        Store *store;     /* a reference */
        usec_t now;
        StoreOutcome outcome;
        char *trouble; /* owned: unless all went well */
        Loaded loaded; /* JOB_OPEN */
        Records batch; /* JOB_WRITE */
        uint64_t bytes;
        char *target; /* owned; JOB_READ_STATEMENTS */
        usec_t from, to;
        StatementRows statements;
        HistoryStatementsDone statements_done;
        void *userdata;
        bool is_behind;   /* a write that has not all of it was under way */
        struct Job *next; /* of History.held */
} Job;

Job *job_new(JobKind kind, History *history, Store *store, usec_t now); /* NULL: out of memory */
Job *job_free(Job *job);
DEFINE_CLEANUP(Job, job_free)

/* WorkerRun and WorkerFree of a job. */
void job_run(void *data);
void job_release(void *data);
