/* pgvigil config: is the file right, and what does it mean.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>

#include "arguments.h"
#include "pgvigil/model/option.h"

int command_config(const Arguments *arguments) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
        int r = arguments_load(arguments, &settings);

        if (r > 0)
                return r;
        if (!arguments->dump) {
                if (!arguments->quiet)
                        printf("%s: in order, %zu target%s\n",
                               arguments->config ? arguments->config : DEFAULT_CONFIG,
                               settings->targets.count, settings->targets.count == 1 ? "" : "s");
                return EXIT_PASS;
        }
        options_dump(&settings_options, settings, 0, false, &out);
        if (buffer_error(&out) < 0)
                return EXIT_UNKNOWN;
        fputs(buffer_text(&out), stdout);
        return EXIT_PASS;
}
