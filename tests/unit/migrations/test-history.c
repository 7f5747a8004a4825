/* Tests of the decision: rows and directory in, one verdict a name out. The numbers in names are
 * the states of Prisma that were seen with the real tool.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "drive.h"

#define SUM_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OLD   (NOW - USEC_PER_HOUR)

/* Rows of a name, by what happened to it. */
#define LIVE(n, sum)                                                                                         \
        { .name = (n), .checksum = (sum), .is_finished = true, .started_at = OLD, .finished_at = OLD + 5 }
#define FAILED(n, sum)                                                                                       \
        { .name = (n), .checksum = (sum), .has_logs = true, .started_at = OLD }
#define OPEN(n, at)                                                                                          \
        { .name = (n), .checksum = SUM_A, .started_at = (at) }
#define ROLLED_BACK(n, sum)                                                                                  \
        { .name = (n), .checksum = (sum), .has_logs = true, .is_rolled_back = true, .started_at = OLD }
#define RESOLVED(n)                                                                                          \
        {                                                                                                    \
                .name = (n), .checksum = SUM_A, .has_logs = true, .is_finished = true, .started_at = OLD,    \
                .finished_at = OLD                                                                           \
        }

/* Directory entries: the name alone has SUM_A. */
typedef struct FakeEntry {
        const char *name, *sum;
        int error;
} FakeEntry;

typedef struct Case {
        const char *title;
        FakeRow rows[6];
        FakeEntry entries[4];
        bool no_directory, is_locked, lock_is_unknown;
        const char *expected; /* "name=state …", '?' for unsure, '~' for quiet, '!' for a bad file */
        bool is_diverged;
} Case;

static const Case cases[] = {
        {"state_01_applied", {LIVE("a", SUM_A)}, {{"a"}}, .expected = "a=applied"},
        {"state_02_pending", {}, {{"a"}}, .expected = "a=pending"},
        {"state_03_failed", {FAILED("a", SUM_A)}, {{"a"}}, .expected = "a=failed"},
        {"state_03_failed_while_another_migrator_holds_the_lock",
         {FAILED("a", SUM_A)},
         {{"a"}},
         .is_locked = true,
         .expected = "a=failed"},
        {"state_04_rolled_back_is_pending_again",
         {ROLLED_BACK("a", SUM_A)},
         {{"a"}},
         .expected = "a=rolled_back"},
        {"state_04_rolled_back_and_its_directory_deleted_is_quiet",
         {ROLLED_BACK("a", SUM_A)},
         {{"b"}},
         .expected = "a=rolled_back~ b=pending"},
        {"state_04_without_a_directory_it_is_said",
         {ROLLED_BACK("a", SUM_A)},
         {},
         .no_directory = true,
         .expected = "a=rolled_back"},
        {"state_05_resolved_as_applied",
         {ROLLED_BACK("a", SUM_A), RESOLVED("a")},
         {{"a"}},
         .expected = "a=applied"},
        {"state_06_applied_again",
         {ROLLED_BACK("a", SUM_A), LIVE("a", SUM_A)},
         {{"a"}},
         .expected = "a=applied"},
        {"state_07_edited_after_apply_is_modified", {LIVE("a", SUM_B)}, {{"a"}}, .expected = "a=modified"},
        {"state_09_row_without_directory_is_missing",
         {LIVE("a", SUM_A), LIVE("b", SUM_A)},
         {{"a"}},
         .expected = "a=applied b=missing"},
        {"state_10_both_directions_is_diverged",
         {LIVE("a", SUM_A), LIVE("b", SUM_A)},
         {{"a"}, {"c"}},
         .expected = "a=applied b=missing c=pending",
         .is_diverged = true},
        {"state_11_failed_and_a_later_one_pending",
         {FAILED("a", SUM_A)},
         {{"a"}, {"b"}},
         .expected = "a=failed b=pending"},
        {"state_12_no_rows_all_of_the_directory_is_pending",
         {},
         {{"a"}, {"b"}},
         .expected = "a=pending b=pending"},
        {"state_14_baselined",
         {RESOLVED("a"), LIVE("b", SUM_A)},
         {{"a"}, {"b"}},
         .expected = "a=applied b=applied"},
        {"state_15_squashed_and_resolved",
         {LIVE("a", SUM_A), LIVE("b", SUM_A), RESOLVED("s")},
         {{"s"}},
         .expected = "a=missing b=missing s=applied"},
        {"state_16_squashed_and_not_resolved_is_diverged",
         {LIVE("a", SUM_A), LIVE("b", SUM_A)},
         {{"s"}},
         .expected = "a=missing b=missing s=pending",
         .is_diverged = true},
        {"state_17_open_with_lock_is_running",
         {OPEN("a", OLD)},
         {{"a"}},
         .is_locked = true,
         .expected = "a=running"},
        {"state_18_open_without_lock_is_interrupted", {OPEN("a", OLD)}, {{"a"}}, .expected = "a=interrupted"},
        {"state_18_young_without_lock_may_have_just_begun",
         {OPEN("a", NOW - 2 * USEC_PER_SEC)},
         {{"a"}},
         .expected = "a=running"},
        {"state_18_at_the_grace_it_still_runs",
         {OPEN("a", NOW - HISTORY_GRACE)},
         {{"a"}},
         .expected = "a=running"},
        {"state_18_past_the_grace_it_is_interrupted",
         {OPEN("a", NOW - HISTORY_GRACE - 1)},
         {{"a"}},
         .expected = "a=interrupted"},
        {"state_18_start_time_in_the_future_is_young",
         {OPEN("a", NOW + USEC_PER_HOUR)},
         {{"a"}},
         .expected = "a=running"},
        {"standby_open_row_cannot_be_known",
         {OPEN("a", OLD)},
         {{"a"}},
         .lock_is_unknown = true,
         .expected = "a=running?"},
        {"standby_failed_row_is_known",
         {FAILED("a", SUM_A)},
         {{"a"}},
         .lock_is_unknown = true,
         .expected = "a=failed"},
        {"state_20_live_row_counts_not_the_first",
         {ROLLED_BACK("a", SUM_B), LIVE("a", SUM_A)},
         {{"a"}},
         .expected = "a=applied"},
        {"state_20_live_row_counts_for_modified_too",
         {ROLLED_BACK("a", SUM_A), LIVE("a", SUM_B)},
         {{"a"}},
         .expected = "a=modified"},
        {"state_22_directory_without_file_is_pending", {}, {{"a", NULL, -ENOENT}}, .expected = "a=pending!"},
        {"applied_and_its_file_gone_is_missing",
         {LIVE("a", SUM_A)},
         {{"a", NULL, -ENOENT}},
         .expected = "a=missing!"},
        {"applied_and_its_file_unreadable_is_not_known",
         {LIVE("a", SUM_B)},
         {{"a", NULL, -EACCES}},
         .expected = "a=applied!"},
        {"no_directory_says_nothing_of_files",
         {LIVE("a", SUM_B), FAILED("b", SUM_A)},
         {},
         .no_directory = true,
         .expected = "a=applied b=failed"},
        {"several_failed_attempts",
         {ROLLED_BACK("a", SUM_A), ROLLED_BACK("a", SUM_B), FAILED("a", SUM_A)},
         {{"a"}},
         .expected = "a=failed"},
        {"live_outranks_open", {LIVE("a", SUM_A), OPEN("a", OLD)}, {{"a"}}, .expected = "a=applied"},
        {"finished_and_rolled_back_is_not_live",
         {{.name = "a", .checksum = SUM_A, .is_finished = true, .is_rolled_back = true}},
         {{"a"}},
         .expected = "a=rolled_back"},
        {"start_time_unknown_is_old", {OPEN("a", 0)}, {{"a"}}, .expected = "a=interrupted"},
        {"d26_odd_names",
         {LIVE("a\"b;\n%s{name}", SUM_A), LIVE("\xf0\x9f\x90\x98", SUM_A)},
         {{"a\"b;\n%s{name}"}, {"\xf0\x9f\x90\x98"}},
         .expected = "a\"b;\n%s{name}=applied \xf0\x9f\x90\x98=applied"},
};

static void disk_make(const Case *this, Disk *ret) {
        static DiskEntry entries[4];

        *ret = (Disk){.entries = entries};
        for (size_t i = 0; i < ELEMENTS(this->entries) && this->entries[i].name; i++) {
                const FakeEntry *fake = &this->entries[i];

                entries[i] = (DiskEntry){.name = (char *)fake->name, .error = fake->error};
                for (size_t k = 0; k < N_FILE_VARIANTS; k++)
                        snprintf(entries[i].digests[k], DIGEST_HEX_MAX, "%s", fake->sum ? fake->sum : SUM_A);
                ret->n_entries++;
        }
}

static void describe(const Verdicts *verdicts, Buffer *out) {
        for (size_t i = 0; i < verdicts->count; i++) {
                const Verdict *verdict = &verdicts->items[i];

                buffer_printf(out, "%s%s=%s%s%s%s", i > 0 ? " " : "", verdict->name,
                              migration_states[verdict->state].name, verdict->is_unsure ? "?" : "",
                              verdict->is_quiet ? "~" : "", verdict->file_error < 0 ? "!" : "");
        }
}

static void rows_make(const FakeRow *fakes, size_t n_max, HistoryRows *ret) {
        FakeHistory history = {.rows = fakes};
        _cleanup_(table_freep) Table *table = NULL;

        while (history.n_rows < n_max && fakes[history.n_rows].name)
                history.n_rows++;
        table = answer_rows(&history);
        ck_assert_int_eq(history_rows_load(table, ret), 0);
}

START_TEST(decision_table_holds) {
        const Case *this = &cases[_i];
        _cleanup_(history_rows_done) HistoryRows rows = {};
        _cleanup_(verdicts_done) Verdicts verdicts = {};
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        Disk disk;
        Surroundings surroundings = {
                .disk = this->no_directory ? NULL : &disk,
                .lock_is_known = !this->lock_is_unknown,
                .lock_is_held = this->is_locked,
                .now = NOW,
        };

        disk_make(this, &disk);
        rows_make(this->rows, ELEMENTS(this->rows), &rows);
        ck_assert_int_eq(history_decide(&prisma_framework, &rows, &surroundings, &verdicts), 0);
        describe(&verdicts, &text);
        ck_assert_msg(str_equal(buffer_text(&text), this->expected), "%s: %s, not %s", this->title,
                      buffer_text(&text), this->expected);
        ck_assert_msg(verdicts.is_diverged == this->is_diverged, "%s", this->title);
}
END_TEST

START_TEST(open_row_that_was_without_lock_before_is_interrupted_whatever_its_age) {
        static const FakeRow fakes[] = {OPEN("a", NOW + USEC_PER_HOUR), {}};
        _cleanup_(history_rows_done) HistoryRows rows = {};
        _cleanup_(verdicts_done) Verdicts first = {}, second = {}, third = {};
        Surroundings surroundings = {.lock_is_known = true, .now = NOW};

        rows_make(fakes, 1, &rows);
        ck_assert_int_eq(history_decide(&prisma_framework, &rows, &surroundings, &first), 0);
        ck_assert_int_eq(first.items[0].state, MIGRATION_RUNNING);
        surroundings.before = &first;
        ck_assert_int_eq(history_decide(&prisma_framework, &rows, &surroundings, &second), 0);
        ck_assert_int_eq(second.items[0].state, MIGRATION_INTERRUPTED);
        surroundings.before = &second;
        ck_assert_int_eq(history_decide(&prisma_framework, &rows, &surroundings, &third), 0);
        ck_assert_int_eq(third.items[0].state, MIGRATION_INTERRUPTED);
}
END_TEST

START_TEST(another_attempt_of_the_same_name_is_young_again) {
        static const FakeRow before[] = {OPEN("a", NOW + USEC_PER_HOUR), {}};
        static const FakeRow after[] = {ROLLED_BACK("a", SUM_A), OPEN("a", NOW + USEC_PER_HOUR), {}};
        _cleanup_(history_rows_done) HistoryRows rows = {}, again = {};
        _cleanup_(verdicts_done) Verdicts first = {}, second = {};
        Surroundings surroundings = {.lock_is_known = true, .now = NOW};

        rows_make(before, 1, &rows);
        rows_make(after, 2, &again);
        ck_assert_int_eq(history_decide(&prisma_framework, &rows, &surroundings, &first), 0);
        surroundings.before = &first;
        ck_assert_int_eq(history_decide(&prisma_framework, &again, &surroundings, &second), 0);
        ck_assert_int_eq(second.items[0].state, MIGRATION_RUNNING);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("migrations/history");
        TCase *all = tcase_create("all");
        SRunner *runner;
        int failed;

        tcase_add_loop_test(all, decision_table_holds, 0, ELEMENTS(cases));
        tcase_add_test(all, open_row_that_was_without_lock_before_is_interrupted_whatever_its_age);
        tcase_add_test(all, another_attempt_of_the_same_name_is_young_again);
        suite_add_tcase(suite, all);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
