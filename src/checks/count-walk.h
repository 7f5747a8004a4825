/* Walk: a table read slice by slice. Where it stands, how large the next slice is.
 *
 * Facts: what the server says of the table at each visit, under its lock.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/finding.h"
#include "pgvigil/model/table.h"

/* A table that has rows of its own: the table itself, a partition, a child. */
typedef struct Leaf {
        int64_t id;
        char *sql;
        int64_t pages;
} Leaf;

typedef struct Facts {
        Leaf *leaves; /* by oid */
        size_t n_leaves;
        int64_t pages;  /* of all leaves */
        int64_t rows;   /* as the server estimates */
        int64_t moved;  /* updates so far that moved a row to another place */
        uint64_t files; /* of the leaves: another one where a table was rewritten */
        int64_t busy;   /* sessions that may hold back statistics; negative: not known */
        bool is_standby, counts_rows, can_slice, is_partitioned;
        char *fingerprint; /* of the catalog: all that a count rests on but the rows; NULL: not compared */
        char *snapshot;    /* of the cluster, with what would make it lie; likewise */
        char *signature;   /* of the tables' statistics, likewise */
        char *time;        /* the server's clock */
        char *reset;       /* when the statistics were reset, or NULL */
} Facts;

extern const Shape count_facts_rows;
/* $1 schema, $2 table, $3 whether without children, $4 oids of other tables, $5 time of the last
 * count or NULL. `compares`: with what tells whether a count still stands, which takes longest to plan. */
void count_add_facts(Buffer *out, bool compares);

/* REASON_OK; or why rows must not be read: another table by now, a view, no privilege, row security. */
Reason count_facts_blocked(const Table *rows, int64_t id, bool only);
/* 0, -ENOMEM, or -EINVAL. */
int count_facts_load(const Table *rows, Facts *ret);
void count_facts_done(Facts *facts);

/* What stays as long as the fingerprint does. */
typedef struct Details {
        bool is_known;
        bool is_opaque;     /* a function that a rule calls may depend on more than its arguments */
        char **key_columns; /* of the primary key, quoted; NULL where rows cannot be found again */
        char **key_types;
        char *visibility; /* schema of pg_visibility, quoted, where it can be used; or NULL */
} Details;

extern const Shape count_details_rows;
extern const char count_details_sql[]; /* $1 schema, $2 table, $3 names of functions */
int count_details_load(const Table *rows, const Facts *facts, Details *ret); /* 0, -ENOMEM, -EINVAL */
void count_details_done(Details *details);

typedef struct Walk {
        bool is_active;
        int64_t leaf, block;               /* where the next slice begins; leaf 0: with the first one */
        int64_t pages;                     /* read so far */
        int64_t moved;                     /* at its beginning */
        uint64_t files;                    /* of which it reads */
        int64_t slice;                     /* pages of the next slice */
        usec_t at, boottime;               /* when it began */
        char *snapshot, *signature, *time; /* at its beginning */
        char *reset;                       /* likewise */
} Walk;

typedef struct Slice {
        const Leaf *leaf;   /* of the facts of this visit */
        int64_t first, end; /* blocks */
} Slice;

int walk_begin(Walk *walk, const Facts *facts, usec_t boottime, usec_t realtime);
void walk_done(Walk *walk);
/* The next slice, of at most `limit` pages; false: the walk is at its end. */
bool walk_next(const Walk *walk, const Facts *facts, int64_t limit, Slice *ret);
/* It was read, in so long: the walk goes on behind it, and the next slice takes about SLICE_TIME. */
void walk_advance(Walk *walk, const Slice *slice, usec_t duration);
/* It took too long or was in the way: the next one is smaller. */
void walk_shrink(Walk *walk);
/* Rows that it may have missed at most, as of now; -1: not known. */
int64_t walk_bound(const Walk *walk, const Facts *facts);
unsigned walk_percent(const Walk *walk, const Facts *facts);
