/* Prisma Migrate: one row for each attempt in _prisma_migrations, one directory for each
 * migration, an advisory lock while `migrate deploy`, `dev` or `resolve` is connected.
 *
 * All its times are the client's clock. `applied_steps_count` says nothing: it is 0 for what was
 * resolved by hand. The text of `logs` is never fetched: it may hold values of rows.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "framework.h"

/* NULL where the time is absent, infinite or absurd. */
#define EPOCH_USEC(column)                                                                                   \
        "CASE WHEN " column " BETWEEN '1970-01-02' AND '9999-12-31' "                                        \
        "THEN (extract(epoch FROM " column ") * 1000000)::bigint END AS " column

static const char *const need[] = {"id",          "migration_name", "checksum", "started_at",
                                   "finished_at", "rolled_back_at", "logs",     NULL};
static const char *const deny[] = {NULL};
static const char *const providers[] = {"postgresql", "postgres", NULL};

/* Old engines wrote each byte without its leading zero. */
static void unpad(const char *hex, char *ret) {
        for (; hex[0] && hex[1]; hex += 2) {
                if (hex[0] != '0')
                        *ret++ = hex[0];
                *ret++ = hex[1];
        }
        *ret = '\0';
}

static bool checksum_matches(const char *recorded, FileDigests digests) {
        char unpadded[DIGEST_HEX_MAX];

        for (size_t i = 0; i < N_FILE_VARIANTS; i++) {
                if (str_equal(recorded, digests[i]))
                        return true;
                if (str_is_empty(recorded) || strlen(recorded) == 64)
                        continue;
                unpad(digests[i], unpadded);
                if (str_equal(recorded, unpadded))
                        return true;
        }
        return false;
}

const MigrationFramework prisma_framework = {
        .name = "prisma",
        .title = "Prisma",
        .table = "_prisma_migrations",
        .schema = "public",
        .need = need,
        .deny = deny,
        .columns = "id::text AS id, migration_name::text AS name, checksum::text AS checksum, "
                   "finished_at IS NOT NULL AS is_finished, rolled_back_at IS NOT NULL AS is_rolled_back, "
                   "logs IS NOT NULL AS has_logs, " EPOCH_USEC("started_at") ", " EPOCH_USEC("finished_at"),
        .order = "started_at, id",
        .lock_key = 72707369,
        .file = "migration.sql",
        .digest = DIGEST_SHA256,
        .lock_file = "migration_lock.toml",
        .providers = providers,
        .checksum_matches = checksum_matches,
        .hints =
                {
                        [MIGRATION_PENDING] = "Apply it with: prisma migrate deploy",
                        [MIGRATION_FAILED] =
                                "Read the column logs of its row and mend the cause, then: prisma migrate "
                                "resolve --rolled-back {name}, or --applied when the database was "
                                "brought to its end by hand; then prisma migrate deploy.",
                        [MIGRATION_ROLLED_BACK] = "Run it again with: prisma migrate deploy",
                        [MIGRATION_INTERRUPTED] =
                                "See what of it took effect, then: prisma migrate resolve "
                                "--rolled-back {name} (or --applied). Where the tool runs with "
                                "its advisory lock switched off it may still be running.",
                        [MIGRATION_MODIFIED] =
                                "Put the file back to what was applied, and make the change a new "
                                "migration; prisma migrate status does not show this.",
                        [MIGRATION_MISSING] = "Bring its directory back from version control, or point "
                                              "migrations.directory at the deployed version.",
                },
};
