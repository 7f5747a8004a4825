/* The guard in front of the file. It opens nothing that could block, exhaust memory or was
 * written by somebody else; it knows nothing of what is in the file.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(const int *fd) {
        if (*fd >= 0)
                (void)close(*fd);
}

static int refuse(Problems *problems, const char *path, const char *text) {
        problems_add(problems, path, 0, "%s", text);
        return -EINVAL;
}

static int refuse_errno(Problems *problems, const char *path, const char *what, int error) {
        problems_add(problems, path, 0, "%s: %s", what, strerror(error));
        return -EINVAL;
}

/* Who may have written it, and whether reading it ends. */
static int check_stat(const char *path, const struct stat *st, Problems *problems) {
        if (!S_ISREG(st->st_mode))
                return refuse(problems, path, "is no regular file");
        if (st->st_size > CONFIG_FILE_MAX)
                return refuse(problems, path, "is larger than 1 MiB");
        /* Root too: what it opens and where it connects would be another user's choice. */
        if (st->st_uid != 0 && st->st_uid != geteuid())
                return refuse(problems, path,
                              "belongs neither to root nor to the user that runs pgvigil: chown root it, or "
                              "run pgvigil as the user that owns it");
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                return refuse(problems, path, "can be written by others than its owner: chmod go-w it");
        return 0;
}

static int read_all(int fd, const char *path, Problems *problems, Buffer *ret) {
        char chunk[16384];

        for (;;) {
                ssize_t n;

                n = read(fd, chunk, sizeof(chunk));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return refuse_errno(problems, path, "cannot be read", errno);
                if (n == 0)
                        return buffer_error(ret);
                buffer_append(ret, chunk, (size_t)n);
                if (ret->length > CONFIG_FILE_MAX)
                        return refuse(problems, path, "is larger than 1 MiB");
        }
}

int config_file_read(const char *path, Problems *problems, Buffer *ret, bool *ret_exposed) {
        _cleanup_(close_fd) int fd = -1;
        struct stat st;
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return refuse_errno(problems, path, "cannot be opened", errno);
        if (fstat(fd, &st) < 0)
                return refuse_errno(problems, path, "cannot be examined", errno);
        r = check_stat(path, &st, problems);
        if (r < 0)
                return r;
        r = read_all(fd, path, problems, ret);
        if (r < 0)
                return r;
        /* root:pgvigil 0640 is how a service's file is given to its user. */
        *ret_exposed = st.st_mode & (st.st_uid == 0 ? S_IROTH : S_IRGRP | S_IROTH);
        return 0;
}
