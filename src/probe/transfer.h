/* Transfer: one request as libcurl has it, and what its end means.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <curl/curl.h>

#include "pgvigil/base/buffer.h"
#include "pgvigil/model/probe.h"

typedef struct Transfer {
        CURL *easy;
        char *host, *expect_body; /* owned */
        int64_t expect_status;
        bool is_given_up; /* no socket is to be opened any more */
        Buffer body;      /* kept only where it is looked at */
        size_t body_size; /* of what was read */
        size_t head_size;
        bool is_body_cut, is_head_cut;
        int own_error; /* errno of a socket that could not be made for want of resources */
        char text[CURL_ERROR_SIZE];
} Transfer;

/* -EINVAL: the URL cannot be used. */
int transfer_init(Transfer *transfer, const ProbeRequest *request);
void transfer_done(Transfer *transfer);

/* Whether its name is looked up, on a thread that nobody can stop. */
bool transfer_is_resolving(const Transfer *transfer);

/* How far it came; ret->step and ret->status. */
void transfer_progress(const Transfer *transfer, ProbeResult *ret);

/* What the library's end of it means; all but the duration. */
void transfer_result(const Transfer *transfer, CURLcode code, ProbeResult *ret);
