/* SeriesBook: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "series.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct {
        uint32_t width, size; /* seconds; slots, 0: as many as retention needs */
} levels[N_LEVELS] = {
        [LEVEL_FINE] = {15, 6 * 240 + 1},
        [LEVEL_MIDDLE] = {300, 7 * 288 + 1},
        [LEVEL_HOUR] = {3600, 0},
};

#define TIME_MAX (UINT32_MAX * USEC_PER_SEC) /* what a slot can hold */

static uint32_t level_size(SeriesLevel level, usec_t retention) {
        if (levels[level].size > 0)
                return levels[level].size;
        return (uint32_t)(retention / USEC_PER_SEC / levels[level].width) + 1;
}

usec_t series_level_span(SeriesLevel level, usec_t retention) {
        return (usec_t)levels[level].width * level_size(level, retention) * USEC_PER_SEC;
}

static Series *series_free(Series *series) {
        if (!series)
                return NULL;
        for (SeriesLevel level = 0; level < N_LEVELS; level++)
                ring_done(&series->rings[level]);
        free(series->target);
        free(series->name);
        free(series);
        return NULL;
}
DEFINE_CLEANUP(Series, series_free)

static int series_new(const char *target, const char *name, usec_t retention, Series **ret) {
        _cleanup_(series_freep) Series *series = calloc(1, sizeof(*series));

        if (!series)
                return -ENOMEM;
        series->target = strdup(target);
        series->name = strdup(name);
        if (!series->target || !series->name)
                return -ENOMEM;
        for (SeriesLevel level = 0; level < N_LEVELS; level++) {
                int r = ring_init(&series->rings[level], levels[level].width, level_size(level, retention));

                if (r < 0)
                        return r;
        }
        *ret = TAKE(series);
        return 0;
}

void series_book_init(SeriesBook *book, usec_t retention) {
        *book = (SeriesBook){.retention = retention};
}

void series_book_done(SeriesBook *book) {
        for (size_t i = 0; i < book->count; i++)
                series_free(book->items[i]);
        free(book->items);
        *book = (SeriesBook){};
}

/* Of the first that is not before (target, name). */
static size_t book_position(const SeriesBook *book, const char *target, const char *name) {
        size_t low = 0, high = book->count;

        while (low < high) {
                size_t middle = (low + high) / 2;
                const Series *series = book->items[middle];
                int order = strcmp(series->target, target);

                if (order == 0)
                        order = strcmp(series->name, name);
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

Series *series_book_find(const SeriesBook *book, const char *target, const char *name) {
        size_t i = book_position(book, target, name);

        if (i == book->count || strcmp(book->items[i]->target, target) != 0 ||
            strcmp(book->items[i]->name, name) != 0)
                return NULL;
        return book->items[i];
}

size_t series_book_of_target(const SeriesBook *book, const char *target, size_t *ret_n) {
        size_t first = book_position(book, target, ""), i = first;

        while (i < book->count && strcmp(book->items[i]->target, target) == 0)
                i++;
        *ret_n = i - first;
        return first;
}

static void book_remove(SeriesBook *book, size_t position) {
        series_free(book->items[position]);
        book->count--;
        memmove(&book->items[position], &book->items[position + 1],
                (book->count - position) * sizeof(*book->items));
}

/* The one that was idle the longest leaves. False: all are in use. */
static bool book_make_place(SeriesBook *book, const char *target, usec_t now) {
        size_t n, first = series_book_of_target(book, target, &n), idlest = first;

        if (n < SERIES_MAX)
                return true;
        for (size_t i = first; i < first + n; i++)
                if (book->items[i]->last < book->items[idlest]->last)
                        idlest = i;
        if (usec_since(now, book->items[idlest]->last) < USEC_PER_HOUR)
                return false;
        book_remove(book, idlest);
        return true;
}

/* 1: no place. */
static int book_get(SeriesBook *book, const char *target, const char *name, usec_t now, Series **ret) {
        Series *series = series_book_find(book, target, name);
        Series **items;
        size_t i;
        int r;

        if (series) {
                *ret = series;
                return 0;
        }
        if (!book_make_place(book, target, now)) {
                book->refused++;
                return 1;
        }
        items = reallocarray(book->items, book->count + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        book->items = items;
        r = series_new(target, name, book->retention, &series);
        if (r < 0)
                return r;
        i = book_position(book, target, name);
        memmove(&items[i + 1], &items[i], (book->count - i) * sizeof(*items));
        items[i] = series;
        book->count++;
        *ret = series;
        return 0;
}

static void series_seen(Series *series, usec_t at) {
        if (series->first == 0 || at < series->first)
                series->first = at;
        series->last = at; /* not the greatest: a clock that was set back is right now */
}

static void book_tell(SeriesBook *book, Series *series, SeriesLevel level, uint32_t start) {
        SeriesPoint point;

        if (level == LEVEL_FINE)
                series->has_grown = false;
        if (book->closed && start > 0 && ring_get(&series->rings[level], start, &point))
                book->closed(book->userdata, series, level, &point);
}

static void book_tell_open(SeriesBook *book, Series *series, SeriesLevel level) {
        if (level != LEVEL_FINE || series->has_grown)
                book_tell(book, series, level, series->open[level]);
}

int series_book_add(SeriesBook *book, const char *target, const char *name, usec_t at, double value) {
        const SeriesPoint point = {at, 1, value, value, value};
        Series *series;
        int r;

        if (!isfinite(value)) {
                book->refused++;
                return 1;
        }
        r = book_get(book, target, name, at, &series);
        if (r != 0)
                return r;
        for (SeriesLevel level = 0; level < N_LEVELS; level++) {
                uint32_t start = ring_start(&series->rings[level], at);

                if (start != series->open[level]) {
                        book_tell_open(book, series, level);
                        series->open[level] = start;
                }
                ring_add(&series->rings[level], &point);
        }
        series->has_grown = true;
        series_seen(series, at);
        return 0;
}

int series_book_put(SeriesBook *book, const char *target, const char *name, SeriesLevel level,
                    const SeriesPoint *point) {
        Series *series;
        int r = book_get(book, target, name, point->start, &series);

        if (r != 0)
                return r;
        ring_add(&series->rings[level], point);
        if (point->start > series->last || series->last == 0)
                series_seen(series, point->start);
        return 0;
}

/* One level out of the one below, as far as that reaches. */
static void series_rebuild(SeriesBook *book, Series *series, SeriesLevel level, usec_t now) {
        Ring *ring = &series->rings[level];
        const Ring *finer = &series->rings[level - 1];
        uint32_t end = ring_start(ring, now);
        uint32_t reach = finer->width * finer->size;

        for (uint64_t start = ring_start(ring, usec_since(now, reach * USEC_PER_SEC)); start <= end;
             start += ring->width) {
                SeriesPoint kept, point;

                (void)ring_get(ring, (uint32_t)start, &kept);
                ring_sum(finer, (uint32_t)start, (uint32_t)start + ring->width, &point);
                if (point.count <= kept.count)
                        continue;
                ring_set(ring, &point);
                if (start < end)
                        book_tell(book, series, level, (uint32_t)start);
        }
}

void series_book_rebuild(SeriesBook *book, usec_t now) {
        for (size_t i = 0; i < book->count; i++) {
                Series *series = book->items[i];

                for (SeriesLevel level = LEVEL_MIDDLE; level < N_LEVELS; level++)
                        series_rebuild(book, series, level, now);
                for (SeriesLevel level = 0; level < N_LEVELS; level++)
                        series->open[level] = ring_start(&series->rings[level], now);
        }
}

static void series_merge(SeriesBook *book, Series *into, const Series *live, SeriesLevel least) {
        for (SeriesLevel level = 0; level < N_LEVELS; level++) {
                const Ring *ring = &live->rings[level];
                uint32_t reach = ring->width * (ring->size - 1);
                uint64_t last = ring_start(ring, live->last), start = ring_start(ring, live->first);

                if (start + reach < last)
                        start = last - reach;
                for (; start <= last; start += ring->width) {
                        SeriesPoint point;

                        if (!ring_get(ring, (uint32_t)start, &point))
                                continue;
                        ring_add(&into->rings[level], &point);
                        if (level >= least && start != live->open[level])
                                book_tell(book, into, level, (uint32_t)start);
                }
                if (!ring_get(ring, into->open[level], &(SeriesPoint){}))
                        book_tell(book, into, level, into->open[level]);
                into->open[level] = live->open[level];
        }
        into->has_grown = live->has_grown;
        series_seen(into, live->first);
        series_seen(into, live->last);
}

int series_book_merge(SeriesBook *book, const SeriesBook *live, SeriesLevel least) {
        for (size_t i = 0; i < live->count; i++) {
                const Series *from = live->items[i];
                Series *into;
                int r = book_get(book, from->target, from->name, from->last, &into);

                if (r < 0)
                        return r;
                if (r == 0)
                        series_merge(book, into, from, least);
        }
        return 0;
}

void series_book_tell_grown(SeriesBook *book) {
        for (size_t i = 0; i < book->count; i++)
                if (book->items[i]->has_grown)
                        book_tell(book, book->items[i], LEVEL_FINE, book->items[i]->open[LEVEL_FINE]);
}

void series_book_close(SeriesBook *book, usec_t now) {
        for (SeriesLevel level = 0; level < N_LEVELS; level++) {
                usec_t oldest = usec_since(now, series_level_span(level, book->retention));

                for (size_t i = 0; i < book->count; i++)
                        if (book->items[i]->open[level] * USEC_PER_SEC >= oldest)
                                book_tell(book, book->items[i], level, book->items[i]->open[level]);
        }
}

/* The finest that reaches back to `from`. */
static const Ring *series_ring(const Series *series, usec_t from) {
        for (SeriesLevel level = 0; level < LEVEL_HOUR; level++) {
                const Ring *ring = &series->rings[level];

                if ((int64_t)ring_start(ring, series->last) - ring_start(ring, from) <
                    (int64_t)ring->width * ring->size)
                        return ring;
        }
        return &series->rings[LEVEL_HOUR];
}

static usec_t window_step(const SeriesQuery *query, const Ring *ring) {
        const usec_t width = ring->width * USEC_PER_SEC, length = query->to - query->from;
        usec_t step = length / (SERIES_POINTS_MAX - 1) + 1;

        if (step < query->step)
                step = query->step < length ? query->step : length;
        return (step / width + (step % width != 0)) * width;
}

static void window_fill(SeriesWindow *window, const Ring *ring) {
        const usec_t first = window->points[0].start;

        for (uint32_t i = 0; i < ring->size; i++) {
                SeriesPoint point;

                if (!ring_get(ring, ring->slots[i].start, &point) || point.start < first ||
                    (point.start - first) / window->step >= window->n_points)
                        continue;
                series_point_merge(&window->points[(point.start - first) / window->step], &point);
        }
}

int series_window(const Series *series, const SeriesQuery *query, SeriesWindow *ret) {
        SeriesQuery within = *query;
        const Ring *ring = series_ring(series, query->from);
        SeriesWindow window = {};
        usec_t start;

        if (within.to > TIME_MAX)
                within.to = TIME_MAX;
        if (within.from >= within.to) {
                *ret = window;
                return 0;
        }
        window.step = window_step(&within, ring);
        start = within.from - within.from % window.step;
        window.n_points = (within.to - start - 1) / window.step + 1;
        window.points = calloc(window.n_points, sizeof(*window.points));
        if (!window.points)
                return -ENOMEM;
        for (size_t i = 0; i < window.n_points; i++)
                window.points[i].start = start + i * window.step;
        window_fill(&window, ring);
        *ret = window;
        return 0;
}

size_t series_book_bytes(const SeriesBook *book) {
        size_t slots = 0;

        for (SeriesLevel level = 0; level < N_LEVELS; level++)
                slots += level_size(level, book->retention);
        return book->count * (sizeof(Series) + slots * sizeof(RingSlot));
}
