/* Walk: see the header. A row that an update moves from what is still to be read to what was read
 * is missed; how many at most, the statistics tell.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-walk.h"

#include <errno.h>

#include "pgvigil/base/str.h"

#define SLICE_FIRST 512 /* pages */
#define SLICE_MIN   16
#define SLICE_MAX   8192
#define SLICE_TIME  (50 * USEC_PER_MSEC)

int walk_begin(Walk *walk, const Facts *facts, usec_t boottime, usec_t realtime) {
        int64_t slice = walk->slice > 0 ? walk->slice : SLICE_FIRST;

        walk_done(walk);
        walk->slice = slice;
        walk->moved = facts->moved;
        walk->files = facts->files;
        walk->at = realtime;
        walk->boottime = boottime;
        if (str_set(&walk->snapshot, facts->snapshot) < 0 ||
            str_set(&walk->signature, facts->signature) < 0 || str_set(&walk->time, facts->time) < 0 ||
            str_set(&walk->reset, facts->reset) < 0)
                return -ENOMEM;
        walk->is_active = true;
        return 0;
}

void walk_done(Walk *walk) {
        free(walk->snapshot);
        free(walk->signature);
        free(walk->time);
        free(walk->reset);
        *walk = (Walk){.slice = walk->slice};
}

bool walk_next(const Walk *walk, const Facts *facts, int64_t limit, Slice *ret) {
        int64_t pages = limit < walk->slice ? limit : walk->slice;

        for (size_t i = 0; i < facts->n_leaves; i++) {
                const Leaf *leaf = &facts->leaves[i];
                int64_t first = leaf->id == walk->leaf ? walk->block : 0;

                /* The leaf may have grown or shrunk meanwhile: its end is where it is now. */
                if (leaf->id < walk->leaf || first >= leaf->pages)
                        continue;
                *ret = (Slice){leaf, first, leaf->pages - first > pages ? first + pages : leaf->pages};
                return true;
        }
        return false;
}

void walk_advance(Walk *walk, const Slice *slice, usec_t duration) {
        walk->leaf = slice->leaf->id;
        walk->block = slice->end;
        walk->pages += slice->end - slice->first;
        if (duration > SLICE_TIME)
                walk_shrink(walk);
        else if (duration < SLICE_TIME / 3 && slice->end - slice->first >= walk->slice &&
                 walk->slice < SLICE_MAX)
                walk->slice *= 2;
}

void walk_shrink(Walk *walk) {
        walk->slice = walk->slice / 2 > SLICE_MIN ? walk->slice / 2 : SLICE_MIN;
}

int64_t walk_bound(const Walk *walk, const Facts *facts) {
        if (facts->moved < walk->moved || !str_equal(facts->reset, walk->reset))
                return -1;
        return facts->moved - walk->moved;
}

unsigned walk_percent(const Walk *walk, const Facts *facts) {
        int64_t percent = facts->pages > 0 ? 100 * walk->pages / facts->pages : 0;

        return percent > 99 ? 99 : (unsigned)percent; /* it is not whole before it ends */
}
