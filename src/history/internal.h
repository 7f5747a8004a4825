/* History: what its files share.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/worker.h"
#include "pgvigil/history.h"

#include "job.h"

struct History {
        Store *store;   /* NULL: memory only */
        Worker *worker; /* NULL: jobs run at once */
        SeriesBook series;
        Keep keep;
        Records queue;    /* not written yet; before the file is loaded only what memory does not hold */
        uint32_t last_id; /* of series */
        HistoryState state;
        bool is_loaded; /* and so `series` and `keep` are what the file should hold */
        bool is_open;
        bool is_opening, is_writing, is_closing; /* a job is under way */
        bool is_urgent;
        Job *held;         /* reads that wait for the write that is under way, the last first */
        unsigned attempts; /* to open */
        usec_t now;        /* of the last tick */
        usec_t tried_at, written_at;
        char *trouble, *reset; /* owned */
        uint64_t errors, resets, dropped, file_bytes;
};

/* Takes the job over. 0 or a negative errno. */
int history_submit(History *history, Job *job);

/* The same, behind all that was queued before. */
int history_submit_behind(History *history, Job *job);

/* Queues what the file should know; a copy of everything. */
int history_queue_text(History *history, RecordKind kind, const char *target, usec_t at, const char *key,
                       const char *text);

/* All of `live` into what was loaded, which takes its place. */
int history_adopt(History *history, Loaded *loaded, SeriesLevel least);

/* SeriesClosed of the history's series. */
void history_on_closed(void *userdata, Series *series, SeriesLevel level, const SeriesPoint *point);

bool history_write(History *history); /* true: a job is under way now */
