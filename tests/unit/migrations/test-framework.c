/* Tests of the framework tables and of table names in settings.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <check.h>
#include <errno.h>

#include "migrations/framework.h"

START_TEST(table_names_are_read_as_postgresql_reads_them) {
        static const struct {
                const char *text, *schema, *table;
                int result;
        } cases[] = {
                {"_prisma_migrations", NULL, "_prisma_migrations", 0},
                {"app._prisma_migrations", "app", "_prisma_migrations", 0},
                {"App.Migrations", "app", "migrations", 0},
                {"\"App\".\"My.Table\"", "App", "My.Table", 0},
                {"\"a\"\"b\".c", "a\"b", "c", 0},
                {"\"SequelizeMeta\"", NULL, "SequelizeMeta", 0},
                {"b\xc3\xa9ton", NULL, "b\xc3\xa9ton", 0},
                {"", NULL, NULL, -EINVAL},
                {".", NULL, NULL, -EINVAL},
                {"a.", NULL, NULL, -EINVAL},
                {".a", NULL, NULL, -EINVAL},
                {"a.b.c", NULL, NULL, -EINVAL},
                {"\"open", NULL, NULL, -EINVAL},
                {"\"\"", NULL, NULL, -EINVAL},
                {"\"a\"b", NULL, NULL, -EINVAL},
                {"a b", NULL, NULL, -EINVAL},
                {"a\"b\"", NULL, NULL, -EINVAL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *schema = NULL, *table = NULL;

                ck_assert_msg(table_name_parse(cases[i].text, &schema, &table) == cases[i].result, "%s",
                              cases[i].text);
                ck_assert_pstr_eq(schema, cases[i].schema);
                ck_assert_pstr_eq(table, cases[i].table);
        }
}
END_TEST

START_TEST(auto_wants_all_none_wants_none_a_name_wants_itself) {
        static const struct {
                const char *setting;
                bool is_wanted, is_named;
        } cases[] = {
                {NULL, true, false},    {"", true, false},      {"auto", true, false},
                {"none", false, false}, {"prisma", true, true}, {"knex", false, true},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const MigrationSettings settings = {.framework = (char *)cases[i].setting};

                ck_assert_int_eq(framework_is_wanted(&prisma_framework, &settings), cases[i].is_wanted);
                ck_assert_int_eq(framework_is_named(&settings), cases[i].is_named);
        }
}
END_TEST

START_TEST(every_state_and_framework_is_complete) {
        for (size_t i = 0; i < N_MIGRATION_STATES; i++) {
                ck_assert_ptr_nonnull(migration_states[i].name);
                ck_assert_ptr_nonnull(migration_states[i].summary);
        }
        for (size_t i = 0; i < N_FRAMEWORKS; i++) {
                const MigrationFramework *framework = migration_frameworks[i];

                ck_assert(framework->name && framework->title && framework->table && framework->schema);
                ck_assert(framework->need && framework->need[0] && framework->deny && framework->columns);
                ck_assert(framework->order && framework->file && framework->checksum_matches);
                ck_assert(framework->providers && framework->providers[0]);
        }
}
END_TEST

START_TEST(old_unpadded_checksums_match) {
        FileDigests digests = {
                "00a1000000000000000000000000000000000000000000000000000000000bcd",
                "11111111111111111111111111111111111111111111111111111111111111ff",
                "22222222222222222222222222222222222222222222222222222222222222ff",
        };
        static const struct {
                const char *recorded;
                bool matches;
        } cases[] = {
                {"00a1000000000000000000000000000000000000000000000000000000000bcd", true},
                {"11111111111111111111111111111111111111111111111111111111111111ff", true},
                {"22222222222222222222222222222222222222222222222222222222222222ff", true},
                {"0a10000000000000000000000000000bcd", true},
                {"0a1000000000000000000000000000bcd", false},
                {"", false},
                {NULL, false},
                {"32222222222222222222222222222222222222222222222222222222222222ff", false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg(prisma_framework.checksum_matches(cases[i].recorded, digests) ==
                                      cases[i].matches,
                              "case %zu", i);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("migrations/framework");
        TCase *cases = tcase_create("all");
        SRunner *runner;
        int failed;

        tcase_add_test(cases, table_names_are_read_as_postgresql_reads_them);
        tcase_add_test(cases, auto_wants_all_none_wants_none_a_name_wants_itself);
        tcase_add_test(cases, every_state_and_framework_is_complete);
        tcase_add_test(cases, old_unpadded_checksums_match);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
