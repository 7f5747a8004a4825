/* probe: HTTP requests to applications, on the event loop; the only door to libcurl.
 *
 * Each has a connection of its own, one deadline from its start to the end of its answer, no proxy,
 * no redirect, and over TLS a certificate that is verified. Names are resolved on threads of the
 * library: no call here waits for one.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/macros.h"
#include "pgvigil/model/probe.h"

typedef struct sd_event sd_event;
typedef struct ProbeClient ProbeClient;
typedef struct Probe Probe;

/* Called once, from the loop; may start and cancel probes. */
typedef void (*ProbeDone)(void *userdata, const ProbeResult *result);

/* -EOPNOTSUPP: the library lacks HTTP, TLS, or look-ups that do not block. */
int probe_client_new(sd_event *event, ProbeClient **ret);

/* Ends every probe without a word. Not from a ProbeDone. */
ProbeClient *probe_client_free(ProbeClient *client);
DEFINE_CLEANUP(ProbeClient, probe_client_free)

/* *ret is valid until `done` is called or it is cancelled. -EINVAL: the URL cannot be used; -EBUSY: a
 * look-up of that very host was given up and is still under way; -EAGAIN: too many look-ups are. */
int probe_start(ProbeClient *client, const ProbeRequest *request, ProbeDone done, void *userdata,
                Probe **ret);

/* NULL does nothing. */
void probe_cancel(Probe *probe);
