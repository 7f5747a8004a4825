/* What becomes of what was counted: the rules' answers, and what is remembered of a table.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count.h"

/* The catalog has changed: nothing that was counted holds. */
void answer_forget(CountTable *table);
/* The open rules: as counted last, which still holds now. */
void answer_again(CountTable *table, Method method, const CheckContext *context);
/* The open rules: as counted last, as of then; OVER_LIMIT where nothing whole is known. */
void answer_last(CountTable *table);
/* One rule, known without a look at the table. */
void answer_set(CountRule *rule, Method method, int64_t count, const CheckContext *context);
/* What a statement over the whole table counted, of each rule that it read. 0 or -ENOMEM. */
int answer_counted(CountTable *table, const int64_t *counts, const CheckContext *context);

/* Begins a walk, of the count or (table->is_safety) of everything. 0 or -ENOMEM. */
int answer_begin_walk(CountTable *table, const CheckContext *context);
bool answer_is_walking(CountTable *table); /* one over all rules that it must read */
/* What a slice held: rows { page, counts }; the walk goes on behind it. 0, -ENOMEM, -EINVAL. */
int answer_slice(CountTable *table, const Table *rows, usec_t duration);

/* What a look at the visibility map found in a leaf: its pages that are not marked, and rows as of a
 * slice. 0, -ENOMEM, -EINVAL. */
int answer_dirty(CountTable *table, const Leaf *leaf, const Table *rows);
/* The look is complete: 1 with answers; 0: the map is of no use any more; -ENOMEM. */
int answer_delta(CountTable *table, const CheckContext *context);
/* The walk is at its end. 0 or -ENOMEM. */
int answer_walk(CountTable *table, const CheckContext *context);
