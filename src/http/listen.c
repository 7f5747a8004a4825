/* Listen: from an address as people write it to a listening socket. Never resolves names.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pgvigil/base/str.h"
#include "pgvigil/http.h"

#define BACKLOG          4096
#define UNIX_SOCKET_MODE 0660

typedef struct Address {
        union {
                struct sockaddr any;
                struct sockaddr_in ipv4;
                struct sockaddr_in6 ipv6;
                struct sockaddr_un local;
        };
        socklen_t length;
        bool is_every; /* ":port": IPv6 and IPv4 */
} Address;

static void fdclosep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

/* Parsing: each returns NULL, or what is wrong. */

static const char *port_parse(const char *text, in_port_t *ret) {
        static const char *const wrong = "the port must be a number from 0 to 65535";
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 5 || text[digits])
                return wrong;
        unsigned long port = strtoul(text, NULL, 10);
        if (port > UINT16_MAX)
                return wrong;
        *ret = htons((uint16_t)port);
        return NULL;
}

static const char *local_parse(const char *path, Address *ret) {
        size_t length = strlen(path);
        if (path[0] != '/')
                return "the path of a unix socket must begin with /";
        if (length >= sizeof(ret->local.sun_path))
                return "the path of a unix socket may have 107 bytes at most";
        *ret = (Address){.local.sun_family = AF_UNIX};
        memcpy(ret->local.sun_path, path, length + 1);
        ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
        return NULL;
}

static void ipv6_any(Address *ret) {
        *ret = (Address){
                .ipv6 = {.sin6_family = AF_INET6, .sin6_port = ret->ipv4.sin_port},
                .length = sizeof(ret->ipv6),
                .is_every = true,
        };
}

static const char *host_parse(const char *host, Address *ret) {
        in_port_t port = ret->ipv4.sin_port;
        size_t length = strlen(host);
        if (length == 0) {
                ipv6_any(ret);
                return NULL;
        }
        if (host[0] == '[' && host[length - 1] == ']') {
                char inner[INET6_ADDRSTRLEN] = "";
                if (length - 2 < sizeof(inner))
                        memcpy(inner, host + 1, length - 2);
                *ret = (Address){.ipv6 = {.sin6_family = AF_INET6, .sin6_port = port},
                                 .length = sizeof(ret->ipv6)};
                return inet_pton(AF_INET6, inner, &ret->ipv6.sin6_addr) == 1 ? NULL
                                                                             : "that is no IPv6 address";
        }
        *ret = (Address){.ipv4 = {.sin_family = AF_INET, .sin_port = port}, .length = sizeof(ret->ipv4)};
        return inet_pton(AF_INET, host, &ret->ipv4.sin_addr) == 1
                       ? NULL
                       : "the host must be an IPv4 address, or an IPv6 address in brackets";
}

static const char *address_parse(const char *text, Address *ret) {
        static const char *const forms = "expected \"127.0.0.1:9432\", \"[::1]:9432\", \":9432\" or "
                                         "\"unix:/path\"";
        if (str_starts_with(text, "unix:"))
                return local_parse(text + strlen("unix:"), ret);
        const char *colon = strrchr(text, ':');
        char host[INET6_ADDRSTRLEN + 2];
        if (!colon || (size_t)(colon - text) >= sizeof(host))
                return forms;
        memcpy(host, text, (size_t)(colon - text));
        host[colon - text] = '\0';
        *ret = (Address){};
        const char *wrong = port_parse(colon + 1, &ret->ipv4.sin_port);
        return wrong ? wrong : host_parse(host, ret);
}

char *http_listen_check(const char *address) {
        Address parsed;
        const char *wrong = address_parse(address, &parsed);
        return wrong ? str_format("listen address \"%s\": %s", address, wrong) : NULL;
}

static int socket_option(int fd, int level, int option, int value) {
        return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int inet_open(const Address *address, int *ret_fd) {
        _cleanup_(fdclosep) int fd = socket(address->any.sa_family,
                                            SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        int r = socket_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (r == 0 && address->any.sa_family == AF_INET6)
                r = socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->is_every);
        if (r < 0)
                return r;
        if (bind(fd, &address->any, address->length) < 0)
                return -errno;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

/* Where the kernel has no IPv6, every address is every IPv4 address. */
static int every_open(const Address *address, int *ret_fd) {
        int r = inet_open(address, ret_fd);
        if (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL)
                return r;
        const Address ipv4 = {.ipv4 = {.sin_family = AF_INET, .sin_port = address->ipv6.sin6_port},
                              .length = sizeof(ipv4.ipv4)};
        return inet_open(&ipv4, ret_fd);
}

/* A socket that nobody listens on any more. A full backlog is EAGAIN: somebody does. */
static bool local_is_stale(const Address *address) {
        struct stat status;
        if (lstat(address->local.sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
                return false;
        _cleanup_(fdclosep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return fd >= 0 && connect(fd, &address->any, address->length) < 0 && errno == ECONNREFUSED;
}

/* The mode before bind() so that it is never wider, and again after it: the umask narrows it. */
static int local_open(const Address *address, int *ret_fd) {
        _cleanup_(fdclosep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || fchmod(fd, UNIX_SOCKET_MODE) < 0)
                return -errno;
        int r = bind(fd, &address->any, address->length) < 0 ? -errno : 0;
        if (r == -EADDRINUSE && local_is_stale(address) && unlink(address->local.sun_path) == 0)
                r = bind(fd, &address->any, address->length) < 0 ? -errno : 0;
        if (r < 0)
                return r;
        if (chmod(address->local.sun_path, UNIX_SOCKET_MODE) < 0)
                return -errno;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

int http_listen(const char *address, int *ret_fd) {
        Address parsed;
        if (address_parse(address, &parsed))
                return -EINVAL;
        _cleanup_(fdclosep) int fd = -1;
        int r = parsed.any.sa_family == AF_UNIX ? local_open(&parsed, &fd)
                : parsed.is_every               ? every_open(&parsed, &fd)
                                                : inet_open(&parsed, &fd);
        if (r < 0)
                return r;
        if (listen(fd, BACKLOG) < 0)
                return -errno;
        *ret_fd = fd;
        fd = -1;
        return 0;
}
