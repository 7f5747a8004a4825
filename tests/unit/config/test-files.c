/* Tests of config over real files: what must not block, what nobody else may have written, and
 * what must not be read by others.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "parsing.h"

#define GOOD   "targets = ( { name = \"a\"; conninfo = \"dbname=a\"; } );\n"
#define SECRET "targets = ( { name = \"a\"; conninfo = \"dbname=a password=hunter2\"; } );\n"

static char directory[] = "/tmp/pgvigil-config-XXXXXX";

static void make_directory(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_eq(chmod(directory, 0755), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void remove_directory(void) {
        (void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static char *path_of(const char *name) {
        char *path = str_format("%s/%s", directory, name);

        ck_assert_ptr_nonnull(path);
        return path;
}

static char *write_file(const char *name, const char *text, mode_t mode) {
        char *path = path_of(name);
        FILE *file;

        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
        ck_assert_int_eq(chmod(path, mode), 0);
        return path;
}

/* What waits for ever ends with the test's own time limit. */
static double cpu_seconds(void) {
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void refuse(const char *path, const char *problem) {
        double start = cpu_seconds();
        _cleanup_(parsed_done) Parsed parsed = parse_file(path);

        ck_assert_double_lt(cpu_seconds() - start, 0.2);
        ck_assert_int_eq(parsed.r, -EINVAL);
        ck_assert_msg(strstr(parsed.text, problem) && str_starts_with(parsed.text, path), "lacks %s: %s",
                      problem, parsed.text);
}

START_TEST(c6_what_is_no_readable_file_is_refused_at_once) {
        _cleanup_(freep) char *fifo = path_of("fifo"), *missing = path_of("missing"), *loop = path_of("loop");

        ck_assert_int_eq(mkfifo(fifo, 0600), 0);
        ck_assert_int_eq(symlink("loop", loop), 0);
        refuse(fifo, "is no regular file");
        refuse(directory, "is no regular file");
        refuse("/dev/zero", "is no regular file");
        refuse("/dev/null", "is no regular file");
        refuse(missing, "cannot be opened: No such file or directory");
        refuse(loop, "cannot be opened: Too many levels of symbolic links");
}
END_TEST

START_TEST(c6_an_unreadable_file_is_refused) {
        _cleanup_(freep) char *path = write_file("secret.conf", GOOD, 0);

        if (geteuid() == 0)
                ck_assert_int_eq(seteuid(65534), 0);
        refuse(path, "cannot be opened: Permission denied");
        (void)!seteuid(getuid());
}
END_TEST

START_TEST(c6_two_mebibytes_and_nothing_are_refused) {
        _cleanup_(freep) char *large = write_file("large.conf", GOOD, 0600);
        _cleanup_(freep) char *empty = write_file("empty.conf", "", 0600);

        ck_assert_int_eq(truncate(large, 2 * 1024 * 1024), 0);
        refuse(large, "is larger than 1 MiB");
        refuse(empty, ":1: no targets");
}
END_TEST

START_TEST(c5_includes_are_refused) {
        static const char *const what[] = {"/tmp",      "/dev/zero", "/etc/shadow", "missing.conf",
                                           "self.conf", "fifo",      "loop"};
        _cleanup_(freep) char *fifo = path_of("fifo"), *loop = path_of("loop");

        ck_assert_int_eq(mkfifo(fifo, 0600), 0);
        ck_assert_int_eq(symlink("loop", loop), 0);
        ck_assert_int_eq(chdir(directory), 0);
        for (size_t i = 0; i < ELEMENTS(what); i++) {
                _cleanup_(freep) char *text = str_format("# one\n@include \"%s\"\n" GOOD, what[i]);
                _cleanup_(freep) char *path = write_file("self.conf", text, 0600);

                refuse(path, "self.conf:2: '@' is not allowed here: a file cannot include another");
        }
}
END_TEST

START_TEST(a_file_that_others_may_write_is_refused) {
        static const mode_t modes[] = {0620, 0602, 0666};

        for (size_t i = 0; i < ELEMENTS(modes); i++) {
                _cleanup_(freep) char *path = write_file("a.conf", GOOD, modes[i]);

                refuse(path, "can be written by others than its owner");
        }
}
END_TEST

START_TEST(a_file_of_a_third_user_is_refused_by_root_too) {
        _cleanup_(freep) char *path = write_file("a.conf", GOOD, 0644);

        /* Only root can give a file away; for anybody else a file of root is one that is accepted. */
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(chown(path, 65534, 65534), 0);
        refuse(path, "belongs neither to root nor to the user that runs pgvigil: chown root it");

        ck_assert_int_eq(seteuid(65534), 0);
        _cleanup_(parsed_done) Parsed by_owner = parse_file(path);
        ck_assert_msg(by_owner.r == 0, "%s", by_owner.text);
        ck_assert_int_eq(seteuid(0), 0);

        ck_assert_int_eq(seteuid(65533), 0);
        refuse(path, "belongs neither to root nor to the user that runs pgvigil");
        ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(a_symbolic_link_to_a_good_file_is_accepted) {
        _cleanup_(freep) char *path = write_file("a.conf", GOOD, 0644), *link = path_of("link.conf");

        ck_assert_int_eq(symlink(path, link), 0);

        _cleanup_(parsed_done) Parsed parsed = parse_file(link);

        ck_assert_msg(parsed.r == 0, "%s", parsed.text);
        ck_assert_uint_eq(parsed.settings->targets.count, 1);
}
END_TEST

START_TEST(c7_a_file_with_a_password_must_be_private) {
        static const struct {
                const char *conninfo;
                bool secret;
        } cases[] = {
                {"dbname=a", false},
                {"host=h user=u passfile=/x dbname=password", false},
                {"postgresql://u@h:5432/d", false},
                {"postgresql://h:5432,i:5433/d?user=u", false},
                {"dbname=a password=hunter2", true},
                {"password='a b'", true},
                {"PASSWORD = x", true},
                {"sslpassword=x", true},
                {"postgres://u:p@h/d", true},
                {"postgresql://u:p%40@h:5432/d", true},
                {"postgresql://h/d?user=u&password=x", true},
        };
        /* The group of a file of root's is one that root chose. */
        const struct {
                mode_t mode;
                bool exposed;
        } modes[] = {{0600, false}, {0400, false}, {0640, geteuid() != 0}, {0604, true}, {0644, true}};

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                for (size_t j = 0; j < ELEMENTS(modes); j++) {
                        _cleanup_(freep) char *text = str_format(
                                "targets = ( { name = \"a\";\nconninfo = \"%s\"; } );", cases[i].conninfo);
                        _cleanup_(freep) char *path = write_file("a.conf", text, modes[j].mode);
                        _cleanup_(parsed_done) Parsed parsed = parse_file(path);
                        bool refused = cases[i].secret && modes[j].exposed;

                        ck_assert_msg((parsed.r < 0) == refused, "%s %o: %s", cases[i].conninfo,
                                      modes[j].mode, parsed.text);
                        if (refused)
                                ck_assert_ptr_nonnull(strstr(parsed.text,
                                                             "a.conf:2: targets[\"a\"].conninfo: "
                                                             "holds a password, and others may "
                                                             "read this file: chmod 0600"));
                }
}
END_TEST

START_TEST(no_descriptor_stays_open) {
        _cleanup_(freep) char *good = write_file("a.conf", GOOD, 0600),
                              *bad = write_file("b.conf", SECRET, 0644);
        int before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

        for (int i = 0; i < 100; i++) {
                _cleanup_(parsed_done) Parsed parsed = parse_file(i % 3 == 0   ? good
                                                                  : i % 3 == 1 ? bad
                                                                               : directory);
        }
        after = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(after, before + 1);
        (void)close(before);
        (void)close(after);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                c6_what_is_no_readable_file_is_refused_at_once,
                c6_an_unreadable_file_is_refused,
                c6_two_mebibytes_and_nothing_are_refused,
                c5_includes_are_refused,
                a_file_that_others_may_write_is_refused,
                a_file_of_a_third_user_is_refused_by_root_too,
                a_symbolic_link_to_a_good_file_is_accepted,
                c7_a_file_with_a_password_must_be_private,
                no_descriptor_stays_open,
        };
        Suite *suite = suite_create("config files");
        TCase *list = tcase_create("files");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(list, make_directory, remove_directory);
        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(list, tests[i]);
        suite_add_tcase(suite, list);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
