/* The states that the real Prisma left behind: its table as dumped, its directory, and what its
 * own diagnosis said, against what the check says.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <time.h>

#include "drive.h"

#define INIT        "20260110090000_init"
#define CONSTRAINTS "20260215103000_production_safety_constraints"

typedef struct State {
        const char *directory;
        const char *claim;
        bool is_locked;
        int64_t applied;
        struct {
                const char *name;
                Reason reason;
                Severity severity;
        } expected[2];
} State;

static const State states[] = {
        {"01-all-applied", "state_01_applied_is_ok", .applied = 2},
        {"02-one-pending", "state_02_is_pending", .applied = 1,
         .expected = {{CONSTRAINTS, REASON_PENDING, SEVERITY_WARNING}}},
        {"03-failed", "state_03_is_failed", .applied = 1,
         .expected = {{CONSTRAINTS, REASON_FAILED, SEVERITY_CRITICAL}}},
        {"04-failed-rolled-back", "state_04_rolled_back_is_pending_again", .applied = 1,
         .expected = {{CONSTRAINTS, REASON_ROLLED_BACK, SEVERITY_WARNING}}},
        {"05-failed-applied", "state_05_resolved_by_hand_is_applied", .applied = 2},
        {"06-reapplied", "state_06_applied_again_is_applied", .applied = 2},
        {"07-edited", "state_07_edited_after_apply_is_modified", .applied = 2,
         .expected = {{CONSTRAINTS, REASON_MODIFIED, SEVERITY_WARNING}}},
        {"08-crlf-not-edited", "state_08_other_line_ends_are_not_modified", .applied = 2},
        {"09-missing-on-disk", "state_09_row_without_directory_is_missing", .applied = 2,
         .expected = {{CONSTRAINTS, REASON_MISSING, SEVERITY_WARNING}}},
        {"11-failed-plus-pending", "state_11_is_failed_and_pending", .applied = 1,
         .expected = {{CONSTRAINTS, REASON_FAILED, SEVERITY_CRITICAL},
                      {"20260401000000_add_note", REASON_PENDING, SEVERITY_WARNING}}},
        {"17-in-progress", "state_17_with_its_lock_is_running", .is_locked = true, .applied = 2,
         .expected = {{"20260402000000_slow_backfill", REASON_RUNNING, SEVERITY_INFO}}},
        {"17-in-progress", "state_18_without_the_lock_is_interrupted", .applied = 2,
         .expected = {{"20260402000000_slow_backfill", REASON_INTERRUPTED, SEVERITY_CRITICAL}}},
        {"19-concurrently-invalid-index", "state_19_is_failed", .applied = 2,
         .expected = {{"20260403000000_concurrent_unique", REASON_FAILED, SEVERITY_CRITICAL}}},
};

static char *fixture_read(const char *state, const char *name) {
        _cleanup_(buffer_done) Buffer content = BUFFER_NULL;
        char path[4096], chunk[4096];
        size_t n;
        FILE *file;

        snprintf(path, sizeof(path), "%s/tests/fixtures/prisma/%s/%s", getenv("SOURCE_ROOT"), state, name);
        file = fopen(path, "r");
        ck_assert_msg(file, "%s: %m", path);
        while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
                buffer_append(&content, chunk, n);
        fclose(file);
        return buffer_take(&content);
}

/* One value of an INSERT: an owned text, or NULL for NULL; *text moves behind it. */
static char *value_read(const char **text) {
        _cleanup_(buffer_done) Buffer value = BUFFER_NULL;
        const char *p = *text;
        bool is_null = str_starts_with(p, "NULL");

        if (*p == '\'')
                for (p++; *p && (*p != '\'' || *++p == '\''); p++)
                        buffer_add_char(&value, *p);
        else
                for (; *p && *p != ',' && *p != ')'; p++)
                        buffer_add_char(&value, *p);
        p += strspn(p, ",) ");
        *text = p;
        return is_null ? NULL : buffer_take(&value);
}

/* "2026-11-23 16:03:17.56+00" as a server in any time zone would send its epoch. */
static usec_t time_read(const char *text) {
        struct tm tm = {};
        const char *rest;
        double fraction;

        if (!text)
                return 0;
        rest = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
        ck_assert_ptr_nonnull(rest);
        fraction = *rest == '.' ? strtod(rest, NULL) : 0;
        return (usec_t)timegm(&tm) * USEC_PER_SEC + (usec_t)(fraction * 1e6 + 0.5);
}

static size_t dump_read(const char *state, FakeRow *rows, size_t n_max) {
        static const char insert[] = "INSERT INTO public._prisma_migrations VALUES (";
        _cleanup_(freep) char *dump = fixture_read(state, "prisma_migrations.sql");
        size_t n = 0;

        for (const char *p = strstr(dump, insert); p; p = strstr(p, insert)) {
                char *values[8];

                ck_assert_uint_lt(n, n_max);
                p += strlen(insert);
                for (size_t i = 0; i < ELEMENTS(values); i++)
                        values[i] = value_read(&p);
                rows[n++] = (FakeRow){
                        .owned_checksum = TAKE(values[1]),
                        .owned_name = TAKE(values[3]),
                        .is_finished = values[2],
                        .finished_at = time_read(values[2]),
                        .has_logs = values[4],
                        .is_rolled_back = values[5],
                        .started_at = time_read(values[6]),
                };
                for (size_t i = 0; i < ELEMENTS(values); i++)
                        free(values[i]);
        }
        ck_assert_uint_gt(n, 0);
        return n;
}

/* How many names the tool's own diagnosis lists under a key, and whether `name` is one. */
static size_t diagnosis_count(const char *json, const char *key, const char *name, bool *ret_has) {
        const char *list = strstr(json, key), *end = list ? strchr(list, ']') : NULL;
        size_t quotes = 0;

        *ret_has = false;
        ck_assert_ptr_nonnull(end);
        for (const char *p = strchr(list, '['); p < end; p++) {
                quotes += *p == '"';
                if (name && *p == '"' && strncmp(p + 1, name, strlen(name)) == 0)
                        *ret_has = true;
        }
        return quotes / 2;
}

static void compare_with_diagnosis(const State *state) {
        _cleanup_(freep) char *json = fixture_read(state->directory, "diagnose.json");
        size_t n_modified = 0, n_failed = 0;
        bool has;

        for (size_t i = 0; i < ELEMENTS(state->expected) && state->expected[i].name; i++) {
                const char *name = state->expected[i].name;

                switch (state->expected[i].reason) {
                case REASON_MODIFIED:
                        n_modified++;
                        diagnosis_count(json, "\"editedMigrationNames\"", name, &has);
                        break;
                case REASON_FAILED:
                case REASON_RUNNING:
                case REASON_INTERRUPTED:
                        n_failed++;
                        diagnosis_count(json, "\"failedMigrationNames\"", name, &has);
                        break;
                case REASON_PENDING:
                        diagnosis_count(json, "\"unappliedMigrationNames\"", name, &has);
                        break;
                default:
                        continue;
                }
                ck_assert_msg(has, "%s: the tool itself does not list %s", state->claim, name);
        }
        ck_assert_uint_eq(diagnosis_count(json, "\"editedMigrationNames\"", NULL, &has), n_modified);
        ck_assert_uint_eq(diagnosis_count(json, "\"failedMigrationNames\"", NULL, &has), n_failed);
}

static void compare_findings(const State *state, const Report *report) {
        const Finding *status = must_find(report, "prisma", "status");
        size_t n = 1;

        ck_assert_int_eq(status->seen, SEEN_OK);
        ck_assert_int_eq(status->value.integer, state->applied);
        ck_assert_str_eq(status->unit, "migrations");
        for (size_t i = 0; i < ELEMENTS(state->expected) && state->expected[i].name; i++, n++) {
                const Finding *finding = must_find(report, "prisma", state->expected[i].name);

                ck_assert_msg(finding->seen == SEEN_BREACH, "%s", state->claim);
                ck_assert_msg(finding->reason == state->expected[i].reason, "%s: %s", state->claim,
                              reason_name(finding->reason));
                ck_assert_msg(finding->severity == state->expected[i].severity, "%s", state->claim);
                ck_assert_int_eq(count_in(report, "public", reason_name(finding->reason)), 1);
        }
        ck_assert_msg(report->n_findings == n, "%s: %zu findings", state->claim, report->n_findings);
        ck_assert_int_eq(count_in(report, "public", "applied"), state->applied);
}

static void run_state(const State *state, Report *report) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        CheckContext context = {};
        FakeRow rows[8] = {};
        FakeServer server = {.histories = {{.schema = "public", .rows = rows}},
                             .n_histories = 1,
                             .is_locked = state->is_locked};
        TargetSettings *target;
        char directory[4096];
        void *check = NULL;

        ck_assert_int_eq(settings_new(&settings), 0);
        ck_assert_int_eq(settings_add_target(settings, "shop", &target), 0);
        snprintf(directory, sizeof(directory), "%s/tests/fixtures/prisma/%s/migrations",
                 getenv("SOURCE_ROOT"), state->directory);
        ck_assert_int_eq(str_set(&target->migrations.directory, directory), 0);
        context.settings = target;
        server.histories[0].n_rows = dump_read(state->directory, rows, ELEMENTS(rows));

        ck_assert_int_eq(migration_check.new(target, &check), 0);
        drive(check, &context, &server, 0, report);
        migration_check.free(check);
        for (size_t i = 0; i < server.histories[0].n_rows; i++) {
                free(rows[i].owned_name);
                free(rows[i].owned_checksum);
        }
}

START_TEST(fixture_says_what_the_decision_table_says) {
        _cleanup_(report_done) Report report = {};

        run_state(&states[_i], &report);
        compare_findings(&states[_i], &report);
        compare_with_diagnosis(&states[_i]);
        ck_assert_ptr_nonnull(report.migrations);
        ck_assert(report.migrations->known);
        ck_assert_int_eq((int64_t)strv_length(report.migrations->applied), states[_i].applied);
}
END_TEST

START_TEST(r8_time_zone_of_the_process_does_not_matter) {
        static const char *const zones[] = {"UTC", "Asia/Kathmandu", "America/St_Johns"};

        for (size_t i = 0; i < ELEMENTS(zones); i++) {
                _cleanup_(report_done) Report report = {};
                bool is_seen = false;

                ck_assert_int_eq(setenv("TZ", zones[i], 1), 0);
                tzset();
                run_state(&states[0], &report);
                for (size_t k = 0; k < report.n_tables; k++) {
                        if (report.tables[k]->shape != &migration_history_shape)
                                continue;
                        is_seen = true;
                        ck_assert_double_eq_tol(
                                table_get(report.tables[k], 0, "last_finished_timestamp_seconds")->number,
                                1795449797.582, 0.0005);
                }
                ck_assert(is_seen);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("migrations/fixtures");
        TCase *cases = tcase_create("all");
        SRunner *runner;
        int failed;

        tcase_add_loop_test(cases, fixture_says_what_the_decision_table_says, 0, ELEMENTS(states));
        tcase_add_test(cases, r8_time_zone_of_the_process_does_not_matter);
        suite_add_tcase(suite, cases);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
