/* Ring: the newest buckets of one series, all of one width.
 *
 * A time has one slot, (time / width) modulo size, and the slot says which time it holds. So there
 * is nothing to shift, a bucket that never came is a gap by itself, and a clock that jumps costs
 * the slots it touches and nothing else.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "pgvigil/model/series.h"

/* A SeriesPoint in 32 bytes; whole seconds, for 60 series of 4000 slots are kept a target. */
typedef struct RingSlot {
        uint32_t start;
        uint32_t count; /* 0: empty */
        double min, max, sum;
} RingSlot;

typedef struct Ring {
        uint32_t width; /* seconds */
        uint32_t size;
        RingSlot *slots; /* owned */
} Ring;

int ring_init(Ring *ring, uint32_t width, uint32_t size);
void ring_done(Ring *ring);

uint32_t ring_start(const Ring *ring, usec_t at); /* of the bucket that `at` falls in, in seconds */
usec_t ring_span(const Ring *ring);

/* Adds to the bucket; what else the slot held is gone. */
void ring_add(Ring *ring, const SeriesPoint *point);

/* Takes the place of what the slot held. */
void ring_set(Ring *ring, const SeriesPoint *point);

/* False: it holds none, and *ret is a gap there. */
bool ring_get(const Ring *ring, uint32_t start, SeriesPoint *ret);

/* All of [from, to) in one, in seconds. */
void ring_sum(const Ring *ring, uint32_t from, uint32_t to, SeriesPoint *ret);
