/* Tests of kept keys: a bounded sorted set, what looking at its rows again makes of it, and answers
 * that make no sense.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "checks/count-keys.h"
#include "pgvigil/base/str.h"
#include "rows.h"

#define ROWS_MAX 6

typedef const char *Rows[ROWS_MAX];

static Table *make(const char *const *rows) {
        size_t n = 0;

        while (n < ROWS_MAX && rows[n])
                n++;
        return rows_make(&count_key_rows, NULL, rows, n);
}

static int add(Keys *keys, const char *const *rows) {
        _cleanup_(table_freep) Table *table = make(rows);

        return keys_add(keys, table);
}

static int recheck(Keys *keys, size_t first, size_t n, const char *const *rows) {
        _cleanup_(table_freep) Table *table = make(rows);

        return keys_recheck(keys, first, n, table);
}

/* The set as text: "(1)t (2)tf": keys with the rules that they break. */
static void check_keys(const Keys *keys, const char *expected) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        for (size_t i = 0; i < keys->n; i++)
                buffer_printf(&text, "%s%s:%llx", i > 0 ? " " : "", keys->items[i].shown,
                              (unsigned long long)keys->items[i].broken);
        ck_assert_str_eq(buffer_text(&text), expected);
}

#define KEY(shown, parts, broken) "key=" shown "|parts=" parts "|broken=" broken

START_TEST(keys_are_a_sorted_set_and_what_came_last_of_one_holds) {
        Keys keys = {};

        ck_assert_int_eq(add(&keys, (Rows){KEY("(3)", "{3}", "{t,f}"), KEY("(10)", "{10}", "{f,t}"),
                                           KEY("(2)", "{2}", "{t,t}")}),
                         0);
        check_keys(&keys, "(10):2 (2):3 (3):1");
        ck_assert_int_eq(add(&keys, (Rows){KEY("(2)", "{2}", "{f,t}"), KEY("(1)", "{1}", "{t,f}")}), 0);
        check_keys(&keys, "(1):1 (10):2 (2):2 (3):1");
        ck_assert_int_eq(keys_count(&keys, 0), 2);
        ck_assert_int_eq(keys_count(&keys, 1), 2);
        ck_assert_int_eq(keys_count(&keys, 63), 0);
        keys_done(&keys);
        ck_assert_uint_eq(keys.n, 0);
}
END_TEST

static void add_many(Keys *keys, int first, int n) {
        for (int i = first; i < first + n; i++) {
                _cleanup_(freep) char *row = str_format("key=(%06d)|parts={%d}|broken={t}", i, i);

                ck_assert_int_eq(add(keys, (Rows){row}), 0);
        }
}

START_TEST(more_keys_than_are_kept_are_told) {
        Keys keys = {};

        add_many(&keys, 0, KEYS_MAX);
        ck_assert(keys.n == KEYS_MAX && !keys.is_cut);
        add_many(&keys, KEYS_MAX / 2, 2); /* known already */
        ck_assert(keys.n == KEYS_MAX && !keys.is_cut);
        add_many(&keys, KEYS_MAX, 1);
        ck_assert(keys.n == KEYS_MAX && keys.is_cut);
        ck_assert_int_eq(keys_count(&keys, 0), KEYS_MAX);
        keys_done(&keys);
        ck_assert(!keys.is_cut);
}
END_TEST

START_TEST(what_is_found_again_stays_and_the_rest_of_the_chunk_goes) {
        Keys keys = {};

        add_many(&keys, 1, 6);
        ck_assert_int_eq(recheck(&keys, 0, 2, (Rows){"key=(000002)|broken={t}"}), 0);
        check_keys(&keys, "(000002):1 (000003):1 (000004):1 (000005):1 (000006):1");
        /* The next chunk begins behind what was kept; its order is not that of the answer. */
        ck_assert_int_eq(
                recheck(&keys, 1, 3, (Rows){"key=(000005)|broken={f,t}", "key=(000003)|broken={t,t}"}), 0);
        check_keys(&keys, "(000002):1 (000003):3 (000005):2 (000006):1");
        ck_assert_int_eq(recheck(&keys, 3, KEYS_CHUNK, (Rows){NULL}), 0);
        check_keys(&keys, "(000002):1 (000003):3 (000005):2");
        ck_assert_int_eq(recheck(&keys, 3, KEYS_CHUNK, (Rows){NULL}), 0);
        ck_assert_int_eq(recheck(&keys, 0, KEYS_CHUNK, (Rows){"key=(000003)|broken={f,f}"}), 0);
        check_keys(&keys, "");
        keys_done(&keys);
}
END_TEST

START_TEST(d28_an_answer_that_makes_no_sense_changes_nothing) {
        static const Rows cases[] = {
                {"key=(000001)|broken={t}", "key=(7)|broken={t}"}, /* nobody asked for it */
                {"key=(000003)|broken={t}"},                       /* not of this chunk */
                {"broken={t}"},
                {"key=(000001)|broken=t"},
                {"key=(000002)|broken={t"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Keys keys = {};

                add_many(&keys, 1, 3);
                ck_assert_msg(recheck(&keys, 0, 2, cases[i]) == -EINVAL, "case %zu", i);
                check_keys(&keys, "(000001):1 (000002):1 (000003):1");
                keys_done(&keys);
        }
}
END_TEST

START_TEST(d28_keys_that_make_no_sense_are_refused) {
        _cleanup_(buffer_done) Buffer many = BUFFER_NULL;
        const char *const cases[] = {
                "parts={1}|broken={t}",           "key=(1)|parts=1|broken={t}",
                "key=(1)|parts={1}|broken={t",    "key=(1)|parts={1}|broken={t}x",
                "key=(1)|parts={\"1}|broken={t}", "key=(1)|broken={t}", /* it could not be found again */
                "key=(1)|parts={}|broken={t}",    NULL,
        };

        buffer_add(&many, "key=(1)|parts={1}|broken={f");
        for (int i = 0; i < KEYS_RULES; i++)
                buffer_add(&many, ",t");
        buffer_add(&many, "}");
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Keys keys = {};

                ck_assert_msg(add(&keys, (Rows){cases[i] ? cases[i] : buffer_text(&many)}) == -EINVAL,
                              "case %zu", i);
                ck_assert_uint_eq(keys.n, 0);
                keys_done(&keys);
        }
}
END_TEST

START_TEST(each_of_64_rules_has_its_bit) {
        Keys keys = {};

        for (size_t rule = 0; rule < KEYS_RULES; rule++) {
                _cleanup_(buffer_done) Buffer row = BUFFER_NULL;

                buffer_printf(&row, "key=(%zu)|parts={%zu}|broken=", rule, rule);
                for (size_t i = 0; i < KEYS_RULES; i++)
                        buffer_printf(&row, "%c%c", i == 0 ? '{' : ',', i == rule ? 't' : 'f');
                buffer_add(&row, "}");
                ck_assert_int_eq(add(&keys, (Rows){buffer_text(&row)}), 0);
                ck_assert_int_eq(keys_count(&keys, rule), 1);
        }
        ck_assert_uint_eq(keys.n, KEYS_RULES);
        keys_done(&keys);
}
END_TEST

START_TEST(d26_columns_of_a_chunk_are_array_literals) {
        _cleanup_(freep) char *numbers = NULL, *texts = NULL, *rest = NULL, *none = NULL;
        Keys keys = {};

        ck_assert_int_eq(add(&keys, (Rows){"key=(1,\"a,b\")|parts={1,\"a,b\"}|broken={t}",
                                           "key=(2,\"q\"\"\")|parts={2,\"q\\\"\"}|broken={t}",
                                           "key=(3,\"\")|parts={3,\"\"}|broken={t}"}),
                         0);
        numbers = keys_column(&keys, 0, 2, 0);
        texts = keys_column(&keys, 0, KEYS_CHUNK, 1);
        rest = keys_column(&keys, 2, KEYS_CHUNK, 0);
        none = keys_column(&keys, 3, KEYS_CHUNK, 0);
        ck_assert_str_eq(numbers, "{\"1\",\"2\"}");
        ck_assert_str_eq(texts, "{\"a,b\",\"q\\\"\",\"\"}");
        ck_assert_str_eq(rest, "{\"3\"}");
        ck_assert_str_eq(none, "{}");
        keys_done(&keys);
}
END_TEST

START_TEST(people_are_shown_keys_of_one_rule_up_to_a_limit) {
        _cleanup_(strv_freep) char **list = NULL;
        Keys keys = {};

        ck_assert_int_eq(add(&keys, (Rows){KEY("(1)", "{1}", "{t,f}"), KEY("(2)", "{2}", "{f,t}"),
                                           KEY("(3)", "{3}", "{t,t}"), KEY("(4)", "{4}", "{t,f}")}),
                         0);
        ck_assert_int_eq(keys_list(&keys, 0, 2, &list), 0);
        ck_assert_int_eq(keys_list(&keys, 1, 9, &list), 0);
        ck_assert_int_eq(keys_list(&keys, 1, 0, &list), 0);
        ck_assert_int_eq(keys_list(&keys, 2, 9, &list), 0);
        ck_assert_uint_eq(strv_length(list), 4);
        ck_assert_str_eq(list[1], "(3)");
        ck_assert_str_eq(list[2], "(2)");
        keys_done(&keys);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                keys_are_a_sorted_set_and_what_came_last_of_one_holds,
                more_keys_than_are_kept_are_told,
                what_is_found_again_stays_and_the_rest_of_the_chunk_goes,
                d28_an_answer_that_makes_no_sense_changes_nothing,
                d28_keys_that_make_no_sense_are_refused,
                each_of_64_rules_has_its_bit,
                d26_columns_of_a_chunk_are_array_literals,
                people_are_shown_keys_of_one_rule_up_to_a_limit,
        };

        return unit_run("count-keys", tests, ELEMENTS(tests));
}
