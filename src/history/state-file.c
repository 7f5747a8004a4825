/* State files: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "state-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "pgvigil/base/str.h"

#define ASIDE_MAX 2

static const char *const companions[] = {"-wal", "-shm", "-journal"};

static void close_fd(const int *fd) {
        if (*fd >= 0)
                (void)close(*fd);
}

static pid_t lock_holder(int fd) {
        char text[32] = {};
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

int state_lock(const char *directory, int *ret_fd, pid_t *ret_holder) {
        _cleanup_(freep) char *path = str_format("%s/lock", directory);
        _cleanup_(close_fd) int fd = -1;
        char text[32];
        int n;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK)
                        return -errno;
                *ret_holder = lock_holder(fd);
                return -EBUSY;
        }
        /* For people only: a disk that is full keeps nobody from the lock. */
        n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
        if (ftruncate(fd, 0) == 0)
                (void)!pwrite(fd, text, (size_t)n, 0);
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static uint32_t big_endian(const unsigned char *bytes) {
        return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* SQLite itself would roll a foreign file's journal back before it tells whose it is. */
int state_file_look(const char *path, StateFileKind *ret_kind, uint32_t *ret_version) {
        _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        unsigned char header[100];
        struct stat st;
        ssize_t n;

        *ret_version = 0;
        *ret_kind = STATE_FILE_ABSENT;
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        *ret_kind = STATE_FILE_FOREIGN;
        if (!S_ISREG(st.st_mode))
                return 0;
        n = pread(fd, header, sizeof(header), 0);
        if (n < 0)
                return -errno;
        if (n < (ssize_t)sizeof(header) || memcmp(header, "SQLite format 3", 16) != 0)
                *ret_kind = STATE_FILE_DAMAGED;
        else if (big_endian(header + 68) == STATE_APPLICATION_ID) {
                *ret_kind = STATE_FILE_OURS;
                *ret_version = big_endian(header + 60);
        }
        return 0;
}

static int rename_with(const char *from, const char *to, const char *suffix) {
        _cleanup_(freep) char *old = str_format("%s%s", from, suffix);
        _cleanup_(freep) char *new = str_format("%s%s", to, suffix);

        if (!old || !new)
                return -ENOMEM;
        return rename(old, new) < 0 && errno != ENOENT ? -errno : 0;
}

static void remove_with(const char *path, const char *suffix) {
        _cleanup_(freep) char *name = str_format("%s%s", path, suffix);

        if (name)
                (void)unlink(name);
}

void state_file_remove(const char *path) {
        remove_with(path, "");
        for (size_t i = 0; i < ELEMENTS(companions); i++)
                remove_with(path, companions[i]);
}

static int is_aside(const struct dirent *entry) {
        const char *name = entry->d_name;
        size_t n = strlen(name);

        return str_starts_with(name, STATE_FILE ".corrupt-") && n > 0 && name[n - 1] == 'Z';
}

/* The names sort as their times do. */
static void remove_old(const char *directory) {
        struct dirent **entries;
        int n = scandir(directory, &entries, is_aside, alphasort);

        for (int i = 0; i < n; i++) {
                _cleanup_(freep) char *path = str_format("%s/%s", directory, entries[i]->d_name);

                if (path && i < n - ASIDE_MAX)
                        state_file_remove(path);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
}

static char *directory_of(const char *path) {
        return strndup(path, (size_t)(strrchr(path, '/') - path));
}

int state_file_set_aside(const char *path, usec_t now, char **ret_name) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;
        _cleanup_(freep) char *name = NULL, *directory = directory_of(path);
        int r;

        buffer_printf(&buffer, "%s.corrupt-", path);
        buffer_add_time(&buffer, now);
        name = buffer_take(&buffer);
        if (!name || !directory)
                return -ENOMEM;
        /* The log first: left alone, it would be applied to the next file of that name. */
        for (size_t i = 0; i < ELEMENTS(companions); i++) {
                r = rename_with(path, name, companions[i]);
                if (r < 0)
                        return r;
        }
        r = rename_with(path, name, "");
        if (r < 0)
                return r;
        remove_old(directory);
        *ret_name = TAKE(name);
        return 0;
}

static int sync_directory(const char *path) {
        _cleanup_(freep) char *directory = directory_of(path);
        _cleanup_(close_fd) int fd = -1;

        if (!directory)
                return -ENOMEM;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int state_file_publish(const char *path) {
        _cleanup_(freep) char *new = str_format("%s.new", path);

        if (!new)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTS(companions); i++)
                remove_with(path, companions[i]);
        if (rename(new, path) < 0)
                return -errno;
        return sync_directory(path);
}

bool state_has_room(const char *directory, uint64_t bytes) {
        struct statvfs st;

        return statvfs(directory, &st) == 0 && (uint64_t)st.f_bavail * st.f_frsize >= bytes;
}
