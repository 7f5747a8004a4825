/* Store: opening, closing, and saying what went wrong.
 *
 *   store_open(): lock ─▶ look at the header ─┬ absent ───────▶ create ─▶ open, check, migrate
 *                                             ├ damaged ─▶ set aside, create ─▶ the same
 *                                             ├ foreign, newer ─▶ refused, untouched
 *                                             └ ours ─▶ open, check ─ damaged? ─▶ set aside …
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "store.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "pgvigil/base/str.h"
#include "state-file.h"

#define WAL_BYTES    (4U << 20) /* of size_max */
#define PAGE_BYTES   4096
#define BUSY_MSEC    2000 /* of the thread; a reader would wait for a daemon that never lets go */
#define MESSAGE_PLAN "history is kept in memory only"

int store_new(const char *directory, usec_t retention, uint64_t size_max, Store **ret) {
        _cleanup_(store_unrefp) Store *store = calloc(1, sizeof(*store));

        if (!store)
                return -ENOMEM;
        atomic_init(&store->references, 1);
        store->lock_fd = -1;
        store->directory = strdup(directory);
        store->path = str_format("%s/" STATE_FILE, directory);
        store->retention = retention;
        store->size_max = size_max;
        if (!store->directory || !store->path)
                return -ENOMEM;
        *ret = TAKE(store);
        return 0;
}

Store *store_ref(Store *store) {
        atomic_fetch_add(&store->references, 1);
        return store;
}

Store *store_unref(Store *store) {
        if (!store || atomic_fetch_sub(&store->references, 1) > 1)
                return NULL;
        store_close(store);
        if (store->lock_fd >= 0)
                (void)close(store->lock_fd);
        free(store->directory);
        free(store->path);
        free(store->trouble);
        free(store);
        return NULL;
}

void store_close(Store *store) {
        for (size_t i = 0; i < N_RECORD_KINDS; i++) {
                (void)sqlite3_finalize(store->write[i]);
                store->write[i] = NULL;
        }
        (void)sqlite3_close_v2(store->db);
        store->db = NULL;
}

StoreOutcome store_say(Store *store, StoreOutcome outcome, const char *format, ...) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        va_list arguments;

        va_start(arguments, format);
        buffer_vprintf(&text, format, arguments);
        va_end(arguments);
        free(store->trouble);
        store->trouble = buffer_take(&text);
        return outcome;
}

StoreOutcome store_fail(Store *store, const char *doing) {
        int code = sqlite3_errcode(store->db), system = sqlite3_system_errno(store->db);
        StoreOutcome outcome = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? STORE_DAMAGED : STORE_FAILED;
        _cleanup_(freep) char *cause = strdup(sqlite3_errmsg(store->db));

        if (outcome == STORE_DAMAGED)
                return store_say(store, outcome, "%s is damaged: %s", store->path, cause);
        if (code == SQLITE_BUSY)
                return store_say(store, outcome, "%s is in use by another process", store->path);
        if (code == SQLITE_FULL && state_has_room(store->directory, WAL_BYTES))
                return store_say(store, STORE_TOO_LARGE, "%s %s: it is as large as it may become",
                                 store->path, doing);
        if (code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_CANTOPEN)
                return store_say(
                        store, outcome, "%s %s: %s%s%s; make room or mend the disk, until then " MESSAGE_PLAN,
                        store->path, doing, cause, system ? ": " : "", system ? strerror(system) : "");
        return store_say(store, outcome, "%s %s: %s; " MESSAGE_PLAN, store->path, doing, cause);
}

void statement_freep(sqlite3_stmt **statement) {
        (void)sqlite3_finalize(*statement);
}

static StoreOutcome not_open(Store *store) {
        return store_say(store, STORE_FAILED, "%s is not open", store->path);
}

StoreOutcome store_execute(Store *store, const char *sql, const char *doing) {
        if (!store->db)
                return not_open(store);
        if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
                return store_fail(store, doing);
        return STORE_FINE;
}

StoreOutcome store_prepare(Store *store, const char *sql, sqlite3_stmt **ret) {
        if (!store->db)
                return not_open(store);
        if (sqlite3_prepare_v2(store->db, sql, -1, ret, NULL) != SQLITE_OK)
                return store_fail(store, "cannot be read");
        return STORE_FINE;
}

StoreOutcome store_number(Store *store, const char *sql, int64_t *ret) {
        _cleanup_(statement_freep) sqlite3_stmt *statement = NULL;
        StoreOutcome outcome = store_prepare(store, sql, &statement);
        int r;

        if (outcome != STORE_FINE)
                return outcome;
        r = sqlite3_step(statement);
        if (r != SQLITE_ROW && r != SQLITE_DONE)
                return store_fail(store, "cannot be read");
        *ret = r == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
        return STORE_FINE;
}

bool store_is_at_cap(Store *store, unsigned percent) {
        const int64_t limit = (int64_t)((store->size_max - WAL_BYTES) / PAGE_BYTES);
        int64_t pages = 0, unused = 0;

        if (store_number(store, "PRAGMA page_count", &pages) != STORE_FINE ||
            store_number(store, "PRAGMA freelist_count", &unused) != STORE_FINE)
                return false;
        return pages - unused >= limit * percent / 100;
}

uint64_t store_bytes(Store *store) {
        int64_t pages = 0;

        (void)store_number(store, "PRAGMA page_count", &pages);
        return (uint64_t)pages * PAGE_BYTES;
}

/* Before the first statement that reads the file, and so before a lock is taken. */
static StoreOutcome configure(Store *store) {
        _cleanup_(freep) char *cap = str_format(
                "PRAGMA max_page_count = %llu",
                (unsigned long long)((store->size_max - WAL_BYTES) / PAGE_BYTES));
        StoreOutcome outcome;

        (void)sqlite3_busy_timeout(store->db, store->is_reader ? 0 : BUSY_MSEC);
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        outcome = store_execute(store,
                                "PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;"
                                "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON",
                                "cannot be opened");
        if (outcome != STORE_FINE || store->is_reader)
                return outcome;
        if (!cap)
                return store_say(store, STORE_FAILED, "out of memory");
        outcome = store_execute(store,
                                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                                "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 200;"
                                "PRAGMA journal_size_limit = 1048576",
                                "cannot be opened");
        return outcome == STORE_FINE ? store_execute(store, cap, "cannot be opened") : outcome;
}

/* A broken page in the middle is found by nothing else. */
static StoreOutcome check(Store *store) {
        _cleanup_(statement_freep) sqlite3_stmt *statement = NULL;
        StoreOutcome outcome = store_prepare(store, "PRAGMA quick_check(1)", &statement);
        const char *said;

        if (outcome != STORE_FINE)
                return outcome;
        if (sqlite3_step(statement) != SQLITE_ROW)
                return store_fail(store, "cannot be checked");
        said = (const char *)sqlite3_column_text(statement, 0);
        if (!str_equal(said, "ok"))
                return store_say(store, STORE_DAMAGED, "%s is damaged: %s", store->path, said ? said : "");
        return STORE_FINE;
}

static StoreOutcome open_file(Store *store) {
        int flags = store->is_reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
        int64_t version = 0;
        StoreOutcome outcome;

        if (sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
                outcome = store_fail(store, "cannot be opened");
        else
                outcome = configure(store);
        if (outcome == STORE_FINE)
                outcome = check(store);
        if (outcome == STORE_FINE)
                outcome = store_number(store, "PRAGMA user_version", &version);
        if (outcome == STORE_FINE)
                outcome = store_migrate(store, (uint32_t)version);
        if (outcome != STORE_FINE)
                store_close(store);
        return outcome;
}

static StoreOutcome open_new(Store *store) {
        StoreOutcome outcome = store_create(store);

        if (outcome == STORE_FINE)
                outcome = open_file(store);
        return outcome == STORE_DAMAGED ? STORE_FAILED
                                        : outcome; /* a disk that garbles at once: not in a loop */
}

static StoreOutcome open_anew(Store *store, usec_t now) {
        _cleanup_(freep) char *name = NULL, *why = TAKE(store->trouble);
        StoreOutcome outcome;
        int r = state_file_set_aside(store->path, now, &name);

        if (r < 0)
                return store_say(store, STORE_FAILED,
                                 "%s is damaged and cannot be set aside: %s; " MESSAGE_PLAN, store->path,
                                 strerror(-r));
        outcome = open_new(store);
        if (outcome != STORE_FINE)
                return outcome;
        return store_say(store, STORE_RESET, "%s; it was set aside as %s, and a new history begins", why,
                         name);
}

static StoreOutcome lock(Store *store) {
        pid_t holder = 0;
        int r;

        if (store->lock_fd >= 0 || store->is_reader)
                return STORE_FINE;
        r = state_lock(store->directory, &store->lock_fd, &holder);
        if (r == -EBUSY)
                return store_say(store, STORE_FAILED,
                                 "%s is in use by process %ld: stop it, or give this one its "
                                 "own state_dir; until then " MESSAGE_PLAN,
                                 store->directory, (long)holder);
        if (r < 0)
                return store_say(store, STORE_FAILED,
                                 "%s cannot be written: %s; it must be a directory that "
                                 "belongs to the user of pgvigil, until then " MESSAGE_PLAN,
                                 store->directory, strerror(-r));
        return STORE_FINE;
}

StoreOutcome store_open(Store *store, usec_t now) {
        StoreOutcome outcome = lock(store);
        StateFileKind kind;
        uint32_t version;
        int r;

        if (outcome != STORE_FINE)
                return outcome;
        r = state_file_look(store->path, &kind, &version);
        if (r < 0)
                return store_say(store, STORE_FAILED, "%s cannot be read: %s; " MESSAGE_PLAN, store->path,
                                 strerror(-r));
        if (kind == STATE_FILE_FOREIGN)
                return store_say(store, STORE_REFUSED,
                                 "%s is not a file of pgvigil's: it is left as it is, and " MESSAGE_PLAN
                                 "; move it away",
                                 store->path);
        if (kind == STATE_FILE_ABSENT)
                return store->is_reader ? store_say(store, STORE_REFUSED, "%s does not exist", store->path)
                                        : open_new(store);
        if (kind == STATE_FILE_DAMAGED)
                outcome = store_say(store, STORE_DAMAGED, "%s is damaged: its header is gone", store->path);
        else if (version > STORE_VERSION)
                outcome = store_migrate(store, version); /* says no, before SQLite has it open */
        else
                outcome = open_file(store);
        return outcome == STORE_DAMAGED && !store->is_reader ? open_anew(store, now) : outcome;
}
