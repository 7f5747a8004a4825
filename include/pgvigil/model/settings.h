/* Settings: what a configuration says, checked and complete. Written by the config module (or
 * from a plain conninfo), read by everybody else as const.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/str.h"
#include "pgvigil/model/rule-settings.h"

typedef struct MigrationSettings {
        char *framework; /* "auto", "none", or a name */
        char *table;     /* "" : sought in every schema */
        char *directory; /* "" : none */
        char *manifest;
} MigrationSettings;

typedef struct PhaseSettings {
        usec_t duration;
        char *migration;
        char **require;
} PhaseSettings;

typedef struct Intervals {
        usec_t activity, migrations, catalog, violations, canaries, app, safety;
} Intervals;

typedef struct Limits {
        usec_t connect_timeout, statement_timeout, lock_timeout, reconnect_max, max_age;
        int64_t blocks_per_poll, max_series;
} Limits;

/* A list of settings structs. */
typedef struct List {
        void *items;
        size_t count;
} List;
#define LIST_AT(list, type, i) (&((type *)(list).items)[i])

typedef struct TargetSettings {
        char *name;
        char *conninfo;            /* keywords or URI; may hold a password: never printed */
        char *conninfo_credential; /* file name in $CREDENTIALS_DIRECTORY, read at each attempt */
        char **schemas, **exclude;
        bool discover, in_global, staging;
        Severity severity;     /* of what is discovered */
        char *expect_role;     /* "any", "primary", "standby" */
        usec_t max_replay_lag; /* 0: not asked */
        Intervals intervals;
        Limits limits;
        MigrationSettings migrations;
        List constraints;  /* ConstraintSettings */
        List foreign_keys; /* ForeignKeySettings */
        List indexes;      /* IndexSettings */
        List canaries;     /* CanarySettings */
        List backups;      /* BackupSettings */
        AppSettings app;   /* url "" : none */
        PhaseSettings phase;
        char *staging_target, *shadow;
} TargetSettings;

typedef struct HttpSettings {
        char **listen, **probe_listen;
        int64_t max_connections;
        usec_t request_timeout;
        char *tls_certificate, *tls_key, *tls_client_ca, *token_file; /* "" : none */
} HttpSettings;

typedef struct Settings {
        HttpSettings http;
        char *state_dir; /* "" : $STATE_DIRECTORY */
        usec_t retention;
        List targets; /* TargetSettings */
} Settings;

Settings *settings_free(Settings *settings);
DEFINE_CLEANUP(Settings, settings_free)

/* Every option at its default, no targets. */
int settings_new(Settings **ret);

/* Appends a target with every option at its default; borrowed. */
int settings_add_target(Settings *settings, const char *name, TargetSettings **ret);

/* Equal in everything: a reload leaves such a target alone. */
bool target_settings_equal(const TargetSettings *a, const TargetSettings *b);
