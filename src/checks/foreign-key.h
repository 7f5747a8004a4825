/* One foreign key of the catalog, and what is said of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

extern const char foreign_key_sql[], foreign_key_wanted_sql[];
extern const Shape foreign_key_catalog; /* what foreign_key_sql answers */
extern const Shape foreign_key_wanted;  /* what foreign_key_wanted_sql answers */
extern const Shape foreign_key_shape;   /* what the check publishes */

/* A row of the catalog. Strings are borrowed from the table, the lists are owned. */
typedef struct ForeignKey {
        const char *schema, *table, *name;
        const char *referenced_schema, *referenced_table;
        char **columns, **referenced_columns;
        char **set_columns;                /* ON DELETE SET NULL (…), where not all of `columns` */
        char **not_null;                   /* columns that its SET NULL would set and cannot */
        char **disabled_on;                /* tables, quoted, whose triggers for it are disabled */
        char **suppressors;                /* triggers that may swallow its action */
        const char *on_delete, *on_update; /* static: "cascade", "no action" … */
        bool is_partitioned, is_valid, is_enforced, is_full, is_deferrable, is_deferred;

        /* for its orphans */
        int64_t id, relation, referenced; /* oids; id 0: does not exist */
        bool is_referenced_partitioned;
        bool is_bypassed;                   /* by logical replication, or a setting */
        bool is_temporal;                   /* by PERIOD */
        bool is_trusted;                    /* built-in code only */
        bool is_incomparable, is_ambiguous; /* of one that is only wanted: it could not be made */
        bool row_security;                  /* of either table */
        const char *altered;                /* digest of triggers, where one was altered since, or NULL */
        const char *triggers;               /* the same of any */
        char **operators, **suffixes;       /* of each column */
        char **lacks;                       /* "SELECT ON public.orders": what GRANT must give */
} ForeignKey;

/* 0, -ENOMEM, -EINVAL. */
int foreign_key_load(const Table *rows, size_t row, ForeignKey *ret);
int foreign_key_load_wanted(const Table *rows, size_t row, ForeignKey *ret); /* without names */
void foreign_key_done(ForeignKey *key);

/* Same referencing table, columns (in any order, with their partners) and referenced table. */
bool foreign_key_matches(const ForeignKey *key, const ForeignKeySettings *wanted);

/* Whether it acts on delete and update as wanted; what is not said is not compared. */
bool foreign_key_acts(const ForeignKey *key, const ForeignKeySettings *wanted);

/* What is wrong with it, REASON_OK when nothing is. `wanted` NULL: discovered. */
Reason foreign_key_reason(const ForeignKey *key, const ForeignKeySettings *wanted);

/* Summary, hint and repair for that reason. 0 or -ENOMEM. */
int foreign_key_describe(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                         Reason reason);

/* The same of a key that is not there, with statements that add it under a name that is none of
 * `taken`, NOT VALID at first where that can be. */
int foreign_key_describe_missing(Finding *finding, const ForeignKeySettings *wanted, char *const *taken,
                                 bool not_valid);

/* The statements that add a key, `defined` after its name, both quoted: validated apart from that where
 * NOT VALID can be, for then no writer waits for it. 0 or -ENOMEM. */
int foreign_key_repair(Finding *finding, const char *table, const char *name, const char *defined,
                       bool not_valid);

/* Whether the server lets a key of a partitioned table be NOT VALID. */
bool foreign_key_takes_not_valid(const CheckContext *context);

/* The name that PostgreSQL would give a key of these columns: none of `taken`, of at most 63 bytes.
 * Owned; NULL when out of memory. */
char *foreign_key_new_name(const char *table, char *const *columns, char *const *taken);

/* "(order_id) references orders". Owned; NULL when out of memory. */
char *foreign_key_wanted_name(const ForeignKeySettings *wanted);
