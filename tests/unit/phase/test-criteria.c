/* Tests of the criteria: a table of single objects and counters, and what they make of a criterion.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "lab.h"
#include "phase/internal.h"

/* Judges, and keeps the sentence for a look. */
static Judgement judge(Criterion criterion, const PhaseRecord *record, const PhaseInputs *inputs) {
        static Judgement judgement;

        buffer_done(&judgement.reason);
        criterion_judge(criterion, record, inputs, AT(0), &judgement);
        return judgement;
}

#define EXPECT(judgement, wanted, words)                                                                     \
        do {                                                                                                 \
                Judgement _j = (judgement);                                                                  \
                ck_assert_msg(_j.status == (wanted), "status %s: %s", status_name(_j.status),                \
                              buffer_text(&_j.reason));                                                      \
                ck_assert_msg(strstr(buffer_text(&_j.reason), (words)), "\"%s\" is not in: %s", (words),     \
                              buffer_text(&_j.reason));                                                      \
        } while (0)

typedef struct ObjectCase {
        const char *claim;
        Criterion criterion;
        Finding finding;
        PhaseObject object;
        bool is_scope_unknown;
        Status status;
        const char *words;
} ObjectCase;

#define NAMED(kind_)                                                                                         \
        .kind = KIND_##kind_, .object = (char *)"orders", .name = (char *)"rule", .configured = true,        \
        .severity = SEVERITY_CRITICAL, .unit = "rows"
#define FOUND(kind_)                                                                                         \
        .kind = KIND_##kind_, .object = (char *)"orders", .name = (char *)"rule",                            \
        .severity = SEVERITY_WARNING, .unit = "rows"
#define ROWS(n)     .value = VALUE_OF_INT(n)
#define BREACH(why) .seen = SEEN_BREACH, .reason = REASON_##why, .status = STATUS_FAIL
#define BLIND(why)  .seen = SEEN_UNKNOWN, .reason = REASON_##why, .status = STATUS_UNKNOWN

static const ObjectCase objects[] = {
        {"a valid constraint",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(CONSTRAINT)},
         {},
         false,
         STATUS_PASS,
         "1 of 1"},
        {"one that is not valid",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(CONSTRAINT), BREACH(NOT_VALID)},
         {.state = REASON_NOT_VALID},
         false,
         STATUS_FAIL,
         "rule on orders (not_valid)"},
        {"one that is not valid and a warning only",
         CRITERION_CONSTRAINTS_ENFORCED,
         {FOUND(CONSTRAINT), BREACH(NOT_VALID)},
         {.state = REASON_NOT_VALID, .is_added = true},
         false,
         STATUS_FAIL,
         "1 of 1"},
        {"rows do not hide the state",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(CONSTRAINT), BREACH(VIOLATED), ROWS(3)},
         {.state = REASON_NOT_VALID},
         false,
         STATUS_FAIL,
         "not_valid"},
        {"rows alone are no state",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(CONSTRAINT), BREACH(VIOLATED), ROWS(3)},
         {},
         false,
         STATUS_PASS,
         "1 of 1"},
        {"a state that is not known",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(CONSTRAINT), BREACH(VIOLATED), ROWS(3)},
         {.state = REASON_VIOLATED},
         false,
         STATUS_UNKNOWN,
         "state not known"},
        {"a lacking privilege",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(CONSTRAINT), BLIND(PRIVILEGE)},
         {.state = REASON_PRIVILEGE},
         false,
         STATUS_UNKNOWN,
         "privilege"},
        {"a picture that is too old",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(CONSTRAINT), BLIND(STALE)},
         {},
         false,
         STATUS_UNKNOWN,
         "stale"},
        {"what is found besides decides nothing",
         CRITERION_CONSTRAINTS_ENFORCED,
         {FOUND(CONSTRAINT), BREACH(NOT_VALID)},
         {.state = REASON_NOT_VALID},
         false,
         STATUS_PASS,
         "0 of 0"},
        {"unless it may be the migration's",
         CRITERION_CONSTRAINTS_ENFORCED,
         {FOUND(CONSTRAINT), BREACH(NOT_VALID)},
         {.state = REASON_NOT_VALID},
         true,
         STATUS_UNKNOWN,
         "was not seen"},
        {"what is not expected yet is not asked for",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(CONSTRAINT), .seen = SEEN_BREACH, .reason = REASON_NOT_EXPECTED_YET},
         {.state = REASON_MISSING},
         false,
         STATUS_PASS,
         "0 of 0"},
        {"foreign keys are the cascades",
         CRITERION_CONSTRAINTS_ENFORCED,
         {NAMED(FOREIGN_KEY), BREACH(NOT_VALID)},
         {.state = REASON_NOT_VALID},
         false,
         STATUS_PASS,
         "0 of 0"},
        {"an action that can only fail",
         CRITERION_CASCADES,
         {NAMED(FOREIGN_KEY), BREACH(NOT_NULL_ACTION)},
         {.state = REASON_NOT_NULL_ACTION},
         false,
         STATUS_FAIL,
         "not_null_action"},
        {"an action that a trigger swallows",
         CRITERION_CASCADES,
         {NAMED(FOREIGN_KEY), BREACH(SUPPRESSED)},
         {.state = REASON_SUPPRESSED},
         false,
         STATUS_FAIL,
         "suppressed"},
        {"no rows, confirmed",
         CRITERION_NO_VIOLATIONS,
         {NAMED(CONSTRAINT), ROWS(0)},
         {.walked_since = AT(5)},
         false,
         STATUS_PASS,
         "1 of 1"},
        {"no rows, walked before the migration",
         CRITERION_NO_VIOLATIONS,
         {NAMED(CONSTRAINT), ROWS(0)},
         {.walked_since = AT(-5)},
         false,
         STATUS_UNKNOWN,
         "not confirmed"},
        {"no rows, proved only",
         CRITERION_NO_VIOLATIONS,
         {NAMED(CONSTRAINT), ROWS(0)},
         {},
         false,
         STATUS_UNKNOWN,
         "not confirmed"},
        {"rows",
         CRITERION_NO_VIOLATIONS,
         {NAMED(FOREIGN_KEY), BREACH(VIOLATED), ROWS(3)},
         {.walked_since = AT(5)},
         false,
         STATUS_FAIL,
         "rule on orders (3 rows)"},
        {"a count that is too old",
         CRITERION_NO_VIOLATIONS,
         {NAMED(CONSTRAINT), BLIND(LOCKED), ROWS(0)},
         {.walked_since = AT(5)},
         false,
         STATUS_UNKNOWN,
         "locked"},
        {"a count that is not too old, though the last one failed",
         CRITERION_NO_VIOLATIONS,
         {NAMED(CONSTRAINT), ROWS(0), .seen = SEEN_UNKNOWN, .status = STATUS_PASS, .is_blind = true},
         {.walked_since = AT(5)},
         false,
         STATUS_PASS,
         "1 of 1"},
        {"rows that could not be counted",
         CRITERION_NO_VIOLATIONS,
         {NAMED(CONSTRAINT), BLIND(ROW_SECURITY)},
         {.walked_since = AT(5)},
         false,
         STATUS_UNKNOWN,
         "row_security"},
        {"a state without a count is no count",
         CRITERION_NO_VIOLATIONS,
         {NAMED(CONSTRAINT), BREACH(MISSING)},
         {.walked_since = AT(5)},
         false,
         STATUS_UNKNOWN,
         "missing"},
        {"a unique index has no rows to count",
         CRITERION_NO_VIOLATIONS,
         {.kind = KIND_CONSTRAINT, .object = (char *)"orders", .name = (char *)"key", .configured = true},
         {},
         false,
         STATUS_PASS,
         "0 of 0"},
        {"rows below the threshold are no breach",
         CRITERION_NO_VIOLATIONS,
         {NAMED(CONSTRAINT), .seen = SEEN_BREACH, ROWS(4), .threshold = 5},
         {.walked_since = AT(5)},
         false,
         STATUS_PASS,
         "1 of 1"},
        {"an index that is chosen",
         CRITERION_INDEXES_USED,
         {NAMED(INDEX), ROWS(9)},
         {.plan = PLAN_CHOSEN},
         false,
         STATUS_PASS,
         "1 of 1"},
        {"an index that is not chosen on a small table",
         CRITERION_INDEXES_USED,
         {NAMED(INDEX)},
         {.plan = PLAN_USABLE, .is_small = true},
         false,
         STATUS_PASS,
         "1 of 1"},
        {"an index that is not chosen on a large table",
         CRITERION_INDEXES_USED,
         {NAMED(INDEX)},
         {.plan = PLAN_USABLE},
         false,
         STATUS_UNKNOWN,
         "usable, not chosen"},
        {"an index of no use",
         CRITERION_INDEXES_USED,
         {NAMED(INDEX)},
         {.plan = PLAN_UNUSABLE},
         false,
         STATUS_FAIL,
         "not usable"},
        {"an invalid index, whatever its canary",
         CRITERION_INDEXES_USED,
         {NAMED(INDEX), BREACH(INVALID)},
         {.state = REASON_INVALID, .plan = PLAN_CHOSEN},
         false,
         STATUS_FAIL,
         "invalid"},
        {"an invalid index without a canary",
         CRITERION_INDEXES_USED,
         {NAMED(INDEX), BREACH(INVALID)},
         {.state = REASON_INVALID},
         false,
         STATUS_FAIL,
         "invalid"},
        {"an index that is being built",
         CRITERION_INDEXES_USED,
         {NAMED(INDEX), BREACH(BUILDING)},
         {.state = REASON_BUILDING, .plan = PLAN_CHOSEN},
         false,
         STATUS_UNKNOWN,
         "building"},
        {"scans are no evidence",
         CRITERION_INDEXES_USED,
         {NAMED(INDEX)},
         {.scans = 500},
         false,
         STATUS_SKIPPED,
         "scanned 500 times"},
};

START_TEST(each_object_makes_its_criterion) {
        const PhaseRecord record = {.state = PHASE_WATCHING, .started_at = AT(0), .ends_at = AT(DAY)};

        for (size_t i = 0; i < ELEMENTS(objects); i++) {
                const ObjectCase *c = &objects[i];
                PhaseObject object = c->object;
                PhaseInputs inputs = {
                        .is_complete = true,
                        .scope_is_known = !c->is_scope_unknown,
                        .objects = &object,
                        .n_objects = 1,
                };
                Judgement judgement;

                object.finding = &c->finding;
                judgement = judge(c->criterion, &record, &inputs);
                ck_assert_msg(judgement.status == c->status &&
                                      strstr(buffer_text(&judgement.reason), c->words),
                              "%s: %s, %s", c->claim, status_name(judgement.status),
                              buffer_text(&judgement.reason));
        }
}
END_TEST

START_TEST(a_failure_names_five_and_counts_the_rest) {
        const PhaseRecord record = {.started_at = AT(0)};
        Finding findings[8] = {};
        PhaseObject list[8] = {};
        PhaseInputs inputs = {.is_complete = true, .scope_is_known = true, .objects = list, .n_objects = 8};

        for (size_t i = 0; i < 8; i++) {
                findings[i] = (Finding){NAMED(CONSTRAINT), BREACH(MISSING)};
                list[i] = (PhaseObject){.finding = &findings[i], .state = REASON_MISSING};
        }
        EXPECT(judge(CRITERION_CONSTRAINTS_ENFORCED, &record, &inputs), STATUS_FAIL, "8 of 8 constraints");
        EXPECT(judge(CRITERION_CONSTRAINTS_ENFORCED, &record, &inputs), STATUS_FAIL, "(missing) and 3 more.");
}
END_TEST

/* Before each check has judged once, nothing in scope would mean "0 of 0": a wrong green. */
START_TEST(findings_that_are_not_there_yet_are_no_pass) {
        const PhaseRecord record = {.started_at = AT(0)};
        const PhaseInputs inputs = {.scope_is_known = true, .history_is_readable = true};

        for (Criterion i = 0; i <= CRITERION_INDEXES_USED; i++)
                EXPECT(judge(i, &record, &inputs), STATUS_UNKNOWN, "first result");
}
END_TEST

/* One migration in the batch, "20260119000000_b", finished, and one more finding. */
static Judgement judge_migration(const char *name, Seen seen, Reason reason, bool is_known) {
        static PhaseMigration migration = {(char *)"20260119000000_b", AT(10)};
        const PhaseRecord record = {
                .started_at = AT(10),
                .batch = {&migration, 1},
                .known = {&migration, is_known ? 1 : 0},
        };
        const Finding finding = {
                .kind = KIND_MIGRATION,
                .object = (char *)"prisma",
                .name = (char *)name,
                .seen = seen,
                .status = seen == SEEN_UNKNOWN ? STATUS_UNKNOWN : STATUS_WARN,
                .reason = reason,
        };
        const PhaseInputs inputs = {
                .is_complete = true,
                .history_is_readable = true,
                .findings = &finding,
                .n_findings = 1,
        };

        return judge(CRITERION_MIGRATION_COMPLETED, &record, &inputs);
}

START_TEST(each_migration_makes_its_criterion) {
        static const struct {
                const char *name;
                Seen seen;
                Reason reason;
                bool is_gone;
                Status status;
        } cases[] = {
                {"status", SEEN_OK, REASON_OK, false, STATUS_PASS},
                {"status", SEEN_OK, REASON_OK, true, STATUS_FAIL},
                {"20260119000000_b", SEEN_BREACH, REASON_FAILED, false, STATUS_FAIL},
                {"20260119000000_b", SEEN_BREACH, REASON_INTERRUPTED, false, STATUS_FAIL},
                {"20260119000000_b", SEEN_BREACH, REASON_ROLLED_BACK, false, STATUS_FAIL},
                {"20260119000000_b", SEEN_BREACH, REASON_MODIFIED, false, STATUS_PASS},
                {"20260118000000_a", SEEN_BREACH, REASON_FAILED, false, STATUS_FAIL},
                {"20260118000000_a", SEEN_UNKNOWN, REASON_FAILED, false, STATUS_UNKNOWN},
                {"20260118000000_a", SEEN_BREACH, REASON_PENDING, false, STATUS_UNKNOWN},
                {"20260118000000_a", SEEN_BREACH, REASON_RUNNING, false, STATUS_UNKNOWN},
                {"9_a", SEEN_BREACH, REASON_PENDING, false, STATUS_UNKNOWN},
                {"20260120000000_c", SEEN_BREACH, REASON_PENDING, false, STATUS_PASS},
                {"20260120000000_c", SEEN_BREACH, REASON_FAILED, false, STATUS_PASS},
                {"120260118000000_c", SEEN_BREACH, REASON_PENDING, false, STATUS_PASS},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Judgement judgement = judge_migration(cases[i].name, cases[i].seen, cases[i].reason,
                                                      !cases[i].is_gone);

                ck_assert_msg(judgement.status == cases[i].status, "%zu: %s", i,
                              buffer_text(&judgement.reason));
        }
}
END_TEST

START_TEST(an_unreadable_history_is_unknown_and_no_batch_is_0_of_0) {
        PhaseMigration migration = {(char *)"a", AT(10)};
        PhaseRecord record = {.started_at = AT(10), .batch = {&migration, 1}, .known = {&migration, 1}};
        const PhaseInputs inputs = {.is_complete = true};

        EXPECT(judge(CRITERION_MIGRATION_COMPLETED, &record, &inputs), STATUS_UNKNOWN, "cannot be read");
        record.batch.count = 0;
        EXPECT(judge(CRITERION_MIGRATION_COMPLETED, &record, &inputs), STATUS_PASS, "0 of 0");
}
END_TEST

START_TEST(each_canary_makes_queries_work) {
        static const struct {
                PhaseCanary canary;
                Status status;
                const char *words;
        } cases[] = {
                {{"q", 1000, 0, 0, 0, 100, 100, 0}, STATUS_PASS, "1 of 1"},
                {{"q", 1000, 0, 5, 1, 100, 100, 0}, STATUS_PASS, "1 of 1"},
                {{"q", 1000, 0, 6, 1, 100, 100, 0}, STATUS_FAIL, "q (6 of 1000 rounds wrong)"},
                {{"q", 1000, 0, 2, 2, 100, 100, 0}, STATUS_FAIL, "wrong 2 times running"},
                {{"q", 1000, 0, 0, 0, 125000, 100000, 0}, STATUS_PASS, "1 of 1"},
                {{"q", 1000, 0, 0, 0, 126000, 100000, 0},
                 STATUS_FAIL,
                 "126 ms in the median, at most 125 ms"},
                {{"q", 1000, 0, 0, 0, 7000, 2000, 0}, STATUS_PASS, "1 of 1"},
                {{"q", 1000, 0, 0, 0, 7100, 2000, 0}, STATUS_FAIL, "at most 7 ms"},
                {{"q", 1000, 0, 0, 0, 110000, 0, 100000}, STATUS_FAIL, "at most 100 ms"},
                {{"q", 1000, 0, 0, 0, 110000, 100000, 100000}, STATUS_FAIL, "at most 100 ms"},
                {{"q", 1000, 0, 0, 0, 110000, 0, 0}, STATUS_PASS, "1 of 1"},
                {{"q", 0, 0, 0, 0, 0, 0, 0}, STATUS_UNKNOWN, "no round"},
                {{"q", 1000, 51, 0, 0, 100, 100, 0}, STATUS_UNKNOWN, "51 of 1000 rounds lost"},
                {{"q", 1000, 50, 0, 0, 100, 100, 0}, STATUS_PASS, "1 of 1"},
                {{"q", 10, 10, 0, 0, 0, 0, 0}, STATUS_UNKNOWN, "no round"},
        };
        const PhaseRecord record = {.started_at = AT(0)};

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const PhaseInputs inputs = {.canaries = &cases[i].canary, .n_canaries = 1};

                EXPECT(judge(CRITERION_QUERIES_WORK, &record, &inputs), cases[i].status, cases[i].words);
        }
}
END_TEST

START_TEST(each_outage_makes_app_healthy) {
        static const struct {
                PhaseApp app;
                Status status;
                const char *words;
        } cases[] = {
                {{1000, 1000, 0, 0}, STATUS_PASS, "1000 of 1000"},
                {{1000, 990, 0, 60 * USEC_PER_SEC}, STATUS_PASS, "outage took 1 min"},
                {{1000, 989, 0, 0}, STATUS_FAIL, "989 of 1000"},
                {{1000, 995, 0, 5 * USEC_PER_MINUTE}, STATUS_PASS, "5 min"},
                {{1000, 995, 0, 5 * USEC_PER_MINUTE + 1}, STATUS_FAIL, "5 min"},
                {{0, 0, 0, 0}, STATUS_UNKNOWN, "not probed"},
                {{900, 900, 100, 0}, STATUS_UNKNOWN, "100 could not be sent"},
        };
        const PhaseRecord record = {.started_at = AT(0)};

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const PhaseInputs inputs = {.app = &cases[i].app};

                EXPECT(judge(CRITERION_APP_HEALTHY, &record, &inputs), cases[i].status, cases[i].words);
        }
}
END_TEST

START_TEST(what_is_absent_is_skipped_and_says_what) {
        const PhaseRecord record = {.started_at = AT(0)};
        const ErrorRate errors = {.status = STATUS_SKIPPED, .cause = ERROR_RATE_NO_BASELINE};
        PhaseInputs inputs = {.performance_absent = "pg_stat_statements is missing", .error_rate = &errors};

        EXPECT(judge(CRITERION_QUERIES_WORK, &record, &inputs), STATUS_SKIPPED, "no canary");
        EXPECT(judge(CRITERION_APP_HEALTHY, &record, &inputs), STATUS_SKIPPED, "no app.url");
        EXPECT(judge(CRITERION_ERROR_RATE, &record, &inputs), STATUS_SKIPPED, "no whole day");
        EXPECT(judge(CRITERION_PERFORMANCE, &record, &inputs), STATUS_SKIPPED,
               "pg_stat_statements is missing");
}
END_TEST

START_TEST(errors_say_when_and_how_many) {
        const PhaseRecord record = {.started_at = AT(0), .ends_at = AT(DAY)};
        ErrorRate rate = {
                .status = STATUS_FAIL,
                .cause = ERROR_RATE_BUCKET,
                .n_days = 7,
                .bucket = 4,
                .errors = 120,
                .total = 3000,
                .ratio = 0.04,
                .limit = 0.015,
        };
        const PhaseInputs inputs = {.error_rate = &rate};

        EXPECT(judge(CRITERION_ERROR_RATE, &record, &inputs), STATUS_FAIL,
               "From 2023-11-14T23:13:20Z to 2023-11-14T23:28:20Z 120 of 3000 transactions were rolled back "
               "(4.00 %), at most 1.50 % by the 7 days before.");
        for (rate.cause = 0; rate.cause < ERROR_RATE_NO_BASELINE; rate.cause++)
                ck_assert_uint_gt(judge(CRITERION_ERROR_RATE, &record, &inputs).reason.length, 20);
}
END_TEST

START_TEST(latencies_say_how_much_of_what_and_name_statements) {
        const PhaseRecord record = {.started_at = AT(0), .ends_at = AT(DAY)};
        Performance result = {
                .status = STATUS_FAIL,
                .cause = PERFORMANCE_SLOWER,
                .n_days = 7,
                .n_compared = 24,
                .n_statements = 18,
                .n_total = 20,
                .coverage = 0.93,
                .median = 0.336472, /* log 1.4 */
                .moved = {{"SELECT *\nFROM orders WHERE status = $1 AND created_at > $2 ORDER BY created_at",
                           1.2, 3.4, 0.3}},
                .n_moved = 1,
        };
        const PhaseInputs inputs = {.performance = &result};

        EXPECT(judge(CRITERION_PERFORMANCE, &record, &inputs), STATUS_FAIL,
               "Statements cost +40 % in the median hour, at most +25 %. Over 18 of 20 statements (93 % of "
               "the "
               "time), 24 hours, 7 days before. Moved most: SELECT * FROM orders WHERE status = $1 AND "
               "created_at > $2 O… (3.4 ms, before 1.2 ms).");
        EXPECT(judge(CRITERION_PERFORMANCE, &record, &inputs), STATUS_FAIL, "Moved most: ");
        {
                Judgement told = judge(CRITERION_PERFORMANCE, &record, &inputs);
                const char *reason = buffer_text(&told.reason);

                ck_assert_str_eq(reason + phase_reason_length(reason) - strlen("days before."),
                                 strstr(reason, "days before. Moved"));
                ck_assert_uint_eq(phase_reason_length("3 of 3."), 7);
        }
        for (result.cause = 0; result.cause < PERFORMANCE_NO_BASELINE; result.cause++)
                ck_assert_uint_gt(judge(CRITERION_PERFORMANCE, &record, &inputs).reason.length, 20);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                each_object_makes_its_criterion,
                a_failure_names_five_and_counts_the_rest,
                findings_that_are_not_there_yet_are_no_pass,
                each_migration_makes_its_criterion,
                an_unreadable_history_is_unknown_and_no_batch_is_0_of_0,
                each_canary_makes_queries_work,
                each_outage_makes_app_healthy,
                what_is_absent_is_skipped_and_says_what,
                errors_say_when_and_how_many,
                latencies_say_how_much_of_what_and_name_statements,
        };

        return unit_run("criteria", tests, ELEMENTS(tests));
}
