/* The engine's part and the server's part of a run of the check `migration`, for its tests.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "drive.h"

#include <ftw.h>

static Table *answer_detect(const FakeServer *server) {
        Table *table = NULL;
        size_t row;

        ck_assert_int_eq(table_new(&migration_detect_shape, NULL, &table), 0);
        for (size_t i = 0; i < server->n_histories; i++) {
                const FakeHistory *history = &server->histories[i];
                char relation[256];

                snprintf(relation, sizeof(relation), "%s._prisma_migrations", history->schema);
                ck_assert_int_eq(table_add_row(table, &row), 0);
                table_set_text(table, row, "relation", relation);
                table_set_text(table, row, "schemaname", history->schema);
                *table_cell(table, row, "may_use_schema") = VALUE_OF_BOOL(!history->may_not_use);
                *table_cell(table, row, "may_select") = VALUE_OF_BOOL(!history->may_not_select);
                *table_cell(table, row, "is_hidden") = VALUE_OF_BOOL(history->is_hidden);
        }
        return table;
}

Table *answer_rows(const FakeHistory *history) {
        Table *table = NULL;
        size_t row;

        ck_assert_int_eq(table_new(&history_row_shape, NULL, &table), 0);
        for (size_t i = 0; i < history->n_rows; i++) {
                const FakeRow *fake = &history->rows[i];
                char id[32];

                snprintf(id, sizeof(id), "id-%zu", i);
                ck_assert_int_eq(table_add_row(table, &row), 0);
                table_set_text(table, row, "id", id);
                table_set_text(table, row, "name", fake->owned_name ? fake->owned_name : fake->name);
                table_set_text(table, row, "checksum",
                               fake->owned_checksum ? fake->owned_checksum : fake->checksum);
                *table_cell(table, row, "is_finished") = VALUE_OF_BOOL(fake->is_finished);
                *table_cell(table, row, "is_rolled_back") = VALUE_OF_BOOL(fake->is_rolled_back);
                *table_cell(table, row, "has_logs") = VALUE_OF_BOOL(fake->has_logs);
                if (fake->started_at > 0)
                        table_set_int(table, row, "started_at", (int64_t)fake->started_at);
                if (fake->finished_at > 0)
                        table_set_int(table, row, "finished_at", (int64_t)fake->finished_at);
        }
        return table;
}

static Table *answer_lock(const FakeServer *server) {
        Table *table = NULL;
        size_t row;

        ck_assert_int_eq(table_new(&migration_lock_shape, NULL, &table), 0);
        ck_assert_int_eq(table_add_row(table, &row), 0);
        *table_cell(table, row, "is_held") = VALUE_OF_BOOL(server->is_locked);
        *table_cell(table, row, "is_standby") = VALUE_OF_BOOL(server->is_standby);
        table_set_int(table, row, "now_usec", (int64_t)NOW);
        return table;
}

static Table *answer_blocked(FakeServer *server) {
        Table *table = NULL;
        size_t row;

        ck_assert_int_eq(table_new(&migration_blocked_answer_shape, NULL, &table), 0);
        ck_assert_int_eq(table_add_row(table, &row), 0);
        table_set_int(table, row, "holders", server->holders);
        table_set_int(table, row, "blocked", server->blocked);
        *table_cell(table, row, "is_capped") = VALUE_OF_BOOL(server->is_capped);
        if (!server->wait_is_unknown)
                table_set_int(table, row, "longest_wait_usec", server->longest_wait);
        table_set_text(table, row, "locked", server->locked);
        return table;
}

static void refuse(Outcome *outcome, const char *sqlstate) {
        outcome->kind = OUTCOME_ERROR;
        snprintf(outcome->sqlstate, sizeof(outcome->sqlstate), "%s", sqlstate);
}

static void answer(FakeServer *server, const Statement *statement, Outcome *ret) {
        ck_assert(statement->place == STATEMENT_ALONE);
        if (strcmp(statement->name, "migration.detect") == 0) {
                snprintf(server->last_table, sizeof(server->last_table), "%s", statement->parameters[0]);
                snprintf(server->last_schema, sizeof(server->last_schema), "%s",
                         statement->parameters[3] ? statement->parameters[3] : "(null)");
                if (server->detect_sqlstate)
                        refuse(ret, server->detect_sqlstate);
                else
                        ret->table = answer_detect(server);
                return;
        }
        if (strcmp(statement->name, "migration.lock") == 0) {
                ck_assert_str_eq(statement->parameters[0], "72707369");
                ret->table = answer_lock(server);
                return;
        }
        if (strcmp(statement->name, "migration.blocked") == 0) {
                ck_assert_str_eq(statement->parameters[0], "72707369");
                ck_assert_str_eq(statement->parameters[1], server->is_locked ? "f" : "t");
                server->n_blocked++;
                if (server->blocked_sqlstate)
                        refuse(ret, server->blocked_sqlstate);
                else
                        ret->table = answer_blocked(server);
                return;
        }
        ck_assert_str_eq(statement->name, "migration.rows");
        for (size_t i = 0; i < server->n_histories; i++) {
                const FakeHistory *history = &server->histories[i];
                char from[300];

                snprintf(from, sizeof(from), " FROM %s._prisma_migrations ORDER", history->schema);
                if (!strstr(statement->sql, from))
                        continue;
                if (history->rows_sqlstate)
                        refuse(ret, history->rows_sqlstate);
                else
                        ret->table = answer_rows(history);
                return;
        }
        ck_abort_msg("rows of an unknown history: %s", statement->sql);
}

void drive(void *state, const CheckContext *context, FakeServer *server, size_t cut_after, Report *report) {
        void *gathered = NULL;
        size_t n = 0;
        int r;

        if (!str_is_empty(context->settings->migrations.directory))
                ck_assert_int_eq(migration_check.gather(context->settings, &gathered), 0);
        ck_assert_int_eq(migration_check.begin(state, context, gathered), 0);
        for (;;) {
                _cleanup_(statement_done) Statement statement = {};
                _cleanup_(outcome_done) Outcome outcome = {.kind = OUTCOME_ROWS};

                r = migration_check.next(state, context, &statement);
                ck_assert_int_ge(r, 0);
                if (r == 0)
                        break;
                ck_assert_uint_lt(++n, 100);
                if (n == cut_after)
                        return;
                answer(server, &statement, &outcome);
                ck_assert_int_eq(migration_check.take(state, context, &outcome), 0);
        }
        ck_assert_int_eq(migration_check.judge(state, context, report), 0);
}

const Finding *find_in(const Report *report, const char *object, const char *name) {
        for (size_t i = 0; i < report->n_findings; i++)
                if (str_equal(report->findings[i].object, object) &&
                    str_equal(report->findings[i].name, name))
                        return &report->findings[i];
        return NULL;
}

const Finding *must_find(const Report *report, const char *object, const char *name) {
        const Finding *finding = find_in(report, object, name);

        ck_assert_msg(finding, "no finding %s %s", object, name);
        ck_assert_int_eq(finding->kind, KIND_MIGRATION);
        ck_assert_msg(!str_is_empty(finding->summary), "%s has no summary", name);
        return finding;
}

int64_t count_in(const Report *report, const char *schema, const char *state) {
        for (size_t i = 0; i < report->n_tables; i++) {
                const Table *table = report->tables[i];

                for (size_t row = 0; table->shape == &migrations_shape && row < table->n_rows; row++)
                        if (str_equal(table_text(table, row, "schemaname"), schema) &&
                            str_equal(table_text(table, row, "state"), state))
                                return table_is_null(table, row, "count") ? -1
                                                                          : table_int(table, row, "count");
        }
        return -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void remove_tree(const char *path) {
        (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void write_file(const char *directory, const char *name, const void *bytes, size_t length) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        file = fopen(path, "w");
        ck_assert_msg(file, "%s: %m", path);
        ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
        ck_assert_int_eq(fclose(file), 0);
}

void write_migration(const char *directory, const char *name, const char *text) {
        char path[2048];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        ck_assert_msg(mkdir(path, 0755) == 0, "%s: %m", path);
        if (text)
                write_file(path, "migration.sql", text, strlen(text));
}
