/* Migrations that the settings name: what the rules need to know of them (MigrationFacts), and a
 * finding for each that neither the database nor the directory has ever had.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stddef.h>

#include "check-migration.h"

/* Every name that a rule waits for, and the phase's. */
static int wanted_names(const TargetSettings *settings, char ***ret) {
        const struct {
                const List *list;
                size_t size, rule;
        } lists[] = {
                {&settings->constraints, sizeof(ConstraintSettings), offsetof(ConstraintSettings, rule)},
                {&settings->foreign_keys, sizeof(ForeignKeySettings), offsetof(ForeignKeySettings, rule)},
                {&settings->indexes, sizeof(IndexSettings), offsetof(IndexSettings, rule)},
                {&settings->canaries, sizeof(CanarySettings), offsetof(CanarySettings, rule)},
                {&settings->backups, sizeof(BackupSettings), offsetof(BackupSettings, rule)},
        };
        const char *name = settings->phase.migration;

        if (!str_is_empty(name) && strv_add(ret, name) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTS(lists); i++)
                for (size_t k = 0; k < lists[i].list->count; k++) {
                        const char *item = (const char *)lists[i].list->items + k * lists[i].size;

                        name = ((const Rule *)(const void *)(item + lists[i].rule))->expected_after;
                        if (!str_is_empty(name) && !strv_contains(*ret, name) && strv_add(ret, name) < 0)
                                return -ENOMEM;
                }
        name = settings->app.rule.expected_after;
        if (!str_is_empty(name) && !strv_contains(*ret, name))
                return strv_add(ret, name);
        return 0;
}

/* The verdicts are over the names of both the rows and the directory. */
static bool was_seen(const MigrationCheck *check, const char *name) {
        for (size_t i = 0; i < check->n_histories; i++)
                for (size_t k = 0; k < check->histories[i].verdicts.count; k++)
                        if (migration_name_matches(check->histories[i].verdicts.items[k].name, name))
                                return true;
        for (size_t i = 0; i < N_FRAMEWORKS; i++)
                for (size_t k = 0; k < check->frameworks[i].disk.n_entries; k++)
                        if (migration_name_matches(check->frameworks[i].disk.entries[k].name, name))
                                return true;
        return false;
}

/* Whether every history that there is was read. False where there is none. */
static bool are_read(const MigrationCheck *check) {
        for (size_t i = 0; i < check->n_histories; i++)
                if (!check->histories[i].was_read)
                        return false;
        for (size_t i = 0; i < N_FRAMEWORKS; i++)
                if (check->frameworks[i].detect_failed || check->frameworks[i].has_too_many)
                        return false;
        return check->n_histories > 0;
}

static bool has_directory(const MigrationCheck *check) {
        for (size_t i = 0; i < N_FRAMEWORKS; i++)
                if (check->frameworks[i].has_disk)
                        return true;
        return false;
}

static int add_never_seen(const MigrationCheck *check, const char *name, Report *report) {
        const char *object = check->n_histories > 0 ? check->histories[0].framework->name
                                                    : migration_frameworks[0]->name;
        Finding *finding = report_add(report, KIND_MIGRATION, object, name);

        if (!finding)
                return -ENOMEM;
        finding->seen = are_read(check) ? SEEN_BREACH : SEEN_UNKNOWN;
        finding->severity = SEVERITY_WARNING;
        finding->reason = REASON_NEVER_SEEN;
        finding->configured = true;
        return str_set(&finding->summary, "The configuration names this migration, and neither the database "
                                          "nor the directory has one of that name.");
}

static size_t count_verdicts(const MigrationCheck *check) {
        size_t n = 0;

        for (size_t i = 0; i < check->n_histories; i++)
                n += check->histories[i].verdicts.count;
        return n;
}

static int facts_make(const MigrationCheck *check, MigrationFacts **ret) {
        MigrationFacts *facts = calloc(1, sizeof(*facts));
        size_t n = 0;

        if (!facts)
                return -ENOMEM;
        *ret = facts;
        facts->known = are_read(check);
        for (size_t i = 0; i < N_FRAMEWORKS; i++)
                if (migration_run_add(&facts->run, &check->frameworks[i].run) < 0)
                        return -ENOMEM;
        facts->finished_at = calloc(count_verdicts(check) + 1, sizeof(*facts->finished_at));
        if (!facts->finished_at)
                return -ENOMEM;
        for (size_t i = 0; i < check->n_histories; i++)
                for (size_t k = 0; k < check->histories[i].verdicts.count; k++) {
                        const Verdict *verdict = &check->histories[i].verdicts.items[k];

                        if (!verdict->is_applied)
                                continue;
                        if (strv_add(&facts->applied, verdict->name) < 0)
                                return -ENOMEM;
                        facts->finished_at[n++] = verdict->finished_at;
                }
        return 0;
}

int migration_expect(const MigrationCheck *check, const CheckContext *context, Report *report) {
        _cleanup_(strv_freep) char **names = NULL;
        int r = facts_make(check, &report->migrations);

        if (r >= 0)
                r = wanted_names(context->settings, &names);
        if (r < 0 || !(are_read(check) || has_directory(check)))
                return r;
        for (size_t i = 0; r >= 0 && names && names[i]; i++)
                if (!was_seen(check, names[i]))
                        r = add_never_seen(check, names[i], report);
        return r;
}
