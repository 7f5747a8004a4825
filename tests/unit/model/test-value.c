/* Tests of model/value: reading PostgreSQL's text, copying, comparing, histograms.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/value.h"

#include <errno.h>
#include <math.h>

#include "../unit.h"
#include "pgvigil/base/str.h"

static Histogram some_histogram, other_histogram = {.count = 1};

START_TEST(integers_are_read_to_their_limits_and_no_further) {
        static const struct {
                const char *text;
                int r;
                int64_t number;
        } cases[] = {
                {"0", 0, 0},
                {"-0", 0, 0},
                {"42", 0, 42},
                {"-42", 0, -42},
                {"9223372036854775807", 0, INT64_MAX},
                {"-9223372036854775808", 0, INT64_MIN},
                {"9223372036854775808", -EINVAL, 0},
                {"-9223372036854775809", -EINVAL, 0},
                {"99999999999999999999999", -EINVAL, 0},
                {"", -EINVAL, 0},
                {"-", -EINVAL, 0},
                {"+1", -EINVAL, 0},
                {" 1", -EINVAL, 0},
                {"1 ", -EINVAL, 0},
                {"1.0", -EINVAL, 0},
                {"1e3", -EINVAL, 0},
                {"0x1", -EINVAL, 0},
                {"NaN", -EINVAL, 0},
                {"--1", -EINVAL, 0},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Value value = VALUE_NONE;
                int r = value_parse(VALUE_INT, cases[i].text, &value);

                ck_assert_msg(r == cases[i].r, "\"%s\": %d", cases[i].text, r);
                ck_assert_int_eq(value.kind, r < 0 ? VALUE_NULL : VALUE_INT);
                if (r == 0)
                        ck_assert(value.integer == cases[i].number);
        }
}
END_TEST

START_TEST(floats_are_read_as_postgresql_writes_them) {
        static const struct {
                const char *text;
                int r;
                double number;
        } cases[] = {
                {"0", 0, 0},
                {"1.5", 0, 1.5},
                {"-1e-3", 0, -0.001},
                {"1E+3", 0, 1000},
                {".5", 0, 0.5},
                {"1e308", 0, 1e308},
                {"Infinity", 0, INFINITY},
                {"-Infinity", 0, -INFINITY},
                {"1e999", -EINVAL, 0},
                {"-1e999", -EINVAL, 0},
                {"", -EINVAL, 0},
                {"-", -EINVAL, 0},
                {"1.5x", -EINVAL, 0},
                {"1.5.5", -EINVAL, 0},
                {"1,5", -EINVAL, 0},
                {" 1", -EINVAL, 0},
                {"inf", -EINVAL, 0},
                {"infinity", -EINVAL, 0},
                {"nan", -EINVAL, 0},
                {"0x1p3", -EINVAL, 0},
        };
        Value value = VALUE_NONE;

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                int r = value_parse(VALUE_FLOAT, cases[i].text, &value);

                ck_assert_msg(r == cases[i].r, "\"%s\": %d", cases[i].text, r);
                if (r == 0)
                        ck_assert_msg(value.number == cases[i].number, "\"%s\"", cases[i].text);
        }
        ck_assert_int_eq(value_parse(VALUE_FLOAT, "NaN", &value), 0);
        ck_assert(isnan(value.number));
}
END_TEST

START_TEST(booleans_are_t_and_f) {
        static const struct {
                const char *text;
                int r;
                bool boolean;
        } cases[] = {
                {"t", 0, true},       {"f", 0, false},       {"true", 0, true},     {"false", 0, false},
                {"", -EINVAL, false}, {"T", -EINVAL, false}, {"1", -EINVAL, false}, {"tt", -EINVAL, false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Value value = VALUE_NONE;

                ck_assert_int_eq(value_parse(VALUE_BOOL, cases[i].text, &value), cases[i].r);
                if (cases[i].r == 0)
                        ck_assert(value.boolean == cases[i].boolean);
        }
}
END_TEST

START_TEST(absent_text_is_absent_knowledge_in_every_kind) {
        static const ValueKind kinds[] = {VALUE_BOOL, VALUE_INT, VALUE_FLOAT, VALUE_TEXT, VALUE_HISTOGRAM};

        for (size_t i = 0; i < ELEMENTS(kinds); i++) {
                Value value = VALUE_OF_INT(7);

                ck_assert_int_eq(value_parse(kinds[i], NULL, &value), 0);
                ck_assert_int_eq(value.kind, VALUE_NULL);
        }
}
END_TEST

START_TEST(empty_text_is_text_and_a_histogram_has_no_text_form) {
        Value value = VALUE_NONE;

        ck_assert_int_eq(value_parse(VALUE_TEXT, "", &value), 0);
        ck_assert_int_eq(value.kind, VALUE_TEXT);
        ck_assert_str_eq(value.text, "");
        value_done(&value);
        ck_assert_int_eq(value.kind, VALUE_NULL);
        ck_assert_int_eq(value_parse(VALUE_HISTOGRAM, "1", &value), -EINVAL);
        ck_assert_int_eq(value_parse(VALUE_NULL, "1", &value), -EINVAL);
}
END_TEST

START_TEST(values_equal_themselves_and_nothing_else) {
        const Value values[] = {
                VALUE_NONE,
                VALUE_OF_BOOL(false),
                VALUE_OF_BOOL(true),
                VALUE_OF_INT(0),
                VALUE_OF_INT(1),
                VALUE_OF_FLOAT(0),
                VALUE_OF_FLOAT(1),
                VALUE_OF_FLOAT(NAN),
                {.kind = VALUE_TEXT, .text = (char *)""},
                {.kind = VALUE_TEXT, .text = (char *)"0"},
                {.kind = VALUE_HISTOGRAM, .histogram = &some_histogram},
                {.kind = VALUE_HISTOGRAM, .histogram = &other_histogram},
        };

        for (size_t i = 0; i < ELEMENTS(values); i++)
                for (size_t j = 0; j < ELEMENTS(values); j++)
                        ck_assert_msg(value_equal(&values[i], &values[j]) == (i == j), "%zu %zu", i, j);
}
END_TEST

START_TEST(a_copy_owns_its_text) {
        Value value = VALUE_NONE, copy = VALUE_NONE;

        ck_assert_int_eq(value_set_text(&value, "abc"), 0);
        ck_assert_int_eq(value_copy(&value, &copy), 0);
        ck_assert_ptr_ne(value.text, copy.text);
        ck_assert_int_eq(value_set_text(&value, value.text + 1), 0);
        ck_assert_str_eq(value.text, "bc");
        ck_assert_str_eq(copy.text, "abc");
        ck_assert_int_eq(value_set_text(&value, NULL), 0);
        ck_assert_int_eq(value.kind, VALUE_NULL);
        value_done(&copy);
}
END_TEST

START_TEST(a_copy_owns_its_histogram) {
        Histogram counting = {};
        Value value = VALUE_NONE, copy = VALUE_NONE;

        histogram_add(&counting, 3000);
        ck_assert_int_eq(value_set_histogram(&value, &counting), 0);
        ck_assert_int_eq(value_copy(&value, &copy), 0);
        ck_assert_ptr_ne(value.histogram, copy.histogram);
        ck_assert(value_equal(&value, &copy));
        histogram_add(&counting, 3000);
        ck_assert_uint_eq(value.histogram->count, 1);
        value_done(&value);
        ck_assert_uint_eq(copy.histogram->buckets[2], 1);
        value_done(&copy);
}
END_TEST

START_TEST(only_numbers_and_booleans_are_numbers) {
        const struct {
                Value value;
                bool is_number;
                double number;
        } cases[] = {
                {VALUE_NONE, false, 0},
                {VALUE_OF_BOOL(true), true, 1},
                {VALUE_OF_BOOL(false), true, 0},
                {VALUE_OF_INT(-3), true, -3},
                {VALUE_OF_FLOAT(0.5), true, 0.5},
                {{.kind = VALUE_TEXT, .text = (char *)"1"}, false, 0},
                {{.kind = VALUE_HISTOGRAM, .histogram = &some_histogram}, false, 0},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                double number = -99;

                ck_assert(value_number(&cases[i].value, &number) == cases[i].is_number);
                ck_assert(number == (cases[i].is_number ? cases[i].number : -99));
        }
}
END_TEST

START_TEST(a_duration_falls_into_the_bucket_whose_bound_it_does_not_pass) {
        static const struct {
                usec_t duration;
                size_t bucket;
        } cases[] = {
                {0, 0},      {1000, 0},    {1001, 1},     {2500, 1},     {10000, 3},
                {250000, 7}, {1000000, 9}, {5000000, 11}, {5000001, 12}, {USEC_PER_DAY, 12},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Histogram histogram = {};

                histogram_add(&histogram, cases[i].duration);
                for (size_t j = 0; j <= HISTOGRAM_BUCKETS; j++)
                        ck_assert_msg(histogram.buckets[j] == (j == cases[i].bucket), "case %zu", i);
                ck_assert_uint_eq(histogram.count, 1);
                ck_assert(fabs(histogram.sum - (double)cases[i].duration / 1e6) < 1e-9);
        }
        for (size_t i = 1; i < HISTOGRAM_BUCKETS; i++)
                ck_assert(histogram_bounds[i - 1] < histogram_bounds[i]);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                integers_are_read_to_their_limits_and_no_further,
                floats_are_read_as_postgresql_writes_them,
                booleans_are_t_and_f,
                absent_text_is_absent_knowledge_in_every_kind,
                empty_text_is_text_and_a_histogram_has_no_text_form,
                values_equal_themselves_and_nothing_else,
                a_copy_owns_its_text,
                a_copy_owns_its_histogram,
                only_numbers_and_booleans_are_numbers,
                a_duration_falls_into_the_bucket_whose_bound_it_does_not_pass,
        };

        return unit_run("value", tests, ELEMENTS(tests));
}
