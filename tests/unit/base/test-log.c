/* Tests of base/log, on a stderr that is a file.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"
#include "pgvigil/base/str.h"

static int saved_stderr = -1, captured = -1;

static void capture_start(void) {
        char path[] = "/tmp/test-log-XXXXXX";

        captured = mkostemp(path, O_CLOEXEC);
        ck_assert_int_ge(captured, 0);
        unlink(path);
        saved_stderr = dup(STDERR_FILENO);
        dup2(captured, STDERR_FILENO);
}

/* What was written since; gives stderr back. */
static const char *capture_stop(void) {
        static char text[8192];
        ssize_t n;

        (void)fflush(stderr);
        dup2(saved_stderr, STDERR_FILENO);
        close(saved_stderr);
        n = pread(captured, text, sizeof(text) - 1, 0);
        ck_assert_int_ge(n, 0);
        text[n] = '\0';
        close(captured);
        return text;
}

START_TEST(a_line_names_program_and_target_and_stays_one_line) {
        unsetenv("JOURNAL_STREAM");
        capture_start();
        log_line(LOG_NOTICE, "%s", "plain");
        log_event(LOG_WARNING, &(LogFields){.target = "shop"}, "two\nlines\x1b[1m %d", 7);
        ck_assert_str_eq(capture_stop(), "pgvigil: plain\npgvigil: [shop] two lines [1m 7\n");
}
END_TEST

START_TEST(less_urgent_than_the_level_is_dropped) {
        unsetenv("JOURNAL_STREAM");
        capture_start();
        log_line(LOG_DEBUG, "by default dropped");
        log_set_level(LOG_WARNING);
        log_line(LOG_NOTICE, "dropped");
        log_line(LOG_WARNING, "kept");
        log_set_level(LOG_DEBUG);
        log_line(LOG_DEBUG, "kept too");
        ck_assert_str_eq(capture_stop(), "pgvigil: kept\npgvigil: kept too\n");
}
END_TEST

START_TEST(a_long_text_is_cut_between_characters) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        const char *line;
        size_t length;

        for (int i = 0; i < 3000; i++)
                buffer_add(&text, "\xE2\x82\xAC");
        unsetenv("JOURNAL_STREAM");
        capture_start();
        log_line(LOG_ERR, "%s", buffer_text(&text));
        line = capture_stop();
        length = strlen(line);
        ck_assert_uint_gt(length, 2000);
        ck_assert_uint_lt(length, 2200);
        ck_assert_uint_eq(str_utf8_prefix(line, length), length);
        ck_assert_int_eq(line[length - 1], '\n');
}
END_TEST

START_TEST(a_journal_stream_that_is_not_our_stderr_changes_nothing) {
        static const char *const streams[] = {"1:1", "", "nonsense", "18446744073709551615:0"};

        for (size_t i = 0; i < ELEMENTS(streams); i++) {
                setenv("JOURNAL_STREAM", streams[i], 1);
                capture_start();
                log_line(LOG_ERR, "here");
                ck_assert_str_eq(capture_stop(), "pgvigil: here\n");
        }
}
END_TEST

START_TEST(a_stderr_that_is_the_journal_gets_no_line_of_text) {
        char stream[64];
        struct stat st;

        capture_start();
        ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
        (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                       (unsigned long long)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_event(LOG_DEBUG, &(LogFields){.target = "unit-test"}, "dropped by its level");
        log_event(LOG_INFO, &(LogFields){.target = "unit-test"}, "a unit test was here");
        ck_assert_str_eq(capture_stop(), "");
}
END_TEST

START_TEST(out_of_memory_is_said_and_returned) {
        unsetenv("JOURNAL_STREAM");
        capture_start();
        ck_assert_int_eq(log_oom(), -ENOMEM);
        ck_assert_str_eq(capture_stop(), "pgvigil: out of memory\n");
}
END_TEST

START_TEST(errno_survives_a_line) {
        unsetenv("JOURNAL_STREAM");
        capture_start();
        errno = EXDEV;
        log_line(LOG_ERR, "x");
        ck_assert_int_eq(errno, EXDEV);
        (void)capture_stop();
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                a_line_names_program_and_target_and_stays_one_line,
                less_urgent_than_the_level_is_dropped,
                a_long_text_is_cut_between_characters,
                a_journal_stream_that_is_not_our_stderr_changes_nothing,
                a_stderr_that_is_the_journal_gets_no_line_of_text,
                out_of_memory_is_said_and_returned,
                errno_survives_a_line,
        };

        return unit_run("log", tests, ELEMENTS(tests));
}
