/* The state of the check foreign_key, over all polls, and what its parts ask of each other.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "catalog.h"
#include "orphans.h"

typedef enum ForeignKeyPhase { PHASE_CATALOG, PHASE_WANTED, PHASE_COUNT, PHASE_DONE } ForeignKeyPhase;

/* Of the keys, first those of the catalog's rows, then those that are configured: both in their order. */
typedef struct ForeignKeyState {
        ForeignKeyPhase phase;
        bool was_reread; /* in this run: once is enough */
        bool is_planned; /* `orphans` are of the catalog's rows */
        Catalog *catalog;
        ssize_t *matches; /* of each configured key its row, or -1 */
        size_t n_wanted;
        Orphans *items; /* to be those of `orphans` */
        size_t cursor;  /* configured key, in PHASE_WANTED */
        OrphanList orphans;
} ForeignKeyState;

static inline const ForeignKeySettings *foreign_key_wanted_at(const TargetSettings *settings, size_t i) {
        return LIST_AT(settings->foreign_keys, ForeignKeySettings, i);
}

/* The configured key with the tables that its names mean: its strings are owned by the caller. 0 or -ENOMEM.
 */
int foreign_key_seek(const Catalog *catalog, const TargetSettings *settings, const ForeignKeySettings *wanted,
                     ForeignKeySettings *ret);
void foreign_key_sought_done(ForeignKeySettings *sought);

/* Whether the row of the catalog is watched without being configured. */
bool foreign_key_is_discovered(const ForeignKeyState *state, const TargetSettings *settings, size_t row);

/* foreign-key-report.c */
extern const Shape *const foreign_key_shapes[];
int foreign_key_report(const ForeignKeyState *state, const CheckContext *context, Report *report);

/* What a key is called that does not exist. Owned. */
char *foreign_key_title(const ForeignKeySettings *wanted);
