/* Driver: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "driver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "pgvigil/base/clock.h"

static int on_names(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        worker_dispatch(userdata);
        return 0;
}

PgOptions driver_options(const char *conninfo) {
        return (PgOptions){
                .conninfo = conninfo,
                .application_name = "pgvigil/test",
                .connect_timeout = 10 * USEC_PER_SEC,
                .statement_timeout = 10 * USEC_PER_SEC,
                .lock_timeout = 100 * USEC_PER_MSEC,
        };
}

void driver_start(Driver *driver, PgOptions options) {
        *driver = (Driver){.options = options};
        ck_assert_int_ge(sd_event_new(&driver->event), 0);
        ck_assert_int_ge(worker_new("names", &driver->names), 0);
        ck_assert_int_ge(sd_event_add_io(driver->event, NULL, worker_fd(driver->names), EPOLLIN, on_names,
                                         driver->names),
                         0);
        ck_assert_int_eq(pg_connection_new(driver->event, driver->names, &options, &driver->connection), 0);
}

void driver_stop(Driver *driver) {
        driver->connection = pg_connection_free(driver->connection);
        driver->names = worker_free(driver->names);
        driver->event = sd_event_unref(driver->event);
        outcome_done(&driver->outcome);
}

static void driver_turn(Driver *driver, uint64_t timeout) {
        ck_assert_int_ge(sd_event_run(driver->event, timeout), 0);
}

static void driver_wait_completion(Driver *driver) {
        usec_t began = clock_boottime();
        while (driver->completions == 0) {
                ck_assert_msg(usec_since(clock_boottime(), began) < PATIENCE, "nothing completes");
                driver_turn(driver, 100 * USEC_PER_MSEC);
        }
        driver->took = usec_since(clock_boottime(), began);
        for (int i = 0; i < 5; i++)
                driver_turn(driver, 0);
        ck_assert_uint_eq(driver->completions, 1);
}

static void on_connected(void *userdata, const PgFailure *failure) {
        Driver *driver = userdata;
        ck_assert(!driver->is_starting);
        driver->completions++;
        driver->is_connected = !failure;
        driver->cause = failure ? failure->cause : CAUSE_NONE;
        snprintf(driver->sqlstate, sizeof driver->sqlstate, "%s", failure ? failure->sqlstate : "");
        snprintf(driver->text, sizeof driver->text, "%s", failure ? failure->text : "");
}

bool driver_connect(Driver *driver) {
        driver->completions = 0;
        driver->is_starting = true;
        ck_assert_int_eq(pg_connection_connect(driver->connection, on_connected, driver), 0);
        driver->is_starting = false;
        ck_assert_int_eq(pg_connection_connect(driver->connection, on_connected, driver), -EBUSY);
        driver_wait_completion(driver);
        ck_assert(driver->is_connected == pg_connection_is_ready(driver->connection));
        return driver->is_connected;
}

static void on_done(void *userdata, Outcome *outcome) {
        Driver *driver = userdata;
        ck_assert(!driver->is_starting);
        driver->completions++;
        driver->outcome = *outcome;
        *outcome = (Outcome){};
}

void driver_begin_run(Driver *driver, const Statement *statement) {
        driver->completions = 0;
        outcome_done(&driver->outcome);
        driver->outcome = (Outcome){};
        driver->is_starting = true;
        ck_assert_int_eq(pg_connection_run(driver->connection, statement, on_done, driver), 0);
        driver->is_starting = false;
        ck_assert_int_eq(pg_connection_run(driver->connection, statement, on_done, driver), -EBUSY);
}

const Outcome *driver_wait(Driver *driver) {
        driver_wait_completion(driver);
        bool is_lost = driver->outcome.kind == OUTCOME_LOST;
        ck_assert(is_lost == !pg_connection_is_ready(driver->connection));
        return &driver->outcome;
}

const Outcome *driver_run(Driver *driver, const Statement *statement) {
        driver_begin_run(driver, statement);
        return driver_wait(driver);
}

const Outcome *driver_commit(Driver *driver) {
        driver->completions = 0;
        outcome_done(&driver->outcome);
        driver->outcome = (Outcome){};
        ck_assert_int_eq(pg_connection_commit(driver->connection, on_done, driver), 0);
        return driver_wait(driver);
}

static const Field value_fields[] = {{.name = "value", .kind = VALUE_TEXT, .role = FIELD_TEXT}};
static const Shape value_shape = SHAPE("value", value_fields);

const Outcome *driver_sql(Driver *driver, StatementPlace place, const char *sql) {
        Statement statement = {.name = "test", .sql = (char *)sql, .place = place, .shape = &value_shape};
        return driver_run(driver, &statement);
}

const char *driver_value(const Driver *driver) {
        const Table *table = driver->outcome.table;
        return table && table->n_rows > 0 ? table_text(table, 0, "value") : NULL;
}
