/* A shop that lives in numbers: what its server would count, under a clock of the test's own.
 *
 * Nights are calm, days differ by some percent, and nothing comes twice. Seeded: each run is the same.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "pgvigil/base/usec.h"

#define WORLD_STATEMENTS 300
#define WORLD_BEGIN      (1764000000 * USEC_PER_SEC) /* on a whole hour */

typedef struct World {
        uint64_t random;
        usec_t now;    /* realtime */
        double day;    /* what statements cost on this day, 1 is as ever */
        double slow;   /* … and since somebody made them so */
        double errors; /* of a hundred transactions */
        int64_t commits, rollbacks, scans, broken_rows;
        bool is_canary_wrong, is_app_away;
        usec_t migrated_at; /* 0: not yet */
        int64_t calls[WORLD_STATEMENTS];
        double seconds[WORLD_STATEMENTS];
} World;

static inline double world_uniform(World *world) {
        uint64_t z = (world->random += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / (double)(UINT64_C(1) << 53);
}

static inline double world_normal(World *world) {
        double length = sqrt(-2 * log(world_uniform(world)));

        return length * cos(2 * M_PI * world_uniform(world));
}

/* How often what happens that often in the mean. */
static inline int64_t world_count(World *world, double mean) {
        double n = round(mean + sqrt(mean) * world_normal(world));

        return n > 0 ? (int64_t)n : 0;
}

static inline World world_new(uint64_t seed) {
        return (World){.random = seed, .now = WORLD_BEGIN, .day = 1, .slow = 1, .errors = 0.5};
}

/* Of the statement that takes the n-th most time. */
static inline double world_rate(size_t n) {
        return 20 / (double)(n + 1); /* a second */
}

static inline double world_cost(size_t n) {
        return 0.0005 * (double)(1 + n * 7 % 13); /* seconds */
}

static inline void world_live_statements(World *world, double seconds) {
        for (size_t i = 0; i < WORLD_STATEMENTS; i++) {
                int64_t calls = world_count(world, world_rate(i) * seconds);
                double noise = 1 + 0.05 * world_normal(world);

                world->calls[i] += calls;
                world->seconds[i] += (double)calls * world_cost(i) * world->day * world->slow * noise;
        }
}

static inline void world_live(World *world, usec_t time) {
        double hour = (double)(world->now % USEC_PER_DAY) / USEC_PER_HOUR;
        double transactions = 50 * (1.1 - cos(2 * M_PI * hour / 24)) * (double)time / USEC_PER_SEC;
        usec_t today = world->now / USEC_PER_DAY;

        world->now += time;
        if (world->now / USEC_PER_DAY != today)
                world->day = 1 + 0.03 * world_normal(world);
        world->commits += world_count(world, transactions * (1 - world->errors / 100));
        world->rollbacks += world_count(world, transactions * world->errors / 100);
        world->scans += world_count(world, transactions);
}
