/* Schema: what the file looks like, and how a file of an earlier version becomes one of this.
 *
 * Times are microseconds, those of points seconds, all since 1970. What grows with time has the
 * time first in its key: new rows go to the end, and the oldest are one stretch.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pgvigil/base/str.h"
#include "state-file.h"
#include "store.h"

/* steps[n] makes version n + 1 of version n: added to, never changed. */
static const char *const steps[] = {
        "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, target TEXT NOT NULL, name TEXT NOT NULL,"
        " UNIQUE (target, name));"
        "CREATE TABLE IF NOT EXISTS point (level INTEGER, start INTEGER, series INTEGER, count INTEGER,"
        " min REAL, max REAL, sum REAL, PRIMARY KEY (level, start, series)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS value (target TEXT, key TEXT, text TEXT NOT NULL,"
        " PRIMARY KEY (target, key));"
        "CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, target TEXT NOT NULL, at INTEGER NOT NULL,"
        " kind TEXT NOT NULL, text TEXT NOT NULL);"
        "CREATE INDEX IF NOT EXISTS event_target ON event (target, id);"
        "CREATE TABLE IF NOT EXISTS bucket (target TEXT, start INTEGER, commits INTEGER, rollbacks INTEGER,"
        " void INTEGER, PRIMARY KEY (target, start)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS statement (hour INTEGER, target TEXT, queryid INTEGER, calls INTEGER,"
        " total_ms REAL, PRIMARY KEY (hour, target, queryid)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS snapshot (id INTEGER PRIMARY KEY, target TEXT NOT NULL, at INTEGER NOT "
        "NULL,"
        " UNIQUE (target, at));"
        "CREATE TABLE IF NOT EXISTS object (snapshot INTEGER, position INTEGER, kind TEXT NOT NULL,"
        " object TEXT NOT NULL, name TEXT NOT NULL, definition TEXT, PRIMARY KEY (snapshot, position))"
        " WITHOUT ROWID;",
        "DROP TABLE IF EXISTS bucket; DROP TABLE IF EXISTS object; DROP TABLE IF EXISTS snapshot;",
};
_Static_assert(ELEMENTS(steps) == STORE_VERSION, "a step a version");

static StoreOutcome run_steps(Store *store, uint32_t version) {
        _cleanup_(freep) char *mark = str_format("PRAGMA application_id = %d; PRAGMA user_version = %zu",
                                                 STATE_APPLICATION_ID, ELEMENTS(steps));
        StoreOutcome outcome;

        if (!mark)
                return store_say(store, STORE_FAILED, "out of memory");
        outcome = store_execute(store, "BEGIN IMMEDIATE", "cannot be begun");
        for (size_t i = version; outcome == STORE_FINE && i < ELEMENTS(steps); i++)
                outcome = store_execute(store, steps[i], "cannot be brought to this version");
        if (outcome == STORE_FINE)
                outcome = store_execute(store, mark, "cannot be marked");
        if (outcome == STORE_FINE)
                outcome = store_execute(store, "COMMIT", "cannot be committed");
        if (outcome != STORE_FINE)
                (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return outcome;
}

static StoreOutcome copy_before(Store *store, uint32_t version) {
        _cleanup_(freep) char *copy = str_format("%s.version-%u", store->path, version);
        char *sql;
        StoreOutcome outcome;

        if (!copy)
                return store_say(store, STORE_FAILED, "out of memory");
        state_file_remove(copy);
        sql = sqlite3_mprintf("VACUUM INTO %Q", copy);
        if (!sql)
                return store_say(store, STORE_FAILED, "out of memory");
        outcome = store_execute(store, sql, "cannot be copied, and is not brought to this version without");
        sqlite3_free(sql);
        if (outcome != STORE_FINE)
                state_file_remove(copy);
        return outcome;
}

StoreOutcome store_migrate(Store *store, uint32_t version) {
        StoreOutcome outcome;

        if (version == ELEMENTS(steps))
                return STORE_FINE;
        if (version > ELEMENTS(steps))
                return store_say(
                        store, STORE_REFUSED,
                        "%s was written by a later version of pgvigil (format %u, this one knows %zu): "
                        "it is left as it is, and no history is kept; upgrade pgvigil, or move the file away",
                        store->path, version, ELEMENTS(steps));
        if (store->is_reader)
                return store_say(store, STORE_REFUSED,
                                 "%s was written by an earlier version of pgvigil: start the daemon once",
                                 store->path);
        outcome = copy_before(store, version);
        return outcome == STORE_FINE ? run_steps(store, version) : outcome;
}

/* Our mode, whatever the umask; SQLite gives what it makes beside it the same. */
static StoreOutcome make_empty(Store *store, const char *path) {
        int fd;

        state_file_remove(path);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return store_say(store, STORE_FAILED, "%s cannot be made: %s", path, strerror(errno));
        (void)close(fd);
        return STORE_FINE;
}

StoreOutcome store_create(Store *store) {
        _cleanup_(freep) char *path = str_format("%s.new", store->path);
        StoreOutcome outcome;
        int r;

        if (!path)
                return store_say(store, STORE_FAILED, "out of memory");
        outcome = make_empty(store, path);
        if (outcome != STORE_FINE)
                return outcome;
        if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
                outcome = store_fail(store, "cannot be opened");
        else
                outcome = run_steps(store, 0);
        store_close(store);
        if (outcome != STORE_FINE)
                return outcome == STORE_DAMAGED ? STORE_FAILED : outcome;
        r = state_file_publish(store->path);
        if (r < 0)
                return store_say(store, STORE_FAILED, "%s cannot be made: %s", store->path, strerror(-r));
        return STORE_FINE;
}
