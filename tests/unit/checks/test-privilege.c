/* Tests of the check privilege.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define ROLE   "fact=role|word=pgvigil"
#define SCHEMA "fact=schema|schemaname=public|word=ok"
#define STATS  "fact=statistics"
#define ORDERS "fact=table|schemaname=public|relname=orders|word=ok"

START_TEST(a_role_with_just_what_it_needs_passes) {
        const Answer answers[] = {{"privilege.catalog", NULL, NULL, {ROLE, SCHEMA, STATS, ORDERS}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &privilege_check);
        feed_round(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 2);
        finding = feed_finding(&feed, "public", "tables");
        ck_assert_int_eq(finding->seen, SEEN_OK);
        ck_assert_str_eq(finding->summary, "1 of 1 tables can be read.");
        ck_assert_int_eq(finding->value.integer, 1);
        ck_assert_int_eq(feed_finding(&feed, "pgvigil", "role")->seen, SEEN_OK);
        ck_assert_int_eq(table_int(feed_table(&feed, "role"), 0, "overprivileged"), 0);
        feed_close(&feed);
}
END_TEST

START_TEST(d11_tables_whose_rows_may_be_hidden_are_told) {
        const Answer answers[] = {
                {"privilege.catalog",
                 NULL,
                 NULL,
                 {ROLE, SCHEMA, STATS, ORDERS, "fact=hidden|schemaname=public|relname=orders",
                  "fact=hidden|schemaname=other|relname=orders"}}};
        Feed feed;

        feed_open(&feed, &privilege_check);
        feed_round(&feed, answers, 1);
        ck_assert_str_eq(feed_finding(&feed, "public", "tables")->summary,
                         "1 of 1 tables can be read; of 1 row level security may hide rows.");
        feed_close(&feed);
}
END_TEST

START_TEST(d12_what_the_role_lacks_is_unknown_with_the_grant) {
        static const struct {
                const char *rows[3];
                const char *object, *name;
                Seen seen;
                Reason reason;
                const char *repair;
        } cases[] = {
                {{SCHEMA, "fact=table|schemaname=public|relname=Led\"ger|word=select"},
                 "public.\"Led\"\"ger\"",
                 "select",
                 SEEN_UNKNOWN,
                 REASON_PRIVILEGE,
                 "GRANT SELECT ON public.\"Led\"\"ger\" TO pgvigil;"},
                {{SCHEMA, "fact=table|schemaname=public|relname=ledger|word=columns"},
                 "public.ledger",
                 "select",
                 SEEN_UNKNOWN,
                 REASON_PRIVILEGE,
                 "GRANT SELECT ON public.ledger TO pgvigil;"},
                {{"fact=schema|schemaname=public|word=usage", ORDERS},
                 "public",
                 "usage",
                 SEEN_UNKNOWN,
                 REASON_PRIVILEGE,
                 "GRANT USAGE ON SCHEMA public TO pgvigil;"},
                {{NULL}, "public", "schema", SEEN_BREACH, REASON_MISSING, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"privilege.catalog", NULL, NULL, {ROLE, STATS, cases[i].rows[0], cases[i].rows[1]}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &privilege_check);
                feed_round(&feed, answers, 1);
                finding = feed_finding(&feed, cases[i].object, cases[i].name);
                ck_assert_int_eq(finding->seen, cases[i].seen);
                ck_assert_int_eq(finding->reason, cases[i].reason);
                ck_assert_pstr_eq(finding->repair, cases[i].repair);
                if (i == 1)
                        ck_assert_ptr_nonnull(strstr(finding->hint, "single columns does not suffice"));
                if (i < 3) /* what cannot be read never counts as read */
                        ck_assert(!feed_has(&feed, "tables"));
                else
                        ck_assert_int_eq(feed_finding(&feed, NULL, "tables")->seen, SEEN_SKIPPED);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(x2_a_role_that_may_too_much_is_a_warning_that_names_it) {
        static const struct {
                const char *row, *word, *repair;
        } cases[] = {
                {"fact=excess|word=CREATEDB", "CREATEDB", "ALTER ROLE pgvigil NOCREATEDB;"},
                {"fact=member|word=pg_write_all_data", "member of pg_write_all_data",
                 "REVOKE pg_write_all_data FROM pgvigil;"},
                {"fact=member|word=pg_execute_server_program", "member of pg_execute_server_program",
                 "REVOKE pg_execute_server_program FROM pgvigil;"},
                {"fact=write|schemaname=public|relname=orders", "may write watched tables (1)",
                 "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public FROM pgvigil;"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"privilege.catalog", NULL, NULL, {ROLE, SCHEMA, STATS, ORDERS, cases[i].row}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &privilege_check);
                feed_round(&feed, answers, 1);
                finding = feed_finding(&feed, "pgvigil", "role");
                ck_assert_int_eq(finding->seen, SEEN_BREACH);
                ck_assert_int_eq(finding->severity, SEVERITY_WARNING);
                ck_assert_int_eq(finding->reason, REASON_OVERPRIVILEGED);
                ck_assert_msg(strstr(finding->summary, cases[i].word) != NULL, "%s", finding->summary);
                ck_assert_str_eq(finding->repair, cases[i].repair);
                ck_assert_int_eq(table_int(feed_table(&feed, "role"), 0, "overprivileged"), 1);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_misspelt_schema_is_told_the_nearest) {
        static const struct {
                const char *row, *hint;
        } cases[] = {
                {"fact=other|schemaname=Publik",
                 "Correct `schemas` in the configuration if \"Publik\" is meant."},
                {"fact=other|schemaname=sales",
                 "Correct `schemas` in the configuration, or create the schema."},
                {NULL, "Correct `schemas` in the configuration, or create the schema."},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"privilege.catalog", NULL, NULL, {ROLE, STATS, cases[i].row}}};
                Feed feed;

                feed_open(&feed, &privilege_check);
                feed_round(&feed, answers, 1);
                ck_assert_str_eq(feed_finding(&feed, "public", "schema")->hint, cases[i].hint);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(no_statement_takes_anything_from_a_role_that_others_work_with) {
        static const struct {
                const char *role, *row, *word;
        } cases[] = {
                {"fact=role|word=postgres", "fact=excess|word=SUPERUSER", "SUPERUSER"},
                {ROLE, "fact=excess|word=SUPERUSER", "SUPERUSER"},
                {ROLE, "fact=owner|schemaname=public|relname=orders", "owns watched tables (1)"},
                {"fact=role|word=app", "fact=owner|schemaname=public|relname=orders",
                 "owns watched tables (1)"},
                {"fact=role|word=app", "fact=write|schemaname=public|relname=orders",
                 "may write watched tables"},
                {"fact=role|word=replica", "fact=excess|word=REPLICATION", "REPLICATION"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"privilege.catalog",
                                           NULL,
                                           NULL,
                                           {cases[i].role, SCHEMA, STATS, ORDERS, cases[i].row}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &privilege_check);
                feed_round(&feed, answers, 1);
                finding = feed_finding(&feed, NULL, "role");
                ck_assert_int_eq(finding->reason, REASON_OVERPRIVILEGED);
                ck_assert_msg(strstr(finding->summary, cases[i].word) != NULL, "%s", finding->summary);
                ck_assert_ptr_null(finding->repair);
                ck_assert_ptr_nonnull(strstr(finding->hint, "pgvigil init --grants"));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(excluded_tables_and_other_schemas_need_no_privilege) {
        const Answer answers[] = {
                {"privilege.catalog",
                 NULL,
                 NULL,
                 {ROLE, SCHEMA, STATS, ORDERS, "fact=table|schemaname=public|relname=audit_x|word=select",
                  "fact=table|schemaname=public|relname=dropped|word=gone",
                  "fact=write|schemaname=public|relname=audit_x"}}};
        Feed feed;

        feed_open(&feed, &privilege_check);
        ck_assert_int_eq(strv_add(&feed.target->exclude, "audit_*"), 0);
        feed_round(&feed, answers, 1);
        ck_assert(!feed_has(&feed, "select"));
        ck_assert_str_eq(feed_finding(&feed, NULL, "tables")->summary, "1 of 1 tables can be read.");
        ck_assert_int_eq(feed_finding(&feed, NULL, "role")->seen, SEEN_OK);
        feed_close(&feed);
}
END_TEST

START_TEST(statistics_are_a_hint_not_a_warning) {
        const Answer answers[] = {{"privilege.catalog", NULL, NULL, {ROLE, SCHEMA, ORDERS}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &privilege_check);
        feed_round(&feed, answers, 1);
        finding = feed_finding(&feed, "pgvigil", "statistics");
        ck_assert_int_eq(finding->severity, SEVERITY_INFO);
        ck_assert_str_eq(finding->repair, "GRANT pg_read_all_stats TO pgvigil;");
        feed_close(&feed);
}
END_TEST

START_TEST(a_failed_run_without_anything_known_is_unknown) {
        const Answer answers[] = {{"privilege.catalog", "57014", NULL, {NULL}}};
        Feed feed;

        feed_open(&feed, &privilege_check);
        feed_round(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 1);
        ck_assert_int_eq(feed_finding(&feed, "public", "catalog")->seen, SEEN_UNKNOWN);
        ck_assert_ptr_null(feed_table(&feed, "role"));
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_role_with_just_what_it_needs_passes,
                d11_tables_whose_rows_may_be_hidden_are_told,
                d12_what_the_role_lacks_is_unknown_with_the_grant,
                x2_a_role_that_may_too_much_is_a_warning_that_names_it,
                a_misspelt_schema_is_told_the_nearest,
                no_statement_takes_anything_from_a_role_that_others_work_with,
                excluded_tables_and_other_schemas_need_no_privilege,
                statistics_are_a_hint_not_a_warning,
                a_failed_run_without_anything_known_is_unknown,
        };

        return unit_run("checks/privilege", tests, ELEMENTS(tests));
}
