/* Asks the running daemon through its unix socket: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pgvigil/config.h"
#include "pgvigil/http.h"

#define RUN_SOCKET "/run/pgvigil/pgvigil.sock"
#define STATE_DIR  "/var/lib/pgvigil"
#define TIMEOUT    (5 * USEC_PER_SEC)

/* Where the system's configuration puts the socket; its problems are not this command's. */
static char *system_directory(void) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(problems_done) Problems problems = {};
        int r = config_load(DEFAULT_CONFIG, NULL, &problems, &settings);

        return strdup(r < 0 || str_is_empty(settings->state_dir) ? STATE_DIR : settings->state_dir);
}

/* A name that cannot be one stands in no URL. 0 or an exit code. */
static int check_names(char *const *targets) {
        for (; targets && *targets; targets++)
                if (str_is_empty(*targets) || !config_name_is_plain(*targets)) {
                        fprintf(stderr, "pgvigil: \"%s\" cannot be the name of a target\n", *targets);
                        return EXIT_USAGE;
                }
        return 0;
}

/* The sockets to try, in their order. A file given with -c that has a directory of its own has a
 * daemon of its own: another one's answer would be about other databases. */
int ask_sockets(const Arguments *arguments, char ***ret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(strv_freep) char **paths = NULL;
        _cleanup_(freep) char *directory = NULL, *path = NULL;
        bool is_own;
        int r = check_names(arguments->targets);

        if (r == 0 && arguments->config)
                r = arguments_load(arguments, &settings);
        if (r > 0)
                return r;
        is_own = settings && !str_is_empty(settings->state_dir) &&
                 !str_equal(settings->state_dir, STATE_DIR) && !str_equal(arguments->config, DEFAULT_CONFIG);
        directory = is_own ? strdup(settings->state_dir) : system_directory();
        path = directory ? str_format("%s/pgvigil.sock", directory) : NULL;
        if (!path || (!is_own && strv_add(&paths, RUN_SOCKET) < 0) || strv_add(&paths, path) < 0)
                return EXIT_UNKNOWN;
        *ret = TAKE(paths);
        return 0;
}

int ask_quietly(char *const *paths, const char *method, const char *what, Buffer *out) {
        int r = -ENOENT;

        for (; r < 0 && *paths; paths++) {
                buffer_clear(out);
                r = http_unix_request(*paths, method, what, TIMEOUT, out);
        }
        return r;
}

void ask_complain(char *const *paths, int r) {
        _cleanup_(freep) char *tried = strv_join(paths, " or ");

        fprintf(stderr, "pgvigil: no daemon answers at %s: %s\n", tried ? tried : "its socket", strerror(-r));
        if (r == -EACCES)
                fprintf(stderr, "Be root or a member of the group pgvigil.\n");
}

int ask_daemon(char *const *paths, const char *method, const char *what, Buffer *out) {
        int r = ask_quietly(paths, method, what, out);

        if (r < 0)
                ask_complain(paths, r);
        return r;
}
