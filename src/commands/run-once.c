/* One round of every target, with a progress line on a terminal when it takes long.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "run-once.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "pgvigil/base/clock.h"

static void on_finished(void *userdata) {
        RunOnce *run = userdata;

        (void)sd_event_exit(run->event, 0);
}

static int on_interrupt(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        RunOnce *run = userdata;

        (void)sd_event_exit(run->event, -EINTR);
        return 0;
}

static int on_progress(sd_event_source *source, uint64_t usec, void *userdata) {
        RunOnce *run = userdata;
        const View *view = engine_view(run->engine);

        for (size_t i = 0; i < view->n_targets; i++) {
                const TargetView *target = view->targets[i];

                if (target->rounds > 0)
                        continue;
                fprintf(stderr, "\r\033[K%s: %s, %llu s", target->name,
                        target->doing ? target->doing : "connecting",
                        (unsigned long long)(usec_since(clock_boottime(), run->began) / USEC_PER_SEC));
                run->showed = true;
                break;
        }
        (void)sd_event_source_set_time_relative(source, USEC_PER_SEC);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static int add_signals(RunOnce *run) {
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        (void)signal(SIGPIPE, SIG_IGN);
        r = sd_event_add_signal(run->event, NULL, SIGINT, on_interrupt, run);
        return r < 0 ? r : sd_event_add_signal(run->event, NULL, SIGTERM, on_interrupt, run);
}

int run_once(RunOnce *run, EngineOptions *options, Settings *settings) {
        int r = sd_event_new(&run->event);

        options->once = true;
        options->observer.finished = on_finished;
        options->observer.userdata = run;
        run->began = clock_boottime();
        if (r < 0 || (r = add_signals(run)) < 0)
                return r;
        r = engine_new(run->event, options, &run->engine);
        if (r < 0 || (r = engine_configure(run->engine, settings)) < 0)
                return r;
        if (isatty(STDERR_FILENO)) {
                r = sd_event_add_time_relative(run->event, &run->progress, CLOCK_BOOTTIME, USEC_PER_SEC, 0,
                                               on_progress, run);
                if (r < 0)
                        return r;
        }
        r = sd_event_loop(run->event);
        if (run->showed)
                fputs("\r\033[K", stderr);
        return r;
}

void run_once_done(RunOnce *run) {
        sd_event_source_disable_unref(run->progress);
        engine_free(run->engine);
        sd_event_unref(run->event);
}
