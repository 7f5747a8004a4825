/* Probe: libcurl's multi interface on the event loop, and a deadline for each request.
 *
 *   probe_start ─▶ the library sets its timer ─▶ on_timer, on_ready ─▶ client_turn ─▶ done, freed
 *   deadline    ─▶ done, freed; while its name is looked up: ORPHAN ─▶ client_turn ─▶ freed
 *
 * A look-up cannot be stopped: to end its request means to wait for its thread, as older libraries do,
 * or to leave more and more threads behind. So the request stays with the library, as an orphan that may
 * open no socket, until the look-up ends; meanwhile that host is not asked again.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <systemd/sd-event.h>

#include "pgvigil/base/clock.h"
#include "pgvigil/base/str.h"
#include "transfer.h"

#define TIMER_ACCURACY USEC_PER_MSEC
#define LOOK_UPS_MAX   8 /* each is a thread */

struct ProbeClient {
        sd_event *event;
        CURLM *multi;
        bool has_library;
        sd_event_source *timer; /* the library's */
        Probe *first;           /* of all that the library has */
};

struct Probe {
        ProbeClient *client;
        Probe *previous, *next;
        Transfer transfer;
        bool is_added;
        sd_event_source *deadline;
        usec_t began;   /* boottime */
        ProbeDone done; /* NULL: an orphan */
        void *userdata;
};

static void probe_link(Probe *probe) {
        probe->next = probe->client->first;
        if (probe->next)
                probe->next->previous = probe;
        probe->client->first = probe;
        probe->is_added = true;
}

static void probe_unlink(Probe *probe) {
        *(probe->previous ? &probe->previous->next : &probe->client->first) = probe->next;
        if (probe->next)
                probe->next->previous = probe->previous;
        probe->is_added = false;
}

static Probe *probe_free(Probe *probe) {
        if (!probe)
                return NULL;
        if (probe->is_added) {
                (void)curl_multi_remove_handle(probe->client->multi, probe->transfer.easy);
                probe_unlink(probe);
        }
        sd_event_source_disable_unref(probe->deadline);
        transfer_done(&probe->transfer);
        free(probe);
        return NULL;
}
DEFINE_CLEANUP(Probe, probe_free)

/* Frees it; or leaves it to the library for as long as its name is looked up. */
static void probe_leave(Probe *probe, bool may_wait) {
        probe->done = NULL;
        if (may_wait || !transfer_is_resolving(&probe->transfer)) {
                probe_free(probe);
                return;
        }
        probe->transfer.is_given_up = true;
        probe->deadline = sd_event_source_disable_unref(probe->deadline);
}

/* `is_over`: the library is done with it. */
static void probe_tell(Probe *probe, ProbeResult *result, bool is_over) {
        ProbeDone done = probe->done;
        void *userdata = probe->userdata;

        result->duration = usec_since(clock_boottime(), probe->began);
        probe_leave(probe, is_over);
        if (done)
                done(userdata, result);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Probe *probe = userdata;
        ProbeResult result = {.end = PROBE_TIMEOUT};

        transfer_progress(&probe->transfer, &result);
        probe_tell(probe, &result, false);
        return 0;
}

/* What the library calls an end is told when it has returned: from inside its callbacks it may not be
 * called. */
static void client_turn(ProbeClient *client, curl_socket_t fd, int events) {
        const CURLMsg *message;
        int running;

        (void)curl_multi_socket_action(client->multi, fd, events, &running);
        while ((message = curl_multi_info_read(client->multi, &running))) {
                ProbeResult result = {};
                Probe *probe = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&probe);
                transfer_result(&probe->transfer, message->data.result, &result);
                probe_tell(probe, &result, true);
        }
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

        client_turn(userdata, fd, what);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        client_turn(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static int set_timer(CURLM *multi, long msec, void *userdata) {
        ProbeClient *client = userdata;

        if (msec < 0) {
                (void)sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
                return 0;
        }
        (void)sd_event_source_set_time_relative(client->timer, (usec_t)msec * USEC_PER_MSEC);
        (void)sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
        return 0;
}

/* A fresh source each time: the number may be that of another socket than before. Without one the
 * deadline ends the request. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data) {
        ProbeClient *client = userdata;
        sd_event_source *source = sd_event_source_disable_unref(socket_data);
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

        if (what != CURL_POLL_REMOVE)
                (void)sd_event_add_io(client->event, &source, fd, events, on_ready, client);
        (void)curl_multi_assign(client->multi, fd, source);
        return 0;
}

static bool has_protocol(const curl_version_info_data *library, const char *name) {
        for (const char *const *protocol = library->protocols; *protocol; protocol++)
                if (str_equal(*protocol, name))
                        return true;
        return false;
}

static int check_library(void) {
        const curl_version_info_data *library = curl_version_info(CURLVERSION_NOW);
        bool is_able = has_protocol(library, "http") && has_protocol(library, "https") &&
                       (library->features & CURL_VERSION_ASYNCHDNS);

        return is_able ? 0 : -EOPNOTSUPP;
}

static int client_open(ProbeClient *client) {
        int r = check_library();

        if (r < 0)
                return r;
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        client->has_library = true;
        client->multi = curl_multi_init();
        if (!client->multi)
                return -ENOMEM;
        (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
        (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
        (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
        (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
        return 0;
}

int probe_client_new(sd_event *event, ProbeClient **ret) {
        _cleanup_(probe_client_freep) ProbeClient *client = calloc(1, sizeof(*client));
        int r;

        if (!client)
                return -ENOMEM;
        client->event = sd_event_ref(event);
        r = sd_event_add_time(event, &client->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY, on_timer, client);
        if (r < 0)
                return r;
        (void)sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
        r = client_open(client);
        if (r < 0)
                return r;
        *ret = TAKE(client);
        return 0;
}

ProbeClient *probe_client_free(ProbeClient *client) {
        if (!client)
                return NULL;
        while (client->first)
                probe_free(client->first);
        if (client->multi)
                curl_multi_cleanup(client->multi);
        if (client->has_library)
                curl_global_cleanup();
        sd_event_source_disable_unref(client->timer);
        sd_event_unref(client->event);
        free(client);
        return NULL;
}

/* Whether the look-up of a name may be begun. */
static int client_admit(const ProbeClient *client, const char *host) {
        size_t n = 0;

        for (const Probe *probe = client->first; probe; probe = probe->next) {
                if (!transfer_is_resolving(&probe->transfer))
                        continue;
                if (!probe->done && str_equal(probe->transfer.host, host))
                        return -EBUSY;
                n++;
        }
        return n < LOOK_UPS_MAX ? 0 : -EAGAIN;
}

int probe_start(ProbeClient *client, const ProbeRequest *request, ProbeDone done, void *userdata,
                Probe **ret) {
        _cleanup_(probe_freep) Probe *probe = calloc(1, sizeof(*probe));
        int r;

        if (!probe)
                return -ENOMEM;
        probe->client = client;
        probe->began = clock_boottime();
        probe->done = done;
        probe->userdata = userdata;
        r = transfer_init(&probe->transfer, request);
        if (r >= 0)
                r = client_admit(client, probe->transfer.host);
        if (r >= 0)
                r = sd_event_add_time_relative(client->event, &probe->deadline, CLOCK_BOOTTIME,
                                               request->timeout, TIMER_ACCURACY, on_deadline, probe);
        if (r < 0)
                return r;
        (void)curl_easy_setopt(probe->transfer.easy, CURLOPT_PRIVATE, (char *)probe);
        if (curl_multi_add_handle(client->multi, probe->transfer.easy) != CURLM_OK)
                return -ENOMEM;
        probe_link(probe);
        *ret = TAKE(probe);
        return 0;
}

void probe_cancel(Probe *probe) {
        if (probe)
                probe_leave(probe, false);
}
