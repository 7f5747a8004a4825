/* Delta: which pages of a table hold how many breaking rows, and which of them may have changed.
 *
 * The visibility map marks a page when all of its rows are visible to everybody; a change clears the
 * mark before it commits, and only VACUUM sets it again (up to 18). So a page that is marked now, and
 * on whose table no VACUUM has worked since the last look, has not changed since then: it has what the
 * map of pages says, and only the others must be read. The fence tells whether VACUUM has worked.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/table.h"

/* Rows of (leaf, page, a count a rule). */
typedef struct PageMap {
        int64_t *cells;
        size_t n, allocated;
        size_t n_rules;
} PageMap;

/* Pages that are not marked, of one leaf, sorted. */
typedef struct Dirty {
        int64_t leaf;
        int64_t *pages;
        size_t n;
} Dirty;

typedef struct DirtyList {
        Dirty *items; /* by leaf */
        size_t n;
} DirtyList;

typedef struct Delta {
        bool is_building; /* a walk fills the map */
        bool is_valid;    /* it is whole */
        char *fence;      /* as of the last look; NULL: none */
        DirtyList dirty;  /* likewise */
        PageMap map;
        char *next_fence; /* of the look that is under way, likewise */
        DirtyList next_dirty;
        PageMap next; /* what it found in these pages */
} Delta;

#define DELTA_PAGES_MAX 50000 /* with breaking rows; with more there is no map */

void delta_done(Delta *delta);
/* A look begins: nothing of it is known yet. */
void delta_look(Delta *delta, size_t n_rules);
/* Pages of a leaf that are not marked, as PostgreSQL prints a bigint[]. 0, -ENOMEM, -EINVAL. */
int delta_add_dirty(DirtyList *list, int64_t leaf, const char *pages);
/* Behind what is there already. 0, -ENOMEM, or -EFBIG: too many. */
int page_map_add(PageMap *map, int64_t leaf, int64_t page, const int64_t *counts);
int64_t page_map_total(const PageMap *map, size_t rule);

/* Pages that the look found not marked. */
size_t delta_dirty(const Delta *delta);

/* A walk begins behind this look. */
void delta_begin(Delta *delta);
/* Whether what was found by the walk and since still holds of the pages that are marked now. */
bool delta_holds(const Delta *delta);
/* It does: what the look found takes the place of what was known of its pages; is_valid is false
 * afterwards where there are too many. 0 or -ENOMEM. */
int delta_accept(Delta *delta);
