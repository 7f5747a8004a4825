/* Record: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "record.h"

#include <errno.h>
#include <string.h>

#include "pgvigil/base/str.h"

void record_done(Record *record) {
        if (record->kind == RECORD_STATEMENTS)
                free(record->statements);
        free(record->target);
        free(record->key);
        free(record->text);
        *record = (Record){};
}

void records_done(Records *records) {
        for (size_t i = 0; i < records->count; i++)
                record_done(&records->items[i]);
        free(records->items);
        *records = (Records){};
}

/* A quarter at once, so that it is not done for each. */
static void records_shed(Records *records, uint64_t *dropped) {
        size_t n = records->count / 4 + 1;

        for (size_t i = 0; i < n; i++)
                record_done(&records->items[i]);
        records->count -= n;
        memmove(records->items, records->items + n, records->count * sizeof(*records->items));
        *dropped += n;
}

static int records_reserve(Records *records, size_t count) {
        size_t size = records->size ? records->size : 64;
        Record *items;

        while (size < count)
                size *= 2;
        if (size == records->size)
                return 0;
        items = reallocarray(records->items, size, sizeof(*items));
        if (!items)
                return -ENOMEM;
        records->items = items;
        records->size = size;
        return 0;
}

int records_add(Records *records, Record *record, uint64_t *dropped) {
        if (records->max > 0 && records->count >= records->max)
                records_shed(records, dropped);
        if (records_reserve(records, records->count + 1) < 0) {
                record_done(record);
                (*dropped)++;
                return -ENOMEM;
        }
        records->items[records->count++] = *record;
        *record = (Record){};
        return 0;
}

int records_set_value(Records *records, const char *target, const char *key, const char *text) {
        for (size_t i = records->count; i-- > 0;) {
                Record *record = &records->items[i];

                if (record->kind != RECORD_VALUE || !str_equal(record->key, key) ||
                    !str_equal(record->target, target))
                        continue;
                return str_set(&record->text, text) < 0 ? -ENOMEM : 1;
        }
        return 0;
}

int records_put_back(Records *records, Records *older, uint64_t *dropped) {
        Records newer = *records;
        int r = 0;

        *records = *older;
        records->max = newer.max;
        *older = (Records){};
        for (size_t i = 0; i < newer.count; i++)
                if (records_add(records, &newer.items[i], dropped) < 0)
                        r = -ENOMEM;
        newer.count = 0;
        records_done(&newer);
        return r;
}

void records_drop_kept(Records *records) {
        size_t n = 0;

        for (size_t i = 0; i < records->count; i++) {
                Record *record = &records->items[i];

                if (record->kind == RECORD_STATEMENTS)
                        records->items[n++] = *record;
                else
                        record_done(record);
        }
        records->count = n;
}
