/* migrations: the histories that migration tools keep, as data; the check `migration` over them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

extern const CheckKind migration_check;
