/* What looks like a secret. When in doubt it is one: a private file is never wrong.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/secret.h"

#include <string.h>

#include "pgvigil/base/str.h"

/* scheme://user:password@… */
bool url_holds_secret(const char *url) {
        const char *authority = strstr(url, "://"), *at, *colon;

        if (!authority)
                return false;
        authority += 3;
        at = strrchr(authority, '@');
        colon = strchr(authority, ':');
        return at && colon && colon < at;
}

char *url_shown(const char *url) {
        const char *authority = strstr(url, "://"), *end, *at;

        if (!authority)
                return strdup(url);
        authority += strlen("://");
        end = authority + strcspn(authority, "/?#");
        at = memrchr(authority, '@', (size_t)(end - authority));
        return str_format("%.*s%s", (int)(authority - url), url, at ? at + 1 : authority);
}

/* password=…, sslpassword=…, also with blanks around the sign and as a URI's parameter. */
bool conninfo_holds_secret(const char *conninfo) {
        const char *at = conninfo;

        while ((at = strcasestr(at, "password"))) {
                at += strlen("password");
                at += strspn(at, " \t\r\n");
                if (*at == '=')
                        return true;
        }
        return url_holds_secret(conninfo);
}
