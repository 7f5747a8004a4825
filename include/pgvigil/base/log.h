/* Structured log lines: to the journal with fields when stderr is the journal, else to stderr.
 *
 * One event is one line. Level says what the reader must do: ERR act, WARNING look, NOTICE the
 * state changed, INFO, DEBUG for us. The same state is logged when it changes, never per poll.
 * Text never holds a secret or row data; messages of the server go in at DEBUG only.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <syslog.h>

#include "pgvigil/base/macros.h"

typedef struct LogFields {
        const char *message_id; /* 32 hex digits, a constant of log-ids.h, or NULL */
        const char *target;     /* TARGET=, or NULL */
        const char *check;      /* CHECK=, or NULL */
        const char *reason;     /* REASON=, or NULL */
} LogFields;

/* Messages less urgent than `level` (syslog's numbers) are dropped. Default LOG_INFO. */
void log_set_level(int level);

void log_event(int level, const LogFields *fields, const char *format, ...) _printf_(3, 4);

#define log_line(level, ...) log_event((level), NULL, __VA_ARGS__)

/* Says "out of memory" once a call site cares to; returns -ENOMEM. */
int log_oom(void);
