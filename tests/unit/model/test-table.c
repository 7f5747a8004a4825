/* Tests of model/table and model/field: cells by name.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/table.h"

#include <signal.h>
#include <stdio.h>

#include "../unit.h"

static const Field fields[] = {
        {.name = "relname", .kind = VALUE_TEXT, .role = FIELD_LABEL},
        {.name = "rows", .kind = VALUE_INT, .role = FIELD_GAUGE},
        {.name = "ratio", .kind = VALUE_FLOAT, .role = FIELD_GAUGE},
        {.name = "valid", .kind = VALUE_BOOL, .role = FIELD_STATE},
};
static const Shape shape = SHAPE("relation", fields);

START_TEST(fields_are_found_by_their_whole_name) {
        ck_assert_int_eq(shape_find(&shape, "relname"), 0);
        ck_assert_int_eq(shape_find(&shape, "valid"), 3);
        ck_assert_int_eq(shape_find(&shape, "val"), -1);
        ck_assert_int_eq(shape_find(&shape, ""), -1);
}
END_TEST

START_TEST(a_new_row_knows_nothing) {
        _cleanup_(table_freep) Table *table = NULL;
        size_t row = 99;

        ck_assert_int_eq(table_new(&shape, "shop", &table), 0);
        ck_assert_str_eq(table->target, "shop");
        ck_assert_int_eq(table_add_row(table, &row), 0);
        ck_assert_uint_eq(row, 0);
        for (size_t i = 0; i < shape.n_fields; i++)
                ck_assert(table_is_null(table, row, fields[i].name));
        ck_assert_ptr_null(table_text(table, row, "relname"));
        ck_assert(table_int(table, row, "rows") == 0);
        ck_assert(!table_bool(table, row, "valid"));
}
END_TEST

START_TEST(rows_keep_their_cells_while_the_table_grows) {
        _cleanup_(table_freep) Table *table = NULL;
        char name[32];

        ck_assert_int_eq(table_new(&shape, NULL, &table), 0);
        ck_assert_ptr_null(table->target);
        for (int64_t i = 0; i < 1000; i++) {
                size_t row;

                (void)snprintf(name, sizeof(name), "t%d", (int)i);
                ck_assert_int_eq(table_add_row(table, &row), 0);
                ck_assert_int_eq(table_set_text(table, row, "relname", name), 0);
                table_set_int(table, row, "rows", i);
                table_set_float(table, row, "ratio", (double)i / 2);
                *table_cell(table, row, "valid") = VALUE_OF_BOOL(i % 2 == 0);
        }
        for (size_t row = 0; row < table->n_rows; row++) {
                (void)snprintf(name, sizeof(name), "t%d", (int)row);
                ck_assert_str_eq(table_text(table, row, "relname"), name);
                ck_assert(table_int(table, row, "rows") == (int64_t)row);
                ck_assert(table_get(table, row, "ratio")->number == (double)row / 2);
                ck_assert(table_bool(table, row, "valid") == (row % 2 == 0));
        }
}
END_TEST

START_TEST(setting_a_cell_again_frees_and_replaces) {
        _cleanup_(table_freep) Table *table = NULL;

        ck_assert_int_eq(table_new(&shape, NULL, &table), 0);
        ck_assert_int_eq(table_add_row(table, NULL), 0);
        ck_assert_int_eq(table_set_text(table, 0, "relname", "a"), 0);
        ck_assert_int_eq(table_set_text(table, 0, "relname", "b"), 0);
        ck_assert_str_eq(table_text(table, 0, "relname"), "b");
        table_set_int(table, 0, "relname", 5);
        ck_assert(table_int(table, 0, "relname") == 5);
        ck_assert_int_eq(table_set_text(table, 0, "relname", NULL), 0);
        ck_assert(table_is_null(table, 0, "relname"));
}
END_TEST

START_TEST(a_shorthand_of_another_kind_reads_as_nothing) {
        _cleanup_(table_freep) Table *table = NULL;

        ck_assert_int_eq(table_new(&shape, NULL, &table), 0);
        ck_assert_int_eq(table_add_row(table, NULL), 0);
        table_set_float(table, 0, "rows", 3);
        ck_assert(table_int(table, 0, "rows") == 0);
        ck_assert_ptr_null(table_text(table, 0, "rows"));
        ck_assert(!table_bool(table, 0, "rows"));
        ck_assert(!table_is_null(table, 0, "rows"));
}
END_TEST

START_TEST(an_unknown_field_is_our_own_bug) {
        _cleanup_(table_freep) Table *table = NULL;

        ck_assert_int_eq(table_new(&shape, NULL, &table), 0);
        ck_assert_int_eq(table_add_row(table, NULL), 0);
        (void)table_get(table, 0, "no_such_field");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("table");
        TCase *list = tcase_create("table");
        SRunner *runner;
        int failed;

        tcase_add_test(list, fields_are_found_by_their_whole_name);
        tcase_add_test(list, a_new_row_knows_nothing);
        tcase_add_test(list, rows_keep_their_cells_while_the_table_grows);
        tcase_add_test(list, setting_a_cell_again_frees_and_replaces);
        tcase_add_test(list, a_shorthand_of_another_kind_reads_as_nothing);
        tcase_add_test_raise_signal(list, an_unknown_field_is_our_own_bug, SIGABRT);
        suite_add_tcase(suite, list);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
