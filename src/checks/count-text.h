/* The statements of counting. Each function appends one; a predicate ends in a newline, for it may end
 * in a comment.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count.h"

extern const Shape count_plan_rows, count_rows, count_page_rows, count_summary_rows, count_fence_rows;

/* Whether the rule is counted by this visit. */
bool count_reads(const CountTable *table, const CountRule *rule);

void count_add_lock(Buffer *out, const CountTable *table);
/* Of the whole table: a row { counts }, in the order of the rules that are read. */
void count_add_count(Buffer *out, const CountTable *table);
/* Of a slice, which is $1 and $2: rows { page, counts } of the pages that hold breaking rows. */
void count_add_slice(Buffer *out, const CountTable *table, int version_num);
/* How many pages are not marked in the visibility maps of $1, oids: a row { dirty }. */
void count_add_summary(Buffer *out, const CountTable *table);
/* A leaf's pages that are not marked, as a row without a page; and (`with_rows`) rows as of a slice of
 * those of them that hold breaking rows. */
void count_add_dirty(Buffer *out, const CountTable *table, const Leaf *leaf, bool with_rows);
/* What shows that VACUUM has worked on $1, oids: a row { fence, vacuuming }. */
extern const char count_fence_sql[];

/* The keys of a slice's breaking rows: rows key, parts, broken (over all rules of the table). */
void count_add_slice_keys(Buffer *out, const CountTable *table, int version_num);
/* The same of rows by their keys: a parameter for each column. */
void count_add_recheck(Buffer *out, const CountTable *table);
/* Keys of one rule for people: rows key. */
void count_add_rule_keys(Buffer *out, const CountTable *table, const CountRule *rule, size_t limit);

/* The parameters of a slice. 0 or -ENOMEM. */
int count_add_slice_parameters(Statement *statement, const Slice *slice, int version_num);

/* "{3,0}" into `n` numbers ≥ 0. 0, -EINVAL, -ENOMEM. */
int count_parse(const char *text, int64_t *ret, size_t n);
/* A plan in JSON: its whole cost, and whether it scans a table from end to end. False: no plan. */
bool count_parse_plan(const char *plan, double *ret_cost, bool *ret_scans);
