/* A rule of a table, and what is known of the rows that break it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count-method.h"
#include "pgvigil/model/finding.h"

/* What is known of a rule's rows. */
typedef struct CountAnswer {
        Reason reason; /* OK: `count` is whole; OVER_LIMIT: it is what was found so far; else why not */
        int64_t count;
        Method method;
        usec_t at, boottime; /* as of: of a walk its beginning */
        usec_t cycle;        /* how long reading the whole table takes; 0: read in one piece */
        int64_t bound;       /* rows that a walk may have missed at most; -1: not known */
        unsigned percent;    /* of the reading that is under way */
} CountAnswer;

typedef struct CountRule {
        char *name;      /* for people */
        char *predicate; /* SQL: true for the rows that break it; NULL counts as false */
        bool is_opaque;  /* may depend on more than its own row: never taken as unchanged */
        bool is_falling; /* enforced for new rows: its count can only fall */
        bool is_suspect; /* a walk found rows that the catalog denies: proof and trust are void */
        bool is_listed;  /* still one of the table's rules */
        bool is_asked;   /* in this poll */
        bool is_open;    /* asked for and not answered yet */
        Method trusted;  /* what answers for it while it is not asked: PROVED, ENFORCED; N_METHODS: nothing */
        uint64_t pass;   /* the last whole count that it was part of; 0: none */
        int64_t counted; /* by it */
        bool in_walk, in_safety;
        int64_t walked, safety_walked; /* found by the walks under way */
        usec_t walked_since;           /* boottime: every row was read since; 0: never */
        char **shown;                  /* keys of rows that break it, where --rows asked for them */
        CountAnswer answer;
} CountRule;
