/* Asking: a client of the probe and a peer that it asks, both in the test's own loop.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "../unit.h"
#include "pgvigil/base/buffer.h"
#include "pgvigil/probe.h"

#define PATIENCE (20 * USEC_PER_SEC)

/* What the peer does with each connection, once it has heard a whole request. */
typedef struct Script {
        const char *bytes; /* NULL: says nothing */
        size_t repeats;    /* of `more`, behind the bytes */
        const char *more;
        bool closes;
        bool hangs_up; /* closes at once, without hearing anything */
        bool blurts;   /* answers at once, without hearing anything */
        bool halves;   /* ends its own side, and goes on to listen */
        bool is_deaf;  /* accepts nobody */
} Script;

typedef struct Caller Caller;

typedef struct Asking {
        sd_event *event;
        ProbeClient *client;
        Script script;
        int listener, port;
        sd_event_source *source;
        Caller *callers;
        unsigned accepted;
        Buffer heard; /* of all connections */
        Probe *probe;
        unsigned ends;
        ProbeResult result;
} Asking;

void asking_start(Asking *asking, Script script);
void asking_stop(Asking *asking);

/* A request that accepts 200 and any body, with a deadline of ten seconds; the URL is valid until the
 * next call. */
ProbeRequest asking_request(const Asking *asking, const char *host, const char *path);

/* Turns the loop until the end of `request`, which comes once. */
const ProbeResult *asking_ask(Asking *asking, const ProbeRequest *request);
void asking_begin(Asking *asking, const ProbeRequest *request);
const ProbeResult *asking_wait(Asking *asking);
void asking_turn(Asking *asking); /* once, for at most 5 ms */
