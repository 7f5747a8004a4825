/* Tests of base/buffer: growth, the sticky failure, handing over, UTF-8.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/buffer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "../unit.h"

START_TEST(an_empty_buffer_reads_as_the_empty_string) {
        Buffer buffer = BUFFER_NULL;
        char *text;

        ck_assert_str_eq(buffer_text(&buffer), "");
        ck_assert_int_eq(buffer_error(&buffer), 0);
        text = buffer_take(&buffer);
        ck_assert_ptr_nonnull(text);
        ck_assert_str_eq(text, "");
        free(text);
}
END_TEST

START_TEST(what_is_appended_stands_in_order_and_is_terminated) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

        buffer_add(&buffer, "ab");
        buffer_add(&buffer, NULL);
        buffer_add_char(&buffer, 'c');
        buffer_append(&buffer, "def", 2);
        buffer_printf(&buffer, "%d-%s", 42, "x");
        ck_assert_str_eq(buffer_text(&buffer), "abcde42-x");
        ck_assert_uint_eq(buffer.length, 9);
}
END_TEST

START_TEST(every_length_around_a_growth_is_kept_whole) {
        for (size_t length = 0; length < 600; length++) {
                _cleanup_(buffer_done) Buffer one = BUFFER_NULL, many = BUFFER_NULL;

                for (size_t i = 0; i < length; i++)
                        buffer_add_char(&many, 'x');
                buffer_printf(&one, "%*s", (int)length, "");
                ck_assert_uint_eq(one.length, length);
                ck_assert_uint_eq(strlen(buffer_text(&one)), length);
                ck_assert_uint_eq(strlen(buffer_text(&many)), length);
                ck_assert(length == 0 || many.length < many.size);
        }
}
END_TEST

START_TEST(a_length_that_overflows_fails_for_good_and_keeps_nothing) {
        volatile size_t too_long[] = {SIZE_MAX, SIZE_MAX - 2, SIZE_MAX / 2};

        for (size_t i = 0; i < ELEMENTS(too_long); i++) {
                Buffer buffer = BUFFER_NULL;

                buffer_add(&buffer, "begin");
                buffer_append(&buffer, "x", too_long[i]);
                ck_assert_int_eq(buffer_error(&buffer), -ENOMEM);
                buffer_add(&buffer, "more");
                ck_assert_str_eq(buffer_text(&buffer), "begin");
                ck_assert_ptr_null(buffer_take(&buffer));
                ck_assert_int_eq(buffer_error(&buffer), 0); /* usable again */
                buffer_add(&buffer, "new");
                ck_assert_str_eq(buffer_text(&buffer), "new");
                buffer_done(&buffer);
        }
}
END_TEST

START_TEST(clearing_keeps_the_memory_and_forgets_the_failure) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;
        const char *data;
        volatile size_t too_long = SIZE_MAX;

        buffer_add(&buffer, "abc");
        data = buffer.data;
        buffer_append(&buffer, "x", too_long);
        buffer_clear(&buffer);
        ck_assert_int_eq(buffer_error(&buffer), 0);
        ck_assert_str_eq(buffer_text(&buffer), "");
        buffer_add(&buffer, "d");
        ck_assert_ptr_eq(buffer.data, data);
        ck_assert_str_eq(buffer_text(&buffer), "d");
}
END_TEST

START_TEST(taking_leaves_an_empty_buffer) {
        Buffer buffer = BUFFER_NULL;
        char *text;

        buffer_add(&buffer, "abc");
        text = buffer_take(&buffer);
        ck_assert_str_eq(text, "abc");
        ck_assert_ptr_null(buffer.data);
        ck_assert_uint_eq(buffer.length, 0);
        free(text);
}
END_TEST

#define BAD "\xEF\xBF\xBD"

START_TEST(each_invalid_byte_becomes_one_replacement_character) {
        static const struct {
                const char *text;
                size_t length;
                const char *expected;
        } cases[] = {
                {"plain", 5, "plain"},
                {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x98", 9, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x98"},
                {"a\xFFz", 3, "a" BAD "z"},
                {"\xC3", 1, BAD},                         /* cut */
                {"\xC3(", 2, BAD "("},                    /* wrong follower */
                {"\xC0\xAF", 2, BAD BAD},                 /* overlong */
                {"\xED\xA0\x80", 3, BAD BAD BAD},         /* surrogate */
                {"\xF4\x90\x80\x80", 4, BAD BAD BAD BAD}, /* past U+10FFFF */
                {"\xE2\x82", 2, BAD BAD},
                {"\x80", 1, BAD},
                {"", 0, ""},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

                buffer_add_utf8(&buffer, cases[i].text, cases[i].length);
                ck_assert_msg(strcmp(buffer_text(&buffer), cases[i].expected) == 0, "case %zu: %s", i,
                              buffer_text(&buffer));
        }
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                an_empty_buffer_reads_as_the_empty_string,
                what_is_appended_stands_in_order_and_is_terminated,
                every_length_around_a_growth_is_kept_whole,
                a_length_that_overflows_fails_for_good_and_keeps_nothing,
                clearing_keeps_the_memory_and_forgets_the_failure,
                taking_leaves_an_empty_buffer,
                each_invalid_byte_becomes_one_replacement_character,
        };

        return unit_run("buffer", tests, ELEMENTS(tests));
}
