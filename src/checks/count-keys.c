/* Keys: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-keys.h"

#include <errno.h>
#include <string.h>

#include "common.h"

static const Field key_fields[] = {
        {"key", VALUE_TEXT, FIELD_HIDDEN},
        {"parts", VALUE_TEXT, FIELD_HIDDEN},
        {"broken", VALUE_TEXT, FIELD_HIDDEN},
};

const Shape count_key_rows = SHAPE("count.keys", key_fields);

static void key_done(Key *key) {
        free(key->shown);
        strv_free(key->parts);
        *key = (Key){};
}

void keys_done(Keys *keys) {
        for (size_t i = 0; i < keys->n; i++)
                key_done(&keys->items[i]);
        free(keys->items);
        *keys = (Keys){};
}

/* Index of the key, or of the place where it would be. */
static size_t keys_find(const Keys *keys, const char *shown, bool *ret_found) {
        size_t low = 0, high = keys->n;

        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(keys->items[middle].shown, shown);

                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int parse_bits(const char *literal, uint64_t *ret) {
        _cleanup_(strv_freep) char **list = NULL;
        int r = check_array_parse(literal, &list);

        *ret = 0;
        for (size_t i = 0; r >= 0 && list && list[i]; i++) {
                if (i >= KEYS_RULES)
                        return -EINVAL;
                if (str_equal(list[i], "t"))
                        *ret |= UINT64_C(1) << i;
        }
        return r;
}

static int keys_insert(Keys *keys, size_t at, Key *key) {
        if (!keys->items)
                keys->items = calloc(KEYS_MAX, sizeof(*keys->items));
        if (!keys->items)
                return -ENOMEM;
        memmove(&keys->items[at + 1], &keys->items[at], (keys->n - at) * sizeof(*keys->items));
        keys->items[at] = *key;
        keys->n++;
        *key = (Key){};
        return 0;
}

static int keys_add_row(Keys *keys, const Table *rows, size_t row) {
        const char *shown = table_text(rows, row, "key");
        _cleanup_(key_done) Key key = {};
        bool is_known;
        size_t at;
        int r;

        if (!shown)
                return -EINVAL;
        r = parse_bits(table_text(rows, row, "broken"), &key.broken);
        if (r < 0)
                return r;
        at = keys_find(keys, shown, &is_known);
        if (is_known) {
                keys->items[at].broken = key.broken;
                return 0;
        }
        if (keys->n == KEYS_MAX) {
                keys->is_cut = true;
                return 0;
        }
        r = check_array_parse(table_text(rows, row, "parts"), &key.parts);
        if (r >= 0)
                r = key.parts ? str_set(&key.shown, shown) : -EINVAL;
        return r < 0 ? r : keys_insert(keys, at, &key);
}

int keys_add(Keys *keys, const Table *rows) {
        int r = 0;

        for (size_t row = 0; r >= 0 && row < rows->n_rows; row++)
                r = keys_add_row(keys, rows, row);
        return r;
}

/* The bits of the rows that were found again, by their place in the chunk. */
static int parse_chunk(const Keys *keys, size_t first, size_t end, const Table *rows, uint64_t *ret_broken) {
        for (size_t row = 0; row < rows->n_rows; row++) {
                const char *shown = table_text(rows, row, "key");
                bool is_known = false;
                size_t at = shown ? keys_find(keys, shown, &is_known) : 0;
                int r;

                if (!is_known || at < first || at >= end)
                        return -EINVAL;
                r = parse_bits(table_text(rows, row, "broken"), &ret_broken[at - first]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int keys_recheck(Keys *keys, size_t first, size_t n, const Table *rows) {
        size_t kept = first, end = first + n < keys->n ? first + n : keys->n;
        _cleanup_(freep) uint64_t *broken = calloc(n + 1, sizeof(*broken));
        int r = broken ? parse_chunk(keys, first, end, rows, broken) : -ENOMEM;

        if (r < 0)
                return r;
        for (size_t i = first; i < end; i++) {
                keys->items[i].broken = broken[i - first];
                if (keys->items[i].broken == 0)
                        key_done(&keys->items[i]);
                else
                        keys->items[kept++] = keys->items[i];
        }
        memmove(&keys->items[kept], &keys->items[end], (keys->n - end) * sizeof(*keys->items));
        keys->n -= end - kept;
        return 0;
}

int64_t keys_count(const Keys *keys, size_t rule) {
        int64_t count = 0;

        for (size_t i = 0; i < keys->n; i++)
                count += keys->items[i].broken >> rule & 1;
        return count;
}

char *keys_column(const Keys *keys, size_t first, size_t n, size_t column) {
        _cleanup_(strv_freep) char **list = NULL;

        for (size_t i = first; i < first + n && i < keys->n; i++)
                if (strv_add(&list, strv_length(keys->items[i].parts) > column ? keys->items[i].parts[column]
                                                                               : "") < 0)
                        return NULL;
        return strv_array_literal(list);
}

int keys_list(const Keys *keys, size_t rule, size_t limit, char ***list) {
        int r = 0;

        for (size_t i = 0; r >= 0 && limit > 0 && i < keys->n; i++)
                if (keys->items[i].broken >> rule & 1) {
                        r = strv_add(list, keys->items[i].shown);
                        limit--;
                }
        return r;
}
