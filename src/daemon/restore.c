/* The last answers, kept for the process after this one and restored from the one before.
 *
 * Written when an answer changes and a few times within the shortest max_age; read once, before the first
 * request is taken. What cannot be believed is as if it were not there.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log.h"
#include "pgvigil/history/health-file.h"

#define WRITE_EVERY_MIN USEC_PER_SEC

/* The unit's sandbox hides the kernel's file, and says its contents instead. "" where neither is there: then
 * nothing is restored. */
static void read_boot_id(char *ret, size_t size) {
        const char *given = getenv("PGVIGIL_BOOT_ID");
        int fd = str_is_empty(given) ? open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC) : -1;
        ssize_t n = fd < 0 ? 0 : read(fd, ret, size - 1);

        if (fd >= 0)
                (void)close(fd);
        ret[n > 0 ? n : 0] = '\0';
        if (!str_is_empty(given) && strlen(given) < size)
                memcpy(ret, given, strlen(given) + 1);
        ret[strcspn(ret, " \r\n")] = '\0';
}

static int on_written(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Daemon *daemon = userdata;

        health_file_dispatch(daemon->health_file);
        return 0;
}

static void restore(Daemon *daemon) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        KeptHealths kept = {};
        int r = health_file_read(daemon->state_dir, &text);

        if (r >= 0)
                r = kept_healths_parse(buffer_text(&text), daemon->boot_id, &kept);
        if (r == -ENOENT || r == -ESTALE)
                return;
        if (r < 0) {
                log_line(LOG_WARNING,
                         "the last answers of the process before, in %s/health, cannot be used: %s",
                         daemon->state_dir, r == -EINVAL ? "damaged, or of another version" : strerror(-r));
                return;
        }
        engine_restore_health(daemon->engine, &kept, clock_boottime(), clock_realtime());
        kept_healths_done(&kept);
}

int restore_start(Daemon *daemon) {
        int r;

        if (!daemon->state_dir)
                return 0;
        read_boot_id(daemon->boot_id, sizeof(daemon->boot_id));
        restore(daemon);
        r = health_file_new(daemon->state_dir, &daemon->health_file);
        if (r < 0)
                return r;
        r = sd_event_add_io(daemon->event, &daemon->health_source, health_file_fd(daemon->health_file),
                            EPOLLIN, on_written, daemon);
        return r < 0 ? r : 0;
}

void restore_keep(Daemon *daemon) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        usec_t now = clock_boottime();
        KeptHealths kept = {};
        int r;

        if (!daemon->health_file || str_is_empty(daemon->boot_id))
                return;
        daemon->health_kept_at = now;
        r = engine_keep_health(daemon->engine, now, clock_realtime(), &kept);
        if (r >= 0)
                r = kept_healths_format(&kept, daemon->boot_id, &text);
        kept_healths_done(&kept);
        if (r >= 0)
                r = health_file_write(daemon->health_file, &text);
        if (r < 0)
                log_line(LOG_WARNING, "the last answers cannot be kept: %s", strerror(-r));
}

void restore_tick(Daemon *daemon) {
        usec_t every = engine_shortest_max_age(daemon->engine) / 3;

        if (every < WRITE_EVERY_MIN)
                every = WRITE_EVERY_MIN;
        if (usec_since(clock_boottime(), daemon->health_kept_at) >= every)
                restore_keep(daemon);
}

void restore_stop(Daemon *daemon) {
        sd_event_source_disable_unref(daemon->health_source);
        daemon->health_source = NULL;
        daemon->health_file = health_file_free(daemon->health_file);
}
