/* Values of a conninfo that libpq would find wrong only while it connects. Names the parameter and
 * what it may be, never what it is.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "conninfo.h"
#include "pgvigil/base/str.h"

typedef struct WordRule {
        const char *keyword;
        const char *words; /* comma list */
} WordRule;

static const WordRule word_rules[] = {
        {"channel_binding", "disable,prefer,require"},
        {"gssencmode", "disable,prefer,require"},
        {"load_balance_hosts", "disable,random"},
        {"sslmode", "disable,allow,prefer,require,verify-ca,verify-full"},
        {"target_session_attrs", "any,read-write,read-only,primary,standby,prefer-standby"},
};

static const char *const number_rules[] = {
        "connect_timeout", "keepalives",          "keepalives_count",
        "keepalives_idle", "keepalives_interval", "tcp_user_timeout",
};

static bool is_number(const char *text) {
        size_t digits = strspn(text, "0123456789");
        return digits > 0 && digits <= 9 && !text[digits];
}

static int check_words(const Parameters *parameters, char **ret_error) {
        for (size_t i = 0; i < ELEMENTS(word_rules); i++) {
                const char *value = parameters_get(parameters, word_rules[i].keyword);
                _cleanup_(strv_freep) char **words = NULL;
                int r = value ? list_split(word_rules[i].words, &words) : 0;
                if (r < 0)
                        return r;
                if (value && !strv_contains(words, value))
                        return conninfo_fault(ret_error, "\"%s\" must be one of %s", word_rules[i].keyword,
                                              word_rules[i].words);
        }
        return 0;
}

static int check_numbers(const Parameters *parameters, char **ret_error) {
        for (size_t i = 0; i < ELEMENTS(number_rules); i++) {
                const char *value = parameters_get(parameters, number_rules[i]);
                if (value && !is_number(value))
                        return conninfo_fault(ret_error, "\"%s\" must be a whole number", number_rules[i]);
        }
        return 0;
}

static int check_ports(char *const *ports, char **ret_error) {
        for (; *ports; ports++) {
                unsigned long port = **ports ? strtoul(*ports, NULL, 10) : 5432;
                if (**ports && (!is_number(*ports) || port < 1 || port > 65535))
                        return conninfo_fault(ret_error, "\"port\" must be a number from 1 to 65535");
        }
        return 0;
}

/* host, hostaddr and port are lists in step; a single port goes for every host. */
static int check_lists(const Parameters *parameters, char **ret_error) {
        const char *host = parameters_get(parameters, "host");
        const char *address = parameters_get(parameters, "hostaddr");
        _cleanup_(strv_freep) char **hosts = NULL, **addresses = NULL, **ports = NULL;
        int r = list_split(host, &hosts);
        if (r >= 0)
                r = list_split(address, &addresses);
        if (r >= 0)
                r = list_split(parameters_get(parameters, "port"), &ports);
        if (r < 0)
                return r;
        if (host && address && strv_length(hosts) != strv_length(addresses))
                return conninfo_fault(ret_error, "\"host\" and \"hostaddr\" list different numbers of hosts");
        size_t n = strv_length(host ? hosts : addresses);
        if (strv_length(ports) != 1 && strv_length(ports) != n)
                return conninfo_fault(ret_error,
                                      "\"port\" lists another number of ports than there are hosts");
        return check_ports(ports, ret_error);
}

int conninfo_check_values(const Parameters *parameters, char **ret_error) {
        if (parameters_get(parameters, "replication"))
                return conninfo_fault(ret_error, "\"replication\" cannot be used here");
        int r = check_words(parameters, ret_error);
        if (r >= 0)
                r = check_numbers(parameters, ret_error);
        if (r >= 0)
                r = check_lists(parameters, ret_error);
        return r;
}
