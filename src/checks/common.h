/* What the checks share: names as a configuration writes them, text[] in and out, expectations
 * that wait for a migration, SQLSTATEs as reasons, findings of a relation.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

/* Splits "orders" or "public.orders" as PostgreSQL reads it: bare parts fold to lower case, parts
 * in double quotes are exact. *ret_schema is "" without one. 0 or -EINVAL. */
int check_name_split(const char *text, char ret_schema[static IDENTIFIER_MAX],
                     char ret_name[static IDENTIFIER_MAX]);

/* Whether a configured table is this relation; without a schema it is one of any watched schema. */
bool check_name_is_relation(const char *wanted, const char *schema, const char *relation);

/* Whether a configured column or constraint is this one: as spelled, or as PostgreSQL reads it. */
bool check_name_is(const char *wanted, const char *actual);

/* Index of the list's entry that check_name_is() `actual`, or -1. */
int check_name_find(char *const *wanted, const char *actual);

/* "(status, created_at)", quoted where it must be. Owned; NULL when out of memory. */
char *check_columns_text(char *const *columns);

/* Whether `exclude` has a pattern for it: "audit_*" meets the name, "public.audit_*" the whole. */
bool check_is_excluded(const TargetSettings *settings, const char *schema, const char *relation);

/* Whether what is discovered there counts: the schema is watched and nothing excludes it. */
bool check_is_watched(const TargetSettings *settings, const char *schema, const char *relation);

/* The watched schemas and those that configured tables are spelled with. 0 or -ENOMEM. */
int check_schemas(const TargetSettings *settings, char ***ret);

/* A one-dimensional text[] as PostgreSQL prints it into a list; NULL elements become "". NULL or
 * "{}" give the empty list (NULL). 0, -ENOMEM, or -EINVAL. */
int check_array_parse(const char *text, char ***ret);

/* What an OUTCOME_ERROR means for the finding: 57014 is TIMEOUT, 55P03 LOCKED, … else ERROR. */
Reason check_reason(const char *sqlstate);

/* max(3 × interval, 30 s): past that age of its last real result a finding is unknown. */
usec_t check_max_age(usec_t interval);

/* Whether a catalog that was read then is to be read again: a little early is due, for the engine comes
 * with jitter. */
bool check_catalog_is_due(const CheckContext *context, usec_t boottime);

/* Whether a rule's `expected_after` is applied. */
typedef enum Expectation {
        EXPECT_NOW,    /* no such condition, or applied */
        EXPECT_LATER,  /* not applied yet */
        EXPECT_UNSURE, /* the history is not known */
} Expectation;

Expectation check_expectation(const CheckContext *context, const Rule *rule);

/* A breach that `expected_after` may excuse (missing, differs, wrong action): BREACH with `reason`
 * when due, BREACH under INFO as NOT_EXPECTED_YET before, UNKNOWN with `reason` when unsure. Call
 * it after finding_apply_rule(). */
void check_set_due(Finding *finding, const CheckContext *context, const Rule *rule, Reason reason);

/* report_add() of schema.relation, quoted: zeroed, so seen OK. NULL when out of memory. */
Finding *check_add(Report *report, FindingKind kind, const char *schema, const char *relation,
                   const char *name);

/* Rule of the configuration, or (NULL) the target's severity for what is discovered. */
void check_set_rule(Finding *finding, const TargetSettings *settings, const Rule *rule);

/* Sets summary, hint, repair. 0 or -ENOMEM. */
int check_say(Finding *finding, const char *format, ...) _printf_(2, 3);
int check_advise(Finding *finding, const char *format, ...) _printf_(2, 3);
int check_repair(Finding *finding, const char *format, ...) _printf_(2, 3);

/* Findings from index `first` on were made of an older catalog, because this run failed: unknown,
 * with that reason, so that their last real result stays visible. 0 or -ENOMEM. */
int check_blind(Report *report, size_t first, Reason reason);

/* Deep copy: an Outcome's table outlives take() only so. 0 or -ENOMEM. */
int check_table_copy(const Table *table, Table **ret);
