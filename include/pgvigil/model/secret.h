/* What looks like a secret: for refusing files that others may read, and for never showing it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

/* scheme://user:password@… */
bool url_holds_secret(const char *url);

/* The URL without user and password, whether a secret or not. Owned; NULL when out of memory. */
char *url_shown(const char *url);

/* password=…, sslpassword=…, also with blanks around the sign and as a URI's parameter. */
bool conninfo_holds_secret(const char *conninfo);
