/* Store: the file. All of it runs on the history's thread, or where a reader has none.
 *
 * The main file begins its life under another name and is renamed when it is whole, so that a file
 * of ours always says whose it is and of which version. WAL with locking_mode=EXCLUSIVE: no shared
 * memory that a failing disk could turn into a signal, and no other writer.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "keep.h"
#include "record.h"

#define STORE_VERSION 2

typedef enum StoreOutcome {
        STORE_FINE,
        STORE_RESET,     /* fine, but empty: store->trouble says what was set aside */
        STORE_FAILED,    /* to be tried again, as are all below where store->trouble says why */
        STORE_DAMAGED,   /* to be opened anew */
        STORE_TOO_LARGE, /* no place in size_max, even after pruning */
        STORE_REFUSED,   /* not ours to touch: never again */
} StoreOutcome;

typedef struct Store {
        atomic_uint references; /* one of the history, one of each job */
        char *directory, *path;
        usec_t retention;
        uint64_t size_max;
        bool is_reader;
        int lock_fd; /* -1: not held */
        sqlite3 *db; /* NULL: not open */
        sqlite3_stmt *write[N_RECORD_KINDS];
        usec_t pruned_at, swept_at;
        char *trouble; /* of the last failure */
} Store;

int store_new(const char *directory, usec_t retention, uint64_t size_max, Store **ret);
Store *store_ref(Store *store);
Store *store_unref(Store *store);
DEFINE_CLEANUP(Store, store_unref)

StoreOutcome store_open(Store *store, usec_t now);
void store_close(Store *store); /* the lock stays */

/* All of them or none. */
StoreOutcome store_write(Store *store, const Records *records, usec_t now);
uint64_t store_bytes(Store *store);

typedef struct Loaded {
        SeriesBook series;
        Keep keep;
        uint32_t last_id; /* of series */
        Records rebuilt;  /* points that the file lacks */
        uint64_t dropped; /* of them, as there was no memory */
} Loaded;

void loaded_done(Loaded *loaded);
StoreOutcome store_load(Store *store, usec_t now, Loaded *ret);

typedef struct StatementRows {
        HistoryStatement *items;
        size_t count;
} StatementRows;
StoreOutcome store_read_statements(Store *store, const char *target, usec_t from, usec_t to,
                                   StatementRows *ret);

/* Between the files of the store. */
StoreOutcome store_fail(Store *store, const char *doing); /* of what SQLite said last */
StoreOutcome store_say(Store *store, StoreOutcome outcome, const char *format, ...) _printf_(3, 4);
StoreOutcome store_execute(Store *store, const char *sql, const char *doing);
StoreOutcome store_prepare(Store *store, const char *sql, sqlite3_stmt **ret);
StoreOutcome store_number(Store *store, const char *sql, int64_t *ret);
StoreOutcome store_create(Store *store);                    /* a new file, published */
StoreOutcome store_migrate(Store *store, uint32_t version); /* the open one, after a copy */
StoreOutcome store_prune(Store *store, usec_t now);
StoreOutcome store_make_room(Store *store, usec_t now); /* the oldest leave, until a fifth is free */
bool store_is_at_cap(Store *store, unsigned percent);
void statement_freep(sqlite3_stmt **statement);
