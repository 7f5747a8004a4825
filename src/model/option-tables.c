/* The options of a target and of the whole file. Data only: parser, defaults, dump, comparison,
 * destruction and manual are walks over these lines.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "option-groups.h"

#include "pgvigil/base/usec.h"
#include "pgvigil/model/phase-record.h"

#define AT(Type, member) offsetof(Type, member)

static const char *const role_choices[] = {"any", "primary", "standby", NULL};

static const char *const framework_choices[] = {
        "auto",
        "none",
        "alembic",
        "atlas",
        "db-migrate",
        "dbmate",
        "diesel",
        "django",
        "drizzle",
        "ecto",
        "efcore",
        "flyway",
        "golang-migrate",
        "goose",
        "graphile-migrate",
        "knex",
        "kysely",
        "laravel",
        "liquibase",
        "mikro-orm",
        "node-pg-migrate",
        "postgrator",
        "postgres-migrations",
        "prisma",
        "prisma8-rc",
        "rails",
        "sequel",
        "sequelize/umzug",
        "sql-migrate",
        "sqitch",
        "sqlx",
        "typeorm",
        "yoyo",
        NULL,
};

/* The inside of an interval's line. */
#define INTERVAL(key, member, standard)                                                                      \
        (key), OPTION_DURATION, AT(Intervals, member), QUOTED(standard), 100 * USEC_PER_MSEC, USEC_PER_DAY

static const Option interval_table[] = {
        {INTERVAL("activity", activity, "15s"),
         .help = "The heartbeat, transactions, rollbacks and deadlocks."},
        {INTERVAL("migrations", migrations, "30s"),
         .help = "Migration histories; each second while a migration runs."},
        {INTERVAL("catalog", catalog, "60s"),
         .help = "States of constraints, foreign keys, indexes; privileges."},
        {INTERVAL("violations", violations, "60s"), .help = "Rows that violate constraints."},
        {INTERVAL("canaries", canaries, "60s"), .help = "Canary queries."},
        {INTERVAL("app", app, "15s"), .help = "The application's own health address."},
        {"safety", OPTION_DURATION, AT(Intervals, safety), QUOTED("24h"), USEC_PER_SEC, 30 * USEC_PER_DAY,
         .help = "One complete walk of every watched table that trusts no proof."},
};

static const OptionGroup interval_options = OPTION_GROUP_OF("intervals", Intervals, interval_table,
                                                            "How often each kind of check runs.");

static const Option limit_table[] = {
        {"connect_timeout", OPTION_DURATION, AT(Limits, connect_timeout), QUOTED("5s"), 10 * USEC_PER_MSEC,
         5 * USEC_PER_MINUTE, .help = "One attempt to connect, name look-up and login included."},
        {"statement_timeout", OPTION_DURATION, AT(Limits, statement_timeout), QUOTED("5s"),
         10 * USEC_PER_MSEC, 5 * USEC_PER_MINUTE, .help = "Each statement, on the server and on our side."},
        {"lock_timeout", OPTION_DURATION, AT(Limits, lock_timeout), QUOTED("100ms"), USEC_PER_MSEC,
         10 * USEC_PER_SEC, .help = "Wait for a table's lock: others queue behind that wait."},
        {"reconnect_max", OPTION_DURATION, AT(Limits, reconnect_max), QUOTED("2s"), 100 * USEC_PER_MSEC,
         5 * USEC_PER_MINUTE, .help = "Longest pause between two attempts to connect."},
        {"blocks_per_poll", OPTION_INT, AT(Limits, blocks_per_poll), "4096", 16, 10000000,
         .help = "Blocks of tables and indexes that one poll may read to count violations; looking up five "
                 "rows of a referenced table counts as one."},
        {"max_series", OPTION_INT, AT(Limits, max_series), "5000", 10, 1000000,
         .help = "Series of single objects in /metrics; only healthy objects are cut, and a finding says "
                 "so."},
        {"max_age", OPTION_DURATION, AT(Limits, max_age), QUOTED("0s"), 0, USEC_PER_DAY,
         .help = "Age of the heartbeat from which on the target is stale; 0s: three activity intervals, "
                 "at least 30s."},
};

static const OptionGroup limit_options = OPTION_GROUP_OF("limits", Limits, limit_table,
                                                         "What a target may cost and how long it may take.");

static const Option migration_table[] = {
        {"framework", OPTION_CHOICE, AT(MigrationSettings, framework), QUOTED("auto"),
         .choices = framework_choices, .help = "The tool that keeps the history; auto: found by itself."},
        {"table", OPTION_STRING, AT(MigrationSettings, table), QUOTED(""),
         .help = "The history's table; empty: sought in every schema."},
        {"directory", OPTION_STRING, AT(MigrationSettings, directory), QUOTED(""), .flags = OPTION_PATH,
         .help = "The migrations on disk; empty: pending and modified ones cannot be told."},
        {"manifest", OPTION_STRING, AT(MigrationSettings, manifest), QUOTED(""),
         .flags = OPTION_PATH | OPTION_LATER,
         .help = "A manifest of the migrations, where their directory is not on this machine."},
};

static const OptionGroup migration_options = OPTION_GROUP_OF("migrations", MigrationSettings, migration_table,
                                                             "The migration history and its files on disk.");

static const Option phase_table[] = {
        {"duration", OPTION_DURATION, AT(PhaseSettings, duration), QUOTED("24h"), USEC_PER_SEC,
         90 * USEC_PER_DAY, .help = "How long it watches after the migration."},
        {"migration", OPTION_STRING, AT(PhaseSettings, migration), QUOTED(""),
         .help = "The migration that opens it; empty: any new one."},
        {"require", OPTION_STRINGS, AT(PhaseSettings, require), .choices = criterion_names,
         .help = "Criteria that may not be skipped."},
};

static const OptionGroup phase_options = OPTION_GROUP_OF("phase", PhaseSettings, phase_table,
                                                         "The monitoring phase after a migration.");

static const Option target_table[] = {
        {"name", OPTION_STRING, AT(TargetSettings, name), .flags = OPTION_REQUIRED | OPTION_NAME,
         .help = "Names the target in paths, metrics and findings: a-z, 0-9, _ and -; not verdict."},
        {"conninfo", OPTION_STRING, AT(TargetSettings, conninfo), .flags = OPTION_SECRET,
         .help = "How to connect: libpq keywords or a URI, also one as Prisma writes it. Its ?schema= is "
                 "what schemas is, where that is not set."},
        {"conninfo_credential", OPTION_STRING, AT(TargetSettings, conninfo_credential),
         .help = "Or: the file in $CREDENTIALS_DIRECTORY that holds it, read at each attempt."},
        {"schemas", OPTION_STRINGS, AT(TargetSettings, schemas), "[ \"public\" ]",
         .help = "Schemas whose constraints, foreign keys and indexes are discovered."},
        {"discover", OPTION_BOOL, AT(TargetSettings, discover), "true",
         .help = "Watch every constraint, foreign key and index of the catalog without naming it."},
        {"exclude", OPTION_STRINGS, AT(TargetSettings, exclude),
         .help = "Shell patterns over schema.table: discovery leaves these tables out."},
        {"severity", OPTION_ENUM, AT(TargetSettings, severity), QUOTED("warning"),
         .choices = severity_choices, .help = "What a breach of a discovered object is."},
        {"expect_role", OPTION_CHOICE, AT(TargetSettings, expect_role), QUOTED("any"),
         .choices = role_choices, .help = "The role that the server must have."},
        {"max_replay_lag", OPTION_DURATION, AT(TargetSettings, max_replay_lag), QUOTED("0s"), 0, USEC_PER_DAY,
         .help = "Replay delay of a standby from which on it is a breach; 0s: not asked."},
        {"in_global", OPTION_BOOL, AT(TargetSettings, in_global), "true",
         .help = "Whether the target counts for /health, beside its own /health/TARGET."},
        {"intervals", OPTION_GROUP, AT(TargetSettings, intervals), .group = &interval_options,
         .help = "How often each kind of check runs."},
        {"limits", OPTION_GROUP, AT(TargetSettings, limits), .group = &limit_options,
         .help = "What the target may cost and how long it may take."},
        {"migrations", OPTION_GROUP, AT(TargetSettings, migrations), .group = &migration_options,
         .help = "The migration history and its files on disk."},
        {"constraints", OPTION_LIST, AT(TargetSettings, constraints), .group = &constraint_options,
         .help = "Rules that every row must meet."},
        {"foreign_keys", OPTION_LIST, AT(TargetSettings, foreign_keys), .group = &foreign_key_options,
         .help = "Foreign keys that must exist and act as told."},
        {"indexes", OPTION_LIST, AT(TargetSettings, indexes), .group = &index_options,
         .help = "Indexes that must exist."},
        {"canaries", OPTION_LIST, AT(TargetSettings, canaries), .group = &canary_options,
         .help = "Queries of the application that must work and stay fast."},
        {"app", OPTION_GROUP, AT(TargetSettings, app), .group = &app_options,
         .help = "The application's own health address."},
        {"backups", OPTION_LIST, AT(TargetSettings, backups), .group = &backup_options, .flags = OPTION_LATER,
         .help = "Backups whose newest one must be young enough."},
        {"phase", OPTION_GROUP, AT(TargetSettings, phase), .group = &phase_options,
         .help = "The monitoring phase after a migration."},
        {"staging", OPTION_BOOL, AT(TargetSettings, staging), "false", .flags = OPTION_LATER,
         .help = "Whether this is a staging database, on which verify may write."},
        {"staging_target", OPTION_STRING, AT(TargetSettings, staging_target), .flags = OPTION_LATER,
         .help = "Name of the target that is this one's staging database."},
        {"shadow", OPTION_STRING, AT(TargetSettings, shadow), .flags = OPTION_SECRET | OPTION_LATER,
         .help = "How to connect to a shadow database for preflight."},
};

const OptionGroup target_options = OPTION_GROUP_OF("targets", TargetSettings, target_table,
                                                   "The databases that are watched.");

static const Option tls_table[] = {
        {"certificate", OPTION_STRING, AT(HttpSettings, tls_certificate), QUOTED(""),
         .flags = OPTION_REQUIRED | OPTION_PATH, .help = "The server's certificate chain (PEM)."},
        {"key", OPTION_STRING, AT(HttpSettings, tls_key), QUOTED(""), .flags = OPTION_REQUIRED | OPTION_PATH,
         .help = "Its private key (PEM)."},
        {"client_ca", OPTION_STRING, AT(HttpSettings, tls_client_ca), QUOTED(""), .flags = OPTION_PATH,
         .help = "Clients must show a certificate of this authority; empty: not asked."},
};

static const OptionGroup tls_options = OPTION_GROUP_OF("tls", HttpSettings, tls_table,
                                                       "TLS for the HTTP listener.");

static const Option http_table[] = {
        {"listen", OPTION_STRINGS, AT(HttpSettings, listen), "[ \"127.0.0.1:9432\" ]",
         .help = "Addresses to serve on: ADDRESS:PORT, [IPv6]:PORT or unix:/path; a socket unit replaces "
                 "them."},
        {"probe_listen", OPTION_STRINGS, AT(HttpSettings, probe_listen),
         .help = "A second listener for load balancers, with its own limits."},
        {"max_connections", OPTION_INT, AT(HttpSettings, max_connections), "256", 8, 65536,
         .help = "Connections served at once."},
        {"request_timeout", OPTION_DURATION, AT(HttpSettings, request_timeout), QUOTED("10s"),
         10 * USEC_PER_MSEC, 5 * USEC_PER_MINUTE,
         .help = "A connection that is silent for so long is closed."},
        {"tls", OPTION_GROUP, 0, .group = &tls_options, .flags = OPTION_LATER,
         .help = "TLS for the listener."},
        {"token_file", OPTION_STRING, AT(HttpSettings, token_file), QUOTED(""), .flags = OPTION_PATH,
         .help = "File of bearer tokens; /livez, /readyz and /health stay open without details."},
};

static const OptionGroup http_options = OPTION_GROUP_OF("http", HttpSettings, http_table, "The HTTP server.");

static const Option settings_table[] = {
        {"http", OPTION_GROUP, AT(Settings, http), .group = &http_options, .help = "The HTTP server."},
        {"state_dir", OPTION_STRING, AT(Settings, state_dir), QUOTED(""), .flags = OPTION_PATH,
         .help = "Where state is kept; empty: $STATE_DIRECTORY, which systemd sets."},
        {"retention", OPTION_DURATION, AT(Settings, retention), QUOTED("15d"), USEC_PER_DAY,
         365 * USEC_PER_DAY, .help = "How long samples are kept; verdicts are kept for a year."},
        {"targets", OPTION_LIST, AT(Settings, targets), .group = &target_options,
         .help = "The databases that are watched."},
};

const OptionGroup settings_options = OPTION_GROUP_OF("settings", Settings, settings_table, "The whole file.");
