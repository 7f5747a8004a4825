/* checks: the kinds of checks, in the order in which a round runs them (checks.def).
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

#define CHECK(name) extern const CheckKind name##_check;
#include "pgvigil/checks.def"
#undef CHECK
