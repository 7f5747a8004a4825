/* The state of the migration check of one target, shared by the files that build its statements
 * (statements.c), run them (check-migration.c) and judge (findings.c).
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "history.h"
#include "pgvigil/model/check-kind.h"

#define HISTORIES_MAX 64 /* schemas with a history of their own, a framework */

typedef struct History {
        const MigrationFramework *framework;
        char *schema;
        char *relation; /* schema-qualified and quoted; NULL: there is no table, only a directory */
        bool may_use_schema, may_select, is_hidden; /* hidden: by row level security */
        /* of this run */
        bool was_read;
        Reason failure; /* why not */
        HistoryRows rows;
        /* of the last run that read it */
        Verdicts verdicts;
        bool has_verdicts;
} History;

/* What one framework has in one target, beside its histories. */
typedef struct FrameworkState {
        Disk disk; /* the last that could be read */
        bool has_disk;
        int disk_error; /* of this run; 0: read, or no directory is given */
        bool detect_failed, has_too_many;
        Reason detect_failure;
        bool lock_is_known, lock_is_held;
        bool is_standby;
        usec_t now;       /* the server's clock */
        MigrationRun run; /* of this run of the check */
} FrameworkState;

typedef enum MigrationStep { STEP_DETECT, STEP_LOCK, STEP_ROWS, STEP_BLOCKED, STEP_DONE } MigrationStep;

typedef struct MigrationCheck {
        char *schema, *table; /* of the setting migrations.table; NULL: not given */
        bool table_is_invalid;
        FrameworkState frameworks[N_FRAMEWORKS];
        History *histories;
        size_t n_histories;
        MigrationStep step;
        size_t position; /* framework or history that the step has come to */
} MigrationCheck;

void history_done(History *history);

extern const Shape migration_detect_shape, migration_lock_shape;
extern const Shape migrations_shape, migration_history_shape; /* published */

int statement_detect(const MigrationCheck *check, const MigrationFramework *framework, Statement *ret);
int statement_lock(const MigrationFramework *framework, Statement *ret);
int statement_rows(const History *history, Statement *ret);
Reason statement_failure(const Outcome *outcome);

/* blocked.c */
extern const Shape migration_blocked_answer_shape, migration_blocked_shape;
bool blocked_is_wanted(const MigrationCheck *check, const MigrationFramework *framework,
                       const FrameworkState *state);
int statement_blocked(const MigrationFramework *framework, const FrameworkState *state,
                      const CheckContext *context, Statement *ret);
int blocked_take(FrameworkState *state, const Outcome *outcome);
void blocked_judge(MigrationCheck *check, Report *report);
int blocked_describe(const MigrationRun *run, Finding *finding); /* of one that is being applied */
int blocked_publish(const History *history, const FrameworkState *state, Report *report);

int migration_judge(MigrationCheck *check, const CheckContext *context, Report *report);

/* Sets report->migrations, and adds what the settings name and nobody has. */
int migration_expect(const MigrationCheck *check, const CheckContext *context, Report *report);
