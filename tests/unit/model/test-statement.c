/* Tests of model/statement: parameters and SQLSTATE lists.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/statement.h"

#include "../unit.h"
#include "pgvigil/base/str.h"

START_TEST(parameters_are_copied_and_may_be_null) {
        _cleanup_(statement_done) Statement statement = {};
        char text[] = "abc";

        ck_assert_int_eq(statement_add_parameter(&statement, text), 0);
        ck_assert_int_eq(statement_add_parameter(&statement, NULL), 0);
        ck_assert_int_eq(statement_add_parameter(&statement, ""), 0);
        text[0] = 'x';
        ck_assert_uint_eq(statement.n_parameters, 3);
        ck_assert_str_eq(statement.parameters[0], "abc");
        ck_assert_ptr_null(statement.parameters[1]);
        ck_assert_str_eq(statement.parameters[2], "");
}
END_TEST

START_TEST(what_is_done_is_empty_and_may_be_done_again) {
        static const Shape shape = {.name = "none"};
        Statement statement = {.sql = str_format("SELECT %d", 1), .max_rows = 5};
        Outcome outcome = {.kind = OUTCOME_ERROR, .message = str_format("no %s", "way"), .sqlstate = "42P01"};

        ck_assert_int_eq(statement_add_parameter(&statement, "a"), 0);
        statement_done(&statement);
        statement_done(&statement);
        ck_assert_ptr_null(statement.sql);
        ck_assert_uint_eq(statement.n_parameters, 0);

        ck_assert_int_eq(table_new(&shape, NULL, &outcome.table), 0);
        outcome_done(&outcome);
        outcome_done(&outcome);
        ck_assert_ptr_null(outcome.table);
        ck_assert_str_eq(outcome.sqlstate, "");
}
END_TEST

START_TEST(a_sqlstate_is_found_whole_or_by_class) {
        static const struct {
                const char *sqlstate, *list;
                bool is_in;
        } cases[] = {
                {"08006", "08,40,57014", true},
                {"40P01", "08,40,57014", true},
                {"57014", "08,40,57014", true},
                {"57015", "08,40,57014", false},
                {"57P03", "08,40,57014", false},
                {"42501", "42501", true},
                {"", "08,40", false},
                {"42501", "", false},
                {"42501", ",", false},
                {"42", "42501", false},
                {"00801", "08", false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg(sqlstate_in(cases[i].sqlstate, cases[i].list) == cases[i].is_in, "%s in %s",
                              cases[i].sqlstate, cases[i].list);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                parameters_are_copied_and_may_be_null,
                what_is_done_is_empty_and_may_be_done_again,
                a_sqlstate_is_found_whole_or_by_class,
        };

        return unit_run("statement", tests, ELEMENTS(tests));
}
