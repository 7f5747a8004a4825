/* Tests of one table over many polls: a simulated one, whose breaking rows are known page by page, with
 * what can happen to it between two slices.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>
#include <string.h>

#include "checks/count.h"
#include "rows.h"

#define PAGES   2500 /* more than are read in one piece */
#define BUDGET  1024
#define MANY    (KEYS_MAX + 20)
#define RULES   2
#define NO_KEYS (&(const char *){"is_opaque=f"})
#define KEYED   (&(const char *){"is_opaque=f|key_columns={id}|key_types={bigint}"})
#define SCAN                                                                                                 \
        (&(const char *){"QUERY PLAN=[{\"Plan\": {\"Total Cost\": 9999.0, \"Node Type\": \"Seq Scan\"}}]"})

#define FACTS                                                                                                \
        "relid=1|root=1|is_other=f|is_named=f|relkind=r|leaf=shop.t|can_read=t|can_use=t|row_security=f|"    \
        "fingerprint=f|epoch=e|now=n|busy=0|is_standby=f|counts_rows=t|moved=0"

/* Rows that break one rule lie in one place. */
typedef struct Simulated {
        CountTable *table;
        CountRule *rules[RULES];
        int64_t page[RULES];
        int count[RULES];
        int64_t file;
        bool is_keyed, is_quiet;
        const char *lost; /* the connection is lost instead of the answer to this statement; once */
        usec_t now;
} Simulated;

static Simulated open_table(bool is_keyed) {
        static const char *const names[RULES] = {"a", "b"}, *const predicates[RULES] = {"breaks_a",
                                                                                        "breaks_b"};
        const CountTable wanted = {.id = 1, .schema = (char[]){"shop"}, .name = (char[]){"t"}};
        Simulated simulated = {.is_keyed = is_keyed, .file = 77, .now = USEC_PER_HOUR};

        ck_assert_int_eq(count_table_new(&wanted, &simulated.table), 0);
        for (size_t i = 0; i < RULES; i++)
                simulated.rules[i] = count_table_list(simulated.table, names[i], predicates[i]);
        return simulated;
}

static Table *answer_facts(const Simulated *simulated, const Statement *statement) {
        _cleanup_(freep) char *row = str_format("pages=%d|file=%lld|snapshot=%llu|signature=%llu", PAGES,
                                                (long long)simulated->file,
                                                simulated->is_quiet ? 0 : (unsigned long long)simulated->now,
                                                (unsigned long long)simulated->now);

        return rows_make(statement->shape, FACTS, &(const char *){row}, 1);
}

static bool is_read(const Simulated *simulated, size_t rule, const Statement *statement) {
        return strstr(statement->sql, simulated->rules[rule]->predicate) != NULL;
}

static Table *answer_slice(const Simulated *simulated, const Statement *statement) {
        const Slice *slice = &simulated->table->slice;
        Table *rows = rows_make(statement->shape, NULL, NULL, 0);

        for (size_t i = 0; i < RULES; i++) {
                _cleanup_(buffer_done) Buffer row = BUFFER_NULL;
                const char *separator = "";

                if (!is_read(simulated, i, statement) || simulated->count[i] == 0 ||
                    simulated->page[i] < slice->first || simulated->page[i] >= slice->end)
                        continue;
                buffer_printf(&row, "page=%lld|counts={", (long long)simulated->page[i]);
                for (size_t k = 0; k < RULES; k++) {
                        if (!is_read(simulated, k, statement))
                                continue;
                        buffer_printf(&row, "%s%d", separator, k == i ? simulated->count[k] : 0);
                        separator = ",";
                }
                buffer_add_char(&row, '}');
                rows_add(rows, NULL, buffer_text(&row));
        }
        return rows;
}

static void add_keys(const Simulated *simulated, const Statement *statement, size_t rule, Table *rows) {
        for (int i = 0; i < simulated->count[rule] && rows->n_rows < statement->max_rows; i++) {
                char row[128];

                snprintf(row, sizeof(row), "key=(%zu-%04d)|parts={%d}|broken={%c,%c}", rule, i, i,
                         rule == 0 ? 't' : 'f', rule == 1 ? 't' : 'f');
                rows_add(rows, NULL, row);
        }
}

static Table *answer_keys(const Simulated *simulated, const Statement *statement) {
        const Slice *slice = &simulated->table->slice;
        bool is_slice = str_equal(statement->name, "count.slice_keys");
        Table *rows = rows_make(statement->shape, NULL, NULL, 0);

        for (size_t i = 0; i < RULES; i++)
                if (is_read(simulated, i, statement) &&
                    (!is_slice || (simulated->page[i] >= slice->first && simulated->page[i] < slice->end)))
                        add_keys(simulated, statement, i, rows);
        return rows;
}

static Table *answer(const Simulated *simulated, const Statement *statement) {
        if (str_equal(statement->name, "count.facts"))
                return answer_facts(simulated, statement);
        if (str_equal(statement->name, "count.details"))
                return rows_make(statement->shape, NULL, simulated->is_keyed ? KEYED : NO_KEYS, 1);
        if (str_equal(statement->name, "count.plan"))
                return rows_make(statement->shape, NULL, SCAN, 1);
        if (str_equal(statement->name, "count.slice"))
                return answer_slice(simulated, statement);
        if (str_equal(statement->name, "count.slice_keys") || str_equal(statement->name, "count.recheck"))
                return answer_keys(simulated, statement);
        ck_assert_str_eq(statement->name, "count.lock");
        return NULL;
}

/* One poll that asks for some rules, or (NULL) a piece of the walk of everything. */
static void poll(Simulated *simulated, const char *asked) {
        const ServerFacts server = {.version_num = 150000};
        const TargetSettings settings = {.limits.blocks_per_poll = BUDGET};
        const CheckContext context = {
                .settings = &settings, .server = &server, .boottime = simulated->now++, .realtime = 1};

        for (size_t i = 0; i < RULES; i++)
                simulated->rules[i]->is_asked = asked && strstr(asked, simulated->rules[i]->name);
        count_begin(simulated->table, BUDGET, !asked);
        for (;;) {
                _cleanup_(statement_done) Statement statement = {};
                _cleanup_(outcome_done)
                        Outcome outcome = {.kind = OUTCOME_ROWS, .duration = 20 * USEC_PER_MSEC};
                int r = count_next(simulated->table, &context, &statement);

                ck_assert_int_ge(r, 0);
                if (r == 0)
                        return;
                if (simulated->lost && str_equal(statement.name, simulated->lost)) {
                        simulated->lost = NULL;
                        return;
                }
                outcome.table = answer(simulated, &statement);
                ck_assert_int_eq(count_take(simulated->table, &context, &outcome), 0);
        }
}

static const CountAnswer *answer_of(const Simulated *simulated, size_t rule) {
        return &simulated->rules[rule]->answer;
}

static void check_answer(const Simulated *simulated, size_t rule, Reason reason, int64_t count) {
        const CountAnswer *answer = answer_of(simulated, rule);

        ck_assert_msg(answer->reason == reason && answer->count == count, "%zu: %s %lld", rule,
                      reason_name(answer->reason), (long long)answer->count);
}

/* To the end of the walk, by polls that ask for some rules; how many they were. */
static int walk(Simulated *simulated, const char *asked) {
        int polls = 0;

        do {
                poll(simulated, asked);
                ck_assert_int_lt(++polls, 20);
        } while (simulated->table->walk.is_active);
        return polls;
}

START_TEST(a_rule_that_a_slice_left_out_is_part_of_the_next_walk_only) {
        Simulated simulated = open_table(false);
        int whole = walk(&simulated, "a b"), with_gap;

        ck_assert_int_ge(whole, 3);
        simulated.page[1] = BUDGET + 1; /* in the slice that leaves it out */
        simulated.count[1] = 7;
        poll(&simulated, "a b");
        poll(&simulated, "a");
        with_gap = 2 + walk(&simulated, "a b");
        ck_assert_int_eq(with_gap, whole); /* of the other it is a whole one */
        check_answer(&simulated, 0, REASON_OK, 0);
        ck_assert_uint_eq(simulated.rules[0]->pass, simulated.table->pass.number);
        ck_assert_uint_ne(simulated.rules[1]->pass, simulated.table->pass.number);
        walk(&simulated, "a b");
        check_answer(&simulated, 1, REASON_OK, 7);
        count_table_free(simulated.table);
}
END_TEST

START_TEST(a_rule_that_was_never_walked_whole_has_no_answer) {
        Simulated simulated = open_table(false);

        simulated.page[1] = BUDGET + 1;
        simulated.count[1] = 7;
        poll(&simulated, "a b");
        poll(&simulated, "a");
        walk(&simulated, "a b");
        check_answer(&simulated, 0, REASON_OK, 0);
        check_answer(&simulated, 1, REASON_OVER_LIMIT, 0);
        count_table_free(simulated.table);
}
END_TEST

START_TEST(a_walk_of_some_rules_ends_no_walk_of_everything) {
        Simulated simulated = open_table(false);

        simulated.page[1] = PAGES - 1;
        simulated.rules[1]->trusted = METHOD_ENFORCED;
        poll(&simulated, NULL);
        ck_assert(simulated.table->safety.is_active);
        simulated.count[1] = 3; /* its triggers were off */
        for (int i = 0; i < 3; i++)
                walk(&simulated, "a");
        ck_assert_uint_gt(simulated.rules[0]->walked_since, 0);
        ck_assert_uint_eq(simulated.rules[1]->walked_since, 0);
        ck_assert_uint_eq(simulated.table->safety_at, 0);
        while (simulated.table->safety.is_active)
                poll(&simulated, NULL);
        ck_assert_uint_eq(simulated.table->safety_at, USEC_PER_HOUR);
        ck_assert(simulated.rules[1]->is_suspect && !simulated.rules[0]->is_suspect);
        count_table_free(simulated.table);
}
END_TEST

START_TEST(a_walk_of_all_rules_is_one_of_everything) {
        Simulated simulated = open_table(false);

        walk(&simulated, "a b");
        ck_assert_uint_eq(simulated.table->safety_at, USEC_PER_HOUR);
        count_table_free(simulated.table);
}
END_TEST

START_TEST(a_table_that_is_rewritten_in_the_middle_of_a_walk_is_walked_anew) {
        for (int is_safety = 0; is_safety < 2; is_safety++) {
                Simulated simulated = open_table(false);
                const Walk *under_way = is_safety ? &simulated.table->safety : &simulated.table->walk;

                simulated.page[0] = PAGES - 1;
                simulated.count[0] = 4;
                simulated.rules[0]->trusted = METHOD_PROVED;
                poll(&simulated, is_safety ? NULL : "a");
                simulated.file++; /* VACUUM FULL: the rows at its end are at its beginning */
                simulated.page[0] = 0;
                for (poll(&simulated, is_safety ? NULL : "a"); under_way->is_active;)
                        poll(&simulated, is_safety ? NULL : "a");
                ck_assert_int_eq(simulated.rules[0]->is_suspect, is_safety);
                if (!is_safety)
                        check_answer(&simulated, 0, REASON_OK, 4);
                count_table_free(simulated.table);
        }
}
END_TEST

START_TEST(while_more_rows_than_keys_are_kept_break_a_rule_the_last_count_stands_until_the_next) {
        Simulated simulated = open_table(true);

        simulated.page[0] = PAGES - 1;
        simulated.count[0] = MANY;
        walk(&simulated, "a b");
        check_answer(&simulated, 0, REASON_OK, MANY);
        do {
                poll(&simulated, "a b");
                check_answer(&simulated, 0, REASON_OK, MANY);
        } while (simulated.table->walk.is_active);
        simulated.count[0] = 0;
        walk(&simulated, "a b");
        check_answer(&simulated, 0, REASON_OK, 0);
        count_table_free(simulated.table);
}
END_TEST

START_TEST(rows_whose_keys_are_all_kept_leave_at_the_next_poll) {
        Simulated simulated = open_table(true);

        simulated.page[0] = 300;
        simulated.count[0] = 5;
        walk(&simulated, "a b");
        check_answer(&simulated, 0, REASON_OK, 5);
        simulated.count[0] = 2;
        poll(&simulated, "a b");
        ck_assert(simulated.table->walk.is_active);
        check_answer(&simulated, 0, REASON_OK, 2);
        count_table_free(simulated.table);
}
END_TEST

START_TEST(keys_that_were_lost_with_the_connection_are_not_taken_for_all) {
        Simulated simulated = open_table(true);

        simulated.page[0] = 300;
        simulated.count[0] = 5;
        simulated.lost = "count.slice_keys";
        poll(&simulated, "a b");
        ck_assert(!simulated.lost && simulated.table->walk.is_active);
        walk(&simulated, "a b");
        check_answer(&simulated, 0, REASON_OK, 5);
        poll(&simulated, "a b");
        check_answer(&simulated, 0, REASON_OK, 5);
        count_table_free(simulated.table);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                a_rule_that_a_slice_left_out_is_part_of_the_next_walk_only,
                a_rule_that_was_never_walked_whole_has_no_answer,
                a_walk_of_some_rules_ends_no_walk_of_everything,
                a_walk_of_all_rules_is_one_of_everything,
                a_table_that_is_rewritten_in_the_middle_of_a_walk_is_walked_anew,
                while_more_rows_than_keys_are_kept_break_a_rule_the_last_count_stands_until_the_next,
                rows_whose_keys_are_all_kept_leave_at_the_next_poll,
                keys_that_were_lost_with_the_connection_are_not_taken_for_all,
        };

        return unit_run("count-table", tests, ELEMENTS(tests));
}
