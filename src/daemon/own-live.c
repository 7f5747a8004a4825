/* What /metrics says of the moment: the process, the requests, ages and health codes.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/history.h"
#include "pgvigil/pg.h"

static const Field build_fields[] = {
        {"version", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Version of pgvigil."},
        {"libpq", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Version of libpq."},
        {"libmicrohttpd", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Version of libmicrohttpd."},
        {"sqlite", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Version of SQLite."},
        {"info", VALUE_INT, FIELD_GAUGE, "pgvigil_build_info", NULL, NULL, NULL, "Versions; always 1."},
};
static const Shape build_shape = SHAPE("build", build_fields);

static const Field request_fields[] = {
        {"path", VALUE_TEXT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Endpoint."},
        {"code", VALUE_INT, FIELD_LABEL, NULL, NULL, NULL, NULL, "Status code."},
        {"requests", VALUE_INT, FIELD_COUNTER, "pgvigil_http_requests_total", NULL, NULL, NULL,
         "Requests answered, by endpoint and code."},
};
static const Shape request_shape = SHAPE("http_requests", request_fields);

static const Field process_fields[] = {
        {"cpu", VALUE_FLOAT, FIELD_COUNTER, "process_cpu_seconds_total", NULL, NULL, "seconds",
         "User and system CPU time spent."},
        {"resident", VALUE_INT, FIELD_GAUGE, "process_resident_memory_bytes", NULL, NULL, "bytes",
         "Resident memory size."},
        {"virtual", VALUE_INT, FIELD_GAUGE, "process_virtual_memory_bytes", NULL, NULL, "bytes",
         "Virtual memory size."},
        {"fds", VALUE_INT, FIELD_GAUGE, "process_open_fds", NULL, NULL, NULL, "Open file descriptors."},
        {"max_fds", VALUE_INT, FIELD_GAUGE, "process_max_fds", NULL, NULL, NULL,
         "Limit of open file descriptors."},
        {"started", VALUE_FLOAT, FIELD_GAUGE, "process_start_time_seconds", NULL, NULL, "seconds",
         "Start of the process, as seconds since 1970."},
};
static const Shape process_shape = SHAPE("process", process_fields);

void daemon_count(Daemon *daemon, const char *pattern, unsigned code) {
        for (size_t i = 0; i < daemon->n_counters; i++) {
                HttpCounter *counter = &daemon->counters[i];

                /* Patterns are constants of the route table: one pointer a path. */
                if (counter->path == pattern && counter->code == code) {
                        counter->requests++;
                        return;
                }
        }
        if (daemon->n_counters < HTTP_COUNTERS_MAX)
                daemon->counters[daemon->n_counters++] = (HttpCounter){pattern, code, 1};
}

static int fill_build(Daemon *daemon, Table *table) {
        size_t row;

        if (table_add_row(table, &row) < 0 || table_set_text(table, row, "version", PGVIGIL_VERSION) < 0 ||
            table_set_text(table, row, "libpq", pg_library_version()) < 0 ||
            table_set_text(table, row, "libmicrohttpd", http_library_version()) < 0 ||
            table_set_text(table, row, "sqlite", history_library_version()) < 0)
                return -ENOMEM;
        table_set_int(table, row, "info", 1);
        return 0;
}

static int fill_requests(Daemon *daemon, Table *table) {
        for (size_t i = 0; i < daemon->n_counters; i++) {
                const HttpCounter *counter = &daemon->counters[i];
                size_t row;

                if (table_add_row(table, &row) < 0 || table_set_text(table, row, "path", counter->path) < 0)
                        return -ENOMEM;
                table_set_int(table, row, "code", counter->code);
                table_set_int(table, row, "requests", (int64_t)counter->requests);
        }
        return 0;
}

static int64_t count_fds(void) {
        DIR *directory = opendir("/proc/self/fd");
        int64_t n = 0;

        if (!directory)
                return -1;
        while (readdir(directory))
                n++;
        closedir(directory);
        return n - 3; /* ".", ".." and the directory itself */
}

/* Sizes in pages, from /proc/self/statm: one read, no library behind it. */
static bool read_memory(int64_t *ret_virtual, int64_t *ret_resident) {
        char text[128];
        int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        ssize_t n;
        long pages[2];

        if (fd < 0)
                return false;
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        if (n <= 0)
                return false;
        text[n] = '\0';
        if (sscanf(text, "%ld %ld", &pages[0], &pages[1]) != 2)
                return false;
        *ret_virtual = pages[0] * sysconf(_SC_PAGESIZE);
        *ret_resident = pages[1] * sysconf(_SC_PAGESIZE);
        return true;
}

static int fill_process(Daemon *daemon, Table *table) {
        struct rusage usage;
        struct rlimit limit;
        int64_t size, resident, fds = count_fds();
        size_t row;
        int r = table_add_row(table, &row);

        if (r < 0)
                return r;
        if (getrusage(RUSAGE_SELF, &usage) == 0)
                table_set_float(table, row, "cpu",
                                (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                                        (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
        if (read_memory(&size, &resident)) {
                table_set_int(table, row, "virtual", size);
                table_set_int(table, row, "resident", resident);
        }
        if (fds >= 0)
                table_set_int(table, row, "fds", fds);
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
                table_set_int(table, row, "max_fds", (int64_t)limit.rlim_cur);
        table_set_float(table, row, "started",
                        (double)engine_view(daemon->engine)->started_at / (double)USEC_PER_SEC);
        return 0;
}

static const struct {
        const Shape *shape;
        int (*fill)(Daemon *daemon, Table *table);
} makers[] = {
        {&build_shape, fill_build},
        {&request_shape, fill_requests},
        {&process_shape, fill_process},
};

/* The engine's live tables and the process's own, in one list for engine_tables_free(). */
int live_tables(Daemon *daemon, Table ***ret, size_t *ret_n) {
        Table **tables, **all;
        size_t n;
        int r = engine_tables(daemon->engine, true, clock_boottime(), &tables, &n);

        if (r < 0)
                return r;
        all = realloc(tables, (n + ELEMENTS(makers)) * sizeof(Table *));
        if (!all) {
                engine_tables_free(tables, n);
                return -ENOMEM;
        }
        for (size_t i = 0; i < ELEMENTS(makers) && r >= 0; i++) {
                r = table_new(makers[i].shape, NULL, &all[n]);
                if (r >= 0)
                        r = makers[i].fill(daemon, all[n++]);
        }
        if (r < 0) {
                engine_tables_free(all, n);
                return r;
        }
        *ret = all;
        *ret_n = n;
        return 0;
}

const Shape *const *daemon_shapes(void) {
        static const Shape *const shapes[] = {&build_shape, &process_shape, &request_shape, NULL};

        return shapes;
}
