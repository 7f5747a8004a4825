/* Tests of the texts of the constraint check: plans as proofs, names.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "checks/constraint-text.h"

START_TEST(only_a_plan_without_any_scan_is_a_proof) {
        static const struct {
                const char *plan;
                bool is_proof;
        } cases[] = {
                {"{\"Node Type\": \"Result\", \"One-Time Filter\": \"false\"}", true},
                {"{\"Node Type\": \"Result\"}", false},
                {"{\"Node Type\": \"Seq Scan\", \"Relation Name\": \"t\"}", false},
                {"{\"One-Time Filter\": \"false\", \"Node Type\": \"Custom Scan\"}", false},
                {"{\"One-Time Filter\": \"false\", \"Node Type\": \"Foreign Scan\"}", false},
                {"{\"One-Time Filter\": \"false\", \"Relation Name\": \"t\"}", false},
                {"{\"One-Time Filter\": \"$0\"}", false},
                {"", false},
                {NULL, false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg(constraint_plan_is_proof(cases[i].plan) == cases[i].is_proof, "case %zu", i);
}
END_TEST

START_TEST(not_null_is_named_as_the_server_names_it_within_63_bytes) {
        static const struct {
                const char *relation, *column, *name;
        } cases[] = {
                {"orders", "id", "orders_id_not_null"},
                {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg",
                 "hhhhhhhhhhaaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefff",
                 "aaaaaaaaaabbbbbbbbbbccccccc_hhhhhhhhhhaaaaaaaaaabbbbbb_not_null"},
                {"t", "hhhhhhhhhhaaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefff",
                 "t_hhhhhhhhhhaaaaaaaaaabbbbbbbbbbccccccccccddddddddddee_not_null"},
                {"éééééééééééééééééééééééééééééé", "x", "éééééééééééééééééééééééééé_x_not_null"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *name = constraint_not_null_name(cases[i].relation, cases[i].column);

                ck_assert_str_eq(name, cases[i].name);
                ck_assert_uint_le(strlen(name), 63);
        }
}
END_TEST

START_TEST(the_misspelt_column_of_an_expression_is_found_with_its_nearest) {
        char *columns[] = {(char[]){"id"}, (char[]){"total_amount"}, (char[]){"Weird \"col"},
                           (char[]){"status"}, NULL};
        static const struct {
                const char *expression, *column, *nearest;
        } cases[] = {
                {"totl_amount > 0", "totl_amount", "total_amount"},
                {"id > 0 AND Total_Amont IS NOT NULL", "total_amont", "total_amount"},
                {"status = 'totl_amount' AND staus <> 'x'", "staus", "status"},
                {"length(statuss) < 5", "statuss", "status"},
                {"\"Weird \"\"cal\" > 0", "Weird \"cal", "Weird \"col"},
                {"orders.stats = 'a'::text", "stats", "status"},
                {"-- totl_amount\n foo > 3", "foo", NULL},
                {"foo > 3 OR totl_amount > 1e5", "totl_amount", "total_amount"},
                {"id > 0", NULL, NULL},
                {"'", NULL, NULL},
                {"\"", NULL, NULL},
                {"id::", NULL, NULL},
                {"", NULL, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *column = NULL;
                const char *nearest = "";

                ck_assert_int_eq(constraint_guess_column(cases[i].expression, columns, &column, &nearest), 0);
                ck_assert_pstr_eq(column, cases[i].column);
                ck_assert_pstr_eq(nearest, cases[i].nearest);
        }
}
END_TEST

START_TEST(d26_odd_names_are_quoted_in_every_statement) {
        Relation relation = {
                .sql = (char[]){"shop.\"We\"\"ird; {%s}\""},
        };
        Constraint rule = {.expression = (char[]){"\"co\"\"l;\" > 0 -- end"}, .is_pending = true};
        Constraint *members[] = {&rule};
        Group group = {.relation = &relation, .only = true, .members = members, .n_members = 1};
        _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;

        constraint_add_lock(&sql, &group);
        ck_assert_str_eq(buffer_text(&sql), "LOCK TABLE ONLY shop.\"We\"\"ird; {%s}\" IN ACCESS SHARE MODE");
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                only_a_plan_without_any_scan_is_a_proof,
                not_null_is_named_as_the_server_names_it_within_63_bytes,
                the_misspelt_column_of_an_expression_is_found_with_its_nearest,
                d26_odd_names_are_quoted_in_every_statement,
        };

        return unit_run("constraint-text", tests, ELEMENTS(tests));
}
