/* CountTable: a table with its rules, over all polls.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "count-answer.h"

static CountRule *rule_free(CountRule *rule) {
        if (!rule)
                return NULL;
        free(rule->name);
        free(rule->predicate);
        strv_free(rule->shown);
        free(rule);
        return NULL;
}
DEFINE_CLEANUP(CountRule, rule_free)

int count_table_new(const CountTable *wanted, CountTable **ret) {
        _cleanup_(count_table_freep) CountTable *table = calloc(1, sizeof(*table));

        if (!table)
                return -ENOMEM;
        table->id = wanted->id;
        table->only = wanted->only;
        table->stage = COUNT_DONE;
        table->sql = str_qualified(wanted->schema, wanted->name);
        if (!table->sql || str_set(&table->schema, wanted->schema) < 0 ||
            str_set(&table->name, wanted->name) < 0 || str_set(&table->alone, wanted->alone) < 0)
                return -ENOMEM;
        *ret = TAKE(table);
        return 0;
}

CountTable *count_table_free(CountTable *table) {
        if (!table)
                return NULL;
        answer_forget(table);
        for (size_t i = 0; i < table->n_rules; i++)
                rule_free(table->rules[i]);
        free(table->rules);
        count_facts_done(&table->facts);
        free(table->schema);
        free(table->name);
        free(table->sql);
        free(table->alone);
        strv_free(table->others);
        strv_free(table->other_ids);
        strv_free(table->calls);
        free(table->fingerprint);
        free(table);
        return NULL;
}

void count_table_unlist(CountTable *table) {
        table->calls = strv_free(table->calls);
        table->is_wanted = false;
        for (size_t i = 0; i < table->n_rules; i++) {
                table->rules[i]->is_listed = table->rules[i]->is_asked = false;
                table->rules[i]->shown = strv_free(table->rules[i]->shown);
        }
}

static int rule_new(const char *name, const char *predicate, CountRule **ret) {
        _cleanup_(rule_freep) CountRule *rule = calloc(1, sizeof(*rule));

        if (!rule || str_set(&rule->name, name) < 0 || str_set(&rule->predicate, predicate) < 0)
                return -ENOMEM;
        *ret = TAKE(rule);
        return 0;
}

/* Kept keys name rules by their place, and a walk is of all rules: with other ones all begins anew. */
static CountRule *insert_rule(CountTable *table, size_t at, CountRule *rule) {
        CountRule **grown = reallocarray(table->rules, table->n_rules + 1, sizeof(*grown));

        if (!grown) {
                rule_free(rule);
                return NULL;
        }
        table->rules = grown;
        memmove(&grown[at + 1], &grown[at], (table->n_rules - at) * sizeof(*grown));
        grown[at] = rule;
        table->n_rules++;
        answer_forget(table);
        return rule;
}

CountRule *count_table_list(CountTable *table, const char *name, const char *predicate) {
        CountRule *rule = NULL;
        size_t at = 0;

        while (at < table->n_rules && strcmp(table->rules[at]->name, name) < 0)
                at++;
        for (; at < table->n_rules && str_equal(table->rules[at]->name, name); at++)
                if (str_equal(table->rules[at]->predicate, predicate))
                        rule = table->rules[at];
        if (!rule && rule_new(name, predicate, &rule) >= 0)
                rule = insert_rule(table, at, rule);
        if (!rule)
                return NULL;
        rule->is_listed = true;
        rule->is_opaque = rule->is_falling = false;
        rule->trusted = N_METHODS;
        return rule;
}

void count_table_sweep(CountTable *table) {
        size_t kept = 0;

        for (size_t i = 0; i < table->n_rules; i++) {
                if (table->rules[i]->is_listed)
                        table->rules[kept++] = table->rules[i];
                else
                        rule_free(table->rules[i]);
        }
        if (kept == table->n_rules)
                return;
        table->n_rules = kept;
        answer_forget(table);
}
