/* pgvigil: the binary. Everything is in the modules below.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/commands.h"
#include "pgvigil/daemon.h"

int main(int argc, char **argv) {
        static const DaemonDoor daemon = {
                .run = daemon_run,
                .route = daemon_route,
                .shapes = daemon_shapes,
        };

        return commands_main(argc, argv, &daemon);
}
