/* Points of a series.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/series.h"

void series_point_merge(SeriesPoint *into, const SeriesPoint *from) {
        if (from->count == 0)
                return;
        if (into->count == 0) {
                *into = (SeriesPoint){into->start, from->count, from->min, from->max, from->sum};
                return;
        }
        into->count += from->count;
        into->sum += from->sum;
        if (from->min < into->min)
                into->min = from->min;
        if (from->max > into->max)
                into->max = from->max;
}

void series_window_done(SeriesWindow *window) {
        free(window->points);
        *window = (SeriesWindow){};
}
