/* Conninfo: keywords or a URI to Parameters, with faults named by us.
 *
 * libpq parses; this file walks the same text first, because libpq's messages quote pieces of the
 * text that may be pieces of a password ("password=my secret" complains about "secret").
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "conninfo.h"

#include <errno.h>
#include <libpq-fe.h>
#include <string.h>

#include "pgvigil/base/str.h"

#define BLANKS " \t\n\v\f\r"

int conninfo_fault(char **ret_error, const char *format, ...) {
        Buffer text = BUFFER_NULL;
        va_list arguments;
        va_start(arguments, format);
        buffer_vprintf(&text, format, arguments);
        va_end(arguments);
        char *sentence = buffer_take(&text);
        if (!sentence)
                return -ENOMEM;
        free(*ret_error);
        *ret_error = sentence;
        return -EINVAL;
}

/* libpq's own list, with no value in it. */
static PQconninfoOption *known_options(void) {
        return PQconninfoParse("", NULL);
}

static void options_free(PQconninfoOption *options) {
        for (PQconninfoOption *o = options; o && o->keyword; o++)
                if (o->val)
                        explicit_bzero(o->val, strlen(o->val));
        PQconninfoFree(options);
}

static void options_freep(PQconninfoOption **options) {
        options_free(*options);
}

bool conninfo_is_known(const char *keyword) {
        _cleanup_(options_freep) PQconninfoOption *options = known_options();
        for (PQconninfoOption *o = options; o && o->keyword; o++)
                if (str_equal(o->keyword, keyword))
                        return true;
        return false;
}

static int nearest_known(const char *name, char **ret) {
        _cleanup_(options_freep) PQconninfoOption *options = known_options();
        _cleanup_(strv_freep) char **names = NULL;
        for (PQconninfoOption *o = options; o && o->keyword; o++) {
                int r = strv_add(&names, o->keyword);
                if (r < 0)
                        return r;
        }
        const char *nearest = str_nearest(name, (const char *const *)names);
        return str_set(ret, nearest);
}

static bool looks_like_a_name(const char *name, size_t length) {
        return length > 0 && length <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz_") >= length;
}

int conninfo_unknown(const char *name, size_t length, bool may_be_secret, char **ret_error) {
        if (may_be_secret || !looks_like_a_name(name, length))
                return conninfo_fault(ret_error,
                                      "holds a parameter that libpq does not know; a value that has "
                                      "spaces is written in quotes, as in password='…'");
        _cleanup_(freep) char *copy = strndup(name, length);
        _cleanup_(freep) char *nearest = NULL;
        int r = copy ? nearest_known(copy, &nearest) : -ENOMEM;
        if (r < 0)
                return r;
        if (nearest)
                return conninfo_fault(ret_error, "unknown parameter \"%s\"; did you mean \"%s\"?", copy,
                                      nearest);
        return conninfo_fault(ret_error, "unknown parameter \"%s\"", copy);
}

/* Behind the value that begins at `p`, as libpq reads it; NULL: its quote does not end. */
static const char *value_end(const char *p) {
        char quote = *p == '\'' ? *p++ : 0;
        while (*p && (quote ? *p != quote : !strchr(BLANKS, *p)))
                p += 1 + (p[0] == '\\' && p[1]);
        if (!quote)
                return p;
        return *p ? p + 1 : NULL;
}

static int check_keyword(const char *name, size_t length, bool *after_secret, char **ret_error) {
        _cleanup_(freep) char *copy = strndup(name, length);
        if (!copy)
                return -ENOMEM;
        if (!conninfo_is_known(copy))
                return conninfo_unknown(name, length, *after_secret, ret_error);
        *after_secret |= str_equal(copy, "password") || str_equal(copy, "sslpassword");
        return 0;
}

static int check_keywords(const char *p, char **ret_error) {
        bool after_secret = false;
        for (p += strspn(p, BLANKS); *p; p += strspn(p, BLANKS)) {
                const char *name = p;
                size_t length = strcspn(p, "=" BLANKS);
                p += length;
                p += strspn(p, BLANKS);
                if (*p++ != '=')
                        return conninfo_fault(ret_error,
                                              "a parameter has no \"=\"; a value that has spaces is "
                                              "written in quotes, as in password='…'");
                int r = check_keyword(name, length, &after_secret, ret_error);
                if (r < 0)
                        return r;
                p += strspn(p, BLANKS);
                p = value_end(p);
                if (!p)
                        return conninfo_fault(ret_error, "a quoted value does not end");
        }
        return 0;
}

static int parse_with_libpq(const char *text, Parameters *ret, char **ret_error) {
        _cleanup_(options_freep) PQconninfoOption *options = PQconninfoParse(text, NULL);
        if (!options)
                return conninfo_fault(ret_error, "is neither keywords (\"host=… dbname=…\") nor a URI "
                                                 "(\"postgresql://…\") that libpq can read");
        for (PQconninfoOption *o = options; o->keyword; o++) {
                int r = parameters_set(ret, o->keyword, o->val);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_uri(const char *uri, Parameters *ret, UriExtras *extras, char **ret_error) {
        _cleanup_(wipe_freep) char *stripped = NULL;
        int r = uri_strip(uri, extras, &stripped, ret_error);
        return r < 0 ? r : parse_with_libpq(stripped, ret, ret_error);
}

/* libpq would take it for the name of a database, and name it in messages. */
static int check_dbname(const Parameters *parameters, char **ret_error) {
        const char *dbname = parameters_get(parameters, "dbname");
        if (!dbname || (!uri_is(dbname) && !strstr(dbname, "password")))
                return 0;
        return conninfo_fault(ret_error, "\"dbname\" holds a whole conninfo; give that alone");
}

int conninfo_parse(const char *conninfo, Parameters *ret, UriExtras *extras, char **ret_error) {
        UriExtras unwanted = {};
        int r;
        if (uri_is(conninfo)) {
                r = parse_uri(conninfo, ret, extras ? extras : &unwanted, ret_error);
        } else {
                r = check_keywords(conninfo, ret_error);
                if (r >= 0)
                        r = parse_with_libpq(conninfo, ret, ret_error);
        }
        uri_extras_done(&unwanted);
        return r < 0 ? r : check_dbname(ret, ret_error);
}
