/* What becomes of what was counted: see the header.
 *
 * A whole count is remembered together with what the server said before its snapshot was taken: as long
 * as it says the same, nothing that the count did not see can have come.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-answer.h"

#include <errno.h>

#include "common.h"
#include "count-text.h"

static void pass_done(CountPass *pass) {
        free(pass->snapshot);
        free(pass->signature);
        free(pass->time);
        *pass = (CountPass){.number = pass->number};
}

void answer_forget(CountTable *table) {
        pass_done(&table->pass);
        table->pass.number++; /* no rule was part of that */
        keys_done(&table->keys);
        delta_done(&table->delta);
        table->is_slow = false;
        count_details_done(&table->details);
        walk_done(&table->walk);
        walk_done(&table->safety);
        table->safety_at = 0; /* what was read then says nothing of the rules as they are now */
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                rule->pass = 0;
                rule->counted = rule->walked = rule->safety_walked = 0;
                rule->in_walk = rule->in_safety = false;
                rule->is_suspect = false;
                rule->walked_since = 0;
        }
}

/* The keys of a later walk are none of the pass's: where its own were cut they begin anew with it. */
static bool has_all_keys(const CountTable *table) {
        return table->pass.has_keys && !table->keys.is_cut;
}

/* Rows whose keys are kept are looked at again and again: what they say is newer than the walk. */
static int64_t value_of(const CountTable *table, size_t i) {
        const CountRule *rule = table->rules[i];

        if (has_all_keys(table))
                return keys_count(&table->keys, i);
        return rule->walked > rule->counted ? rule->walked : rule->counted;
}

void answer_set(CountRule *rule, Method method, int64_t count, const CheckContext *context) {
        rule->is_open = false;
        rule->answer = (CountAnswer){
                .reason = REASON_OK,
                .count = count,
                .method = method,
                .at = context->realtime,
                .boottime = context->boottime,
        };
}

void answer_again(CountTable *table, Method method, const CheckContext *context) {
        for (size_t i = 0; i < table->n_rules; i++)
                if (table->rules[i]->is_open)
                        answer_set(table->rules[i], method, value_of(table, i), context);
}

static void answer_one_last(CountTable *table, size_t i) {
        CountRule *rule = table->rules[i];
        bool is_whole = rule->pass > 0 &&
                        rule->pass == table->pass.number; /* of another one there is no time any more */

        rule->is_open = false;
        rule->answer = (CountAnswer){
                .reason = is_whole ? REASON_OK : REASON_OVER_LIMIT,
                .count = is_whole ? value_of(table, i) : rule->walked,
                .method = is_whole ? table->pass.method : METHOD_WALK,
                .at = table->pass.at,
                .boottime = table->pass.boottime,
                .cycle = table->pass.cycle,
                .bound = table->pass.bound,
                .percent = walk_percent(&table->walk, &table->facts),
        };
}

void answer_last(CountTable *table) {
        for (size_t i = 0; i < table->n_rules; i++)
                if (table->rules[i]->is_open)
                        answer_one_last(table, i);
}

static int remember(CountTable *table, const Walk *walk, const CheckContext *context) {
        const Facts *facts = &table->facts;

        pass_done(&table->pass);
        table->pass.number++;
        table->pass.method = walk ? METHOD_WALK : table->choice.method;
        table->pass.at = walk ? walk->at : context->realtime;
        table->pass.boottime = walk ? walk->boottime : context->boottime;
        table->pass.cycle = walk ? usec_since(context->boottime, walk->boottime) : 0;
        table->pass.bound = walk ? walk_bound(walk, facts) : 0;
        if (str_set(&table->pass.snapshot, walk ? walk->snapshot : facts->snapshot) < 0 ||
            str_set(&table->pass.signature, walk ? walk->signature : facts->signature) < 0 ||
            str_set(&table->pass.time, walk ? walk->time : facts->time) < 0)
                return -ENOMEM;
        return 0;
}

int answer_counted(CountTable *table, const int64_t *counts, const CheckContext *context) {
        int r = remember(table, NULL, context);

        if (r < 0)
                return r;
        walk_done(&table->walk);
        keys_done(&table->keys);
        for (size_t i = 0, at = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                if (!count_reads(table, rule))
                        continue;
                rule->pass = table->pass.number;
                rule->counted = counts[at++];
                rule->walked = 0;
                rule->in_walk = false;
                answer_set(rule, table->choice.method, rule->counted, context);
        }
        return 0;
}

int answer_begin_walk(CountTable *table, const CheckContext *context) {
        Walk *walk = table->is_safety ? &table->safety : &table->walk;

        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                *(table->is_safety ? &rule->in_safety : &rule->in_walk) = count_reads(table, rule);
                *(table->is_safety ? &rule->safety_walked : &rule->walked) = 0;
        }
        if (!table->is_safety && table->keys.is_cut)
                keys_done(&table->keys);
        return walk_begin(walk, &table->facts, context->boottime, context->realtime);
}

/* A rule that a walk left out once is part of it no more, and waits for the next one. A table that was
 * rewritten has its rows in other places: its walk begins anew. */
bool answer_is_walking(CountTable *table) {
        const Walk *walk = table->is_safety ? &table->safety : &table->walk;
        size_t n = 0;

        if (!walk->is_active || walk->files != table->facts.files)
                return false;
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];
                bool *is_in = table->is_safety ? &rule->in_safety : &rule->in_walk;

                *is_in &= count_reads(table, rule);
                n += *is_in;
        }
        return n > 0;
}

/* A walk of everything meets rows that cannot be there by what is believed: it is believed no more. */
static void contradict(CountTable *table, CountRule *rule) {
        if (rule->trusted != N_METHODS) {
                rule->is_suspect = true;
                rule->pass = 0;
        } else if (rule->answer.reason == REASON_OK && rule->answer.count == 0) {
                rule->is_suspect = rule->is_falling;
                rule->pass = 0; /* to be counted anew */
        }
}

/* The counts of one page, by the table's rules; those that are not read have none. */
static int spread(const CountTable *table, const char *text, int64_t *ret_counts) {
        _cleanup_(freep) int64_t *counts = calloc(table->n_rules + 1, sizeof(*counts));
        size_t n = 0;
        int r;

        if (!counts)
                return -ENOMEM;
        for (size_t i = 0; i < table->n_rules; i++)
                n += count_reads(table, table->rules[i]);
        r = count_parse(text, counts, n);
        if (r < 0)
                return r;
        for (size_t i = 0, at = 0; i < table->n_rules; i++)
                ret_counts[i] = count_reads(table, table->rules[i]) ? counts[at++] : 0;
        return 0;
}

/* One page with breaking rows. */
static int take_page(CountTable *table, int64_t page, const int64_t *counts) {
        int r = 0;

        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                table->slice_breaks |= counts[i] > 0;
                *(table->is_safety ? &rule->safety_walked : &rule->walked) += counts[i];
                if (table->is_safety && counts[i] > 0)
                        contradict(table, rule);
        }
        if (!table->is_safety && table->delta.is_building)
                r = page_map_add(&table->delta.map, table->slice.leaf->id, page, counts);
        if (r == -EFBIG)
                delta_done(&table->delta);
        return r == -EFBIG ? 0 : r;
}

int answer_slice(CountTable *table, const Table *rows, usec_t duration) {
        _cleanup_(freep) int64_t *counts = calloc(table->n_rules + 1, sizeof(*counts));
        int r = counts ? 0 : -ENOMEM;

        table->slice_breaks = false;
        for (size_t row = 0; r >= 0 && row < rows->n_rows; row++) {
                r = spread(table, table_text(rows, row, "counts"), counts);
                if (r >= 0)
                        r = take_page(table, table_int(rows, row, "page"), counts);
        }
        if (r < 0)
                return r;
        walk_advance(table->is_safety ? &table->safety : &table->walk, &table->slice, duration);
        if (table->is_safety)
                table->safety_tries = 0;
        return 0;
}

int answer_dirty(CountTable *table, const Leaf *leaf, const Table *rows) {
        _cleanup_(freep) int64_t *counts = calloc(table->n_rules + 1, sizeof(*counts));
        int r = counts ? 0 : -ENOMEM;

        for (size_t row = 0; r >= 0 && row < rows->n_rows; row++) {
                const char *text = table_text(rows, row, "counts");

                if (table_is_null(rows, row, "page")) {
                        r = delta_add_dirty(&table->delta.next_dirty, leaf->id, text);
                        continue;
                }
                r = spread(table, text, counts);
                if (r >= 0)
                        r = page_map_add(&table->delta.next, leaf->id, table_int(rows, row, "page"), counts);
        }
        return r;
}

int answer_delta(CountTable *table, const CheckContext *context) {
        bool is_kept = delta_holds(&table->delta);
        int r = is_kept ? delta_accept(&table->delta) : 0;

        if (r < 0)
                return r;
        if (!table->delta.is_valid || !is_kept) {
                delta_done(&table->delta);
                return 0;
        }
        r = remember(table, NULL, context);
        if (r < 0)
                return r;
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                if (!count_reads(table, rule))
                        continue;
                rule->pass = table->pass.number;
                rule->counted = page_map_total(&table->delta.map, i);
                rule->walked = 0;
                answer_set(rule, METHOD_DELTA, rule->counted, context);
        }
        return 1;
}

static int end_safety(CountTable *table) {
        for (size_t i = 0; i < table->n_rules; i++)
                if (table->rules[i]->in_safety)
                        table->rules[i]->walked_since = table->safety.boottime;
        table->safety_at = table->safety.boottime;
        table->safety_tries = 0;
        walk_done(&table->safety);
        return 0;
}

/* A walk reads without regard to constraints, so it is as good as one of the safety net for all that it
 * was of. */
int answer_walk(CountTable *table, const CheckContext *context) {
        bool is_of_all = true;
        int r;

        if (table->is_safety)
                return end_safety(table);
        r = remember(table, &table->walk, context);
        if (r < 0)
                return r;
        table->pass.has_keys = !table->keys.is_cut && table->details.key_columns &&
                               table->n_rules <= KEYS_RULES;
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                is_of_all &= rule->in_walk;
                if (!rule->in_walk)
                        continue;
                rule->walked_since = table->walk.boottime;
                rule->pass = table->pass.number;
                rule->counted = rule->walked;
                rule->walked = 0;
                rule->is_suspect &= rule->counted > 0;
        }
        if (is_of_all)
                table->safety_at = table->walk.boottime;
        table->delta.is_valid = table->delta.is_building;
        table->delta.is_building = false;
        walk_done(&table->walk);
        answer_last(table);
        return 0;
}
