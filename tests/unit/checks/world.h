/* A server for the constraint check, made of strings: it answers each statement by its name,
 * remembers what was asked, and minds that transactions are opened and closed.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "../unit.h"
#include "pgvigil/model/check-kind.h"

#define WORLD_MAX 8

#define WORLD_GONE "gone" /* verify finds none of the constraints */

/* Answers the statements of that name whose text (or parameters) contain `about`. */
typedef struct Reply {
        const char *statement, *about; /* about NULL: all */
        const char *sqlstate;          /* an error instead of rows */
        const char *rows[WORLD_MAX]; /* "column=value|…"; of verify: changes in every row, or WORLD_GONE */
} Reply;

typedef struct World {
        Settings *settings;
        TargetSettings *target; /* schemas { "shop" }, 60 s between catalogs and between counts */
        void *state;
        MigrationFacts facts;                                      /* known, nothing applied */
        const char *relations[WORLD_MAX], *constraints[WORLD_MAX]; /* rows, over the defaults */
        Reply replies[WORLD_MAX];                                  /* the first that fits wins */
        usec_t now;                                                /* both clocks */
        bool explain;
        size_t key_rows;
        int64_t blocks_left; /* 0: 4096 */
        size_t cut_after;    /* the connection is lost after so many statements; 0: never */

        size_t n_asked;
        bool in_transaction;
        Buffer log; /* "name [xoff]: sql\n" of the last round */
        Report report;
} World;

/* One table, shop.orders (oid 1), and no constraint. */
void world_open(World *world);
void world_close(World *world);

/* A configured rule, severity critical; the state is made anew with it. */
ConstraintSettings *world_want(World *world, const char *table, const char *name, const char *check);

/* One round with judge(), unless it is cut. */
void world_round(World *world);

const Finding *world_finding(const World *world, const char *name);
const Table *world_table(const World *world, const char *shape);
bool world_was_asked(const World *world, const char *text); /* anywhere in the log */
