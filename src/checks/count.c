/* One visit to a table: a transaction, in which the method is chosen and carried out.
 *
 *   lock ─▶ facts ─▶ (choose) ─┬─ unchanged, counters ─────────────────────────▶ done
 *                              ├─ plan ─▶ (choose again)
 *                              ├─ full, index ──────────────▶ read ─▶ keys … ──▶ done
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
#include "count-answer.h"
#include "count-text.h"

/* A table of up to so many pages is read in one piece: some 15 ms. */
#define FULL_PAGES 2048

/* With less than that left of its share it begins no further slice. */
#define SLICE_LEAST 64

void count_begin(CountTable *table, int64_t share, bool safety) {
        table->stage = COUNT_LOCK;
        table->is_safety = safety;
        table->has_suspect = false;
        table->share = share;
        table->cursor = 0;
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                rule->is_open = rule->is_asked && !safety;
                table->has_suspect |= rule->is_asked && rule->is_suspect;
        }
}

static size_t count_of(const CountTable *table, bool (*is)(const CountTable *table, const CountRule *rule)) {
        size_t n = 0;

        for (size_t i = 0; i < table->n_rules; i++)
                n += is(table, table->rules[i]);
        return n;
}

static bool is_open(const CountTable *table, const CountRule *rule) {
        return rule->is_open;
}

static bool is_opaque(const CountTable *table, const CountRule *rule) {
        return rule->is_open && rule->is_opaque;
}

static bool is_uncounted(const CountTable *table, const CountRule *rule) {
        return rule->is_open && rule->pass != table->pass.number;
}

static int ask_lock(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        count_add_lock(sql, table);
        return 1;
}

static int accept_nothing(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        return 0;
}

static int ask_facts(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        _cleanup_(freep) char *others = strv_array_literal(table->other_ids);
        _cleanup_(freep) char *calls = strv_array_literal(table->calls);
        const char *since = table->is_safety || table->pass.number == 0 ? NULL : table->pass.time;

        buffer_add(sql, count_facts_sql);
        if (!others || !calls || statement_add_parameter(ret, table->schema) < 0 ||
            statement_add_parameter(ret, table->name) < 0 ||
            statement_add_parameter(ret, table->only ? "true" : "false") < 0 ||
            statement_add_parameter(ret, others) < 0 || statement_add_parameter(ret, since) < 0 ||
            statement_add_parameter(ret, calls) < 0)
                return -ENOMEM;
        return 1;
}

static void table_facts(CountTable *table, const CheckContext *context) {
        const Facts *facts = &table->facts;
        int64_t budget = context->settings->limits.blocks_per_poll;

        table->method_facts = (MethodFacts){
                .is_suspect = table->has_suspect,
                .is_opaque = facts->is_opaque || count_of(table, is_opaque) > 0,
                .was_counted = count_of(table, is_uncounted) == 0,
                .same_snapshot = str_equal(facts->snapshot, table->pass.snapshot),
                .same_signature = str_equal(facts->signature, table->pass.signature),
                .is_standby = facts->is_standby,
                .counts_rows = facts->counts_rows,
                .busy = facts->busy,
                .pages = facts->pages,
                .full_pages = budget < FULL_PAGES ? budget : FULL_PAGES,
                .can_slice = facts->can_slice,
                .cost_limit = (double)(table->share < budget ? table->share : budget),
        };
}

/* Rules that no row breaks and none can come to break need no look at the table. */
static void choose_for_rules(CountTable *table, const CheckContext *context) {
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];
                MethodChoice choice;

                method_choose(
                        &(MethodFacts){
                                .is_falling = rule->is_falling,
                                .is_suspect = rule->is_suspect,
                                .was_counted = rule->pass > 0,
                                .has_none = rule->counted == 0,
                                .pages = INT64_MAX,
                        },
                        &choice);
                if (rule->is_open && choice.method == METHOD_RATCHET)
                        answer_set(rule, METHOD_RATCHET, 0, context);
        }
}

/* Goes on with the walk: its next slice, or its end. */
static int enter_walk(CountTable *table, const CheckContext *context) {
        Walk *walk = table->is_safety ? &table->safety : &table->walk;
        int r = answer_is_walking(table) ? 0 : answer_begin_walk(table, context);

        if (r < 0)
                return r;
        if (!walk_next(walk, &table->facts, INT64_MAX, &table->slice)) {
                table->stage = COUNT_DONE;
                return answer_walk(table, context);
        }
        table->stage = COUNT_RECHECK;
        return 0;
}

static int carry_out(CountTable *table, const CheckContext *context) {
        Method method = table->choice.method;

        switch (method) {
        case METHOD_UNCHANGED:
        case METHOD_COUNTERS:
                answer_again(table, method, context);
                break;
        case METHOD_FULL:
                if (table->facts.pages <= table->share) {
                        table->stage = COUNT_READ;
                        return 0;
                }
                answer_last(table); /* it stands until the table's turn comes */
                break;
        case METHOD_INDEX:
                table->stage = table->choice.needs_plan ? COUNT_PLAN : COUNT_READ;
                return 0;
        case METHOD_WALK:
                return enter_walk(table, context);
        default:
                count_fail(table, REASON_PRIVILEGE);
        }
        table->stage = COUNT_DONE;
        return 0;
}

static int choose(CountTable *table, const CheckContext *context) {
        if (table->is_safety)
                return enter_walk(table, context);
        choose_for_rules(table, context);
        if (count_of(table, is_open) == 0) {
                table->stage = COUNT_DONE;
                return 0;
        }
        method_choose(&table->method_facts, &table->choice);
        return carry_out(table, context);
}

static int accept_facts(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        Reason blocked = count_facts_blocked(outcome->table, table->id, table->only);
        int r;

        if (blocked != REASON_OK) {
                count_fail(table, blocked);
                return 0;
        }
        count_facts_done(&table->facts);
        r = count_facts_load(outcome->table, &table->facts);
        if (r < 0)
                return r;
        table->pages = table->facts.pages;
        table->is_sized = true;
        if (!str_equal(table->fingerprint, table->facts.fingerprint)) {
                answer_forget(table);
                r = str_set(&table->fingerprint, table->facts.fingerprint);
        }
        if (r < 0)
                return r;
        table_facts(table, context);
        return choose(table, context);
}

static int ask_plan(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        buffer_add(sql, "EXPLAIN (FORMAT JSON) ");
        count_add_count(sql, table);
        return 1;
}

static int accept_plan(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        const Table *rows = outcome->table;
        MethodFacts *facts = &table->method_facts;

        facts->plan_known = true;
        facts->plan_scans = rows->n_rows != 1 ||
                            !count_parse_plan(table_text(rows, 0, "QUERY PLAN"), &facts->plan_cost,
                                              &facts->plan_scans) ||
                            facts->plan_scans;
        return choose(table, context);
}

static size_t chunk_of(const CountTable *table) {
        size_t left = table->keys.n > table->cursor ? table->keys.n - table->cursor : 0;

        return left < KEYS_CHUNK ? left : KEYS_CHUNK;
}

/* Once a poll: the walk's later slices come with a cursor past the end. */
static int ask_recheck(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        if (table->is_safety || !table->facts.key_columns || table->keys.is_cut ||
            (table->cursor >= table->keys.n && !(context->explain && table->cursor == 0)) ||
            table->share < (int64_t)chunk_of(table) * BLOCKS_A_KEY)
                return 0;
        ret->blocks = (int64_t)chunk_of(table) * BLOCKS_A_KEY;
        ret->max_rows = KEYS_CHUNK;
        count_add_recheck(sql, table);
        for (size_t i = 0; i < strv_length(table->facts.key_columns); i++) {
                _cleanup_(freep) char *column = keys_column(&table->keys, table->cursor, chunk_of(table), i);

                if (!column || statement_add_parameter(ret, column) < 0)
                        return -ENOMEM;
        }
        return 1;
}

static int accept_recheck(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        size_t n = chunk_of(table);
        int r = keys_recheck(&table->keys, table->cursor, n, outcome->table);

        table->share -= (int64_t)n * BLOCKS_A_KEY;
        table->cursor += outcome->table->n_rows; /* the others are no longer in the list */
        return r;
}

static bool is_slice(const CountTable *table) {
        return table->is_safety || table->choice.method == METHOD_WALK;
}

static int ask_slice(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        const Walk *walk = table->is_safety ? &table->safety : &table->walk;
        int version_num = context->server->version_num;

        if (table->share <= 0 || !walk_next(walk, &table->facts, table->share, &table->slice))
                return 0;
        ret->name = "count.slice";
        ret->blocks = table->slice.end - table->slice.first;
        count_add_slice(sql, table, version_num);
        return count_add_slice_parameters(ret, &table->slice, version_num) < 0 ? -ENOMEM : 1;
}

static int ask_read(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        table->slice_breaks = false;
        if (is_slice(table))
                return ask_slice(table, context, ret, sql);
        ret->blocks = table->choice.method == METHOD_INDEX ? (int64_t)table->method_facts.plan_cost
                                                           : table->facts.pages;
        count_add_count(sql, table);
        return 1;
}

static int accept_read(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        size_t n = count_of(table, count_reads);
        _cleanup_(freep) int64_t *counts = calloc(n + 1, sizeof(*counts));
        const char *text = outcome->table->n_rows == 1 ? table_text(outcome->table, 0, "counts") : "";
        int r;

        if (!counts)
                return -ENOMEM;
        r = count_parse(text, counts, n);
        if (r == -EINVAL)
                count_fail(table, REASON_ERROR);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        if (is_slice(table)) {
                table->share -= table->slice.end - table->slice.first;
                answer_slice(table, counts, outcome->duration);
                return 0;
        }
        table->share -= table->facts.pages;
        table->cursor = 0;
        return answer_counted(table, counts, context);
}

/* Under --explain nothing was counted: there may be such rows in each. */
static bool wants_keys(const CountRule *rule, const CheckContext *context) {
        return rule->is_asked && (context->explain || rule->answer.count > 0);
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

        if (table->is_safety || !table->facts.key_columns || table->n_rules > KEYS_RULES ||
            table->keys.is_cut || !(table->slice_breaks || context->explain))
                return 0;
        ret->name = "count.slice_keys";
        ret->max_rows = KEYS_MAX + 1;
        count_add_slice_keys(sql, table, version_num);
        return count_add_slice_parameters(ret, &table->slice, version_num) < 0 ? -ENOMEM : 1;
}

static int ask_keys(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        return is_slice(table) ? ask_slice_keys(table, context, ret, sql)
                               : ask_rule_keys(table, context, ret, sql);
}

static int accept_keys(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        CountRule *rule = is_slice(table) ? NULL : table->rules[table->cursor++];
        int r = rule ? 0 : keys_add(&table->keys, outcome->table);

        for (size_t row = 0; rule && r >= 0 && row < outcome->table->n_rows; row++)
                r = strv_add(&rule->shown, table_text(outcome->table, row, "key"));
        return r;
}

/* Behind a slice: the next one, in a transaction of its own, or the end of this visit. */
static void after_keys(CountTable *table, const CheckContext *context) {
        bool goes_on = is_slice(table) && table->share >= SLICE_LEAST && !context->explain;

        table->stage = goes_on ? COUNT_LOCK : COUNT_DONE;
        table->cursor = SIZE_MAX; /* rechecked already */
        if (context->explain)
                count_fail(table, REASON_SKIPPED);
        else if (!goes_on)
                answer_last(table);
}

typedef struct StageKind {
        const char *name; /* of the statement */
        const Shape *shape;
        StatementPlace place;
        bool reads_rows, repeats;
        int (*ask)(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql);
        int (*accept)(CountTable *table, const CheckContext *context, const Outcome *outcome);
} StageKind;

static const StageKind stages[N_COUNT_STAGES] = {
        [COUNT_LOCK] = {"count.lock", NULL, STATEMENT_OPENS, .ask = ask_lock, .accept = accept_nothing},
        [COUNT_FACTS] = {"count.facts", &count_facts_rows, STATEMENT_WITHIN, .ask = ask_facts,
                         .accept = accept_facts},
        [COUNT_PLAN] = {"count.plan", &count_plan_rows, STATEMENT_WITHIN, .ask = ask_plan,
                        .accept = accept_plan},
        [COUNT_RECHECK] = {"count.recheck", &count_key_rows, STATEMENT_WITHIN, true, true, ask_recheck,
                           accept_recheck},
        [COUNT_READ] = {"count.full", &count_rows, STATEMENT_WITHIN, true, false, ask_read, accept_read},
        [COUNT_KEYS] = {"count.keys", &count_key_rows, STATEMENT_WITHIN, true, true, ask_keys, accept_keys},
};

/* Where an answer, or that there was nothing to ask, leads by itself; choose() sets other stages. */
static void go_on(CountTable *table, const CheckContext *context, CountStage stage) {
        if (stage == COUNT_KEYS)
                after_keys(table, context);
        else if (table->stage == stage)
                table->stage = stage + 1;
}

/* "method walk; not full: the table is large; …": the choice, and why nothing cheaper was taken. */
static char *note_of(const CountTable *table) {
        _cleanup_(buffer_done) Buffer note = BUFFER_NULL;

        if (table->is_safety) {
                buffer_add(&note, "part of the walk that reads everything once in intervals.safety");
                return buffer_take(&note);
        }
        buffer_printf(&note, "method %s", method_name(table->choice.method));
        for (unsigned i = METHOD_RATCHET; i < (unsigned)table->choice.method; i++)
                if (table->choice.why_not[i])
                        buffer_printf(&note, "; not %s: %s", method_name(i), table->choice.why_not[i]);
        return buffer_take(&note);
}

int count_next(CountTable *table, const CheckContext *context, Statement *ret) {
        while (table->stage < COUNT_DONE) {
                const StageKind *stage = &stages[table->stage];
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
                go_on(table, context, table->stage);
        }
        return 0;
}

/* --explain does not run what reads rows. */
static void skip(CountTable *table, const CheckContext *context) {
        bool is_next_rule = table->stage == COUNT_KEYS && !is_slice(table);

        table->cursor = is_next_rule ? table->cursor + 1 : table->stage == COUNT_READ ? 0 : SIZE_MAX;
        if (!is_next_rule)
                go_on(table, context, table->stage);
}

int count_take(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        CountStage stage = table->stage;
        int r = 0;

        if (!outcome->table && stages[stage].shape) {
                skip(table, context);
                return 0;
        }
        r = stages[stage].accept(table, context, outcome);
        if (r >= 0 && !stages[stage].repeats)
                go_on(table, context, stage);
        return r;
}

void count_fail(CountTable *table, Reason reason) {
        if (is_slice(table) && table->stage == COUNT_READ)
                walk_shrink(table->is_safety ? &table->safety : &table->walk);
        if (is_slice(table) && table->stage == COUNT_KEYS)
                table->keys.is_cut = true; /* those of the slice that was counted are not in it */
        table->stage = COUNT_DONE;
        for (size_t i = 0; i < table->n_rules; i++) {
                CountRule *rule = table->rules[i];

                if (rule->is_open)
                        rule->answer.reason = reason;
                rule->is_open = false;
        }
}
