/* Server: what its two files share. server.c turns the loop, request.c answers.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

#include <microhttpd.h>

#include "accept.h"
#include "pgvigil/http.h"
#include "query.h"

typedef struct sd_event_source sd_event_source;

typedef enum Refusal {
        REFUSAL_NONE,
        REFUSAL_METHOD,
        REFUSAL_CODING,
        REFUSAL_LENGTH,
        REFUSAL_BODY,
        REFUSAL_HOST,
        REFUSAL_HEADER,
        REFUSAL_QUERY,
        REFUSAL_PATH,
        REFUSAL_INTERNAL,
        N_REFUSALS,
} Refusal;

/* What is kept of a request's headers, from its first callback to its last. */
typedef struct Head {
        unsigned hosts, lengths;
        bool has_coding;     /* any Transfer-Encoding */
        bool has_blank_name; /* "Content-Length : 5" */
        bool has_body;       /* a Content-Length that is not 0 */
        bool has_large_body; /* … and above what a POST may carry */
        Preferences preferences;
        const char *authorization; /* borrowed from the library until the request ends */
} Head;

typedef struct Connection Connection;
struct Connection {
        Connection *earlier, *later; /* by deadline: the list is in that order */
        usec_t deadline;             /* boottime */
        int fd;
        bool is_answering, is_cut;
        bool is_fresh; /* no request of it was answered yet: one is on its way */
        Head head;
};

struct HttpServer {
        HttpOptions options;
        sd_event *event;
        sd_event_source *io, *timer;
        usec_t armed; /* boottime for which `timer` is set */
        struct MHD_Daemon *daemon;
        int listen_fd;
        int epoll_fd; /* the library's; borrowed */
        Connection *earliest, *latest;
        size_t answering; /* connections with an answer on its way */
        size_t fresh;     /* connections with is_fresh */
        bool has_closed;  /* a connection went away since this was cleared */
        HttpBody *refusals[N_REFUSALS];
        Query query; /* of the request that is being handled */
};

/* Builds the bodies of all refusals. */
int request_init(HttpServer *server);
void request_done(HttpServer *server);

/* The access handler and the end of a request, with the library's signatures; `cls` is the server. */
enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd, const char *path, const char *method,
                               const char *version, const char *upload, size_t *upload_size, void **state);
void request_completed(void *cls, struct MHD_Connection *mhd, void **state,
                       enum MHD_RequestTerminationCode code);

/* The connection's answer is out (or will never be): its deadline starts anew. */
void server_connection_rests(HttpServer *server, Connection *connection);
