/* Advice: what is missing though no configuration asks for it. Noted (`info`), never more, and
 * only of what is discovered.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "catalog.h"
#include "common.h"

/* More of one kind says nothing new, and would bury the rest of the list. */
#define ADVICE_MAX 100

/* The next() of a check that gives nothing but advice: asks nothing where nothing is discovered. */
int advice_next(void *state, const CheckContext *context, Statement *ret);

/* A finding of a missing object beside schema.relation; NULL when out of memory. */
Finding *advice_add(Report *report, FindingKind kind, const char *schema, const char *relation,
                    const char *name);

/* What ADVICE_MAX cut, as one finding more, named as the spec's `subject`; `left_out` 0: none.
 * 0 or -ENOMEM. */
int advice_cut(const Catalog *catalog, const CheckContext *context, Report *report, size_t left_out);
