/* Orphans: rows that refer to nothing, of foreign keys that do not keep them out.
 *
 * A key that was always in force is believed: no row is read for it but by the safety walk. All others
 * are counted, until a whole count that began after the key had come into force found none.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count-tables.h"
#include "foreign-key.h"
#include "reading.h"

/* Of one foreign key, over all polls. */
typedef struct Orphans {
        char *schema, *table, *name;
        int64_t id, relation, referenced; /* oids; id 0: it does not exist */
        bool only;                        /* its table without children */
        bool is_parent_only;
        char *parent;        /* "ONLY public.orders": what it refers to, as it is read */
        char *predicate;     /* true for an orphan; NULL: not to be counted */
        char *query;         /* shows them */
        const char *why_not; /* static: why it is not counted, or NULL */
        Reason blocked;      /* why it cannot be, without asking */
        char **lacks;        /* what GRANT must give */
        char *altered;       /* its triggers, as a digest, where one was altered since; or NULL */
        char *triggers;      /* the same of any: what differs from one poll to the next was altered */
        bool is_wanted;      /* configured */
        bool is_in_force, is_doubted;
        usec_t doubted; /* boottime: what is known as of then may clear it */
        Reading reading;

        /* in this run */
        CountRule *rule;
        bool is_asked, was_counted;
} Orphans;

typedef struct OrphanGroup {
        Orphans **members; /* of one table; of `order` */
        size_t n;
        CountTable *table;
        bool is_due;
} OrphanGroup;

typedef struct OrphanList {
        Orphans *items;
        size_t n;

        Orphans **order;
        OrphanGroup *groups;
        size_t n_groups, current;
        bool is_begun;
        bool is_outdated; /* a table was not there any more */
        usec_t began;
        size_t turn; /* of runs: each begins with another group */
        CountTables tables;
        SafetyVisit safety;
} OrphanList;

/* Of a zeroed item, what the catalog and the configuration say. 0 or -ENOMEM. */
int orphans_set(Orphans *orphans, const ForeignKey *key, bool is_wanted);
/* Takes over `items` (and empties them); what was counted goes on. */
void orphans_replace(OrphanList *list, Orphans **items, size_t n, const CheckContext *context);
void orphans_free(Orphans *items, size_t n);
void orphans_done(OrphanList *list);

/* A run: as begin(), next() and take() of a check. */
int orphans_begin(OrphanList *list, const CheckContext *context);
int orphans_next(OrphanList *list, const CheckContext *context, Statement *ret);
int orphans_take(OrphanList *list, const CheckContext *context, const Outcome *outcome);

/* orphans-judge.c: a finding that says how the key stands (`state`), in words too: what was counted
 * becomes part of it, or outranks it. 0 or -ENOMEM. */
int orphans_judge(const Orphans *orphans, const CheckContext *context, const Rule *rule, Reason state,
                  Finding *finding);
/* Whether there is a number, and as of when (realtime). */
bool orphans_counted(const Orphans *orphans, int64_t *ret_count, usec_t *ret_at);
