/* Request: the guards in front of the handler, and the answer behind it.
 *
 * libmicrohttpd 0.9.75 lets through what a proxy in front may read otherwise: a body behind a
 * GET is executed as the next request, Transfer-Encoding beats Content-Length, two Hosts pass,
 * any method passes. So the first callback, when the headers are known, refuses all of that; a
 * refusal there makes the library close the connection after it, unread body or not. What
 * passes is answered in the last callback, which keeps the connection open.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "body.h"
#include "pgvigil/base/str.h"
#include "server.h"

#define POST_BODY_MAX 4096

#define ALLOW      "GET, HEAD, OPTIONS"
#define ALLOW_POST "GET, HEAD, OPTIONS, POST"

static const struct {
        unsigned code;
        const char *text;
} refusals[N_REFUSALS] = {
        [REFUSAL_METHOD] = {MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed"},
        [REFUSAL_CODING] = {MHD_HTTP_BAD_REQUEST, "no Transfer-Encoding is accepted"},
        [REFUSAL_LENGTH] = {MHD_HTTP_BAD_REQUEST, "more than one Content-Length"},
        [REFUSAL_BODY] = {MHD_HTTP_BAD_REQUEST, "no body is accepted"},
        [REFUSAL_HOST] = {MHD_HTTP_BAD_REQUEST, "exactly one Host is needed"},
        [REFUSAL_HEADER] = {MHD_HTTP_BAD_REQUEST, "a header's name holds a blank"},
        [REFUSAL_QUERY] = {MHD_HTTP_BAD_REQUEST, "the query cannot be read"},
        [REFUSAL_PATH] = {MHD_HTTP_NOT_FOUND, "not found"},
        [REFUSAL_INTERNAL] = {MHD_HTTP_INTERNAL_SERVER_ERROR, "internal error"},
};

static const char *allow(const HttpServer *server) {
        return server->options.allow_post ? ALLOW_POST : ALLOW;
}

int request_init(HttpServer *server) {
        const char *const method_headers[] = {"Allow", allow(server), NULL};
        for (Refusal i = REFUSAL_NONE + 1; i < N_REFUSALS; i++) {
                Buffer text = BUFFER_NULL;
                buffer_printf(&text, "{\"error\":\"%s\"}\n", refusals[i].text);
                int r = http_body_new(&text, "application/json", NULL,
                                      i == REFUSAL_METHOD ? method_headers : NULL, &server->refusals[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

void request_done(HttpServer *server) {
        for (size_t i = 0; i < N_REFUSALS; i++)
                server->refusals[i] = http_body_unref(server->refusals[i]);
}

static void take_host(Head *head, const char *value) {
        head->hosts++;
}

static void take_coding(Head *head, const char *value) {
        head->has_coding = true;
}

static void take_length(Head *head, const char *value) {
        head->lengths++;
        value += strspn(value, "0");
        head->has_body |= *value != '\0';
        head->has_large_body |= strlen(value) > 4 || strtoul(value, NULL, 10) > POST_BODY_MAX;
}

static void take_accept(Head *head, const char *value) {
        preferences_add_accept(&head->preferences, value);
}

static void take_accept_encoding(Head *head, const char *value) {
        preferences_add_encoding(&head->preferences, value);
}

static void take_authorization(Head *head, const char *value) {
        head->authorization = value;
}

static const struct {
        const char *name;
        size_t length;
        void (*take)(Head *head, const char *value);
} watched_headers[] = {
        {"Accept", 6, take_accept},
        {"Accept-Encoding", 15, take_accept_encoding},
        {"Authorization", 13, take_authorization},
        {"Content-Length", 14, take_length},
        {"Host", 4, take_host},
        {"Transfer-Encoding", 17, take_coding},
};

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                   const char *value, size_t value_size) {
        Head *head = cls;
        if (name_size == 0 || is_blank(name[0]) || is_blank(name[name_size - 1]))
                head->has_blank_name = true;
        for (size_t i = 0; i < ELEMENTS(watched_headers); i++)
                if (watched_headers[i].length == name_size && strcasecmp(watched_headers[i].name, name) == 0)
                        watched_headers[i].take(head, value ? value : "");
        return MHD_YES;
}

static bool is_post(const char *method) {
        return strcmp(method, "POST") == 0;
}

static bool method_is_allowed(const HttpServer *server, const char *method) {
        return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0 ||
               (server->options.allow_post && is_post(method));
}

static Refusal request_guard(const HttpServer *server, const Head *head, const char *method,
                             const char *version) {
        if (!method_is_allowed(server, method))
                return REFUSAL_METHOD;
        if (head->has_coding)
                return REFUSAL_CODING;
        if (head->lengths > 1)
                return REFUSAL_LENGTH;
        if (is_post(method) ? head->has_large_body : head->has_body)
                return REFUSAL_BODY;
        if (head->has_blank_name)
                return REFUSAL_HEADER;
        if (head->hosts > 1 || (head->hosts == 0 && strcmp(version, "HTTP/1.0") != 0))
                return REFUSAL_HOST;
        return REFUSAL_NONE;
}

/* MHD_NO closes the connection without an answer. */
static enum MHD_Result request_queue(HttpServer *server, Connection *connection, struct MHD_Connection *mhd,
                                     unsigned code, struct MHD_Response *response) {
        if (!response || MHD_queue_response(mhd, code, response) != MHD_YES)
                return MHD_NO;
        if (!connection->is_answering)
                server->answering++;
        connection->is_answering = true;
        return MHD_YES;
}

/* The plain shared response for GET and HEAD; its own one, with Allow, for the others. */
static enum MHD_Result request_respond(HttpServer *server, Connection *connection, struct MHD_Connection *mhd,
                                       const char *method, unsigned code, HttpBody *body) {
        if (method[0] == 'G' || method[0] == 'H')
                return request_queue(server, connection, mhd, code, body_response(body));
        struct MHD_Response *response = body_response_with_allow(body, allow(server), is_post(method));
        enum MHD_Result result = request_queue(server, connection, mhd, code, response);
        if (response)
                MHD_destroy_response(response);
        return result;
}

static Connection *connection_of(struct MHD_Connection *mhd) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd,
                                                                       MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        return info ? info->socket_context : NULL;
}

static enum MHD_Result request_begin(HttpServer *server, struct MHD_Connection *mhd, const char *method,
                                     const char *version, void **state) {
        Connection *connection = connection_of(mhd);
        if (!connection)
                return MHD_NO;
        connection->head = (Head){.preferences = PREFERENCES_NONE};
        *state = connection;
        MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_header, &connection->head);
        Refusal refusal = request_guard(server, &connection->head, method, version);
        if (refusal == REFUSAL_NONE)
                return MHD_YES;
        return request_queue(server, connection, mhd, refusals[refusal].code,
                             body_response(server->refusals[refusal]));
}

typedef struct QueryTake {
        Query *query;
        int error;
} QueryTake;

static enum MHD_Result take_parameter(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_size,
                                      const char *value, size_t value_size) {
        QueryTake *take = cls;
        take->error = query_add(take->query, key, value);
        return take->error == 0 ? MHD_YES : MHD_NO;
}

static Refusal request_ask(HttpServer *server, const HttpRequest *request, struct MHD_Connection *mhd,
                           unsigned *ret_code, HttpBody **ret_body) {
        if (strchr(request->path, '%'))
                return REFUSAL_PATH;
        QueryTake take = {.query = &server->query};
        query_clear(take.query);
        MHD_get_connection_values_n(mhd, MHD_GET_ARGUMENT_KIND, take_parameter, &take);
        if (take.error < 0)
                return REFUSAL_QUERY;
        int r = server->options.handler(server->options.userdata, request, ret_code, ret_body);
        return r < 0 || !*ret_body ? REFUSAL_INTERNAL : REFUSAL_NONE;
}

static enum MHD_Result request_answer(HttpServer *server, Connection *connection, struct MHD_Connection *mhd,
                                      const char *path, const char *method) {
        const HttpRequest request = {
                .method = method,
                .path = path,
                .accepts_gzip = preferences_gzip(&connection->head.preferences),
                .accepts_openmetrics = preferences_openmetrics(&connection->head.preferences),
                .authorization = connection->head.authorization,
                .handle = &server->query,
        };
        unsigned code = MHD_HTTP_OK;
        _cleanup_(http_body_unrefp) HttpBody *body = NULL;
        Refusal refusal = request_ask(server, &request, mhd, &code, &body);
        if (refusal != REFUSAL_NONE)
                return request_respond(server, connection, mhd, method, refusals[refusal].code,
                                       server->refusals[refusal]);
        return request_respond(server, connection, mhd, method, code, body);
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd, const char *path, const char *method,
                               const char *version, const char *upload, size_t *upload_size, void **state) {
        HttpServer *server = cls;
        Connection *connection = *state;
        if (!connection)
                return request_begin(server, mhd, method, version, state);
        if (*upload_size > 0) { /* of a POST: small, and nobody asks for it */
                *upload_size = 0;
                return MHD_YES;
        }
        return request_answer(server, connection, mhd, path, method);
}

void request_completed(void *cls, struct MHD_Connection *mhd, void **state,
                       enum MHD_RequestTerminationCode code) {
        Connection *connection = *state;
        *state = NULL;
        if (connection)
                server_connection_rests(cls, connection);
}
