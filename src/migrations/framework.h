/* MigrationFramework: a migration tool is data: which table it keeps, how its rows and its
 * directory are read, which lock it holds while it works, and what to tell people.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/digest.h"
#include "pgvigil/model/finding.h"
#include "pgvigil/model/settings.h"

/* In the order in which they are published. */
typedef enum MigrationState {
        MIGRATION_APPLIED,
        MIGRATION_PENDING,
        MIGRATION_RUNNING,
        MIGRATION_FAILED,
        MIGRATION_ROLLED_BACK,
        MIGRATION_INTERRUPTED,
        MIGRATION_MODIFIED, /* applied, and its file says something else now */
        MIGRATION_MISSING,  /* applied, and not in the directory */
        N_MIGRATION_STATES,
} MigrationState;

typedef struct MigrationStateText {
        const char *name;
        Reason reason;
        Severity severity;
        const char *summary;
} MigrationStateText;

extern const MigrationStateText migration_states[N_MIGRATION_STATES];

/* Digests of one file: as it is, with CRLF as LF, with LF as CRLF. */
enum { FILE_AS_IS, FILE_LF, FILE_CRLF, N_FILE_VARIANTS };
typedef char FileDigests[N_FILE_VARIANTS][DIGEST_HEX_MAX];

typedef struct MigrationFramework {
        const char *name;  /* "prisma": setting, label and object */
        const char *title; /* "Prisma", for sentences */
        const char *table;
        const char *schema;           /* where the tool keeps it unless told otherwise */
        const char *const *need;      /* columns that make it this tool's; NULL-terminated */
        const char *const *deny;      /* columns that make it another's */
        const char *columns;          /* select list that answers history_row_shape */
        const char *order;            /* of the rows, oldest first */
        int64_t lock_key;             /* session advisory lock while it works; 0: none */
        const char *file;             /* in each immediate subdirectory: the migration itself */
        DigestKind digest;            /* of that file */
        const char *lock_file;        /* beside them, names the provider; NULL: none */
        const char *const *providers; /* that are PostgreSQL; NULL-terminated */
        bool (*checksum_matches)(const char *recorded, FileDigests digests);
        const char *hints[N_MIGRATION_STATES]; /* "{name}" stands for the migration; NULL: nothing to do */
} MigrationFramework;

#define FRAMEWORK(name) extern const MigrationFramework name##_framework;
#include "frameworks.def"
#undef FRAMEWORK

enum {
#define FRAMEWORK(name) FRAMEWORK_##name,
#include "frameworks.def"
#undef FRAMEWORK
        N_FRAMEWORKS
};

extern const MigrationFramework *const migration_frameworks[N_FRAMEWORKS];

/* Whether the settings ask for this framework: "auto" or its name. */
bool framework_is_wanted(const MigrationFramework *framework, const MigrationSettings *settings);

/* Whether they name one: its history is expected then. */
bool framework_is_named(const MigrationSettings *settings);

/* Splits "table", "schema.table", quoted or not, as PostgreSQL reads it: unquoted is folded to
 * lower case. 0 with owned strings (schema NULL when there is none), -EINVAL, -ENOMEM. */
int table_name_parse(const char *text, char **ret_schema, char **ret_table);
