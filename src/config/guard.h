/* The guard in front of libconfig: what it misreads, hangs on or exits over is refused here.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/problems.h"

/* 0; -EINVAL with problems, each with its line; -ENOMEM. */
int config_guard(const char *text, size_t length, const char *file, Problems *problems);

/* NULL: libconfig reads the number right; else why not. */
const char *config_number_refusal(const char *text, size_t length);
