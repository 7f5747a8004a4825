/* Drives one check with answers of the test's choice: settings, rounds, the report to look into.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "../unit.h"
#include "pgvigil/model/check-kind.h"

typedef struct Feed {
        const CheckKind *kind;
        Settings *settings;
        TargetSettings *target; /* schemas { "public" }, all else at its default */
        void *state;
        MigrationFacts facts; /* known, nothing applied */
        ServerFacts server;   /* not known */
        usec_t boottime;      /* the test's clock */
        size_t key_rows;
        const int64_t *queryids; /* whose texts are wanted; borrowed */
        size_t n_queryids;
        int64_t pages;   /* of the table that is counted; 0: 10 */
        int64_t density; /* rows of its pages; 0: not known */
        int64_t moved;   /* updates that moved a row so far; while rows are written, one more at each look */
        bool is_written;
        bool is_reset; /* statistics are, before each look */
        bool is_once;
        int64_t blocks; /* that the last round said it would read */
        Buffer log;     /* "name: sql\n" of the last round */
        Report report;  /* of the last round */
} Feed;

/* What the server says to one statement, in the order in which they are expected. */
typedef struct Answer {
        const char *statement; /* its name */
        const char *sqlstate;  /* an error instead of rows */
        const char *defaults;  /* "column=value|column=value", under each row */
        const char *rows[16];  /* the same, over the defaults; NULL-terminated; a column not named is NULL */
        size_t n_numbered;     /* that many rows more: the defaults, with `relname` a number */
        usec_t duration;
} Answer;

void feed_open(Feed *feed, const CheckKind *kind);
void feed_close(Feed *feed);

/* One whole round; the number and names of the statements must be exactly those, but those of counting
 * (table oid 1, no row breaks a rule) may be left out. */
void feed_round(Feed *feed, const Answer *answers, size_t n_answers);

/* The only finding of that name (and object, unless NULL); fails when there is none or two. */
const Finding *feed_finding(const Feed *feed, const char *object, const char *name);
bool feed_has(const Feed *feed, const char *name);

/* The report's table of that shape, or NULL. */
const Table *feed_table(const Feed *feed, const char *shape);

/* A zeroed item more in a list of settings; it starts with the rule default for `severity`. */
ForeignKeySettings *feed_foreign_key(Feed *feed, const char *table, const char *column,
                                     const char *references);
IndexSettings *feed_index(Feed *feed, const char *table, const char *columns);

/* With the check's state made anew; `columns` of uses_index_on, or NULL. */
CanarySettings *feed_canary(Feed *feed, const char *name, const char *sql, const char *columns);
