/* From a conninfo, a credential, a service file and the environment to Parameters under our rules.
 *
 * Every `ret_error` is an owned sentence for people, set with -EINVAL (cannot be used) or -EPERM
 * (would be unsafe). It may name parameters, files and lines, and never holds a value: libpq's own
 * messages quote pieces of passwords and are never used.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "parameters.h"
#include "pgvigil/base/macros.h"
#include "pgvigil/pg.h"

enum { CREDENTIAL_MAX = 4096, SERVICE_FILE_MAX = 65536 };

/* Sets *ret_error and returns -EINVAL; -ENOMEM when that fails. */
int conninfo_fault(char **ret_error, const char *format, ...) _printf_(2, 3);

/* Names an unknown parameter (with the nearest one), unless it may be a piece of a secret. */
int conninfo_unknown(const char *name, size_t length, bool may_be_secret, char **ret_error);
bool conninfo_is_known(const char *keyword);

/* What only Prisma's URLs have. */
typedef struct UriExtras {
        char *schema;  /* ?schema=, decoded; or NULL */
        char *dropped; /* "connection_limit, pool_timeout", or NULL */
} UriExtras;

void uri_extras_done(UriExtras *extras);

bool uri_is(const char *conninfo); /* postgresql://… or postgres://… */

/* The URI without what only Prisma knows; owned, wipe it. Refuses what libpq would misread. */
int uri_strip(const char *uri, UriExtras *extras, char **ret_uri, char **ret_error);

/* Keywords or URI alone: no service, no environment, no rules. `extras` may be NULL. */
int conninfo_parse(const char *conninfo, Parameters *ret, UriExtras *extras, char **ret_error);

/* Ports, numbers and words that libpq would find wrong only while it connects. */
int conninfo_check_values(const Parameters *parameters, char **ret_error);

/* Fills what is absent from the service that `service` names, and removes `service`. */
int service_merge(Parameters *parameters, bool use_environment, char **ret_error);

/* Fills what is absent from libpq's environment, so that our rules see it too. */
int environment_merge(Parameters *parameters);

/* Our rules: time, encoding, keepalives, TLS. -EPERM: a password would travel without TLS. */
int policy_apply(Parameters *parameters, const char *application_name, char **ret_error);
bool policy_is_local(const Parameters *parameters); /* every host is this machine */

/* All of the above for one attempt. *ret_cause goes with *ret_error. */
int conninfo_load(const PgOptions *options, Parameters *ret, Cause *ret_cause, char **ret_error);

/* Reads a small regular file without ever blocking; NUL-terminated, owned, wipe it. -EFBIG: larger
 * than `max`; -EINVAL: not a regular file, or it holds a NUL. */
int small_file_read(const char *path, size_t max, char **ret);
