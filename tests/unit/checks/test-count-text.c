/* Tests of the statements of counting and of their answers.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "checks/count-text.h"

START_TEST(counts_that_are_not_exactly_those_asked_for_are_refused) {
        static const struct {
                const char *text;
                size_t n;
                int result;
        } cases[] = {
                {"{3}", 1, 0},          {"{3,0}", 2, 0},       {"{9223372036854775807}", 1, 0},
                {"{3}", 2, -EINVAL},    {"{3,0}", 1, -EINVAL}, {"{-1}", 1, -EINVAL},
                {"{NULL}", 1, -EINVAL}, {"{1.5}", 1, -EINVAL}, {"{9223372036854775808}", 1, -EINVAL},
                {"", 1, -EINVAL},       {NULL, 1, -EINVAL},    {"{3x}", 1, -EINVAL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                int64_t counts[2] = {-7, -7};

                ck_assert_msg(count_parse(cases[i].text, counts, cases[i].n) == cases[i].result, "%s",
                              cases[i].text);
                ck_assert(cases[i].result < 0 || counts[cases[i].n - 1] >= 0);
        }
}
END_TEST

START_TEST(d26_odd_names_are_quoted_in_every_statement) {
        const CountTable wanted = {
                .id = 1, .schema = (char[]){"shop"}, .name = (char[]){"We\"ird; {%s}"}, .only = true};
        _cleanup_(count_table_freep) CountTable *table = NULL;
        _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;
        CountRule *rule;

        ck_assert_int_eq(count_table_new(&wanted, &table), 0);
        rule = count_table_list(table, "r", "NOT (\"co\"\"l;\" > 0 -- end\n)");
        rule->is_asked = true;
        ck_assert_int_eq(strv_add(&table->details.key_columns, "\"a\"\"b\""), 0);
        ck_assert_int_eq(strv_add(&table->details.key_columns, "\"select\""), 0);

        count_add_lock(&sql, table);
        ck_assert_str_eq(buffer_text(&sql), "LOCK TABLE ONLY shop.\"We\"\"ird; {%s}\" IN ACCESS SHARE MODE");
        buffer_clear(&sql);
        count_add_count(&sql, table);
        ck_assert_str_eq(
                buffer_text(&sql),
                "SELECT ARRAY[count(*) FILTER (WHERE NOT (\"co\"\"l;\" > 0 -- end\n))]::text "
                "AS counts FROM ONLY shop.\"We\"\"ird; {%s}\" WHERE (NOT (\"co\"\"l;\" > 0 -- end\n))");
        buffer_clear(&sql);
        count_add_rule_keys(&sql, table, rule, 5);
        ck_assert_str_eq(
                buffer_text(&sql),
                "SELECT ROW(\"We\"\"ird; {%s}\".\"a\"\"b\", \"We\"\"ird; {%s}\".\"select\")::text AS key, "
                "NULL::text AS parts, NULL::text AS broken FROM ONLY shop.\"We\"\"ird; {%s}\" "
                "WHERE NOT (\"co\"\"l;\" > 0 -- end\n) LIMIT 5");
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                counts_that_are_not_exactly_those_asked_for_are_refused,
                d26_odd_names_are_quoted_in_every_statement,
        };

        return unit_run("count-text", tests, ELEMENTS(tests));
}
