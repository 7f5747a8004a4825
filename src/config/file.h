/* The guard in front of the file: what is opened, how it is read, who may have written it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/buffer.h"
#include "pgvigil/base/problems.h"

#define CONFIG_FILE_MAX (1024 * 1024)

/* Reads a regular file of at most CONFIG_FILE_MAX bytes that only root or this user can write,
 * without ever waiting. *ret_exposed: others than its owner (and the group that
 * root chose for it) may read it. 0; -EINVAL with a
 * problem; -ENOMEM. */
int config_file_read(const char *path, Problems *problems, Buffer *ret, bool *ret_exposed);
