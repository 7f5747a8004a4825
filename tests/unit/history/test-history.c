/* Tests of history: what survives a stop and a kill, and what is answered meanwhile.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "lab.h"

START_TEST(everything_survives_a_restart) {
        _cleanup_(lab_done) Lab lab;
        size_t n;

        lab_init(&lab);
        lab_start(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
        for (unsigned i = 0; i < 300; i++)
                lab_sample(&lab, "a", T0 + i * 15 * USEC_PER_SEC, i);
        ck_assert_int_eq(history_set(lab.history, "shop", "phase", "state=watching"), 0);
        ck_assert_int_eq(history_set(lab.history, "shop", "gone", "x"), 0);
        ck_assert_int_eq(history_set(lab.history, "shop", "gone", NULL), 0);
        ck_assert_int_eq(history_add_event(lab.history, "shop", T0, "code", "200 \xe2\x86\x92 503"), 0);
        ck_assert_int_eq(history_add_event(lab.history, "shop", T0 + 1, "code", "503"), 0);
        lab.now = T0 + 75 * USEC_PER_MINUTE;
        lab_restart(&lab);
        ck_assert(lab_status(&lab).is_loaded);
        ck_assert_uint_eq(lab_sum(&lab, "a", T0, lab.now).count, 300);
        ck_assert_double_eq(lab_sum(&lab, "a", T0, lab.now).sum, 300 * 299 / 2);
        ck_assert_uint_eq(lab_sum(&lab, "a", T0 - 7 * USEC_PER_DAY, lab.now).count, 300);
        ck_assert_uint_eq(lab_sum(&lab, "a", T0 - 8 * USEC_PER_DAY, lab.now).count, 300);
        ck_assert_str_eq(history_get(lab.history, "shop", "phase"), "state=watching");
        ck_assert_ptr_null(history_get(lab.history, "shop", "gone"));
        ck_assert_str_eq(history_events(lab.history, "shop", &n)[1].text, "503");
        ck_assert_str_eq(history_events(lab.history, "shop", &n)[0].text, "200 \xe2\x86\x92 503");
        ck_assert_uint_eq(n, 2);
        ck_assert_str_eq(history_series_name(lab.history, "shop", 0), "a");
        ck_assert_ptr_null(history_series_name(lab.history, "shop", 1));
}
END_TEST

START_TEST(a_bucket_goes_on_growing_after_a_restart) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_start(&lab);
        for (int i = 0; i < 5; i++) {
                lab.now = T0 + (usec_t)i * USEC_PER_MINUTE;
                lab_sample(&lab, "a", lab.now, 1);
                lab_restart(&lab);
        }
        ck_assert_uint_eq(lab_sum(&lab, "a", T0, T0 + USEC_PER_HOUR).count, 5);
        ck_assert_uint_eq(lab_sum(&lab, "a", T0 - 8 * USEC_PER_DAY, T0 + USEC_PER_HOUR).count, 5);
}
END_TEST

START_TEST(what_came_before_the_file_was_open_is_added) {
        _cleanup_(lab_done) Lab lab;
        const HistoryOptions *options;
        HistoryOptions values;
        pid_t holder;
        size_t n;

        lab_init(&lab);
        lab_start(&lab);
        lab_sample(&lab, "a", T0, 1);
        ck_assert_int_eq(history_set(lab.history, "shop", "old", "1"), 0);
        ck_assert_int_eq(history_set(lab.history, "shop", "both", "1"), 0);
        ck_assert_int_eq(history_add_event(lab.history, "shop", T0, "k", "first"), 0);
        lab_stop(&lab);
        values = lab_options(&lab);
        options = &values;
        ck_assert_int_eq(history_new(options, &lab.history, &holder), 0);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_OPENING);
        lab_sample(&lab, "a", T0 + USEC_PER_MINUTE, 2);
        lab_sample(&lab, "b", T0 + USEC_PER_MINUTE, 3);
        ck_assert_int_eq(history_set(lab.history, "shop", "both", "2"), 0);
        ck_assert_int_eq(history_add_event(lab.history, "shop", T0, "k", "second"), 0);
        lab.now = T0 + 2 * USEC_PER_MINUTE;
        for (int i = 0; i < 2; i++) { /* and once more out of the file */
                lab_tick(&lab);
                ck_assert_double_eq(lab_sum(&lab, "a", T0, lab.now).sum, 3);
                ck_assert_double_eq(lab_sum(&lab, "b", T0, lab.now).sum, 3);
                ck_assert_str_eq(history_get(lab.history, "shop", "old"), "1");
                ck_assert_str_eq(history_get(lab.history, "shop", "both"), "2");
                ck_assert_str_eq(history_events(lab.history, "shop", &n)[1].text, "second");
                ck_assert_uint_eq(n, 2);
                lab_restart(&lab);
        }
}
END_TEST

typedef struct Answer {
        int calls, r;
        size_t n;
        int64_t queryid, calls_sum;
} Answer;

static void on_statements(void *userdata, int r, const HistoryStatement *rows, size_t n) {
        Answer *answer = userdata;

        answer->calls++;
        answer->r = r;
        answer->n = n;
        for (size_t i = 0; i < n; i++)
                answer->calls_sum += rows[i].calls;
        if (n > 0)
                answer->queryid = rows[0].queryid;
}

static void wait_for(Lab *lab, const Answer *answer, int calls) {
        while (answer->calls < calls) {
                struct pollfd wait = {.fd = history_fd(lab->history), .events = POLLIN};

                ck_assert_int_eq(poll(&wait, 1, DEADLINE), 1);
                history_dispatch(lab->history);
        }
        ck_assert_int_eq(answer->r, 0);
}

START_TEST(statements_are_read_by_target_and_time) {
        static const HistoryStatement rows[] = {{T0, -5, 10, 1.5},
                                                {T0, 7, 20, 2},
                                                {T0 + USEC_PER_HOUR, -5, 40, 3},
                                                {T0 + 2 * USEC_PER_HOUR, -5, 80, 3}};
        _cleanup_(lab_done) Lab lab;
        Answer answer = {};

        lab_init(&lab);
        lab_start(&lab);
        ck_assert_int_eq(history_add_statements(lab.history, "shop", rows, ELEMENTS(rows), 0), 0);
        ck_assert_int_eq(history_add_statements(lab.history, "other", rows, 1, 0), 0);
        ck_assert_int_eq(history_read_statements(lab.history, "shop", T0, T0 + 2 * USEC_PER_HOUR,
                                                 on_statements, &answer),
                         0);
        wait_for(&lab, &answer, 1); /* what was only just given is there */
        ck_assert_uint_eq(answer.n, 3);
        ck_assert_int_eq(answer.queryid, -5);
        ck_assert_int_eq(answer.calls_sum, 70);
        ck_assert_int_eq(
                history_read_statements(lab.history, "none", 0, USEC_INFINITY, on_statements, &answer), 0);
        wait_for(&lab, &answer, 2);
        ck_assert_uint_eq(answer.n, 0);
}
END_TEST

START_TEST(a_read_during_a_write_sees_what_was_queued_before_it) {
        static const HistoryStatement first = {T0, 1, 10, 1}, second = {T0, 2, 20, 1};
        _cleanup_(lab_done) Lab lab;
        Answer answer = {};

        lab_init(&lab);
        lab_start(&lab);
        ck_assert_int_eq(history_add_statements(lab.history, "shop", &first, 1, 0), 0);
        ck_assert(history_write(lab.history));
        ck_assert_int_eq(history_add_statements(lab.history, "shop", &second, 1, 0), 0);
        for (int i = 0; i < 2; i++)
                ck_assert_int_eq(history_read_statements(lab.history, "shop", 0, USEC_INFINITY, on_statements,
                                                         &answer),
                                 0);
        ck_assert_ptr_nonnull(lab.history->held);
        wait_for(&lab, &answer, 2);
        ck_assert_uint_eq(answer.n, 2);
        ck_assert_int_eq(answer.calls_sum, 2 * 30);
        ck_assert_ptr_null(lab.history->held);

        /* What still waits at the end is given up, and nothing of it is left behind. */
        ck_assert_int_eq(history_add_statements(lab.history, "shop", &first, 1, 0), 0);
        ck_assert(history_write(lab.history));
        ck_assert_int_eq(history_add_statements(lab.history, "shop", &second, 1, 0), 0);
        ck_assert_int_eq(
                history_read_statements(lab.history, "shop", 0, USEC_INFINITY, on_statements, &answer), 0);
}
END_TEST

START_TEST(hours_that_no_phase_can_need_leave_with_the_next) {
        static const HistoryStatement old = {T0 - USEC_PER_DAY, 1, 10, 1}, new = {T0, 1, 20, 1};
        _cleanup_(lab_done) Lab lab;
        Answer answer = {};

        lab_init(&lab);
        lab_start(&lab);
        ck_assert_int_eq(history_add_statements(lab.history, "shop", &old, 1, 0), 0);
        ck_assert_int_eq(history_add_statements(lab.history, "other", &old, 1, 0), 0);
        ck_assert_int_eq(history_add_statements(lab.history, "shop", &new, 1, T0), 0);
        ck_assert_int_eq(
                history_read_statements(lab.history, "shop", 0, USEC_INFINITY, on_statements, &answer), 0);
        wait_for(&lab, &answer, 1);
        ck_assert_uint_eq(answer.n, 1);
        ck_assert_int_eq(answer.calls_sum, 20);
        ck_assert_int_eq(
                history_read_statements(lab.history, "other", 0, USEC_INFINITY, on_statements, &answer), 0);
        wait_for(&lab, &answer, 2);
        ck_assert_uint_eq(answer.n, 1);
}
END_TEST

START_TEST(memory_alone_answers_without_a_directory) {
        const HistoryOptions options = {.retention = RETENTION};
        _cleanup_(history_freep) History *history = NULL;
        Answer answer = {};
        HistoryStatus status;
        pid_t holder;
        size_t n;

        ck_assert_int_eq(history_new(&options, &history, &holder), 0);
        ck_assert_int_eq(history_sample(history, "shop", "a", T0, 1), 0);
        ck_assert_int_eq(history_set(history, "shop", "k", "v"), 0);
        ck_assert_int_eq(history_add_event(history, "shop", T0, "k", "t"), 0);
        ck_assert_int_eq(history_add_statements(history, "shop", NULL, 0, 0), 0);
        history_tick(history, T0);
        ck_assert_str_eq(history_get(history, "shop", "k"), "v");
        ck_assert_ptr_nonnull(history_events(history, "shop", &n));
        ck_assert_int_eq(history_read_statements(history, "shop", 0, T0, on_statements, &answer), -ENOTCONN);
        ck_assert_int_eq(answer.calls, 0);
        ck_assert_int_eq(history_fd(history), -1);
        history_status(history, &status);
        ck_assert_int_eq(status.state, HISTORY_OFF);
        ck_assert(!status.is_loaded);
        ck_assert_uint_eq(history->queue.count, 0);
}
END_TEST

START_TEST(events_in_memory_are_the_newest) {
        _cleanup_(lab_done) Lab lab;
        const HistoryEvent *events;
        size_t n;

        lab_init(&lab);
        lab_start(&lab);
        for (unsigned i = 0; i < EVENTS_MAX + 10; i++) {
                _cleanup_(freep) char *text = str_format("%u", i);

                ck_assert_int_eq(history_add_event(lab.history, "shop", T0 + i, "k", text), 0);
        }
        for (int i = 0; i < 2; i++) {
                events = history_events(lab.history, "shop", &n);
                ck_assert_uint_eq(n, EVENTS_MAX);
                ck_assert_str_eq(events[0].text, "10");
                ck_assert_str_eq(events[n - 1].text, "509");
                lab_restart(&lab);
        }
        lab_stop(&lab);
        ck_assert_int_eq(lab_ask(&lab, "SELECT count(*) FROM event"), EVENTS_MAX + 10);
}
END_TEST

/* A child that writes without end, killed in the middle of it. */
static void write_for_ever(Lab *lab, int said) {
        for (unsigned i = 1;; i++) {
                _cleanup_(freep) char *text = str_format("%u", i);

                lab->now += 15 * USEC_PER_SEC;
                for (int j = 0; j < 20; j++) {
                        _cleanup_(freep) char *name = str_format("s%d", j);

                        lab_sample(lab, name, lab->now, i);
                }
                (void)history_set(lab->history, "shop", "n", text);
                (void)history_add_event(lab->history, "shop", lab->now, "n", text);
                lab_tick(lab);
                if (write(said, &i, sizeof(i)) != sizeof(i))
                        _exit(1);
        }
}

static unsigned write_and_die(Lab *lab, unsigned rounds) {
        unsigned last = 0, seen = 0;
        int said[2], status;
        pid_t child;

        ck_assert_int_eq(pipe(said), 0);
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
                close(said[0]);
                lab_start(lab);
                write_for_ever(lab, said[1]);
        }
        close(said[1]);
        while (seen < rounds && read(said[0], &last, sizeof(last)) == sizeof(last))
                seen++;
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        while (read(said[0], &last, sizeof(last)) == sizeof(last))
                ;
        close(said[0]);
        ck_assert_uint_eq(seen, rounds);
        return last;
}

START_TEST(s6_a_kill_in_the_middle_loses_nothing_that_was_written) {
        for (unsigned i = 0; i < 12; i++) {
                _cleanup_(lab_done) Lab lab;
                unsigned last, kept;
                size_t n;

                lab_init(&lab);
                last = write_and_die(&lab, 1 + i * 7);
                lab.now += (last + 10) * 15 * USEC_PER_SEC;
                lab_start(&lab);
                ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
                ck_assert_uint_eq(lab_status(&lab).resets, 0);
                kept = (unsigned)strtoul(history_get(lab.history, "shop", "n"), NULL, 10);
                ck_assert_uint_ge(kept, last);
                ck_assert_uint_le(kept, last + 1);
                (void)history_events(lab.history, "shop", &n);
                ck_assert_uint_eq(n, kept);
                /* The bucket that still grew, too. */
                ck_assert_uint_ge(lab_sum(&lab, "s3", T0, lab.now).count, kept);
                lab_stop(&lab);
                ck_assert_int_eq(lab_ask(&lab, "SELECT count(*) FROM pragma_integrity_check"
                                               " WHERE integrity_check <> 'ok'"),
                                 0);
        }
}
END_TEST

START_TEST(a_reader_finds_what_a_killed_daemon_left) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_(freep) char *trouble = NULL;
        HistoryOptions options;
        Answer answer = {};
        unsigned last;

        lab_init(&lab);
        options = lab_options(&lab);
        ck_assert_int_eq(history_open_reader(&options, T0, &lab.history, &trouble), -EIO);
        ck_assert_ptr_nonnull(strstr(trouble, "does not exist"));
        ck_assert(!lab_has(&lab, "*"));
        last = write_and_die(&lab, 20);
        lab.now += (last + 10) * 15 * USEC_PER_SEC;
        ck_assert_int_eq(history_open_reader(&options, lab.now, &lab.history, &trouble), 0);
        ck_assert_uint_ge(strtoul(history_get(lab.history, "shop", "n"), NULL, 10), last);
        ck_assert_uint_ge(lab_sum(&lab, "s3", T0, lab.now).count, last);
        ck_assert_int_eq(history_read_statements(lab.history, "shop", 0, T0, on_statements, &answer), 0);
        ck_assert_int_eq(answer.calls, 1);
        ck_assert_int_eq(answer.r, 0);
}
END_TEST

START_TEST(a_reader_says_that_a_daemon_has_the_file) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_(freep) char *trouble = NULL;
        History *reader = NULL;
        HistoryOptions options;

        lab_init(&lab);
        lab_start(&lab);
        ck_assert_int_eq(history_set(lab.history, "shop", "n", "1"), 0);
        lab_write(&lab);
        options = lab_options(&lab);
        ck_assert_int_eq(history_open_reader(&options, T0, &reader, &trouble), -EIO);
        ck_assert_ptr_nonnull(strstr(trouble, "in use"));
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
}
END_TEST

START_TEST(s1_a_key_that_is_set_again_and_again_waits_once) {
        Lab lab;

        lab_init(&lab);
        lab_start(&lab);
        for (unsigned i = 0; i < 50000; i++) {
                char text[16];

                snprintf(text, sizeof(text), "%u", i);
                ck_assert_int_eq(history_set(lab.history, "shop", i % 2 ? "odd" : "even", text), 0);
        }
        ck_assert_uint_eq(lab_status(&lab).dropped, 0);
        lab_write(&lab);
        lab_restart(&lab);
        ck_assert_str_eq(history_get(lab.history, "shop", "odd"), "49999");
        ck_assert_str_eq(history_get(lab.history, "shop", "even"), "49998");
        lab_stop(&lab);
        lab_done(&lab);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                s1_a_key_that_is_set_again_and_again_waits_once,
                everything_survives_a_restart,
                a_bucket_goes_on_growing_after_a_restart,
                what_came_before_the_file_was_open_is_added,
                statements_are_read_by_target_and_time,
                a_read_during_a_write_sees_what_was_queued_before_it,
                hours_that_no_phase_can_need_leave_with_the_next,
                memory_alone_answers_without_a_directory,
                events_in_memory_are_the_newest,
                s6_a_kill_in_the_middle_loses_nothing_that_was_written,
                a_reader_finds_what_a_killed_daemon_left,
                a_reader_says_that_a_daemon_has_the_file,
        };

        return unit_run("history", tests, ELEMENTS(tests));
}
