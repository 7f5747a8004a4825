/* HealthFile: a small text in the state directory, for the process after this one: DIRECTORY/health.
 *
 * Beside the history and not in it: it must be there before the first answer, and must cost no fsync. It is
 * good for one boot of the machine only, through which the kernel keeps what was written. Written by a
 * thread of its own; the newest text wins.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

#include "pgvigil/base/buffer.h"
#include "pgvigil/base/macros.h"

typedef struct HealthFile HealthFile;

int health_file_new(const char *directory, HealthFile **ret);

/* Waits for the disk some seconds at most. */
HealthFile *health_file_free(HealthFile *file);
DEFINE_CLEANUP(HealthFile, health_file_free)

/* At once, at start. 0; -ENOENT: there is none; another errno: it cannot be read. */
int health_file_read(const char *directory, Buffer *out);

/* Takes the text out of `text`. 0 or -ENOMEM. */
int health_file_write(HealthFile *file, Buffer *text);

/* Readable while health_file_dispatch() has something to do. */
int health_file_fd(const HealthFile *file);
void health_file_dispatch(HealthFile *file);
