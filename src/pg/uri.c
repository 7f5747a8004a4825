/* URIs: what libpq would misread is refused, what only Prisma knows is taken out.
 *
 * libpq looks for "user:password@" only up to the first "/" and takes the first "@": a password
 * with a bare "/" or "@" in it would end up as host or database name, and in messages.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "conninfo.h"
#include "pgvigil/base/str.h"

/* Of Prisma's and of its drivers' parameters those that libpq has not. */
static const char *const prisma_parameters[] = {
        "connection_limit",
        "max_connection_lifetime",
        "max_idle_connection_lifetime",
        "pgbouncer",
        "pool_timeout",
        "schema",
        "single_use_connections",
        "socket_timeout",
        "sslaccept",
        "sslidentity",
        "statement_cache_size",
        NULL,
};

typedef struct UriPair {
        const char *name, *value; /* borrowed, not terminated */
        size_t name_length, value_length;
} UriPair;

bool uri_is(const char *conninfo) {
        return str_starts_with(conninfo, "postgresql://") || str_starts_with(conninfo, "postgres://");
}

void uri_extras_done(UriExtras *extras) {
        free(extras->schema);
        free(extras->dropped);
        *extras = (UriExtras){};
}

static int uri_check_percent(const char *uri, char **ret_error) {
        for (const char *p = uri; (p = strchr(p, '%')); p++)
                if (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]) ||
                    (p[1] == '0' && p[2] == '0'))
                        return conninfo_fault(ret_error,
                                              "a \"%%\" of the URI is not followed by two hex digits of a "
                                              "character; a \"%%\" itself is written %%25");
        return 0;
}

/* Behind "user:password@", or behind "://" when there is none. */
static const char *uri_host(const char *uri, bool *ret_has_user) {
        const char *p = strstr(uri, "://") + 3;
        size_t length = strcspn(p, "@/");
        *ret_has_user = p[length] == '@';
        return *ret_has_user ? p + length + 1 : p;
}

static int uri_check_shape(const char *uri, const char *host, bool has_user, char **ret_error) {
        size_t authority = strcspn(host, "/?");
        size_t before_query = strcspn(host, "?");
        if (memchr(host, '@', authority))
                return conninfo_fault(ret_error, "an \"@\" in the user name or password of the URI must be "
                                                 "written %%40");
        if (!has_user && memchr(host, '@', before_query))
                return conninfo_fault(ret_error, "a \"/\" in the user name or password of the URI must be "
                                                 "written %%2F");
        for (const char *p = uri; *p; p++)
                if ((unsigned char)*p <= ' ' || *p == 0x7f)
                        return conninfo_fault(ret_error, "the URI holds a space or a control character; a "
                                                         "space is written %%20");
        return 0;
}

/* Takes the next pair off *p; 0 at the end. */
static int uri_next_pair(const char **p, UriPair *ret) {
        if (!**p)
                return 0;
        size_t length = strcspn(*p, "&");
        const char *equals = memchr(*p, '=', length);
        if (!equals)
                return -EINVAL;
        ret->name = *p;
        ret->name_length = (size_t)(equals - *p);
        ret->value = equals + 1;
        ret->value_length = length - ret->name_length - 1;
        *p += length + ((*p)[length] == '&');
        return 1;
}

static int hex_digit(char c) {
        return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* The escapes were checked before. Owned; NULL when out of memory. */
static char *uri_decode(const char *text, size_t length) {
        char *decoded = malloc(length + 1);
        if (!decoded)
                return NULL;
        size_t n = 0;
        for (size_t i = 0; i < length; i++) {
                if (text[i] != '%' || i + 2 >= length) {
                        decoded[n++] = text[i];
                        continue;
                }
                decoded[n++] = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
                i += 2;
        }
        decoded[n] = 0;
        return decoded;
}

static int uri_note_dropped(UriExtras *extras, const char *name) {
        char *both = extras->dropped ? str_format("%s, %s", extras->dropped, name) : strdup(name);
        if (!both)
                return -ENOMEM;
        free(extras->dropped);
        extras->dropped = both;
        return 0;
}

/* 1: only Prisma knows it, and it is noted; 0: it stays. */
static int uri_take_extra(const char *name, const UriPair *pair, UriExtras *extras) {
        if (!strv_contains((char *const *)prisma_parameters, name))
                return 0;
        if (!str_equal(name, "schema")) {
                int r = uri_note_dropped(extras, name);
                return r < 0 ? r : 1;
        }
        if (extras->schema || pair->value_length == 0)
                return 1;
        extras->schema = uri_decode(pair->value, pair->value_length);
        return extras->schema ? 1 : -ENOMEM;
}

typedef struct UriFilter {
        UriExtras *extras;
        Buffer out; /* the URI up to its "?", then what is left of the query */
        bool has_pairs;
        bool may_be_secret; /* the query may be a piece of a password */
} UriFilter;

static int uri_filter_pair(UriFilter *filter, const UriPair *pair, char **ret_error) {
        _cleanup_(freep) char *name = uri_decode(pair->name, pair->name_length);
        if (!name)
                return -ENOMEM;
        int r = uri_take_extra(name, pair, filter->extras);
        if (r != 0)
                return r < 0 ? r : 0;
        if (!conninfo_is_known(name) && !str_equal(name, "ssl"))
                return conninfo_unknown(name, strlen(name), filter->may_be_secret, ret_error);
        buffer_add_char(&filter->out, filter->has_pairs ? '&' : '?');
        buffer_append(&filter->out, pair->name, (size_t)(pair->value + pair->value_length - pair->name));
        filter->has_pairs = true;
        return 0;
}

static int uri_filter_query(UriFilter *filter, const char *query, char **ret_error) {
        UriPair pair;
        for (;;) {
                int r = uri_next_pair(&query, &pair);
                if (r < 0)
                        return conninfo_fault(ret_error, "a parameter of the URI has no \"=\"");
                if (r == 0)
                        return 0;
                r = uri_filter_pair(filter, &pair, ret_error);
                if (r < 0)
                        return r;
        }
}

int uri_strip(const char *uri, UriExtras *extras, char **ret_uri, char **ret_error) {
        bool has_user;
        const char *host = uri_host(uri, &has_user);
        int r = uri_check_percent(uri, ret_error);
        if (r < 0)
                return r;
        r = uri_check_shape(uri, host, has_user, ret_error);
        if (r < 0)
                return r;
        const char *query = host + strcspn(host, "?");
        UriFilter filter = {.extras = extras, .may_be_secret = !has_user && strchr(query, '@')};
        buffer_append(&filter.out, uri, (size_t)(query - uri));
        r = *query ? uri_filter_query(&filter, query + 1, ret_error) : 0;
        char *text = buffer_take(&filter.out);
        if (r < 0 || !text) {
                wipe_free(text);
                return r < 0 ? r : -ENOMEM;
        }
        *ret_uri = text;
        return 0;
}
