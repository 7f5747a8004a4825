/* The stages that look at the visibility map, and the fence that tells whether VACUUM has worked.
 *
 *   before a walk:  clear ─▶ fence ─▶ dirty … ─▶ (the walk begins)
 *   for a delta:    summary ─▶ delta … ─▶ clear ─▶ fence ─▶ (it holds, or a walk begins)
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-stages.h"

#include <errno.h>

#include "common.h"

static int add_leaves(const CountTable *table, Statement *ret) {
        _cleanup_(strv_freep) char **ids = NULL;
        _cleanup_(freep) char *literal = NULL;

        for (size_t i = 0; i < table->facts.n_leaves; i++) {
                _cleanup_(freep) char *id = str_format("%lld", (long long)table->facts.leaves[i].id);

                if (!id || strv_add(&ids, id) < 0)
                        return -ENOMEM;
        }
        literal = strv_array_literal(ids);
        return literal ? statement_add_parameter(ret, literal) : -ENOMEM;
}

static int ask_summary(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        count_add_summary(sql, table);
        return add_leaves(table, ret) < 0 ? -ENOMEM : 1;
}

static int accept_summary(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        table->method_facts.dirty_known = true;
        table->method_facts.dirty = INT64_MAX;
        if (outcome->table->n_rows == 1 && !table_is_null(outcome->table, 0, "dirty"))
                table->method_facts.dirty = table_int(outcome->table, 0, "dirty");
        table->cursor = 0;
        return context->explain ? 0 : count_choose(table, context);
}

/* A leaf after the other: its pages that are not marked, and (delta) what is in them. */
static int ask_dirty(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        bool is_delta = table->stage == COUNT_DELTA;
        const Leaf *leaf = &table->facts.leaves[table->cursor];
        _cleanup_(freep) char *id = NULL;

        if (table->cursor >= table->facts.n_leaves)
                return 0;
        id = str_format("%lld", (long long)leaf->id);
        count_add_dirty(sql, table, leaf, is_delta);
        ret->reads_rows = is_delta;
        ret->blocks = is_delta ? table->method_facts.dirty / (int64_t)table->facts.n_leaves : 0;
        ret->max_rows = DELTA_PAGES_MAX;
        return !id || statement_add_parameter(ret, id) < 0 ? -ENOMEM : 1;
}

static int accept_dirty(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        return answer_dirty(table, &table->facts.leaves[table->cursor++], outcome->table);
}

/* Statistics that this transaction has seen already would be shown to it as they were. */
static int ask_clear(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        buffer_add(sql, "SELECT pg_catalog.pg_stat_clear_snapshot()");
        return 1;
}

static int ask_fence(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        buffer_add(sql, count_fence_sql);
        return add_leaves(table, ret) < 0 ? -ENOMEM : 1;
}

/* Before a walk it comes before the look at the map, so that a VACUUM in between is noticed later;
 * behind a delta after it, for the same reason. A VACUUM that works now leaves no fence. */
static int accept_fence(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        bool is_known = outcome->table->n_rows == 1 && !table_bool(outcome->table, 0, "vacuuming");
        int r = str_set(&table->delta.next_fence, is_known ? table_text(outcome->table, 0, "fence") : NULL);

        if (r < 0)
                return r;
        table->cursor = 0;
        if (table->choice.method != METHOD_DELTA)
                return 0; /* goes on to the map */
        table->stage = COUNT_DONE;
        if (context->explain) {
                count_explain_further(table, context);
                return 0;
        }
        table->share -= table->method_facts.dirty;
        r = answer_delta(table, context);
        if (r != 0)
                return r < 0 ? r : 0;
        table->method_facts.has_map = false;
        table->stage = COUNT_FACTS;
        return count_choose(table, context);
}

/* The map was looked at: a walk begins, as ground of later deltas where it can be. */
int count_after_dirty(CountTable *table, const CheckContext *context) {
        table->method_facts.dirty_known = true;
        table->method_facts.dirty = (int64_t)delta_dirty(&table->delta);
        if (table->delta.next_fence && method_map_pays(&table->method_facts))
                delta_begin(&table->delta);
        else
                delta_done(&table->delta);
        return count_enter_walk(table, context);
}

static int accept_nothing(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        return 0;
}

const StageKind count_stage_summary = {"count.summary", &count_summary_rows, STATEMENT_WITHIN,
                                       .ask = ask_summary, .accept = accept_summary};
const StageKind count_stage_delta = {"count.delta", &count_page_rows, STATEMENT_WITHIN, true,
                                     true,          ask_dirty,        accept_dirty};
const StageKind count_stage_clear = {"count.clear", NULL, STATEMENT_WITHIN, .ask = ask_clear,
                                     .accept = accept_nothing};
const StageKind count_stage_fence = {"count.fence", &count_fence_rows, STATEMENT_WITHIN, .ask = ask_fence,
                                     .accept = accept_fence};
const StageKind count_stage_dirty = {"count.dirty",   &count_page_rows, STATEMENT_WITHIN,
                                     .repeats = true, .ask = ask_dirty, .accept = accept_dirty};
