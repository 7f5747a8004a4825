/* Chart: the picture. See the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "chart.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "html-writer.h"

/* The picture and in it the field, in tenths of a pixel. */
#define WIDTH      3200
#define HEIGHT     1440
#define LEFT       460
#define RIGHT      3040
#define TOP        240
#define BASE       1200
#define LABEL_ROOM 900 /* the marks' labels are no longer */

#define TICKS_MAX  5   /* intervals of the time axis */
#define CLOCK_ROOM 270 /* to the right of its middle */

typedef struct ChartField {
        const Chart *chart;
        Buffer *out;
        usec_t from, to;
        double step, top; /* of the ticks; what the upper edge stands for */
} ChartField;

usec_t chart_from(const Chart *chart) {
        return chart->window->n_points > 0 ? chart->window->points[0].start : 0;
}

usec_t chart_to(const Chart *chart) {
        return chart_from(chart) + chart->window->n_points * chart->window->step;
}

bool chart_is_gap(const Chart *chart, const SeriesPoint *point) {
        return point->count == 0 && point->start + chart->window->step <= chart->now;
}

static double highest(const Chart *chart) {
        double max = 0;

        for (size_t i = 0; i < chart->window->n_points; i++) {
                const SeriesPoint *point = &chart->window->points[i];

                if (point->count > 0 && point->max * chart->scale > max)
                        max = point->max * chart->scale;
        }
        return max;
}

/* 1, 2 or 5 times a power of ten, so that two or three of them reach the highest. */
static void choose_ticks(ChartField *field) {
        static const double nice[] = {1, 2, 5, 10};
        double max = highest(field->chart), power, raw;
        size_t i = 0;

        if (max < DBL_MIN)
                max = 1;
        if (max > DBL_MAX / 100)
                max = DBL_MAX / 100;
        raw = max / 3;
        power = pow(10, floor(log10(raw)));
        while (i + 1 < ELEMENTS(nice) && nice[i] * power < raw)
                i++;
        field->step = nice[i] * power;
        if (field->chart->is_whole && field->step < 1)
                field->step = 1;
        field->top = field->step * ceil(max / field->step * (1 - DBL_EPSILON));
}

static long x_of(const ChartField *field, usec_t at) {
        double part = (double)usec_since(at, field->from) / (double)(field->to - field->from);

        return lround(LEFT + part * (RIGHT - LEFT));
}

static long y_of(const ChartField *field, double value) {
        double part = value * field->chart->scale / field->top;

        return lround(BASE - fmax(0, fmin(1, part)) * (BASE - TOP));
}

static double mean(const SeriesPoint *point) {
        return point->sum / point->count;
}

/* Points first to last - 1 were seen without a gap between. */
typedef struct Run {
        size_t first, last;
} Run;

static bool next_run(const Chart *chart, Run *run) {
        const SeriesWindow *window = chart->window;
        size_t i = run->last;

        while (i < window->n_points && window->points[i].count == 0)
                i++;
        run->first = i;
        while (i < window->n_points && window->points[i].count > 0)
                i++;
        run->last = i;
        return run->first < run->last;
}

/* From the left edge of the first step through the middles to the right edge of the last, so that a
 * single point is a stroke as well. */
static void add_means(const ChartField *field, const Run *run) {
        const SeriesPoint *points = field->chart->window->points;
        usec_t step = field->chart->window->step;
        long y = y_of(field, mean(&points[run->first]));

        buffer_printf(field->out, "M%ld %ldL", x_of(field, points[run->first].start), y);
        for (size_t i = run->first; i < run->last; i++) {
                y = y_of(field, mean(&points[i]));
                buffer_printf(field->out, "%ld %ld ", x_of(field, points[i].start + step / 2), y);
        }
        buffer_printf(field->out, "%ld %ld", x_of(field, points[run->last - 1].start + step), y);
}

static void add_band(const ChartField *field, const Run *run) {
        const SeriesPoint *points = field->chart->window->points;
        usec_t step = field->chart->window->step;
        const SeriesPoint *first = &points[run->first], *last = &points[run->last - 1];

        buffer_printf(field->out, "M%ld %ldL", x_of(field, first->start), y_of(field, first->max));
        for (size_t i = run->first; i < run->last; i++)
                buffer_printf(field->out, "%ld %ld ", x_of(field, points[i].start + step / 2),
                              y_of(field, points[i].max));
        buffer_printf(field->out, "%ld %ld %ld %ld ", x_of(field, last->start + step), y_of(field, last->max),
                      x_of(field, last->start + step), y_of(field, last->min));
        for (size_t i = run->last; i > run->first; i--)
                buffer_printf(field->out, "%ld %ld ", x_of(field, points[i - 1].start + step / 2),
                              y_of(field, points[i - 1].min));
        buffer_printf(field->out, "%ld %ldZ", x_of(field, first->start), y_of(field, first->min));
}

static bool has_width(const Chart *chart, const Run *run) {
        for (size_t i = run->first; i < run->last; i++)
                if (chart->window->points[i].max > chart->window->points[i].min)
                        return true;
        return false;
}

static void add_line(const ChartField *field) {
        Buffer *out = field->out;

        buffer_add(out, "<path class=\"band\" d=\"");
        for (Run run = {}; next_run(field->chart, &run);)
                if (has_width(field->chart, &run))
                        add_band(field, &run);
        buffer_add(out, "\"/>\n<path class=\"line\" d=\"");
        for (Run run = {}; next_run(field->chart, &run);)
                add_means(field, &run);
        buffer_add(out, "\"/>\n");
}

/* An amount that is not 0 has a height. */
static void add_bars(const ChartField *field) {
        const SeriesWindow *window = field->chart->window;

        buffer_add(field->out, "<path class=\"bars\" d=\"");
        for (size_t i = 0; i < window->n_points; i++) {
                const SeriesPoint *point = &window->points[i];
                long left = x_of(field, point->start), right = x_of(field, point->start + window->step);
                long y = point->count > 0 ? y_of(field, mean(point)) : BASE, space = (right - left) / 5;

                if (point->count == 0 || mean(point) <= 0)
                        continue;
                buffer_printf(field->out, "M%ld %dV%ldH%ldV%dZ", left + space, BASE,
                              y > BASE - 15 ? BASE - 15 : y, right, BASE);
        }
        buffer_add(field->out, "\"/>\n");
}

/* Both as wide strokes along the gaps: a shade over the whole height, and stripes at the foot. */
static void add_gaps(const ChartField *field, const char *name, int y) {
        const SeriesWindow *window = field->chart->window;

        buffer_printf(field->out, "<path class=\"%s\" d=\"", name);
        for (size_t i = 0, end; i < window->n_points; i = end + 1) {
                for (end = i; end < window->n_points && chart_is_gap(field->chart, &window->points[end]);)
                        end++;
                if (end > i)
                        buffer_printf(field->out, "M%ld %dH%ld", x_of(field, window->points[i].start), y,
                                      x_of(field, chart_from(field->chart) + end * window->step));
        }
        buffer_add(field->out, "\"/>\n");
}

static void add_short(Buffer *out, double value) {
        static const struct {
                double size;
                const char *suffix;
        } sizes[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
        size_t i = 0;

        while (i < ELEMENTS(sizes) && (value < sizes[i].size || value >= 1e15))
                i++;
        chart_add_value(out, i < ELEMENTS(sizes) ? value / sizes[i].size : value);
        buffer_add(out, i < ELEMENTS(sizes) ? sizes[i].suffix : NULL);
}

static void add_values_axis(const ChartField *field) {
        Buffer *out = field->out;
        int n = (int)lround(field->top / field->step);

        buffer_add(out, "<path class=\"grid\" d=\"");
        for (int i = 0; i <= n; i++)
                buffer_printf(out, "M%d %dH%d", LEFT, BASE - i * (BASE - TOP) / n, RIGHT);
        buffer_add(out, "\"/>\n");
        buffer_printf(out, "<text class=\"end\" x=\"%d\" y=\"%d\">%s</text>\n", LEFT - 60, TOP - 90,
                      field->chart->unit);
        for (int i = 0; i <= n; i++) {
                buffer_printf(out, "<text class=\"end\" x=\"%d\" y=\"%d\">", LEFT - 60,
                              BASE - i * (BASE - TOP) / n + 42);
                add_short(out, i * field->step);
                buffer_add(out, "</text>\n");
        }
}

static usec_t time_step(usec_t span) {
        static const uint32_t seconds[] = {1,   2,    5,    10,   15,    30,    60,    120,   300,    600,
                                           900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800};
        size_t i = 0;

        while (i + 1 < ELEMENTS(seconds) && span / TICKS_MAX > seconds[i] * USEC_PER_SEC)
                i++;
        return seconds[i] * USEC_PER_SEC;
}

static void add_time_axis(const ChartField *field) {
        usec_t step = time_step(field->to - field->from), first = (field->from + step - 1) / step * step;
        Buffer *out = field->out;

        buffer_add(out, "<path class=\"axis\" d=\"");
        for (usec_t at = first; at <= field->to; at += step)
                buffer_printf(out, "M%ld %dv60", x_of(field, at), BASE);
        buffer_add(out, "\"/>\n");
        for (usec_t at = first; at <= field->to; at += step) {
                long x = x_of(field, at);
                bool fits = x + CLOCK_ROOM <= WIDTH;

                buffer_printf(out, "<text class=\"%s\" x=\"%ld\" y=\"%d\">", fits ? "middle" : "end",
                              fits ? x : WIDTH, BASE + 190);
                chart_add_clock(out, at, step);
                buffer_add(out, "</text>\n");
        }
}

static bool is_inside(const ChartField *field, const ChartMark *mark) {
        return mark->at >= field->from && mark->at <= field->to;
}

/* A label that would run into the one before is left out: the description has it. */
static void add_marks(const ChartField *field) {
        Buffer *out = field->out;
        long free_from = 0;

        for (size_t i = 0; i < field->chart->n_marks; i++) {
                const ChartMark *mark = &field->chart->marks[i];
                long x = x_of(field, mark->at);
                bool is_left = x + LABEL_ROOM > WIDTH;
                long start = is_left ? x - LABEL_ROOM : x;

                if (!is_inside(field, mark))
                        continue;
                buffer_printf(out, "<path class=\"mark\" d=\"M%ld %dV%d\"/>\n", x, TOP - 160, BASE);
                if (start < free_from)
                        continue;
                buffer_printf(out, "<text class=\"%s\" x=\"%ld\" y=\"%d\">%s</text>\n",
                              is_left ? "end" : "start", is_left ? x - 40 : x + 40, TOP - 90, mark->label);
                free_from = is_left ? x : x + LABEL_ROOM;
        }
}

static void add_description(const ChartField *field) {
        const Chart *chart = field->chart;
        Buffer *out = field->out;

        buffer_add(out, "<title>");
        html_text(out, chart->title);
        buffer_add(out, "</title>\n<desc>From ");
        buffer_add_time(out, field->from);
        buffer_add(out, " to ");
        buffer_add_time(out, field->to);
        buffer_add(out, ", axis from 0 to ");
        chart_add_value(out, field->top);
        buffer_printf(out, " %s.", chart->unit);
        for (size_t i = 0; i < chart->n_marks; i++)
                if (is_inside(field, &chart->marks[i])) {
                        buffer_printf(out, " Marked: %s at ", chart->marks[i].label);
                        buffer_add_time(out, chart->marks[i].at);
                        buffer_add_char(out, '.');
                }
        buffer_add(out, "</desc>\n");
}

static void add_picture(Buffer *out, const Chart *chart) {
        ChartField field = {.chart = chart, .out = out, .from = chart_from(chart), .to = chart_to(chart)};

        choose_ticks(&field);
        buffer_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\">\n", WIDTH, HEIGHT);
        add_description(&field);
        add_gaps(&field, "gap", (TOP + BASE) / 2);
        add_values_axis(&field);
        add_time_axis(&field);
        add_gaps(&field, "unseen", BASE - 30);
        if (chart->is_bars)
                add_bars(&field);
        else
                add_line(&field);
        add_marks(&field);
        buffer_add(out, "</svg>\n");
}

void chart_write(Buffer *out, const Chart *chart) {
        buffer_add(out, "<figure class=\"chart\">\n<figcaption><b>");
        html_text(out, chart->title);
        buffer_add(out, "</b><span class=\"note\">");
        chart_add_sentence(out, chart);
        buffer_add(out, "</span></figcaption>\n");
        if (chart->window->n_points > 0) {
                add_picture(out, chart);
                chart_add_table(out, chart);
        }
        buffer_add(out, "</figure>\n");
}
