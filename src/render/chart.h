/* Chart: one series over time as a figure: a picture (SVG), one sentence, and a table for who cannot
 * see the picture. Pure: a window and marks in, bytes out.
 *
 * What was not seen is drawn as such: the line breaks, and the foot is striped. The picture is in
 * whole tenths of a pixel, so that no decimal point of a locale can get into it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

#include "pgvigil/base/buffer.h"
#include "pgvigil/model/series.h"

/* Something that happened, as a labelled line across the chart. */
typedef struct ChartMark {
        usec_t at;
        const char *label; /* ours, needs no escape */
} ChartMark;

typedef struct Chart {
        const char *title; /* of anybody; escaped here */
        const char *unit;  /* "rows"; ours */
        double scale;      /* what values are multiplied by before they are shown */
        bool is_bars;      /* each point is an amount of its own; else a line through the means */
        bool is_whole;     /* counts: no tick between two whole numbers */
        const SeriesWindow *window;
        usec_t now;             /* what has not ended yet is no gap */
        const ChartMark *marks; /* in the order of time; those outside of the window are left out */
        size_t n_marks;
} Chart;

void chart_write(Buffer *out, const Chart *chart);

/* The parts, chart-words.c: "Last 3 rows, highest 12 rows at 14:00.", and at most 24 rows. */
void chart_add_sentence(Buffer *out, const Chart *chart);
void chart_add_table(Buffer *out, const Chart *chart);

/* "12", "1.5", "0.035": whole numbers as they are, others to three digits. */
void chart_add_value(Buffer *out, double value);

/* "14:02" in UTC, "14:02:30" where `step` is finer than a minute, "11-23" where it is whole days. */
void chart_add_clock(Buffer *out, usec_t at, usec_t step);

usec_t chart_from(const Chart *chart);
usec_t chart_to(const Chart *chart);
bool chart_is_gap(const Chart *chart, const SeriesPoint *point); /* it has ended, and nothing was seen */
