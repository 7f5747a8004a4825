/* Orphans: see the header. Which keys are counted, in which tables, and what the answers mean.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "orphans.h"

#include <errno.h>
#include <string.h>

#include "common.h"

#define ALIAS "pgvigil_parent"

static void done(Orphans *orphans) {
        free(orphans->schema);
        free(orphans->table);
        free(orphans->name);
        free(orphans->parent);
        free(orphans->predicate);
        free(orphans->query);
        free(orphans->altered);
        free(orphans->triggers);
        strv_free(orphans->lacks);
        reading_done(&orphans->reading);
        *orphans = (Orphans){};
}

void orphans_free(Orphans *items, size_t n) {
        for (size_t i = 0; items && i < n; i++)
                done(&items[i]);
        free(items);
}

static void run_done(OrphanList *list) {
        for (size_t i = 0; i < list->n; i++) {
                list->items[i].rule = NULL;
                list->items[i].is_asked = list->items[i].was_counted = false;
        }
        free(list->order);
        free(list->groups);
        list->order = NULL;
        list->groups = NULL;
        list->n_groups = list->current = 0;
        list->is_begun = list->is_outdated = false;
        list->safety = (SafetyVisit){};
}

void orphans_done(OrphanList *list) {
        run_done(list);
        orphans_free(list->items, list->n);
        count_tables_done(&list->tables);
        *list = (OrphanList){};
}

static void add_column(Buffer *out, const ForeignKey *key, size_t i) {
        buffer_add_identifier(out, key->table);
        buffer_add_char(out, '.');
        buffer_add_identifier(out, key->columns[i]);
}

/* MATCH SIMPLE passes a row with any NULL, MATCH FULL one with nothing else; a NULL beside other values
 * meets no row, so the rest says the same of both. */
static void add_not_null(Buffer *out, const ForeignKey *key) {
        for (size_t i = 0; key->columns[i]; i++) {
                buffer_add(out, i == 0 ? "(" : key->is_full ? " OR " : " AND ");
                add_column(out, key, i);
                buffer_add(out, " IS NOT NULL");
        }
        buffer_add_char(out, ')');
}

/* OFFSET 0 keeps the planner from joining or hashing the referenced table: it would read all of it for
 * each slice, and spill it to disk where memory does not hold it. So each row costs one look into the
 * unique index. */
static char *condition(const ForeignKey *key, const char *parent, bool is_for_people) {
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
        const char *alias = str_equal(key->table, ALIAS) ? ALIAS "_" : ALIAS;

        add_not_null(&out, key);
        buffer_printf(&out, " AND NOT EXISTS (SELECT FROM %s AS %s WHERE ", parent, alias);
        for (size_t i = 0; key->columns[i]; i++) {
                bool is_plain = is_for_people && str_equal(key->operators[i], "OPERATOR(pg_catalog.=)");

                buffer_printf(&out, "%s%s.", i > 0 ? " AND " : "", alias);
                buffer_add_identifier(&out, key->referenced_columns[i]);
                buffer_printf(&out, " %s ", is_plain ? "=" : key->operators[i]);
                add_column(&out, key, i);
                buffer_add(&out, key->suffixes[i]);
        }
        buffer_add(&out, is_for_people ? ")" : " OFFSET 0)");
        return buffer_take(&out);
}

static const char *why_not(const ForeignKey *key) {
        size_t n = strv_length(key->columns);

        if (key->is_incomparable)
                return "its columns cannot be compared with those that they refer to";
        if (key->is_ambiguous)
                return "the columns that they refer to have no unique index";
        if (key->is_temporal)
                return "it is one over periods of time";
        if (!key->is_trusted)
                return "comparing its columns may run code that is not built in";
        if (n == 0 || strv_length(key->referenced_columns) != n || strv_length(key->operators) != n ||
            strv_length(key->suffixes) != n)
                return "its columns are not known";
        return NULL;
}

static Reason blocked_reason(const ForeignKey *key) {
        if (key->lacks)
                return REASON_PRIVILEGE;
        if (key->row_security)
                return REASON_ROW_SECURITY;
        if (key->is_temporal)
                return REASON_UNSUPPORTED;
        return key->is_trusted ? REASON_OK : REASON_UNTRUSTED;
}

static int set_predicate(Orphans *orphans, const ForeignKey *key) {
        _cleanup_(freep) char *table = str_qualified(key->schema, key->table);
        _cleanup_(freep) char *shown = NULL;

        shown = condition(key, orphans->parent, true);
        orphans->predicate = condition(key, orphans->parent, false);
        if (!table || !shown || !orphans->predicate)
                return -ENOMEM;
        orphans->query = str_format("SELECT * FROM %s%s WHERE %s LIMIT 100;", orphans->only ? "ONLY " : "",
                                    table, shown);
        return orphans->query ? 0 : -ENOMEM;
}

int orphans_set(Orphans *orphans, const ForeignKey *key, bool is_wanted) {
        _cleanup_(freep) char *parent = str_qualified(key->referenced_schema, key->referenced_table);

        orphans->is_wanted = is_wanted;
        orphans->id = key->id;
        orphans->relation = key->relation;
        orphans->referenced = key->referenced;
        orphans->only = !key->is_partitioned;
        orphans->is_in_force = key->id > 0 && key->is_valid && key->is_enforced && !key->disabled_on &&
                               !key->suppressors && !key->is_bypassed;
        orphans->why_not = why_not(key);
        orphans->blocked = blocked_reason(key);
        /* As PostgreSQL's own triggers read it. */
        orphans->is_parent_only = !key->is_referenced_partitioned;
        orphans->parent = str_format("%s%s", orphans->is_parent_only ? "ONLY " : "", parent ? parent : "");
        if (!parent || !orphans->parent || str_set(&orphans->schema, key->schema) < 0 ||
            str_set(&orphans->table, key->table) < 0 || str_set(&orphans->name, key->name) < 0 ||
            str_set(&orphans->altered, key->altered) < 0 || str_set(&orphans->triggers, key->triggers) < 0 ||
            strv_copy(key->lacks, &orphans->lacks) < 0)
                return -ENOMEM;
        return orphans->why_not ? 0 : set_predicate(orphans, key);
}

/* A key that was renamed is the one that it was. */
static bool is_same(const Orphans *a, const Orphans *b) {
        if (a->id > 0 || b->id > 0)
                return a->id == b->id;
        return str_equal(a->name, b->name) && str_equal(a->table, b->table) &&
               str_equal(a->schema, b->schema);
}

/* Whoever altered a trigger, dropped one that swallowed actions or validated a key may have left orphans
 * from before: only a count clears it. */
static void carry(Orphans *orphans, Orphans *before, usec_t now) {
        bool is_steady = before && orphans->is_in_force && before->is_in_force &&
                         str_equal(orphans->triggers, before->triggers);

        if (is_steady || (!before && orphans->is_in_force && !orphans->altered)) {
                orphans->is_doubted = before && before->is_doubted;
                orphans->doubted = before ? before->doubted : 0;
        } else {
                orphans->is_doubted = true;
                orphans->doubted = now;
        }
        if (!before || !str_equal(orphans->predicate, before->predicate))
                return;
        orphans->reading = before->reading;
        before->reading = (Reading){};
}

void orphans_replace(OrphanList *list, Orphans **items, size_t n, const CheckContext *context) {
        size_t at = 0;

        run_done(list);
        for (size_t i = 0; i < n; i++) {
                Orphans *before = NULL;

                /* Both lists come in nearly the same order. */
                for (size_t tries = 0; !before && tries < list->n; tries++) {
                        size_t j = (at + tries) % list->n;

                        if (list->items[j].name && is_same(&(*items)[i], &list->items[j])) {
                                before = &list->items[j];
                                at = j + 1;
                        }
                }
                carry(&(*items)[i], before, context->boottime);
        }
        orphans_free(list->items, list->n);
        list->items = *items;
        list->n = n;
        *items = NULL;
}

static bool is_counted(const Orphans *orphans) {
        return orphans->predicate && orphans->blocked == REASON_OK;
}

/* What is not there yet is counted apart: if comparing its columns fails, it takes no other down. */
static const char *alone(const Orphans *orphans) {
        return orphans->id > 0 ? NULL : orphans->name;
}

static int compare(const void *a, const void *b) {
        const Orphans *left = *(Orphans *const *)a, *right = *(Orphans *const *)b;

        if (left->relation != right->relation)
                return left->relation < right->relation ? -1 : 1;
        if ((left->id > 0) != (right->id > 0))
                return left->id > 0 ? -1 : 1;
        return strcmp(left->name, right->name);
}

static bool is_together(const Orphans *a, const Orphans *b) {
        return a->relation == b->relation && !alone(a) && !alone(b);
}

/* The catalog itself does not vouch for it. */
static bool is_open(const Orphans *orphans) {
        return !orphans->is_in_force || orphans->altered;
}

static int list_rule(CountTable *table, Orphans *orphans, bool is_due) {
        _cleanup_(freep) char *id = str_format("%lld", (long long)orphans->referenced);
        CountRule *rule = count_table_list(table, orphans->name, orphans->predicate);

        if (!id || !rule)
                return -ENOMEM;
        orphans->rule = rule;
        table->is_wanted |= orphans->is_wanted;
        orphans->reading.walked = rule->walked_since;
        /* Of what is not to be seen in the catalog, --explain knows only the walk of everything. */
        rule->is_suspect |= orphans->is_doubted && !is_open(orphans);
        orphans->is_asked = rule->is_asked = is_due && (orphans->is_doubted || is_open(orphans));
        /* Never is_falling, not even where new rows are checked: who deletes referenced rows in
         * session_replication_role = replica adds orphans to a key that stays as it is. */
        rule->trusted = orphans->is_doubted ? N_METHODS : METHOD_ENFORCED;
        if (strv_contains(table->other_ids, id))
                return 0;
        if (strv_add(&table->other_ids, id) < 0)
                return -ENOMEM;
        return strv_add(&table->others, orphans->parent);
}

static int list_group(OrphanList *list, OrphanGroup *group, const CheckContext *context) {
        const Orphans *first = group->members[0];
        const CountTable wanted = {
                .id = first->relation,
                .schema = first->schema,
                .name = first->table,
                .only = first->only,
                .alone = (char *)alone(first),
        };
        int r = count_tables_get(&list->tables, &wanted, &group->table);

        if (r < 0)
                return r;
        group->table->others = strv_free(group->table->others);
        group->table->other_ids = strv_free(group->table->other_ids);
        for (size_t i = 0; i < group->n; i++)
                group->is_due |= group->members[i]->is_doubted &&
                                 reading_is_due(&group->members[i]->reading, context);
        for (size_t i = 0; r >= 0 && i < group->n; i++)
                r = list_rule(group->table, group->members[i], group->is_due);
        return r;
}

static bool is_gone(void *userdata, int64_t id) {
        const OrphanList *list = userdata;

        for (size_t i = 0; i < list->n_groups; i++)
                if (list->groups[i].members[0]->relation == id)
                        return false;
        return true;
}

static int make_groups(OrphanList *list) {
        size_t n = 0;

        list->order = calloc(list->n + 1, sizeof(*list->order));
        list->groups = calloc(list->n + 1, sizeof(*list->groups));
        if (!list->order || !list->groups)
                return -ENOMEM;
        for (size_t i = 0; i < list->n; i++)
                if (is_counted(&list->items[i]))
                        list->order[n++] = &list->items[i];
        qsort(list->order, n, sizeof(*list->order), compare);
        for (size_t i = 0; i < n; i++) {
                if (i == 0 || !is_together(list->order[i], list->order[i - 1]))
                        list->groups[list->n_groups++].members = &list->order[i];
                list->groups[list->n_groups - 1].n++;
        }
        return 0;
}

int orphans_begin(OrphanList *list, const CheckContext *context) {
        int r;

        run_done(list);
        list->began = context->boottime;
        list->turn++;
        r = make_groups(list);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list->tables.n; i++)
                count_table_unlist(list->tables.items[i]);
        count_tables_sweep(&list->tables, is_gone, list);
        for (size_t i = 0; r >= 0 && i < list->n_groups; i++)
                r = list_group(list, &list->groups[i], context);
        for (size_t i = 0; i < list->tables.n; i++)
                count_table_sweep(list->tables.items[i]);
        return r;
}

/* Each run begins with another group: what a budget cuts off is not always the same. */
static OrphanGroup *current_group(const OrphanList *list) {
        return &list->groups[(list->current + list->turn) % list->n_groups];
}

/* A whole count that began after the key came into force and found none: from here on it is believed. */
static void draw_conclusion(Orphans *orphans) {
        const Reading *reading = &orphans->reading;
        bool is_whole = reading->failure == REASON_OK;

        if ((is_whole ? reading->count : reading->found) > 0)
                orphans->is_doubted = true;
        if (!orphans->is_in_force || !is_whole || reading->count > 0 || reading->boottime < orphans->doubted)
                return;
        orphans->is_doubted = false;
        orphans->rule->is_suspect = false;
}

static int finish_group(const OrphanList *list, OrphanGroup *group, const CheckContext *context) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < group->n; i++) {
                Orphans *orphans = group->members[i];

                if (!orphans->is_asked)
                        continue;
                orphans->is_asked = false;
                r = reading_take(&orphans->reading, list->began, group->table, orphans->rule, context);
                orphans->was_counted = true;
                draw_conclusion(orphans);
        }
        return r;
}

/* The safety walk has met orphans of a key that is believed: they are told at once, as what was found so
 * far (where no poll follows, it is all), and the key is counted from the next poll on. */
static void doubt_suspects(OrphanList *list, const CheckContext *context) {
        for (size_t i = 0; i < list->n; i++) {
                Orphans *orphans = &list->items[i];

                if (orphans->is_doubted || !orphans->rule || !orphans->rule->is_suspect)
                        continue;
                orphans->is_doubted = true;
                orphans->doubted = context->boottime;
                if (context->is_once) {
                        reading_succeed(&orphans->reading, list->began,
                                        &(CountAnswer){
                                                .count = orphans->rule->safety_walked,
                                                .method = METHOD_WALK,
                                                .at = context->realtime,
                                                .boottime = context->boottime,
                                        });
                        continue;
                }
                reading_fail(&orphans->reading, 0, REASON_OVER_LIMIT);
                orphans->reading.found = orphans->rule->safety_walked;
        }
}

int orphans_next(OrphanList *list, const CheckContext *context, Statement *ret) {
        int r = 0;

        for (; list->current < list->n_groups; list->current++, list->is_begun = false) {
                OrphanGroup *group = current_group(list);

                if (!group->is_due)
                        continue;
                if (!list->is_begun)
                        count_begin(group->table, count_tables_share(&list->tables, group->table, context),
                                    false);
                list->is_begun = true;
                r = count_next(group->table, context, ret);
                if (r == 0)
                        r = finish_group(list, group, context);
                if (r != 0)
                        return r;
                statement_done(ret);
        }
        r = count_safety_next(&list->tables, &list->safety, context, ret);
        if (r == 0)
                doubt_suspects(list, context);
        return r;
}

int orphans_take(OrphanList *list, const CheckContext *context, const Outcome *outcome) {
        CountTable *table = list->current < list->n_groups ? current_group(list)->table : NULL;

        if (!table)
                return count_safety_take(&list->safety, context, outcome);
        if (outcome->kind != OUTCOME_ERROR)
                return count_take(table, context, outcome);
        list->is_outdated |= table->stage == COUNT_LOCK && sqlstate_in(outcome->sqlstate, "42P01");
        if (!count_slow_down(table, context, check_reason(outcome->sqlstate)))
                count_fail(table, check_reason(outcome->sqlstate));
        return 0;
}
