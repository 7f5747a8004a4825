/* pgvigil phase: opens or closes a monitoring phase by hand, lists what there is.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "pgvigil/render.h"

static int list(const Arguments *arguments) {
        Arguments plain = *arguments;

        plain.wait = plain.fail_fast = plain.html = false;
        return command_report(&plain);
}

/* The sentence of {"error":"…"}, which is ours. */
static void complain(const char *verb, const char *target, const char *json) {
        const char *text = strstr(json, "\":\"");
        size_t length = text ? strcspn(text + 3, "\"") : 0;

        fprintf(stderr, "pgvigil: %s %s: %.*s\n", verb, target, (int)length, text ? text + 3 : "");
}

static int change(const Arguments *arguments, char *const *paths, const char *target) {
        _cleanup_(freep) char *path = str_format("/api/v1/phase/%s/%s", target, arguments->operand);
        _cleanup_(buffer_done) Buffer answer = BUFFER_NULL;
        int r = path ? ask_daemon(paths, "POST", path, &answer) : -1;

        if (r < 0)
                return EXIT_UNKNOWN;
        if (r != 200) {
                complain(arguments->operand, target, buffer_text(&answer));
                return r == 404 ? EXIT_USAGE : EXIT_UNKNOWN;
        }
        if (arguments->json)
                fputs(buffer_text(&answer), stdout);
        else if (!arguments->quiet)
                printf("%s: the monitoring phase is %s\n", target,
                       str_equal(arguments->operand, "start") ? "open" : "stopped");
        return EXIT_PASS;
}

/* What one refuses keeps nothing from the others. */
static int change_all(const Arguments *arguments, char *const *paths) {
        int worst = EXIT_PASS;

        for (char **target = arguments->targets; *target; target++) {
                int r = change(arguments, paths, *target);

                worst = r > worst ? r : worst;
        }
        return worst;
}

int command_phase(const Arguments *arguments) {
        const char *verb = arguments->operand ? arguments->operand : "list";
        _cleanup_(strv_freep) char **paths = NULL;
        int r;

        if (str_equal(verb, "list"))
                return list(arguments);
        if (!str_equal(verb, "start") && !str_equal(verb, "stop")) {
                fprintf(stderr, "pgvigil: a phase is started, stopped or listed, not \"%s\"\n", verb);
                return EXIT_USAGE;
        }
        if (!arguments->targets) {
                fprintf(stderr, "pgvigil: say of which target with --target\n");
                return EXIT_USAGE;
        }
        r = ask_sockets(arguments, &paths);
        return r == 0 ? change_all(arguments, paths) : r;
}
