/* pgvigil status: asks the running daemon through its unix socket; no SQL.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "pgvigil/config.h"
#include "pgvigil/http.h"
#include "pgvigil/render.h"

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

/* The sockets to try, in their order. A file given with -c that has a directory of its own has a
 * daemon of its own: another one's answer would be about other databases. */
static int find_sockets(const Arguments *arguments, char ***ret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(strv_freep) char **paths = NULL;
        _cleanup_(freep) char *directory = NULL, *path = NULL;
        bool is_own;
        int r;

        if (arguments->config) {
                r = arguments_load(arguments, &settings);
                if (r > 0)
                        return r;
        }
        is_own = settings && !str_is_empty(settings->state_dir) &&
                 !str_equal(settings->state_dir, STATE_DIR) && !str_equal(arguments->config, DEFAULT_CONFIG);
        directory = is_own ? strdup(settings->state_dir) : system_directory();
        path = directory ? str_format("%s/pgvigil.sock", directory) : NULL;
        if (!path || (!is_own && strv_add(&paths, RUN_SOCKET) < 0) || strv_add(&paths, path) < 0)
                return EXIT_UNKNOWN;
        *ret = TAKE(paths);
        return 0;
}

static int ask(const Arguments *arguments, char *const *paths, Buffer *out) {
        _cleanup_(buffer_done) Buffer query = BUFFER_NULL;
        _cleanup_(freep) char *tried = strv_join(paths, " or ");
        int r = -ENOENT;

        buffer_add(&query, "/api/v1/status");
        for (char **target = arguments->targets; target && *target; target++)
                buffer_printf(&query, "%ctarget=%s", target == arguments->targets ? '?' : '&', *target);

        for (; *paths; paths++) {
                buffer_clear(out);
                r = http_unix_request(*paths, "GET", buffer_text(&query), TIMEOUT, out);
                if (r >= 0)
                        return r;
        }
        fprintf(stderr, "pgvigil: no daemon answers at %s: %s\n", tried ? tried : "its socket", strerror(-r));
        if (r == -EACCES)
                fprintf(stderr, "Be root or a member of the group pgvigil.\n");
        return r;
}

int command_status(const Arguments *arguments) {
        TextOptions options = {
                .colour = arguments_colour(arguments),
                .quiet = arguments->quiet,
                .verbose = arguments->verbose,
        };
        _cleanup_(buffer_done) Buffer json = BUFFER_NULL, text = BUFFER_NULL;
        _cleanup_(strv_freep) char **paths = NULL;
        Status status = STATUS_UNKNOWN;
        int r = find_sockets(arguments, &paths);

        if (r > 0)
                return r;
        r = ask(arguments, paths, &json);
        if (r < 0)
                return EXIT_UNKNOWN;
        if (r == 404) {
                fprintf(stderr, "pgvigil: the daemon has no such target\n");
                return EXIT_USAGE;
        }
        if (r != 200 || render_status_text(buffer_text(&json), json.length, &options, &text, &status) < 0) {
                fprintf(stderr, "pgvigil: the daemon's answer (%d) is not understood\n", r);
                return EXIT_UNKNOWN;
        }
        if (arguments->json)
                puts(buffer_text(&json));
        else
                fputs(buffer_text(&text), stdout);
        return exit_code_of(status);
}
