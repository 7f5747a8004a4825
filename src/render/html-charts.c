/* Charts on the page: which series of a target are drawn, and how.
 *
 * Series are asked for by name, one after another, and given back at once. What breaks a rule comes
 * first, then what the configuration names, then the rest, as far as there is room.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "chart.h"
#include "html-writer.h"

#define SPAN_MAX  USEC_PER_DAY
#define POINTS    96
#define NAMES_MAX 128 /* of one target; the history keeps no more */
#define MARKS_MAX 16

typedef enum Drawing { DRAW_VALUES, DRAW_GROWTH, DRAW_SHARE } Drawing;

/* Series of one kind. `series` that ends in a slash is the beginning of their names. */
typedef struct ChartFamily {
        const char *series, *title, *unit;
        double scale;
        Drawing drawing;
        bool is_whole;
        size_t limit;
        bool is_detail;
        size_t interval; /* offset in Intervals */
        bool is_hourly;  /* a point an hour of the phase, whatever the interval */
} ChartFamily;

static const ChartFamily families[] = {
        {"violations", "Rows that break a rule", "rows", 1, DRAW_VALUES, true, 1, false,
         offsetof(Intervals, violations)},
        {"transactions/rollback", "Transactions that are rolled back", "%", 100, DRAW_SHARE, false, 1, false,
         offsetof(Intervals, activity)},
        {"app", "Probes that the application answers", "%", 100, DRAW_VALUES, false, 1, false,
         offsetof(Intervals, app)},
        {"performance", "What statements cost, the days before are 100 %", "%", 100, DRAW_VALUES, false, 1,
         false, offsetof(Intervals, catalog), true},
        {"violations/", "Rows", "rows", 1, DRAW_VALUES, true, 6, true, offsetof(Intervals, violations)},
        {"canary/", "Canary", "ms", 1000, DRAW_VALUES, false, 8, true, offsetof(Intervals, canaries)},
        {"scans/", "Scans", "scans", 1, DRAW_GROWTH, true, 12, true, offsetof(Intervals, catalog)},
};

typedef struct Charts {
        const HtmlPage *page;
        const TargetView *target;
        const char *names[NAMES_MAX]; /* borrowed */
        size_t n_names;
        ChartMark marks[MARKS_MAX];
        size_t n_marks;
        usec_t span;
        size_t *budget;
        bool detail;
        size_t drawn;
} Charts;

static void add_mark(Charts *charts, usec_t at, const char *label) {
        if (at > 0 && charts->n_marks < MARKS_MAX)
                charts->marks[charts->n_marks++] = (ChartMark){at, label};
}

static void find_marks(Charts *charts) {
        const PhaseRecord *phase = charts->target->phase;

        if (!phase)
                return;
        if (phase->batch_at > 0)
                add_mark(charts, phase->batch_at, "migration");
        else
                add_mark(charts, phase->started_at, "phase start");
        for (size_t i = 0; i < phase->n_events; i++)
                if (phase->events[i].kind == PHASE_EVENT_FINISHED)
                        add_mark(charts, phase->events[i].from, "migration");
}

static void find_span(Charts *charts) {
        const PhaseRecord *phase = charts->target->phase;
        bool has_phase = phase && phase->ends_at > phase->started_at;

        charts->span = has_phase ? phase->ends_at - phase->started_at
                                 : charts->target->settings->phase.duration;
        if (charts->span == 0 || charts->span > SPAN_MAX)
                charts->span = SPAN_MAX;
}

static void find_names(Charts *charts) {
        const SeriesSource *source = charts->page->series;
        const char *name;

        while (charts->n_names < NAMES_MAX &&
               (name = source->name(source->userdata, charts->target->name, charts->n_names)))
                charts->names[charts->n_names++] = name;
}

static bool is_of_family(const ChartFamily *family, const char *name) {
        size_t length = strlen(family->series);

        if (family->series[length - 1] != '/')
                return str_equal(name, family->series);
        return str_starts_with(name, family->series);
}

/* Whether the rest of a series' name, "OBJECT/NAME" or "NAME", is that finding's. */
static bool is_about(const Finding *finding, const char *rest) {
        size_t length = finding->object ? strlen(finding->object) : 0;

        if (str_equal(finding->name, rest))
                return true;
        return length > 0 && strncmp(rest, finding->object, length) == 0 && rest[length] == '/' &&
               str_equal(finding->name, rest + length + 1);
}

static const Finding *finding_of(const TargetView *target, const ChartFamily *family, const char *name) {
        const char *rest = name + strlen(family->series);

        for (size_t i = 0; *rest && i < target->n_findings; i++)
                if (is_about(&target->findings[i], rest))
                        return &target->findings[i];
        return NULL;
}

enum { RANK_BROKEN, RANK_CONFIGURED, RANK_REST, N_RANKS };

/* Events name "NAME on OBJECT". */
static bool is_event_of(const char *object, const Finding *finding) {
        size_t length = finding->name ? strlen(finding->name) : 0;

        return length > 0 && strncmp(object, finding->name, length) == 0 &&
               str_starts_with(object + length, " on ") &&
               str_equal(object + length + strlen(" on "), finding->object);
}

/* During the phase, and repaired since or not. */
static bool was_violated(const PhaseRecord *phase, const Finding *finding) {
        for (size_t i = 0; phase && i < phase->n_events; i++) {
                const char *object = phase->events[i].object;

                if (phase->events[i].kind == PHASE_EVENT_VIOLATED && is_event_of(object, finding))
                        return true;
        }
        return false;
}

static int rank_of(const TargetView *target, const Finding *finding) {
        if (finding && (finding->status > STATUS_PASS || was_violated(target->phase, finding)))
                return RANK_BROKEN;
        return finding && finding->configured ? RANK_CONFIGURED : RANK_REST;
}

/* Between two points. */
static usec_t apart_of(const Charts *charts, const ChartFamily *family) {
        const PhaseRecord *phase = charts->target->phase;
        const TargetSettings *settings = charts->target->settings;

        if (!family->is_hourly)
                return 2 * *(const usec_t *)((const char *)&settings->intervals + family->interval);
        return (phase && phase->ends_at > phase->started_at ? phase->ends_at - phase->started_at
                                                            : settings->phase.duration) /
               24;
}

static int ask(const Charts *charts, const ChartFamily *family, const char *name, SeriesWindow *ret) {
        const SeriesSource *source = charts->page->series;
        usec_t apart = apart_of(charts, family);
        SeriesQuery query = {.to = charts->page->realtime + 1, .step = charts->span / POINTS};

        if (query.step < apart)
                query.step = apart;
        if (query.step > charts->span)
                query.step = charts->span;
        /* A whole number of steps: the first would be seen in part only. */
        query.from = usec_since(query.to, charts->span) / query.step * query.step + query.step;
        if (family->drawing == DRAW_GROWTH)
                query.from = usec_since(query.from, query.step);
        return source->window(source->userdata, charts->target->name, name, &query, ret);
}

/* 0; 1: no such series; -ENOMEM. */
static int make_window(const Charts *charts, const ChartFamily *family, const char *name, SeriesWindow *ret) {
        _cleanup_(series_window_done) SeriesWindow rest = {}, lost = {};
        int r = ask(charts, family, name, ret);

        if (family->drawing == DRAW_GROWTH)
                series_window_growth(ret);
        if (r != 0 || family->drawing != DRAW_SHARE)
                return r;
        r = ask(charts, family, "transactions/commit", &rest);
        if (r >= 0)
                r = ask(charts, family, "transactions/void", &lost);
        series_window_share(ret, &rest, &lost);
        return r < 0 ? r : 0;
}

static bool has_point(const SeriesWindow *window) {
        for (size_t i = 0; i < window->n_points; i++)
                if (window->points[i].count > 0)
                        return true;
        return false;
}

static void add_heading(const Charts *charts) {
        unsigned level = charts->page->only ? 2 : 3;
        Buffer *out = charts->page->out;

        buffer_printf(out, "<section>\n<h%u class=\"title\">%s last ", level,
                      charts->detail ? "Rules, canaries and indexes: the" : "The");
        html_duration(out, charts->span);
        buffer_printf(out, "</h%u>\n", level);
        if (!charts->detail)
                buffer_add(out,
                           "<p class=\"key\">The line is the mean, the shade around it from the lowest to "
                           "the highest; dashed: a migration. Striped at the foot: no data. Times are in "
                           "UTC.</p>\n");
        buffer_add(out, "<div class=\"charts\">\n");
}

static void add_title(Buffer *title, const ChartFamily *family, const Finding *finding, const char *name) {
        const char *rest = name + strlen(family->series);

        buffer_add(title, family->title);
        if (!*rest)
                return;
        buffer_add(title, ": ");
        if (finding && finding->object && !str_equal(finding->name, rest)) {
                buffer_printf(title, "%s ", finding->object);
                rest = finding->name;
        }
        buffer_add(title, rest);
}

/* False: there was nothing to draw. */
static bool draw(Charts *charts, const ChartFamily *family, const char *name) {
        _cleanup_(series_window_done) SeriesWindow window = {};
        _cleanup_(buffer_done) Buffer title = BUFFER_NULL;
        const Finding *finding = finding_of(charts->target, family, name);
        int r = make_window(charts, family, name, &window);

        if (r < 0)
                charts->page->out->failed = true;
        if (r != 0 || !has_point(&window))
                return false;
        add_title(&title, family, finding, name);
        if (buffer_error(&title) < 0)
                charts->page->out->failed = true;
        if (charts->drawn++ == 0)
                add_heading(charts);
        chart_write(charts->page->out, &(Chart){
                                               .title = buffer_text(&title),
                                               .unit = family->unit,
                                               .scale = family->scale,
                                               .is_bars = family->drawing == DRAW_GROWTH,
                                               .is_whole = family->is_whole,
                                               .window = &window,
                                               .now = charts->page->realtime,
                                               .marks = charts->marks,
                                               .n_marks = charts->n_marks,
                                       });
        return true;
}

/* How many there was no room for. */
static size_t draw_family(Charts *charts, const ChartFamily *family) {
        size_t left_out = 0, drawn = 0;

        for (int rank = 0; rank < N_RANKS; rank++)
                for (size_t i = 0; i < charts->n_names; i++) {
                        const char *name = charts->names[i];

                        if (!is_of_family(family, name) ||
                            rank_of(charts->target, finding_of(charts->target, family, name)) != rank)
                                continue;
                        if (drawn == family->limit || *charts->budget == 0)
                                left_out++;
                        else if (draw(charts, family, name)) {
                                drawn++;
                                --*charts->budget;
                        }
                }
        return left_out;
}

void html_charts(const HtmlPage *page, const TargetView *target, bool detail, size_t *budget) {
        Charts charts = {.page = page, .target = target, .budget = budget, .detail = detail};
        size_t left_out = 0;

        if (!page->series)
                return;
        find_names(&charts);
        find_marks(&charts);
        find_span(&charts);
        for (size_t i = 0; i < ELEMENTS(families); i++)
                if (families[i].is_detail == detail)
                        left_out += draw_family(&charts, &families[i]);
        if (charts.drawn == 0)
                return;
        buffer_add(page->out, "</div>\n");
        if (left_out > 0)
                buffer_printf(page->out, "<p class=\"more\">%zu more are not drawn.</p>\n", left_out);
        buffer_add(page->out, "</section>\n");
}
