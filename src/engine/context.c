/* What a check is told of the world that it runs in.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "internal.h"
#include "pgvigil/base/clock.h"

/* What limits.blocks_per_poll leaves the current check. While a later one of this round has to read as
 * well, half of it is kept for that one. */
static int64_t blocks_left(const Target *target) {
        int64_t limit = target->settings.limits.blocks_per_poll, left = limit - target->round_blocks;

        if (target->engine->options.once)
                return INT64_MAX;
        for (size_t i = target->current + 1; i < target->n_jobs; i++)
                if (target->jobs[i].in_round && target->jobs[i].wants_blocks)
                        return left > limit / 2 ? left - limit / 2 : 0;
        return left > 0 ? left : 0;
}

CheckContext target_context(const Target *target) {
        static const ServerFacts unknown_server;
        static const MigrationFacts unknown_migrations;

        return (CheckContext){
                .settings = &target->settings,
                .server = target->view.server ? target->view.server : &unknown_server,
                .migrations = target->migrations ? target->migrations : &unknown_migrations,
                .boottime = clock_boottime(),
                .realtime = clock_realtime(),
                .explain = target->engine->options.explain,
                .key_rows = target->engine->options.key_rows,
                .is_once = target->engine->options.once,
                .walk_now = target->engine->options.walk,
                .walk_since = target->watch.walk_since,
                .walk_within = target->watch.wants_walk ? 1 : target->watch.walk_within,
                .blocks_left = blocks_left(target),
                .queryids = target->watch.statements.wanted,
                .n_queryids = target->watch.statements.n_wanted,
        };
}
