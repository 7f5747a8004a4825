/* Method: how the rows that break a rule are counted, decided by facts alone.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* In the order in which they are tried: the cheapest sound one first. */
typedef enum Method {
        METHOD_PROVED,    /* the planner refutes the rule's negation by validated constraints */
        METHOD_ENFORCED,  /* a validated foreign key whose triggers are all in force */
        METHOD_RATCHET,   /* NOT VALID, but enforced for new rows: its count can only fall */
        METHOD_UNCHANGED, /* no transaction has ended in the whole cluster */
        METHOD_COUNTERS,  /* the table's statistics have not moved, and no session holds back its own */
        METHOD_FULL,      /* a small table, in one piece */
        METHOD_INDEX,     /* in one piece: the plan reads little */
        METHOD_DELTA,     /* only the pages that have changed since, by the visibility map */
        METHOD_WALK,      /* slice by slice, over many polls */
        N_METHODS,
} Method;

typedef struct MethodFacts {
        /* of the rules */
        bool is_proved, is_enforced, is_falling;
        bool is_suspect;   /* a walk found rows that the catalog denies */
        bool is_opaque;    /* depends on more than its own row */
        bool has_others;   /* on rows of other tables, whose statistics count as well */
        bool was_counted;  /* whole, since the catalog last changed */
        bool has_none;     /* and no row broke it */
        bool has_all_keys; /* or the key of each is kept */
        /* of the table, against that count */
        bool same_snapshot, same_signature;
        bool is_standby, counts_rows; /* track_counts */
        int64_t busy;                 /* sessions that may hold back statistics; negative: not known */
        int64_t pages, full_pages;    /* up to so many it is read in one piece */
        bool can_slice;               /* each part of it may be read by itself */
        /* of the plan that counting would have */
        bool plan_known, plan_scans; /* scans a whole table */
        double plan_cost, cost_limit;
        /* of its visibility map */
        bool has_visibility; /* it can be read, and only VACUUM marks pages in it */
        bool has_map;        /* a walk has noted which pages hold breaking rows */
        bool dirty_known;
        int64_t dirty; /* pages that may have changed */
} MethodFacts;

typedef struct MethodChoice {
        Method method;                  /* N_METHODS: none can do it */
        bool needs_facts;               /* of the plan or of the visibility map: ask again with them */
        const char *why_not[N_METHODS]; /* of those that were passed over; static */
} MethodChoice;

void method_choose(const MethodFacts *facts, MethodChoice *ret);

bool method_map_pays(const MethodFacts *facts); /* few enough pages have changed */

const char *method_name(Method method); /* "proved" …: a finding's `method` */
bool method_is_exact(Method method);    /* as of one snapshot */
