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

/* A rule that is opaque is counted at each poll, one that is not by what has changed: where it cannot be
 * told, it is. */
START_TEST(an_expression_that_may_depend_on_more_than_its_row_is_opaque) {
        static const struct {
                const char *expression;
                bool is_opaque;
                const char *calls;
        } cases[] = {
                {"amount > 0", false, ""},
                {"status IN ('open', 'closed')", false, ""},
                {"note <> ''", false, ""},
                {"note <> 'it''s > \"x\"'", false, ""},
                {"note LIKE '%select%' OR note = 'the user'", false, ""},
                {"a - 1 > b * -1 AND c / 2 <= d", false, ""},
                {"due > '2026-01-01'::date", false, ""},
                {"body ->> 'price' IS NOT NULL", false, ""},
                {"amount::numeric(9, 2) >= 1e5", false, ""},
                {"CASE WHEN user_id IS NULL THEN selected ELSE tables END", false, ""},
                {"\"Name\" ~ '^[a-z]+@'", false, ""},
                {"orders.total > 0 AND now_at IS NOT NULL", false, ""},
                {"(price).amount > 0 AND (due AT TIME ZONE 'UTC') > '2020-01-01'", false, ""},
                {"length(trim(note)) > 0", false, "length trim"},
                {"lower (code) = code", false, "lower"},
                {"age(due) > interval '1 day'", false, "age"},
                {"due > now()", false, "now"}, /* the catalog tells what it depends on */
                {"due > CURRENT_DATE", true, ""},
                {"due > current_timestamp", true, ""},
                {"owner = CURRENT_USER", true, ""},
                {"owner = \"current_user\"()", true, "current_user"},
                {"due > 'now'::timestamptz", true, ""},
                {"due > timestamptz ' now'", true, ""},
                {"due > 'Tomorrow '::date", true, ""},
                {"due < date E'today'", true, ""},
                {"due < '\n\tyesterday'::date", true, ""},
                {"a OPERATOR(public.=) b", true, NULL},
                {"public.is_valid(a)", true, "is_valid"},
                {"a::public.code IS NOT NULL", true, ""},
                {"a:: \"Own\".code IS NOT NULL", true, ""},
                {"status IN (SELECT s FROM public.states)", true, NULL},
                {"status IN (TABLE public.states)", true, NULL},
                {"EXISTS (table public.states)", true, NULL},
                /* What hides a word from a reader that is no parser. */
                {"/* can't be late */ due > CURRENT_DATE", true, NULL},
                {"a > random /* once */ ()", true, NULL},
                {"-- it's\n due > CURRENT_DATE", true, NULL},
                {"a > random -- once\n ()", true, NULL},
                {"note <> E'\\'' AND due > CURRENT_DATE", true, NULL},
                {"note <> $$'$$ AND due > CURRENT_DATE", true, NULL},
                {"note <> $q$'$q$ AND due > CURRENT_DATE", true, NULL},
                {"a > U&\"r\\0061ndom\"()", true, NULL},
                {"a > u&\"r!0061ndom\" UESCAPE '!' ()", true, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(strv_freep) char **calls = NULL;
                _cleanup_(buffer_done) Buffer found = BUFFER_NULL;
                bool is_opaque;

                ck_assert_int_eq(constraint_calls(cases[i].expression, &calls, &is_opaque), 0);
                ck_assert_msg(is_opaque == cases[i].is_opaque, "%s", cases[i].expression);
                for (size_t k = 0; k < strv_length(calls); k++)
                        buffer_printf(&found, "%s%s", k > 0 ? " " : "", calls[k]);
                if (cases[i].calls)
                        ck_assert_str_eq(buffer_text(&found), cases[i].calls);
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
                an_expression_that_may_depend_on_more_than_its_row_is_opaque,
                d26_odd_names_are_quoted_in_every_statement,
        };

        return unit_run("constraint-text", tests, ELEMENTS(tests));
}
