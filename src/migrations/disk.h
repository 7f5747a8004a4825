/* Disk: a migrations directory as it was found at one moment.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "framework.h"

#define DISK_ENTRIES_MAX 10000
#define DISK_FILE_MAX    (16u * 1024 * 1024)
#define DISK_TOTAL_MAX   (256u * 1024 * 1024)

typedef struct DiskEntry {
        char *name; /* valid UTF-8 */
        int error;  /* 0: `digests` hold; -ENOENT: without its file; -EFBIG: over a limit; else unreadable */
        FileDigests digests;
} DiskEntry;

typedef struct Disk {
        int error;          /* of the directory: 0, -ENOENT, …; -EFBIG: more than DISK_ENTRIES_MAX */
        DiskEntry *entries; /* sorted by name, bytewise */
        size_t n_entries, allocated;
        char *provider; /* as the lock file says; NULL: no such file or line */
} Disk;

/* Reads a directory for a framework. Blocks: for a worker's thread. 0 (see ret->error) or -ENOMEM. */
int disk_read(const MigrationFramework *framework, const char *path, Disk *ret);
void disk_done(Disk *disk);

/* The directories of all wanted frameworks, as the check's gather() makes them. */
typedef struct Gathered {
        Disk disks[N_FRAMEWORKS];
        bool is_read[N_FRAMEWORKS];
} Gathered;

int gathered_new(const MigrationSettings *settings, Gathered **ret);
Gathered *gathered_free(Gathered *gathered);
DEFINE_CLEANUP(Gathered, gathered_free)
