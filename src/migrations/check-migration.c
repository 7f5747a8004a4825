/* The check `migration`: finds the histories, reads locks and rows, compares with the directory.
 *
 *   DETECT (each framework) ─▶ LOCK (each with a history) ─▶ ROWS (each history)
 *                              ─▶ BLOCKED (each framework that works now) ─▶ judge
 *
 * Locks are read before rows: an open row without a lock is then either young or abandoned. Each
 * statement has its own transaction, so that one that fails takes none with it. What was read
 * last stays with its history: blindness never makes a finding go away.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "check-migration.h"

#include <errno.h>

#include "pgvigil/migrations.h"

void history_done(History *history) {
        free(history->schema);
        free(history->relation);
        history_rows_done(&history->rows);
        verdicts_done(&history->verdicts);
        *history = (History){};
}

static void *check_free(void *state) {
        MigrationCheck *check = state;

        if (!check)
                return NULL;
        for (size_t i = 0; i < check->n_histories; i++)
                history_done(&check->histories[i]);
        for (size_t i = 0; i < N_FRAMEWORKS; i++) {
                disk_done(&check->frameworks[i].disk);
                migration_run_done(&check->frameworks[i].run);
        }
        free(check->histories);
        free(check->schema);
        free(check->table);
        free(check);
        return NULL;
}

static int check_new(const TargetSettings *settings, void **ret_state) {
        MigrationCheck *check = calloc(1, sizeof(*check));
        int r = 0;

        if (!check)
                return -ENOMEM;
        if (!str_is_empty(settings->migrations.table))
                r = table_name_parse(settings->migrations.table, &check->schema, &check->table);
        if (r == -ENOMEM) {
                check_free(check);
                return r;
        }
        check->table_is_invalid = r < 0;
        *ret_state = check;
        return 0;
}

static int check_gather(const TargetSettings *settings, void **ret_gathered) {
        Gathered *gathered = NULL;
        int r = gathered_new(&settings->migrations, &gathered);

        *ret_gathered = gathered;
        return r;
}

static void *check_free_gathered(void *gathered) {
        return gathered_free(gathered);
}

/* A directory that cannot be read now leaves the last one that could in its place. */
static void take_disk(FrameworkState *state, Gathered *gathered, size_t i) {
        if (!gathered || !gathered->is_read[i]) {
                state->disk_error = -ETIMEDOUT;
                return;
        }
        state->disk_error = gathered->disks[i].error;
        if (state->disk_error < 0)
                return;
        disk_done(&state->disk);
        state->disk = gathered->disks[i];
        state->has_disk = true;
        gathered->disks[i] = (Disk){};
}

static int check_begin(void *state, const CheckContext *context, void *gathered_) {
        _cleanup_(gathered_freep) Gathered *gathered = gathered_;
        const MigrationSettings *settings = &context->settings->migrations;
        MigrationCheck *check = state;

        for (size_t i = 0; i < N_FRAMEWORKS; i++) {
                FrameworkState *framework = &check->frameworks[i];

                framework->detect_failed = framework->lock_is_known = framework->lock_is_held = false;
                framework->disk_error = 0;
                migration_run_done(&framework->run);
                if (!str_is_empty(settings->directory) &&
                    framework_is_wanted(migration_frameworks[i], settings))
                        take_disk(framework, gathered, i);
        }
        for (size_t i = 0; i < check->n_histories; i++) {
                check->histories[i].was_read = false;
                check->histories[i].failure = REASON_ERROR;
                history_rows_done(&check->histories[i].rows);
        }
        check->step = STEP_DETECT;
        check->position = 0;
        return 0;
}

static bool wants_lock(const MigrationCheck *check, const MigrationFramework *framework) {
        for (size_t i = 0; i < check->n_histories; i++)
                if (check->histories[i].framework == framework && check->histories[i].relation)
                        return framework->lock_key != 0;
        return false;
}

static bool wants_rows(const MigrationCheck *check, const History *history) {
        if (!history->relation || !history->may_use_schema || !history->may_select || history->is_hidden)
                return false;
        for (size_t i = 0; i < N_FRAMEWORKS; i++)
                if (migration_frameworks[i] == history->framework)
                        return !check->frameworks[i].detect_failed;
        return false;
}

static int next_of_framework(MigrationCheck *check, const CheckContext *context, size_t i, Statement *ret) {
        const MigrationFramework *framework = migration_frameworks[i];
        const FrameworkState *state = &check->frameworks[i];
        bool is_wanted = framework_is_wanted(framework, &context->settings->migrations);

        if (check->step == STEP_DETECT && is_wanted)
                return statement_detect(check, framework, ret);
        if (check->step == STEP_LOCK && wants_lock(check, framework))
                return statement_lock(framework, ret);
        if (check->step == STEP_BLOCKED && wants_lock(check, framework) &&
            (context->explain || blocked_is_wanted(check, framework, state)))
                return statement_blocked(framework, state, context, ret);
        return 1;
}

static int check_next(void *state, const CheckContext *context, Statement *ret) {
        MigrationCheck *check = state;
        int r;

        if (check->table_is_invalid)
                return 0;
        for (;; check->position++) {
                size_t end = check->step == STEP_ROWS ? check->n_histories : N_FRAMEWORKS,
                       i = check->position;

                if (check->step == STEP_DONE)
                        return 0;
                if (i >= end) {
                        check->step++;
                        check->position = (size_t)-1;
                        continue;
                }
                r = 1;
                if (check->step != STEP_ROWS)
                        r = next_of_framework(check, context, i, ret);
                else if (wants_rows(check, &check->histories[i]))
                        r = statement_rows(&check->histories[i], ret);
                if (r <= 0)
                        return r < 0 ? r : 1;
        }
}

/* The history in that schema as it was known, moved out of the old list, or a new one. */
static History history_of(MigrationCheck *check, const MigrationFramework *framework, const char *schema) {
        for (size_t i = 0; i < check->n_histories; i++) {
                History *history = &check->histories[i], found = *history;

                if (history->framework != framework || !str_equal(history->schema, schema))
                        continue;
                *history = (History){};
                return found;
        }
        return (History){.framework = framework, .failure = REASON_ERROR};
}

static int history_set(History *history, const Table *table, size_t row) {
        history->may_use_schema = table_bool(table, row, "may_use_schema");
        history->may_select = table_bool(table, row, "may_select");
        history->is_hidden = table_bool(table, row, "is_hidden");
        if (!history->may_use_schema || !history->may_select)
                history->failure = REASON_PRIVILEGE;
        else if (history->is_hidden)
                history->failure = REASON_ROW_SECURITY;
        if (str_set(&history->schema, table_text(table, row, "schemaname")) < 0)
                return -ENOMEM;
        return str_set(&history->relation, table_text(table, row, "relation"));
}

/* No table, but a directory: all of it is pending. */
static int history_set_absent(const MigrationCheck *check, History *history) {
        history->was_read = true;
        history->relation = (free(history->relation), NULL);
        return str_set(&history->schema, check->schema ? check->schema : history->framework->schema);
}

/* The framework's histories become those of the table; the others stay. */
static int take_histories(MigrationCheck *check, const CheckContext *context,
                          const MigrationFramework *framework, const Table *table) {
        size_t n = table->n_rows < HISTORIES_MAX ? table->n_rows : HISTORIES_MAX, count = 0;
        bool is_absent = n == 0 && !str_is_empty(context->settings->migrations.directory);
        History *histories = calloc(check->n_histories + n + 1, sizeof(*histories));
        int r = 0;

        if (!histories)
                return -ENOMEM;
        for (size_t i = 0; i < check->n_histories; i++)
                if (check->histories[i].framework != framework) {
                        histories[count++] = check->histories[i];
                        check->histories[i] = (History){};
                }
        for (size_t i = 0; r >= 0 && i < n; i++, count++) {
                histories[count] = history_of(check, framework, table_text(table, i, "schemaname"));
                r = history_set(&histories[count], table, i);
        }
        if (r >= 0 && is_absent) {
                histories[count] = (History){.framework = framework};
                r = history_set_absent(check, &histories[count++]);
        }
        for (size_t i = 0; i < check->n_histories; i++)
                history_done(&check->histories[i]);
        free(check->histories);
        check->histories = histories;
        check->n_histories = count;
        return r;
}

static int take_detect(MigrationCheck *check, size_t position, const CheckContext *context,
                       const Outcome *outcome) {
        FrameworkState *state = &check->frameworks[position];
        const MigrationFramework *framework = migration_frameworks[position];

        if (outcome->kind == OUTCOME_ROWS) {
                state->has_too_many = outcome->table->n_rows > HISTORIES_MAX;
                return take_histories(check, context, framework, outcome->table);
        }
        state->detect_failed = true;
        state->detect_failure = statement_failure(outcome);
        for (size_t i = 0; i < check->n_histories; i++)
                if (check->histories[i].framework == framework)
                        check->histories[i].failure = state->detect_failure;
        return 0;
}

static void take_lock(FrameworkState *state, const Outcome *outcome) {
        if (outcome->kind != OUTCOME_ROWS || outcome->table->n_rows != 1)
                return;
        state->is_standby = table_bool(outcome->table, 0, "is_standby");
        state->lock_is_held = table_bool(outcome->table, 0, "is_held");
        state->lock_is_known = state->lock_is_held || !state->is_standby;
        state->now = (usec_t)table_int(outcome->table, 0, "now_usec");
}

static int take_rows(History *history, const Outcome *outcome) {
        int r;

        if (outcome->kind != OUTCOME_ROWS) {
                history->failure = statement_failure(outcome);
                return 0;
        }
        r = history_rows_load(outcome->table, &history->rows);
        history->was_read = r >= 0;
        return r;
}

static int check_take(void *state, const CheckContext *context, const Outcome *outcome) {
        MigrationCheck *check = state;
        size_t position = check->position++;

        if (check->step == STEP_DETECT)
                return take_detect(check, position, context, outcome);
        if (check->step == STEP_ROWS)
                return take_rows(&check->histories[position], outcome);
        if (check->step == STEP_BLOCKED)
                return blocked_take(&check->frameworks[position], outcome);
        take_lock(&check->frameworks[position], outcome);
        return 0;
}

static int check_judge(void *state, const CheckContext *context, Report *report) {
        return migration_judge(state, context, report);
}

static const Shape *const shapes[] = {&migrations_shape, &migration_history_shape, &migration_blocked_shape,
                                      NULL};

const CheckKind migration_check = {
        .name = "migration",
        .help = "The histories of migration tools: pending, running, failed, interrupted, modified and "
                "missing migrations; and what one blocks while it runs.",
        .interval = offsetof(Intervals, migrations),
        .shapes = shapes,
        .new = check_new,
        .free = check_free,
        .gather = check_gather,
        .free_gathered = check_free_gathered,
        .begin = check_begin,
        .next = check_next,
        .take = check_take,
        .judge = check_judge,
};
