/* pgvigil check: every check once, now; or, with --explain, what that would run.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "explain.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log.h"
#include "pgvigil/engine.h"
#include "pgvigil/render.h"
#include "run-once.h"

static int print(const Arguments *arguments, const View *view) {
        TextOptions options = {
                .colour = arguments_colour(arguments),
                .quiet = arguments->quiet,
                .verbose = arguments->verbose,
        };
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
        int r = arguments->json ? render_findings_json(view, NULL, clock_realtime(), &out)
                                : render_text(view, &options, clock_realtime(), &out);

        if (r < 0)
                return r;
        if (arguments->json)
                buffer_add_char(&out, '\n');
        fputs(buffer_text(&out), stdout);
        return 0;
}

static Status worst_of(const View *view) {
        Status worst = STATUS_SKIPPED;

        for (size_t i = 0; i < view->n_targets; i++) {
                Status one = findings_worst(view->targets[i]->findings, view->targets[i]->n_findings);

                worst = one > worst ? one : worst;
        }
        return worst;
}

int command_check(const Arguments *arguments) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(run_once_done) RunOnce run = {};
        _cleanup_(explain_done) Explain explain = {};
        EngineOptions options = {
                .use_environment = true,
                .key_rows = (size_t)arguments->rows,
                .walk = arguments->walk,
        };
        int r = arguments_settings(arguments, &settings);

        if (r > 0)
                return r;
        if (arguments->explain && arguments->json) {
                fprintf(stderr, "pgvigil: --explain prints SQL: it goes without --format json\n");
                return EXIT_USAGE;
        }
        if (arguments->explain) {
                options.explain = true;
                options.observer.statement = explain_statement;
                run.extra = &explain;
        }
        log_set_level(arguments->verbose ? LOG_INFO : LOG_ERR);

        r = run_once(&run, &options, settings);
        if (r >= 0)
                r = arguments->explain ? explain_print(&explain, run.engine)
                                       : print(arguments, engine_view(run.engine));
        if (r < 0) {
                fprintf(stderr, "pgvigil: %s\n", strerror(-r));
                return EXIT_UNKNOWN;
        }
        return arguments->explain ? EXIT_PASS : exit_code_of(worst_of(engine_view(run.engine)));
}
