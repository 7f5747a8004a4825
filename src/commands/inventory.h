/* inventory: a check that judges nothing and remembers the catalog, for `pgvigil init`.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

extern const CheckKind inventory_check;
extern const CheckKind grants_check;
