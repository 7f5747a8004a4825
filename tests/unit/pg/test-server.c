/* A real PostgreSQL: the transaction contract, every kind of error, and sessions that go away.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../unit.h"
#include "driver.h"
#include "pg-cluster.h"
#include "pg/connection.h"
#include "pgvigil/base/str.h"

static Cluster cluster;

static void start(Driver *driver, PgOptions options) {
        driver_start(driver, options);
        ck_assert_msg(driver_connect(driver), "%s", driver->text);
}

static void start_default(Driver *driver) {
        start(driver, driver_options(cluster_conninfo(&cluster, "")));
}

static const char *value_of(Driver *driver, StatementPlace place, const char *sql) {
        const Outcome *outcome = driver_sql(driver, place, sql);
        ck_assert_msg(outcome->kind == OUTCOME_ROWS, "%s: %s %s", sql, outcome->sqlstate, outcome->message);
        return driver_value(driver);
}

START_TEST(connected_means_that_a_statement_has_completed) {
        Driver driver;
        start_default(&driver);
        ck_assert_int_ge(pg_connection_server_version(driver.connection), 130000);
        ck_assert(!pg_connection_in_transaction(driver.connection));
        ck_assert_str_eq(value_of(&driver, STATEMENT_ALONE, "SELECT 'x' AS value"), "x");
        ck_assert(!pg_connection_in_transaction(driver.connection));
        ck_assert_uint_gt(driver.outcome.duration, 0);
        driver_stop(&driver);
}
END_TEST

START_TEST(statements_share_a_transaction_from_opens_to_closes) {
        static const char now[] = "SELECT pg_catalog.transaction_timestamp()::pg_catalog.text AS value";
        Driver driver;
        start_default(&driver);
        _cleanup_(freep) char *opened = strdup(value_of(&driver, STATEMENT_OPENS, now));
        ck_assert(pg_connection_in_transaction(driver.connection));
        ck_assert_str_eq(value_of(&driver, STATEMENT_WITHIN, now), opened);
        ck_assert(pg_connection_in_transaction(driver.connection));
        ck_assert_str_eq(value_of(&driver, STATEMENT_CLOSES, now), opened);
        ck_assert(!pg_connection_in_transaction(driver.connection));
        ck_assert_str_ne(value_of(&driver, STATEMENT_ALONE, now), opened);
        driver_stop(&driver);
}
END_TEST

START_TEST(a_new_transaction_commits_the_one_left_open) {
        static const char now[] = "SELECT pg_catalog.transaction_timestamp()::pg_catalog.text AS value";
        Driver driver;
        start_default(&driver);
        _cleanup_(freep) char *opened = strdup(value_of(&driver, STATEMENT_OPENS, now));
        ck_assert_str_ne(value_of(&driver, STATEMENT_OPENS, now), opened);
        ck_assert_str_ne(value_of(&driver, STATEMENT_ALONE, now), opened);
        ck_assert(!pg_connection_in_transaction(driver.connection));
        driver_stop(&driver);
}
END_TEST

START_TEST(commit_ends_a_transaction_that_a_cut_run_left_open) {
        Driver driver;
        start_default(&driver);
        value_of(&driver, STATEMENT_OPENS, "SELECT '' AS value");
        for (int i = 0; i < 2; i++) {
                const Outcome *outcome = driver_commit(&driver);
                ck_assert_int_eq(outcome->kind, OUTCOME_ROWS);
                ck_assert_ptr_null(outcome->table);
                ck_assert(!pg_connection_in_transaction(driver.connection));
        }
        driver_stop(&driver);
}
END_TEST

START_TEST(a_statement_that_needs_a_transaction_never_runs_without) {
        Driver driver;
        start_default(&driver);
        ck_assert_str_eq(driver_sql(&driver, STATEMENT_WITHIN, "SELECT 'x' AS value")->sqlstate, "25P01");
        ck_assert_int_eq(driver.outcome.kind, OUTCOME_ERROR);
        ck_assert_str_eq(driver_sql(&driver, STATEMENT_CLOSES, "SELECT 'x' AS value")->sqlstate, "25P01");
        ck_assert_str_eq(value_of(&driver, STATEMENT_ALONE, "SELECT 'x' AS value"), "x");
        driver_stop(&driver);
}
END_TEST

static const struct {
        const char *sql, *sqlstate;
} errors[] = {
        {"SELEC", "42601"},
        {"SELECT 1; SELECT 2", "42601"},
        {"SELECT '' AS value FROM public.nothing", "42P01"},
        {"SELECT '' AS value FROM t", "42P01"}, /* no search_path */
        {"SELECT (1/0)::pg_catalog.text AS value", "22012"},
        {"SELECT (1/(n-5000))::pg_catalog.text AS value FROM pg_catalog.generate_series(1, 5000) n", "22012"},
        {"CREATE TABLE public.made (a int)", "25006"},
        {"SET TRANSACTION READ WRITE", "25001"},
        {"SELECT pg_catalog.pg_sleep(30)::pg_catalog.text AS value", "57014"},
        {"SELECT 'x' AS other", "XX000"},
        {"SELECT 'x' AS \"VALUE\"", "XX000"},
        {"", "XX000"},
        {"SELECT pg_catalog.repeat('x', 1048577) AS value", "54000"},
        {"SELECT n::pg_catalog.text AS value FROM pg_catalog.generate_series(1, 10001) n", "54000"},
};

static void one_error(Driver *driver, StatementPlace place, size_t i) {
        bool needs = place == STATEMENT_WITHIN || place == STATEMENT_CLOSES;
        if (needs)
                value_of(driver, STATEMENT_OPENS, "SELECT '' AS value");
        const Outcome *outcome = driver_sql(driver, place, errors[i].sql);
        ck_assert_msg(outcome->kind == OUTCOME_ERROR, "%s", errors[i].sql);
        ck_assert_msg(str_equal(outcome->sqlstate, errors[i].sqlstate), "%s: %s", errors[i].sql,
                      outcome->sqlstate);
        ck_assert_ptr_null(outcome->table);
        ck_assert(!pg_connection_in_transaction(driver->connection));
        ck_assert_str_eq(value_of(driver, STATEMENT_ALONE, "SELECT 'next' AS value"), "next");
}

START_TEST(the_next_statement_works_after_every_error) {
        Driver driver;
        PgOptions options = driver_options(cluster_conninfo(&cluster, ""));
        options.statement_timeout = 500 * USEC_PER_MSEC;
        start(&driver, options);
        for (StatementPlace place = STATEMENT_ALONE; place <= STATEMENT_CLOSES; place++)
                for (size_t i = 0; i < ELEMENTS(errors); i++)
                        if (!str_equal(errors[i].sqlstate, "57014") || place == STATEMENT_OPENS)
                                one_error(&driver, place, i);
        driver_stop(&driver);
}
END_TEST

START_TEST(d7_a_locked_table_is_an_error_within_lock_timeout) {
        static const char locked[] =
                "SELECT pg_catalog.count(*)::pg_catalog.text AS value FROM pg_catalog.pg_locks "
                "WHERE mode = 'AccessExclusiveLock' AND granted";
        Driver driver;
        start_default(&driver);
        pid_t psql = cluster_sql_start(&cluster, "BEGIN; LOCK TABLE public.t; SELECT pg_sleep(60);");
        while (str_equal(value_of(&driver, STATEMENT_ALONE, locked), "0"))
                ;
        driver_sql(&driver, STATEMENT_ALONE, "SELECT a::pg_catalog.text AS value FROM public.t");
        ck_assert_str_eq(driver.outcome.sqlstate, "55P03");
        ck_assert_uint_lt(driver.outcome.duration, 5 * USEC_PER_SEC);
        ck_assert_str_eq(value_of(&driver, STATEMENT_ALONE, "SELECT 'x' AS value"), "x");
        cluster_sql(&cluster, "SELECT pg_terminate_backend(pid, 20000) FROM pg_locks "
                              "WHERE mode = 'AccessExclusiveLock' AND granted");
        cluster_end(psql);
        driver_stop(&driver);
}
END_TEST

static const struct {
        const char *name, *within;
} settings[] = {
        {"search_path", ""},
        {"row_security", "off"},
        {"transaction_read_only", "on"},
        {"transaction_isolation", "read committed"},
        {"statement_timeout", "1500ms"},
        {"lock_timeout", "100ms"},
        {"idle_in_transaction_session_timeout", "5s"},
        {"client_connection_check_interval", "1s"},
        {"max_parallel_workers_per_gather", "0"},
        {"jit", "off"},
        {"client_min_messages", "error"},
        {"DateStyle", "ISO, MDY"},
        {"TimeZone", "UTC"},
        {"constraint_exclusion", "on"},
        {"application_name", "pgvigil/test"},
        {"client_encoding", "UTF8"},
};

static char *setting(Driver *driver, StatementPlace place, const char *name) {
        _cleanup_(freep) char *sql = str_format("SELECT pg_catalog.current_setting('%s') AS value", name);
        return strdup(value_of(driver, place, sql));
}

START_TEST(settings_hold_within_the_transaction_and_leave_nothing_behind) {
        Driver driver;
        PgOptions options = driver_options(cluster_conninfo(&cluster, ""));
        options.statement_timeout = 1500 * USEC_PER_MSEC;
        start(&driver, options);
        for (size_t i = 0; i < ELEMENTS(settings); i++) {
                _cleanup_(freep) char *within = setting(&driver, STATEMENT_ALONE, settings[i].name);
                ck_assert_msg(str_equal(within, settings[i].within), "%s = %s", settings[i].name, within);
                driver.connection->in_transaction = true; /* so that it is sent bare */
                _cleanup_(freep) char *after = setting(&driver, STATEMENT_WITHIN, settings[i].name);
                bool stays = str_equal(settings[i].name, "application_name") ||
                             str_equal(settings[i].name, "client_encoding") ||
                             str_equal(settings[i].name, "transaction_isolation") ||
                             str_equal(settings[i].name, "DateStyle");
                ck_assert_msg(stays || !str_equal(after, within), "%s stays %s", settings[i].name, after);
        }
        driver_stop(&driver);
}
END_TEST

START_TEST(constraint_exclusion_can_be_switched_off_for_one_statement) {
        static char sql[] = "SELECT pg_catalog.current_setting('constraint_exclusion') AS value";
        static const Field fields[] = {{.name = "value", .kind = VALUE_TEXT}};
        static const Shape shape = SHAPE("value", fields);
        Driver driver;
        start_default(&driver);
        Statement statement = {.name = "test", .sql = sql, .shape = &shape, .exclusion_off = true};
        driver_run(&driver, &statement);
        ck_assert_str_eq(driver_value(&driver), "off");
        ck_assert_str_eq(value_of(&driver, STATEMENT_ALONE, sql), "on");
        driver_stop(&driver);
}
END_TEST

START_TEST(columns_are_bound_by_name_and_kind_and_parameters_may_be_null) {
        static char sql[] =
                "SELECT 'extra', $2::pg_catalog.text AS b, $1::pg_catalog.int8 * 2 AS a, true AS c, "
                "1.5::pg_catalog.float8 AS d";
        static const Field fields[] = {{.name = "a", .kind = VALUE_INT},
                                       {.name = "b", .kind = VALUE_TEXT},
                                       {.name = "c", .kind = VALUE_BOOL},
                                       {.name = "d", .kind = VALUE_FLOAT}};
        static const Shape shape = SHAPE("kinds", fields);
        Driver driver;
        start_default(&driver);
        Statement statement = {.name = "test", .sql = strdup(sql), .shape = &shape};
        ck_assert_int_eq(statement_add_parameter(&statement, "21"), 0);
        ck_assert_int_eq(statement_add_parameter(&statement, NULL), 0);
        const Table *table = driver_run(&driver, &statement)->table;
        ck_assert_int_eq(table_int(table, 0, "a"), 42);
        ck_assert(table_is_null(table, 0, "b"));
        ck_assert(table_bool(table, 0, "c"));
        ck_assert(table_get(table, 0, "d")->number == 1.5);
        free(TAKE(statement.parameters[0]));
        statement.parameters[0] = strdup("no number");
        ck_assert_str_eq(driver_run(&driver, &statement)->sqlstate, "22P02");
        statement_done(&statement);
        driver_stop(&driver);
}
END_TEST

START_TEST(a_cell_of_another_kind_is_our_bug_and_ends_the_transaction) {
        static char sql[] = "SELECT 'x' AS a";
        static const Field fields[] = {{.name = "a", .kind = VALUE_INT}};
        static const Shape shape = SHAPE("kinds", fields);
        Driver driver;
        start_default(&driver);
        Statement statement = {.name = "test", .sql = sql, .shape = &shape, .place = STATEMENT_OPENS};
        ck_assert_str_eq(driver_run(&driver, &statement)->sqlstate, "XX000");
        ck_assert(!pg_connection_in_transaction(driver.connection));
        driver_stop(&driver);
}
END_TEST

START_TEST(a_statement_without_a_shape_has_no_table) {
        static char sql[] = "LOCK TABLE ONLY public.t IN ACCESS SHARE MODE";
        Driver driver;
        start_default(&driver);
        Statement statement = {.name = "test", .sql = sql, .place = STATEMENT_OPENS};
        const Outcome *outcome = driver_run(&driver, &statement);
        ck_assert_msg(outcome->kind == OUTCOME_ROWS, "%s %s", outcome->sqlstate, outcome->message);
        ck_assert_ptr_null(outcome->table);
        ck_assert(pg_connection_in_transaction(driver.connection));
        driver_stop(&driver);
}
END_TEST

/* Many rows of which each is larger than a TLS record's rest: nothing may get stuck in between. */
static void read_much(const char *conninfo) {
        static const Field fields[] = {{.name = "value", .kind = VALUE_TEXT}};
        static const Shape shape = SHAPE("value", fields);
        static char sql[] = "SELECT pg_catalog.repeat('x', n * 137 % 60000) AS value "
                            "FROM pg_catalog.generate_series(1, 500) n";
        Driver driver;
        start(&driver, driver_options(conninfo));
        Statement statement = {.name = "test", .sql = sql, .shape = &shape, .max_rows = 500};
        const Outcome *outcome = driver_run(&driver, &statement);
        ck_assert_msg(outcome->kind == OUTCOME_ROWS, "%s %s", outcome->sqlstate, outcome->message);
        ck_assert_uint_eq(outcome->table->n_rows, 500);
        for (size_t i = 0; i < 500; i++)
                ck_assert_uint_eq(strlen(table_text(outcome->table, i, "value")), (i + 1) * 137 % 60000);
        driver_stop(&driver);
}

START_TEST(large_answers_arrive_whole) {
        read_much(cluster_conninfo(&cluster, ""));
}
END_TEST

START_TEST(large_answers_arrive_whole_over_tls) {
        read_much(cluster_conninfo_tcp(&cluster, "sslmode=require"));
}
END_TEST

START_TEST(large_statements_are_sent_whole) {
        Driver driver;
        start_default(&driver);
        size_t length = 3 << 20;
        char *sql = malloc(length + 64);
        int n = snprintf(sql, 64, "SELECT pg_catalog.length('");
        memset(sql + n, 'x', length);
        snprintf(sql + (size_t)n + length, 40, "')::pg_catalog.text AS value");
        ck_assert_str_eq(value_of(&driver, STATEMENT_ALONE, sql), "3145728");
        free(sql);
        driver_stop(&driver);
}
END_TEST

static pid_t backend_of(Driver *driver) {
        const char *pid = value_of(driver, STATEMENT_ALONE,
                                   "SELECT pg_catalog.pg_backend_pid()::pg_catalog.text AS value");
        return (pid_t)strtol(pid, NULL, 10);
}

START_TEST(a_backend_is_known_by_its_pid_and_the_start_of_its_server) {
        Driver driver, other;
        start_default(&driver);
        start_default(&other);
        ck_assert_int_eq(pg_connection_backend_pid(driver.connection), backend_of(&driver));
        ck_assert_int_ne(pg_connection_backend_pid(driver.connection),
                         pg_connection_backend_pid(other.connection));
        ck_assert_str_eq(pg_connection_server_start(driver.connection),
                         pg_connection_server_start(other.connection));
        pg_connection_close(driver.connection);
        ck_assert_int_eq(pg_connection_backend_pid(driver.connection), 0);
        ck_assert_ptr_null(pg_connection_server_start(driver.connection));
        driver_stop(&other);
        driver_stop(&driver);
}
END_TEST

/* What yielding rests on: the one is sent only after the other was answered. */
START_TEST(d8_a_cancel_that_was_answered_strikes_no_later_statement) {
        Driver driver, other;
        start_default(&driver);
        start_default(&other);
        _cleanup_(freep) char *cancel = str_format(
                "SELECT pg_catalog.pg_cancel_backend(%d)::pg_catalog.text AS value",
                pg_connection_backend_pid(driver.connection));
        for (int i = 0; i < 300; i++) {
                StatementPlace place = i % 3 == 0   ? STATEMENT_OPENS
                                       : i % 3 == 1 ? STATEMENT_CLOSES
                                                    : STATEMENT_ALONE;
                ck_assert_str_eq(value_of(&driver, place, "SELECT 'x' AS value"), "x");
                ck_assert_str_eq(value_of(&other, STATEMENT_ALONE, cancel), "true");
        }
        driver_stop(&other);
        driver_stop(&driver);
}
END_TEST

static void terminate(pid_t backend) {
        _cleanup_(freep) char *sql = str_format("SELECT pg_terminate_backend(%d)", (int)backend);
        cluster_sql(&cluster, sql);
}

static const Statement sleeping = {
        .name = "test", .sql = (char[]){"SELECT pg_catalog.pg_sleep(30)"}, .place = STATEMENT_ALONE};

START_TEST(d21_a_terminated_backend_is_lost_with_its_first_sqlstate) {
        for (int idle = 0; idle < 2; idle++) {
                Driver driver;
                start_default(&driver);
                pid_t backend = backend_of(&driver);
                if (!idle)
                        driver_begin_run(&driver, &sleeping);
                terminate(backend);
                const Outcome *outcome = idle ? driver_run(&driver, &sleeping) : driver_wait(&driver);
                ck_assert_int_eq(outcome->kind, OUTCOME_LOST);
                ck_assert_str_eq(outcome->sqlstate, "57P01");
                ck_assert(!outcome->is_timeout);
                ck_assert(!pg_connection_in_transaction(driver.connection));
                ck_assert_int_eq(pg_connection_run(driver.connection, &sleeping, NULL, NULL), -ENOTCONN);
                ck_assert_msg(driver_connect(&driver), "%s", driver.text);
                driver_stop(&driver);
        }
}
END_TEST

START_TEST(d4_a_stopped_backend_is_lost_by_our_own_deadline) {
        Driver driver;
        PgOptions options = driver_options(cluster_conninfo(&cluster, ""));
        options.statement_timeout = 100 * USEC_PER_MSEC;
        start(&driver, options);
        pid_t backend = backend_of(&driver);
        kill(backend, SIGSTOP);
        const Outcome *outcome = driver_run(&driver, &sleeping);
        kill(backend, SIGCONT);
        ck_assert_int_eq(outcome->kind, OUTCOME_LOST);
        ck_assert(outcome->is_timeout);
        ck_assert_uint_ge(outcome->duration, 2 * USEC_PER_SEC);
        ck_assert_msg(driver_connect(&driver), "%s", driver.text);
        driver_stop(&driver);
}
END_TEST

START_TEST(nothing_is_called_after_close_while_running) {
        Driver driver;
        start_default(&driver);
        driver_begin_run(&driver, &sleeping);
        for (int i = 0; i < 3; i++)
                ck_assert_int_ge(sd_event_run(driver.event, USEC_PER_MSEC), 0);
        pg_connection_close(driver.connection);
        for (int i = 0; i < 5; i++)
                ck_assert_int_ge(sd_event_run(driver.event, USEC_PER_MSEC), 0);
        ck_assert_uint_eq(driver.completions, 0);
        driver_stop(&driver);
}
END_TEST

static const struct {
        const char *more, *sqlstate;
        Cause cause;
        const char *text;
} rejections[] = {
        {"user=secret password=wrong", "28P01", CAUSE_AUTH, "login rejected for user \"secret\" (28P01)"},
        {"user=secret passfile=/dev/null/none", "", CAUSE_AUTH, "wants a password for user \"secret\""},
        {"user=nobody", "28000", CAUSE_AUTH, "login from here not allowed for user \"nobody\" (28000)"},
        {"user=noone", "28000", CAUSE_AUTH, "user \"noone\" (28000)"},
        {"user=full", "53300", CAUSE_SLOTS, "no free connection slot (53300)"},
        {"dbname=nothing", "3D000", CAUSE_DATABASE, "database \"nothing\" does not exist (3D000)"},
        {"dbname=closed", "55000", CAUSE_DATABASE, "database \"closed\" accepts no connections (55000)"},
        {"dbname=mine", "42501", CAUSE_AUTH, "no CONNECT privilege on database \"mine\" (42501)"},
        {"target_session_attrs=standby", "", CAUSE_ROLE, "target_session_attrs=standby"},
        {"options='-c nonsense=1'", "42704", CAUSE_REFUSED, "(42704)"},
};

START_TEST(d15_d16_d23_rejections_have_their_causes) {
        for (size_t i = 0; i < ELEMENTS(rejections); i++) {
                Driver driver;
                driver_start(&driver, driver_options(cluster_conninfo(&cluster, rejections[i].more)));
                ck_assert_msg(!driver_connect(&driver), "%s", rejections[i].more);
                ck_assert_msg(driver.cause == rejections[i].cause, "%s: %d", rejections[i].more,
                              driver.cause);
                ck_assert_str_eq(driver.sqlstate, rejections[i].sqlstate);
                ck_assert_msg(strstr(driver.text, rejections[i].text), "%s", driver.text);
                driver_stop(&driver);
        }
}
END_TEST

START_TEST(a_password_lets_in_over_tls) {
        Driver driver;
        start(&driver, driver_options(cluster_conninfo(&cluster, "user=secret password=right")));
        driver_stop(&driver);
        start(&driver,
              driver_options(cluster_conninfo_tcp(&cluster, "sslmode=require target_session_attrs=primary")));
        ck_assert_str_eq(value_of(&driver, STATEMENT_ALONE,
                                  "SELECT ssl::pg_catalog.text AS value FROM pg_catalog.pg_stat_ssl "
                                  "WHERE pid = pg_catalog.pg_backend_pid()"),
                         "true");
        driver_stop(&driver);
}
END_TEST

/* Whether `statement` is among the listed ones, each followed by ";\n" or the end. */
static bool is_listed(const char *listed, const char *statement, size_t length) {
        for (const char *p = listed; p; p = strstr(p, ";\n") ? strstr(p, ";\n") + 2 : NULL)
                if (strncmp(p, statement, length) == 0 && (p[length] == 0 || p[length] == ';'))
                        return true;
        return false;
}

START_TEST(the_server_sees_only_the_statements_that_explain_lists) {
        static const char ours[] = "SELECT 'explained' AS value";
        static const char prefix[] = "\npgvigil/explain|LOG:  execute <unnamed>: ";
        Driver driver;
        PgOptions options = driver_options(cluster_conninfo(&cluster, ""));
        options.application_name = "pgvigil/explain";
        start(&driver, options);
        value_of(&driver, STATEMENT_ALONE, ours);
        _cleanup_(freep) char *listed = pg_session_statements(pg_connection_server_version(driver.connection),
                                                              &options, true);
        _cleanup_(freep) char *log = cluster_log(&cluster);
        unsigned seen = 0;
        for (const char *p = log; (p = strstr(p, "\npgvigil/explain|")); p++) {
                ck_assert_msg(str_starts_with(p, prefix), "%.200s", p);
                const char *sql = p + strlen(prefix);
                size_t length = strcspn(sql, "\n");
                ck_assert_msg(is_listed(listed, sql, length) || strncmp(sql, ours, length) == 0, "%.*s",
                              (int)length, sql);
                seen++;
        }
        ck_assert_uint_eq(seen, 8);
        driver_stop(&driver);
}
END_TEST

/* The last one: it makes the server recover. */
START_TEST(d2_d3_a_session_that_just_ends_is_lost_and_recovery_has_its_cause) {
        Driver driver;
        start_default(&driver);
        pid_t backend = backend_of(&driver);
        driver_begin_run(&driver, &sleeping);
        for (int i = 0; i < 3; i++)
                ck_assert_int_ge(sd_event_run(driver.event, USEC_PER_MSEC), 0);
        kill(backend, SIGKILL);
        ck_assert_int_eq(driver_wait(&driver)->kind, OUTCOME_LOST);
        ck_assert_str_eq(driver.outcome.sqlstate, "");
        ck_assert(!driver.outcome.is_timeout);
        for (int i = 0; i < 10000 && !driver_connect(&driver); i++)
                ck_assert_msg(driver.cause == CAUSE_STARTING_UP || driver.cause == CAUSE_LOST ||
                                      driver.cause == CAUSE_REFUSED,
                              "%s", driver.text);
        ck_assert(driver.is_connected);
        driver_stop(&driver);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                connected_means_that_a_statement_has_completed,
                statements_share_a_transaction_from_opens_to_closes,
                a_new_transaction_commits_the_one_left_open,
                commit_ends_a_transaction_that_a_cut_run_left_open,
                a_statement_that_needs_a_transaction_never_runs_without,
                the_next_statement_works_after_every_error,
                d7_a_locked_table_is_an_error_within_lock_timeout,
                settings_hold_within_the_transaction_and_leave_nothing_behind,
                constraint_exclusion_can_be_switched_off_for_one_statement,
                columns_are_bound_by_name_and_kind_and_parameters_may_be_null,
                a_cell_of_another_kind_is_our_bug_and_ends_the_transaction,
                a_statement_without_a_shape_has_no_table,
                large_answers_arrive_whole,
                large_answers_arrive_whole_over_tls,
                large_statements_are_sent_whole,
                a_backend_is_known_by_its_pid_and_the_start_of_its_server,
                d8_a_cancel_that_was_answered_strikes_no_later_statement,
                d21_a_terminated_backend_is_lost_with_its_first_sqlstate,
                d4_a_stopped_backend_is_lost_by_our_own_deadline,
                nothing_is_called_after_close_while_running,
                d15_d16_d23_rejections_have_their_causes,
                a_password_lets_in_over_tls,
                the_server_sees_only_the_statements_that_explain_lists,
                d2_d3_a_session_that_just_ends_is_lost_and_recovery_has_its_cause,
        };
        if (cluster_start(&cluster) < 0)
                return EXIT_FAILURE; /* the message is on standard error */
        int r = unit_run("server", tests, ELEMENTS(tests));
        cluster_stop(&cluster);
        return r;
}
