/* History: what is put in and looked up. Memory first; the file is told through the queue.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/base/str.h"

static int queue(History *history, Record *record) {
        if (history->state == HISTORY_OFF || !history->worker) {
                record_done(record);
                return 0;
        }
        return records_add(&history->queue, record, &history->dropped);
}

int history_queue_text(History *history, RecordKind kind, const char *target, usec_t at, const char *key,
                       const char *text) {
        Record record = {.kind = kind, .at = at};

        if (str_set(&record.target, target) < 0 || str_set(&record.key, key) < 0 ||
            str_set(&record.text, text) < 0) {
                record_done(&record);
                return -ENOMEM;
        }
        return queue(history, &record);
}

/* The name goes with each hour, too: the file forgets the name of a series that has no point left. */
static int queue_name(History *history, Series *series) {
        Record record = {.kind = RECORD_SERIES};

        if (series->id == 0)
                series->id = ++history->last_id;
        record.series = series->id;
        if (str_set(&record.target, series->target) < 0 || str_set(&record.key, series->name) < 0) {
                record_done(&record);
                return -ENOMEM;
        }
        return queue(history, &record);
}

void history_on_closed(void *userdata, Series *series, SeriesLevel level, const SeriesPoint *point) {
        History *history = userdata;
        Record record = {.kind = RECORD_POINT, .level = level, .point = *point};

        if (!history->is_loaded)
                return;
        if ((series->id == 0 || level == LEVEL_HOUR) && queue_name(history, series) < 0) {
                history->dropped++;
                series->id = 0;
                return;
        }
        record.series = series->id;
        (void)queue(history, &record);
}

static int adopt_kept(History *history, const Kept *live) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < live->n_values; i++)
                r = history_set(history, live->target, live->values[i].key, live->values[i].text);
        for (size_t i = 0; r >= 0 && i < live->n_events; i++)
                r = history_add_event(history, live->target, live->events[i].at, live->events[i].kind,
                                      live->events[i].text);
        return r;
}

int history_adopt(History *history, Loaded *loaded, SeriesLevel least) {
        SeriesBook live = history->series;
        Keep kept = history->keep;
        int r;

        history->series = loaded->series;
        history->series.closed = live.closed;
        history->series.userdata = live.userdata;
        history->series.refused += live.refused;
        history->keep = loaded->keep;
        history->last_id = loaded->last_id;
        history->dropped += loaded->dropped;
        history->is_loaded = true;
        loaded->series = live;
        loaded->keep = kept;
        records_drop_kept(&history->queue);
        r = records_put_back(&history->queue, &loaded->rebuilt, &history->dropped);
        if (r >= 0)
                r = series_book_merge(&history->series, &live, least);
        for (size_t i = 0; r >= 0 && i < kept.count; i++)
                r = adopt_kept(history, &kept.items[i]);
        return r;
}

int history_sample(History *history, const char *target, const char *series, usec_t at, double value) {
        return series_book_add(&history->series, target, series, at, value);
}

int history_window(const History *history, const char *target, const char *series, const SeriesQuery *query,
                   SeriesWindow *ret) {
        const Series *found = series_book_find(&history->series, target, series);

        if (!found) {
                *ret = (SeriesWindow){};
                return 1;
        }
        return series_window(found, query, ret);
}

const char *history_series_name(const History *history, const char *target, size_t n) {
        size_t count, first = series_book_of_target(&history->series, target, &count);

        return n < count ? history->series.items[first + n]->name : NULL;
}

int history_set(History *history, const char *target, const char *key, const char *text) {
        int r = text && strlen(text) > TEXT_MAX ? -E2BIG : keep_set_value(&history->keep, target, key, text);

        if (r < 0 || !history->is_loaded)
                return r;
        history->is_urgent = true;
        r = records_set_value(&history->queue, target, key, text);
        if (r != 0)
                return r < 0 ? r : 0;
        return history_queue_text(history, RECORD_VALUE, target, 0, key, text);
}

const char *history_get(const History *history, const char *target, const char *key) {
        return keep_value(&history->keep, target, key);
}

int history_add_event(History *history, const char *target, usec_t at, const char *kind, const char *text) {
        int r = keep_add_event(&history->keep, target, at, kind, text);

        if (r < 0 || !history->is_loaded)
                return r;
        return history_queue_text(history, RECORD_EVENT, target, at, kind, text);
}

const HistoryEvent *history_events(const History *history, const char *target, size_t *ret_n) {
        const Kept *kept = keep_find(&history->keep, target);

        *ret_n = kept ? kept->n_events : 0;
        return kept ? kept->events : NULL;
}

int history_add_statements(History *history, const char *target, const HistoryStatement *statements, size_t n,
                           usec_t oldest) {
        Record record = {.kind = RECORD_STATEMENTS, .target = strdup(target), .at = oldest, .n = n};

        record.statements = calloc(n ? n : 1, sizeof(*statements));
        if (!record.target || !record.statements) {
                record_done(&record);
                return -ENOMEM;
        }
        if (n > 0)
                memcpy(record.statements, statements, n * sizeof(*statements));
        return queue(history, &record);
}

/* A job that reads, behind what is not written yet. */
static Job *reading(History *history, JobKind kind, const char *target) {
        _cleanup_(job_freep) Job *job = job_new(kind, history, history->store, history->now);

        if (!job)
                return NULL;
        job->is_behind = history->is_writing && history->queue.count > 0;
        (void)history_write(history);
        job->target = strdup(target);
        return job->target ? TAKE(job) : NULL;
}

int history_read_statements(History *history, const char *target, usec_t from, usec_t to,
                            HistoryStatementsDone done, void *userdata) {
        Job *job;

        if (!history->is_open)
                return -ENOTCONN;
        job = reading(history, JOB_READ_STATEMENTS, target);
        if (!job)
                return -ENOMEM;
        job->from = from;
        job->to = to;
        job->statements_done = done;
        job->userdata = userdata;
        return history_submit_behind(history, job);
}

void history_status(const History *history, HistoryStatus *ret) {
        *ret = (HistoryStatus){
                .state = history->state,
                .is_loaded = history->is_loaded,
                .trouble = history->trouble,
                .reset = history->reset,
                .written_at = history->written_at,
                .errors = history->errors,
                .resets = history->resets,
                .dropped = history->dropped,
                .refused = history->series.refused,
                .file_bytes = history->file_bytes,
                .memory_bytes = series_book_bytes(&history->series),
        };
}
