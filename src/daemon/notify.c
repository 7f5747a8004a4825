/* What systemd is told: READY, RELOADING, STOPPING, and one STATUS line that a person wants.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log.h"

static void add_target(const View *view, const TargetView *target, Buffer *out) {
        static const HealthQuery plain = {.fail_on = FAIL_ON_GATE};
        Health health = health_of_target(view, target, &plain, clock_boottime());

        buffer_printf(out, "%s: %s", target->name, health.state);
        if (health.cause)
                buffer_printf(out, " (%s)", health.cause);
        buffer_printf(out, ", %" PRId64 " violations, %zu/%zu checked", health.scope.violations,
                      health.scope.checked, health.scope.total);
        if (target->phase && target->phase->started_at > 0)
                buffer_printf(out, ", phase %s", phase_state_name(target->phase->state));
}

/* The first few targets by name, the rest as a number: the line is read in `systemctl status`. */
static void status_line(const View *view, Buffer *out) {
        const size_t most = 4;

        /* Until a reload succeeds: who looks comes minutes later. */
        if (!view->reload_ok)
                buffer_add(out, "reload failed, the running configuration is kept; ");
        for (size_t i = 0; i < view->n_targets && i < most; i++) {
                buffer_add(out, i > 0 ? "; " : "");
                add_target(view, view->targets[i], out);
        }
        if (view->n_targets > most)
                buffer_printf(out, "; and %zu targets more", view->n_targets - most);
}

/* Sent when it changed. */
void notify_status(Daemon *daemon) {
        _cleanup_(buffer_done) Buffer line = BUFFER_NULL;

        status_line(engine_view(daemon->engine), &line);
        if (buffer_error(&line) < 0 || str_equal(daemon->status_line, buffer_text(&line)))
                return;
        (void)sd_notifyf(0, "STATUS=%s", buffer_text(&line));
        (void)str_set(&daemon->status_line, buffer_text(&line));
}

void notify_ready(Daemon *daemon) {
        (void)sd_notify(0, "READY=1");
}

/* systemd 253 and later want the time to tell this reload's READY from an earlier one. */
void notify_reloading(void) {
        struct timespec now;

        if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
                return;
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                         (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000);
}

void notify_stopping(void) {
        (void)sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}
