/* Asking: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "asking.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pgvigil/base/clock.h"
#include "pgvigil/base/str.h"

struct Caller {
        Caller *next;
        Asking *asking;
        sd_event_source *source;
        int fd;
        size_t from; /* where in asking->heard its request begins */
        Buffer out;
        size_t sent;
        bool is_answered;
};

static void caller_close(Caller *caller) {
        caller->source = sd_event_source_disable_unref(caller->source);
        if (caller->fd >= 0)
                close(caller->fd);
        caller->fd = -1;
}

static void caller_listen(Caller *caller, uint32_t events) {
        ck_assert_int_ge(sd_event_source_set_io_events(caller->source, events), 0);
}

static void caller_send(Caller *caller) {
        const Script *script = &caller->asking->script;
        ssize_t n = 1;

        while (n > 0 && caller->sent < caller->out.length) {
                n = send(caller->fd, caller->out.data + caller->sent, caller->out.length - caller->sent,
                         MSG_NOSIGNAL);
                caller->sent += n > 0 ? (size_t)n : 0;
        }
        if (caller->sent < caller->out.length && errno == EAGAIN) {
                caller_listen(caller, EPOLLOUT);
                return;
        }
        caller_listen(caller, EPOLLIN);
        if (script->halves)
                shutdown(caller->fd, SHUT_WR);
        if (script->closes)
                caller_close(caller);
}

static void caller_answer(Caller *caller) {
        const Script *script = &caller->asking->script;

        caller->is_answered = true;
        buffer_add(&caller->out, script->bytes);
        for (size_t i = 0; i < script->repeats; i++)
                buffer_add(&caller->out, script->more);
        caller_send(caller);
}

static int on_caller(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Caller *caller = userdata;
        Buffer *heard = &caller->asking->heard;
        char bytes[4096];
        ssize_t n = 0;

        if (events & EPOLLOUT) {
                caller_send(caller);
                return 0;
        }
        n = recv(fd, bytes, sizeof(bytes), 0);
        if (n <= 0) {
                caller_close(caller);
                return 0;
        }
        buffer_append(heard, bytes, (size_t)n);
        if (!caller->is_answered && strstr(heard->data + caller->from, "\r\n\r\n"))
                caller_answer(caller);
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Asking *asking = userdata;
        Caller *caller = calloc(1, sizeof(*caller));

        ck_assert_ptr_nonnull(caller);
        *caller = (Caller){.next = asking->callers, .asking = asking, .from = asking->heard.length};
        caller->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        ck_assert_int_ge(caller->fd, 0);
        asking->callers = caller;
        asking->accepted++;
        if (asking->script.hangs_up) {
                caller_close(caller);
                return 0;
        }
        ck_assert_int_ge(
                sd_event_add_io(asking->event, &caller->source, caller->fd, EPOLLIN, on_caller, caller), 0);
        if (asking->script.blurts)
                caller_answer(caller);
        return 0;
}

void asking_start(Asking *asking, Script script) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);

        (void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
        *asking = (Asking){.script = script};
        ck_assert_int_ge(sd_event_new(&asking->event), 0);
        asking->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_eq(bind(asking->listener, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(getsockname(asking->listener, (struct sockaddr *)&address, &length), 0);
        asking->port = ntohs(address.sin_port);
        if (!script.is_deaf) {
                ck_assert_int_eq(listen(asking->listener, 8), 0);
                ck_assert_int_ge(sd_event_add_io(asking->event, &asking->source, asking->listener, EPOLLIN,
                                                 on_connection, asking),
                                 0);
        }
        ck_assert_int_eq(probe_client_new(asking->event, &asking->client), 0);
}

void asking_stop(Asking *asking) {
        asking->client = probe_client_free(asking->client);
        while (asking->callers) {
                Caller *caller = asking->callers;

                asking->callers = caller->next;
                caller_close(caller);
                buffer_done(&caller->out);
                free(caller);
        }
        sd_event_source_disable_unref(asking->source);
        close(asking->listener);
        buffer_done(&asking->heard);
        sd_event_unref(asking->event);
}

ProbeRequest asking_request(const Asking *asking, const char *host, const char *path) {
        static char url[256];

        snprintf(url, sizeof(url), "%s:%d%s", host, asking->port, path);
        return (ProbeRequest){.url = url, .expect_status = 200, .timeout = 10 * USEC_PER_SEC};
}

static void on_done(void *userdata, const ProbeResult *result) {
        Asking *asking = userdata;

        asking->probe = NULL;
        asking->ends++;
        asking->result = *result;
}

void asking_begin(Asking *asking, const ProbeRequest *request) {
        asking->ends = 0;
        ck_assert_int_eq(probe_start(asking->client, request, on_done, asking, &asking->probe), 0);
        ck_assert_uint_eq(asking->ends, 0);
}

void asking_turn(Asking *asking) {
        ck_assert_int_ge(sd_event_run(asking->event, 5 * USEC_PER_MSEC), 0);
}

const ProbeResult *asking_wait(Asking *asking) {
        usec_t began = clock_boottime();

        while (asking->ends == 0) {
                ck_assert_msg(usec_since(clock_boottime(), began) < PATIENCE, "the probe does not end");
                asking_turn(asking);
        }
        for (unsigned i = 0; i < 3; i++)
                ck_assert_int_ge(sd_event_run(asking->event, 0), 0);
        ck_assert_uint_eq(asking->ends, 1);
        return &asking->result;
}

const ProbeResult *asking_ask(Asking *asking, const ProbeRequest *request) {
        asking_begin(asking, request);
        return asking_wait(asking);
}
