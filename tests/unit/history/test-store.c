/* Tests of the file: damaged, foreign, newer, locked, full, pruned, and how large it becomes.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lab.h"

/* A file with something in it, and nobody who has it open. */
static void make_file(Lab *lab) {
        lab_init(lab);
        lab_start(lab);
        for (unsigned i = 0; i < 2000; i++)
                lab_sample(lab, "a", T0 + i * 15 * USEC_PER_SEC, i);
        ck_assert_int_eq(history_set(lab->history, "shop", "phase", "kept"), 0);
        lab->now = T0 + 9 * USEC_PER_HOUR;
        lab_stop(lab);
}

static void overwrite(const Lab *lab, off_t at, const void *bytes, size_t n) {
        int fd = open(lab->file, O_WRONLY);

        ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
        ck_assert_int_eq(close(fd), 0);
}

static char garbage[4096];

static void break_header(const Lab *lab) {
        overwrite(lab, 0, garbage, 100);
}

static void break_middle(const Lab *lab) {
        struct stat st;

        ck_assert_int_eq(stat(lab->file, &st), 0);
        for (off_t page = 1; page < st.st_size / 4096; page += 2)
                overwrite(lab, page * 4096, garbage, sizeof(garbage));
}

static void truncate_half(const Lab *lab) {
        struct stat st;

        ck_assert_int_eq(stat(lab->file, &st), 0);
        ck_assert_int_eq(truncate(lab->file, st.st_size / 2 / 4096 * 4096), 0);
}

static void truncate_all(const Lab *lab) {
        ck_assert_int_eq(truncate(lab->file, 0), 0);
}

START_TEST(s3_a_damaged_file_is_set_aside_and_said_so) {
        static void (*const damages[])(const Lab *) = {break_header, break_middle, truncate_half,
                                                       truncate_all};

        memset(garbage, 0x5a, sizeof(garbage));
        for (size_t i = 0; i < ELEMENTS(damages); i++) {
                _cleanup_(lab_done) Lab lab;
                HistoryStatus status;

                make_file(&lab);
                damages[i](&lab);
                lab_start(&lab);
                status = lab_status(&lab);
                ck_assert_int_eq(status.state, HISTORY_KEPT);
                ck_assert_uint_eq(status.resets, 1);
                ck_assert_ptr_nonnull(strstr(status.reset, "is damaged"));
                ck_assert_ptr_nonnull(strstr(status.reset, STATE_FILE ".corrupt-2025-11-25T01:"));
                ck_assert(lab_has(&lab, STATE_FILE ".corrupt-*Z"));
                ck_assert_ptr_null(history_get(lab.history, "shop", "phase"));
                ck_assert_int_eq(history_set(lab.history, "shop", "phase", "new"), 0);
                lab_restart(&lab);
                ck_assert_str_eq(history_get(lab.history, "shop", "phase"), "new");
                ck_assert_uint_eq(lab_status(&lab).resets, 0);
        }
}
END_TEST

START_TEST(a_garbage_log_is_passed_over) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_(freep) char *command = NULL;

        make_file(&lab);
        command = str_format("head -c 100000 /dev/urandom > %s-wal", lab.file);
        ck_assert_int_eq(system(command), 0);
        lab_start(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
        ck_assert_str_eq(history_get(lab.history, "shop", "phase"), "kept");
}
END_TEST

START_TEST(two_damaged_files_are_kept_at_most) {
        _cleanup_(lab_done) Lab lab;

        make_file(&lab);
        for (int i = 0; i < 4; i++) {
                truncate_all(&lab);
                lab.now += USEC_PER_MINUTE;
                lab_start(&lab);
                ck_assert_uint_eq(lab_status(&lab).resets, 1);
                lab_stop(&lab);
        }
        for (int i = 1; i <= 4; i++) {
                _cleanup_(buffer_done) Buffer name = BUFFER_NULL;

                buffer_add(&name, STATE_FILE ".corrupt-");
                buffer_add_time(&name, T0 + 9 * USEC_PER_HOUR + (usec_t)i * USEC_PER_MINUTE);
                ck_assert(lab_has(&lab, buffer_text(&name)) == (i > 2));
        }
}
END_TEST

/* What memory holds goes into the new file. */
START_TEST(damage_under_a_running_daemon_costs_what_is_on_disk_only) {
        _cleanup_(lab_done) Lab lab;
        size_t n, events = 1;

        memset(garbage, 0x5a, sizeof(garbage));
        make_file(&lab);
        lab_start(&lab);
        ck_assert_int_eq(history_add_event(lab.history, "shop", T0, "k", "t"), 0);
        lab_write(&lab);
        (void)sqlite3_exec(lab.history->store->db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA shrink_memory",
                           NULL, NULL, NULL);
        break_middle(&lab);
        for (int i = 0; i < 4 && lab_status(&lab).resets == 0; i++) {
                for (unsigned j = 0; j < 100; j++)
                        lab_sample(&lab, "a", lab.now + j * 15 * USEC_PER_SEC, 1);
                lab.now += 25 * USEC_PER_MINUTE;
                ck_assert_int_eq(history_add_event(lab.history, "shop", lab.now, "k", "later"), 0);
                events++;
                lab_write(&lab);
        }
        ck_assert_uint_eq(lab_status(&lab).resets, 1);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
        ck_assert_uint_ge(lab_sum(&lab, "a", T0 - 8 * USEC_PER_DAY, lab.now).count, 2100);
        lab_restart(&lab);
        ck_assert_uint_ge(lab_sum(&lab, "a", T0 - 8 * USEC_PER_DAY, lab.now).count, 2100);
        ck_assert_double_eq(lab_sum(&lab, "a", T0 - 8 * USEC_PER_DAY, lab.now).max, 1999);
        ck_assert_str_eq(history_get(lab.history, "shop", "phase"), "kept");
        ck_assert_str_eq(history_events(lab.history, "shop", &n)[0].text, "t");
        ck_assert_uint_eq(n, events);
}
END_TEST

START_TEST(a_file_that_is_opened_again_is_not_added_twice) {
        _cleanup_(lab_done) Lab lab;
        size_t n;

        make_file(&lab);
        lab_start(&lab);
        ck_assert_int_eq(history_add_event(lab.history, "shop", T0, "k", "t"), 0);
        lab_write(&lab);
        store_close(lab.history->store); /* as after a read that found damage, which was none */
        lab.history->is_open = false;
        lab_write(&lab);
        ck_assert(lab.history->is_open);
        ck_assert_uint_eq(lab_sum(&lab, "a", T0 - 8 * USEC_PER_DAY, lab.now).count, 2000);
        (void)history_events(lab.history, "shop", &n);
        ck_assert_uint_eq(n, 1);
}
END_TEST

static void run_sql(const Lab *lab, const char *sql) {
        (void)lab_ask(lab, sql);
}

static void *slurp(const char *path, size_t *ret_n) {
        FILE *file = fopen(path, "re");
        char *bytes = malloc(1 << 20);

        ck_assert_ptr_nonnull(file);
        *ret_n = fread(bytes, 1, 1 << 20, file);
        fclose(file);
        return bytes;
}

/* Tries to keep a history, and looks whether the file is what it was, to the byte. */
static void expect_left_alone(Lab *lab, const char *said) {
        _cleanup_(freep) void *before = NULL, *after = NULL;
        size_t n_before, n_after;

        before = slurp(lab->file, &n_before);
        lab_start(lab);
        ck_assert_int_eq(lab_status(lab).state, HISTORY_OFF);
        ck_assert_ptr_nonnull(strstr(lab_status(lab).trouble, said));
        ck_assert_ptr_nonnull(strstr(lab_status(lab).trouble, lab->file));
        lab_sample(lab, "a", lab->now, 1);
        ck_assert_int_eq(history_set(lab->history, "shop", "k", "v"), 0);
        for (int i = 0; i < 3; i++)
                lab_write(lab);
        ck_assert_str_eq(history_get(lab->history, "shop", "k"), "v");
        ck_assert_uint_eq(lab_sum(lab, "a", T0, lab->now).count, 1);
        lab_stop(lab);
        after = slurp(lab->file, &n_after);
        ck_assert_uint_eq(n_after, n_before);
        ck_assert_mem_eq(after, before, n_before);
        ck_assert(!lab_has(lab, STATE_FILE "?*"));
}

START_TEST(s4_a_newer_file_is_left_alone) {
        _cleanup_(lab_done) Lab lab;

        make_file(&lab);
        run_sql(&lab, "PRAGMA user_version = 999");
        run_sql(&lab, "PRAGMA journal_mode = DELETE"); /* what opening it would change */
        expect_left_alone(&lab, "later version of pgvigil (format 999, this one knows 2)");
}
END_TEST

START_TEST(s4_a_foreign_file_is_left_alone) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        run_sql(&lab, "CREATE TABLE theirs (a)");
        expect_left_alone(&lab, "not a file of pgvigil's");
        run_sql(&lab, "PRAGMA application_id = 1");
        expect_left_alone(&lab, "not a file of pgvigil's");
}
END_TEST

START_TEST(s4_an_older_file_is_migrated_after_a_copy) {
        _cleanup_(lab_done) Lab lab;

        make_file(&lab);
        run_sql(&lab, "DROP TABLE event");
        run_sql(&lab, "PRAGMA user_version = 0");
        lab_start(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
        ck_assert_str_eq(history_get(lab.history, "shop", "phase"), "kept");
        ck_assert_uint_eq(lab_sum(&lab, "a", T0 - 8 * USEC_PER_DAY, lab.now).count, 2000);
        ck_assert(lab_has(&lab, STATE_FILE ".version-0"));
        lab_stop(&lab);
        ck_assert_int_eq(lab_ask(&lab, "PRAGMA user_version"), STORE_VERSION);
        ck_assert_int_eq(lab_ask(&lab, "SELECT count(*) FROM event"), 0);
        (void)strcat(lab.file, ".version-0");
        ck_assert_int_eq(lab_ask(&lab, "PRAGMA user_version"), 0);
        ck_assert_int_eq(lab_ask(&lab, "SELECT count(*) FROM value"), 1);
}
END_TEST

/* What nothing needed any more has left it. */
START_TEST(s4_a_file_of_version_1_opens) {
        static const char *const tables[] = {"bucket", "object", "snapshot"};
        _cleanup_(lab_done) Lab lab;

        make_file(&lab);
        for (size_t i = 0; i < ELEMENTS(tables); i++) {
                _cleanup_(freep) char *sql = str_format("CREATE TABLE %s (id INTEGER PRIMARY KEY)",
                                                        tables[i]);

                run_sql(&lab, sql);
        }
        run_sql(&lab, "PRAGMA user_version = 1");
        lab_start(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
        ck_assert_str_eq(history_get(lab.history, "shop", "phase"), "kept");
        ck_assert(lab_has(&lab, STATE_FILE ".version-1"));
        lab_stop(&lab);
        for (size_t i = 0; i < ELEMENTS(tables); i++) {
                _cleanup_(freep) char *sql = str_format(
                        "SELECT count(*) FROM sqlite_schema WHERE name = '%s'", tables[i]);

                ck_assert_int_eq(lab_ask(&lab, sql), 0);
        }
}
END_TEST

START_TEST(a_directory_in_its_place_is_left_alone) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        ck_assert_int_eq(mkdir(lab.file, 0700), 0);
        lab_start(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_OFF);
        ck_assert(lab_has(&lab, STATE_FILE));
}
END_TEST

START_TEST(s5_a_second_opener_is_refused_with_the_pid_of_the_first) {
        _cleanup_(lab_done) Lab lab;
        HistoryOptions options;
        History *second = NULL;
        pid_t holder = 0;

        lab_init(&lab);
        lab_start(&lab);
        options = lab_options(&lab);
        ck_assert_int_eq(history_new(&options, &second, &holder), -EBUSY);
        ck_assert_int_eq(holder, getpid());
        ck_assert_int_eq(history_set(lab.history, "shop", "k", "v"), 0);
        lab_restart(&lab);
        ck_assert_str_eq(history_get(lab.history, "shop", "k"), "v");
}
END_TEST

START_TEST(s2_a_directory_that_comes_later_is_used_then) {
        _cleanup_(lab_done) Lab lab;
        char directory[32], elsewhere[40];

        lab_init(&lab);
        (void)memcpy(directory, lab.directory, sizeof(directory));
        (void)snprintf(elsewhere, sizeof(elsewhere), "%s.moved", directory);
        ck_assert_int_eq(rename(directory, elsewhere), 0);
        lab_start(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_FAILING);
        ck_assert_ptr_nonnull(strstr(lab_status(&lab).trouble, "No such file"));
        lab_sample(&lab, "a", lab.now, 1);
        ck_assert_int_eq(history_set(lab.history, "shop", "k", "v"), 0);
        lab_write(&lab);
        ck_assert_uint_eq(lab_status(&lab).errors, 2);
        ck_assert_int_eq(rename(elsewhere, directory), 0);
        lab_write(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
        ck_assert_ptr_null(lab_status(&lab).trouble);
        lab_restart(&lab);
        ck_assert_str_eq(history_get(lab.history, "shop", "k"), "v");
        ck_assert_uint_eq(lab_sum(&lab, "a", T0 - 8 * USEC_PER_DAY, lab.now + USEC_PER_HOUR).count, 1);
}
END_TEST

/* Writes fail as on a full disk: what a process may write is limited to nothing. */
START_TEST(s1_a_full_disk_loses_nothing_that_memory_holds) {
        _cleanup_(lab_done) Lab lab;
        struct rlimit limit, none;
        size_t n;

        lab_init(&lab);
        lab_start(&lab);
        ck_assert_int_eq(history_set(lab.history, "shop", "k", "0"), 0);
        lab_write(&lab);
        ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
        none = (struct rlimit){0, limit.rlim_max};
        signal(SIGXFSZ, SIG_IGN);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
        for (unsigned i = 0; i < 5; i++) {
                lab_sample(&lab, "a", lab.now, 1);
                ck_assert_int_eq(history_add_event(lab.history, "shop", lab.now, "k", "t"), 0);
                ck_assert_int_eq(history_set(lab.history, "shop", "k", "1"), 0);
                lab_write(&lab);
                ck_assert_int_eq(lab_status(&lab).state, HISTORY_FAILING);
        }
        ck_assert_uint_eq(lab_status(&lab).errors, 5);
        ck_assert_ptr_nonnull(strstr(lab_status(&lab).trouble, "make room or mend the disk"));
        ck_assert_str_eq(history_get(lab.history, "shop", "k"), "1");
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        lab_write(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
        ck_assert_uint_eq(lab_status(&lab).dropped, 0);
        lab_restart(&lab);
        ck_assert_str_eq(history_get(lab.history, "shop", "k"), "1");
        (void)history_events(lab.history, "shop", &n);
        ck_assert_uint_eq(n, 5);
        ck_assert_uint_eq(lab_sum(&lab, "a", T0, lab.now + 1).count, 5);
}
END_TEST

START_TEST(a_retry_waits_a_minute) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        ck_assert_int_eq(rmdir(lab.directory), 0);
        lab_start(&lab);
        ck_assert_uint_eq(lab_status(&lab).errors, 1);
        lab.now += USEC_PER_MINUTE - 1;
        lab_tick(&lab);
        ck_assert_uint_eq(lab_status(&lab).errors, 1);
        lab.now += 1;
        lab_tick(&lab);
        ck_assert_uint_eq(lab_status(&lab).errors, 2);
        lab.now -= USEC_PER_DAY; /* a clock that was set back keeps nothing waiting */
        lab_tick(&lab);
        ck_assert_uint_eq(lab_status(&lab).errors, 3);
}
END_TEST

START_TEST(a_full_file_keeps_the_newest) {
        static const HistoryStatement statement = {T0, 1, 1, 1};
        _cleanup_(lab_done) Lab lab;
        uint64_t largest = 0;
        struct stat st;

        lab_init(&lab);
        lab.size_max = 5 << 20; /* a MiB beside the log */
        lab_start(&lab);
        ck_assert_int_eq(history_set(lab.history, "shop", "phase", "kept"), 0);
        ck_assert_int_eq(history_add_statements(lab.history, "shop", &statement, 1, 0), 0);
        for (unsigned i = 0; i < 400; i++) {
                for (unsigned j = 0; j < 100; j++) {
                        _cleanup_(freep) char *name = str_format("%u", j);

                        lab_sample(&lab, name, lab.now, i);
                }
                ck_assert_int_eq(history_add_event(lab.history, "shop", lab.now, "k", "t"), 0);
                lab_write(&lab);
                ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
                largest = lab_status(&lab).file_bytes > largest ? lab_status(&lab).file_bytes : largest;
        }
        ck_assert_uint_gt(largest, 800 << 10);
        ck_assert_uint_le(largest, (1 << 20) * 95 / 100);
        ck_assert_uint_eq(lab_status(&lab).dropped, 0);
        lab_restart(&lab);
        ck_assert_int_eq(stat(lab.file, &st), 0);
        ck_assert_int_le(st.st_size, 1 << 20);
        ck_assert_str_eq(history_get(lab.history, "shop", "phase"), "kept");
        ck_assert_uint_eq(lab_sum(&lab, "7", lab.now - USEC_PER_HOUR - USEC_PER_MINUTE, lab.now).count, 61);
        lab_stop(&lab);
        ck_assert_int_eq(lab_ask(&lab, "SELECT max(start) FROM point WHERE level = 0"),
                         (int64_t)((lab.now - USEC_PER_MINUTE) / USEC_PER_SEC));
        ck_assert_int_eq(lab_ask(&lab, "SELECT min(start) > 1764000000 FROM point WHERE level = 0"), 1);
}
END_TEST

START_TEST(what_can_never_fit_is_dropped_and_holds_nothing_up) {
        _cleanup_(lab_done) Lab lab;
        const size_t n = 400000;
        _cleanup_(freep) HistoryStatement *statements = calloc(n, sizeof(*statements));

        for (size_t i = 0; i < n; i++)
                statements[i] = (HistoryStatement){T0, (int64_t)i * 0x123456789a, 1, 1};
        lab_init(&lab);
        lab.size_max = 5 << 20;
        lab_start(&lab);
        ck_assert_int_eq(history_add_statements(lab.history, "shop", statements, n, 0), 0);
        lab_write(&lab);
        ck_assert_uint_eq(lab_status(&lab).dropped, 1);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_FAILING);
        ck_assert_ptr_nonnull(strstr(lab_status(&lab).trouble, "as large as it may become"));
        ck_assert_int_eq(history_set(lab.history, "shop", "k", "v"), 0);
        lab_write(&lab);
        ck_assert_int_eq(lab_status(&lab).state, HISTORY_KEPT);
        lab_restart(&lab);
        ck_assert_str_eq(history_get(lab.history, "shop", "k"), "v");
}
END_TEST

START_TEST(what_is_older_than_retention_leaves_the_file) {
        static const HistoryStatement statement = {T0, 1, 1, 1};
        static const struct {
                const char *table;
                usec_t age;
        } cases[] = {
                {"point WHERE level = 0", 7 * USEC_PER_HOUR},
                {"point WHERE level = 1", 8 * USEC_PER_DAY},
                {"point WHERE level = 2", 16 * USEC_PER_DAY},
                {"series", 16 * USEC_PER_DAY},
                {"statement", 16 * USEC_PER_DAY},
                {"event", 366 * USEC_PER_DAY},
        };
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                for (int is_older = 0; is_older < 2; is_older++) {
                        _cleanup_(freep) char *sql = str_format("SELECT count(*) > 0 FROM %s",
                                                                cases[i].table);
                        usec_t age = is_older ? cases[i].age : cases[i].age * 3 / 4;
                        _cleanup_(lab_done) Lab lab;

                        lab_init(&lab);
                        lab_start(&lab);
                        lab_sample(&lab, "a", T0, 1);
                        ck_assert_int_eq(history_add_event(lab.history, "shop", T0, "k", "t"), 0);
                        ck_assert_int_eq(history_add_statements(lab.history, "shop", &statement, 1, 0), 0);
                        lab_restart(&lab);
                        for (usec_t at = T0 + USEC_PER_HOUR; at < T0 + age; at += 23 * USEC_PER_HOUR) {
                                lab.now = at;
                                ck_assert_int_eq(history_set(lab.history, "shop", "k", "v"), 0);
                                lab_tick(&lab);
                        }
                        lab.now = T0 + age;
                        lab_restart(&lab);
                        ck_assert_int_eq(history_set(lab.history, "shop", "k", "v"), 0);
                        lab_tick(&lab);
                        lab_stop(&lab);
                        ck_assert_msg(lab_ask(&lab, sql) == !is_older, "%s", cases[i].table);
                }
        }
}
END_TEST

START_TEST(d24_a_clock_that_is_wrong_by_a_year_costs_a_day) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_start(&lab);
        for (usec_t at = T0; at < T0 + 14 * USEC_PER_DAY; at += USEC_PER_HOUR) {
                lab.now = at;
                lab_sample(&lab, "a", at, 1);
                lab_tick(&lab);
        }
        lab.now = T0 + 365 * USEC_PER_DAY;
        lab_sample(&lab, "a", lab.now, 1);
        lab_tick(&lab);
        lab.now = T0 + 14 * USEC_PER_DAY;
        lab_sample(&lab, "a", lab.now, 1);
        lab_tick(&lab);
        lab_restart(&lab);
        ck_assert_uint_ge(lab_sum(&lab, "a", T0, lab.now + 1).count, 14 * 24 - 1);
        lab.now = 0; /* and one that begins in 1970 */
        lab_tick(&lab);
        lab_sample(&lab, "a", 1, 1);
        lab.now = USEC_PER_MINUTE;
        lab_tick(&lab);
        lab.now = T0 + 14 * USEC_PER_DAY + USEC_PER_HOUR;
        lab_restart(&lab);
        ck_assert_uint_ge(lab_sum(&lab, "a", T0, lab.now + 1).count, 14 * 24 - 2);
}
END_TEST

static int64_t resident(void) {
        unsigned long size = 0, pages = 0;
        FILE *file = fopen("/proc/self/statm", "re");

        ck_assert_int_eq(fscanf(file, "%lu %lu", &size, &pages), 2);
        fclose(file);
        return (int64_t)pages * 4096;
}

/* 500 statements an hour, an event each ten minutes. */
static void live_an_hour(Lab *lab, usec_t every) {
        const usec_t end = lab->now + USEC_PER_HOUR;
        HistoryStatement statements[500];

        for (unsigned i = 0; i < 500; i++)
                statements[i] = (HistoryStatement){lab->now, (int64_t)i * 0x0123456789abcdLL, 100 + i,
                                                   i * 0.7131};
        ck_assert_int_eq(history_add_statements(lab->history, "shop", statements, 500, 0), 0);
        for (; lab->now < end; lab->now += every) {
                for (unsigned j = 0; j < 60; j++) {
                        char name[48];

                        (void)snprintf(name, sizeof(name), "violations/public.orders/check_%u", j);
                        lab_sample(lab, name, lab->now, (double)(lab->now % 1000003 * j) * 0.1234567);
                }
                if (lab->now % (10 * USEC_PER_MINUTE) == 0)
                        ck_assert_int_eq(history_add_event(lab->history, "shop", lab->now, "finding",
                                                           "check_orders_amount: pass -> fail (violated)"),
                                         0);
                if (lab->now % (8 * every) == 0)
                        lab_tick(lab);
        }
}

/* Fine buckets live for six hours: before the last eight each bucket of 5 min has one sample, so that
 * the test takes seconds. With all of them it is 18 MiB of file and 10 of memory. */
START_TEST(fifteen_days_of_one_target_stay_within_their_bounds) {
        _cleanup_(lab_done) Lab lab;
        int64_t before = resident(), after;
        struct stat st;

        lab_init(&lab);
        lab_start(&lab);
        for (unsigned i = 0; i < 15 * 24 + 16; i++)
                live_an_hour(&lab, 5 * USEC_PER_MINUTE);
        for (unsigned i = 0; i < 8; i++)
                live_an_hour(&lab, 15 * USEC_PER_SEC);
        after = resident();
        printf("memory %.1f MiB (series %.1f), file %.1f MiB\n", (double)(after - before) / (1 << 20),
               (double)lab_status(&lab).memory_bytes / (1 << 20),
               (double)lab_status(&lab).file_bytes / (1 << 20));
        ck_assert_uint_le(lab_status(&lab).memory_bytes, 12 << 20);
#ifndef __SANITIZE_ADDRESS__
        ck_assert_int_le(after - before, 16 << 20);
#endif
        ck_assert_uint_eq(lab_status(&lab).errors, 0);
        ck_assert_uint_eq(lab_status(&lab).dropped, 0);
        lab_restart(&lab);
        ck_assert_int_eq(stat(lab.file, &st), 0);
        ck_assert_int_le(st.st_size, 64 << 20);
        ck_assert_uint_ge(
                lab_sum(&lab, "violations/public.orders/check_59", lab.now - 15 * USEC_PER_DAY, lab.now)
                        .count,
                (15 * 24 - 8) * 12 + 8 * 240);
        ck_assert_uint_eq(
                lab_sum(&lab, "violations/public.orders/check_59", lab.now - 6 * USEC_PER_HOUR, lab.now)
                        .count,
                6 * 240);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                s3_a_damaged_file_is_set_aside_and_said_so,
                a_garbage_log_is_passed_over,
                two_damaged_files_are_kept_at_most,
                damage_under_a_running_daemon_costs_what_is_on_disk_only,
                a_file_that_is_opened_again_is_not_added_twice,
                s4_a_newer_file_is_left_alone,
                s4_a_foreign_file_is_left_alone,
                s4_an_older_file_is_migrated_after_a_copy,
                s4_a_file_of_version_1_opens,
                a_directory_in_its_place_is_left_alone,
                s5_a_second_opener_is_refused_with_the_pid_of_the_first,
                s2_a_directory_that_comes_later_is_used_then,
                s1_a_full_disk_loses_nothing_that_memory_holds,
                a_retry_waits_a_minute,
                a_full_file_keeps_the_newest,
                what_can_never_fit_is_dropped_and_holds_nothing_up,
                what_is_older_than_retention_leaves_the_file,
                d24_a_clock_that_is_wrong_by_a_year_costs_a_day,
                fifteen_days_of_one_target_stay_within_their_bounds,
        };

        return unit_run("store", tests, ELEMENTS(tests));
}
