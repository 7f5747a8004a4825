/* Tests of model/check-kind: reports and names of migrations.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/check-kind.h"

#include <errno.h>
#include <stdio.h>

#include "../unit.h"

START_TEST(a_migration_is_named_with_or_without_its_digits) {
        static const struct {
                const char *recorded, *wanted;
                bool matches;
        } cases[] = {
                {"20260119093000_add_x", "add_x", true},
                {"20260119093000_add_x", "20260119093000_add_x", true},
                {"0001_initial", "initial", true},
                {"add_x", "add_x", true},
                {"20260119093000_add_x", "x", false},
                {"20260119093000_add_x", "add", false},
                {"20260119093000_add_x", "20260119093001_add_x", false},
                {"add_x", "20260119093000_add_x", false},
                {"_add_x", "add_x", false},
                {"2026add_x", "add_x", false},
                {"20260119093000", "", false},
                {"20260119093000", "20260119093000", true},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg(migration_name_matches(cases[i].recorded, cases[i].wanted) == cases[i].matches,
                              "%s, %s", cases[i].recorded, cases[i].wanted);
}
END_TEST

START_TEST(a_history_that_was_not_read_says_neither_yes_nor_no) {
        char *names[] = {(char *)"20260101000000_a", (char *)"20260102000000_b", NULL};
        const MigrationFacts facts = {.known = true, .applied = names};
        const MigrationFacts unknown = {.known = false, .applied = names};
        const MigrationFacts empty = {.known = true};

        ck_assert_int_eq(migration_facts_applied(&facts, "b"), 1);
        ck_assert_int_eq(migration_facts_applied(&facts, "20260101000000_a"), 1);
        ck_assert_int_eq(migration_facts_applied(&facts, "c"), 0);
        ck_assert_int_eq(migration_facts_applied(&empty, "a"), 0);
        ck_assert_int_eq(migration_facts_applied(&unknown, "a"), -EAGAIN);
        ck_assert_int_eq(migration_facts_applied(NULL, "a"), -EAGAIN);
}
END_TEST

START_TEST(a_report_keeps_every_finding_while_it_grows) {
        _cleanup_(report_done) Report report = {};
        char name[32];

        for (size_t i = 0; i < 200; i++) {
                Finding *finding;

                (void)snprintf(name, sizeof(name), "c%zu", i);
                finding = report_add(&report, KIND_CONSTRAINT, "public.orders", name);
                ck_assert_ptr_nonnull(finding);
                ck_assert_int_eq(finding->reason, REASON_OK);
                ck_assert_int_eq(finding->value.kind, VALUE_NULL);
                finding->value = VALUE_OF_INT((int64_t)i);
        }
        ck_assert_uint_eq(report.n_findings, 200);
        for (size_t i = 0; i < 200; i++) {
                (void)snprintf(name, sizeof(name), "c%zu", i);
                ck_assert_str_eq(report.findings[i].name, name);
                ck_assert(report.findings[i].value.integer == (int64_t)i);
        }
}
END_TEST

START_TEST(a_report_has_one_table_for_each_shape) {
        static const Shape a = {.name = "a"}, b = {.name = "b"};
        _cleanup_(report_done) Report report = {};
        Table *first = report_table(&report, &a);

        ck_assert_ptr_nonnull(first);
        ck_assert_ptr_ne(report_table(&report, &b), first);
        ck_assert_ptr_eq(report_table(&report, &a), first);
        ck_assert_uint_eq(report.n_tables, 2);
}
END_TEST

START_TEST(a_report_frees_the_facts_that_nobody_took) {
        Report report = {};

        report.migrations = calloc(1, sizeof(MigrationFacts));
        report.server = calloc(1, sizeof(ServerFacts));
        ck_assert(report.migrations && report.server);
        ck_assert_int_eq(strv_add(&report.migrations->applied, "a"), 0);
        ck_assert_int_eq(str_set(&report.server->role, "r"), 0);
        ck_assert_int_eq(str_set(&report.server->system_identifier, "1"), 0);
        report_done(&report);
        report_done(&report);
        ck_assert(!report.migrations && !report.server);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                a_migration_is_named_with_or_without_its_digits,
                a_history_that_was_not_read_says_neither_yes_nor_no,
                a_report_keeps_every_finding_while_it_grows,
                a_report_has_one_table_for_each_shape,
                a_report_frees_the_facts_that_nobody_took,
        };

        return unit_run("check-kind", tests, ELEMENTS(tests));
}
