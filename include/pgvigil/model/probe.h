/* Probe: one question to an application over HTTP, and what became of it. A check says what is
 * asked and judges the result; the engine has it asked.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pgvigil/base/usec.h"

/* More of a body is not read, and header lines may not be longer. */
#define PROBE_READ_MAX (64 * 1024)

/* A GET; what it points to is borrowed for the call. */
typedef struct ProbeRequest {
        const char *url; /* http:// or https:// */
        int64_t expect_status;
        const char *expect_body; /* text that the body must hold; NULL or "": not looked at */
        usec_t timeout;          /* the answer must be complete within it */
} ProbeRequest;

typedef enum ProbeEnd {
        PROBE_OK,
        PROBE_STATUS,    /* another HTTP status than expected; redirects are not followed */
        PROBE_BODY,      /* the text is not in the body, or (is_cut) not in what was read of it */
        PROBE_BROKEN,    /* closed before the answer was complete, or it is no HTTP */
        PROBE_TOO_LARGE, /* its header lines */
        PROBE_REFUSED,   /* no connection */
        PROBE_TIMEOUT,
        PROBE_DNS,
        PROBE_TLS,
        PROBE_ERROR, /* our own failure: says nothing of the application */
        N_PROBE_ENDS,
} ProbeEnd;

/* How far it came. */
typedef enum ProbeStep {
        PROBE_AT_NAME,
        PROBE_AT_CONNECT, /* TLS included */
        PROBE_AT_ANSWER,
        PROBE_AT_BODY,
        N_PROBE_STEPS,
} ProbeStep;

typedef struct ProbeResult {
        ProbeEnd end;
        ProbeStep step;
        int status;       /* of HTTP; 0: no answer began */
        int error;        /* errno of REFUSED and ERROR; 0: unknown */
        bool is_cut;      /* the body is longer than what was read of it */
        usec_t duration;  /* from the start to its end */
        char detail[160]; /* of TLS and ERROR, in the library's words; "": none */
} ProbeResult;
