/* Series: one number over time, as charts and JSON see it. The history keeps it, the engine feeds
 * it, renderers read windows of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/macros.h"
#include "pgvigil/base/usec.h"

/* What was seen within [start, start + the window's step). The mean is sum / count. */
typedef struct SeriesPoint {
        usec_t start;   /* realtime */
        uint32_t count; /* of samples; 0: a gap, and what follows means nothing */
        double min, max, sum;
} SeriesPoint;

/* Makes one point of both; `into` keeps its start. */
void series_point_merge(SeriesPoint *into, const SeriesPoint *from);

/* Which part of a series, [from, to). */
typedef struct SeriesQuery {
        usec_t from, to;
        usec_t step; /* twice what its samples are apart, else gaps show that are none; 0: the finest */
} SeriesQuery;

#define SERIES_POINTS_MAX 2000 /* a longer window gets a longer step */

/* One point a step, gaps among them: points[i] starts `step` after points[i - 1]. */
typedef struct SeriesWindow {
        usec_t step;
        SeriesPoint *points; /* owned */
        size_t n_points;
} SeriesWindow;

void series_window_done(SeriesWindow *window);

/* Of a counter: how much it grew within each step, as points of one sample; the first point goes.
 * What cannot be told, beside a gap or where the counter fell, is a gap. */
void series_window_growth(SeriesWindow *window);

/* Makes of `part` its share of part and rest, 0 to 1, sums over each step, as points of one sample.
 * A step in which either is a gap, both are 0 or `lost` has a sample is a gap, and so is all of it
 * where the steps of both are not the same. */
void series_window_share(SeriesWindow *part, const SeriesWindow *rest, const SeriesWindow *lost);

/* Where renderers get series from, at the time of asking. Names are borrowed until the next sample. */
typedef struct SeriesSource {
        const char *(*name)(void *userdata, const char *target, size_t n); /* in order; NULL past the last */
        int (*window)(void *userdata, const char *target, const char *series, const SeriesQuery *query,
                      SeriesWindow *ret); /* 0; 1: no such series, *ret is empty; -ENOMEM */
        void *userdata;
} SeriesSource;
