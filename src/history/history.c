/* History: opening, writing, and what becomes of failures. All on the loop.
 *
 *   OPENING ─opened, loaded─▶ KEPT ─write fails─▶ FAILING ─write, a minute later─▶ KEPT
 *      │                        ▲                    │
 *      ├ not now ─▶ FAILING ────┘ a minute later     └ damaged: opened anew, and set aside by that
 *      └ not ours, no directory ─▶ OFF
 *
 * Until the file is loaded nothing is queued that memory holds: it is told as a whole then, added
 * to what was loaded (history_adopt()).
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "internal.h"

#include <errno.h>
#include <poll.h>

#include "pgvigil/base/log-ids.h"
#include "pgvigil/base/log.h"
#include "pgvigil/base/str.h"
#include "state-file.h"

#define WRITE_EVERY       (15 * USEC_PER_SEC)
#define RETRY_EVERY       USEC_PER_MINUTE
#define STOP_MSEC         2000  /* for each step */
#define RECORDS_OF_TARGET 30000 /* an hour of 60 series while the disk is full */

static void history_init(History *history, const HistoryOptions *options) {
        *history = (History){.state = options->directory ? HISTORY_OPENING : HISTORY_OFF};
        history->queue.max = RECORDS_OF_TARGET * (options->n_targets ? options->n_targets : 1);
        series_book_init(&history->series, options->retention);
        history->series.closed = history_on_closed;
        history->series.userdata = history;
}

static void history_destroy(History *history) {
        history->worker = worker_free(history->worker);
        for (Job *job; (job = history->held);) {
                history->held = job->next;
                job_free(job);
        }
        series_book_done(&history->series);
        keep_done(&history->keep);
        records_done(&history->queue);
        store_unref(history->store);
        free(history->trouble);
        free(history->reset);
        free(history);
}

static void history_destroyp(History **history) {
        if (*history)
                history_destroy(*history);
}

static int new_store(const HistoryOptions *options, Store **ret) {
        uint64_t size = options->size_max;

        if (size == 0)
                size = HISTORY_SIZE_TARGET * (options->n_targets ? options->n_targets : 1);
        return store_new(options->directory, options->retention, size, ret);
}

int history_new(const HistoryOptions *options, History **ret, pid_t *ret_holder) {
        _cleanup_(history_destroyp) History *history = malloc(sizeof(*history));
        int r;

        if (!history)
                return -ENOMEM;
        history_init(history, options);
        if (!options->directory) {
                *ret = TAKE(history);
                return 0;
        }
        r = new_store(options, &history->store);
        if (r >= 0)
                r = worker_new("history", &history->worker);
        if (r < 0)
                return r;
        r = state_lock(options->directory, &history->store->lock_fd, ret_holder);
        if (r == -EBUSY || r == -ENOMEM)
                return r;
        *ret = TAKE(history);
        return 0;
}

int history_open_reader(const HistoryOptions *options, usec_t now, History **ret, char **ret_trouble) {
        _cleanup_(history_destroyp) History *history = malloc(sizeof(*history));
        Loaded loaded = {};
        StoreOutcome outcome;
        int r;

        if (!history)
                return -ENOMEM;
        history_init(history, options);
        r = new_store(options, &history->store);
        if (r < 0)
                return r;
        history->store->is_reader = true;
        outcome = store_open(history->store, now);
        if (outcome == STORE_FINE)
                outcome = store_load(history->store, now, &loaded);
        if (outcome != STORE_FINE) {
                *ret_trouble = TAKE(history->store->trouble);
                return *ret_trouble ? -EIO : -ENOMEM;
        }
        history->is_open = true;
        history->state = HISTORY_KEPT;
        r = history_adopt(history, &loaded, LEVEL_FINE);
        loaded_done(&loaded);
        if (r < 0)
                return r;
        *ret = TAKE(history);
        return 0;
}

static void set_trouble(History *history, const Job *job) {
        if (!str_equal(history->trouble, job->trouble) && job->trouble)
                log_event(LOG_WARNING, &(LogFields){.message_id = LOG_ID_HISTORY_FAILING}, "%s",
                          job->trouble);
        (void)str_set(&history->trouble, job->trouble);
}

static void set_fine(History *history) {
        if (history->state == HISTORY_FAILING)
                log_event(LOG_NOTICE, &(LogFields){.message_id = LOG_ID_HISTORY_KEPT},
                          "the history is kept again in %s", history->store->path);
        history->state = HISTORY_KEPT;
        (void)str_set(&history->trouble, NULL);
}

static void note_reset(History *history, const Job *job) {
        history->resets++;
        (void)str_set(&history->reset, job->trouble);
        log_event(LOG_WARNING, &(LogFields){.message_id = LOG_ID_HISTORY_RESET}, "%s",
                  job->trouble ? job->trouble : "a damaged history was set aside");
}

/* What was loaded once is not loaded again: only a new, empty file is told everything. */
static void opened(History *history, Job *job) {
        bool is_young = !history->is_loaded && history->attempts == 1;

        history->is_open = true;
        if (job->outcome == STORE_RESET)
                note_reset(history, job);
        set_fine(history);
        if (history->is_loaded && job->outcome == STORE_FINE)
                return;
        if (history_adopt(history, &job->loaded, is_young ? LEVEL_FINE : LEVEL_HOUR) < 0)
                log_oom();
}

static void complete_open(void *data) {
        Job *job = data;
        History *history = job->history;

        history->is_opening = false;
        if (job->outcome == STORE_FINE || job->outcome == STORE_RESET) {
                opened(history, job);
                return;
        }
        history->errors++;
        history->state = job->outcome == STORE_REFUSED ? HISTORY_OFF : HISTORY_FAILING;
        set_trouble(history, job);
        if (history->state == HISTORY_OFF)
                records_done(&history->queue);
}

/* Those that waited, in their order, behind what was queued meanwhile. */
static void submit_held(History *history) {
        Job *first = NULL;

        if (!history->held)
                return;
        (void)history_write(history);
        for (Job *job; (job = history->held);) {
                history->held = job->next;
                job->next = first;
                first = job;
        }
        for (Job *job; (job = first);) {
                Job failed = *job;

                first = job->next;
                if (history_submit(history, job) < 0)
                        failed.statements_done(failed.userdata, -EIO, NULL, 0);
        }
}

static void end_write(Job *job) {
        History *history = job->history;

        history->is_writing = false;
        history->file_bytes = job->bytes;
        if (job->outcome == STORE_FINE) {
                history->written_at = job->now;
                set_fine(history);
                return;
        }
        history->errors++;
        history->state = HISTORY_FAILING;
        set_trouble(history, job);
        if (job->outcome == STORE_TOO_LARGE) {
                history->dropped += job->batch.count;
                return;
        }
        (void)records_put_back(&history->queue, &job->batch, &history->dropped);
        if (job->outcome == STORE_DAMAGED)
                history->is_open = false;
}

static void complete_write(void *data) {
        Job *job = data;

        end_write(job);
        submit_held(job->history);
}

static int errno_of(StoreOutcome outcome) {
        return outcome == STORE_FINE ? 0 : -EIO;
}

static void complete_statements(void *data) {
        Job *job = data;

        job->statements_done(job->userdata, errno_of(job->outcome), job->statements.items,
                             job->statements.count);
}

static void complete_close(void *data) {
        Job *job = data;

        job->history->is_open = job->history->is_closing = false;
}

static const WorkerComplete completions[N_JOB_KINDS] = {
        [JOB_OPEN] = complete_open,
        [JOB_WRITE] = complete_write,
        [JOB_READ_STATEMENTS] = complete_statements,
        [JOB_CLOSE] = complete_close,
};

int history_submit(History *history, Job *job) {
        int r;

        if (!job)
                return -ENOMEM;
        if (!history->worker) {
                job_run(job);
                completions[job->kind](job);
                job_free(job);
                return 0;
        }
        r = worker_submit(history->worker, job_run, completions[job->kind], job_release, job, NULL);
        if (r < 0)
                job_free(job);
        return r;
}

int history_submit_behind(History *history, Job *job) {
        if (!job || !job->is_behind)
                return history_submit(history, job);
        job->next = history->held;
        history->held = job;
        return 0;
}

bool history_write(History *history) {
        size_t n;
        Job *job;

        if (!history->is_open || history->is_writing || !history->worker)
                return history->is_writing;
        series_book_tell_grown(&history->series); /* all samples of before are in the file then, or none is */
        n = history->queue.count;
        if (n == 0)
                return false;
        job = job_new(JOB_WRITE, history, history->store, history->now);
        if (!job)
                return false;
        SWAP(job->batch, history->queue);
        history->queue.max = job->batch.max;
        history->is_urgent = false;
        history->tried_at = history->now;
        history->is_writing = true;
        if (history_submit(history, job) < 0) { /* the batch went with the job */
                history->is_writing = false;
                history->dropped += n;
        }
        return history->is_writing;
}

/* True after a jump back, too: a clock that was wrong keeps nothing waiting. */
static bool is_due(usec_t now, usec_t last, usec_t every) {
        return last == 0 || now < last || now - last >= every;
}

static void history_open(History *history) {
        history->attempts++;
        history->tried_at = history->now;
        history->is_opening = true;
        if (history_submit(history, job_new(JOB_OPEN, history, history->store, history->now)) < 0)
                history->is_opening = false;
}

void history_tick(History *history, usec_t now) {
        usec_t every = history->state == HISTORY_FAILING ? RETRY_EVERY : WRITE_EVERY;

        history->now = now;
        if (history->state == HISTORY_OFF || history->is_opening || !history->worker)
                return;
        if (!history->is_open) {
                if (is_due(now, history->tried_at, RETRY_EVERY))
                        history_open(history);
                return;
        }
        if (is_due(now, history->tried_at, every) || (history->is_urgent && history->state == HISTORY_KEPT))
                (void)history_write(history);
}

void history_hurry(History *history, usec_t now) {
        history->is_urgent = true;
        history_tick(history, now);
}

int history_fd(const History *history) {
        return history->worker ? worker_fd(history->worker) : -1;
}

void history_dispatch(History *history) {
        if (history->worker)
                worker_dispatch(history->worker);
}

/* False: nothing came in time. */
static bool wait_for_job(History *history) {
        struct pollfd wait = {.fd = worker_fd(history->worker), .events = POLLIN};

        if (poll(&wait, 1, STOP_MSEC) <= 0)
                return false;
        worker_dispatch(history->worker);
        return true;
}

static bool settle(History *history) {
        while (history->is_opening || history->is_writing || history->is_closing)
                if (!wait_for_job(history))
                        return false;
        return true;
}

static void history_stop(History *history) {
        if (!settle(history) || !history->is_open)
                return;
        series_book_close(&history->series, history->now);
        if (history_write(history) && !settle(history))
                return;
        history->is_closing = history_submit(history,
                                             job_new(JOB_CLOSE, history, history->store, history->now)) >= 0;
        (void)settle(history);
}

History *history_free(History *history) {
        if (!history)
                return NULL;
        if (history->worker)
                history_stop(history);
        history_destroy(history);
        return NULL;
}

const char *history_library_version(void) {
        return sqlite3_libversion();
}
