/* Tests of history/health-file: the newest text is what is read, and nothing old stays where it cannot be
 * written.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"
#include "pgvigil/base/str.h"
#include "pgvigil/history/health-file.h"

static char directory[] = "/tmp/pgvigil-health-file.XXXXXX";

static void set_up(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_named(const char *name) {
        _cleanup_(freep) char *path = str_format("%s/%s", directory, name);

        (void)unlink(path);
        (void)rmdir(path);
}

static void tear_down(void) {
        remove_named("health");
        remove_named("health.new");
        ck_assert_int_eq(rmdir(directory), 0);
}

static void give(HealthFile *file, const char *text) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

        buffer_add(&buffer, text);
        ck_assert_int_eq(health_file_write(file, &buffer), 0);
}

static void expect(int result, const char *text) {
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;

        ck_assert_int_eq(health_file_read(directory, &out), result);
        if (text)
                ck_assert_str_eq(buffer_text(&out), text);
}

START_TEST(the_newest_of_many_is_what_stays) {
        HealthFile *file;
        char text[32];

        set_up();
        expect(-ENOENT, NULL);
        ck_assert_int_eq(health_file_new(directory, &file), 0);
        for (int i = 0; i < 1000; i++) {
                snprintf(text, sizeof(text), "text %d", i);
                give(file, text);
        }
        health_file_free(file); /* waits for the last */
        expect(0, "text 999");
        tear_down();
}
END_TEST

START_TEST(what_cannot_be_written_takes_the_older_one_with_it) {
        _cleanup_(freep) char *in_the_way = NULL;
        HealthFile *file;

        set_up();
        in_the_way = str_format("%s/health.new", directory);
        ck_assert_int_eq(health_file_new(directory, &file), 0);
        give(file, "old");
        health_file_free(file);
        expect(0, "old");

        ck_assert_int_eq(mkdir(in_the_way, 0700), 0);
        ck_assert_int_eq(health_file_new(directory, &file), 0);
        give(file, "new");
        health_file_free(file);
        expect(-ENOENT, NULL);
        tear_down();
}
END_TEST

START_TEST(only_a_small_plain_file_is_read) {
        _cleanup_(freep) char *path = NULL;

        set_up();
        path = str_format("%s/health", directory);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        expect(-EINVAL, NULL);
        ck_assert_int_eq(rmdir(path), 0);
        ck_assert_int_eq(symlink("/etc/passwd", path), 0);
        expect(-ELOOP, NULL);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        expect(-EINVAL, NULL);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(symlink("/dev/zero", path), 0);
        expect(-ELOOP, NULL);
        tear_down();
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_newest_of_many_is_what_stays,
                what_cannot_be_written_takes_the_older_one_with_it,
                only_a_small_plain_file_is_read,
        };

        return unit_run("history/health-file", tests, ELEMENTS(tests));
}
