/* Tests of what is read out of a canary's text.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "checks/canary.h"

START_TEST(parameters_are_those_outside_of_quotes_and_comments) {
        static const struct {
                const char *sql;
                unsigned n;
        } cases[] = {
                {"", 0},
                {"$", 0},
                {"SELECT 1", 0},
                {"SELECT $1", 1},
                {"SELECT $2, $10, $3", 10},
                {"SELECT a FROM t WHERE b=$1AND c", 1},
                {"SELECT a$1 FROM t", 0},
                {"SELECT \"$1\", '$2', 'it''s $3'", 0},
                {"SELECT '\\', $1", 1},
                {"SELECT E'\\', $1', $2", 2},
                {"SELECT e'\\'$1', 3", 0},
                {"SELECT some'\\', $1", 1},
                {"SELECT 1 -- $1\n, $2", 2},
                {"SELECT 1 /* $1 /* $2 */ $3 */, $4", 4},
                {"SELECT 1 /* $1", 0},
                {"SELECT $$ $1 $$, $2", 2},
                {"SELECT $a$ $1 $b$ $$ $a$, $3", 3},
                {"SELECT $a$ $1", 0},
                {"SELECT '$1", 0},
                {"SELECT $99999999999999999999", 999},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg(canary_text_read(cases[i].sql).n_parameters == cases[i].n, "%s: %u",
                              cases[i].sql, canary_text_read(cases[i].sql).n_parameters);
}
END_TEST

START_TEST(only_what_can_be_planned_is_a_query) {
        static const struct {
                const char *sql;
                bool is_query;
        } cases[] = {
                {"SELECT 1", true},
                {" \n-- why\n/* and */ (( select 1", true},
                {"WITH a AS (SELECT 1) TABLE a", true},
                {"VALUES(1)", true},
                {"delete from t", true},
                {"SELECTED", false},
                {"", false},
                {"--", false},
                {"/*", false},
                {"COMMIT", false},
                {"COPY t TO STDOUT", false},
                {"EXPLAIN SELECT 1", false},
                {"; SELECT 1", false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg(canary_text_read(cases[i].sql).is_query == cases[i].is_query, "%s",
                              cases[i].sql);
}
END_TEST

START_TEST(a_semicolon_at_the_end_is_not_sent) {
        ck_assert_uint_eq(canary_text_length("SELECT 1 ; \n;"), 8);
        ck_assert_uint_eq(canary_text_length("SELECT 1; SELECT 2"), 18);
        ck_assert_uint_eq(canary_text_length(";"), 0);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                parameters_are_those_outside_of_quotes_and_comments,
                only_what_can_be_planned_is_a_query,
                a_semicolon_at_the_end_is_not_sent,
        };

        return unit_run("checks/canary-text", tests, ELEMENTS(tests));
}
