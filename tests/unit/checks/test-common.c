/* Tests of checks/common: names, arrays, reasons, expectations.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "checks/common.h"

#include <errno.h>
#include <string.h>

#include "../unit.h"

START_TEST(d26_a_name_is_split_as_postgresql_reads_it) {
        static const struct {
                const char *text;
                int r;
                const char *schema, *name;
        } cases[] = {
                {"orders", 0, "", "orders"},
                {"Orders", 0, "", "orders"},
                {"public.orders", 0, "public", "orders"},
                {"\"Order\"", 0, "", "Order"},
                {"Public.\"Or.der\"", 0, "public", "Or.der"},
                {"\"we\"\"ird; %s{\".\"ta\nb 🙂\"", 0, "we\"ird; %s{", "ta\nb 🙂"},
                {"ÄÖ", 0, "", "ÄÖ"},
                {"", -EINVAL, NULL, NULL},
                {".orders", -EINVAL, NULL, NULL},
                {"public.", -EINVAL, NULL, NULL},
                {"a.b.c", -EINVAL, NULL, NULL},
                {"\"open", -EINVAL, NULL, NULL},
                {"\"open\"\"", -EINVAL, NULL, NULL},
                {"\"a\"b", -EINVAL, NULL, NULL},
                {"a123456789b123456789c123456789d123456789e123456789f123456789abcd", -EINVAL, NULL, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                char schema[IDENTIFIER_MAX] = "", name[IDENTIFIER_MAX] = "";

                ck_assert_msg(check_name_split(cases[i].text, schema, name) == cases[i].r, "%s",
                              cases[i].text);
                if (cases[i].r < 0)
                        continue;
                ck_assert_str_eq(schema, cases[i].schema);
                ck_assert_str_eq(name, cases[i].name);
        }
}
END_TEST

START_TEST(a_configured_table_is_the_relation_it_names) {
        ck_assert(check_name_is_relation("orders", "public", "orders"));
        ck_assert(check_name_is_relation("orders", "sales", "orders"));
        ck_assert(!check_name_is_relation("public.orders", "sales", "orders"));
        ck_assert(!check_name_is_relation("Order", "public", "Order"));
        ck_assert(check_name_is_relation("\"Order\"", "public", "Order"));
        ck_assert(check_name_is("retailerId", "retailerId"));
        ck_assert(check_name_is("\"retailerId\"", "retailerId"));
        ck_assert(check_name_is("STATUS", "status"));
        ck_assert(!check_name_is("status", "STATUS"));
}
END_TEST

START_TEST(d26_a_list_survives_the_way_to_the_server_and_back) {
        static const char *const words[] = {"plain",       "",     "a,b",       "{x}",  "NULL", "qu\"ote",
                                            "back\\slash", " sp ", "new\nline", "🙂", NULL};
        _cleanup_(strv_freep) char **list = NULL, **back = NULL;
        _cleanup_(freep) char *literal = NULL;

        for (size_t i = 0; words[i]; i++)
                ck_assert_int_eq(strv_add(&list, words[i]), 0);
        literal = strv_array_literal(list);
        ck_assert_int_eq(check_array_parse(literal, &back), 0);
        ck_assert(strv_equal(list, back));
}
END_TEST

START_TEST(arrays_as_postgresql_prints_them_are_read) {
        static const struct {
                const char *text;
                int r;
                size_t n;
                const char *first;
        } cases[] = {
                {NULL, 0, 0, NULL},           {"{}", 0, 0, NULL},
                {"{a}", 0, 1, "a"},           {"{a,b}", 0, 2, "a"},
                {"{NULL,b}", 0, 2, ""},       {"{\"NULL\"}", 0, 1, "NULL"},
                {"{\"a,b\",c}", 0, 2, "a,b"}, {"{\"\"}", 0, 1, ""},
                {"", -EINVAL, 0, NULL},       {"{a", -EINVAL, 0, NULL},
                {"{\"a}", -EINVAL, 0, NULL},  {"{a}x", -EINVAL, 0, NULL},
                {"a", -EINVAL, 0, NULL},      {"{\"a\"b}", -EINVAL, 0, NULL},
                {"{a\\", -EINVAL, 0, NULL},
        };

        _cleanup_(freep) char *literal = NULL;

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(strv_freep) char **list = NULL;

                ck_assert_msg(check_array_parse(cases[i].text, &list) == cases[i].r, "%s", cases[i].text);
                ck_assert_uint_eq(strv_length(list), cases[i].n);
                if (cases[i].first)
                        ck_assert_str_eq(list[0], cases[i].first);
        }
        literal = strv_array_literal(NULL);
        ck_assert_str_eq(literal, "{}");
}
END_TEST

START_TEST(errors_have_their_reason) {
        static const struct {
                const char *sqlstate;
                Reason reason;
        } cases[] = {
                {"57014", REASON_TIMEOUT},
                {"55P03", REASON_LOCKED},
                {"42501", REASON_PRIVILEGE},
                {"42P01", REASON_NO_SUCH_TABLE},
                {"42703", REASON_NO_SUCH_COLUMN},
                {"54000", REASON_OVER_LIMIT},
                {"0A000", REASON_UNSUPPORTED},
                {"40001", REASON_ERROR},
                {"", REASON_ERROR},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_int_eq(check_reason(cases[i].sqlstate), cases[i].reason);
}
END_TEST

START_TEST(a_rule_waits_for_its_migration) {
        char *applied[] = {(char[]){"20260119093000_add_x"}, NULL};
        const MigrationFacts none = {.known = true}, some = {.known = true, .applied = applied}, unknown = {};
        const struct {
                const MigrationFacts *facts;
                const char *after;
                Seen seen;
                Severity severity;
                Reason reason;
        } cases[] = {
                {&some, NULL, SEEN_BREACH, SEVERITY_CRITICAL, REASON_MISSING},
                {&some, "add_x", SEEN_BREACH, SEVERITY_CRITICAL, REASON_MISSING},
                {&none, "add_x", SEEN_BREACH, SEVERITY_INFO, REASON_NOT_EXPECTED_YET},
                {&unknown, "add_x", SEEN_UNKNOWN, SEVERITY_CRITICAL, REASON_MISSING},
                {NULL, "add_x", SEEN_UNKNOWN, SEVERITY_CRITICAL, REASON_MISSING},
                {NULL, NULL, SEEN_BREACH, SEVERITY_CRITICAL, REASON_MISSING},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const CheckContext context = {.migrations = cases[i].facts};
                Rule rule = {.severity = SEVERITY_CRITICAL, .expected_after = (char *)cases[i].after};
                Finding finding = {.severity = SEVERITY_CRITICAL};

                check_set_due(&finding, &context, &rule, REASON_MISSING);
                ck_assert_int_eq(finding.seen, cases[i].seen);
                ck_assert_int_eq(finding.severity, cases[i].severity);
                ck_assert_int_eq(finding.reason, cases[i].reason);
        }
}
END_TEST

START_TEST(exclude_meets_the_name_or_the_whole) {
        char *schemas[] = {(char[]){"public"}, NULL};
        char *exclude[] = {(char[]){"public.audit_*"}, (char[]){"tmp_*"}, NULL};
        const TargetSettings settings = {.schemas = schemas, .exclude = exclude};

        ck_assert(check_is_watched(&settings, "public", "orders"));
        ck_assert(!check_is_watched(&settings, "public", "audit_log"));
        ck_assert(!check_is_watched(&settings, "public", "tmp_1"));
        ck_assert(!check_is_watched(&settings, "sales", "orders"));
        ck_assert(check_is_excluded(&settings, "sales", "tmp_1"));
        ck_assert(!check_is_excluded(&settings, "sales", "audit_log"));
}
END_TEST

START_TEST(max_age_is_three_intervals_and_thirty_seconds_at_least) {
        ck_assert_uint_eq(check_max_age(USEC_PER_SEC), 30 * USEC_PER_SEC);
        ck_assert_uint_eq(check_max_age(USEC_PER_MINUTE), 3 * USEC_PER_MINUTE);
        ck_assert_uint_eq(check_max_age(USEC_INFINITY), USEC_INFINITY);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                d26_a_name_is_split_as_postgresql_reads_it,
                a_configured_table_is_the_relation_it_names,
                d26_a_list_survives_the_way_to_the_server_and_back,
                arrays_as_postgresql_prints_them_are_read,
                errors_have_their_reason,
                a_rule_waits_for_its_migration,
                exclude_meets_the_name_or_the_whole,
                max_age_is_three_intervals_and_thirty_seconds_at_least,
        };

        return unit_run("checks/common", tests, ELEMENTS(tests));
}
