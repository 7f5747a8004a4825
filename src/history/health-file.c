/* HealthFile: see the header. A text that cannot be written takes the older one with it: no answer is
 * better than one that is not the last.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/history/health-file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pgvigil/base/log.h"
#include "pgvigil/base/str.h"
#include "pgvigil/base/worker.h"

#define SIZE_MAX_READ (4 << 20)
#define STOP_MSEC     2000

struct HealthFile {
        Worker *worker;
        char *path, *path_new;
        char *waiting; /* to be written when what is under way ends; or NULL */
        bool is_writing;
        int error; /* of the last write, as told */
};

/* The thread touches nothing else. */
typedef struct Write {
        HealthFile *file; /* loop only */
        char *path, *path_new, *text;
        int error;
} Write;

static void close_fd(const int *fd) {
        if (*fd >= 0)
                (void)close(*fd);
}

static int write_all(int fd, const char *text) {
        size_t length = strlen(text);

        while (length > 0) {
                ssize_t n = write(fd, text, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                length -= (size_t)n;
        }
        return 0;
}

static int replace(const Write *job) {
        _cleanup_(close_fd) int fd = -1;
        int r;

        (void)unlink(job->path_new);
        fd = open(job->path_new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, job->text);
        if (r >= 0 && rename(job->path_new, job->path) < 0)
                r = -errno;
        if (r < 0)
                (void)unlink(job->path_new);
        return r;
}

static void run(void *data) {
        Write *job = data;

        job->error = replace(job);
        if (job->error < 0)
                (void)unlink(job->path);
}

static void write_free(void *data) {
        Write *job = data;

        free(job->path);
        free(job->path_new);
        free(job->text);
        free(job);
}

static int submit(HealthFile *file);

static void complete(void *data) {
        Write *job = data;
        HealthFile *file = job->file;

        file->is_writing = false;
        if (job->error != file->error && job->error < 0)
                log_line(LOG_WARNING,
                         "the last answers cannot be kept in %s (%s): after a restart they are not restored",
                         job->path, strerror(-job->error));
        file->error = job->error;
        if (file->waiting && submit(file) < 0)
                log_oom();
}

static int submit(HealthFile *file) {
        Write *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        job->file = file;
        job->text = TAKE(file->waiting);
        r = str_set(&job->path, file->path);
        if (r >= 0)
                r = str_set(&job->path_new, file->path_new);
        if (r >= 0)
                r = worker_submit(file->worker, run, complete, write_free, job, NULL);
        if (r < 0) {
                write_free(job);
                return r;
        }
        file->is_writing = true;
        return 0;
}

int health_file_new(const char *directory, HealthFile **ret) {
        _cleanup_(health_file_freep) HealthFile *file = calloc(1, sizeof(*file));

        if (!file)
                return -ENOMEM;
        file->path = str_format("%s/health", directory);
        file->path_new = str_format("%s/health.new", directory);
        if (!file->path || !file->path_new)
                return -ENOMEM;
        int r = worker_new("health", &file->worker);
        if (r < 0)
                return r;
        *ret = TAKE(file);
        return 0;
}

/* What is under way, and then what waits. */
static void settle(HealthFile *file) {
        while (file->is_writing) {
                struct pollfd wait = {.fd = worker_fd(file->worker), .events = POLLIN};

                if (poll(&wait, 1, STOP_MSEC) <= 0)
                        return;
                worker_dispatch(file->worker);
        }
}

HealthFile *health_file_free(HealthFile *file) {
        if (!file)
                return NULL;
        if (file->worker)
                settle(file);
        worker_free(file->worker);
        free(file->path);
        free(file->path_new);
        free(file->waiting);
        free(file);
        return NULL;
}

static int read_all(int fd, Buffer *out) {
        char block[16384];
        ssize_t n;

        while ((n = read(fd, block, sizeof(block))) > 0) {
                buffer_append(out, block, (size_t)n);
                if (out->length > SIZE_MAX_READ)
                        return -EFBIG;
        }
        return n < 0 ? -errno : buffer_error(out);
}

int health_file_read(const char *directory, Buffer *out) {
        _cleanup_(freep) char *path = str_format("%s/health", directory);
        _cleanup_(close_fd) int fd = -1;
        struct stat st;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? read_all(fd, out) : -EINVAL;
}

int health_file_write(HealthFile *file, Buffer *text) {
        free(file->waiting);
        file->waiting = buffer_take(text);
        if (!file->waiting)
                return -ENOMEM;
        return file->is_writing ? 0 : submit(file);
}

int health_file_fd(const HealthFile *file) {
        return worker_fd(file->worker);
}

void health_file_dispatch(HealthFile *file) {
        worker_dispatch(file->worker);
}
