/* Tests of base/worker: completions on the loop, abandoning, and a thread that is stuck. Every wait
 * has a deadline; nothing waits for time to pass.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/worker.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"

#define DEADLINE_MSEC 20000

/* A job that says when it runs and when it is freed, and waits inside for a byte when `held`. */
typedef struct Job {
        int running[2], go_on[2], freed[2]; /* pipes */
        bool is_held;
        sigset_t mask;
        char thread_name[16];
        int completed; /* how often; counted on the loop */
        int order;
        Worker **to_free;
} Job;

static int completions;

static void job_init(Job *job, bool is_held) {
        *job = (Job){.is_held = is_held};
        ck_assert_int_eq(pipe(job->running), 0);
        ck_assert_int_eq(pipe(job->go_on), 0);
        ck_assert_int_eq(pipe(job->freed), 0);
}

static void job_done(Job *job) {
        int *pipes[] = {job->running, job->go_on, job->freed};

        for (size_t i = 0; i < ELEMENTS(pipes); i++) {
                close(pipes[i][0]);
                close(pipes[i][1]);
        }
}

static void say(int fd) {
        ck_assert_int_eq(write(fd, "x", 1), 1);
}

static bool wait_for(int fd) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        return poll(&p, 1, DEADLINE_MSEC) == 1;
}

static bool is_readable(int fd) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        return poll(&p, 1, 0) == 1;
}

static void run(void *data) {
        Job *job = data;
        char c;

        pthread_sigmask(SIG_SETMASK, NULL, &job->mask);
        pthread_getname_np(pthread_self(), job->thread_name, sizeof(job->thread_name));
        (void)!write(job->running[1], "x", 1);
        if (job->is_held)
                (void)!read(job->go_on[0], &c, 1);
}

static void complete(void *data) {
        Job *job = data;

        job->completed++;
        job->order = ++completions;
        if (job->to_free)
                *job->to_free = worker_free(*job->to_free);
}

static void release(void *data) {
        Job *job = data;

        (void)!write(job->freed[1], "x", 1);
}

static Worker *new_worker(void) {
        Worker *worker;

        ck_assert_int_eq(worker_new("unit-test-with-a-long-name", &worker), 0);
        return worker;
}

static WorkerJob *submit(Worker *worker, Job *job) {
        WorkerJob *handle;

        ck_assert_int_eq(worker_submit(worker, run, complete, release, job, &handle), 0);
        return handle;
}

START_TEST(a_job_completes_once_and_only_in_dispatch) {
        _cleanup_(worker_freep) Worker *worker = new_worker();
        Job job;

        job_init(&job, false);
        worker_dispatch(worker); /* with nothing to do */
        submit(worker, &job);
        ck_assert(wait_for(worker_fd(worker)));
        ck_assert_int_eq(job.completed, 0);
        ck_assert(!is_readable(job.freed[0]));
        worker_dispatch(worker);
        ck_assert_int_eq(job.completed, 1);
        ck_assert(is_readable(job.freed[0]));
        ck_assert(!is_readable(worker_fd(worker)));
        worker_dispatch(worker);
        ck_assert_int_eq(job.completed, 1);
        job_done(&job);
}
END_TEST

START_TEST(jobs_run_in_the_order_they_came) {
        _cleanup_(worker_freep) Worker *worker = new_worker();
        Job jobs[20];

        for (size_t i = 0; i < ELEMENTS(jobs); i++) {
                job_init(&jobs[i], false);
                submit(worker, &jobs[i]);
        }
        while (jobs[ELEMENTS(jobs) - 1].completed == 0) {
                ck_assert(wait_for(worker_fd(worker)));
                worker_dispatch(worker);
        }
        for (size_t i = 0; i < ELEMENTS(jobs); i++) {
                ck_assert_int_eq(jobs[i].order, (int)i + 1);
                job_done(&jobs[i]);
        }
}
END_TEST

START_TEST(the_thread_takes_no_signals_and_bears_its_name) {
        _cleanup_(worker_freep) Worker *worker = new_worker();
        sigset_t before, after;
        Job job;

        job_init(&job, false);
        pthread_sigmask(SIG_SETMASK, NULL, &before);
        submit(worker, &job);
        pthread_sigmask(SIG_SETMASK, NULL, &after);
        ck_assert(wait_for(worker_fd(worker)));
        worker_dispatch(worker);
        ck_assert_int_eq(sigismember(&job.mask, SIGTERM), 1);
        ck_assert_int_eq(sigismember(&job.mask, SIGHUP), 1);
        ck_assert_int_eq(sigismember(&job.mask, SIGCHLD), 1);
        ck_assert_int_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
        ck_assert_str_eq(job.thread_name, "unit-test-with-");
        job_done(&job);
}
END_TEST

START_TEST(an_abandoned_job_never_completes_and_is_freed_when_it_ends) {
        _cleanup_(worker_freep) Worker *worker = new_worker();
        WorkerJob *handle;
        Job held, next;

        job_init(&held, true);
        job_init(&next, false);
        handle = submit(worker, &held);
        submit(worker, &next);
        ck_assert(wait_for(held.running[0]));
        worker_abandon(handle);
        ck_assert(!is_readable(held.freed[0]));
        say(held.go_on[1]);
        ck_assert(wait_for(held.freed[0]));
        ck_assert(wait_for(worker_fd(worker)));
        worker_dispatch(worker);
        ck_assert_int_eq(held.completed, 0);
        ck_assert_int_eq(next.completed, 1); /* the thread went on */
        job_done(&held);
        job_done(&next);
}
END_TEST

START_TEST(a_waiting_job_that_is_abandoned_never_runs) {
        _cleanup_(worker_freep) Worker *worker = new_worker();
        Job held, waiting, last;
        WorkerJob *handle;

        job_init(&held, true);
        job_init(&waiting, false);
        job_init(&last, false);
        submit(worker, &held);
        handle = submit(worker, &waiting);
        ck_assert(wait_for(held.running[0]));
        worker_abandon(handle);
        ck_assert(is_readable(waiting.freed[0]));
        submit(worker, &last); /* the end of the list is still right */
        say(held.go_on[1]);
        while (last.completed == 0) {
                ck_assert(wait_for(worker_fd(worker)));
                worker_dispatch(worker);
        }
        ck_assert_int_eq(held.completed, 1);
        ck_assert_int_eq(waiting.completed, 0);
        ck_assert(!is_readable(waiting.running[0]));
        job_done(&held);
        job_done(&waiting);
        job_done(&last);
}
END_TEST

START_TEST(a_finished_job_that_is_abandoned_before_dispatch_never_completes) {
        _cleanup_(worker_freep) Worker *worker = new_worker();
        WorkerJob *handle;
        Job job;

        job_init(&job, false);
        handle = submit(worker, &job);
        ck_assert(wait_for(worker_fd(worker)));
        worker_abandon(handle);
        ck_assert(is_readable(job.freed[0]));
        worker_dispatch(worker);
        ck_assert_int_eq(job.completed, 0);
        job_done(&job);
}
END_TEST

START_TEST(a_stuck_job_does_not_hang_free_and_frees_itself_later) {
        Worker *worker = new_worker();
        Job held, waiting;

        job_init(&held, true);
        job_init(&waiting, false);
        submit(worker, &held);
        submit(worker, &waiting);
        ck_assert(wait_for(held.running[0]));
        ck_assert_ptr_null(worker_free(worker)); /* returns though the thread is stuck */
        ck_assert(is_readable(waiting.freed[0]));
        ck_assert(!is_readable(held.freed[0]));
        say(held.go_on[1]);
        ck_assert(wait_for(held.freed[0]));
        ck_assert_int_eq(held.completed + waiting.completed, 0);
        ck_assert(!is_readable(waiting.running[0]));
        /* the pipes stay open: the thread may still be on its way out */
}
END_TEST

START_TEST(a_finished_job_is_freed_without_completion_when_the_worker_goes) {
        Worker *worker = new_worker();
        Job job;

        job_init(&job, false);
        submit(worker, &job);
        ck_assert(wait_for(worker_fd(worker)));
        worker_free(worker);
        ck_assert(is_readable(job.freed[0]));
        ck_assert_int_eq(job.completed, 0);
        job_done(&job);
}
END_TEST

START_TEST(a_completion_may_free_the_worker) {
        Worker *worker = new_worker();
        Job first, second;

        job_init(&first, false);
        job_init(&second, false);
        first.to_free = &worker;
        submit(worker, &first);
        submit(worker, &second);
        ck_assert(wait_for(worker_fd(worker)));
        worker_dispatch(worker);
        ck_assert_ptr_null(worker);
        ck_assert_int_eq(first.completed, 1);
        ck_assert_int_eq(second.completed, 0);
        ck_assert(wait_for(first.freed[0]));
        ck_assert(wait_for(second.freed[0]));
}
END_TEST

START_TEST(a_worker_without_a_job_is_freed) {
        Worker *worker = new_worker();

        ck_assert_ptr_null(worker_free(worker));
        ck_assert_ptr_null(worker_free(NULL));
        worker_abandon(NULL);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                a_job_completes_once_and_only_in_dispatch,
                jobs_run_in_the_order_they_came,
                the_thread_takes_no_signals_and_bears_its_name,
                an_abandoned_job_never_completes_and_is_freed_when_it_ends,
                a_waiting_job_that_is_abandoned_never_runs,
                a_finished_job_that_is_abandoned_before_dispatch_never_completes,
                a_stuck_job_does_not_hang_free_and_frees_itself_later,
                a_finished_job_is_freed_without_completion_when_the_worker_goes,
                a_completion_may_free_the_worker,
                a_worker_without_a_job_is_freed,
        };

        return unit_run("worker", tests, ELEMENTS(tests));
}
