/* A set of byte strings: the series of one metric family that were written already.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdint.h>

#include "pgvigil/base/buffer.h"

/* Open addressing, at most half full. `offset` is into `keys`, plus one; 0: a free slot. */
typedef struct SeriesSlot {
        uint64_t hash;
        size_t offset, length;
} SeriesSlot;

typedef struct SeriesSet {
        Buffer keys;
        SeriesSlot *slots;
        size_t n_slots, count;
} SeriesSet;

void sample_set_done(SeriesSet *set);
void sample_set_clear(SeriesSet *set); /* keeps the memory */

/* 1: added; 0: was there; -ENOMEM. */
int sample_set_add(SeriesSet *set, const char *key, size_t length);
