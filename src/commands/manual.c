/* pgvigil manual WHAT: the references of the manual, out of the tables that the code runs on.
 * Hidden: the build of the man pages calls it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>

#include "arguments.h"
#include "pgvigil/engine.h"
#include "pgvigil/model/option.h"
#include "pgvigil/render.h"

static void print_routes(const DaemonDoor *daemon, Buffer *out) {
        const char *help, *path;

        buffer_add(out, ".Bl -tag -width Ds\n");
        for (unsigned i = 0; (path = daemon->route(i, &help)); i++)
                buffer_printf(out, ".It Pa %s\n%s\n", path, help);
        buffer_add(out, ".El\n");
}

#define SHAPES_MAX 64

/* The shapes of the engine, its checks and the daemon in one list. */
static void list_shapes(const DaemonDoor *daemon, const Shape *list[static SHAPES_MAX + 1]) {
        const Shape *const *sources[] = {engine_shapes(), daemon->shapes()};
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTS(sources); i++)
                for (const Shape *const *shape = sources[i]; *shape && n < SHAPES_MAX; shape++)
                        list[n++] = *shape;
        list[n] = NULL;
}

int command_manual(const Arguments *arguments) {
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
        const Shape *shapes[SHAPES_MAX + 1];
        int r = 0;

        list_shapes(arguments->daemon, shapes);

        if (str_equal(arguments->operand, "options"))
                options_manual(&settings_options, &out);
        else if (str_equal(arguments->operand, "routes"))
                print_routes(arguments->daemon, &out);
        else
                r = render_manual(arguments->operand ? arguments->operand : "", shapes, &out);
        if (r < 0) {
                fprintf(stderr, "pgvigil: manual takes options, routes, reasons, metrics or findings\n");
                return EXIT_USAGE;
        }
        fputs(buffer_text(&out), stdout);
        return buffer_error(&out) < 0 ? EXIT_UNKNOWN : EXIT_PASS;
}
