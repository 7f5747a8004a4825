/* The addresses served: configured ones, descriptors that systemd hands over, the own unix socket.
 *
 * A socket unit replaces `listen`: its descriptors are taken by name ("probe": the listener for
 * load balancers). The own socket is where commands ask, and the only one that may change things.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "internal.h"
#include "pgvigil/base/log.h"

static Listener *listener_free(Listener *listener) {
        if (!listener)
                return NULL;
        http_server_free(listener->server);
        free(listener->address);
        free(listener);
        return NULL;
}
DEFINE_CLEANUP(Listener, listener_free)

void listeners_done(Listeners *listeners) {
        for (size_t i = 0; i < listeners->count; i++)
                listener_free(listeners->items[i]);
        free(listeners->items);
        *listeners = (Listeners){};
}

/* Serves on `fd`, which is the listener's from here on. */
static int listeners_add(Daemon *daemon, const HttpSettings *http, Listeners *listeners, const char *address,
                         int fd, ListenerKind kind) {
        _cleanup_(listener_freep) Listener *listener = calloc(1, sizeof(*listener));
        HttpOptions options = {
                .max_connections = (size_t)http->max_connections,
                .request_timeout = http->request_timeout,
                .handler = daemon_answer,
        };
        Listener **items = reallocarray(listeners->items, listeners->count + 1, sizeof(*items));
        int r;

        if (items)
                listeners->items = items;
        if (!items || !listener || str_set(&listener->address, address) < 0) {
                close(fd);
                return -ENOMEM;
        }

        listener->daemon = daemon;
        listener->kind = kind;
        options.userdata = listener;
        options.allow_post = listener->kind == LISTENER_LOCAL;
        r = http_server_new(daemon->event, fd, &options, &listener->server);
        if (r < 0)
                return r;
        listeners->items[listeners->count++] = TAKE(listener);
        return 0;
}

static bool is_open(const Listeners *listeners, const char *address) {
        for (size_t i = 0; i < listeners->count; i++)
                if (str_equal(listeners->items[i]->address, address))
                        return true;
        return false;
}

static int open_all(Daemon *daemon, const HttpSettings *http, ListenerKind kind, Listeners *ret) {
        char *const *addresses = kind == LISTENER_PROBE ? http->probe_listen : http->listen;

        for (char *const *address = addresses; address && *address; address++) {
                int fd, r;

                if (is_open(&daemon->listeners, *address))
                        continue;
                r = http_listen(*address, &fd);
                if (r >= 0)
                        r = listeners_add(daemon, http, ret, *address, fd, kind);
                if (r < 0) {
                        log_line(LOG_ERR, "cannot listen on %s: %s", *address, strerror(-r));
                        return r;
                }
        }
        return 0;
}

/* Opens the addresses that are not open yet. On failure none of them is. */
int listeners_open(Daemon *daemon, const HttpSettings *http, Listeners *ret) {
        Listeners opened = {};
        int r = 0;

        if (daemon->inherited.count == 0)
                r = open_all(daemon, http, LISTENER_PUBLIC, &opened);
        if (r >= 0)
                r = open_all(daemon, http, LISTENER_PROBE, &opened);
        if (r < 0) {
                listeners_done(&opened);
                return r;
        }
        *ret = opened;
        return 0;
}

/* Whether `http` still names the listener; one that moved to the other list changes its kind. */
static bool is_named(Listener *listener, const HttpSettings *http) {
        if (listener->kind == LISTENER_LOCAL)
                return true;
        if (strv_contains(http->probe_listen, listener->address))
                listener->kind = LISTENER_PROBE;
        else if (strv_contains(http->listen, listener->address))
                listener->kind = LISTENER_PUBLIC;
        else
                return false;
        return true;
}

/* Closes what `http` no longer names and adds what was opened: an address that stays is never
 * closed, so a reload loses no probe. Its limits change with the next start. */
void listeners_replace(Daemon *daemon, const HttpSettings *http, Listeners *opened) {
        Listeners *kept = &daemon->listeners;
        Listener **items = reallocarray(kept->items, kept->count + opened->count + 1, sizeof(*items));
        size_t n = 0;

        if (!items) {
                log_oom();
                listeners_done(opened);
                return;
        }
        for (size_t i = 0; i < kept->count; i++) {
                Listener *listener = items[i];

                if (is_named(listener, http))
                        items[n++] = listener;
                else
                        listener_free(listener);
        }
        for (size_t i = 0; i < opened->count; i++)
                items[n++] = opened->items[i];
        kept->items = items;
        kept->count = n;
        free(opened->items);
        *opened = (Listeners){};
}

int listeners_inherit(Daemon *daemon) {
        char **names = NULL;
        int n = sd_listen_fds_with_names(1, &names), r = 0;

        for (int i = 0; i < n && r >= 0; i++) {
                int fd = SD_LISTEN_FDS_START + i;
                bool is_probe = str_equal(names[i], "probe");
                _cleanup_(freep) char *address = str_format("fd:%s", names[i]);

                if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
                        log_line(LOG_ERR,
                                 "the descriptor \"%s\" from systemd is no listening stream socket: "
                                 "use ListenStream= in the socket unit",
                                 names[i]);
                        r = -EINVAL;
                        break;
                }
                (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
                r = address ? listeners_add(daemon, &daemon->settings->http, &daemon->inherited, address, fd,
                                            is_probe ? LISTENER_PROBE : LISTENER_PUBLIC)
                            : -ENOMEM;
        }
        for (int i = 0; i < n; i++)
                free(names[i]);
        free(names);
        return n < 0 ? n : r;
}

/* $RUNTIME_DIRECTORY/pgvigil.sock, else in the state directory. Both may be missing: then there
 * is no such socket, and `pgvigil status` says how to get one. */
int listeners_open_local(Daemon *daemon, Listeners *listeners) {
        const char *runtime = getenv("RUNTIME_DIRECTORY");
        const char *directory = str_is_empty(runtime) ? daemon->state_dir : runtime;
        _cleanup_(freep) char *address = NULL;
        struct group *group;
        int fd, r;

        if (str_is_empty(directory))
                return 0;
        address = str_format("unix:%.*s/pgvigil.sock", (int)strcspn(directory, ":"), directory);
        if (!address)
                return -ENOMEM;

        r = http_listen(address, &fd);
        if (r == -EADDRINUSE) {
                log_line(LOG_ERR, "another pgvigil serves %s: stop it, or give this one its own state_dir",
                         address + strlen("unix:"));
                return r;
        }
        if (r < 0) {
                log_line(LOG_WARNING, "no socket for pgvigil status at %s: %s", address, strerror(-r));
                return 0;
        }
        group = getgrnam("pgvigil");
        if (group && chown(address + strlen("unix:"), (uid_t)-1, group->gr_gid) < 0 && errno != EPERM)
                log_line(LOG_NOTICE, "%s keeps its group: %s", address, strerror(errno));
        return listeners_add(daemon, &daemon->settings->http, listeners, address, fd, LISTENER_LOCAL);
}
