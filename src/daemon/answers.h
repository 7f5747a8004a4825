/* The answers of the routes, file by file: each from memory, none waits. 0 or a negative errno (500).
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/buffer.h"
#include "pgvigil/http.h"

typedef struct Daemon Daemon;

/* health-routes.c */
typedef struct Answer {
        unsigned code;
        HttpBody *body;
        const char *pattern; /* for the counter */
} Answer;
int answer_livez(Daemon *daemon, const HttpRequest *request, Answer *answer);
int answer_readyz(Daemon *daemon, const HttpRequest *request, Answer *answer);
int answer_health(Daemon *daemon, const HttpRequest *request, Answer *answer);
bool daemon_is_authorized(const Daemon *daemon, const HttpRequest *request);
int answer_error(Answer *answer, unsigned code, const char *text);
int answer_buffer(Answer *answer, unsigned code, Buffer *buffer, const char *content_type);

/* phase-routes.c */
int answer_phase(Daemon *daemon, const HttpRequest *request, Answer *answer);
int answer_history(Daemon *daemon, const HttpRequest *request, Answer *answer);

/* page-routes.c */
int answer_page(Daemon *daemon, const HttpRequest *request, Answer *answer);
int answer_style(Daemon *daemon, const HttpRequest *request, Answer *answer);

/* snapshot.c */
int answer_metrics(Daemon *daemon, const HttpRequest *request, Answer *answer);
int answer_findings(Daemon *daemon, const HttpRequest *request, Answer *answer);
int answer_status(Daemon *daemon, const HttpRequest *request, Answer *answer);
