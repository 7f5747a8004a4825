/* From verdicts to findings and published tables.
 *
 * A history or directory that could not be read in this run leaves its findings standing as
 * unknown; nothing that was wrong becomes silent because we went blind.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "check-migration.h"

static const Field migrations_fields[] = {
        {.name = "framework", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Migration tool."},
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Schema of its history."},
        {.name = "state", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "State of the migrations."},
        {.name = "count",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_migrations",
         .help = "Migrations in that state, as last polled; modified and missing ones are applied too."},
};
const Shape migrations_shape = SHAPE("migrations", migrations_fields);

static const Field history_fields[] = {
        {.name = "framework", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Migration tool."},
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Schema of its history."},
        {.name = "last_finished_timestamp_seconds",
         .kind = VALUE_FLOAT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_migration_last_finished_timestamp_seconds",
         .unit = "seconds",
         .help = "When the last applied migration finished, by the clock of who applied it; as last polled."},
};
const Shape migration_history_shape = SHAPE("migration_history", history_fields);

/* One history with all that is said beside it. */
typedef struct Judging {
        MigrationCheck *check;
        const CheckContext *context;
        Report *report;
} Judging;

static const FrameworkState *framework_state(const MigrationCheck *check,
                                             const MigrationFramework *framework) {
        for (size_t i = 0; i < N_FRAMEWORKS; i++)
                if (migration_frameworks[i] == framework)
                        return &check->frameworks[i];
        return NULL;
}

/* Hints go to a shell: a name that is not plain is left for the reader to fill in. */
static char *expand_hint(const char *hint, const char *name) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
        const char *place = strstr(hint, "{name}");

        if (!place)
                return str_format("%s", hint);
        return str_format("%.*s%s%s", (int)(place - hint), hint,
                          name[strspn(name, plain)] || name[0] == '-' ? "NAME" : name,
                          place + strlen("{name}"));
}

static int add_finding(Report *report, const char *object, const char *name, Finding **ret) {
        *ret = report_add(report, KIND_MIGRATION, object, name);
        return *ret ? 0 : -ENOMEM;
}

static int set_finding(Finding *finding, Seen seen, Severity severity, Reason reason, const char *summary) {
        finding->seen = seen;
        finding->severity = severity;
        finding->reason = reason;
        return str_set(&finding->summary, summary);
}

/* Names a migration tool's history: "prisma", and "prisma (app)" where it has several. */
static char *history_object(const MigrationCheck *check, const History *history) {
        size_t n = 0;

        for (size_t i = 0; i < check->n_histories; i++)
                n += check->histories[i].framework == history->framework;
        if (n < 2)
                return str_format("%s", history->framework->name);
        return str_format("%s (%s)", history->framework->name, history->schema);
}

static const char *failure_summary(Reason reason) {
        switch (reason) {
        case REASON_PRIVILEGE:
                return "The history exists, and the monitoring role may not read it.";
        case REASON_ROW_SECURITY:
                return "Row level security hides the history's rows from the monitoring role.";
        case REASON_LOCKED:
                return "The history's table was locked.";
        case REASON_TIMEOUT:
                return "The history could not be read in time.";
        case REASON_OVER_LIMIT:
                return "The history has more rows than are read.";
        default:
                return "The history could not be read; the server's log has the text.";
        }
}

static char *grant_statement(const History *history, const ServerFacts *server) {
        _cleanup_(buffer_done) Buffer sql = BUFFER_NULL;
        const char *role = server && server->role ? server->role : "pgvigil";

        if (!history->may_use_schema) {
                buffer_add(&sql, "GRANT USAGE ON SCHEMA ");
                buffer_add_identifier(&sql, history->schema);
                buffer_add(&sql, " TO ");
                buffer_add_identifier(&sql, role);
                buffer_add(&sql, history->may_select ? ";" : "; ");
        }
        if (!history->may_select) {
                buffer_printf(&sql, "GRANT SELECT ON %s TO ", history->relation);
                buffer_add_identifier(&sql, role);
                buffer_add(&sql, ";");
        }
        return buffer_take(&sql);
}

/* An applied one whose file could not be read: whether it was modified is not known. */
static int add_unreadable(Report *report, const char *object, const Verdict *verdict) {
        Finding *finding;
        int r = add_finding(report, object, verdict->name, &finding);

        if (r < 0)
                return r;
        return set_finding(finding, SEEN_UNKNOWN, SEVERITY_WARNING,
                           verdict->file_error == -EFBIG ? REASON_OVER_LIMIT : REASON_ERROR,
                           "It is applied; its file cannot be read, so whether it was changed is not known.");
}

static const char *verdict_summary(const Verdict *verdict) {
        if (verdict->is_unsure)
                return "It is unfinished: whether it is still running cannot be seen here.";
        if (verdict->state == MIGRATION_PENDING && verdict->file_error == -ENOENT)
                return "Its directory has no migration.sql: the next deploy stops here.";
        if (verdict->state == MIGRATION_MISSING && verdict->file_error == -ENOENT)
                return "It is applied, and its directory has no migration.sql.";
        return migration_states[verdict->state].summary;
}

static const char *verdict_hint(const History *history, const Verdict *verdict) {
        if (verdict->is_unsure)
                return NULL;
        if (verdict->state == MIGRATION_PENDING && verdict->file_error == -ENOENT)
                return "Bring its migration.sql back from version control, or remove the directory.";
        return history->framework->hints[verdict->state];
}

static int add_verdict(Report *report, const History *history, const char *object, const MigrationRun *run,
                       const Verdict *verdict) {
        const MigrationStateText *state = &migration_states[verdict->state];
        const char *hint = verdict_hint(history, verdict);
        Finding *finding;
        int r;

        if (verdict->is_quiet || (verdict->state == MIGRATION_APPLIED && verdict->file_error == 0))
                return 0;
        if (verdict->state == MIGRATION_APPLIED)
                return add_unreadable(report, object, verdict);

        r = add_finding(report, object, verdict->name, &finding);
        if (r < 0)
                return r;
        if (!history->was_read)
                return set_finding(finding, SEEN_UNKNOWN, state->severity, history->failure,
                                   failure_summary(history->failure));
        r = set_finding(finding, verdict->is_unsure ? SEEN_UNKNOWN : SEEN_BREACH, state->severity,
                        state->reason, verdict_summary(verdict));
        if (r >= 0 && verdict->state == MIGRATION_RUNNING && !verdict->is_unsure)
                r = blocked_describe(run, finding);
        if (r < 0 || !hint)
                return r;
        finding->hint = expand_hint(hint, verdict->name);
        return finding->hint ? 0 : -ENOMEM;
}

typedef struct Counts {
        int64_t states[N_MIGRATION_STATES];
        usec_t last_finished;
} Counts;

static Counts count_states(const Verdicts *verdicts) {
        Counts counts = {};

        for (size_t i = 0; i < verdicts->count; i++) {
                const Verdict *verdict = &verdicts->items[i];

                counts.states[verdict->state]++;
                if (verdict->is_applied && verdict->state != MIGRATION_APPLIED)
                        counts.states[MIGRATION_APPLIED]++;
                if (verdict->is_applied && verdict->finished_at > counts.last_finished)
                        counts.last_finished = verdict->finished_at;
        }
        return counts;
}

/* "12 applied, 1 pending, 1 failed." and how far that goes. */
static char *status_summary(const Counts *counts, bool is_diverged, bool has_disk) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        for (size_t i = 0; i < N_MIGRATION_STATES; i++)
                if (i == MIGRATION_APPLIED || counts->states[i] > 0)
                        buffer_printf(&text, "%s%lld %s", i > 0 ? ", " : "", (long long)counts->states[i],
                                      i == MIGRATION_ROLLED_BACK ? "rolled back" : migration_states[i].name);
        if (is_diverged)
                buffer_add(&text, "; database and directory each have migrations that the other lacks");
        buffer_add(&text, has_disk ? "."
                                   : "; no directory was read: pending, modified and missing ones "
                                     "are not known.");
        return buffer_take(&text);
}

static int add_failed_status(const Judging *judging, const History *history, Finding *finding) {
        if (history->failure == REASON_PRIVILEGE && history->relation &&
            (!history->may_use_schema || !history->may_select)) {
                finding->repair = grant_statement(history, judging->context->server);
                if (!finding->repair)
                        return -ENOMEM;
        }
        return set_finding(finding, SEEN_UNKNOWN, SEVERITY_WARNING, history->failure,
                           failure_summary(history->failure));
}

static int add_status(const Judging *judging, const History *history, const char *object,
                      const Counts *counts) {
        const MigrationSettings *settings = &judging->context->settings->migrations;
        const FrameworkState *state = framework_state(judging->check, history->framework);
        bool is_diverged = history->verdicts.is_diverged;
        _cleanup_(freep) char *summary = NULL;
        Finding *finding;
        int r = add_finding(judging->report, object, "status", &finding);

        if (r < 0)
                return r;
        if (!history->was_read)
                return add_failed_status(judging, history, finding);
        if (!history->relation && judging->check->table) {
                finding->configured = true;
                return set_finding(
                        finding, SEEN_BREACH, SEVERITY_CRITICAL, REASON_NO_SUCH_TABLE,
                        "The table of migrations.table does not exist, or is no history of this tool.");
        }
        if (!history->relation && !framework_is_named(settings))
                return set_finding(finding, SEEN_SKIPPED, SEVERITY_INFO, REASON_SKIPPED,
                                   "The database has no migration history yet.");

        finding->value = VALUE_OF_INT(counts->states[MIGRATION_APPLIED]);
        finding->unit = "migrations";
        summary = status_summary(counts, is_diverged, state->has_disk);
        if (!summary)
                return -ENOMEM;
        return set_finding(finding, is_diverged ? SEEN_BREACH : SEEN_OK, SEVERITY_WARNING,
                           is_diverged ? REASON_DIVERGED : REASON_OK, summary);
}

/* What only a directory can tell has no number without one. */
static bool needs_disk(MigrationState state) {
        return state == MIGRATION_PENDING || state == MIGRATION_MODIFIED || state == MIGRATION_MISSING;
}

static int publish_table(const Judging *judging, const History *history, const Counts *counts) {
        const FrameworkState *state = framework_state(judging->check, history->framework);
        Table *table = report_table(judging->report, &migrations_shape);
        size_t row;

        if (!table)
                return -ENOMEM;
        for (size_t i = 0; i < N_MIGRATION_STATES; i++) {
                if (table_add_row(table, &row) < 0 ||
                    table_set_text(table, row, "framework", history->framework->name) < 0 ||
                    table_set_text(table, row, "schemaname", history->schema) < 0 ||
                    table_set_text(table, row, "state", migration_states[i].name) < 0)
                        return -ENOMEM;
                if (state->has_disk || !needs_disk(i))
                        table_set_int(table, row, "count", counts->states[i]);
        }

        table = report_table(judging->report, &migration_history_shape);
        if (!table || table_add_row(table, &row) < 0 ||
            table_set_text(table, row, "framework", history->framework->name) < 0 ||
            table_set_text(table, row, "schemaname", history->schema) < 0)
                return -ENOMEM;
        if (counts->last_finished > 0)
                table_set_float(table, row, "last_finished_timestamp_seconds",
                                (double)counts->last_finished / (double)USEC_PER_SEC);
        return 0;
}

static int decide(const Judging *judging, History *history) {
        const FrameworkState *state = framework_state(judging->check, history->framework);
        Surroundings surroundings = {
                .disk = state->has_disk ? &state->disk : NULL,
                .lock_is_known = state->lock_is_known,
                .lock_is_held = state->lock_is_held,
                .now = state->now,
                .before = &history->verdicts,
        };
        Verdicts verdicts = {};
        int r = history_decide(history->framework, &history->rows, &surroundings, &verdicts);

        if (r < 0)
                return r;
        verdicts_done(&history->verdicts);
        history->verdicts = verdicts;
        history->has_verdicts = true;
        return 0;
}

static int judge_history(const Judging *judging, History *history) {
        const FrameworkState *state = framework_state(judging->check, history->framework);
        _cleanup_(freep) char *object = history_object(judging->check, history);
        Counts counts;
        int r = 0;

        if (!object)
                return -ENOMEM;
        if (history->was_read)
                r = decide(judging, history);
        if (r < 0)
                return r;

        counts = count_states(&history->verdicts);
        r = add_status(judging, history, object, &counts);
        for (size_t i = 0; r >= 0 && i < history->verdicts.count; i++)
                r = add_verdict(judging->report, history, object, &state->run, &history->verdicts.items[i]);
        if (r >= 0 && history->has_verdicts)
                r = publish_table(judging, history, &counts);
        if (r >= 0 && history->has_verdicts)
                r = blocked_publish(history, state, judging->report);
        return r;
}

static int add_directory(const Judging *judging, const MigrationFramework *framework,
                         const FrameworkState *state) {
        const char *path = judging->context->settings->migrations.directory;
        _cleanup_(freep) char *summary = NULL;
        Finding *finding;
        int r;

        if (state->disk_error == 0)
                return 0;
        r = add_finding(judging->report, framework->name, "directory", &finding);
        if (r < 0)
                return r;
        finding->configured = true;
        if (state->disk_error == -EFBIG)
                summary = str_format("The migrations directory %s has more than %d entries.", path,
                                     DISK_ENTRIES_MAX);
        else
                summary = str_format("The migrations directory %s cannot be read: %s.%s", path,
                                     state->disk_error == -ETIMEDOUT ? "it did not answer in time"
                                                                     : strerrordesc_np(-state->disk_error),
                                     state->has_disk ? " What was last seen of it stands." : "");
        if (!summary)
                return -ENOMEM;
        return set_finding(finding, SEEN_UNKNOWN, SEVERITY_WARNING,
                           state->disk_error == -EFBIG       ? REASON_OVER_LIMIT
                           : state->disk_error == -ETIMEDOUT ? REASON_TIMEOUT
                                                             : REASON_ERROR,
                           summary);
}

static int add_provider(const Judging *judging, const MigrationFramework *framework,
                        const FrameworkState *state) {
        _cleanup_(freep) char *summary = NULL;
        Finding *finding;
        int r;

        if (!state->has_disk || !state->disk.provider)
                return 0;
        for (size_t i = 0; framework->providers[i]; i++)
                if (str_equal(state->disk.provider, framework->providers[i]))
                        return 0;
        r = add_finding(judging->report, framework->name, framework->lock_file, &finding);
        if (r < 0)
                return r;
        summary = str_format("The directory's %s says \"%s\": these migrations are for another database.",
                             framework->lock_file, state->disk.provider);
        if (!summary)
                return -ENOMEM;
        return set_finding(finding, SEEN_BREACH, SEVERITY_WARNING, REASON_DIFFERS, summary);
}

/* No table, no directory, or detection failed before anything was ever found. */
static int add_no_history(const Judging *judging, const MigrationFramework *framework,
                          const FrameworkState *state) {
        bool is_expected = judging->check->table ||
                           framework_is_named(&judging->context->settings->migrations);
        Finding *finding;
        int r;

        for (size_t i = 0; i < judging->check->n_histories; i++)
                if (judging->check->histories[i].framework == framework)
                        return 0;
        r = add_finding(judging->report, framework->name, "status", &finding);
        if (r < 0)
                return r;
        finding->configured = is_expected;
        if (judging->check->table_is_invalid)
                return set_finding(finding, SEEN_UNKNOWN, SEVERITY_WARNING, REASON_NO_SUCH_TABLE,
                                   "The setting migrations.table is no name of a table.");
        if (state->detect_failed)
                return set_finding(finding, SEEN_UNKNOWN, SEVERITY_WARNING, state->detect_failure,
                                   failure_summary(state->detect_failure));
        if (is_expected)
                return set_finding(finding, SEEN_BREACH, SEVERITY_CRITICAL, REASON_NO_SUCH_TABLE,
                                   "The database has no history of the configured migration tool.");
        return set_finding(finding, SEEN_SKIPPED, SEVERITY_INFO, REASON_SKIPPED,
                           "The database has no migration history, and no directory is given.");
}

/* Too many schemas have a history: the first of them are read. */
static int add_too_many(const Judging *judging, const MigrationFramework *framework,
                        const FrameworkState *state) {
        Finding *finding;
        int r;

        if (!state->has_too_many)
                return 0;
        r = add_finding(judging->report, framework->name, "histories", &finding);
        if (r < 0)
                return r;
        return set_finding(finding, SEEN_UNKNOWN, SEVERITY_WARNING, REASON_OVER_LIMIT,
                           "More than 64 schemas have a history of their own: only the first are read.");
}

static int judge_framework(const Judging *judging, size_t i) {
        static int (*const steps[])(const Judging *, const MigrationFramework *, const FrameworkState *) = {
                add_directory,
                add_provider,
                add_too_many,
                add_no_history,
        };

        for (size_t k = 0; k < ELEMENTS(steps); k++) {
                int r = steps[k](judging, migration_frameworks[i], &judging->check->frameworks[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Settings that no framework answers to: "none", or a name that is not known. */
static int add_unwatched(const Judging *judging) {
        const MigrationSettings *settings = &judging->context->settings->migrations;
        bool is_off = str_equal(settings->framework, "none");
        Finding *finding;
        int r = add_finding(judging->report, is_off ? "migrations" : settings->framework, "status", &finding);

        if (r < 0)
                return r;
        return is_off ? set_finding(finding, SEEN_SKIPPED, SEVERITY_INFO, REASON_SKIPPED,
                                    "Switched off: migrations.framework is \"none\".")
                      : set_finding(finding, SEEN_SKIPPED, SEVERITY_INFO, REASON_SKIPPED,
                                    "The history of this migration tool is not read in this version.");
}

int migration_judge(MigrationCheck *check, const CheckContext *context, Report *report) {
        const Judging judging = {.check = check, .context = context, .report = report};
        size_t n_wanted = 0;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < N_FRAMEWORKS; i++)
                if (framework_is_wanted(migration_frameworks[i], &context->settings->migrations)) {
                        r = judge_framework(&judging, i);
                        n_wanted++;
                }
        if (r >= 0 && n_wanted == 0)
                return add_unwatched(&judging);
        blocked_judge(check, report);
        for (size_t i = 0; r >= 0 && i < check->n_histories; i++)
                r = judge_history(&judging, &check->histories[i]);
        if (r >= 0)
                r = migration_expect(check, context, report);
        return r;
}
