/* Reading of migrations directories: names, digests of the files, the provider.
 *
 * Immediate subdirectories only; a symbolic link to a directory is none, as for Prisma itself.
 * Everything is bounded, and nothing is opened that could block for ever: a FIFO or a device in
 * the place of a file is unreadable. Runs on a worker's thread and touches nothing but its result.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void closep(int *fd) {
        if (*fd >= 0)
                (void)close(*fd);
}

static void closedirp(DIR **directory) {
        if (*directory)
                (void)closedir(*directory);
}

void disk_done(Disk *disk) {
        for (size_t i = 0; i < disk->n_entries; i++)
                free(disk->entries[i].name);
        free(disk->entries);
        free(disk->provider);
        *disk = (Disk){};
}

Gathered *gathered_free(Gathered *gathered) {
        if (!gathered)
                return NULL;
        for (size_t i = 0; i < N_FRAMEWORKS; i++)
                disk_done(&gathered->disks[i]);
        free(gathered);
        return NULL;
}

int gathered_new(const MigrationSettings *settings, Gathered **ret) {
        _cleanup_(gathered_freep) Gathered *gathered = calloc(1, sizeof(*gathered));
        int r;

        if (!gathered)
                return -ENOMEM;
        for (size_t i = 0; i < N_FRAMEWORKS; i++) {
                if (str_is_empty(settings->directory) ||
                    !framework_is_wanted(migration_frameworks[i], settings))
                        continue;
                r = disk_read(migration_frameworks[i], settings->directory, &gathered->disks[i]);
                if (r < 0)
                        return r;
                gathered->is_read[i] = true;
        }
        *ret = TAKE(gathered);
        return 0;
}

/* Appends at most `limit` bytes of a regular file. 0, -EFBIG, or why it cannot be read. */
static int file_read(int directory_fd, const char *path, size_t limit, Buffer *out) {
        _cleanup_(closep) int fd = openat(directory_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        char chunk[16384];
        struct stat st;
        ssize_t n;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;

        while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (out->length + (size_t)n > limit)
                        return -EFBIG;
                buffer_append(out, chunk, (size_t)n);
        }
        return buffer_error(out);
}

static void add_with_line_ends(const Buffer *in, const char *line_end, Buffer *out) {
        const char *text = buffer_text(in), *end = text + in->length;

        while (text < end) {
                const char *stop = memchr(text, '\n', (size_t)(end - text));

                if (!stop) {
                        buffer_append(out, text, (size_t)(end - text));
                        return;
                }
                buffer_append(out, text, (size_t)(stop - text) - (stop > text && stop[-1] == '\r'));
                buffer_add(out, line_end);
                text = stop + 1;
        }
}

static int digests_make(DigestKind kind, const Buffer *content, FileDigests ret) {
        static const char *const line_ends[N_FILE_VARIANTS] = {[FILE_LF] = "\n", [FILE_CRLF] = "\r\n"};
        int r = digest_hex(kind, buffer_text(content), content->length, ret[FILE_AS_IS]);

        for (size_t i = FILE_LF; r >= 0 && i < N_FILE_VARIANTS; i++) {
                _cleanup_(buffer_done) Buffer variant = BUFFER_NULL;

                add_with_line_ends(content, line_ends[i], &variant);
                r = buffer_error(&variant);
                if (r >= 0)
                        r = digest_hex(kind, buffer_text(&variant), variant.length, ret[i]);
        }
        return r;
}

/* The file of one migration, into entry->error and its digests. */
static int entry_read(const MigrationFramework *framework, int directory_fd, const char *name, size_t *total,
                      DiskEntry *entry) {
        _cleanup_(buffer_done) Buffer content = BUFFER_NULL;
        _cleanup_(freep) char *path = str_format("%s/%s", name, framework->file);

        if (!path)
                return -ENOMEM;
        entry->error = *total >= DISK_TOTAL_MAX ? -EFBIG
                                                : file_read(directory_fd, path, DISK_FILE_MAX, &content);
        *total += content.length;
        if (entry->error == 0)
                entry->error = digests_make(framework->digest, &content, entry->digests);
        return entry->error == -ENOMEM ? -ENOMEM : 0;
}

static bool is_directory(int directory_fd, const struct dirent *item) {
        struct stat st;

        if (str_equal(item->d_name, ".") || str_equal(item->d_name, ".."))
                return false;
        if (item->d_type != DT_UNKNOWN)
                return item->d_type == DT_DIR;
        return fstatat(directory_fd, item->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* A zeroed entry with its name; NULL when out of memory. */
static DiskEntry *disk_add(Disk *disk, const char *name) {
        _cleanup_(buffer_done) Buffer clean = BUFFER_NULL;

        if (disk->n_entries == disk->allocated) {
                size_t allocated = disk->allocated ? 2 * disk->allocated : 32;
                DiskEntry *entries = reallocarray(disk->entries, allocated, sizeof(*entries));

                if (!entries)
                        return NULL;
                disk->entries = entries;
                disk->allocated = allocated;
        }
        buffer_add_utf8(&clean, name, strlen(name));
        disk->entries[disk->n_entries] = (DiskEntry){.name = buffer_take(&clean)};
        return disk->entries[disk->n_entries].name ? &disk->entries[disk->n_entries++] : NULL;
}

static int entries_read(const MigrationFramework *framework, DIR *directory, Disk *disk) {
        struct dirent *item;
        size_t total = 0;
        int r = 0;

        while (r >= 0 && (errno = 0, item = readdir(directory))) {
                DiskEntry *entry;

                if (!is_directory(dirfd(directory), item))
                        continue;
                if (disk->n_entries == DISK_ENTRIES_MAX) {
                        disk->error = -EFBIG;
                        return 0;
                }
                entry = disk_add(disk, item->d_name);
                r = entry ? entry_read(framework, dirfd(directory), item->d_name, &total, entry) : -ENOMEM;
        }
        if (r >= 0 && errno > 0)
                disk->error = -errno;
        return r;
}

/* provider = "postgresql": the first line that begins so; the tool reads no more of TOML either. */
static int provider_read(const MigrationFramework *framework, int directory_fd, Disk *disk) {
        _cleanup_(buffer_done) Buffer content = BUFFER_NULL;
        const char *line, *value;
        size_t length;

        if (!framework->lock_file || file_read(directory_fd, framework->lock_file, 65536, &content) < 0)
                return 0;
        for (line = buffer_text(&content); line; line = (line = strchr(line, '\n')) ? line + 1 : NULL) {
                if (!str_starts_with(line, "provider"))
                        continue;
                value = line + strlen("provider");
                value += strspn(value, " \t=\"'");
                length = strcspn(value, " \t\"'\r\n#");
                disk->provider = strndup(value, length < 64 ? length : 64);
                return disk->provider ? 0 : -ENOMEM;
        }
        return 0;
}

static int entry_compare(const void *a, const void *b) {
        return strcmp(((const DiskEntry *)a)->name, ((const DiskEntry *)b)->name);
}

int disk_read(const MigrationFramework *framework, const char *path, Disk *ret) {
        _cleanup_(disk_done) Disk disk = {};
        _cleanup_(closedirp) DIR *directory = opendir(path);
        int r;

        if (!directory)
                disk.error = -errno;
        else {
                r = entries_read(framework, directory, &disk);
                if (r >= 0)
                        r = provider_read(framework, dirfd(directory), &disk);
                if (r < 0)
                        return r;
        }
        if (disk.n_entries > 0)
                qsort(disk.entries, disk.n_entries, sizeof(*disk.entries), entry_compare);
        *ret = disk;
        disk = (Disk){};
        return 0;
}
