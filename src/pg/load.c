/* Load: everything that makes the Parameters of one attempt, in order. The credential is read anew
 * each time, so that a rotated password is found without a restart.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conninfo.h"
#include "pgvigil/base/str.h"

static void closep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

/* Up to `size` bytes, however the file answers; the count or -errno. */
static ssize_t read_all(int fd, char *bytes, size_t size) {
        size_t n = 0;
        while (n < size) {
                ssize_t got = read(fd, bytes + n, size - n);
                if (got == 0)
                        break;
                if (got < 0 && errno != EINTR)
                        return -errno;
                if (got > 0)
                        n += (size_t)got;
        }
        return (ssize_t)n;
}

static int read_text(int fd, size_t max, char *text) {
        ssize_t n = read_all(fd, text, max + 1);
        if (n < 0)
                return (int)n;
        if ((size_t)n > max)
                return -EFBIG;
        text[n] = 0;
        return strlen(text) == (size_t)n ? 0 : -EINVAL;
}

int small_file_read(const char *path, size_t max, char **ret) {
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        char *text = malloc(max + 2);
        if (!text)
                return -ENOMEM;
        int r = read_text(fd, max, text);
        if (r < 0) {
                explicit_bzero(text, max + 2);
                free(text);
                return r;
        }
        *ret = text;
        return 0;
}

static int credential_read(const char *path, char **ret, char **ret_error) {
        _cleanup_(wipe_freep) char *text = NULL;
        int r = small_file_read(path, CREDENTIAL_MAX, &text);
        if (r == -ENOMEM)
                return r;
        if (r == -EINVAL || r == -EFBIG)
                return conninfo_fault(ret_error, "the credential %s is no text file of at most %d bytes",
                                      path, CREDENTIAL_MAX);
        if (r < 0)
                return conninfo_fault(ret_error, "the credential %s cannot be read: %s", path, strerror(-r));
        size_t length = strlen(text);
        if (length > 0 && text[length - 1] == '\n')
                text[length - 1] = 0;
        if (!*text)
                return conninfo_fault(ret_error, "the credential %s is empty", path);
        *ret = TAKE(text);
        return 0;
}

int environment_merge(Parameters *parameters) {
        PQconninfoOption *known = PQconninfoParse("", NULL);
        if (!known)
                return -ENOMEM;
        int r = 0;
        for (PQconninfoOption *o = known; r >= 0 && o->keyword; o++)
                if (o->envvar && !str_equal(o->keyword, "service"))
                        r = parameters_default(parameters, o->keyword, getenv(o->envvar));
        PQconninfoFree(known);
        return r;
}

/* A credential is read anew at each attempt, what is watched is not: another schema than the one that
 * it asks for would be green. */
static int check_schema(const PgOptions *options, const UriExtras *extras, char **ret_error) {
        if (!options->credential_path || !options->schemas || !extras->schema ||
            strv_contains(options->schemas, extras->schema))
                return 0;
        return conninfo_fault(ret_error,
                              "the credential %s asks with ?schema= for a schema that is not watched: set "
                              "\"schemas\" of this target to it",
                              options->credential_path);
}

static int parse(const PgOptions *options, const char *conninfo, Parameters *ret, char **ret_error) {
        UriExtras extras = {};
        int r = conninfo_parse(conninfo ? conninfo : "", ret, &extras, ret_error);
        if (r >= 0)
                r = check_schema(options, &extras, ret_error);
        uri_extras_done(&extras);
        return r;
}

static int load(const PgOptions *options, Parameters *ret, char **ret_error) {
        _cleanup_(wipe_freep) char *credential = NULL;
        int r = 0;
        if (options->credential_path)
                r = credential_read(options->credential_path, &credential, ret_error);
        if (r < 0)
                return r;
        const char *conninfo = credential ? credential : options->conninfo;
        r = parse(options, conninfo, ret, ret_error);
        if (r >= 0)
                r = service_merge(ret, options->use_environment, ret_error);
        if (r >= 0 && options->use_environment)
                r = environment_merge(ret);
        if (r >= 0)
                r = conninfo_check_values(ret, ret_error);
        return r < 0 ? r : policy_apply(ret, options->application_name, ret_error);
}

int conninfo_load(const PgOptions *options, Parameters *ret, Cause *ret_cause, char **ret_error) {
        Parameters parameters = {};
        int r = load(options, &parameters, ret_error);
        if (r < 0) {
                parameters_done(&parameters);
                *ret_cause = r == -EPERM ? CAUSE_TLS : CAUSE_CONFIG;
                return r;
        }
        *ret = parameters;
        return 0;
}
