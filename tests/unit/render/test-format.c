/* How single values are written: numbers in any locale, seconds, escapes.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "render/format.h"

#include <locale.h>
#include <math.h>
#include <unistd.h>

#include "fixture.h"

static const struct {
        double number;
        const char *text;
} numbers[] = {
        {0, "0"},
        {-1, "-1"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {5e-324, "4.94065645841247e-324"},
        {1e21, "1e+21"},
        {1795449540.25, "1795449540.25"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
};

static void expect_numbers(void) {
        for (size_t i = 0; i < ELEMENTS(numbers); i++) {
                _cleanup_(buffer_done) Buffer out = {};
                buffer_add_number(&out, numbers[i].number);
                expect_text(&out, numbers[i].text);
        }
}

START_TEST(numbers_are_the_shortest_that_read_back) {
        expect_numbers();
}
END_TEST

/* A locale with a decimal comma: installed, or compiled into a directory of our own. */
static bool set_german(char *directory) {
        char command[128];

        if (setlocale(LC_ALL, "de_DE.UTF-8"))
                return true;
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null",
                 directory);
        if (system(command) != 0)
                return false;
        setenv("LOCPATH", directory, 1);
        return setlocale(LC_ALL, "de_DE.UTF-8");
}

START_TEST(r8_decimal_point_is_a_dot_in_a_german_locale) {
        char directory[] = "/tmp/test-format-XXXXXX", command[64], probe[16];
        Value value = VALUE_OF_FLOAT(0.5);
        _cleanup_(buffer_done) Buffer out = {};

        if (set_german(directory)) {
                snprintf(probe, sizeof(probe), "%.1f", value.number);
                ck_assert_str_eq(probe, "0,5");
        }
        expect_numbers();
        buffer_add_seconds(&out, 1200 * USEC_PER_MSEC);
        expect_text(&out, "1.2");
        snprintf(command, sizeof(command), "rm -rf %s", directory);
        ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(seconds_are_exact_to_the_millisecond) {
        static const struct {
                usec_t duration;
                const char *text;
        } cases[] = {
                {0, "0"},
                {45 * USEC_PER_SEC, "45"},
                {1200 * USEC_PER_MSEC, "1.2"},
                {35 * USEC_PER_MSEC, "0.035"},
                {100 * USEC_PER_SEC, "100"},
                {999, "0"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer out = {};
                buffer_add_seconds(&out, cases[i].duration);
                expect_text(&out, cases[i].text);
        }
}
END_TEST

static void add_help_prometheus(Buffer *out, const char *text) {
        buffer_add_help(out, text, false);
}

static void add_help_openmetrics(Buffer *out, const char *text) {
        buffer_add_help(out, text, true);
}

START_TEST(d26_d27_every_sink_escapes_its_own) {
        static const struct {
                void (*add)(Buffer *out, const char *text);
                const char *text, *wanted;
        } cases[] = {
                {buffer_add_json_string, ODD_NAME, "\"a\\\"b;c\\\\d\\n%s{é🐘}\""},
                {buffer_add_json_string, "\x01\b\f\r\t\x7f", "\"\\u0001\\b\\f\\r\\t\\u007f\""},
                {buffer_add_json_string, "x\xffy\xc3", "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\""},
                {buffer_add_json_string, "\xed\xa0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
                {buffer_add_json_string, "", "\"\""},
                {buffer_add_label_value, ODD_NAME, "a\\\"b;c\\\\d\\n%s{é🐘}"},
                {buffer_add_label_value, "\x1b[31m\r", "\\\\x1b[31m\\\\x0d"},
                {buffer_add_label_value, "x\xffy", "x\xEF\xBF\xBDy"},
                {add_help_prometheus, "a\\b\"c\nd", "a\\\\b\"c\\nd"},
                {add_help_openmetrics, "a\\b\"c\nd", "a\\\\b\\\"c\\nd"},
                {buffer_add_terminal, "a\"b\\c\x1b[2J\n", "a\"b\\c\\x1b[2J\\n"},
                {buffer_add_terminal,
                 "\xc2\x9b"
                 "2J\xe2\x80\xaetxt\xe2\x81\xa6",
                 "\xEF\xBF\xBD"
                 "2J\xEF\xBF\xBDtxt\xEF\xBF\xBD"},
                {buffer_add_terminal, "✔ é \xff", "✔ é \xEF\xBF\xBD"},
                {buffer_add_terminal, NULL, ""},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer out = {};
                cases[i].add(&out, cases[i].text);
                expect_text(&out, cases[i].wanted);
        }
}
END_TEST

START_TEST(comma_lists_are_walked_word_by_word) {
        const char *cursor = "a, bc,d", *word = NULL;
        size_t length = 0;

        ck_assert(format_next_word(&cursor, &word, &length) && format_word_equal(word, length, "a"));
        ck_assert(format_next_word(&cursor, &word, &length) && format_word_equal(word, length, "bc"));
        ck_assert(!format_word_equal(word, length, "bcd") && !format_word_equal(word, length, "b"));
        ck_assert(format_next_word(&cursor, &word, &length) && format_word_equal(word, length, "d"));
        ck_assert(!format_next_word(&cursor, &word, &length));
        cursor = NULL;
        ck_assert(!format_next_word(&cursor, &word, &length));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                numbers_are_the_shortest_that_read_back, r8_decimal_point_is_a_dot_in_a_german_locale,
                seconds_are_exact_to_the_millisecond,    d26_d27_every_sink_escapes_its_own,
                comma_lists_are_walked_word_by_word,
        };

        return run_suite("format", tests, ELEMENTS(tests));
}
