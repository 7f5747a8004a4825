/* Listen: addresses, families, unix sockets and their leftovers.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "peer.h"
#include "pgvigil/base/str.h"

static const char *const good[] = {
        "127.0.0.1:9432",
        "0.0.0.0:1",
        "[::1]:9432",
        "[::]:65535",
        ":9432",
        "127.0.0.1:0",
        "unix:/run/pgvigil/http.sock",
};

static const struct {
        const char *address, *part; /* of the sentence */
} bad[] = {
        {"", "expected"},
        {"9432", "expected"},
        {"127.0.0.1", "expected"},
        {"127.0.0.1:", "port"},
        {"127.0.0.1:65536", "port"},
        {"127.0.0.1:-1", "port"},
        {"127.0.0.1:99999999999999999999", "port"},
        {"127.0.0.1:80x", "port"},
        {"127.0.0.1: 80", "port"},
        {"localhost:9432", "IPv4"},
        {"127.1:9432", "IPv4"},
        {"256.0.0.1:9432", "IPv4"},
        {"::1:9432", "IPv4"},
        {"[127.0.0.1]:9432", "IPv6"},
        {"[]:9432", "IPv6"},
        {"[::1", "IPv4"},
        {"[::g]:9432", "IPv6"},
        {"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:80", "expected"},
        {"unix:", "begin with /"},
        {"unix:relative.sock", "begin with /"},
        {"unix:/0123456789012345678901234567890123456789012345678901234567890123456789"
         "01234567890123456789012345678901234567",
         "107 bytes"},
};

START_TEST(addresses_are_checked_with_a_reason) {
        for (size_t i = 0; i < ELEMENTS(good); i++) {
                _cleanup_(freep) char *wrong = http_listen_check(good[i]);
                ck_assert_msg(!wrong, "%s", wrong);
        }
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                _cleanup_(freep) char *wrong = http_listen_check(bad[i].address);
                ck_assert_msg(wrong && strstr(wrong, bad[i].part), "\"%s\": %s", bad[i].address,
                              wrong ? wrong : "good");
                int fd = -1;
                ck_assert_int_eq(http_listen(bad[i].address, &fd), -EINVAL);
                ck_assert_int_eq(fd, -1);
        }
}
END_TEST

static int flag_of(int fd, int level, int option) {
        int value = -1;
        socklen_t size = sizeof(value);
        return getsockopt(fd, level, option, &value, &size) < 0 ? -errno : value;
}

START_TEST(descriptor_listens_without_blocking_or_leaking) {
        int fd = -1, second = -1;
        ck_assert_int_eq(http_listen("127.0.0.1:0", &fd), 0);
        ck_assert_int_eq(flag_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
        ck_assert_int_eq(flag_of(fd, SOL_SOCKET, SO_REUSEADDR), 1);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        struct sockaddr_in address;
        socklen_t size = sizeof(address);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        ck_assert_uint_eq(ntohl(address.sin_addr.s_addr), INADDR_LOOPBACK);
        _cleanup_(freep) char *same = str_format("127.0.0.1:%u", ntohs(address.sin_port));
        ck_assert_int_eq(http_listen(same, &second), -EADDRINUSE);
        close(fd);
}
END_TEST

static bool connects(int family, uint16_t port) {
        struct sockaddr_in ipv4 = {
                .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct sockaddr_in6 ipv6 = {
                .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = in6addr_loopback};
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return false;
        int r = family == AF_INET ? connect(fd, (struct sockaddr *)&ipv4, sizeof(ipv4))
                                  : connect(fd, (struct sockaddr *)&ipv6, sizeof(ipv6));
        close(fd);
        return r == 0;
}

/* The port of a listening descriptor, in network order; 0 where it could not be opened. */
static uint16_t listen_port(const char *address, int *ret_fd) {
        if (http_listen(address, ret_fd) < 0)
                return 0;
        struct sockaddr_in6 bound = {};
        socklen_t size = sizeof(bound);
        ck_assert_int_eq(getsockname(*ret_fd, (struct sockaddr *)&bound, &size), 0);
        return bound.sin6_port;
}

START_TEST(port_alone_is_every_address_of_both_families) {
        int every = -1, ipv6 = -1;
        uint16_t port = listen_port(":0", &every);
        ck_assert_uint_ne(port, 0);
        ck_assert(connects(AF_INET, port));
        uint16_t port6 = listen_port("[::1]:0", &ipv6);
        if (port6 != 0) { /* the kernel has IPv6 */
                ck_assert(connects(AF_INET6, port));
                ck_assert(connects(AF_INET6, port6));
                ck_assert(!connects(AF_INET, port6));
                close(ipv6);
        }
        close(every);
}
END_TEST

static char directory[] = "/tmp/pgvigil-listen-XXXXXX";
static char *path, *address;

static void enter_directory(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        path = str_format("%s/socket", directory);
        address = str_format("unix:%s", path);
}

static void leave_directory(void) {
        unlink(path);
        ck_assert_int_eq(rmdir(directory), 0);
        free(path);
        free(address);
}

START_TEST(unix_socket_is_for_owner_and_group_whatever_the_umask) {
        static const mode_t umasks[] = {0077, 0022, 0};
        for (size_t i = 0; i < ELEMENTS(umasks); i++) {
                int fd = -1;
                mode_t saved = umask(umasks[i]);
                ck_assert_int_eq(http_listen(address, &fd), 0);
                umask(saved);
                struct stat status;
                ck_assert_int_eq(stat(path, &status), 0);
                ck_assert(S_ISSOCK(status.st_mode));
                ck_assert_uint_eq(status.st_mode & 07777, 0660);
                close(fd); /* the path stays: the next round finds it stale */
        }
}
END_TEST

START_TEST(live_unix_socket_is_left_alone) {
        int fd = -1, second = -1;
        ck_assert_int_eq(http_listen(address, &fd), 0);
        ck_assert_int_eq(http_listen(address, &second), -EADDRINUSE);
        ck_assert_int_eq(second, -1);
        ck_assert_int_eq(access(path, F_OK), 0);
        close(fd);
}
END_TEST

START_TEST(file_in_place_of_a_socket_is_left_alone) {
        int fd = -1, file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        ck_assert_int_ge(file, 0);
        close(file);
        ck_assert_int_eq(http_listen(address, &fd), -EADDRINUSE);
        struct stat status;
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert(S_ISREG(status.st_mode));
}
END_TEST

START_TEST(missing_directory_is_an_error) {
        int fd = -1;
        _cleanup_(freep) char *missing = str_format("unix:%s/no/socket", directory);
        ck_assert_int_eq(http_listen(missing, &fd), -ENOENT);
}
END_TEST

int main(void) {
        const TTest *const plain[] = {
                addresses_are_checked_with_a_reason,
                descriptor_listens_without_blocking_or_leaking,
                port_alone_is_every_address_of_both_families,
        };
        const TTest *const local[] = {
                unix_socket_is_for_owner_and_group_whatever_the_umask,
                live_unix_socket_is_left_alone,
                file_in_place_of_a_socket_is_left_alone,
                missing_directory_is_an_error,
        };
        int r = run_suite("listen", plain, ELEMENTS(plain));
        return r ? r
                 : run_suite_with("listen-unix", local, ELEMENTS(local), enter_directory, leave_directory);
}
