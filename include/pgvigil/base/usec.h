/* Time and size units: parsing and printing. The clocks themselves are in clock.h.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdint.h>

#include "pgvigil/base/buffer.h"

typedef uint64_t usec_t;

#define USEC_INFINITY   ((usec_t)UINT64_MAX)
#define USEC_PER_MSEC   ((usec_t)1000)
#define USEC_PER_SEC    ((usec_t)1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR   (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY    (24 * USEC_PER_HOUR)

/* later - earlier, never below 0 (clocks of two machines meet here). */
usec_t usec_since(usec_t later, usec_t earlier);
usec_t usec_add(usec_t a, usec_t b); /* saturates at USEC_INFINITY */

/* "250ms", "30s", "5min", "24h", "15d", "1h 30min"; the unit is mandatory except for "0".
 * Returns 0, -EINVAL (not a duration) or -ERANGE. */
int usec_parse(const char *text, usec_t *ret);

/* Shortest exact form that usec_parse() reads back: "90s" prints as "1min 30s". */
void buffer_add_usec(Buffer *buffer, usec_t duration);

/* For people, two units at most: "3 h 12 min", "45 s", "120 ms". */
void buffer_add_usec_human(Buffer *buffer, usec_t duration);

/* "2026-11-23T15:59:00Z" (UTC, whole seconds) from microseconds since 1970. */
void buffer_add_time(Buffer *buffer, usec_t realtime);

/* "64MB", "8kB", "1GB", "512B" (powers of 1024, as PostgreSQL writes them). 0, -EINVAL, -ERANGE. */
int size_parse(const char *text, uint64_t *ret_bytes);
void buffer_add_size(Buffer *buffer, uint64_t bytes);       /* shortest exact form */
void buffer_add_size_human(Buffer *buffer, uint64_t bytes); /* "12 MB" */
