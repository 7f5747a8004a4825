/* JSON that a daemon has served, read back. What is missing is NULL or left out.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <jansson.h>

#include "pgvigil/base/buffer.h"

/* Drops the reference; NULL. */
json_t *reader_free(json_t *json);
DEFINE_CLEANUP(json_t, reader_free)

/* A string member; NULL where it is none. Borrowed. */
const char *reader_text(const json_t *object, const char *key);

/* A number of seconds, for people. */
void reader_add_duration(Buffer *out, const json_t *seconds);
