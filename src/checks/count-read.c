/* The stages that read rows: kept keys again, a slice or the whole, the keys of what was found.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-stages.h"

#include <errno.h>

#include "common.h"

#define SLICE_ROWS 10000 /* more than a slice has pages */

static size_t chunk_of(const CountTable *table) {
        size_t left = table->keys.n > table->cursor ? table->keys.n - table->cursor : 0;

        return left < KEYS_CHUNK ? left : KEYS_CHUNK;
}

/* Keys that cannot all be looked at again in this poll, and the walk go on beside it, tell nothing of
 * now: then the walk's own count is what is known. */
static void cut_keys(CountTable *table) {
        bool is_first = table->cursor == 0 && !table->is_safety;

        if (is_first && (int64_t)table->keys.n * BLOCKS_A_KEY > table->share / 2)
                table->keys.is_cut = true;
}

/* Once a poll: the walk's later slices come with a cursor past the end. */
static int ask_recheck(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        cut_keys(table);
        if ((table->is_safety && !context->explain) || !table->details.key_columns || table->keys.is_cut ||
            (table->cursor >= table->keys.n && !(context->explain && table->cursor == 0)))
                return 0;
        ret->blocks = (int64_t)chunk_of(table) * BLOCKS_A_KEY;
        ret->max_rows = KEYS_CHUNK;
        count_add_recheck(sql, table);
        for (size_t i = 0; i < strv_length(table->details.key_columns); i++) {
                _cleanup_(freep) char *column = keys_column(&table->keys, table->cursor, chunk_of(table), i);

                if (!column || statement_add_parameter(ret, column) < 0)
                        return -ENOMEM;
        }
        return 1;
}

static int accept_recheck(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        size_t n = chunk_of(table), before = table->keys.n;
        int r = keys_recheck(&table->keys, table->cursor, n, outcome->table);

        table->share -= (int64_t)n * BLOCKS_A_KEY;
        table->cursor += n - (before - table->keys.n); /* the others are no longer in the list */
        if (r != -EINVAL)
                return r;
        table->keys.is_cut = true; /* a key that was changed to an equal one, as 1.0 to 1.00 */
        return 0;
}

bool count_is_slice(const CountTable *table) {
        return table->is_safety || table->choice.method == METHOD_WALK;
}

/* Keys of breaking rows are kept as long as there is room for all. */
static bool keeps_keys(const CountTable *table) {
        return !table->is_safety && table->details.key_columns && table->n_rules <= KEYS_RULES &&
               !table->keys.is_cut;
}

/* What it may read: half, where asking for keys may read the slice again. */
static int64_t slice_limit(const CountTable *table) {
        return count_affordable(table, keeps_keys(table) ? table->share - table->share / 2 : table->share);
}

static int64_t slice_cost(const CountTable *table) {
        return count_cost(table, table->slice.end - table->slice.first);
}

static int ask_slice(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        const Walk *walk = table->is_safety ? &table->safety : &table->walk;
        int version_num = context->server->version_num;

        if (table->share <= 0 || !walk_next(walk, &table->facts, slice_limit(table), &table->slice))
                return 0;
        ret->name = "count.slice";
        ret->shape = &count_page_rows;
        ret->max_rows = SLICE_ROWS;
        ret->blocks = slice_cost(table);
        count_add_slice(sql, table, version_num);
        return count_add_slice_parameters(ret, &table->slice, version_num) < 0 ? -ENOMEM : 1;
}

static int64_t read_cost(const CountTable *table) {
        if (count_is_slice(table))
                return slice_cost(table);
        return table->choice.method == METHOD_INDEX ? (int64_t)table->method_facts.plan_cost
                                                    : count_cost(table, table->facts.pages);
}

static int ask_read(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        table->slice_breaks = false;
        if (count_is_slice(table))
                return ask_slice(table, context, ret, sql);
        ret->blocks = read_cost(table);
        count_add_count(sql, table);
        return 1;
}

static int accept_read(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        size_t n = count_rules(table, count_reads);
        _cleanup_(freep) int64_t *counts = calloc(n + 1, sizeof(*counts));
        const char *text = outcome->table->n_rows == 1 ? table_text(outcome->table, 0, "counts") : "";
        int r;

        if (!counts)
                return -ENOMEM;
        r = count_is_slice(table) ? answer_slice(table, outcome->table, outcome->duration)
                                  : count_parse(text, counts, n);
        if (r == -EINVAL)
                count_fail(table, REASON_ERROR);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        table->cursor = 0;
        table->keys.is_owed = table->slice_breaks && keeps_keys(table);
        table->share -= read_cost(table);
        return count_is_slice(table) ? 0 : answer_counted(table, counts, context);
}

/* Under --explain nothing was counted: there may be such rows in each. */
static bool wants_keys(const CountRule *rule, const CheckContext *context) {
        return rule->is_asked && (context->explain || rule->answer.count > 0);
}

/* A table that was read at once has not told how its rows are named. */
static int ask_find(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        bool wants = false;

        for (size_t i = 0; i < table->n_rules; i++)
                wants |= wants_keys(table->rules[i], context);
        if (!wants || table->details.is_known || context->key_rows == 0)
                return 0;
        return count_ask_details(table, ret, sql);
}

static int accept_find(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        return count_accept_details(table, outcome);
}

static int ask_rule_keys(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        while (table->cursor < table->n_rules && !wants_keys(table->rules[table->cursor], context))
                table->cursor++;
        if (context->key_rows == 0 || table->cursor >= table->n_rules)
                return 0;
        ret->max_rows = context->key_rows;
        count_add_rule_keys(sql, table, table->rules[table->cursor], context->key_rows);
        return 1;
}

static int ask_slice_keys(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        int version_num = context->server->version_num;

        if ((table->is_safety && !context->explain) || !table->details.key_columns ||
            table->n_rules > KEYS_RULES || table->keys.is_cut || !(table->slice_breaks || context->explain))
                return 0;
        ret->name = "count.slice_keys";
        ret->max_rows = KEYS_MAX + 1;
        ret->blocks = slice_cost(table);
        count_add_slice_keys(sql, table, version_num);
        return count_add_slice_parameters(ret, &table->slice, version_num) < 0 ? -ENOMEM : 1;
}

static int ask_keys(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        return count_is_slice(table) ? ask_slice_keys(table, context, ret, sql)
                                     : ask_rule_keys(table, context, ret, sql);
}

static int accept_keys(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        CountRule *rule = count_is_slice(table) ? NULL : table->rules[table->cursor++];
        int r = rule ? 0 : keys_add(&table->keys, outcome->table);

        table->keys.is_owed = false;
        if (!rule)
                table->share -= slice_cost(table);
        for (size_t row = 0; rule && r >= 0 && row < outcome->table->n_rows; row++)
                r = strv_add(&rule->shown, table_text(outcome->table, row, "key"));
        if (r == -EINVAL)
                count_fail(table, REASON_ERROR);
        return r == -EINVAL ? 0 : r;
}

const StageKind count_stage_recheck = {"count.recheck", &count_key_rows, STATEMENT_WITHIN, true, true,
                                       ask_recheck,     accept_recheck};
const StageKind count_stage_read = {"count.full", &count_rows, STATEMENT_WITHIN, true,
                                    false,        ask_read,    accept_read};
const StageKind count_stage_find = {"count.details", &count_details_rows, STATEMENT_WITHIN, .ask = ask_find,
                                    .accept = accept_find};
const StageKind count_stage_keys = {"count.keys", &count_key_rows, STATEMENT_WITHIN, true,
                                    true,         ask_keys,        accept_keys};
