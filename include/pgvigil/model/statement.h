/* Statement: one SQL statement to run, and its Outcome.
 *
 * Every statement runs inside the transaction contract of the pg module: BEGIN ISOLATION LEVEL
 * READ COMMITTED READ ONLY, one SELECT of set_config() calls that bounds time and locks, the
 * statement, COMMIT. `place` says how statements share one transaction.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/table.h"

typedef enum StatementPlace {
        STATEMENT_ALONE,  /* its own transaction, one round trip */
        STATEMENT_OPENS,  /* begins a transaction that stays open for the next statement */
        STATEMENT_WITHIN, /* in the open one */
        STATEMENT_CLOSES, /* in the open one, which then commits */
} StatementPlace;

typedef struct Statement {
        const char *name;  /* stable, for people: "constraint.catalog" */
        char *sql;         /* owned; one statement, parameters as $1… */
        char **parameters; /* text, owned, `n_parameters` entries, an entry may be NULL (SQL NULL) */
        size_t n_parameters;
        StatementPlace place;
        const Shape *shape; /* the columns it must answer, bound by name; NULL: no rows wanted */
        size_t max_rows;    /* more than this is OUTCOME_ERROR with "54000"; 0: 10,000 */
        bool reads_rows;    /* may read rows of watched tables: `check --explain` does not run it */
        bool exclusion_off; /* plan with constraint_exclusion = off (the safety walk) */
        int64_t blocks;     /* of watched tables that it is expected to read at most */
        char *note;         /* owned: why so, for --explain; or NULL */
        const char *object; /* what it is about, for --explain; borrowed until the next statement */
} Statement;

void statement_done(Statement *statement);

/* Appends a copy of `text` (NULL: SQL NULL) as the next parameter. 0 or -ENOMEM. */
int statement_add_parameter(Statement *statement, const char *text);

typedef enum OutcomeKind {
        OUTCOME_ROWS,  /* `table`, or NULL where the statement had no shape */
        OUTCOME_ERROR, /* the server (or the bounds) said no: `sqlstate`; an open transaction is over */
        OUTCOME_LOST,  /* connection gone or own deadline passed: never handed to a check */
} OutcomeKind;

typedef struct Outcome {
        OutcomeKind kind;
        Table *table;     /* owned */
        char sqlstate[6]; /* "" when unknown */
        char *message;    /* owned; the server's primary text: for debug logs only, never a finding */
        usec_t duration;  /* from sent to complete */
        bool is_timeout;  /* OUTCOME_LOST: our own deadline passed, rather than that it closed */
} Outcome;

void outcome_done(Outcome *outcome);

/* Whether the SQLSTATE begins with / equals one of a comma list: "08,40,57014". */
bool sqlstate_in(const char *sqlstate, const char *list);
