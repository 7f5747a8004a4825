/* pgvigil serve: the daemon.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "arguments.h"
#include "pgvigil/base/log.h"

int command_serve(const Arguments *arguments) {
        int level = arguments->verbose ? LOG_DEBUG : arguments->quiet ? LOG_WARNING : LOG_INFO;

        return arguments->daemon->run(arguments->config ? arguments->config : DEFAULT_CONFIG, level);
}
