/* A set of byte strings: the series of one metric family that were written already.
 *
 * Prometheus refuses a whole scrape for one duplicate, so that a series that came twice must be
 * dropped here, whatever made it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "series-set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void sample_set_done(SeriesSet *set) {
        buffer_done(&set->keys);
        free(set->slots);
        *set = (SeriesSet){};
}

void sample_set_clear(SeriesSet *set) {
        buffer_clear(&set->keys);
        if (set->count > 0)
                memset(set->slots, 0, set->n_slots * sizeof(SeriesSlot));
        set->count = 0;
}

/* FNV-1a, eight bytes a step: keys are long and share their beginnings. */
static uint64_t hash_bytes(const char *bytes, size_t length) {
        uint64_t hash = 0xcbf29ce484222325u, word = 0;

        for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
                memcpy(&word, bytes, sizeof(word));
                hash = (hash ^ word) * 0x100000001b3u;
                hash ^= hash >> 29;
        }
        for (size_t i = 0; i < length; i++)
                hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
        return hash ^ hash >> 32;
}

static int sample_set_grow(SeriesSet *set) {
        size_t n_slots = set->n_slots > 0 ? set->n_slots * 2 : 256;
        SeriesSlot *slots = calloc(n_slots, sizeof(SeriesSlot));

        if (!slots)
                return -ENOMEM;
        for (size_t i = 0; i < set->n_slots; i++) {
                if (set->slots[i].offset == 0)
                        continue;
                size_t place = set->slots[i].hash & (n_slots - 1);
                while (slots[place].offset != 0)
                        place = (place + 1) & (n_slots - 1);
                slots[place] = set->slots[i];
        }
        free(set->slots);
        set->slots = slots;
        set->n_slots = n_slots;
        return 0;
}

static bool slot_equal(const SeriesSet *set, const SeriesSlot *slot, const SeriesSlot *wanted,
                       const char *key) {
        return slot->hash == wanted->hash && slot->length == wanted->length &&
               memcmp(set->keys.data + slot->offset - 1, key, slot->length) == 0;
}

int sample_set_add(SeriesSet *set, const char *key, size_t length) {
        SeriesSlot wanted = {hash_bytes(key, length), set->keys.length + 1, length};

        if ((set->count + 1) * 2 > set->n_slots) {
                int r = sample_set_grow(set);
                if (r < 0)
                        return r;
        }
        size_t place = wanted.hash & (set->n_slots - 1);
        for (; set->slots[place].offset != 0; place = (place + 1) & (set->n_slots - 1))
                if (slot_equal(set, &set->slots[place], &wanted, key))
                        return 0;
        /* One byte more, so that an empty key has a place of its own. */
        buffer_append(&set->keys, key, length);
        buffer_add_char(&set->keys, '\n');
        if (buffer_error(&set->keys) < 0)
                return -ENOMEM;
        set->slots[place] = wanted;
        set->count++;
        return 1;
}
