/* Service file: our own small reader of pg_service.conf, so that its faults can be named without
 * its values. LDAP look-ups are not done: they block.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "conninfo.h"
#include "pgvigil/base/str.h"

/* libpq's SYSCONFDIR differs by distribution and cannot be asked for. */
static const char *const system_files[] = {
        "/etc/postgresql-common/pg_service.conf",
        "/etc/pg_service.conf",
        "/etc/sysconfig/pgsql/pg_service.conf",
};

typedef struct ServiceReader {
        const char *path, *service;
        unsigned line;
        bool in_group;
        bool found;
} ServiceReader;

static char *trim(char *text) {
        text += strspn(text, " \t\r\f\v");
        size_t length = strlen(text);
        while (length > 0 && strchr(" \t\r\f\v", text[length - 1]))
                text[--length] = 0;
        return text;
}

static int service_setting(ServiceReader *reader, char *line, Parameters *ret, char **ret_error) {
        char *equals = strchr(line, '=');
        if (!equals)
                return conninfo_fault(ret_error, "%s:%u: no \"=\" in a setting of the service", reader->path,
                                      reader->line);
        *equals = 0;
        if (str_equal(line, "service") || !conninfo_is_known(line))
                return conninfo_fault(ret_error, "%s:%u: a setting that libpq does not know", reader->path,
                                      reader->line);
        return parameters_default(ret, line, equals + 1);
}

static int service_line(ServiceReader *reader, char *line, Parameters *ret, char **ret_error) {
        reader->line++;
        line = trim(line);
        if (!*line || *line == '#')
                return 0;
        if (*line == '[') {
                size_t length = strlen(reader->service);
                reader->in_group = !reader->found && strncmp(line + 1, reader->service, length) == 0 &&
                                   line[length + 1] == ']';
                reader->found |= reader->in_group;
                return 0;
        }
        if (!reader->in_group)
                return 0;
        if (str_starts_with(line, "ldap"))
                return conninfo_fault(ret_error, "%s:%u: LDAP look-ups are not supported", reader->path,
                                      reader->line);
        return service_setting(reader, line, ret, ret_error);
}

/* 1: the service is in the file; 0: it is not, or there is no such file. */
static int service_read(const char *path, const char *service, Parameters *ret, char **ret_error) {
        _cleanup_(wipe_freep) char *text = NULL;
        int r = small_file_read(path, SERVICE_FILE_MAX, &text);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return conninfo_fault(ret_error, "the service file %s cannot be read: %s", path,
                                      strerror(-r));
        ServiceReader reader = {.path = path, .service = service};
        char *next = text;
        while (next) {
                char *line = strsep(&next, "\n");
                r = service_line(&reader, line, ret, ret_error);
                if (r < 0)
                        return r;
        }
        return reader.found;
}

/* The user's file: named by the settings, by the environment, or in the home directory. */
static char *user_file(const Parameters *parameters, bool use_environment) {
        const char *named = parameters_get(parameters, "servicefile");
        if (!named && use_environment)
                named = getenv("PGSERVICEFILE");
        const char *home = getenv("HOME");
        return !str_is_empty(named) ? strdup(named) : str_format("%s/.pg_service.conf", home ? home : "");
}

static int service_seek(const Parameters *given, bool use_environment, Parameters *ret, char **ret_error) {
        const char *service = parameters_get(given, "service");
        _cleanup_(freep) char *path = user_file(given, use_environment);
        if (!path)
                return -ENOMEM;
        int r = service_read(path, service, ret, ret_error);
        for (size_t i = 0; r == 0 && i < ELEMENTS(system_files); i++)
                r = service_read(system_files[i], service, ret, ret_error);
        if (r == 0)
                return conninfo_fault(ret_error, "the service \"%s\" is in no service file", service);
        return r < 0 ? r : 0;
}

int service_merge(Parameters *parameters, bool use_environment, char **ret_error) {
        if (!parameters_get(parameters, "service") && use_environment) {
                int r = parameters_set(parameters, "service", getenv("PGSERVICE"));
                if (r < 0)
                        return r;
        }
        if (!parameters_get(parameters, "service"))
                return 0;
        Parameters found = {};
        int r = service_seek(parameters, use_environment, &found, ret_error);
        for (size_t i = 0; r >= 0 && i < found.count; i++)
                r = parameters_default(parameters, found.keywords[i], found.values[i]);
        parameters_done(&found);
        if (r >= 0)
                r = parameters_set(parameters, "service", NULL);
        return r < 0 ? r : parameters_set(parameters, "servicefile", NULL);
}
