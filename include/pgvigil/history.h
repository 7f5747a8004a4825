/* history: what survives a restart: series, events, phases, what statements cost.
 *
 * Recent things live in memory, and every look-up but history_read_*() is answered from there. A
 * file in the state directory keeps them; only a thread of its own touches it, so that a slow or
 * full disk delays nothing. Without the file all works on from memory. Never a part of a verdict's
 * ground: what is not there was not observed, and says so. All times are realtime parameters.
 * The only module that includes SQLite.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "pgvigil/history/records.h"
#include "pgvigil/model/series.h"

typedef struct History History;

#define HISTORY_SIZE_TARGET (64ULL << 20) /* for one target and 15 days: a third of it is used */

typedef struct HistoryOptions {
        const char *directory; /* NULL: memory only */
        usec_t retention;
        size_t n_targets;  /* that memory and file are meant for; 0: 1 */
        uint64_t size_max; /* bytes of the file and its log; 0: HISTORY_SIZE_TARGET for each target */
} HistoryOptions;

typedef enum HistoryState {
        HISTORY_OPENING, /* what an earlier process kept is not known yet: wait before a phase begins */
        HISTORY_KEPT,
        HISTORY_FAILING, /* tried again each minute; nothing is lost meanwhile as far as memory holds it */
        HISTORY_OFF,     /* no directory, or a file that is not ours to touch: for good */
} HistoryState;

typedef struct HistoryStatus {
        HistoryState state;
        bool is_loaded;        /* what an earlier process kept is known */
        const char *trouble;   /* a sentence that names file, reason and cure; NULL: none. Borrowed */
        const char *reset;     /* the last time that a damaged file was set aside; NULL: never. Borrowed */
        usec_t written_at;     /* last success; 0: never */
        uint64_t errors;       /* writes and openings that failed */
        uint64_t resets;       /* damaged files that were set aside */
        uint64_t dropped;      /* records that were not written, ever */
        uint64_t refused;      /* samples that found no place in memory */
        uint64_t file_bytes;   /* as of the last write */
        uint64_t memory_bytes; /* of series */
} HistoryStatus;

/* Takes the lock of the directory; opens nothing yet. -EBUSY: another process holds it, *ret_holder
 * is its pid or 0. A directory that cannot be used at all is no failure here: it is tried again. */
int history_new(const HistoryOptions *options, History **ret, pid_t *ret_holder);

/* Writes what is not written and closes the file, but waits for the disk some seconds at most. */
History *history_free(History *history);
DEFINE_CLEANUP(History, history_free)

/* For a command while no daemon runs: loads the file read-only, at once, and changes nothing.
 * -EIO: *ret_trouble (owned) says why: there is none, a daemon has it, it is damaged; -ENOMEM. */
int history_open_reader(const HistoryOptions *options, usec_t now, History **ret, char **ret_trouble);

/* Readable while answers of the thread wait for history_dispatch(). -1: never. */
int history_fd(const History *history);
void history_dispatch(History *history);

/* Opens, writes and prunes what is due; every few seconds. */
void history_tick(History *history, usec_t now);

/* What was set now must not wait for the next write: it is begun at once, or as soon as one ends. */
void history_hurry(History *history, usec_t now);

void history_status(const History *history, HistoryStatus *ret);

/* Series. Any name will do; 100 of a target are kept. 0; 1: refused (no place, not finite); -ENOMEM. */
int history_sample(History *history, const char *target, const char *series, usec_t at, double value);

/* 0; 1: no such series, *ret is then empty; -ENOMEM. */
int history_window(const History *history, const char *target, const char *series, const SeriesQuery *query,
                   SeriesWindow *ret);

/* Name of the target's n-th series in the order of names, NULL past the last. Borrowed. */
const char *history_series_name(const History *history, const char *target, size_t n);

/* Texts by key: the phase's record. NULL removes it. Written at the next tick. */
int history_set(History *history, const char *target, const char *key, const char *text);
const char *history_get(const History *history, const char *target, const char *key);

/* Events: appended, kept for a year; the newest 500 of a target are in memory, the oldest first. */
int history_add_event(History *history, const char *target, usec_t at, const char *kind, const char *text);
const HistoryEvent *history_events(const History *history, const char *target, size_t *ret_n);

/* Statement hours are in the file only. Each call is kept whole or not at all. Statement hours
 * of the target before `oldest` leave. */
int history_add_statements(History *history, const char *target, const HistoryStatement *statements, size_t n,
                           usec_t oldest);

/* Answers from history_dispatch(), a reader's at once. `r` < 0: it could not be read, and the rows
 * mean nothing. Rows are borrowed for the call. -ENOTCONN: there is no file now, `done` is not called. */
typedef void (*HistoryStatementsDone)(void *userdata, int r, const HistoryStatement *rows, size_t n);
int history_read_statements(History *history, const char *target, usec_t from, usec_t to,
                            HistoryStatementsDone done, void *userdata);

const char *history_library_version(void);
