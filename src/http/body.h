/* Body: what the server needs of an HttpBody beyond its contract.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

#include "pgvigil/http.h"

struct MHD_Response;

/* The shared response; borrowed. */
struct MHD_Response *body_response(HttpBody *body);

/* A response of its own over the same bytes and headers, with Allow and, if wanted, Connection:
 * close: for the rare answers that are not to GET or HEAD. Holds a reference to `body`; the
 * caller destroys it. NULL: out of memory. */
struct MHD_Response *body_response_with_allow(HttpBody *body, const char *allow, bool closes);
