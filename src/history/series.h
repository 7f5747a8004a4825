/* SeriesBook: every series of every target in memory, in three widths: 15 s for six hours, 5 min for
 * a week, 1 h for as long as samples are kept. A sample goes into all three at once; a bucket is
 * closed when the next one begins, and told to whoever listens, if it has grown since it was told.
 * Pure: no file, no clock.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "ring.h"

typedef enum SeriesLevel { LEVEL_FINE, LEVEL_MIDDLE, LEVEL_HOUR, N_LEVELS } SeriesLevel;

/* Of one target: 12 MiB. One more takes the place of one that was idle for an hour, or has none. */
#define SERIES_MAX 100

typedef struct Series {
        char *target, *name;
        uint32_t id; /* in the file; 0: none there yet */
        Ring rings[N_LEVELS];
        uint32_t open[N_LEVELS]; /* start of the bucket that grows; 0: none */
        bool has_grown;          /* the fine one of them, since it was told */
        usec_t first, last;      /* times of samples */
} Series;

typedef void (*SeriesClosed)(void *userdata, Series *series, SeriesLevel level, const SeriesPoint *point);

typedef struct SeriesBook {
        Series **items; /* by target, then name */
        size_t count;
        usec_t retention;
        uint64_t refused; /* samples of series that had no place */
        SeriesClosed closed;
        void *userdata; /* of `closed`, which may be NULL */
} SeriesBook;

void series_book_init(SeriesBook *book, usec_t retention);
void series_book_done(SeriesBook *book);

/* How long buckets of a level are kept. */
usec_t series_level_span(SeriesLevel level, usec_t retention);

/* NULL: none. */
Series *series_book_find(const SeriesBook *book, const char *target, const char *name);

/* Position of the first series of a target, *ret_n of them. */
size_t series_book_of_target(const SeriesBook *book, const char *target, size_t *ret_n);

/* 0; 1: refused and counted, as no place or not finite; -ENOMEM. */
int series_book_add(SeriesBook *book, const char *target, const char *name, usec_t at, double value);

/* As it comes out of the file: one bucket of one level, nothing rolled up, the oldest first. As above. */
int series_book_put(SeriesBook *book, const char *target, const char *name, SeriesLevel level,
                    const SeriesPoint *point);

/* After series_book_put(): makes the buckets that a kill lost, or a part of, out of the finer ones. */
void series_book_rebuild(SeriesBook *book, usec_t now);

/* Adds all that `live` holds; the sums of levels from `least` on are told as closed, but those of
 * buckets that still grow. 0, -ENOMEM. */
int series_book_merge(SeriesBook *book, const SeriesBook *live, SeriesLevel least);

/* Tells the fine buckets that still grow, where they have since they were told: of them the wider ones can be
 * made again. */
void series_book_tell_grown(SeriesBook *book);

/* Tells the buckets that still grow as if they were closed, but those that are too old to be kept. */
void series_book_close(SeriesBook *book, usec_t now);

int series_window(const Series *series, const SeriesQuery *query, SeriesWindow *ret);

size_t series_book_bytes(const SeriesBook *book);
