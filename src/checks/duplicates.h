/* Duplicates: rows that share their values in the columns of a unique index that is wanted and not in
 * force. They are counted in one statement, with the catalog, where its plan costs little enough.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

/* Of one configured index, in one run. */
typedef struct Duplicates {
        char *schema, *table; /* NULL: nothing is asked of it */
        char **columns;       /* as configured */
        char *from, *list;    /* "ONLY public.users" and "email, region", once looked up */
        char **quoted;
        char **lacks;
        bool is_counted;
        int64_t rows, groups;
        Reason failure; /* where it is not counted; REASON_OK: nothing to say */
} Duplicates;

typedef enum DuplicatesStep {
        DUPLICATES_LOOK,
        DUPLICATES_LOCK,
        DUPLICATES_VERIFY, /* the same look, under the lock */
        DUPLICATES_PLAN,
        DUPLICATES_COUNT,
        N_DUPLICATES_STEPS,
} DuplicatesStep;

typedef struct DuplicatesList {
        Duplicates *items; /* as many as indexes are configured */
        size_t n, current;
        DuplicatesStep step;
        double cost;
} DuplicatesList;

extern const Shape duplicates_look_rows, duplicates_count_rows;

/* A run begins: nothing is asked. 0 or -ENOMEM. */
int duplicates_begin(DuplicatesList *list, size_t n);
int duplicates_ask(DuplicatesList *list, size_t i, const char *schema, const char *table,
                   char *const *columns);
int duplicates_next(DuplicatesList *list, const CheckContext *context, Statement *ret);
int duplicates_take(DuplicatesList *list, const CheckContext *context, const Outcome *outcome);
void duplicates_done(DuplicatesList *list);

/* What was found becomes part of the finding of that index, which says how it stands; rows that would not
 * let it be made outrank that. 0 or -ENOMEM. */
int duplicates_judge(const Duplicates *duplicates, const CheckContext *context, const Rule *rule,
                     Finding *finding);
