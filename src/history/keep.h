/* Keep: texts and events of every target, in memory. Pure.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stddef.h>

#include "pgvigil/history/records.h"

#define EVENTS_MAX 500 /* of a target, in memory */
#define TEXT_MAX   (1U << 20)

typedef struct KeptValue {
        char *key, *text; /* owned; text NULL: removed */
} KeptValue;

typedef struct Kept {
        char *target; /* owned */
        KeptValue *values;
        size_t n_values;
        HistoryEvent *events; /* the oldest first */
        size_t n_events;
} Kept;

typedef struct Keep {
        Kept *items;
        size_t count;
} Keep;

void keep_done(Keep *keep);

const Kept *keep_find(const Keep *keep, const char *target); /* NULL: none */

const char *keep_value(const Keep *keep, const char *target, const char *key);

/* 0 or -ENOMEM. */
int keep_set_value(Keep *keep, const char *target, const char *key, const char *text);
int keep_add_event(Keep *keep, const char *target, usec_t at, const char *kind, const char *text);
