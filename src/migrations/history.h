/* History: one framework's record in one schema: its rows, and what they mean beside a directory.
 *
 * Pure: rows come in as a Table, the directory as a Disk, the server's clock as a number.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "disk.h"
#include "pgvigil/model/table.h"

extern const Shape history_row_shape; /* what MigrationFramework.columns answers */

typedef struct HistoryRow {
        char *id, *name, *checksum;
        bool is_finished, is_rolled_back, has_logs;
        usec_t started_at, finished_at; /* 0: unknown */
        size_t position;
} HistoryRow;

typedef struct HistoryRows {
        HistoryRow *items; /* sorted by name, then oldest first */
        size_t count;
} HistoryRows;

int history_rows_load(const Table *table, HistoryRows *ret);
void history_rows_done(HistoryRows *rows);

/* What is said of one migration. */
typedef struct Verdict {
        char *name;
        MigrationState state;
        bool is_applied; /* a live row; also under MODIFIED and MISSING */
        bool is_quiet;   /* of no concern: rolled back and gone from the directory */
        int file_error;  /* its file is not there (-ENOENT) or cannot be read, else 0 */
        bool is_unsure;  /* running or interrupted: cannot be known */
        char *orphan_id; /* the row that is open without logs and without a lock */
        usec_t finished_at;
} Verdict;

typedef struct Verdicts {
        Verdict *items; /* sorted by name */
        size_t count;
        bool is_diverged; /* database and directory each have what the other lacks */
} Verdicts;

void verdicts_done(Verdicts *verdicts);
const Verdict *verdicts_find(const Verdicts *verdicts, const char *name);

/* What the rows alone do not say. */
typedef struct Surroundings {
        const Disk *disk;       /* NULL: no directory is given, or never could be read */
        bool lock_is_known;     /* false: not readable, or a standby, where no lock is ever seen */
        bool lock_is_held;      /* read BEFORE the rows: see history_decide() */
        usec_t now;             /* the server's clock */
        const Verdicts *before; /* of the run before */
} Surroundings;

/* An open row without logs is interrupted when no lock is held and it is older than this: the
 * lock is read first, so that a younger one may have begun between the two reads. */
#define HISTORY_GRACE (10 * USEC_PER_SEC)

int history_decide(const MigrationFramework *framework, const HistoryRows *rows,
                   const Surroundings *surroundings, Verdicts *ret);
