/* The first stages of a visit: lock, facts, plan; and the choice of the method.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-stages.h"

#include <errno.h>
#include <string.h>

#include "common.h"

/* In the place of FULL_PAGES. Where somebody waits for one answer half a second is read in one piece: slices
 * take longer, for they bypass the ring of buffers that a whole scan keeps to. */
#define FULL_PAGES_MAP  512 /* where a walk makes later polls cheaper still */
#define FULL_PAGES_ONCE 65536

/* Since which version an idle session's statistics can be trusted to be there, and up to which only
 * VACUUM marks pages in the visibility map. */
#define VISIBILITY_FROM 150000
#define VISIBILITY_END  190000

size_t count_rules(const CountTable *table, bool (*is)(const CountTable *table, const CountRule *rule)) {
        size_t n = 0;

        for (size_t i = 0; i < table->n_rules; i++)
                n += is(table, table->rules[i]);
        return n;
}

/* A look-up of a row that another table must have goes through three or four blocks of an index that
 * are mostly in memory. By bigint keys thirteen take as long as a block that is scanned, by text five. */
#define LOOKUPS_A_BLOCK 5

static double page_cost(const CountTable *table) {
        const Facts *facts = &table->facts;

        if (!table->others || facts->pages == 0)
                return 1;
        return 1 + (double)count_rules(table, count_reads) * (double)facts->rows / (double)facts->pages /
                           LOOKUPS_A_BLOCK;
}

int64_t count_cost(const CountTable *table, int64_t pages) {
        double cost = (double)pages * (table->page_cost > 1 ? table->page_cost : 1);

        return cost < (double)(INT64_MAX / 2) ? (int64_t)cost : INT64_MAX;
}

int64_t count_affordable(const CountTable *table, int64_t blocks) {
        int64_t pages = table->page_cost > 1 ? (int64_t)((double)blocks / table->page_cost) : blocks;

        return pages > 0 ? pages : 1;
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

/* A command that reads a table in one piece compares with nothing, and needs details only to name the
 * rows that it found. */
static bool may_read_at_once(const CountTable *table, const CheckContext *context) {
        return context->is_once && !table->is_safety && !table->has_suspect && !table->is_slow &&
               !table->wants_all && !table->fingerprint;
}

static int ask_facts(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        _cleanup_(freep) char *others = strv_array_literal(table->other_ids);
        const char *since = table->is_safety || table->pass.number == 0 ? NULL : table->pass.time;
        bool compares = !may_read_at_once(table, context);

        count_add_facts(sql, compares);
        if (!compares && context->explain)
                ret->note = strdup("where a command counts once");
        if (!others || statement_add_parameter(ret, table->schema) < 0 ||
            statement_add_parameter(ret, table->name) < 0 ||
            statement_add_parameter(ret, table->only ? "true" : "false") < 0 ||
            statement_add_parameter(ret, others) < 0 || statement_add_parameter(ret, since) < 0)
                return -ENOMEM;
        return 1;
}

bool count_can_delta(const CountTable *table, const CheckContext *context) {
        const Facts *facts = &table->facts;
        int version_num = context->server->version_num;

        return !table->others && table->details.visibility && facts->can_slice && facts->counts_rows &&
               !facts->is_standby && version_num >= VISIBILITY_FROM && version_num < VISIBILITY_END &&
               !table->is_delta_refused;
}

static bool is_table_opaque(const CountTable *table) {
        return table->details.is_opaque || count_rules(table, is_opaque) > 0;
}

static int64_t full_pages(const CountTable *table, const CheckContext *context) {
        int64_t budget = context->settings->limits.blocks_per_poll;
        bool may_map = count_can_delta(table, context) && !is_table_opaque(table);
        int64_t most = may_map ? FULL_PAGES_MAP : FULL_PAGES;

        if (table->is_slow)
                return -1;
        if (context->is_once && !context->explain)
                return FULL_PAGES_ONCE;
        return budget < most ? budget : most;
}

static void table_facts(CountTable *table, const CheckContext *context) {
        const Facts *facts = &table->facts;
        int64_t budget = context->settings->limits.blocks_per_poll;

        table->method_facts = (MethodFacts){
                .is_suspect = table->has_suspect,
                .is_opaque = is_table_opaque(table),
                .has_others = table->others != NULL,
                .was_counted = count_rules(table, is_uncounted) == 0,
                .same_snapshot = facts->snapshot && str_equal(facts->snapshot, table->pass.snapshot),
                .same_signature = facts->signature && str_equal(facts->signature, table->pass.signature),
                .is_standby = facts->is_standby,
                .counts_rows = facts->counts_rows,
                .busy = facts->busy,
                .pages = count_cost(table, facts->pages),
                .full_pages = full_pages(table, context),
                .can_slice = facts->can_slice,
                .cost_limit = (double)(table->share < budget ? table->share : budget),
                .has_visibility = count_can_delta(table, context),
                .has_map = table->delta.is_valid,
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
                                .is_opaque = rule->is_opaque,
                                .was_counted = rule->pass > 0,
                                .has_none = rule->counted == 0,
                                .pages = INT64_MAX,
                        },
                        &choice);
                if (rule->is_open && choice.method == METHOD_RATCHET)
                        answer_set(rule, METHOD_RATCHET, 0, context);
        }
}

/* A walk that begins notes which pages may have changed, so that it can be the ground of a delta. */
static bool wants_map(const CountTable *table) {
        const MethodFacts *f = &table->method_facts;

        return !table->is_safety && f->has_visibility && !f->is_opaque && !f->is_suspect &&
               table->stage < COUNT_CLEAR;
}

/* Goes on with the walk: its next slice, or its end. */
int count_enter_walk(CountTable *table, const CheckContext *context) {
        Walk *walk = table->is_safety ? &table->safety : &table->walk;
        bool is_walking = answer_is_walking(table);
        int r;

        if (!is_walking && wants_map(table) && (!context->is_once || context->explain)) {
                table->stage = COUNT_CLEAR;
                table->cursor = 0;
                delta_look(&table->delta, table->n_rules);
                return 0;
        }
        if (!is_walking && !table->is_safety && table->stage < COUNT_CLEAR)
                delta_done(&table->delta);
        r = is_walking ? 0 : answer_begin_walk(table, context);
        if (r < 0)
                return r;
        table->cursor = table->is_later ? SIZE_MAX : 0; /* rechecked once a poll */
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
                if (count_cost(table, table->facts.pages) <= table->share) {
                        table->stage = COUNT_READ;
                        return 0;
                }
                answer_last(table); /* it stands until the table's turn comes */
                break;
        case METHOD_INDEX:
                table->stage = table->choice.needs_facts ? COUNT_PLAN : COUNT_READ;
                return 0;
        case METHOD_DELTA:
                table->stage = table->choice.needs_facts ? COUNT_SUMMARY : COUNT_DELTA;
                table->cursor = 0;
                delta_look(&table->delta, table->n_rules);
                return 0;
        case METHOD_WALK:
                return count_enter_walk(table, context);
        default:
                count_fail(table, REASON_PRIVILEGE);
        }
        table->stage = COUNT_DONE;
        return 0;
}

int count_choose(CountTable *table, const CheckContext *context) {
        if (table->is_safety)
                return count_enter_walk(table, context);
        choose_for_rules(table, context);
        if (count_rules(table, is_open) == 0) {
                table->stage = COUNT_DONE;
                return 0;
        }
        method_choose(&table->method_facts, &table->choice);
        return carry_out(table, context);
}

static int begin_choice(CountTable *table, const CheckContext *context) {
        table_facts(table, context);
        return count_choose(table, context);
}

static int compare_facts(CountTable *table, const CheckContext *context) {
        bool is_slow = table->is_slow && !table->fingerprint; /* it was read without comparing */
        int r = 0;

        if (!str_equal(table->fingerprint, table->facts.fingerprint)) {
                answer_forget(table);
                table->is_slow = is_slow;
                r = str_set(&table->fingerprint, table->facts.fingerprint);
        }
        if (r >= 0 && table->details.is_known)
                return begin_choice(table, context);
        table->stage = COUNT_DETAILS;
        return r;
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
        if (r == -EINVAL)
                count_fail(table, REASON_ERROR);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        table->pages = table->facts.pages;
        table->page_cost = page_cost(table);
        table->is_sized = true;
        if (table->is_safety && table->share == 0) /* it was only to tell its size */
                table->safety_tries = 0;
        if (may_read_at_once(table, context)) {
                answer_forget(table);
                table->wants_all = context->explain || count_cost(table, table->pages) > FULL_PAGES_ONCE;
                return table->wants_all ? 0 : begin_choice(table, context);
        }
        return compare_facts(table, context);
}

int count_ask_details(CountTable *table, Statement *ret, Buffer *sql) {
        _cleanup_(freep) char *calls = strv_array_literal(table->calls);

        buffer_add(sql, count_details_sql);
        if (!calls || statement_add_parameter(ret, table->schema) < 0 ||
            statement_add_parameter(ret, table->name) < 0 || statement_add_parameter(ret, calls) < 0)
                return -ENOMEM;
        return 1;
}

int count_accept_details(CountTable *table, const Outcome *outcome) {
        int r;

        count_details_done(&table->details);
        r = count_details_load(outcome->table, &table->facts, &table->details);
        if (r == -EINVAL)
                count_fail(table, REASON_ERROR);
        return r == -EINVAL ? 0 : r;
}

static int ask_details(CountTable *table, const CheckContext *context, Statement *ret, Buffer *sql) {
        return count_ask_details(table, ret, sql);
}

static int accept_details(CountTable *table, const CheckContext *context, const Outcome *outcome) {
        int r = count_accept_details(table, outcome);

        return r < 0 || table->stage == COUNT_DONE ? r : begin_choice(table, context);
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
        return count_choose(table, context);
}

const StageKind count_stage_lock = {"count.lock", NULL, STATEMENT_OPENS, .ask = ask_lock,
                                    .accept = accept_nothing};
const StageKind count_stage_facts = {"count.facts",   &count_facts_rows, STATEMENT_WITHIN,
                                     .repeats = true, .ask = ask_facts,  .accept = accept_facts};
const StageKind count_stage_details = {"count.details", &count_details_rows, STATEMENT_WITHIN,
                                       .ask = ask_details, .accept = accept_details};
const StageKind count_stage_plan = {"count.plan", &count_plan_rows, STATEMENT_WITHIN, .ask = ask_plan,
                                    .accept = accept_plan};
