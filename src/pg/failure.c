/* Failure: see the header. The server's text and libpq's message are looked at, never shown.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "failure.h"

#include <errno.h>
#include <string.h>

#include "pgvigil/base/str.h"

#define ALNUM "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

typedef enum Naming { NAMES_NOTHING, NAMES_USER, NAMES_DATABASE } Naming;

typedef struct SqlstateRule {
        const char *sqlstate; /* or its class */
        Cause cause;
        const char *text;
        Naming naming; /* what stands in quotes between `text` and `rest` */
        const char *rest;
} SqlstateRule;

/* The first that fits counts. */
static const SqlstateRule sqlstate_rules[] = {
        {"08P01", CAUSE_REFUSED, "the server, or a pooler in front of it, refused the session"},
        {"28P01", CAUSE_AUTH, "login rejected for user", NAMES_USER},
        {"28", CAUSE_AUTH, "login from here not allowed for user", NAMES_USER},
        {"3D000", CAUSE_DATABASE, "database", NAMES_DATABASE, " does not exist"},
        {"42501", CAUSE_AUTH, "no CONNECT privilege on database", NAMES_DATABASE},
        {"53300", CAUSE_SLOTS, "the server has no free connection slot"},
        {"55000", CAUSE_DATABASE, "database", NAMES_DATABASE, " accepts no connections"},
        {"57014", CAUSE_TIMEOUT, "the first statement did not finish in time"},
        {"57P01", CAUSE_STARTING_UP, "the server is shutting down"},
        {"57P02", CAUSE_STARTING_UP, "the server is recovering from a crash"},
        {"57P03", CAUSE_STARTING_UP, "the server is starting up or shutting down"},
        {"", CAUSE_REFUSED, "the server refused the session"},
};

typedef struct ErrnoRule {
        int number;
        const char *text; /* stands before the peer */
} ErrnoRule;

static const ErrnoRule errno_rules[] = {
        {ECONNREFUSED, "connection refused by"}, {ENOENT, "no server listens on"},
        {EACCES, "no permission to connect to"}, {ECONNRESET, "connection reset by"},
        {EHOSTUNREACH, "no route to"},           {ENETUNREACH, "no route to"},
        {ETIMEDOUT, "no answer from"},
};

void failure_done(Failure *failure) {
        free(failure->text);
        *failure = (Failure){};
}

void failure_set(Failure *failure, Cause cause, const char *format, ...) {
        Buffer text = BUFFER_NULL;
        va_list arguments;
        va_start(arguments, format);
        buffer_vprintf(&text, format, arguments);
        va_end(arguments);
        free(failure->text);
        failure->text = buffer_take(&text);
        failure->cause = cause;
}

bool failure_find_sqlstate(const char *message, char ret[static 6]) {
        for (const char *line = message; *line;) {
                size_t length = strcspn(line, "\n");
                const char *code = line + length - 5;
                if (length > 8 && strspn(code, ALNUM) == 5 && strncmp(code - 3, ":  ", 3) == 0) {
                        memcpy(ret, code, 5);
                        ret[5] = 0;
                        return true;
                }
                line += length + (line[length] == '\n');
        }
        return false;
}

char *failure_peer(const char *host, const char *port) {
        if (str_is_empty(host))
                return str_format("the local socket");
        if (str_is_empty(port))
                port = "5432";
        if (*host == '/' || *host == '@')
                return str_format("%s/.s.PGSQL.%s", host, port);
        return str_format(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

void failure_of_sqlstate(const char *sqlstate, PGconn *pg, Failure *ret) {
        const SqlstateRule *rule = sqlstate_rules;
        while (!str_starts_with(sqlstate, rule->sqlstate))
                rule++;
        const char *name = rule->naming == NAMES_USER ? PQuser(pg) : PQdb(pg);
        if (rule->naming == NAMES_NOTHING)
                failure_set(ret, rule->cause, "%s (%s)", rule->text, sqlstate);
        else
                failure_set(ret, rule->cause, "%s \"%s\"%s (%s)", rule->text, name ? name : "",
                            rule->rest ? rule->rest : "", sqlstate);
        memmove(ret->sqlstate, sqlstate, sizeof ret->sqlstate);
}

/* libpq hides errno but prints its text, in the same locale as ours. */
static bool failure_of_errno(const char *message, const char *peer, Failure *ret) {
        for (size_t i = 0; i < ELEMENTS(errno_rules); i++) {
                if (!strstr(message, strerror(errno_rules[i].number)))
                        continue;
                failure_set(ret, errno_rules[i].number == ETIMEDOUT ? CAUSE_TIMEOUT : CAUSE_REFUSED, "%s %s",
                            errno_rules[i].text, peer);
                return true;
        }
        return false;
}

static bool wants_tls(const Parameters *parameters) {
        const char *mode = parameters_get(parameters, "sslmode");
        return str_equal(mode, "require") || str_starts_with(mode ? mode : "", "verify-");
}

static bool wants_role(const Parameters *parameters) {
        const char *role = parameters_get(parameters, "target_session_attrs");
        return role && !str_equal(role, "any") && !str_equal(role, "prefer-standby");
}

/* The server sent no SQLSTATE: what libpq was doing tells what went wrong. */
static void failure_of_stage(PGconn *pg, const AttemptTrace *trace, const char *peer, Failure *ret) {
        bool was_let_in = PQparameterStatus(pg, "server_version") != NULL;
        if (PQconnectionNeedsPassword(pg))
                failure_set(ret, CAUSE_AUTH, "%s wants a password for user \"%s\" and none is given", peer,
                            PQuser(pg));
        else if (trace->last == CONNECTION_SSL_STARTUP && wants_tls(trace->parameters) && !trace->peer_closed)
                failure_set(ret, CAUSE_TLS, "no TLS that satisfies sslmode=%s with %s",
                            parameters_get(trace->parameters, "sslmode"), peer);
        else if (was_let_in && wants_role(trace->parameters))
                failure_set(ret, CAUSE_ROLE, "%s is not what target_session_attrs=%s asks for", peer,
                            parameters_get(trace->parameters, "target_session_attrs"));
        else if (trace->last == CONNECTION_STARTED)
                failure_set(ret, CAUSE_REFUSED, "no connection to %s", peer);
        else
                failure_set(ret, CAUSE_REFUSED, "%s closed the connection or is no PostgreSQL server", peer);
}

void failure_of_attempt(PGconn *pg, const AttemptTrace *trace, Failure *ret) {
        const char *message = PQerrorMessage(pg);
        char sqlstate[6];
        if (failure_find_sqlstate(message, sqlstate)) {
                failure_of_sqlstate(sqlstate, pg, ret);
                return;
        }
        _cleanup_(freep) char *peer = failure_peer(PQhost(pg), PQport(pg));
        const char *shown = peer ? peer : "the server";
        if (trace->last == CONNECTION_STARTED && failure_of_errno(message, shown, ret))
                return;
        failure_of_stage(pg, trace, shown, ret);
}

Cause pg_lost_cause(const Outcome *outcome) {
        if (outcome->is_timeout)
                return CAUSE_TIMEOUT;
        return str_equal(outcome->sqlstate, "57P03") ? CAUSE_STARTING_UP : CAUSE_LOST;
}
