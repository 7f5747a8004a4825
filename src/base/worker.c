/* One thread for one kind of blocking job. The mutex guards the lists and the jobs' stages, and is
 * never held while somebody's code runs.
 *
 *   submit ─▶ QUEUED ─thread takes─▶ RUNNING ─thread ends─▶ DONE ─worker_dispatch()─▶ complete, free
 *                │                      │                     │
 *                └ abandoned: freed     └ freed by the thread └ abandoned: freed
 *
 * The loop and the thread hold one reference each: whoever leaves last frees the worker, so that a
 * stuck job keeps nothing waiting.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef enum JobStage { JOB_QUEUED, JOB_RUNNING, JOB_DONE } JobStage;

struct WorkerJob {
        Worker *worker;
        WorkerJob *next;
        JobStage stage;
        bool is_abandoned; /* while RUNNING only */
        WorkerRun run;
        WorkerComplete complete;
        WorkerFree free_data;
        void *data;
};

typedef struct JobList {
        WorkerJob *first;
        WorkerJob **end; /* where the next one is hung */
} JobList;

struct Worker {
        char name[16]; /* the kernel's limit */
        atomic_uint references;
        int fd;
        bool has_thread; /* loop only */
        pthread_t thread;
        pthread_mutex_t mutex;
        pthread_cond_t wake;
        /* under the mutex: */
        bool is_stopping;
        JobList queued, done;
        WorkerJob *running;
};

static void job_list_init(JobList *list) {
        list->first = NULL;
        list->end = &list->first;
}

static void job_list_add(JobList *list, WorkerJob *job) {
        job->next = NULL;
        *list->end = job;
        list->end = &job->next;
}

static void job_list_remove(JobList *list, WorkerJob *job) {
        WorkerJob **place = &list->first;

        while (*place != job)
                place = &(*place)->next;
        *place = job->next;
        if (list->end == &job->next)
                list->end = place;
}

static WorkerJob *job_list_take(JobList *list) {
        WorkerJob *job = list->first;

        if (job)
                job_list_remove(list, job);
        return job;
}

static void job_free(WorkerJob *job) {
        if (job->free_data)
                job->free_data(job->data);
        free(job);
}

static void worker_unref(Worker *worker) {
        if (atomic_fetch_sub(&worker->references, 1) > 1)
                return;
        close(worker->fd);
        pthread_cond_destroy(&worker->wake);
        pthread_mutex_destroy(&worker->mutex);
        free(worker);
}

int worker_new(const char *name, Worker **ret) {
        Worker *worker;

        worker = calloc(1, sizeof(*worker));
        if (!worker)
                return -ENOMEM;
        worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->fd < 0) {
                int r = -errno;

                free(worker);
                return r;
        }
        (void)snprintf(worker->name, sizeof(worker->name), "%s", name);
        atomic_init(&worker->references, 1);
        pthread_mutex_init(&worker->mutex, NULL);
        pthread_cond_init(&worker->wake, NULL);
        job_list_init(&worker->queued);
        job_list_init(&worker->done);
        *ret = worker;
        return 0;
}

/* An idle thread ends at once and is waited for, so that what libraries keep a thread is freed; a
 * stuck one is left to itself. */
static void thread_leave(pthread_t thread, bool is_stuck) {
        if (is_stuck)
                pthread_detach(thread);
        else
                pthread_join(thread, NULL);
}

Worker *worker_free(Worker *worker) {
        JobList queued, done;
        WorkerJob *job;
        bool is_stuck;

        if (!worker)
                return NULL;

        job_list_init(&queued);
        job_list_init(&done);
        pthread_mutex_lock(&worker->mutex);
        worker->is_stopping = true;
        while ((job = job_list_take(&worker->queued)))
                job_list_add(&queued, job);
        while ((job = job_list_take(&worker->done)))
                job_list_add(&done, job);
        is_stuck = worker->running != NULL;
        if (is_stuck)
                worker->running->is_abandoned = true;
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->mutex);

        while ((job = job_list_take(&queued)))
                job_free(job);
        while ((job = job_list_take(&done)))
                job_free(job);
        if (worker->has_thread)
                thread_leave(worker->thread, is_stuck);
        worker_unref(worker);
        return NULL;
}

int worker_fd(const Worker *worker) {
        return worker->fd;
}

/* Waits for a job; NULL: stopping. */
static WorkerJob *worker_next(Worker *worker) {
        WorkerJob *job = NULL;

        pthread_mutex_lock(&worker->mutex);
        while (!worker->is_stopping && !worker->queued.first)
                pthread_cond_wait(&worker->wake, &worker->mutex);
        if (!worker->is_stopping) {
                job = job_list_take(&worker->queued);
                job->stage = JOB_RUNNING;
                worker->running = job;
        }
        pthread_mutex_unlock(&worker->mutex);
        return job;
}

static void worker_finish(Worker *worker, WorkerJob *job) {
        bool is_wanted;

        pthread_mutex_lock(&worker->mutex);
        worker->running = NULL;
        is_wanted = !job->is_abandoned;
        if (is_wanted) {
                job->stage = JOB_DONE;
                job_list_add(&worker->done, job);
                (void)eventfd_write(worker->fd, 1);
        }
        pthread_mutex_unlock(&worker->mutex);
        if (!is_wanted)
                job_free(job);
}

static void *worker_thread(void *argument) {
        Worker *worker = argument;
        WorkerJob *job;

        (void)pthread_setname_np(pthread_self(), worker->name);
        while ((job = worker_next(worker))) {
                job->run(job->data);
                worker_finish(worker, job);
        }
        worker_unref(worker);
        return NULL;
}

static int worker_start(Worker *worker) {
        sigset_t all, saved;
        int r;

        if (worker->has_thread)
                return 0;
        atomic_fetch_add(&worker->references, 1);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &saved);
        r = pthread_create(&worker->thread, NULL, worker_thread, worker);
        pthread_sigmask(SIG_SETMASK, &saved, NULL);
        if (r != 0) {
                atomic_fetch_sub(&worker->references, 1);
                return -r;
        }
        worker->has_thread = true;
        return 0;
}

int worker_submit(Worker *worker, WorkerRun run, WorkerComplete complete, WorkerFree free_data, void *data,
                  WorkerJob **ret_job) {
        WorkerJob *job;
        int r;

        r = worker_start(worker);
        if (r < 0)
                return r;
        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        *job = (WorkerJob){
                .worker = worker, .run = run, .complete = complete, .free_data = free_data, .data = data};

        if (ret_job)
                *ret_job = job;
        pthread_mutex_lock(&worker->mutex);
        job_list_add(&worker->queued, job);
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->mutex);
        return 0;
}

void worker_abandon(WorkerJob *job) {
        Worker *worker;

        if (!job)
                return;
        worker = job->worker;
        pthread_mutex_lock(&worker->mutex);
        if (job->stage == JOB_RUNNING) {
                job->is_abandoned = true; /* the thread frees it */
                job = NULL;
        } else
                job_list_remove(job->stage == JOB_QUEUED ? &worker->queued : &worker->done, job);
        pthread_mutex_unlock(&worker->mutex);
        if (job)
                job_free(job);
}

void worker_dispatch(Worker *worker) {
        eventfd_t count;
        WorkerJob *job;

        (void)eventfd_read(worker->fd, &count);
        atomic_fetch_add(&worker->references, 1); /* a completion may free the worker */
        for (;;) {
                pthread_mutex_lock(&worker->mutex);
                job = job_list_take(&worker->done);
                pthread_mutex_unlock(&worker->mutex);
                if (!job)
                        break;
                job->complete(job->data);
                job_free(job);
        }
        worker_unref(worker);
}
