/* Charts: the picture to the byte once, then what is peculiar.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "render/chart.h"

#include <float.h>
#include <math.h>

#include "fixture.h"

#define FROM (NOW - NOW % USEC_PER_HOUR) /* 15:00 */
#define STEP (10 * USEC_PER_MINUTE)
#define GAP  NAN

/* Points of one sample each; GAP is one. */
static SeriesWindow window_of(const double *values, size_t n) {
        SeriesWindow window = {.step = STEP, .points = calloc(n + 1, sizeof(SeriesPoint)), .n_points = n};

        ck_assert_ptr_nonnull(window.points);
        for (size_t i = 0; i < n; i++) {
                bool is_gap = isnan(values[i]);

                window.points[i] = (SeriesPoint){FROM + i * STEP, !is_gap, values[i], values[i], values[i]};
        }
        return window;
}

#define VALUES(...) ((const double[]){__VA_ARGS__}), sizeof((const double[]){__VA_ARGS__}) / sizeof(double)

static Chart chart_of(const SeriesWindow *window) {
        return (Chart){.title = "Rows", .unit = "rows", .scale = 1, .window = window, .now = USEC_INFINITY};
}

static char *draw(const Chart *chart) {
        _cleanup_(buffer_done) Buffer out = {};

        chart_write(&out, chart);
        ck_assert_int_eq(buffer_error(&out), 0);
        char *text = buffer_take(&out);
        ck_assert_ptr_null(strstr(text, "nan"));
        ck_assert_ptr_null(strstr(text, "inf"));
        return text;
}

static void expect(const char *text, const char *part) {
        ck_assert_msg(strstr(text, part) != NULL, "not in the chart: %s\n%s", part, text);
}

static void expect_not(const char *text, const char *part) {
        ck_assert_msg(strstr(text, part) == NULL, "in the chart: %s\n%s", part, text);
}

/* clang-format off */
static const char golden[] =
        "<figure class=\"chart\">\n"
        "<figcaption><b>Rows</b><span class=\"note\">Last 2&nbsp;rows, highest 6 at <time datetime=\"2026-11-23T15:10:00Z\">15:10</time>; no data for 10 min.</span></figcaption>\n"
        "<svg viewBox=\"0 0 3200 1440\" role=\"img\">\n"
        "<title>Rows</title>\n"
        "<desc>From 2026-11-23T15:00:00Z to 2026-11-23T15:40:00Z, axis from 0 to 6 rows. Marked: migration at 2026-11-23T15:10:00Z.</desc>\n"
        "<path class=\"gap\" d=\"M1750 720H2395\"/>\n"
        "<path class=\"grid\" d=\"M460 1200H3040M460 880H3040M460 560H3040M460 240H3040\"/>\n"
        "<text class=\"end\" x=\"400\" y=\"150\">rows</text>\n"
        "<text class=\"end\" x=\"400\" y=\"1242\">0</text>\n"
        "<text class=\"end\" x=\"400\" y=\"922\">2</text>\n"
        "<text class=\"end\" x=\"400\" y=\"602\">4</text>\n"
        "<text class=\"end\" x=\"400\" y=\"282\">6</text>\n"
        "<path class=\"axis\" d=\"M460 1200v60M1105 1200v60M1750 1200v60M2395 1200v60M3040 1200v60\"/>\n"
        "<text class=\"middle\" x=\"460\" y=\"1390\">15:00</text>\n"
        "<text class=\"middle\" x=\"1105\" y=\"1390\">15:10</text>\n"
        "<text class=\"middle\" x=\"1750\" y=\"1390\">15:20</text>\n"
        "<text class=\"middle\" x=\"2395\" y=\"1390\">15:30</text>\n"
        "<text class=\"end\" x=\"3200\" y=\"1390\">15:40</text>\n"
        "<path class=\"unseen\" d=\"M1750 1170H2395\"/>\n"
        "<path class=\"band\" d=\"M460 1200L783 1200 1428 240 1750 240 1750 880 1428 880 783 1200 460 1200Z\"/>\n"
        "<path class=\"line\" d=\"M460 1200L783 1200 1428 560 1750 560M2395 880L2718 880 3040 880\"/>\n"
        "<path class=\"mark\" d=\"M1105 80V1200\"/>\n"
        "<text class=\"start\" x=\"1145\" y=\"150\">migration</text>\n"
        "</svg>\n"
        "<details>\n"
        "<summary>As a table<span class=\"hidden\">: Rows</span></summary>\n"
        "<table>\n"
        "<caption class=\"hidden\">In rows</caption>\n"
        "<thead><tr><th scope=\"col\">From (UTC)</th><th scope=\"col\" class=\"number\">Lowest</th><th scope=\"col\" class=\"number\">Mean</th><th scope=\"col\" class=\"number\">Highest</th></tr></thead>\n"
        "<tbody>\n"
        "<tr><th scope=\"row\"><time datetime=\"2026-11-23T15:00:00Z\">15:00</time></th><td class=\"number\">0</td><td class=\"number\">0</td><td class=\"number\">0</td></tr>\n"
        "<tr><th scope=\"row\"><time datetime=\"2026-11-23T15:10:00Z\">15:10</time></th><td class=\"number\">2</td><td class=\"number\">4</td><td class=\"number\">6</td></tr>\n"
        "<tr><th scope=\"row\"><time datetime=\"2026-11-23T15:20:00Z\">15:20</time></th><td class=\"number\" colspan=\"3\">no data</td></tr>\n"
        "<tr><th scope=\"row\"><time datetime=\"2026-11-23T15:30:00Z\">15:30</time></th><td class=\"number\">2</td><td class=\"number\">2</td><td class=\"number\">2</td></tr>\n"
        "</tbody>\n"
        "</table>\n"
        "</details>\n"
        "</figure>\n";
/* clang-format on */

START_TEST(a_small_chart_to_the_byte) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(0, 4, GAP, 2));
        const ChartMark marks[] = {{FROM + STEP, "migration"}};
        Chart chart = chart_of(&window);

        window.points[1] = (SeriesPoint){FROM + STEP, 2, 2, 6, 8};
        chart.marks = marks;
        chart.n_marks = 1;
        chart.is_whole = true;
        _cleanup_(freep) char *text = draw(&chart);
        ck_assert_str_eq(text, golden);
}
END_TEST

START_TEST(an_empty_window_is_said_and_not_drawn) {
        SeriesWindow window = {};
        Chart chart = chart_of(&window);
        _cleanup_(freep) char *text = draw(&chart);

        expect(text, "Nothing was seen.");
        expect_not(text, "<svg");
}
END_TEST

START_TEST(one_point_is_a_stroke_as_wide_as_its_step) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(GAP, 3, GAP));
        Chart chart = chart_of(&window);
        _cleanup_(freep) char *text = draw(&chart);

        expect(text, "class=\"line\" d=\"M1320 240L1750 240 2180 240\"");
        expect(text, "class=\"unseen\" d=\"M460 1170H1320M2180 1170H3040\"");
        expect(text, "Last 3&nbsp;rows at <time datetime=\"2026-11-23T15:10:00Z\">15:10</time>, highest 3 at "
                     "<time datetime=\"2026-11-23T15:10:00Z\">15:10</time>; no data for 20 min.");
}
END_TEST

START_TEST(all_gaps_have_no_line_and_no_number) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(GAP, GAP, GAP, GAP));
        Chart chart = chart_of(&window);
        _cleanup_(freep) char *text = draw(&chart);

        expect(text, "Nothing was seen.");
        expect(text, "class=\"line\" d=\"\"");
        expect(text, "class=\"unseen\" d=\"M460 1170H3040\"");
        ck_assert_uint_eq(count_of_text(text, "no data</td>"), 4);
}
END_TEST

/* A step that goes on may still get its sample. */
START_TEST(what_has_not_ended_is_no_gap) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(1, GAP));
        Chart chart = chart_of(&window);

        chart.now = FROM + 2 * STEP - 1;
        _cleanup_(freep) char *open = draw(&chart);
        chart.now++;
        _cleanup_(freep) char *ended = draw(&chart);
        expect(open, "class=\"unseen\" d=\"\"");
        expect(open, "Last 1&nbsp;rows, highest");
        expect(ended, "class=\"unseen\" d=\"M1750 1170H3040\"");
        expect(ended, "Last 1&nbsp;rows at <time");
}
END_TEST

static const struct {
        double value;
        bool is_whole;
        const char *ticks[4]; /* from 0 up; NULL: no more */
} axes[] = {
        {0, true, {"0", "1"}},
        {1, true, {"0", "1"}},
        {1, false, {"0", "0.5", "1"}},
        {3, true, {"0", "1", "2", "3"}},
        {0.3, false, {"0", "0.1", "0.2", "0.3"}},
        {7, true, {"0", "5", "10"}},
        {1500, true, {"0", "500", "1 k", "1.5 k"}},
        {123456789, true, {"0", "50 M", "100 M", "150 M"}},
        {3e9, true, {"0", "1 G", "2 G", "3 G"}},
        {3e12, true, {"0", "1 T", "2 T", "3 T"}},
        {3e16, true, {"0", "1e+16", "2e+16", "3e+16"}},
        {0.0000123, false, {"0", "5e-06", "1e-05", "1.5e-05"}},
        {3e300, false, {"0", "1e+300", "2e+300", "3e+300"}},
        {DBL_MAX, false, {"0", "1e+306", "2e+306"}},
        {DBL_MIN, false, {"0", "1e-308", "2e-308", "3e-308"}},
        {4.9e-324, false, {"0", "0.5", "1"}},
};

START_TEST(the_axis_begins_at_0_and_has_few_round_numbers) {
        for (size_t i = 0; i < ELEMENTS(axes); i++) {
                _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(0, axes[i].value));
                Chart chart = chart_of(&window);
                size_t n = 0;

                chart.is_whole = axes[i].is_whole;
                _cleanup_(freep) char *text = draw(&chart);
                for (; n < ELEMENTS(axes[i].ticks) && axes[i].ticks[n]; n++) {
                        _cleanup_(freep) char *tick = str_format("\">%s</text>", axes[i].ticks[n]);

                        expect(text, tick);
                }
                /* The unit stands at the same side. */
                ck_assert_msg(count_of_text(text, "<text class=\"end\" x=\"400\"") == n + 1, "%g:\n%s",
                              axes[i].value, text);
        }
}
END_TEST

START_TEST(the_highest_is_never_above_the_field) {
        for (double value = 1e-9; value < 1e12; value *= 1.37) {
                _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(value));
                Chart chart = chart_of(&window);
                _cleanup_(freep) char *text = draw(&chart);
                const char *line = strstr(text, "class=\"line\" d=\"M460 ");
                long y;

                ck_assert_ptr_nonnull(line);
                y = strtol(line + strlen("class=\"line\" d=\"M460 "), NULL, 10);
                ck_assert_msg(y >= 240 && y < 800, "%g at %ld", value, y);
        }
}
END_TEST

START_TEST(a_mark_at_an_edge_is_drawn_and_one_outside_is_not) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(1, 1, 1));
        const ChartMark marks[] = {{FROM - 1, "before"},
                                   {FROM, "first"},
                                   {FROM + 3 * STEP, "last"},
                                   {FROM + 3 * STEP + 1, "after"}};
        Chart chart = chart_of(&window);

        chart.marks = marks;
        chart.n_marks = ELEMENTS(marks);
        _cleanup_(freep) char *text = draw(&chart);
        expect(text, "<path class=\"mark\" d=\"M460 80V1200\"/>\n<text class=\"start\" x=\"500\" "
                     "y=\"150\">first</text>");
        expect(text, "<path class=\"mark\" d=\"M3040 80V1200\"/>\n<text class=\"end\" x=\"3000\" "
                     "y=\"150\">last</text>");
        expect(text, "Marked: first at 2026-11-23T15:00:00Z. Marked: last at 2026-11-23T15:30:00Z.</desc>");
        expect_not(text, "before");
        expect_not(text, "after");
}
END_TEST

START_TEST(labels_of_marks_do_not_run_into_each_other) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(1, 1, 1));
        const ChartMark marks[] = {{FROM, "one"}, {FROM + STEP / 2, "two"}, {FROM + 2 * STEP, "three"}};
        Chart chart = chart_of(&window);

        chart.marks = marks;
        chart.n_marks = ELEMENTS(marks);
        _cleanup_(freep) char *text = draw(&chart);
        ck_assert_uint_eq(count_of_text(text, "class=\"mark\""), 3);
        expect_not(text, ">two</text>");
        expect(text, ">three</text>");
        expect(text, "Marked: two at ");
}
END_TEST

START_TEST(an_amount_that_is_not_0_can_be_seen) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(100000, 0, 1));
        Chart chart = chart_of(&window);

        chart.is_bars = true;
        _cleanup_(freep) char *text = draw(&chart);
        expect(text, "class=\"bars\" d=\"M632 1200V240H1320V1200ZM2352 1200V1185H3040V1200Z\"");
        expect(text, "100001&nbsp;rows, most 100000 at");
        expect(text, "<td class=\"number\">100000</td></tr>");
}
END_TEST

START_TEST(the_table_has_at_most_24_rows_and_hides_no_peak) {
        double values[100];

        for (size_t i = 0; i < ELEMENTS(values); i++)
                values[i] = i == 57 ? 9 : i >= 90 && i < 92 ? GAP : 1;
        _cleanup_(series_window_done) SeriesWindow window = window_of(values, ELEMENTS(values));
        Chart chart = chart_of(&window);
        _cleanup_(freep) char *text = draw(&chart);
        ck_assert_uint_eq(count_of_text(text, "<th scope=\"row\">"), 20);
        expect(text, "<td class=\"number\">1</td><td class=\"number\">2.6</td><td class=\"number\">9</td>");
        ck_assert_uint_eq(count_of_text(text, "with gaps"), 1);
}
END_TEST

START_TEST(a_title_is_text) {
        _cleanup_(series_window_done) SeriesWindow window = window_of(VALUES(1));
        Chart chart = chart_of(&window);

        chart.title = "<script>\"'&";
        _cleanup_(freep) char *text = draw(&chart);
        ck_assert_uint_eq(count_of_text(text, "&lt;script&gt;&quot;&#39;&amp;"), 3);
        expect_not(text, "<script");
}
END_TEST

START_TEST(times_are_as_fine_as_the_axis) {
        static const struct {
                usec_t step;
                const char *clock;
        } cases[] = {{USEC_PER_SEC, "15:59:00"}, {USEC_PER_MINUTE, "15:59"}, {USEC_PER_DAY, "11-23"}};

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer out = {};

                chart_add_clock(&out, NOW, cases[i].step);
                expect_text(&out, cases[i].clock);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_small_chart_to_the_byte,
                an_empty_window_is_said_and_not_drawn,
                one_point_is_a_stroke_as_wide_as_its_step,
                all_gaps_have_no_line_and_no_number,
                what_has_not_ended_is_no_gap,
                the_axis_begins_at_0_and_has_few_round_numbers,
                the_highest_is_never_above_the_field,
                a_mark_at_an_edge_is_drawn_and_one_outside_is_not,
                labels_of_marks_do_not_run_into_each_other,
                an_amount_that_is_not_0_can_be_seen,
                the_table_has_at_most_24_rows_and_hides_no_peak,
                a_title_is_text,
                times_are_as_fine_as_the_axis,
        };

        return run_suite("chart", tests, ELEMENTS(tests));
}
