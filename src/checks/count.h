/* Counting: the rows of one table that break its rules, by the cheapest sound method.
 *
 * A CountTable lives over all polls and remembers what was counted and as of when. Each poll the
 * check lists its rules, says which it asks for, and drives count_next() and count_take() as the
 * engine drives the check. No I/O, no clock.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count-delta.h"
#include "count-keys.h"
#include "count-rule.h"
#include "count-walk.h"
#include "pgvigil/model/check-kind.h"

typedef enum CountStage {
        COUNT_LOCK,
        COUNT_FACTS,
        COUNT_DETAILS,
        COUNT_PLAN,
        COUNT_SUMMARY, /* of the visibility map */
        COUNT_DELTA,
        COUNT_CLEAR, /* the statistics that this transaction has seen already */
        COUNT_FENCE,
        COUNT_DIRTY,
        COUNT_RECHECK,
        COUNT_READ,
        COUNT_FIND, /* how its rows can be named */
        COUNT_KEYS,
        COUNT_DONE,
        N_COUNT_STAGES,
} CountStage;

/* The last whole count: what the world looked like before its snapshot was taken. */
typedef struct CountPass {
        uint64_t number; /* 0: none */
        char *snapshot, *signature, *time;
        Method method;
        usec_t at, boottime, cycle;
        int64_t bound;
        bool has_keys; /* of all rows that it found, as long as they are not cut */
} CountPass;

typedef struct CountTable {
        int64_t id; /* oid */
        char *schema, *name, *sql;
        bool only;          /* without its children */
        char *alone;        /* the one rule that is counted apart, or NULL */
        char **others;      /* other tables that the predicates read, quoted */
        char **other_ids;   /* their oids */
        bool has_user_code; /* no proof of the planner is to be trusted */
        char **calls;       /* names of functions that its expressions call */
        bool is_wanted;     /* a rule of it is configured: it is walked before others */
        CountRule **rules;  /* by name */
        size_t n_rules;

        /* knowledge, good for one fingerprint of the catalog */
        char *fingerprint;
        Details details;
        CountPass pass;
        Keys keys; /* of rows that break rules, found by walks */
        Delta delta;
        bool is_delta_refused; /* its statements failed once */
        bool is_slow;          /* reading it in one piece took too long once */
        bool wants_all;        /* facts, for it will not be read in one piece */
        Walk walk;             /* paced, for the count */
        Walk safety;           /* everything, once in intervals.safety */
        usec_t safety_at;      /* boottime: all was read since; 0: never yet */
        usec_t safety_tried;   /* boottime: when it was its turn */
        unsigned safety_tries; /* in a row that read nothing, not even found its end */
        bool is_sized;
        int64_t pages;    /* as last seen */
        double page_cost; /* blocks that reading one of them comes to, with what is looked up for it */

        /* this visit */
        CountStage stage;
        bool is_safety;
        bool is_later;       /* not the first transaction of this poll */
        bool is_alternative; /* --explain has come to what another way of running would do */
        bool has_suspect;    /* then everything is walked, by the statement of the safety walk */
        int64_t share;       /* blocks that it may still read in this poll */
        MethodFacts method_facts;
        MethodChoice choice;
        Facts facts;
        Slice slice;
        bool slice_breaks; /* it holds rows that break a rule */
        size_t cursor;     /* rule, leaf, or first key of a chunk */
} CountTable;

/* A copy of what `wanted` is about: id, schema, name, only, alone. 0 or -ENOMEM. */
int count_table_new(const CountTable *wanted, CountTable **ret);
CountTable *count_table_free(CountTable *table);
DEFINE_CLEANUP(CountTable, count_table_free)

/* A poll begins: no rule is listed nor asked for. */
void count_table_unlist(CountTable *table);
/* A rule of the table; what is known of it stays as long as name and predicate do. NULL: no memory. */
CountRule *count_table_list(CountTable *table, const char *name, const char *predicate);
/* Forgets the rules that were not listed. */
void count_table_sweep(CountTable *table);

/* Begins a visit: at most `share` blocks; `safety`: a piece of the walk that reads everything. */
void count_begin(CountTable *table, int64_t share, bool safety);
/* 1: *ret holds the statement to run; 0: done, each asked rule has its answer; negative errno. */
int count_next(CountTable *table, const CheckContext *context, Statement *ret);
/* No error: those go to count_fail(). Rows without a table: --explain did not run the statement. */
int count_take(CountTable *table, const CheckContext *context, const Outcome *outcome);

/* The statement that is under way has the rules' expressions in it: they may be what is wrong. */
bool count_evaluates(const CountTable *table);

/* What took too long in one piece is read in slices, and where no later poll follows a slice in smaller
 * ones: true, and the visit goes on. */
bool count_slow_down(CountTable *table, const CheckContext *context, Reason reason);

/* The visit ends: what is open is not known, for that reason. What was counted and how far a walk has
 * come stays. */
void count_fail(CountTable *table, Reason reason);
