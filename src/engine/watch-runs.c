/* WatchRuns: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "watch-runs.h"

#include <errno.h>
#include <stdlib.h>

#include "pgvigil/base/str.h"

void watch_runs_done(WatchRuns *runs) {
        for (size_t i = 0; i < runs->count; i++)
                free(runs->items[i].canary);
        free(runs->items);
        *runs = (WatchRuns){};
}

static WatchRun *find(const WatchRuns *runs, const char *canary) {
        for (size_t i = 0; i < runs->count; i++)
                if (str_equal(runs->items[i].canary, canary))
                        return &runs->items[i];
        return NULL;
}

static WatchRun *get(WatchRuns *runs, const char *canary) {
        WatchRun new = {}, *items = find(runs, canary);

        if (items)
                return items;
        items = reallocarray(runs->items, runs->count + 1, sizeof(*items));
        if (!items)
                return NULL;
        runs->items = items;
        if (str_set(&new.canary, canary) < 0)
                return NULL;
        items[runs->count] = new;
        return &items[runs->count++];
}

int64_t watch_runs_add(WatchRuns *runs, const char *canary, usec_t started_at, bool is_failed) {
        WatchRun *run = get(runs, canary);

        if (!run)
                return -ENOMEM;
        if (run->started_at != started_at) {
                run->started_at = started_at;
                run->length = run->most = 0;
        }
        run->length = is_failed ? run->length + 1 : 0;
        if (run->length > run->most)
                run->most = run->length;
        return (int64_t)run->length;
}

uint64_t watch_runs_longest(const WatchRuns *runs, const char *canary, usec_t started_at) {
        const WatchRun *run = find(runs, canary);

        return run && run->started_at == started_at ? run->most : 0;
}
