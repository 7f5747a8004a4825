/* One visit to a table: a transaction, in which the method is chosen and carried out.
 *
 *   lock ─▶ facts ─▶ (choose) ─┬─ ratchet, unchanged, counters ────────────────▶ done
 *                              ├─ plan, summary ─▶ (choose again)
 *                              ├─ full, index ──────────────▶ read ─▶ keys … ──▶ done
 *                              ├─ delta (count-look.c) ────────────────────────▶ done, or walk
 *                              └─ walk ─▶ recheck … ─▶ read a slice ─▶ keys ─▶ lock … or done
 *
 * Each slice has a transaction of its own, so that nobody waits for more than one of them. The engine
 * commits what is left open, pipelined with the next lock.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count.h"

#include <errno.h>
#include <string.h>

#include "common.h"
#include "count-stages.h"

/* A table of less pages is not faster read in slices. */
#define SLOW_PAGES 512

/* With less than so many pages left of its share it begins no further slice. */
#define SLICE_LEAST 64

void count_begin(CountTable *table, int64_t share, bool safety) {
        table->stage = COUNT_LOCK;
        table->is_safety = safety;
        table->safety_tries += safety;
        table->has_suspect = table->is_later = table->is_alternative = false;
        table->share = share;
        table->cursor = 0;
        table->keys.is_cut |= table->keys.is_owed; /* the connection was lost in between */
        table->keys.is_owed = false;
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                rule->is_open = rule->is_asked && !safety;
                table->has_suspect |= rule->is_asked && rule->is_suspect;
        }
}

void count_explain_further(CountTable *table, const CheckContext *context) {
        Method method = table->choice.method;

        table->cursor = 0;
        if (!table->is_safety && method == METHOD_WALK && count_can_delta(table, context)) {
                table->choice.method = METHOD_DELTA;
                table->stage = COUNT_SUMMARY;
        } else if (!table->is_safety && (method == METHOD_WALK || method == METHOD_DELTA)) {
                table->choice.method = METHOD_FULL;
                table->is_alternative = true;
                table->stage = COUNT_READ;
        } else {
                count_fail(table, REASON_SKIPPED);
        }
}

/* That it is at its end costs no block to find. */
static bool may_go_on(const CountTable *table) {
        const Walk *walk = table->is_safety ? &table->safety : &table->walk;
        Slice next;

        return count_affordable(table, table->share) >= SLICE_LEAST ||
               !walk_next(walk, &table->facts, INT64_MAX, &next);
}

/* Each leaf has statements of its own; false: there is no further one. */
static bool leave_leaf(CountTable *table) {
        Walk *walk = table->is_safety ? &table->safety : &table->walk;

        walk->leaf = table->slice.leaf->id;
        walk->block = INT64_MAX;
        return walk_next(walk, &table->facts, INT64_MAX, &table->slice);
}

/* Behind a slice: the next one, in a transaction of its own, or the end of this visit. */
static void after_keys(CountTable *table, const CheckContext *context) {
        bool goes_on = count_is_slice(table) && !context->explain && may_go_on(table);

        table->stage = goes_on ? COUNT_LOCK : COUNT_DONE;
        table->is_later = true;
        if (context->explain && count_is_slice(table) && leave_leaf(table))
                table->stage = COUNT_READ;
        else if (context->explain)
                count_explain_further(table, context);
        else if (!goes_on)
                answer_last(table);
}

static const StageKind *const stages[N_COUNT_STAGES] = {
        [COUNT_LOCK] = &count_stage_lock,       [COUNT_FACTS] = &count_stage_facts,
        [COUNT_DETAILS] = &count_stage_details, [COUNT_PLAN] = &count_stage_plan,
        [COUNT_SUMMARY] = &count_stage_summary, [COUNT_DELTA] = &count_stage_delta,
        [COUNT_CLEAR] = &count_stage_clear,     [COUNT_FENCE] = &count_stage_fence,
        [COUNT_DIRTY] = &count_stage_dirty,     [COUNT_RECHECK] = &count_stage_recheck,
        [COUNT_READ] = &count_stage_read,       [COUNT_FIND] = &count_stage_find,
        [COUNT_KEYS] = &count_stage_keys,
};

/* Where an answer, or that there was nothing to ask, leads by itself; count_choose() sets other stages. */
static int go_on(CountTable *table, const CheckContext *context, CountStage stage) {
        if (table->stage != stage)
                return 0;
        if (stage == COUNT_DIRTY)
                return count_after_dirty(table, context);
        if (stage == COUNT_KEYS)
                after_keys(table, context);
        else
                table->stage = stage + 1;
        return 0;
}

/* "method walk; not full: the table is large; …": the choice, and why nothing cheaper was taken. */
static char *note_of(const CountTable *table) {
        _cleanup_(buffer_done) Buffer note = BUFFER_NULL;

        if (count_is_slice(table) && table->stage != COUNT_READ)
                return strdup("where a walk finds rows that break a rule");
        if (table->stage == COUNT_DELTA)
                return strdup("where a walk has mapped its pages, method delta");
        if (table->is_safety)
                return strdup("the walk that reads everything once in intervals.safety");
        if (table->is_alternative)
                return strdup("where a command counts once, method full unless that takes too long");
        buffer_printf(&note, "method %s", method_name(table->choice.method));
        for (unsigned i = METHOD_RATCHET; i < (unsigned)table->choice.method; i++)
                if (table->choice.why_not[i])
                        buffer_printf(&note, "; not %s: %s", method_name(i), table->choice.why_not[i]);
        return buffer_take(&note);
}

int count_next(CountTable *table, const CheckContext *context, Statement *ret) {
        while (table->stage < COUNT_DONE) {
                const StageKind *stage = stages[table->stage];
                _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;
                int r;

                ret->name = stage->name;
                ret->shape = stage->shape;
                ret->place = stage->place;
                ret->reads_rows = stage->reads_rows;
                ret->object = table->sql;
                ret->exclusion_off = table->is_safety || table->has_suspect || table->has_user_code;
                r = stage->ask(table, context, ret, &sql);
                if (r < 0)
                        return r;
                if (r > 0) {
                        ret->sql = buffer_take(&sql);
                        if (stage->reads_rows && context->explain)
                                ret->note = note_of(table);
                        return ret->sql ? 1 : -ENOMEM;
                }
                r = go_on(table, context, table->stage);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --explain does not run what reads rows. */
static int skip(CountTable *table, const CheckContext *context) {
        bool has_more = table->stage == COUNT_DELTA || (table->stage == COUNT_KEYS && !count_is_slice(table));

        table->cursor = has_more ? table->cursor + 1 : table->stage == COUNT_READ ? 0 : SIZE_MAX;
        return has_more ? 0 : go_on(table, context, table->stage);
}

int count_take(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        CountStage stage = table->stage;
        int r = 0;

        if (!outcome->table && stages[stage]->shape)
                return skip(table, context);
        r = stages[stage]->accept(table, context, outcome);
        if (r < 0 || (stages[stage]->repeats && !(stage == COUNT_KEYS && count_is_slice(table))))
                return r;
        return go_on(table, context, stage);
}

bool count_evaluates(const CountTable *table) {
        return table->stage == COUNT_PLAN || table->stage == COUNT_DELTA || table->stage >= COUNT_RECHECK;
}

static bool can_shrink(CountTable *table) {
        Walk *walk = table->is_safety ? &table->safety : &table->walk;
        int64_t before = walk->slice;

        walk_shrink(walk);
        return walk->slice < before;
}

bool count_slow_down(CountTable *table, const CheckContext *context, Reason reason) {
        if (context->is_once && reason == REASON_TIMEOUT && table->stage == COUNT_READ &&
            count_is_slice(table) && can_shrink(table)) {
                table->stage = COUNT_LOCK;
                return true;
        }
        if (reason != REASON_TIMEOUT || table->stage != COUNT_READ || table->choice.method != METHOD_FULL ||
            table->facts.pages < SLOW_PAGES)
                return false;
        table->is_slow = true;
        table->stage = COUNT_LOCK;
        return true;
}

void count_fail(CountTable *table, Reason reason) {
        if (count_is_slice(table) && table->stage == COUNT_READ)
                walk_shrink(table->is_safety ? &table->safety : &table->walk);
        if (table->stage >= COUNT_SUMMARY && table->stage <= COUNT_DIRTY && reason != REASON_TIMEOUT &&
            reason != REASON_LOCKED && reason != REASON_SKIPPED)
                table->is_delta_refused = true;
        if (count_is_slice(table) && table->stage == COUNT_KEYS)
                table->keys.is_cut = true; /* those of the slice that was counted are not in it */
        table->stage = COUNT_DONE;
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                if (rule->is_open)
                        rule->answer.reason = reason;
                rule->is_open = false;
        }
}
