/* Tests of reading a migrations directory, with real directories.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "drive.h"

static char directory[64];

static void set_up(void) {
        snprintf(directory, sizeof(directory), "/tmp/pgvigil-test-disk-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void tear_down(void) {
        remove_tree(directory);
}

START_TEST(digests_are_of_bytes_and_of_both_line_ends) {
        static const struct {
                const char *text, *as_is, *lf, *crlf;
        } cases[] = {
                {"a;\n", "a;\n", "a;\n", "a;\r\n"},
                {"a;\r\nb;\r\n", "a;\r\nb;\r\n", "a;\nb;\n", "a;\r\nb;\r\n"},
                {"a;\r\nb;\nc", "a;\r\nb;\nc", "a;\nb;\nc", "a;\r\nb;\r\nc"},
                {"\n", "\n", "\n", "\r\n"},
                {"", "", "", ""},
                {"lone\rreturn", "lone\rreturn", "lone\rreturn", "lone\rreturn"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(disk_done) Disk disk = {};
                char name[32], hex[DIGEST_HEX_MAX];
                const char *texts[N_FILE_VARIANTS] = {cases[i].as_is, cases[i].lf, cases[i].crlf};

                snprintf(name, sizeof(name), "%zu_case", i);
                write_migration(directory, name, cases[i].text);
                ck_assert_int_eq(disk_read(&prisma_framework, directory, &disk), 0);
                ck_assert_int_eq(disk.error, 0);
                ck_assert_uint_eq(disk.n_entries, i + 1);
                ck_assert_str_eq(disk.entries[i].name, name);
                ck_assert_int_eq(disk.entries[i].error, 0);
                for (size_t k = 0; k < N_FILE_VARIANTS; k++) {
                        ck_assert_int_eq(digest_hex(DIGEST_SHA256, texts[k], strlen(texts[k]), hex), 0);
                        ck_assert_str_eq(disk.entries[i].digests[k], hex);
                }
        }
}
END_TEST

START_TEST(only_immediate_directories_count_and_links_are_not_followed) {
        _cleanup_(disk_done) Disk disk = {};
        char path[256], inner[256];

        write_migration(directory, "2_b", "b");
        write_migration(directory, "1_a", "a");
        write_migration(directory, ".hidden", "h");
        snprintf(inner, sizeof(inner), "%s/2_b", directory);
        write_migration(inner, "nested", "n");
        write_file(directory, "README.md", "x", 1);
        snprintf(path, sizeof(path), "%s/3_link", directory);
        ck_assert_int_eq(symlink(inner, path), 0);
        snprintf(path, sizeof(path), "%s/4_loop", directory);
        ck_assert_int_eq(symlink(path, path), 0);

        ck_assert_int_eq(disk_read(&prisma_framework, directory, &disk), 0);
        ck_assert_uint_eq(disk.n_entries, 3);
        ck_assert_str_eq(disk.entries[0].name, ".hidden");
        ck_assert_str_eq(disk.entries[1].name, "1_a");
        ck_assert_str_eq(disk.entries[2].name, "2_b");
        ck_assert_ptr_null(disk.provider);
}
END_TEST

START_TEST(what_is_no_readable_file_is_noted_and_blocks_nothing) {
        _cleanup_(disk_done) Disk disk = {};
        char path[256];

        write_migration(directory, "1_without", NULL);
        write_migration(directory, "2_fifo", NULL);
        snprintf(path, sizeof(path), "%s/2_fifo/migration.sql", directory);
        ck_assert_int_eq(mkfifo(path, 0644), 0);
        write_migration(directory, "3_directory", NULL);
        snprintf(path, sizeof(path), "%s/3_directory/migration.sql", directory);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        write_migration(directory, "4_large", "");
        snprintf(path, sizeof(path), "%s/4_large/migration.sql", directory);
        ck_assert_int_eq(truncate(path, DISK_FILE_MAX + 1), 0);
        write_migration(directory, "5_device", NULL);
        snprintf(path, sizeof(path), "%s/5_device/migration.sql", directory);
        ck_assert_int_eq(symlink("/dev/zero", path), 0);
        write_migration(directory, "6_good", "x");

        ck_assert_int_eq(disk_read(&prisma_framework, directory, &disk), 0);
        ck_assert_int_eq(disk.error, 0);
        ck_assert_uint_eq(disk.n_entries, 6);
        ck_assert_int_eq(disk.entries[0].error, -ENOENT);
        ck_assert_int_eq(disk.entries[1].error, -EINVAL);
        ck_assert_int_eq(disk.entries[2].error, -EISDIR);
        ck_assert_int_eq(disk.entries[3].error, -EFBIG);
        ck_assert_int_eq(disk.entries[4].error, -EINVAL);
        ck_assert_int_eq(disk.entries[5].error, 0);
}
END_TEST

START_TEST(directory_that_is_none_is_an_error_of_the_disk) {
        static const struct {
                const char *name;
                int error;
        } cases[] = {{"absent", -ENOENT}, {"file", -ENOTDIR}};

        write_file(directory, "file", "x", 1);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(disk_done) Disk disk = {};
                char path[256];

                snprintf(path, sizeof(path), "%s/%s", directory, cases[i].name);
                ck_assert_int_eq(disk_read(&prisma_framework, path, &disk), 0);
                ck_assert_int_eq(disk.error, cases[i].error);
        }
}
END_TEST

START_TEST(too_many_entries_are_an_error_not_a_part_of_the_truth) {
        _cleanup_(disk_done) Disk disk = {};
        char path[256];

        for (size_t i = 0; i <= DISK_ENTRIES_MAX; i++) {
                snprintf(path, sizeof(path), "%s/%zu", directory, i);
                ck_assert_int_eq(mkdir(path, 0755), 0);
        }
        ck_assert_int_eq(disk_read(&prisma_framework, directory, &disk), 0);
        ck_assert_int_eq(disk.error, -EFBIG);
}
END_TEST

START_TEST(provider_is_the_first_line_that_says_so) {
        static const struct {
                const char *text, *provider;
        } cases[] = {
                {"# comment\nprovider = \"postgresql\"\n", "postgresql"},
                {"provider = \"mysql\"\r\nprovider = \"postgresql\"\r\n", "mysql"},
                {"provider=sqlite", "sqlite"},
                {"# provider = \"mysql\"\n", NULL},
                {"", NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(disk_done) Disk disk = {};

                write_file(directory, "migration_lock.toml", cases[i].text, strlen(cases[i].text));
                ck_assert_int_eq(disk_read(&prisma_framework, directory, &disk), 0);
                ck_assert_pstr_eq(disk.provider, cases[i].provider);
        }
}
END_TEST

START_TEST(d26_odd_directory_names_become_valid_utf8) {
        static const struct {
                const char *on_disk, *name;
        } cases[] = {
                {"1_\"quoted\"; DROP", "1_\"quoted\"; DROP"},
                {"2_new\nline", "2_new\nline"},
                {"3_%s{name}", "3_%s{name}"},
                {"4_\xf0\x9f\x90\x98", "4_\xf0\x9f\x90\x98"},
                {"5_\xff", "5_\xef\xbf\xbd"},
        };
        _cleanup_(disk_done) Disk disk = {};

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                write_migration(directory, cases[i].on_disk, "x");
        ck_assert_int_eq(disk_read(&prisma_framework, directory, &disk), 0);
        ck_assert_uint_eq(disk.n_entries, ELEMENTS(cases));
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                ck_assert_str_eq(disk.entries[i].name, cases[i].name);
                ck_assert_int_eq(disk.entries[i].error, 0);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("migrations/disk");
        TCase *cases = tcase_create("all");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(cases, set_up, tear_down);
        tcase_set_timeout(cases, 60);
        tcase_add_test(cases, digests_are_of_bytes_and_of_both_line_ends);
        tcase_add_test(cases, only_immediate_directories_count_and_links_are_not_followed);
        tcase_add_test(cases, what_is_no_readable_file_is_noted_and_blocks_nothing);
        tcase_add_test(cases, directory_that_is_none_is_an_error_of_the_disk);
        tcase_add_test(cases, too_many_entries_are_an_error_not_a_part_of_the_truth);
        tcase_add_test(cases, provider_is_the_first_line_that_says_so);
        tcase_add_test(cases, d26_odd_directory_names_become_valid_utf8);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
