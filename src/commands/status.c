/* pgvigil status: asks the running daemon through its unix socket; no SQL.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>

#include "arguments.h"
#include "ask.h"
#include "pgvigil/render.h"

int command_status(const Arguments *arguments) {
        TextOptions options = {
                .colour = arguments_colour(arguments),
                .quiet = arguments->quiet,
                .verbose = arguments->verbose,
        };
        _cleanup_(buffer_done) Buffer json = BUFFER_NULL, text = BUFFER_NULL;
        _cleanup_(strv_freep) char **paths = NULL;
        _cleanup_(buffer_done) Buffer query = BUFFER_NULL;
        Status status = STATUS_UNKNOWN;
        int r = ask_sockets(arguments, &paths);

        if (r > 0)
                return r;
        buffer_add(&query, "/api/v1/status");
        for (char **target = arguments->targets; target && *target; target++)
                buffer_printf(&query, "%ctarget=%s", target == arguments->targets ? '?' : '&', *target);
        r = ask_daemon(paths, "GET", buffer_text(&query), &json);
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
