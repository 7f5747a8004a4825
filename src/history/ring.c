/* Ring: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "ring.h"

#include <errno.h>

int ring_init(Ring *ring, uint32_t width, uint32_t size) {
        RingSlot *slots = calloc(size, sizeof(*slots));

        if (!slots)
                return -ENOMEM;
        *ring = (Ring){width, size, slots};
        return 0;
}

void ring_done(Ring *ring) {
        free(ring->slots);
        *ring = (Ring){};
}

uint32_t ring_start(const Ring *ring, usec_t at) {
        uint64_t seconds = at / USEC_PER_SEC;

        if (seconds > UINT32_MAX) /* a clock gone mad: in the year 2106 */
                seconds = UINT32_MAX;
        return (uint32_t)(seconds - seconds % ring->width);
}

usec_t ring_span(const Ring *ring) {
        return (usec_t)ring->width * ring->size * USEC_PER_SEC;
}

static RingSlot *ring_slot(const Ring *ring, uint32_t start) {
        return &ring->slots[start / ring->width % ring->size];
}

static SeriesPoint slot_point(const RingSlot *slot) {
        return (SeriesPoint){slot->start * USEC_PER_SEC, slot->count, slot->min, slot->max, slot->sum};
}

void ring_set(Ring *ring, const SeriesPoint *point) {
        uint32_t start = ring_start(ring, point->start);

        *ring_slot(ring, start) = (RingSlot){start, point->count, point->min, point->max, point->sum};
}

void ring_add(Ring *ring, const SeriesPoint *point) {
        uint32_t start = ring_start(ring, point->start);
        RingSlot *slot = ring_slot(ring, start);
        SeriesPoint sum = {.start = point->start};

        if (slot->count > 0 && slot->start == start)
                sum = slot_point(slot);
        series_point_merge(&sum, point);
        ring_set(ring, &sum);
}

bool ring_get(const Ring *ring, uint32_t start, SeriesPoint *ret) {
        const RingSlot *slot = ring_slot(ring, start);

        if (slot->count == 0 || slot->start != start) {
                *ret = (SeriesPoint){.start = start * USEC_PER_SEC};
                return false;
        }
        *ret = slot_point(slot);
        return true;
}

void ring_sum(const Ring *ring, uint32_t from, uint32_t to, SeriesPoint *ret) {
        SeriesPoint sum = {.start = from * USEC_PER_SEC}, point;

        for (uint64_t start = from; start < to; start += ring->width)
                if (ring_get(ring, (uint32_t)start, &point))
                        series_point_merge(&sum, &point);
        *ret = sum;
}
