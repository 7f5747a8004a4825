/* Tests of how an index is found in a plan: by its columns, over all tables and partitions.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "checks/canary.h"
#include "rows.h"

#define ROW                                                                                                  \
        "schemaname=public|relname=orders|leaf=1|indexrelname=i|columns={a,b}|is_valid=t|is_used=f|pages="   \
        "1000"

typedef struct Case {
        const char *columns[3];
        const char *rows[4];
        PlanUse use;
        const char *table, *index;
        int64_t pages;
} Case;

static void assert_found(const Case *one, size_t i) {
        PlanIndex found = {};
        size_t n = 0;
        Table *rows;

        while (one->rows[n])
                n++;
        rows = rows_make(&plan_index_shape, ROW, one->rows, n);
        ck_assert_int_eq(plan_index_find(rows, (char *const *)one->columns, &found), 0);
        ck_assert_msg(found.use == one->use, "%zu: %d", i, found.use);
        ck_assert_msg(str_equal(found.table, one->table) && str_equal(found.index, one->index), "%zu: %s", i,
                      found.index);
        ck_assert_msg(found.pages == one->pages, "%zu: %lld", i, (long long)found.pages);
        plan_index_done(&found);
        table_free(rows);
}

START_TEST(an_index_is_known_by_its_leading_columns) {
        static const Case cases[] = {
                {{"a", "b"}, {"is_used=t"}, PLAN_CHOSEN, "orders", "i", 0},
                {{"a"}, {"is_used=t"}, PLAN_CHOSEN, "orders", "i", 0},
                {{"A", "\"b\""}, {"is_used=t"}, PLAN_CHOSEN, "orders", "i", 0},
                {{"b"}, {"is_used=t"}, PLAN_NO_INDEX, NULL, NULL, 0},
                {{"b", "a"}, {"is_used=t"}, PLAN_NO_INDEX, NULL, NULL, 0},
                {{"a", "b", "c"}, {"is_used=t"}, PLAN_NO_INDEX, NULL, NULL, 0},
                {{"a"}, {NULL}, PLAN_NO_INDEX, NULL, NULL, 0},
                {{"a"}, {"columns={}|is_used=t"}, PLAN_NO_INDEX, NULL, NULL, 0},
                /* of two with the same columns the plan names one */
                {{"a"}, {"indexrelname=x", "indexrelname=y|is_used=t"}, PLAN_CHOSEN, "orders", "y", 0},
                {{"a"}, {"indexrelname=x|is_used=t", "indexrelname=y"}, PLAN_CHOSEN, "orders", "x", 0},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                assert_found(&cases[i], i);
}
END_TEST

START_TEST(a_small_table_is_told_from_a_large_one) {
        static const Case cases[] = {
                {{"a"}, {""}, PLAN_PASSED_OVER, "orders", "i", 1000},
                {{"a"}, {"pages=65"}, PLAN_PASSED_OVER, "orders", "i", 65},
                {{"a"}, {"pages=64"}, PLAN_SMALL, "orders", "i", 64},
                {{"a"}, {"pages="}, PLAN_PASSED_OVER, "orders", "i", INT64_MAX},
                {{"a"}, {"is_valid=f"}, PLAN_INVALID, "orders", "i", 0},
                {{"a"}, {"is_valid=f|indexrelname=x", "pages=1"}, PLAN_SMALL, "orders", "x", 1},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                assert_found(&cases[i], i);
}
END_TEST

START_TEST(every_large_partition_must_use_it) {
        static const Case cases[] = {
                {{"a"}, {"is_used=t", "leaf=2|is_used=t"}, PLAN_CHOSEN, "orders", "i", 0},
                {{"a"}, {"is_used=t", "leaf=2"}, PLAN_PASSED_OVER, "orders", "i", 1000},
                {{"a"}, {"", "leaf=2|is_used=t"}, PLAN_PASSED_OVER, "orders", "i", 1000},
                {{"a"}, {"is_used=t", "leaf=2|pages=3"}, PLAN_CHOSEN, "orders", "i", 3},
                {{"a"}, {"pages=2", "leaf=2|pages=3"}, PLAN_SMALL, "orders", "i", 3},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                assert_found(&cases[i], i);
}
END_TEST

START_TEST(of_two_tables_the_one_that_uses_it_counts) {
        static const Case cases[] = {
                {{"a"}, {"", "relname=users|is_used=t|leaf=2"}, PLAN_CHOSEN, "users", "i", 0},
                {{"a"}, {"is_used=t", "relname=users|leaf=2"}, PLAN_CHOSEN, "orders", "i", 0},
                {{"a"}, {"", "schemaname=z|leaf=2|is_used=t|indexrelname=j"}, PLAN_CHOSEN, "orders", "j", 0},
                {{"a"}, {"is_valid=f", "relname=users|leaf=2"}, PLAN_PASSED_OVER, "users", "i", 1000},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                assert_found(&cases[i], i);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                an_index_is_known_by_its_leading_columns,
                a_small_table_is_told_from_a_large_one,
                every_large_partition_must_use_it,
                of_two_tables_the_one_that_uses_it_counts,
        };

        return unit_run("checks/canary-plan", tests, ELEMENTS(tests));
}
