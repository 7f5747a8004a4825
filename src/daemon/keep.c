/* keep: the history's place in the loop: opened at the start, ticked, closed at the end.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log.h"

static int on_history(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Daemon *daemon = userdata;

        history_dispatch(daemon->history);
        return 0;
}

void keep_tick(Daemon *daemon) {
        if (daemon->history)
                history_tick(daemon->history, clock_realtime());
}

int keep_start(Daemon *daemon) {
        HistoryOptions options = {
                .directory = daemon->state_dir,
                .retention = daemon->settings->retention,
                .n_targets = engine_view(daemon->engine)->n_targets,
        };
        pid_t holder = 0;
        int r = history_new(&options, &daemon->history, &holder);

        if (r == -EBUSY)
                log_line(LOG_ERR,
                         "another pgvigil serves with the state directory %s (process %d): give this one "
                         "another "
                         "state_dir",
                         daemon->state_dir, (int)holder);
        if (r < 0)
                return r;
        engine_set_history(daemon->engine, daemon->history);
        if (history_fd(daemon->history) >= 0)
                r = sd_event_add_io(daemon->event, &daemon->history_source, history_fd(daemon->history),
                                    EPOLLIN, on_history, daemon);
        history_tick(daemon->history, clock_realtime());
        return r < 0 ? r : 0;
}

void keep_stop(Daemon *daemon) {
        if (daemon->engine)
                engine_set_history(daemon->engine, NULL);
        sd_event_source_disable_unref(daemon->history_source);
        daemon->history_source = NULL;
        daemon->history = history_free(daemon->history);
}
