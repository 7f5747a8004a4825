/* Drives the check `migration` as the engine does, against a server that is a struct: what it
 * has, what it refuses. No connection, no clock.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "migrations/check-migration.h"
#include "pgvigil/migrations.h"

#define NOW ((usec_t)1800000000 * USEC_PER_SEC)

typedef struct FakeRow {
        const char *name, *checksum;
        bool is_finished, is_rolled_back, has_logs;
        usec_t started_at, finished_at;
        char *owned_name, *owned_checksum; /* of rows read from a dump */
} FakeRow;

typedef struct FakeHistory {
        const char *schema; /* NULL ends the list */
        bool may_not_use, may_not_select, is_hidden;
        const char *rows_sqlstate; /* NULL: rows are answered */
        const FakeRow *rows;
        size_t n_rows;
} FakeHistory;

typedef struct FakeServer {
        FakeHistory histories[4];
        size_t n_histories;
        const char *detect_sqlstate;
        bool is_locked, is_standby;
        int64_t holders, blocked, longest_wait; /* as the statement answers that asks who waits */
        bool is_capped, wait_is_unknown;
        const char *locked;
        const char *blocked_sqlstate;
        size_t n_blocked;                       /* out: how often it was asked */
        char last_table[128], last_schema[128]; /* out: parameters of the detection */
} FakeServer;

Table *answer_rows(const FakeHistory *history);
/* One whole run. `cut_after` statements the connection is lost (0: never), and there is no judge(). */
void drive(void *state, const CheckContext *context, FakeServer *server, size_t cut_after, Report *report);
const Finding *find_in(const Report *report, const char *object, const char *name);
const Finding *must_find(const Report *report, const char *object, const char *name);
/* A cell of the published table `migrations`; -1 for NULL or no such row. */
int64_t count_in(const Report *report, const char *schema, const char *state);
void remove_tree(const char *path);
void write_file(const char *directory, const char *name, const void *bytes, size_t length);
/* A migration in a directory: its subdirectory and, with `text`, its file. */
void write_migration(const char *directory, const char *name, const char *text);
