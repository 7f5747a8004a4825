/* Tests of base/line: what is written reads back, and what is no number is none.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "pgvigil/base/line.h"
#include "pgvigil/base/macros.h"

START_TEST(a_text_reads_back_whatever_it_holds) {
        static const char *const texts[] = {"plain words", "",       "two\nlines", "back\\slash",
                                            "\\n",         "\n\\\n", "é"};

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
                _cleanup_(freep) char *line = NULL;

                line_add_text(&out, texts[i]);
                line = buffer_take(&out);
                ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
                line[strlen(line) - 1] = '\0';
                ck_assert_str_eq(line_take_text(line), texts[i]);
        }
        ck_assert_ptr_null(line_take_text(NULL));
}
END_TEST

START_TEST(words_and_numbers_come_in_their_order) {
        char text[] = "key 18446744073709551615 0 rest of it";
        char *line = text;
        uint64_t number = 7;

        ck_assert_str_eq(line_take_word(&line), "key");
        ck_assert_int_eq(line_take_number(&line, &number), 0);
        ck_assert_uint_eq(number, UINT64_MAX);
        ck_assert_int_eq(line_take_number(&line, &number), 0);
        ck_assert_uint_eq(number, 0);
        ck_assert_str_eq(line, "rest of it");
}
END_TEST

START_TEST(what_is_no_number_is_refused) {
        static const char *const words[] = {"", "-1", "+1", "1x", "x", "18446744073709551616", " 1"};

        for (size_t i = 0; i < ELEMENTS(words); i++) {
                char text[32];
                char *line = strcpy(text, words[i]);
                uint64_t number;

                ck_assert_int_eq(line_take_number(&line, &number), -EINVAL);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {a_text_reads_back_whatever_it_holds,
                                      words_and_numbers_come_in_their_order, what_is_no_number_is_refused};

        return unit_run("base/line", tests, ELEMENTS(tests));
}
