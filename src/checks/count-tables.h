/* The tables of a check, and the walk that reads everything once in intervals.safety.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count.h"

typedef struct CountTables {
        CountTable **items; /* sorted */
        size_t n;
        usec_t began; /* boottime: of this turn of the safety walk */
        usec_t asked; /* boottime: when it was asked last what is due */
        usec_t gap;   /* since the time before */
        usec_t step;  /* how often that is asked: after an outage no longer than ever */
} CountTables;

/* A visit of the safety walk, behind all else that a run counts: what is due; under --explain and
 * --walk each table. */
typedef struct SafetyVisit {
        CountTable *table;
        size_t n; /* visits in this run */
} SafetyVisit;

/* The table, made when it is not there; renamed, it begins anew. 0 or -ENOMEM. */
int count_tables_get(CountTables *tables, const CountTable *wanted, CountTable **ret);
void count_tables_done(CountTables *tables);
/* Drops what `is_gone` says so of. */
void count_tables_sweep(CountTables *tables, bool (*is_gone)(void *userdata, int64_t id), void *userdata);
size_t count_tables_walking(const CountTables *tables);
/* Blocks for a visit: tables whose walk goes on share what the others leave, in equal parts. */
int64_t count_tables_share(const CountTables *tables, const CountTable *table, const CheckContext *context);

/* In what time everything is to be read once; a turn that is older than the context wants begins anew. */
usec_t count_tables_interval(CountTables *tables, const CheckContext *context);
/* What the safety walk has to read now, to have read everything once in `interval`, evenly: a table
 * and how many of its pages; NULL: nothing is due. Asked once a poll. */
CountTable *count_tables_due(CountTables *tables, usec_t boottime, usec_t interval, int64_t *ret_pages);
/* As count_next() and count_take(); an error ends the visit. */
int count_safety_next(CountTables *tables, SafetyVisit *visit, const CheckContext *context, Statement *ret);
int count_safety_take(SafetyVisit *visit, const CheckContext *context, const Outcome *outcome);

/* Blocks that a walk of what the configuration names costs, as far as sizes are known; small tables aside. */
int64_t count_tables_named_blocks(const CountTables *tables);

/* Boottime since which all of every table was read; 0: not yet. */
usec_t count_tables_walked_since(const CountTables *tables);
