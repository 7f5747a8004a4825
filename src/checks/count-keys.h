/* Keys: the rows that a walk found to break rules, by their primary key, so that each poll can look
 * at them again. A bounded set, sorted.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/table.h"

#define KEYS_MAX     1000
#define KEYS_CHUNK   200 /* looked at again by one statement */
#define KEYS_RULES   64  /* that a table may have for its keys to be kept */
#define BLOCKS_A_KEY 4   /* that finding a row by its key reads, about */

typedef struct Key {
        char *shown;     /* "(17,EU)" */
        char **parts;    /* each column as text */
        uint64_t broken; /* rules, as bits */
} Key;

typedef struct Keys {
        Key *items; /* sorted by `shown` */
        size_t n;
        bool is_owed; /* those of a slice that was counted are asked for: lost, if no answer comes */
        bool is_cut;  /* there were more than KEYS_MAX: not each breaking row is in it */
} Keys;

/* Of rows key, parts, broken (as count_key_rows): adds them; what is known already takes the new
 * bits. 0, -ENOMEM, -EINVAL. */
int keys_add(Keys *keys, const Table *rows);
/* The rows found again of the `n` keys from `first` on: the rest of these break nothing any more. 0,
 * -ENOMEM, or -EINVAL for rows of other keys: nothing has changed then. */
int keys_recheck(Keys *keys, size_t first, size_t n, const Table *rows);
/* Rows that break the rule of that bit. */
int64_t keys_count(const Keys *keys, size_t rule);
/* One column of a chunk as a text[] literal. Owned; NULL when out of memory. */
char *keys_column(const Keys *keys, size_t first, size_t n, size_t column);
/* Keys of one rule for people, at most `limit`, added to *list. 0 or -ENOMEM. */
int keys_list(const Keys *keys, size_t rule, size_t limit, char ***list);
void keys_done(Keys *keys);

extern const Shape count_key_rows; /* key, parts, broken */
