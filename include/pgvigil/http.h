/* http: the server. libmicrohttpd in external epoll on the event loop; the only module with it.
 *
 * It parses, bounds and routes nothing: each request that passed its guards goes to one handler,
 * which answers from memory. No request waits, no body is read, nothing is suspended.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/buffer.h"
#include "pgvigil/base/usec.h"

typedef struct sd_event sd_event;
typedef struct HttpServer HttpServer;
typedef struct HttpBody HttpBody;

typedef struct HttpRequest {
        const char *method; /* "GET", "HEAD" or "OPTIONS"; "POST" where allow_post */
        const char *path;   /* exact, without the query; holds no '%' */
        bool accepts_gzip;
        bool accepts_openmetrics;
        const char *authorization; /* header, or NULL */
        void *handle;              /* for http_request_query() */
} HttpRequest;

/* The nth value (from 0) of a query parameter, percent-decoded, '+' read as a space; "" where the
 * key stands alone; NULL: no such. Borrowed until the handler returns. More than 32 parameters,
 * broken escapes and encoded NULs are answered with 400 before the handler. */
const char *http_request_query(const HttpRequest *request, const char *key, size_t nth);
/* The nth parameter's name, for finding unknown ones; NULL: no more. */
const char *http_request_query_key(const HttpRequest *request, size_t nth);

/* Sets the code and a body (a reference that the server drops). Negative: 500. Never frees the
 * server. HEAD is answered like GET: the server leaves the body out. */
typedef int (*HttpHandler)(void *userdata, const HttpRequest *request, unsigned *ret_code,
                           HttpBody **ret_body);

/* An immutable body with its headers, shared by reference by any number of answers. Takes the
 * buffer's bytes. `encoding`: "gzip" or NULL; `headers`: pairs name, value, …, NULL, or NULL. All
 * bodies carry Content-Length, Cache-Control: no-store, X-Content-Type-Options: nosniff. */
int http_body_new(Buffer *bytes, const char *content_type, const char *encoding, const char *const *headers,
                  HttpBody **ret);
HttpBody *http_body_ref(HttpBody *body);
HttpBody *http_body_unref(HttpBody *body);
DEFINE_CLEANUP(HttpBody, http_body_unref)

typedef struct HttpOptions {
        size_t max_connections;
        usec_t request_timeout; /* of a connection's each request, and of its silence */
        bool allow_post;        /* the daemon's own unix socket */
        HttpHandler handler;
        void *userdata;
} HttpOptions;

/* "127.0.0.1:9432", "[::1]:9432", ":9432", "unix:/path". A bound, listening, non-blocking,
 * close-on-exec descriptor; a stale unix socket is replaced, a live one is -EADDRINUSE. */
int http_listen(const char *address, int *ret_fd);

/* NULL when `address` has that form; else an owned sentence. */
char *http_listen_check(const char *address);

/* Serves on a listening descriptor (own or inherited); owns `fd` from then on, also on failure. */
int http_server_new(sd_event *event, int fd, const HttpOptions *options, HttpServer **ret);
HttpServer *http_server_free(HttpServer *server); /* answers what is queued at most 300 ms, then closes */
DEFINE_CLEANUP(HttpServer, http_server_free)

const char *http_library_version(void);

/* A blocking GET (or POST) over a unix socket with a deadline, for one-shot commands. The body
 * into *ret; returns the status code or a negative errno. */
int http_unix_request(const char *socket_path, const char *method, const char *target, usec_t timeout,
                      Buffer *ret);
