/* Tests of model/finding: words, rules, identity.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/finding.h"

#include <string.h>

#include "../unit.h"

START_TEST(every_kind_has_a_name_that_leads_back) {
        for (int kind = 0; kind < N_FINDING_KINDS; kind++)
                ck_assert_int_eq(finding_kind_from_name(finding_kind_name((FindingKind)kind)), kind);
        ck_assert_int_eq(finding_kind_from_name("no_such_kind"), -1);
        ck_assert_int_eq(finding_kind_from_name(""), -1);
        ck_assert_str_eq(finding_kind_name(KIND_FOREIGN_KEY), "foreign_key");
}
END_TEST

START_TEST(every_reason_has_a_name_of_its_own_and_a_help) {
        for (int a = 0; a < N_REASONS; a++) {
                ck_assert(!str_is_empty(reason_name((Reason)a)));
                ck_assert(!str_is_empty(reason_help((Reason)a)));
                for (int b = 0; b < a; b++)
                        ck_assert_str_ne(reason_name((Reason)a), reason_name((Reason)b));
        }
        ck_assert_str_eq(reason_name(REASON_NOT_VALID), "not_valid");
        ck_assert_int_eq(REASON_OK, 0); /* a zeroed finding */
}
END_TEST

START_TEST(statuses_stand_in_the_order_in_which_the_worst_wins) {
        ck_assert(STATUS_SKIPPED < STATUS_PASS && STATUS_PASS < STATUS_WARN);
        ck_assert(STATUS_WARN < STATUS_UNKNOWN && STATUS_UNKNOWN < STATUS_FAIL);
        ck_assert_str_eq(status_name(STATUS_SKIPPED), "skipped");
        ck_assert_str_eq(status_name(STATUS_PASS), "pass");
        ck_assert_str_eq(status_name(STATUS_WARN), "warn");
        ck_assert_str_eq(status_name(STATUS_UNKNOWN), "unknown");
        ck_assert_str_eq(status_name(STATUS_FAIL), "fail");
        ck_assert_str_eq(severity_name(SEVERITY_INFO), "info");
        ck_assert_str_eq(severity_name(SEVERITY_WARNING), "warning");
        ck_assert_str_eq(severity_name(SEVERITY_CRITICAL), "critical");
}
END_TEST

START_TEST(a_rule_applies_what_it_says) {
        Rule rule, copy = {};
        Finding finding = {};

        rule_default(&rule, SEVERITY_CRITICAL);
        ck_assert(rule.enforced && !rule.gate && !rule.expected_after);
        ck_assert(rule.threshold == 1 && rule.for_polls == 1 && rule.clear_after == 1);
        rule.gate = true;
        rule.threshold = 5;
        rule.for_polls = 2;
        rule.clear_after = 3;
        ck_assert_int_eq(str_set(&rule.expected_after, "add_x"), 0);

        ck_assert_int_eq(rule_copy(&rule, &copy), 0);
        rule_done(&rule);
        ck_assert_ptr_null(rule.expected_after);
        ck_assert_str_eq(copy.expected_after, "add_x");

        finding_apply_rule(&finding, &copy);
        ck_assert_int_eq(finding.severity, SEVERITY_CRITICAL);
        ck_assert(finding.gate && finding.threshold == 5);
        ck_assert(finding.for_polls == 2 && finding.clear_after == 3);
        rule_done(&copy);
}
END_TEST

START_TEST(a_fact_is_its_kind_object_and_name) {
        Finding fact = {.kind = KIND_INDEX, .object = (char *)"public.orders", .name = (char *)"i"};
        static const struct {
                FindingKind kind;
                const char *object, *name;
                bool is_same;
        } cases[] = {
                {KIND_INDEX, "public.orders", "i", true},   {KIND_CONSTRAINT, "public.orders", "i", false},
                {KIND_INDEX, "public.order", "i", false},   {KIND_INDEX, "public.orders", "I", false},
                {KIND_INDEX, "public.orders", NULL, false}, {KIND_INDEX, NULL, "i", false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Finding other = {
                        .kind = cases[i].kind,
                        .object = (char *)cases[i].object,
                        .name = (char *)cases[i].name,
                        .value = VALUE_OF_INT(9),
                };

                ck_assert(finding_same(&fact, &other) == cases[i].is_same);
        }
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                every_kind_has_a_name_that_leads_back,
                every_reason_has_a_name_of_its_own_and_a_help,
                statuses_stand_in_the_order_in_which_the_worst_wins,
                a_rule_applies_what_it_says,
                a_fact_is_its_kind_object_and_name,
        };

        return unit_run("finding", tests, ELEMENTS(tests));
}
