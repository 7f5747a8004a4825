/* Tests of base/problems: the order and the form in which people read them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/problems.h"

#include "../unit.h"

START_TEST(problems_are_shown_by_place_and_in_order_of_finding) {
        _cleanup_(problems_done) Problems problems = {};
        _cleanup_(freep) char *text = NULL;

        problems_add(&problems, "b.conf", 2, "b two");
        problems_add(&problems, "a.conf", 10, "a ten");
        problems_add(&problems, "b.conf", 0, "whole file");
        problems_add(&problems, "a.conf", 9, "a nine, first");
        problems_add(&problems, NULL, 0, "no file");
        problems_add(&problems, "a.conf", 9, "a nine, %s", "second");
        text = problems_format(&problems);
        ck_assert_str_eq(text, "no file\n"
                               "a.conf:9: a nine, first\n"
                               "a.conf:9: a nine, second\n"
                               "a.conf:10: a ten\n"
                               "b.conf: whole file\n"
                               "b.conf:2: b two\n");
        ck_assert_uint_eq(problems.count, 6);
        ck_assert(!problems.failed);
}
END_TEST

START_TEST(no_problem_is_the_empty_text) {
        _cleanup_(problems_done) Problems problems = {};
        _cleanup_(freep) char *text = problems_format(&problems);

        ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(a_list_that_is_not_whole_says_so) {
        _cleanup_(problems_done) Problems problems = {};
        _cleanup_(freep) char *text = NULL;

        problems_add(&problems, "a.conf", 1, "one");
        problems.failed = true;
        text = problems_format(&problems);
        ck_assert_str_eq(text, "a.conf:1: one\nout of memory: more was found than is listed here\n");
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                problems_are_shown_by_place_and_in_order_of_finding,
                no_problem_is_the_empty_text,
                a_list_that_is_not_whole_says_so,
        };

        return unit_run("problems", tests, ELEMENTS(tests));
}
