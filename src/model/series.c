/* Points of a series.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/series.h"

#include <stdbool.h>
#include <string.h>

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

static void point_set(SeriesPoint *point, double value) {
        *point = (SeriesPoint){point->start, 1, value, value, value};
}

void series_window_growth(SeriesWindow *window) {
        if (window->n_points == 0)
                return;
        for (size_t i = window->n_points - 1; i > 0; i--) {
                SeriesPoint *point = &window->points[i];
                const SeriesPoint *before = point - 1;

                if (before->count == 0 || point->min < before->max)
                        point->count = 0;
                if (point->count > 0)
                        point_set(point, point->max - before->max);
        }
        window->n_points--;
        memmove(window->points, window->points + 1, window->n_points * sizeof(*window->points));
}

static bool is_same_grid(const SeriesWindow *a, const SeriesWindow *b) {
        return a->step == b->step && a->n_points == b->n_points &&
               (a->n_points == 0 || a->points[0].start == b->points[0].start);
}

void series_window_share(SeriesWindow *part, const SeriesWindow *rest, const SeriesWindow *lost) {
        bool is_comparable = is_same_grid(part, rest) && (lost->n_points == 0 || is_same_grid(part, lost));

        for (size_t i = 0; i < part->n_points; i++) {
                SeriesPoint *point = &part->points[i];
                double sum = is_comparable ? point->sum + rest->points[i].sum : 0;

                if (!is_comparable || rest->points[i].count == 0 || sum <= 0 ||
                    (lost->n_points > 0 && lost->points[i].count > 0))
                        point->count = 0;
                if (point->count > 0)
                        point_set(point, point->sum / sum);
        }
}
