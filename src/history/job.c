/* Job: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "job.h"

Job *job_new(JobKind kind, History *history, Store *store, usec_t now) {
        Job *job = calloc(1, sizeof(*job));

        if (job)
                *job = (Job){.kind = kind, .history = history, .store = store_ref(store), .now = now};
        return job;
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        free(job->trouble);
        loaded_done(&job->loaded);
        records_done(&job->batch);
        free(job->target);
        free(job->statements.items);
        store_unref(job->store);
        free(job);
        return NULL;
}

void job_release(void *data) {
        job_free(data);
}

static StoreOutcome run_open(Job *job) {
        StoreOutcome opened = store_open(job->store, job->now), loaded;

        if (opened != STORE_FINE && opened != STORE_RESET)
                return opened;
        loaded = store_load(job->store, job->now, &job->loaded);
        if (loaded == STORE_FINE)
                return opened;
        store_close(job->store);
        return loaded;
}

static StoreOutcome run_write(Job *job) {
        StoreOutcome outcome = store_write(job->store, &job->batch, job->now);

        job->bytes = store_bytes(job->store);
        if (outcome == STORE_DAMAGED)
                store_close(job->store);
        return outcome;
}

static StoreOutcome run_read_statements(Job *job) {
        return store_read_statements(job->store, job->target, job->from, job->to, &job->statements);
}

static StoreOutcome run_close(Job *job) {
        store_close(job->store);
        return STORE_FINE;
}

static StoreOutcome (*const runners[N_JOB_KINDS])(Job *) = {
        [JOB_OPEN] = run_open,
        [JOB_WRITE] = run_write,
        [JOB_READ_STATEMENTS] = run_read_statements,
        [JOB_CLOSE] = run_close,
};

void job_run(void *data) {
        Job *job = data;

        job->outcome = runners[job->kind](job);
        if (job->outcome != STORE_FINE)
                job->trouble = TAKE(job->store->trouble);
}
