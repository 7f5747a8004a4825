/* A history in a directory of its own, and verbs for it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"
#include "history/internal.h"
#include "history/state-file.h"
#include "pgvigil/base/log.h"
#include "pgvigil/base/str.h"

#define T0        (1764000000 * USEC_PER_SEC) /* on a whole hour */
#define RETENTION (15 * USEC_PER_DAY)
#define DEADLINE  20000 /* ms */

typedef struct Lab {
        char directory[32];
        char file[64];
        uint64_t size_max;
        History *history;
        usec_t now;
} Lab;

static inline void lab_init(Lab *lab) {
        *lab = (Lab){.now = T0};
        (void)strcpy(lab->directory, "/tmp/test-history-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(lab->directory));
        (void)snprintf(lab->file, sizeof(lab->file), "%s/" STATE_FILE, lab->directory);
        log_set_level(LOG_CRIT);
}

static inline void lab_done(Lab *lab) {
        _cleanup_(freep) char *command = str_format("rm -rf %s", lab->directory);

        history_free(lab->history);
        ck_assert_int_eq(system(command), 0);
}

/* Until no job is under way. */
static inline void lab_settle(Lab *lab) {
        History *history = lab->history;

        while (history->is_opening || history->is_writing) {
                struct pollfd wait = {.fd = history_fd(history), .events = POLLIN};

                ck_assert_int_eq(poll(&wait, 1, DEADLINE), 1);
                history_dispatch(history);
        }
}

static inline void lab_tick(Lab *lab) {
        history_tick(lab->history, lab->now);
        lab_settle(lab);
}

static inline HistoryOptions lab_options(const Lab *lab) {
        return (HistoryOptions){lab->directory, RETENTION, 1, lab->size_max};
}

/* Starts it, and has it open what there is. */
static inline void lab_start(Lab *lab) {
        const HistoryOptions options = lab_options(lab);
        pid_t holder;

        ck_assert_int_eq(history_new(&options, &lab->history, &holder), 0);
        lab_tick(lab);
}

static inline void lab_stop(Lab *lab) {
        lab->history = history_free(lab->history);
}

static inline void lab_restart(Lab *lab) {
        lab_stop(lab);
        lab_start(lab);
}

static inline HistoryStatus lab_status(const Lab *lab) {
        HistoryStatus status;

        history_status(lab->history, &status);
        return status;
}

/* Has all that is queued written. */
static inline void lab_write(Lab *lab) {
        lab->now += USEC_PER_MINUTE;
        lab_tick(lab);
}

static inline void lab_sample(Lab *lab, const char *series, usec_t at, double value) {
        ck_assert_int_eq(history_sample(lab->history, "shop", series, at, value), 0);
}

/* All samples of a time in one. */
static inline SeriesPoint lab_sum(const Lab *lab, const char *series, usec_t from, usec_t to) {
        const SeriesQuery query = {from, to, 0};
        _cleanup_(series_window_done) SeriesWindow window = {};
        SeriesPoint sum = {};

        ck_assert_int_ge(history_window(lab->history, "shop", series, &query, &window), 0);
        for (size_t i = 0; i < window.n_points; i++)
                series_point_merge(&sum, &window.points[i]);
        return sum;
}

static inline bool lab_has(const Lab *lab, const char *pattern) {
        _cleanup_(freep) char *command = str_format("ls -d %s/%s >/dev/null 2>&1", lab->directory, pattern);

        return system(command) == 0;
}

/* The answer of one SQL statement about the file, by a connection of its own; no daemon may have it. */
static inline int64_t lab_ask(const Lab *lab, const char *sql) {
        sqlite3_stmt *statement;
        sqlite3 *db;
        int64_t number;

        ck_assert_int_eq(sqlite3_open(lab->file, &db), SQLITE_OK);
        ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s",
                      sqlite3_errmsg(db));
        (void)sqlite3_step(statement);
        number = sqlite3_column_int64(statement, 0);
        ck_assert_int_eq(sqlite3_finalize(statement), SQLITE_OK);
        ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
        return number;
}
