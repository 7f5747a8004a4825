/* pgvigil serve: the loop, its signals, the watchdog.
 *
 * A database that is down never stops the start; a configuration that is wrong does.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log-ids.h"
#include "pgvigil/base/log.h"

#define TICK        USEC_PER_SEC
#define EXIT_CONFIG 78

extern char **environ;

/* What libpq would read silently: the daemon's connections are what its file says. */
static void clear_environment(void) {
        for (char **entry = environ; *entry;) {
                char name[64];
                size_t length = strcspn(*entry, "=");

                if (strncmp(*entry, "PG", 2) == 0 && strncmp(*entry, "PGVIGIL", 7) != 0 &&
                    length < sizeof(name)) {
                        memcpy(name, *entry, length);
                        name[length] = '\0';
                        unsetenv(name); /* moves the rest up */
                } else {
                        entry++;
                }
        }
}

static void on_changed(void *userdata) {
        Daemon *daemon = userdata;

        snapshot_dirty(&daemon->snapshot);
        notify_status(daemon);
}

static void on_answers(void *userdata) {
        restore_keep(userdata);
}

/* A loop that turns is not progress: without a scheduler that advances the watchdog starves. */
static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Daemon *daemon = userdata;
        bool is_late = engine_is_late(daemon->engine, clock_boottime());

        if (is_late != daemon->is_late) {
                daemon->is_late = is_late;
                log_line(is_late ? LOG_ERR : LOG_NOTICE, "%s",
                         is_late ? "the scheduler does not advance: the watchdog is no longer fed"
                                 : "the scheduler advances again");
                if (daemon->has_watchdog)
                        (void)sd_event_set_watchdog(daemon->event, !is_late);
        }
        engine_tick(daemon->engine, clock_boottime(), clock_realtime());
        restore_tick(daemon);
        keep_tick(daemon);
        notify_status(daemon);
        (void)sd_event_source_set_time_relative(source, TICK);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Daemon *daemon = userdata;

        notify_reloading();
        (void)daemon_reload(daemon);
        snapshot_dirty(&daemon->snapshot);
        notify_status(daemon);
        /* Always: a failed reload leaves a daemon that serves. */
        notify_ready(daemon);
        return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Daemon *daemon = userdata;
        LogFields fields = {.message_id = LOG_ID_STOPPING};

        notify_stopping();
        log_event(LOG_NOTICE, &fields, "stopping");
        engine_stop(daemon->engine);
        restore_keep(daemon);
        return sd_event_exit(daemon->event, 0);
}

static int add_signals(Daemon *daemon) {
        static const int stops[] = {SIGTERM, SIGINT};
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        (void)signal(SIGPIPE, SIG_IGN);

        for (size_t i = 0; i < ELEMENTS(stops); i++) {
                r = sd_event_add_signal(daemon->event, NULL, stops[i], on_stop, daemon);
                if (r < 0)
                        return r;
        }
        return sd_event_add_signal(daemon->event, NULL, SIGHUP, on_reload, daemon);
}

/* state_dir, else $STATE_DIRECTORY, else none. */
static int find_state_dir(Daemon *daemon) {
        const char *directory = daemon->settings->state_dir;

        if (str_is_empty(directory))
                directory = getenv("STATE_DIRECTORY");
        if (str_is_empty(directory))
                return 0;
        return str_set(&daemon->state_dir, directory);
}

static void daemon_done(Daemon *daemon) {
        listeners_done(&daemon->listeners);
        listeners_done(&daemon->inherited);
        sd_event_source_disable_unref(daemon->tick);
        snapshot_done(&daemon->snapshot);
        restore_stop(daemon);
        keep_stop(daemon);
        engine_free(daemon->engine);
        settings_free(daemon->settings);
        strv_free(daemon->tokens);
        free(daemon->state_dir);
        free(daemon->status_line);
        sd_event_unref(daemon->event);
}

/* Everything but the addresses: what may fail for the configuration's sake comes first. */
static int daemon_init(Daemon *daemon) {
        EngineOptions options = {
                .observer = {.changed = on_changed, .answers = on_answers, .userdata = daemon}};
        int r = sd_event_new(&daemon->event);

        if (r < 0 || (r = add_signals(daemon)) < 0)
                return r;
        r = engine_new(daemon->event, &options, &daemon->engine);
        if (r < 0)
                return r;
        r = daemon_reload(daemon);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        r = find_state_dir(daemon);
        if (r >= 0)
                r = keep_start(daemon);
        return r < 0 ? r : restore_start(daemon);
}

static int daemon_listen(Daemon *daemon) {
        int r = listeners_inherit(daemon);

        if (r >= 0)
                r = listeners_open(daemon, &daemon->settings->http, &daemon->listeners);
        if (r >= 0)
                r = listeners_open_local(daemon, &daemon->listeners);
        return r;
}

static int daemon_loop(Daemon *daemon) {
        LogFields fields = {.message_id = LOG_ID_STARTED};
        int r = sd_event_add_time_relative(daemon->event, &daemon->tick, CLOCK_BOOTTIME, TICK, TICK / 10,
                                           on_tick, daemon);

        if (r < 0)
                return r;
        daemon->has_watchdog = sd_event_set_watchdog(daemon->event, true) > 0;
        for (size_t i = 0; i < daemon->listeners.count; i++)
                log_line(LOG_INFO, "listening on %s", daemon->listeners.items[i]->address);
        log_event(LOG_NOTICE, &fields, "serving %zu targets", engine_view(daemon->engine)->n_targets);
        notify_ready(daemon);
        notify_status(daemon);
        return sd_event_loop(daemon->event);
}

int daemon_run(const char *config_path, int log_level) {
        _cleanup_(daemon_done) Daemon daemon = {.config_path = config_path};
        int r;

        log_set_level(log_level);
        clear_environment();
        /* No core dump and no ptrace by the same user: passwords are in this memory. */
        (void)prctl(PR_SET_DUMPABLE, 0);

        r = daemon_init(&daemon);
        if (r == -EINVAL)
                return EXIT_CONFIG;
        if (r >= 0)
                r = daemon_listen(&daemon);
        if (r >= 0)
                r = daemon_loop(&daemon);
        if (r < 0)
                log_line(LOG_ERR, "cannot serve: %s", strerror(-r));
        return r < 0 ? 1 : 0;
}
