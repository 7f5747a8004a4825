/* The daemon's own type, shared by its files; nobody else sees it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <systemd/sd-event.h>

#include "pgvigil/daemon.h"
#include "pgvigil/engine.h"
#include "pgvigil/history.h"
#include "pgvigil/http.h"
#include "pgvigil/render.h"

typedef enum ListenerKind {
        LISTENER_PUBLIC,
        LISTENER_PROBE, /* health paths only */
        LISTENER_LOCAL, /* the daemon's own unix socket: may change things */
} ListenerKind;

/* A served address. Inherited ones have the name that systemd gave them. */
typedef struct Listener {
        char *address; /* as configured, or "fd:NAME" */
        ListenerKind kind;
        struct Daemon *daemon;
        HttpServer *server;
} Listener;

typedef struct Listeners {
        Listener **items;
        size_t count;
} Listeners;

/* Bodies that are made once a snapshot, when first asked for. */
typedef struct Snapshot {
        bool is_fresh[2]; /* polled part, by MetricsFormat */
        Buffer polled[2];
        Gzip gzip[2];
        bool has_gzip[2];
        HttpBody *whole[2][2]; /* polled and live, by format and by gzip */
        usec_t whole_at[2][2]; /* boottime */
} Snapshot;

#define HTTP_COUNTERS_MAX 256

typedef struct HttpCounter {
        const char *path; /* a route's pattern */
        unsigned code;
        uint64_t requests;
} HttpCounter;

typedef struct Daemon {
        sd_event *event;
        sd_event_source *tick;
        const char *config_path;
        Settings *settings; /* its targets were taken by the engine */
        Engine *engine;
        History *history;
        sd_event_source *history_source;
        struct HealthFile *health_file; /* NULL: there is no state directory */
        sd_event_source *health_source;
        usec_t health_kept_at; /* boottime */
        char boot_id[64];
        Listeners listeners;
        Listeners inherited;
        Snapshot snapshot;
        HttpCounter counters[HTTP_COUNTERS_MAX];
        size_t n_counters;
        char **tokens;
        char *state_dir;
        char *status_line; /* as last sent */
        bool is_late;
        bool has_watchdog;
} Daemon;

#include "answers.h"

/* routes.c */
int daemon_answer(void *userdata, const HttpRequest *request, unsigned *ret_code, HttpBody **ret_body);

/* snapshot.c */
void snapshot_dirty(Snapshot *snapshot);
void snapshot_done(Snapshot *snapshot);

/* own-live.c */
int live_tables(Daemon *daemon, Table ***ret, size_t *ret_n);
void daemon_count(Daemon *daemon, const char *pattern, unsigned code);

/* listeners.c */
int listeners_inherit(Daemon *daemon);
int listeners_open(Daemon *daemon, const HttpSettings *http, Listeners *ret);
void listeners_replace(Daemon *daemon, const HttpSettings *http, Listeners *opened);
void listeners_done(Listeners *listeners);
int listeners_open_local(Daemon *daemon, Listeners *listeners);

/* keep.c: the history's place in the loop */
int keep_start(Daemon *daemon); /* -EBUSY: another daemon has the state directory; it was told */
void keep_tick(Daemon *daemon);
void keep_stop(Daemon *daemon);

/* restore.c: the last answers, across a restart */
int restore_start(Daemon *daemon); /* once the state directory is ours, before anything is answered */
void restore_keep(Daemon *daemon);
void restore_tick(Daemon *daemon);
void restore_stop(Daemon *daemon); /* waits for what is being written */

/* notify.c */
void notify_ready(Daemon *daemon);
void notify_reloading(void);
void notify_status(Daemon *daemon);
void notify_stopping(void);

/* reload.c */
int daemon_load(Daemon *daemon, Settings **ret);
int daemon_reload(Daemon *daemon);
