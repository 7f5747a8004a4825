/* Tests of base/str and base/strv.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/str.h"

#include <string.h>

#include "../unit.h"

START_TEST(null_equals_null_only) {
        ck_assert(str_equal(NULL, NULL));
        ck_assert(!str_equal(NULL, ""));
        ck_assert(!str_equal("", NULL));
        ck_assert(str_equal("a", "a"));
        ck_assert(!str_equal("a", "A"));
        ck_assert(str_is_empty(NULL) && str_is_empty("") && !str_is_empty(" "));
        ck_assert(str_starts_with("abc", "ab") && str_starts_with("abc", ""));
        ck_assert(!str_starts_with("ab", "abc"));
}
END_TEST

START_TEST(setting_a_string_to_itself_or_a_part_of_itself_is_safe) {
        char *text = NULL;

        ck_assert_int_eq(str_set(&text, "abc"), 0);
        ck_assert_int_eq(str_set(&text, text), 0);
        ck_assert_str_eq(text, "abc");
        ck_assert_int_eq(str_set(&text, text + 1), 0);
        ck_assert_str_eq(text, "bc");
        ck_assert_int_eq(str_set(&text, NULL), 0);
        ck_assert_ptr_null(text);
}
END_TEST

START_TEST(distance_counts_edits_and_swaps_of_neighbours) {
        static const struct {
                const char *a, *b;
                unsigned distance;
        } cases[] = {
                {"", "", 0},
                {"", "abc", 3},
                {"abc", "", 3},
                {"abc", "abc", 0},
                {"ABC", "abc", 0},
                {"abc", "abd", 1},
                {"abc", "ab", 1},
                {"abc", "abcd", 1},
                {"abcd", "abdc", 1}, /* swap */
                {"ba", "ab", 1},
                {"ca", "abc", 3}, /* no edit inside a swapped pair */
                {"kitten", "sitting", 3},
                {"sevirity", "severity", 1},
                {"on_delte", "on_delete", 1},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                ck_assert_msg(str_distance(cases[i].a, cases[i].b) == cases[i].distance, "%s %s: %u",
                              cases[i].a, cases[i].b, str_distance(cases[i].a, cases[i].b));
                ck_assert_uint_eq(str_distance(cases[i].b, cases[i].a), cases[i].distance);
        }
}
END_TEST

START_TEST(distance_of_words_past_63_bytes_is_64) {
        char longest[64], longer[65];

        memset(longest, 'a', sizeof(longest) - 1);
        longest[63] = '\0';
        memset(longer, 'a', sizeof(longer) - 1);
        longer[64] = '\0';
        ck_assert_uint_eq(str_distance(longest, longest), 0);
        ck_assert_uint_eq(str_distance(longest, ""), 63);
        ck_assert_uint_eq(str_distance(longer, longer), 64);
        ck_assert_uint_eq(str_distance("a", longer), 64);
}
END_TEST

START_TEST(the_nearest_word_is_within_a_third_of_the_length) {
        static const char *const words[] = {"severity", "gate", "table", "name", "on", NULL};
        static const char *const none[] = {NULL};
        static const struct {
                const char *word, *nearest;
        } cases[] = {
                {"sevrity", "severity"}, {"svrity", "severity"},
                {"Gate", "gate"},        {"gat", "gate"},
                {"nmae", "name"},        {"of", "on"},
                {"xyz", NULL},           {"gabbro", NULL},
                {"tbl", NULL},           {"", NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const char *nearest = str_nearest(cases[i].word, words);

                ck_assert_msg(str_equal(nearest, cases[i].nearest), "%s: %s", cases[i].word,
                              nearest ? nearest : "none");
        }
        ck_assert_ptr_null(str_nearest("gate", none));
}
END_TEST

START_TEST(patterns_match_the_whole_text) {
        static const struct {
                const char *text, *pattern;
                bool matches;
        } cases[] = {
                {"public.audit_log", "public.audit_*", true},
                {"public.audit", "public.audit_*", false},
                {"xpublic.audit_a", "public.audit_*", false},
                {"a1", "a?", true},
                {"a12", "a?", false},
                {"a1", "a[0-9]", true},
                {"ab", "a[0-9]", false},
                {"", "*", true},
                {"a/b.c", "*", true},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg(str_matches(cases[i].text, cases[i].pattern) == cases[i].matches, "%s %s",
                              cases[i].text, cases[i].pattern);
}
END_TEST

START_TEST(the_valid_prefix_ends_before_the_first_bad_byte) {
        static const struct {
                const char *text;
                size_t length, valid;
        } cases[] = {
                {"", 0, 0},
                {"abc", 3, 3},
                {"a\0b", 3, 3},
                {"\xC3\xA9x", 3, 3},
                {"\xC3\xA9", 1, 0},
                {"ab\xE2\x82", 4, 2},
                {"\xC1\xBF", 2, 0},         /* overlong */
                {"\xE0\x9F\xBF", 3, 0},     /* overlong */
                {"\xE0\xA0\x80", 3, 3},     /* U+0800 */
                {"\xED\x9F\xBF", 3, 3},     /* U+D7FF */
                {"\xED\xA0\x80", 3, 0},     /* U+D800 */
                {"\xEF\xBF\xBF", 3, 3},     /* U+FFFF */
                {"\xF0\x8F\xBF\xBF", 4, 0}, /* overlong */
                {"\xF0\x90\x80\x80", 4, 4}, /* U+10000 */
                {"\xF4\x8F\xBF\xBF", 4, 4}, /* U+10FFFF */
                {"\xF4\x90\x80\x80", 4, 0},
                {"\xF5\x80\x80\x80", 4, 0},
                {"\xF0\x9F\x90\x41", 4, 0},
                {"\xBF", 1, 0},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg(str_utf8_prefix(cases[i].text, cases[i].length) == cases[i].valid, "case %zu",
                              i);
}
END_TEST

START_TEST(a_formatted_string_is_whole) {
        _cleanup_(freep) char *text = str_format("%s-%0300d", "x", 1);

        ck_assert_uint_eq(strlen(text), 302);
}
END_TEST

START_TEST(lists_copy_compare_and_join) {
        _cleanup_(strv_freep) char **list = NULL, **copy = NULL;
        _cleanup_(freep) char *joined = NULL, *empty = NULL;

        ck_assert_uint_eq(strv_length(NULL), 0);
        ck_assert(strv_equal(NULL, NULL));
        ck_assert(!strv_contains(NULL, "a"));
        empty = strv_join(NULL, ", ");
        ck_assert_str_eq(empty, "");

        ck_assert_int_eq(strv_add(&list, "a"), 0);
        ck_assert_int_eq(strv_add(&list, "b"), 0);
        ck_assert_uint_eq(strv_length(list), 2);
        ck_assert(strv_contains(list, "b") && !strv_contains(list, "c"));
        ck_assert_int_eq(strv_copy(list, &copy), 0);
        ck_assert(strv_equal(list, copy) && copy[0] != list[0]);
        ck_assert_int_eq(strv_add(&copy, "c"), 0);
        ck_assert(!strv_equal(list, copy));
        joined = strv_join(copy, ", ");
        ck_assert_str_eq(joined, "a, b, c");
}
END_TEST

START_TEST(the_copy_of_an_empty_list_is_null_and_equals_it) {
        char *none[] = {NULL}, **copy = (char *[]){NULL};

        ck_assert_int_eq(strv_copy(none, &copy), 0);
        ck_assert_ptr_null(copy);
        ck_assert(strv_equal(none, copy));
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                null_equals_null_only,
                setting_a_string_to_itself_or_a_part_of_itself_is_safe,
                distance_counts_edits_and_swaps_of_neighbours,
                distance_of_words_past_63_bytes_is_64,
                the_nearest_word_is_within_a_third_of_the_length,
                patterns_match_the_whole_text,
                the_valid_prefix_ends_before_the_first_bad_byte,
                a_formatted_string_is_whole,
                lists_copy_compare_and_join,
                the_copy_of_an_empty_list_is_null_and_equals_it,
        };

        return unit_run("str", tests, ELEMENTS(tests));
}
