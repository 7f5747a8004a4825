/* The stages of a visit, a file each for choosing, looking at the visibility map, and reading.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count-answer.h"
#include "count-text.h"

/* A table of up to so many pages is read in one piece: some 15 ms. */
#define FULL_PAGES 2048

typedef struct StageKind {
        const char *name; /* of the statement */
        const Shape *shape;
        StatementPlace place;
        bool reads_rows, repeats;
        /* 1: the statement is in `sql` (and more in `ret`); 0: nothing to ask; negative errno. */
        int (*ask)(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql);
        int (*accept)(CountTable *table, const CheckContext *context, const Outcome *outcome);
} StageKind;

extern const StageKind count_stage_lock, count_stage_facts, count_stage_details,
        count_stage_plan; /* count-choose.c */
extern const StageKind count_stage_summary, count_stage_delta, count_stage_clear, count_stage_fence,
        count_stage_dirty; /* count-look.c */
extern const StageKind count_stage_recheck, count_stage_read, count_stage_find,
        count_stage_keys; /* count-read.c */

/* What stays as long as the fingerprint does. */
int count_ask_details(CountTable *table, Statement *ret, Buffer *sql);
int count_accept_details(CountTable *table, const Outcome *outcome);

/* Takes the method that the facts allow, and sets the stage that it begins with. */
int count_choose(CountTable *table, const CheckContext *context);
/* Goes on with the walk: its next slice, or its end. */
int count_enter_walk(CountTable *table, const CheckContext *context);
/* Deltas are possible at all. */
bool count_can_delta(const CountTable *table, const CheckContext *context);
/* The visibility map was looked at: a walk begins, as ground of later deltas where it can be. */
int count_after_dirty(CountTable *table, const CheckContext *context);

/* What a walk may be followed by, and what would stand in its place, is listed behind it. */
void count_explain_further(CountTable *table, const CheckContext *context);

/* The visit reads slices, not the table in one piece. */
bool count_is_slice(const CountTable *table);
/* Blocks that reading so many of its pages comes to, and pages that so many blocks pay for. */
int64_t count_cost(const CountTable *table, int64_t pages);
int64_t count_affordable(const CountTable *table, int64_t blocks);
size_t count_rules(const CountTable *table, bool (*is)(const CountTable *table, const CountRule *rule));
