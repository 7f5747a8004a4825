/* One thread for one kind of job that can only block (names, files, history).
 *
 * Jobs go in from the loop, completions come out through an eventfd that the loop watches. The
 * thread shares no state with the loop but the job itself: `run` may touch only `data`. The
 * loop keeps the deadline: a job that is abandoned is freed by the worker when it ends, and its
 * `complete` is never called.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/macros.h"

typedef struct Worker Worker;
typedef struct WorkerJob WorkerJob;

typedef void (*WorkerRun)(void *data);      /* on the worker's thread */
typedef void (*WorkerComplete)(void *data); /* on the loop, from worker_dispatch(), once */
typedef void (*WorkerFree)(void *data);     /* after complete, or when abandoned; either thread */

/* The thread starts with the first job, all signals blocked in it. */
int worker_new(const char *name, Worker **ret);

/* Abandons every job and returns at once; a stuck thread is detached and frees the rest. */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker, worker_free)

/* Readable while completions wait. Borrowed: watch it, do not close it. */
int worker_fd(const Worker *worker);

/* Queues a job. On failure (-ENOMEM, -EAGAIN: no thread to be had) `free_data` is not called and
 * `data` stays the caller's. `*ret_job` is valid until completed or abandoned; may be NULL. */
int worker_submit(Worker *worker, WorkerRun run, WorkerComplete complete, WorkerFree free_data, void *data,
                  WorkerJob **ret_job);

/* The caller no longer wants it: `complete` will not be called. */
void worker_abandon(WorkerJob *job);

/* Runs the completions that wait. */
void worker_dispatch(Worker *worker);
