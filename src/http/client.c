/* Client: one blocking request over a unix socket, for one-shot commands. Never used in the loop.
 *
 * It talks to our own server: an answer without Content-Length, or shorter than it says, is an
 * error and never half a result.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "pgvigil/base/clock.h"
#include "pgvigil/base/str.h"
#include "pgvigil/http.h"

#define ANSWER_MAX (256 * 1024 * 1024)

static void fdclosep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

/* A blocking connect() on a unix socket waits for room in the backlog, as long as SO_SNDTIMEO. */
static int client_connect(const char *path, usec_t timeout, int *ret_fd) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t length = strlen(path);
        if (length >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, length + 1);
        _cleanup_(fdclosep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        const struct timeval wait = {.tv_sec = (time_t)(timeout / USEC_PER_SEC),
                                     .tv_usec = (suseconds_t)(timeout % USEC_PER_SEC)};
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static int client_wait(int fd, short events, usec_t deadline) {
        for (;;) {
                usec_t left = usec_since(deadline, clock_boottime());
                if (left == 0)
                        return -ETIMEDOUT;
                usec_t msec = left / USEC_PER_MSEC + 1;
                struct pollfd wait = {.fd = fd, .events = events};
                int r = poll(&wait, 1, msec < INT32_MAX ? (int)msec : INT32_MAX);
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return -errno;
        }
}

static int client_send(int fd, const Buffer *request, usec_t deadline) {
        for (size_t sent = 0; sent < request->length;) {
                int r = client_wait(fd, POLLOUT, deadline);
                if (r < 0)
                        return r;
                ssize_t n = send(fd, request->data + sent, request->length - sent,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                sent += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

/* Everything until the server closes. */
static int client_receive(int fd, Buffer *answer, usec_t deadline) {
        for (char chunk[16 * 1024];;) {
                int r = client_wait(fd, POLLIN, deadline);
                if (r < 0)
                        return r;
                ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
                if (n == 0)
                        return buffer_error(answer);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                if (n > 0)
                        buffer_append(answer, chunk, (size_t)n);
                if (answer->length > ANSWER_MAX)
                        return -EFBIG;
        }
}

/* The status code of "HTTP/1.1 200 OK…", its body in *ret. */
static int client_parse(const Buffer *answer, Buffer *ret) {
        const char *text = buffer_text(answer), *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "\r\nContent-Length:");
        if (!str_starts_with(text, "HTTP/1.") || strlen(text) < strlen("HTTP/1.1 200") || !end || !length ||
            length > end)
                return -EBADMSG;
        end += strlen("\r\n\r\n");
        size_t have = answer->length - (size_t)(end - text);
        if (strtoull(length + strlen("\r\nContent-Length:"), NULL, 10) != have)
                return -EBADMSG;
        unsigned long code = strtoul(text + strlen("HTTP/1.1 "), NULL, 10);
        if (code < 200 || code > 599)
                return -EBADMSG;
        buffer_append(ret, end, have);
        int r = buffer_error(ret);
        return r < 0 ? r : (int)code;
}

int http_unix_request(const char *socket_path, const char *method, const char *target, usec_t timeout,
                      Buffer *ret) {
        if (strpbrk(method, " \r\n") || strpbrk(target, " \r\n") || target[0] != '/')
                return -EINVAL;
        usec_t deadline = usec_add(clock_boottime(), timeout);
        _cleanup_(fdclosep) int fd = -1;
        int r = client_connect(socket_path, timeout, &fd);
        if (r < 0)
                return r;
        _cleanup_(buffer_done) Buffer request = BUFFER_NULL, answer = BUFFER_NULL;
        buffer_printf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method,
                      target, str_equal(method, "POST") ? "Content-Length: 0\r\n" : "");
        r = buffer_error(&request);
        if (r == 0)
                r = client_send(fd, &request, deadline);
        if (r == 0)
                r = client_receive(fd, &answer, deadline);
        return r < 0 ? r : client_parse(&answer, ret);
}
