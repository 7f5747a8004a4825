/* What may be said of a conninfo without connecting: whether it can be used, and its harmless parts.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "conninfo.h"
#include "pgvigil/base/str.h"

static const char *const shown[] = {"service", "host", "hostaddr", "port", "dbname", "user"};

static int check(const char *conninfo, Parameters *parameters, char **ret_error) {
        if (str_is_empty(conninfo))
                return conninfo_fault(ret_error, "is empty");
        int r = conninfo_parse(conninfo, parameters, NULL, ret_error);
        if (r >= 0)
                r = conninfo_check_values(parameters, ret_error);
        if (r < 0 || parameters_get(parameters, "service"))
                return r; /* the service may say more: judged when it is used */
        return policy_apply(parameters, "pgvigil", ret_error);
}

char *pg_conninfo_check(const char *conninfo) {
        Parameters parameters = {};
        char *error = NULL;
        int r = check(conninfo, &parameters, &error);
        parameters_done(&parameters);
        return r == -ENOMEM && !error ? str_format("out of memory") : error;
}

int pg_conninfo_extras(const char *conninfo, char **ret_schema, char **ret_note) {
        UriExtras extras = {};
        Parameters parameters = {};
        _cleanup_(freep) char *error = NULL, *note = NULL;
        int r = conninfo_parse(conninfo, &parameters, &extras, &error);
        parameters_done(&parameters);
        if (r >= 0 && extras.dropped) {
                note = str_format("ignored, as only Prisma knows them: %s", extras.dropped);
                r = note ? 0 : -ENOMEM;
        }
        if (r >= 0) {
                *ret_schema = TAKE(extras.schema);
                *ret_note = TAKE(note);
                r = 0;
        }
        uri_extras_done(&extras);
        return r;
}

char *pg_conninfo_describe(const char *conninfo) {
        Parameters parameters = {};
        Buffer text = BUFFER_NULL;
        _cleanup_(freep) char *error = NULL;
        int r = conninfo_parse(conninfo ? conninfo : "", &parameters, NULL, &error);
        if (r >= 0)
                r = conninfo_check_values(&parameters, &error); /* a "port" may be a misread password */
        for (size_t i = 0; r >= 0 && i < ELEMENTS(shown); i++) {
                const char *value = parameters_get(&parameters, shown[i]);
                if (value)
                        buffer_printf(&text, "%s%s=%s", text.length > 0 ? " " : "", shown[i], value);
        }
        parameters_done(&parameters);
        if (r < 0)
                buffer_add(&text, "unusable conninfo");
        return buffer_take(&text);
}

char *pg_options_describe(const PgOptions *options) {
        Parameters parameters = {};
        _cleanup_(freep) char *error = NULL;
        Buffer text = BUFFER_NULL;
        Cause cause;

        if (conninfo_load(options, &parameters, &cause, &error) < 0)
                return NULL;
        for (size_t i = 0; i < parameters.count; i++)
                if (!strstr(parameters.keywords[i], "password"))
                        buffer_printf(&text, "%s=%s\n", parameters.keywords[i], parameters.values[i]);
        parameters_done(&parameters);
        return buffer_take(&text);
}

const char *pg_library_version(void) {
        static char text[32];
        snprintf(text, sizeof text, "%d.%d", PQlibVersion() / 10000, PQlibVersion() % 10000);
        return text;
}
