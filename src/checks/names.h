/* Which relations and columns there are: asked only when something that is configured was not
 * found, so that a misspelt name is never reported as missing, or may mean tables of several schemas.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "common.h"

extern const Shape names_shape;

/* The statement that lists relations of the schemas, with the columns of those called like one of
 * `tables` (as configured). 0 or -ENOMEM. */
int names_statement(const TargetSettings *settings, char *const *tables, Statement *ret);

/* A configured table, with the schema it was found in, else that it is spelled with, else the first
 * watched one. `names` NULL: nothing is known. -EINVAL: it is no name at all. */
int names_resolve(const Table *names, const TargetSettings *settings, const char *table,
                  char ret_schema[static IDENTIFIER_MAX], char ret_relation[static IDENTIFIER_MAX]);

/* The same as one text, quoted as it must be: "public.orders". As configured where it is no name.
 * NULL: out of memory. */
char *names_qualify(const Table *names, const TargetSettings *settings, const char *table);

/* Whether the list has the configured table. */
bool names_has(const Table *names, const TargetSettings *settings, const char *table);

/* Whether the list has it as a partitioned table. */
bool names_is_partitioned(const Table *names, const TargetSettings *settings, const char *table);

/* Configured columns of that table as it spells them; as they are where nothing is known. *ret is
 * owned. 0, -ENOMEM, -EINVAL. */
int names_columns(const Table *names, const TargetSettings *settings, const char *table, char *const *columns,
                  char ***ret);

/* Whether `table` has no schema while more than one is asked about: which one it means only the
 * list of relations can tell. 1, 0, or -ENOMEM. */
int names_is_ambiguous(const TargetSettings *settings, const char *table);

/* Why it is not there: 1 when the table or a column (NULL list: none) does not exist, said in the
 * finding, as breach of `rule`; 0 when they exist or nothing is known; -ENOMEM. */
int names_explain(Finding *finding, const CheckContext *context, const Rule *rule, const Table *names,
                  const char *table, char *const *columns);
