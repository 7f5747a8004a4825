/* Bare HTTP server: the opponent. libmicrohttpd with its own epoll thread, one file from memory at
 * every path, nothing else; linked with the libraries of pgvigil, so that memory compares too.
 *
 *     bare-http FILE [CONNINFO]
 *
 * Prints the port it chose, and serves until it is killed. With CONNINFO it holds one connection
 * to that database. It has no guards, no deadlines and no routes: it is what the library costs.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <jansson.h>
#include <libconfig.h>
#include <libpq-fe.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <systemd/sd-daemon.h>
#include <zlib.h>

static int die(const char *what) {
        fprintf(stderr, "bare-http: %s: %s\n", what, errno ? strerror(errno) : "failed");
        return EXIT_FAILURE;
}

/* A response queued in the first callback would close the connection. */
static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state) {
        if (!*state) {
                *state = cls;
                return MHD_YES;
        }
        return MHD_queue_response(connection, MHD_HTTP_OK, cls);
}

static char *read_whole(const char *path, size_t *ret_size) {
        FILE *file = fopen(path, "re");
        if (!file)
                return NULL;
        char *bytes = NULL;
        size_t size = 0, n;
        FILE *memory = open_memstream(&bytes, &size);
        char chunk[4096];
        while (memory && (n = fread(chunk, 1, sizeof(chunk), file)) > 0)
                fwrite(chunk, 1, n, memory);
        fclose(file);
        if (!memory || fclose(memory) != 0)
                return NULL;
        *ret_size = size;
        return bytes;
}

static struct MHD_Response *response_of(const char *path) {
        size_t size = 0;
        char *bytes = read_whole(path, &size);
        if (!bytes)
                return NULL;
        struct MHD_Response *response = MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE);
        if (response)
                MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        return response;
}

static PGconn *hold_connection(const char *conninfo) {
        PGconn *connection = PQconnectStart(conninfo);
        PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
        while (connection && wanted != PGRES_POLLING_OK) {
                struct pollfd wait = {.fd = PQsocket(connection),
                                      .events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT};
                if (wanted == PGRES_POLLING_FAILED || PQstatus(connection) == CONNECTION_BAD ||
                    poll(&wait, 1, 10000) <= 0) {
                        PQfinish(connection);
                        return NULL;
                }
                wanted = PQconnectPoll(connection);
        }
        return connection;
}

/* One call into each library, lest the linker leaves it out. */
static void print_libraries(void) {
        config_t config;
        config_init(&config);
        config_destroy(&config);
        printf("libmicrohttpd %s, libpq %d, zlib %s, libcrypto %lx, jansson %s, sqlite %s, %s, booted %d\n",
               MHD_get_version(), PQlibVersion(), zlibVersion(), OpenSSL_version_num(), jansson_version_str(),
               sqlite3_libversion(), curl_version(), sd_booted());
}

int main(int argc, char **argv) {
        if (argc < 2 || argc > 3) {
                fprintf(stderr, "usage: bare-http FILE [CONNINFO]\n");
                return 64;
        }
        struct MHD_Response *response = response_of(argv[1]);
        if (!response)
                return die(argv[1]);
        if (argc == 3 && !hold_connection(argv[2]))
                return die("cannot connect");
        const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer,
                                                     response, MHD_OPTION_SOCK_ADDR, &address,
                                                     MHD_OPTION_END);
        if (!daemon)
                return die("cannot listen");
        print_libraries();
        printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
        fflush(stdout);
        for (;;)
                pause();
}
