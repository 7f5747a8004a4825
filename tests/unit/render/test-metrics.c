/* Tables as metrics: golden bytes, then promtool as a second opinion.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <time.h>

#include "fixture.h"
#include "pgvigil/base/str.h"

static const Histogram durations = {.buckets = {[0] = 2, [HISTOGRAM_BUCKETS] = 1}, .count = 3, .sum = 90.5};

static char *render(const Table *const *tables, size_t n, MetricsFormat format) {
        _cleanup_(buffer_done) Buffer out = {};

        ck_assert_int_eq(render_metrics(tables, n, format, &out), 0);
        render_metrics_end(format, &out);
        return buffer_take(&out);
}

static void expect_valid(const char *text) {
        ck_assert_int_eq(pipe_to("promtool check metrics", text, strlen(text)), 0);
}

static Table *full_table(void) {
        Table *table = thing_table("shop");
        size_t row = thing_add(table, "orders", 3);

        table_set_int(table, row, "scans", INT64_MAX);
        ck_assert_int_eq(table_set_text(table, row, "state", "bad"), 0);
        table_set_float(table, row, "ratio", 0.1);
        ck_assert_int_eq(table_set_text(table, row, "definition", "CHECK (x)"), 0);
        table_set_int(table, row, "oid", 12345);
        return table;
}

START_TEST(families_stand_once_over_all_targets_and_shapes) {
        _cleanup_(table_freep) Table *shop = full_table(), *bank = thing_table("bank"), *other = NULL;
        _cleanup_(freep) char *text = NULL;

        thing_add(bank, "orders", 0);
        ck_assert_int_eq(table_new(&other_shape, "shop", &other), 0);
        other_add(other, "items", 7);
        text = render((const Table *const[]){shop, other, bank}, 3, METRICS_PROMETHEUS);
        ck_assert_str_eq(
                text,
                "# HELP pgvigil_thing_duration_seconds Duration.\n"
                "# TYPE pgvigil_thing_duration_seconds histogram\n"
                "# HELP pgvigil_thing_ratio Ratio; polled.\n"
                "# TYPE pgvigil_thing_ratio gauge\n"
                "pgvigil_thing_ratio{target=\"shop\",schemaname=\"public\",relname=\"orders\"} 0.1\n"
                "# HELP pgvigil_thing_scans_total Scans; polled.\n"
                "# TYPE pgvigil_thing_scans_total counter\n"
                "pgvigil_thing_scans_total{target=\"shop\",relname=\"orders\"} 9223372036854775807\n"
                "# HELP pgvigil_thing_state State; polled.\n"
                "# TYPE pgvigil_thing_state gauge\n"
                "pgvigil_thing_state{target=\"shop\",schemaname=\"public\",relname=\"orders\",state=\"good\"}"
                " 0\n"
                "pgvigil_thing_state{target=\"shop\",schemaname=\"public\",relname=\"orders\",state=\"bad\"} "
                "1\n"
                "pgvigil_thing_state{target=\"shop\",schemaname=\"public\",relname=\"orders\",state=\"gone\"}"
                " 0\n"
                "# HELP pgvigil_thing_violations Rows that break \\\\ \"it\"; polled.\n"
                "# TYPE pgvigil_thing_violations gauge\n"
                "pgvigil_thing_violations{target=\"shop\",schemaname=\"public\",relname=\"orders\"} 3\n"
                "pgvigil_thing_violations{target=\"shop\",relname=\"items\",schemaname=\"public\"} 7\n"
                "pgvigil_thing_violations{target=\"bank\",schemaname=\"public\",relname=\"orders\"} 0\n");
        expect_valid(text);
}
END_TEST

START_TEST(openmetrics_names_counters_without_total_and_ends) {
        _cleanup_(table_freep) Table *shop = full_table();
        _cleanup_(freep) char *text = render((const Table *const[]){shop}, 1, METRICS_OPENMETRICS);

        ck_assert_ptr_nonnull(strstr(text, "# HELP pgvigil_thing_scans Scans; polled.\n"
                                           "# TYPE pgvigil_thing_scans counter\n"
                                           "pgvigil_thing_scans_total{"));
        ck_assert_ptr_nonnull(strstr(text, "Rows that break \\\\ \\\"it\\\"; polled.\n"));
        ck_assert_str_eq(text + strlen(text) - 6, "# EOF\n");
        ck_assert_uint_eq(count_of_text(text, "# EOF"), 1);
}
END_TEST

START_TEST(prometheus_text_has_no_end_mark) {
        _cleanup_(table_freep) Table *shop = full_table();
        _cleanup_(freep) char *text = render((const Table *const[]){shop}, 1, METRICS_PROMETHEUS);

        ck_assert_ptr_null(strstr(text, "EOF"));
}
END_TEST

START_TEST(histogram_is_cumulative_and_of_the_daemon_has_no_target) {
        _cleanup_(table_freep) Table *table = thing_table(NULL);
        _cleanup_(freep) char *text = NULL;
        size_t row = 0;

        ck_assert_int_eq(table_add_row(table, &row), 0);
        ck_assert_int_eq(value_set_histogram(table_cell(table, row, "took"), &durations), 0);
        text = render((const Table *const[]){table}, 1, METRICS_PROMETHEUS);
        ck_assert_ptr_nonnull(strstr(text, "# TYPE pgvigil_thing_duration_seconds histogram\n"
                                           "pgvigil_thing_duration_seconds_bucket{le=\""));
        ck_assert_uint_eq(count_of_text(text, "\"} 2\n"), HISTOGRAM_BUCKETS);
        ck_assert_ptr_nonnull(strstr(text, "pgvigil_thing_duration_seconds_bucket{le=\"+Inf\"} 3\n"
                                           "pgvigil_thing_duration_seconds_sum 90.5\n"
                                           "pgvigil_thing_duration_seconds_count 3\n"));
        expect_valid(text);
}
END_TEST

START_TEST(h14_duplicate_series_are_dropped_whatever_made_them) {
        _cleanup_(table_freep) Table *shop = full_table(), *again = full_table(), *other = NULL;
        _cleanup_(freep) char *text = NULL;

        thing_add(shop, "orders", 4);
        ck_assert_int_eq(table_new(&other_shape, "shop", &other), 0);
        other_add(other, "orders", 5);
        text = render((const Table *const[]){shop, again, other}, 3, METRICS_PROMETHEUS);
        ck_assert_uint_eq(count_of_text(text, "\npgvigil_thing_violations{"), 1);
        ck_assert_ptr_nonnull(strstr(text, "relname=\"orders\"} 3\n"));
        ck_assert_uint_eq(count_of_text(text, "\npgvigil_thing_state{"), 3);
        ck_assert_uint_eq(count_of_text(text, "\npgvigil_thing_scans_total{"), 1);
        expect_valid(text);
}
END_TEST

START_TEST(d27_names_that_render_alike_are_one_series) {
        _cleanup_(table_freep) Table *table = thing_table("shop");
        _cleanup_(freep) char *text = NULL;

        thing_add(table, "x\xff", 1);
        thing_add(table, "x\xfe", 2);
        text = render((const Table *const[]){table}, 1, METRICS_PROMETHEUS);
        ck_assert_uint_eq(count_of_text(text, "\npgvigil_thing_violations{"), 1);
        ck_assert_ptr_nonnull(strstr(text, "relname=\"x\xEF\xBF\xBD\"} 1\n"));
        expect_valid(text);
}
END_TEST

START_TEST(null_cells_and_unlisted_states_have_no_sample) {
        _cleanup_(table_freep) Table *table = thing_table("shop");
        _cleanup_(freep) char *text = NULL;
        size_t row = 0;

        ck_assert_int_eq(table_add_row(table, &row), 0);
        ck_assert_int_eq(table_set_text(table, row, "state", "new"), 0);
        text = render((const Table *const[]){table}, 1, METRICS_PROMETHEUS);
        ck_assert_uint_eq(count_of_text(text, "\npgvigil_"), 0);
        ck_assert_uint_eq(count_of_text(text, "# TYPE "), 5);
}
END_TEST

START_TEST(null_and_empty_labels_are_left_out) {
        _cleanup_(table_freep) Table *table = thing_table("shop");
        _cleanup_(freep) char *text = NULL;
        size_t row = 0;

        ck_assert_int_eq(table_add_row(table, &row), 0);
        ck_assert_int_eq(table_set_text(table, row, "schemaname", ""), 0);
        table_set_int(table, row, "rows", -1);
        text = render((const Table *const[]){table}, 1, METRICS_PROMETHEUS);
        ck_assert_ptr_nonnull(strstr(text, "\npgvigil_thing_violations{target=\"shop\"} -1\n"));
}
END_TEST

START_TEST(numbers_that_are_none_are_spelled_as_prometheus_does) {
        _cleanup_(table_freep) Table *table = thing_table(NULL);
        _cleanup_(freep) char *text = NULL;

        table_set_float(table, thing_add(table, "a", 0), "ratio", NAN);
        table_set_float(table, thing_add(table, "b", 0), "ratio", INFINITY);
        table_set_float(table, thing_add(table, "c", 0), "ratio", -INFINITY);
        text = render((const Table *const[]){table}, 1, METRICS_PROMETHEUS);
        ck_assert_ptr_nonnull(strstr(text, "relname=\"a\"} NaN\n"));
        ck_assert_ptr_nonnull(strstr(text, "relname=\"b\"} +Inf\n"));
        ck_assert_ptr_nonnull(strstr(text, "relname=\"c\"} -Inf\n"));
        expect_valid(text);
}
END_TEST

START_TEST(d26_odd_names_are_escaped) {
        static const char *const names[] = {
                ODD_NAME,  "select",
                "%n%n",    "{}",
                "\x1b[0m", "\\",
                "\"",      " ",
                "=,",      "012345678901234567890123456789012345678901234567890123456789012",
        };
        _cleanup_(table_freep) Table *table = thing_table("shop");
        _cleanup_(freep) char *text = NULL;

        for (size_t i = 0; i < ELEMENTS(names); i++)
                thing_add(table, names[i], (int64_t)i);
        text = render((const Table *const[]){table}, 1, METRICS_PROMETHEUS);
        ck_assert_uint_eq(count_of_text(text, "\npgvigil_thing_violations{"), ELEMENTS(names));
        ck_assert_ptr_nonnull(strstr(text, ",relname=\"a\\\"b;c\\\\d\\n%s{é🐘}\"} 0\n"));
        expect_valid(text);
}
END_TEST

START_TEST(samples_of_a_row_are_what_is_written) {
        _cleanup_(table_freep) Table *table = full_table();
        _cleanup_(freep) char *text = NULL;

        ck_assert_int_eq(value_set_histogram(table_cell(table, 0, "took"), &durations), 0);
        text = render((const Table *const[]){table}, 1, METRICS_PROMETHEUS);
        ck_assert_uint_eq(count_of_text(text, "\npgvigil_"), render_metrics_row_samples(&thing_shape));
}
END_TEST

static bool is_even(const Table *table, size_t row, void *userdata) {
        return table_int(table, row, "rows") % 2 == 0;
}

static size_t rows_left(const Table *a, const Table *b, const char *relname) {
        _cleanup_(freep) char *text = render((const Table *const[]){a, b}, 2, METRICS_PROMETHEUS);
        _cleanup_(freep) char *label = str_format(",relname=\"%s\"} ", relname);

        return count_of_text(text, label);
}

START_TEST(a_cap_is_over_all_tables_and_cuts_only_what_may_be_cut) {
        _cleanup_(table_freep) Table *first = thing_table("shop"), *last = thing_table("shop");
        size_t a_row = render_metrics_row_samples(&thing_shape), cut;
        Table *const tables[] = {first, last};

        thing_add(first, "even", 0);
        thing_add(first, "odd", 1);
        thing_add(first, "even2", 2);
        thing_add(last, "odd3", 3);
        ck_assert_int_eq(render_metrics_cap(tables, 2, 4 * a_row, is_even, NULL, &cut), 0);
        ck_assert_uint_eq(cut, 0);
        ck_assert_int_eq(render_metrics_cap(tables, 2, 3 * a_row, is_even, NULL, &cut), 0);
        ck_assert_uint_eq(cut, a_row);
        ck_assert(rows_left(first, last, "even") > 0 && rows_left(first, last, "even2") == 0);
        /* What must stay may be more than the limit. */
        ck_assert_int_eq(render_metrics_cap(tables, 2, a_row, is_even, NULL, &cut), 0);
        ck_assert_uint_eq(cut, 2 * a_row);
        ck_assert(rows_left(first, last, "odd") > 0 && rows_left(first, last, "odd3") > 0);
        ck_assert_int_eq(render_metrics_cap(tables, 2, 100 * a_row, is_even, NULL, &cut), 0);
        ck_assert(cut == 0 && rows_left(first, last, "even") > 0);
}
END_TEST

START_TEST(no_tables_are_an_empty_body) {
        _cleanup_(buffer_done) Buffer out = {};

        ck_assert_int_eq(render_metrics(NULL, 0, METRICS_PROMETHEUS, &out), 0);
        expect_text(&out, "");
}
END_TEST

static double seconds_of(Table *table, size_t *ret_bytes) {
        struct timespec from, to;
        _cleanup_(freep) char *text = NULL;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        text = render((const Table *const[]){table}, 1, METRICS_PROMETHEUS);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        *ret_bytes = strlen(text);
        expect_valid(text);
        return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Time per row must not grow with the rows; the bound is wide enough for sanitizers. */
START_TEST(h14_ten_thousand_rows_take_bounded_time) {
        static const size_t counts[] = {5000, 10000};

        for (size_t i = 0; i < ELEMENTS(counts); i++) {
                _cleanup_(table_freep) Table *table = thing_table("shop");
                size_t bytes = 0;
                for (size_t n = 0; n < counts[i]; n++) {
                        char name[64];
                        snprintf(name, sizeof(name), "check_order_amount_positive_%zu", n);
                        size_t row = thing_add(table, name, (int64_t)n);
                        table_set_int(table, row, "scans", 5);
                        table_set_float(table, row, "ratio", (double)n / 7);
                        ck_assert_int_eq(table_set_text(table, row, "state", "good"), 0);
                }
                double seconds = seconds_of(table, &bytes);
                printf("%zu rows: %.1f ms, %zu bytes\n", counts[i], seconds * 1000, bytes);
                ck_assert_double_lt(seconds, 5);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                families_stand_once_over_all_targets_and_shapes,
                openmetrics_names_counters_without_total_and_ends,
                prometheus_text_has_no_end_mark,
                histogram_is_cumulative_and_of_the_daemon_has_no_target,
                h14_duplicate_series_are_dropped_whatever_made_them,
                d27_names_that_render_alike_are_one_series,
                null_cells_and_unlisted_states_have_no_sample,
                null_and_empty_labels_are_left_out,
                numbers_that_are_none_are_spelled_as_prometheus_does,
                d26_odd_names_are_escaped,
                samples_of_a_row_are_what_is_written,
                a_cap_is_over_all_tables_and_cuts_only_what_may_be_cut,
                no_tables_are_an_empty_body,
                h14_ten_thousand_rows_take_bounded_time,
        };

        return run_suite("metrics", tests, ELEMENTS(tests));
}
