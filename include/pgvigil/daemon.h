/* daemon: `pgvigil serve`. Joins config, engine, render and http on one loop, and tells systemd.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/field.h"

/* Runs until SIGTERM or SIGINT. Returns an exit code: 0, 78 (configuration) or 1. */
int daemon_run(const char *config_path, int log_level);

/* The endpoints, for the manual: path and one sentence each. NULL after the last. */
const char *daemon_route(unsigned i, const char **ret_help);

/* The shapes of what the daemon says of itself in /metrics, NULL-terminated: for the manual. */
const Shape *const *daemon_shapes(void);
