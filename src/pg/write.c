/* A conninfo for a configuration file: what was said, and what a service file or libpq's environment said
 * of it. Never a secret.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <libpq-fe.h>
#include <string.h>

#include "conninfo.h"
#include "pgvigil/base/str.h"

/* Where and who, first. */
static const char *const leading[] = {"host", "hostaddr", "port", "dbname", "user", NULL};

/* policy_apply() sets them, whatever they are. */
static const char *const ours[] = {"application_name", "client_encoding", "connect_timeout",
                                   "fallback_application_name", NULL};

/* libpq marks what must not be shown. */
static bool is_secret(const PQconninfoOption *options, const char *keyword) {
        for (; options->keyword; options++)
                if (str_equal(options->keyword, keyword))
                        return strchr(options->dispchar, '*') != NULL;
        return true;
}

static void write_value(Buffer *out, const char *keyword, const char *value) {
        buffer_printf(out, "%s%s=", out->length > 0 ? " " : "", keyword);
        if (*value && !strpbrk(value, "'\\ \t\n\v\f\r")) {
                buffer_add(out, value);
                return;
        }
        buffer_add_char(out, '\'');
        for (; *value; value++) {
                if (*value == '\'' || *value == '\\')
                        buffer_add_char(out, '\\');
                buffer_add_char(out, *value);
        }
        buffer_add_char(out, '\'');
}

static int write_all(const Parameters *parameters, Buffer *out, bool *ret_left_out) {
        PQconninfoOption *options = PQconninfoParse("", NULL);
        if (!options)
                return -ENOMEM;
        bool left_out = false;
        for (size_t i = 0; leading[i]; i++) {
                const char *value = parameters_get(parameters, leading[i]);
                if (value)
                        write_value(out, leading[i], value);
        }
        for (size_t i = 0; i < parameters->count; i++) {
                const char *keyword = parameters->keywords[i];
                if (strv_contains((char *const *)leading, keyword) ||
                    strv_contains((char *const *)ours, keyword))
                        continue;
                if (is_secret(options, keyword))
                        left_out = true;
                else
                        write_value(out, keyword, parameters->values[i]);
        }
        PQconninfoFree(options);
        *ret_left_out = left_out;
        return 0;
}

/* libpq takes the name of the role, and for that the name of the system's user, which is another one for
 * the daemon: the database must not change with it. The role may, as `init` is run by an administrator. */
static int default_dbname(Parameters *parameters) {
        const char *user = parameters_get(parameters, "user");
        if (user || parameters_get(parameters, "dbname"))
                return parameters_default(parameters, "dbname", user);
        PQconninfoOption *options = PQconndefaults();
        if (!options)
                return -ENOMEM;
        int r = 0;
        for (PQconninfoOption *o = options; r >= 0 && o->keyword; o++)
                if (str_equal(o->keyword, "user"))
                        r = parameters_default(parameters, "dbname", o->val);
        PQconninfoFree(options);
        return r;
}

int pg_conninfo_write(const char *conninfo, bool use_environment, char **ret, bool *ret_left_out) {
        Parameters parameters = {};
        Buffer text = BUFFER_NULL;
        _cleanup_(freep) char *error = NULL;
        bool left_out = false;
        int r = conninfo_parse(conninfo, &parameters, NULL, &error);
        if (r >= 0)
                r = service_merge(&parameters, use_environment, &error);
        if (r >= 0 && use_environment)
                r = environment_merge(&parameters);
        if (r >= 0)
                r = default_dbname(&parameters);
        if (r >= 0)
                r = write_all(&parameters, &text, &left_out);
        parameters_done(&parameters);
        char *written = buffer_take(&text);
        if (r < 0 || !written) {
                free(written);
                return r < 0 ? r : -ENOMEM;
        }
        *ret = written;
        *ret_left_out = left_out;
        return 0;
}
