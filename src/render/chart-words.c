/* Chart: its values in words and as a table.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "format.h"
#include "html-writer.h"

#define TABLE_ROWS 24

void chart_add_value(Buffer *out, double value) {
        char digits[32];

        if (fabs(value) >= 1000 && fabs(value) < 1e15)
                value = round(value);
        if (value == floor(value) && fabs(value) < 1e15) {
                buffer_add_number(out, value);
                return;
        }
        snprintf(digits, sizeof(digits), "%.3g", value);
        buffer_add_number(out, strtod(digits, NULL));
}

void chart_add_clock(Buffer *out, usec_t at, usec_t step) {
        _cleanup_(buffer_done) Buffer time = BUFFER_NULL;
        const char *text, *t;

        buffer_add_time(&time, at);
        text = buffer_text(&time);
        t = strchr(text, 'T');
        if (!t)
                return;
        if (step >= USEC_PER_DAY)
                buffer_append(out, t - 5, 5);
        else
                buffer_append(out, t + 1, step < USEC_PER_MINUTE ? 8 : 5);
}

static void add_at(Buffer *out, const Chart *chart, usec_t at) {
        bool is_fine = chart->window->step < USEC_PER_MINUTE;

        buffer_add(out, "<time datetime=\"");
        buffer_add_time(out, at);
        buffer_add(out, "\">");
        chart_add_clock(out, at, is_fine ? 1 : USEC_PER_MINUTE);
        buffer_add(out, "</time>");
}

/* "3 rows", or "0 to 3 rows" where it moved. */
static void add_extent(Buffer *out, const Chart *chart, const SeriesPoint *point) {
        if (point->min < point->max && !chart->is_bars) {
                chart_add_value(out, point->min * chart->scale);
                buffer_add(out, " to ");
        }
        chart_add_value(out, point->max * chart->scale);
        buffer_printf(out, "&nbsp;%s", chart->unit);
}

typedef struct Summary {
        const SeriesPoint *last, *highest; /* NULL: nothing was seen */
        double sum;
        usec_t unseen;
        bool is_old; /* nothing was seen since `last` */
} Summary;

static Summary summarise(const Chart *chart) {
        Summary summary = {};

        for (size_t i = 0; i < chart->window->n_points; i++) {
                const SeriesPoint *point = &chart->window->points[i];

                if (chart_is_gap(chart, point)) {
                        summary.unseen += chart->window->step;
                        summary.is_old = true;
                }
                if (point->count == 0)
                        continue;
                summary.is_old = false;
                summary.last = point;
                summary.sum += point->sum * chart->scale;
                if (!summary.highest || point->max > summary.highest->max)
                        summary.highest = point;
        }
        return summary;
}

void chart_add_sentence(Buffer *out, const Chart *chart) {
        Summary summary = summarise(chart);

        if (!summary.last) {
                buffer_add(out, "Nothing was seen.");
                return;
        }
        if (chart->is_bars) {
                chart_add_value(out, summary.sum);
                buffer_printf(out, "&nbsp;%s, most ", chart->unit);
        } else {
                buffer_add(out, "Last ");
                add_extent(out, chart, summary.last);
                if (summary.is_old) {
                        buffer_add(out, " at ");
                        add_at(out, chart, summary.last->start);
                }
                buffer_add(out, ", highest ");
        }
        chart_add_value(out, summary.highest->max * chart->scale);
        buffer_add(out, " at ");
        add_at(out, chart, summary.highest->start);
        if (summary.unseen > 0) {
                buffer_add(out, "; no data for ");
                buffer_add_usec_human(out, summary.unseen);
        }
        buffer_add_char(out, '.');
}

static void add_cell(Buffer *out, double value) {
        buffer_add(out, "<td class=\"number\">");
        chart_add_value(out, value);
        buffer_add(out, "</td>");
}

/* `n` steps from `first` on as one row. */
static void add_row(Buffer *out, const Chart *chart, size_t first, size_t n) {
        SeriesPoint all = {.start = chart->window->points[first].start};
        bool has_gap = false;

        for (size_t i = first; i < first + n && i < chart->window->n_points; i++) {
                const SeriesPoint *point = &chart->window->points[i];

                has_gap |= chart_is_gap(chart, point);
                series_point_merge(&all, point);
        }
        buffer_add(out, "<tr><th scope=\"row\">");
        add_at(out, chart, all.start);
        buffer_add(out, has_gap && all.count > 0 ? " <small>with gaps</small></th>" : "</th>");
        if (all.count == 0)
                buffer_printf(out, "<td class=\"number\" colspan=\"%d\">no data</td>",
                              chart->is_bars ? 1 : 3);
        else if (chart->is_bars)
                add_cell(out, all.sum * chart->scale);
        else {
                add_cell(out, all.min * chart->scale);
                add_cell(out, all.sum / all.count * chart->scale);
                add_cell(out, all.max * chart->scale);
        }
        buffer_add(out, "</tr>\n");
}

void chart_add_table(Buffer *out, const Chart *chart) {
        static const char *const columns[] = {"Lowest", "Mean", "Highest"};
        size_t n = chart->window->n_points, group = (n + TABLE_ROWS - 1) / TABLE_ROWS;

        buffer_add(out, "<details>\n<summary>As a table<span class=\"hidden\">: ");
        html_text(out, chart->title);
        buffer_printf(out,
                      "</span></summary>\n<table>\n<caption class=\"hidden\">In %s</caption>\n<thead><tr>"
                      "<th scope=\"col\">From (UTC)</th>",
                      chart->unit);
        if (chart->is_bars)
                buffer_printf(out, "<th scope=\"col\" class=\"number\">%s</th>", chart->unit);
        else
                for (size_t i = 0; i < ELEMENTS(columns); i++)
                        buffer_printf(out, "<th scope=\"col\" class=\"number\">%s</th>", columns[i]);
        buffer_add(out, "</tr></thead>\n<tbody>\n");
        for (size_t i = 0; i < n; i += group)
                add_row(out, chart, i, group);
        buffer_add(out, "</tbody>\n</table>\n</details>\n");
}
