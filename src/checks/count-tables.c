/* The tables of a check: found by what they are, and the schedule of the walk that reads everything.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-tables.h"

#include <errno.h>
#include <string.h>

#include "common.h"
#include "count-stages.h"

/* The safety walk reads no less than so many pages at once, unless the table ends. */
#define SAFETY_SLICE 64

/* Nor more at once than so many times what an even pace would be. */
#define CATCH_UP 4

/* A table that could not be read waits for this part of the interval, then for twice as long … */
#define RETRY_PART    96
#define RETRY_DOUBLES 5
#define SAME_POLL     (50 * USEC_PER_MSEC)

/* Visits in one run: small tables must not each wait for a poll of their own. */
#define SAFETY_VISITS 8

static int compare_text(const char *a, const char *b) {
        return strcmp(a ? a : "", b ? b : "");
}

static int compare(const CountTable *a, const CountTable *b) {
        if (a->id != b->id)
                return a->id < b->id ? -1 : 1;
        return a->only != b->only ? a->only - b->only : compare_text(a->alone, b->alone);
}

static size_t find(const CountTables *tables, const CountTable *wanted) {
        size_t low = 0, high = tables->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare(tables->items[middle], wanted) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int insert(CountTables *tables, size_t at, CountTable *table) {
        CountTable **grown = reallocarray(tables->items, tables->n + 1, sizeof(CountTable *));

        if (!grown)
                return -ENOMEM;
        tables->items = grown;
        memmove(&grown[at + 1], &grown[at], (tables->n - at) * sizeof(CountTable *));
        grown[at] = table;
        tables->n++;
        return 0;
}

int count_tables_get(CountTables *tables, const CountTable *wanted, CountTable **ret) {
        _cleanup_(count_table_freep) CountTable *table = NULL;
        size_t at = find(tables, wanted);
        bool is_there = at < tables->n && compare(tables->items[at], wanted) == 0;
        int r;

        if (is_there && str_equal(tables->items[at]->schema, wanted->schema) &&
            str_equal(tables->items[at]->name, wanted->name)) {
                *ret = tables->items[at];
                return 0;
        }
        r = count_table_new(wanted, &table);
        if (r < 0)
                return r;
        if (is_there) {
                count_table_free(tables->items[at]);
                tables->items[at] = table;
        } else if (insert(tables, at, table) < 0) {
                return -ENOMEM;
        }
        *ret = TAKE(table);
        return 0;
}

void count_tables_done(CountTables *tables) {
        for (size_t i = 0; i < tables->n; i++)
                count_table_free(tables->items[i]);
        free(tables->items);
        *tables = (CountTables){};
}

void count_tables_sweep(CountTables *tables, bool (*is_gone)(void *userdata, int64_t id), void *userdata) {
        size_t kept = 0;

        for (size_t i = 0; i < tables->n; i++) {
                if (is_gone(userdata, tables->items[i]->id))
                        count_table_free(tables->items[i]);
                else
                        tables->items[kept++] = tables->items[i];
        }
        tables->n = kept;
}

size_t count_tables_walking(const CountTables *tables) {
        size_t n = 0;

        for (size_t i = 0; i < tables->n; i++)
                n += tables->items[i]->walk.is_active;
        return n;
}

int64_t count_tables_share(const CountTables *tables, const CountTable *table, const CheckContext *context) {
        size_t walking = count_tables_walking(tables);

        if (!table->walk.is_active || walking < 2)
                return context->blocks_left;
        return context->blocks_left / (int64_t)walking;
}

static bool is_done(const CountTables *tables, const CountTable *table) {
        return table->n_rules == 0 || table->safety_at >= tables->began;
}

static bool is_waiting(const CountTables *tables, const CountTable *table, usec_t interval) {
        unsigned doublings = table->safety_tries < RETRY_DOUBLES ? table->safety_tries : RETRY_DOUBLES;

        return table->safety_tries > 0 &&
               usec_since(tables->asked, table->safety_tried) < (interval / RETRY_PART) << doublings;
}

/* The one whose walk is under way goes on, then one that the configuration names, then one of which no
 * more was read than its size. */
static int rank(const CountTable *table) {
        if (table->safety.is_active && table->safety.pages > 0)
                return 3;
        return table->is_wanted ? 2 : table->safety.is_active;
}

/* But those whose size nobody knows come first, for the pace rests on it. */
static CountTable *pick(const CountTables *tables, usec_t interval) {
        CountTable *first = NULL;

        for (size_t i = 0; i < tables->n; i++) {
                CountTable *table = tables->items[i];

                if (is_done(tables, table) || is_waiting(tables, table, interval))
                        continue;
                if (!table->is_sized)
                        return table;
                if (!first || rank(table) > rank(first))
                        first = table;
        }
        return first;
}

/* Pages that should have been read by now, less those that were; not of tables that have to wait. */
static int64_t arrears(const CountTables *tables, usec_t interval) {
        usec_t elapsed = usec_since(tables->asked, tables->began);
        double total = 0, done = 0, most;

        for (size_t i = 0; i < tables->n; i++) {
                const CountTable *table = tables->items[i];
                bool is_read = is_done(tables, table);

                if (table->n_rules == 0 || (!is_read && is_waiting(tables, table, interval)))
                        continue;
                total += (double)table->pages;
                done += is_read ? (double)table->pages : (double)table->safety.pages;
        }
        most = CATCH_UP * total * (double)tables->step / (double)interval;
        if (most < SAFETY_SLICE)
                most = SAFETY_SLICE;
        if (elapsed < interval)
                total *= (double)elapsed / (double)interval;
        return (int64_t)(total - done < most ? total - done : most);
}

/* Several visits of one poll are one step. */
static void note_step(CountTables *tables, usec_t boottime) {
        usec_t gap = tables->asked > 0 ? usec_since(boottime, tables->asked) : 0;

        if (tables->asked > 0 && gap < SAME_POLL)
                return;
        tables->step = tables->gap > 0 && tables->gap < gap ? tables->gap : gap;
        tables->gap = gap;
        tables->asked = boottime;
}

CountTable *count_tables_due(CountTables *tables, usec_t boottime, usec_t interval, int64_t *ret_pages) {
        CountTable *table;
        int64_t due, rest;

        note_step(tables, boottime);
        if (tables->began == 0)
                tables->began = boottime;
        table = pick(tables, interval);
        if (!table && usec_since(boottime, tables->began) >= interval) {
                tables->began = boottime;
                table = pick(tables, interval);
        }
        if (!table)
                return NULL;
        due = arrears(tables, interval);
        rest = table->pages - table->safety.pages;
        if (table->is_sized && due < SAFETY_SLICE && due < rest)
                return NULL;
        table->safety_tried = boottime;
        *ret_pages = !table->is_sized ? 0 : due > SAFETY_SLICE ? due : SAFETY_SLICE; /* 0 tells the size */
        return table;
}

/* A turn that began before is given up: what it read is too old. */
static void begin_turn(CountTables *tables, usec_t since) {
        tables->began = since;
        for (size_t i = 0; i < tables->n; i++)
                if (tables->items[i]->safety.is_active && tables->items[i]->safety.boottime < since)
                        walk_done(&tables->items[i]->safety);
}

usec_t count_tables_interval(CountTables *tables, const CheckContext *context) {
        usec_t interval = context->settings->intervals.safety;

        if (context->walk_since > tables->began)
                begin_turn(tables, context->walk_since);
        if (context->walk_within > 0 && context->walk_within < interval &&
            count_tables_walked_since(tables) < context->walk_since)
                return context->walk_within;
        return interval;
}

static CountTable *next_visit(CountTables *tables, const SafetyVisit *visit, const CheckContext *context,
                              int64_t *ret_pages) {
        *ret_pages = INT64_MAX;
        if (context->explain || (context->is_once && context->walk_now))
                return visit->n < tables->n ? tables->items[visit->n] : NULL;
        if (context->is_once || visit->n >= SAFETY_VISITS || context->blocks_left <= 0)
                return NULL;
        return count_tables_due(tables, context->boottime, count_tables_interval(tables, context), ret_pages);
}

static int64_t share_of(const CountTable *table, int64_t pages, const CheckContext *context) {
        int64_t blocks = count_cost(table, pages);

        return blocks < context->blocks_left ? blocks : context->blocks_left;
}

int count_safety_next(CountTables *tables, SafetyVisit *visit, const CheckContext *context, Statement *ret) {
        for (;;) {
                int64_t pages;
                int r = visit->table ? count_next(visit->table, context, ret) : 0;

                if (r != 0)
                        return r;
                visit->table = next_visit(tables, visit, context, &pages);
                if (!visit->table)
                        return 0;
                visit->n++;
                if (visit->table->n_rules > 0)
                        count_begin(visit->table, share_of(visit->table, pages, context), true);
        }
}

int count_safety_take(SafetyVisit *visit, const CheckContext *context, const Outcome *outcome) {
        if (outcome->kind != OUTCOME_ERROR)
                return count_take(visit->table, context, outcome);
        if (!count_slow_down(visit->table, context, check_reason(outcome->sqlstate)))
                count_fail(visit->table, check_reason(outcome->sqlstate));
        return 0;
}

int64_t count_tables_named_blocks(const CountTables *tables) {
        double blocks = 0;

        for (size_t i = 0; i < tables->n; i++) {
                const CountTable *table = tables->items[i];

                if (table->n_rules > 0 && table->is_wanted && table->is_sized && table->pages > FULL_PAGES)
                        blocks += (double)count_cost(table, table->pages);
        }
        return blocks < (double)(INT64_MAX / 2) ? (int64_t)blocks : INT64_MAX / 2;
}

usec_t count_tables_walked_since(const CountTables *tables) {
        usec_t since = USEC_INFINITY;

        for (size_t i = 0; i < tables->n; i++)
                if (tables->items[i]->n_rules > 0 && tables->items[i]->safety_at < since)
                        since = tables->items[i]->safety_at;
        return since == USEC_INFINITY ? 0 : since;
}
