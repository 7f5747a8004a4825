/* The files of the state directory as files: the lock, what a file is before SQLite may touch it,
 * and setting a damaged one aside. Called on the thread, but for the lock at start.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pgvigil/base/usec.h"

#define STATE_FILE           "history.sqlite"
#define STATE_APPLICATION_ID 0x70677667 /* "pgvg" */

typedef enum StateFileKind {
        STATE_FILE_ABSENT,
        STATE_FILE_DAMAGED, /* no header of SQLite's: also an empty one */
        STATE_FILE_FOREIGN, /* another application's, or no file at all: a directory */
        STATE_FILE_OURS,
} StateFileKind;

/* Holds DIRECTORY/lock for as long as *ret_fd is open. -EBUSY: *ret_holder is the pid in it, or 0. */
int state_lock(const char *directory, int *ret_fd, pid_t *ret_holder);

/* Of the header alone. *ret_version where it is ours, else 0. */
int state_file_look(const char *path, StateFileKind *ret_kind, uint32_t *ret_version);

/* Renames it and what SQLite keeps beside it to PATH.corrupt-TIME; the two newest stay. *ret_name is owned.
 */
int state_file_set_aside(const char *path, usec_t now, char **ret_name);

/* Removes PATH and what SQLite keeps beside it. */
void state_file_remove(const char *path);

/* Makes PATH out of PATH.new, with nothing stale beside it, and durable. */
int state_file_publish(const char *path);

/* Whether that much can be written beside it. */
bool state_has_room(const char *directory, uint64_t bytes);
