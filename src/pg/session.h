/* Session: the statements around every statement.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/pg.h"

#define SESSION_BEGIN  "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
#define SESSION_COMMIT "COMMIT"

/* Settings that not every server has; asked once after each connect. */
enum {
        FEATURE_CONNECTION_CHECK = 1 << 0,
        FEATURE_RELATION_KIND = 1 << 1,
};

/* One SELECT that sets everything for one transaction; owned, NULL when out of memory. */
char *session_preamble(const PgOptions *options, unsigned features, bool exclusion_off);

/* Which features the server has, and who answers: the statement that asks, and its answer read. */
extern const Statement session_probe;
unsigned session_features(const Table *answer);
