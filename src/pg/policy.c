/* Policy: what every connection of ours carries, and when a password may travel.
 *
 *   host    | sslmode given      | password given | outcome
 *   --------+--------------------+----------------+---------------------------------------------
 *   local   | anything           | any            | as given, default prefer
 *   remote  | nothing            | any            | sslmode=require
 *   remote  | require or better  | any            | as given
 *   remote  | weaker             | yes            | refused
 *   remote  | weaker             | no             | as given, and no password file is read
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "conninfo.h"
#include "pgvigil/base/str.h"

/* Cannot exist, so that libpq finds no password in it; libpq would complain on stderr about a
 * device such as /dev/null itself. */
#define NO_PASSFILE "/dev/null/none"

typedef struct DefaultRule {
        const char *keyword, *value;
} DefaultRule;

static const DefaultRule default_rules[] = {
        {"channel_binding", "prefer"}, {"gssencmode", "disable"}, /* asking a KDC would block the loop */
        {"keepalives_count", "3"},     {"keepalives_idle", "10"},
        {"keepalives_interval", "5"},  {"tcp_user_timeout", "15000"}, /* milliseconds */
};

static bool is_local_host(const char *host) {
        struct in_addr v4;
        struct in6_addr v6;
        if (!*host || *host == '/' || *host == '@' || str_equal(host, "localhost"))
                return true;
        if (inet_pton(AF_INET, host, &v4) == 1)
                return (ntohl(v4.s_addr) >> 24) == 127;
        return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* An address, where there is one, says where the connection goes; the name is for TLS only. */
bool policy_is_local(const Parameters *parameters) {
        _cleanup_(strv_freep) char **hosts = NULL, **addresses = NULL;
        if (list_split(parameters_get(parameters, "host"), &hosts) < 0 ||
            list_split(parameters_get(parameters, "hostaddr"), &addresses) < 0)
                return false;
        size_t n_hosts = strv_length(hosts), n_addresses = strv_length(addresses);
        for (size_t i = 0; i < n_hosts || i < n_addresses; i++) {
                const char *address = i < n_addresses ? addresses[i] : "";
                if (!is_local_host(*address ? address : i < n_hosts ? hosts[i] : ""))
                        return false;
        }
        return true;
}

static int policy_tls(Parameters *parameters, char **ret_error) {
        if (policy_is_local(parameters))
                return parameters_default(parameters, "sslmode", "prefer");
        const char *mode = parameters_get(parameters, "sslmode");
        if (!mode)
                return parameters_set(parameters, "sslmode", "require");
        if (!str_equal(mode, "disable") && !str_equal(mode, "allow") && !str_equal(mode, "prefer"))
                return 0;
        if (!parameters_get(parameters, "password"))
                return parameters_set(parameters, "passfile", NO_PASSFILE);
        int r = conninfo_fault(
                ret_error,
                "sslmode=%s would send the password without TLS to a host that is not this one; "
                "use sslmode=require or better",
                mode);
        return r == -EINVAL ? -EPERM : r;
}

int policy_apply(Parameters *parameters, const char *application_name, char **ret_error) {
        int r = parameters_set(parameters, "application_name", application_name);
        if (r >= 0)
                r = parameters_set(parameters, "fallback_application_name", NULL);
        if (r >= 0)
                r = parameters_set(parameters, "client_encoding", "UTF8");
        if (r >= 0)
                r = parameters_set(parameters, "connect_timeout", NULL); /* our own deadline rules */
        for (size_t i = 0; r >= 0 && i < ELEMENTS(default_rules); i++)
                r = parameters_default(parameters, default_rules[i].keyword, default_rules[i].value);
        return r < 0 ? r : policy_tls(parameters, ret_error);
}
