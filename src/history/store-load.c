/* Store: reading: all that memory holds, at start, and the rows that it does not.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "pgvigil/base/macros.h"
#include "store.h"

/* The names of all series of the file, by id. */
typedef struct Names {
        struct SeriesName {
                uint32_t id;
                char *target, *name;
        } * items;
        size_t count;
} Names;

static void names_done(Names *names) {
        for (size_t i = 0; i < names->count; i++) {
                free(names->items[i].target);
                free(names->items[i].name);
        }
        free(names->items);
}

void loaded_done(Loaded *loaded) {
        series_book_done(&loaded->series);
        keep_done(&loaded->keep);
        records_done(&loaded->rebuilt);
}

static const char *column_text(sqlite3_stmt *statement, int i) {
        const char *text = (const char *)sqlite3_column_text(statement, i);

        return text ? text : "";
}

static usec_t column_time(sqlite3_stmt *statement, int i) {
        int64_t value = sqlite3_column_int64(statement, i);

        return value > 0 ? (usec_t)value : 0;
}

/* Calls `take` for each row. */
typedef struct Query {
        const char *sql, *target; /* :target */
        int64_t numbers[3];       /* ?1, ?2, ?3 */
        int (*take)(void *userdata, sqlite3_stmt *row);
        void *userdata;
} Query;

static void query_bind(const Query *query, sqlite3_stmt *statement) {
        int target = sqlite3_bind_parameter_index(statement, ":target");

        if (target > 0)
                (void)sqlite3_bind_text(statement, target, query->target, -1, SQLITE_STATIC);
        for (int i = 1; i <= (int)ELEMENTS(query->numbers) && i <= sqlite3_bind_parameter_count(statement);
             i++)
                if (i != target)
                        (void)sqlite3_bind_int64(statement, i, query->numbers[i - 1]);
}

static StoreOutcome run_query(Store *store, const Query *query) {
        _cleanup_(statement_freep) sqlite3_stmt *statement = NULL;
        StoreOutcome outcome = store_prepare(store, query->sql, &statement);
        int r;

        if (outcome != STORE_FINE)
                return outcome;
        query_bind(query, statement);
        while ((r = sqlite3_step(statement)) == SQLITE_ROW)
                if (query->take(query->userdata, statement) < 0)
                        return store_say(store, STORE_FAILED, "out of memory");
        return r == SQLITE_DONE ? STORE_FINE : store_fail(store, "cannot be read");
}

/* Room for one more; the size is the next power of two. */
static int reserve(void *items, size_t count, size_t size) {
        void **list = items, *grown;

        if (count > 0 && (count & (count - 1)) != 0)
                return 0;
        grown = reallocarray(*list, count ? 2 * count : 1, size);
        if (!grown)
                return -ENOMEM;
        *list = grown;
        return 0;
}

static int take_name(void *userdata, sqlite3_stmt *row) {
        Names *names = userdata;
        struct SeriesName name;

        if (reserve(&names->items, names->count, sizeof(*names->items)) < 0)
                return -ENOMEM;
        name = (struct SeriesName){(uint32_t)sqlite3_column_int64(row, 0), strdup(column_text(row, 1)),
                                   strdup(column_text(row, 2))};
        names->items[names->count++] = name;
        return name.target && name.name ? 0 : -ENOMEM;
}

static int compare_name(const void *a, const void *b) {
        uint32_t x = ((const struct SeriesName *)a)->id, y = ((const struct SeriesName *)b)->id;

        return (x > y) - (x < y);
}

typedef struct PointLoad {
        Loaded *loaded;
        Names names;
} PointLoad;

static int take_point(void *userdata, sqlite3_stmt *row) {
        PointLoad *load = userdata;
        const struct SeriesName wanted = {.id = (uint32_t)sqlite3_column_int64(row, 2)}, *name;
        const SeriesPoint point = {
                .start = column_time(row, 1) * USEC_PER_SEC,
                .count = (uint32_t)sqlite3_column_int64(row, 3),
                .min = sqlite3_column_double(row, 4),
                .max = sqlite3_column_double(row, 5),
                .sum = sqlite3_column_double(row, 6),
        };
        int64_t level = sqlite3_column_int64(row, 0);
        int r;

        name = load->names.count
                       ? bsearch(&wanted, load->names.items, load->names.count, sizeof(wanted), compare_name)
                       : NULL;
        if (!name || level < 0 || level >= N_LEVELS || point.count == 0)
                return 0;
        r = series_book_put(&load->loaded->series, name->target, name->name, (SeriesLevel)level, &point);
        if (r == 0)
                series_book_find(&load->loaded->series, name->target, name->name)->id = name->id;
        return r;
}

/* What a wrong clock dated into the future is left out. */
static StoreOutcome load_points(Store *store, usec_t now, Loaded *loaded) {
        PointLoad load = {.loaded = loaded};
        const Query names = {.sql = "SELECT id, target, name FROM series ORDER BY id",
                             .take = take_name,
                             .userdata = &load.names};
        StoreOutcome outcome = run_query(store, &names);

        if (outcome == STORE_FINE && load.names.count > 0)
                loaded->last_id = load.names.items[load.names.count - 1].id;
        for (int level = N_LEVELS - 1; outcome == STORE_FINE && level >= 0; level--) {
                usec_t span = series_level_span((SeriesLevel)level, store->retention);
                const Query points = {
                        .sql = "SELECT level, start, series, count, min, max, sum FROM point"
                               " WHERE level = ?3 AND start BETWEEN ?1 AND ?2 ORDER BY start",
                        .numbers = {(int64_t)(usec_since(now, span) / USEC_PER_SEC),
                                    (int64_t)(now / USEC_PER_SEC), level},
                        .take = take_point,
                        .userdata = &load,
                };

                outcome = run_query(store, &points);
        }
        names_done(&load.names);
        return outcome;
}

static int take_value(void *userdata, sqlite3_stmt *row) {
        return keep_set_value(userdata, column_text(row, 0), column_text(row, 1), column_text(row, 2));
}

static int take_event(void *userdata, sqlite3_stmt *row) {
        return keep_add_event(userdata, column_text(row, 0), column_time(row, 1), column_text(row, 2),
                              column_text(row, 3));
}

static StoreOutcome load_keep(Store *store, usec_t now, Loaded *loaded) {
        const Query queries[] = {
                {.sql = "SELECT target, key, text FROM value", .take = take_value},
                {.sql = "SELECT target, at, kind, text FROM event ORDER BY id", .take = take_event},
        };
        StoreOutcome outcome = STORE_FINE;

        for (size_t i = 0; outcome == STORE_FINE && i < ELEMENTS(queries); i++) {
                Query query = queries[i];

                query.userdata = &loaded->keep;
                outcome = run_query(store, &query);
        }
        return outcome;
}

static void on_rebuilt(void *userdata, Series *series, SeriesLevel level, const SeriesPoint *point) {
        Loaded *loaded = userdata;
        Record record = {.kind = RECORD_POINT, .level = level, .series = series->id, .point = *point};

        (void)records_add(&loaded->rebuilt, &record, &loaded->dropped);
}

StoreOutcome store_load(Store *store, usec_t now, Loaded *ret) {
        _cleanup_(loaded_done) Loaded loaded = {};
        StoreOutcome outcome;

        series_book_init(&loaded.series, store->retention);
        outcome = load_points(store, now, &loaded);
        if (outcome == STORE_FINE)
                outcome = load_keep(store, now, &loaded);
        if (outcome != STORE_FINE)
                return outcome;
        loaded.series.closed = on_rebuilt;
        loaded.series.userdata = &loaded;
        series_book_rebuild(&loaded.series, now);
        loaded.series.closed = NULL;
        *ret = loaded;
        loaded = (Loaded){};
        return STORE_FINE;
}

static int take_statement(void *userdata, sqlite3_stmt *row) {
        StatementRows *rows = userdata;

        if (reserve(&rows->items, rows->count, sizeof(*rows->items)) < 0)
                return -ENOMEM;
        rows->items[rows->count++] = (HistoryStatement){column_time(row, 0), sqlite3_column_int64(row, 1),
                                                        sqlite3_column_int64(row, 2),
                                                        sqlite3_column_double(row, 3)};
        return 0;
}

StoreOutcome store_read_statements(Store *store, const char *target, usec_t from, usec_t to,
                                   StatementRows *ret) {
        const Query query = {
                .sql = "SELECT hour, queryid, calls, total_ms FROM statement"
                       " WHERE hour >= ?1 AND hour < ?2 AND target = :target ORDER BY queryid, hour",
                .target = target,
                .numbers = {from > INT64_MAX ? INT64_MAX : (int64_t)from,
                            to > INT64_MAX ? INT64_MAX : (int64_t)to},
                .take = take_statement,
                .userdata = ret,
        };

        return run_query(store, &query);
}
