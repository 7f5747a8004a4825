/* Tests of the choice of a method: which facts allow it, and what is said of those passed over.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "checks/count-method.h"
#include "pgvigil/base/macros.h"
#include "pgvigil/base/str.h"

#define DENIED "a walk found rows that the catalog denies"
#define OPAQUE "the rule depends on more than its row"

/* Facts that allow each method and none that is cheaper. */
#define PAGES(n) .pages = (n), .full_pages = 2048, .can_slice = true, .cost_limit = 4096
#define SCANS    PAGES(9000), .plan_known = true, .plan_scans = true, .plan_cost = 9e4
#define AGAIN    SCANS, .was_counted = true, .counts_rows = true

static const MethodFacts allowing[N_METHODS] = {
        [METHOD_PROVED] = {SCANS, .is_proved = true},
        [METHOD_ENFORCED] = {SCANS, .is_enforced = true},
        [METHOD_RATCHET] = {AGAIN, .is_falling = true, .has_none = true},
        [METHOD_UNCHANGED] = {AGAIN, .same_snapshot = true},
        [METHOD_COUNTERS] = {AGAIN, .same_signature = true},
        [METHOD_FULL] = {PAGES(2048)},
        [METHOD_INDEX] = {PAGES(9000), .plan_known = true, .plan_cost = 4096},
        [METHOD_DELTA] = {AGAIN, .has_visibility = true, .has_map = true, .dirty_known = true, .dirty = 2700},
        [METHOD_WALK] = {SCANS},
};

/* The method is the first one without a reason against it, and only those before it have one. */
static void check_shape(const MethodChoice *choice) {
        for (unsigned i = 0; i < N_METHODS; i++)
                ck_assert_msg((choice->why_not[i] != NULL) == (i < (unsigned)choice->method), "%s",
                              method_name(i));
}

START_TEST(each_method_is_taken_where_nothing_cheaper_is_sound) {
        for (unsigned i = 0; i < N_METHODS; i++) {
                MethodChoice choice;

                method_choose(&allowing[i], &choice);
                ck_assert_msg(choice.method == (Method)i, "%s: %s", method_name(i),
                              method_name(choice.method));
                ck_assert(!choice.needs_facts);
                check_shape(&choice);
        }
}
END_TEST

/* One fact that is otherwise. */
typedef struct Change {
        enum { CHANGE_FLIP, CHANGE_NUMBER, CHANGE_REAL } kind;
        size_t at;
        int64_t value;
} Change;

#define FLIP(fact)                                                                                           \
        { CHANGE_FLIP, offsetof(MethodFacts, fact), 0 }
#define NUMBER(fact, value)                                                                                  \
        { CHANGE_NUMBER, offsetof(MethodFacts, fact), value }
#define REAL(fact, value)                                                                                    \
        { CHANGE_REAL, offsetof(MethodFacts, fact), value }

static void apply(MethodFacts *facts, const Change *change) {
        void *fact = (char *)facts + change->at;

        if (change->kind == CHANGE_FLIP)
                *(bool *)fact = !*(bool *)fact;
        else if (change->kind == CHANGE_NUMBER)
                *(int64_t *)fact = change->value;
        else
                *(double *)fact = (double)change->value;
}

static const struct {
        Method method; /* of whose facts one is otherwise */
        Change change;
        const char *why; /* NULL: it is taken all the same */
} cases[] = {
        {METHOD_PROVED, FLIP(is_suspect), "a walk found rows that the proof denies"},
        {METHOD_PROVED, FLIP(is_proved), "no validated constraint implies it"},
        {METHOD_PROVED, FLIP(is_opaque), NULL},
        {METHOD_ENFORCED, FLIP(is_suspect), "a walk found rows that the constraint denies"},
        {METHOD_ENFORCED, FLIP(is_enforced), "no foreign key in full force"},
        {METHOD_ENFORCED, FLIP(is_opaque), NULL},
        {METHOD_RATCHET, FLIP(is_falling), "the database lets new rows break it"},
        {METHOD_RATCHET, FLIP(is_suspect), "a walk found rows that the constraint denies"},
        {METHOD_RATCHET, FLIP(is_opaque), OPAQUE},
        {METHOD_RATCHET, FLIP(was_counted), "not counted yet"},
        {METHOD_RATCHET, FLIP(has_none), "more rows break it than keys are kept"},
        {METHOD_RATCHET, FLIP(is_standby), NULL},
        {METHOD_RATCHET, NUMBER(busy, -1), NULL},
        {METHOD_UNCHANGED, FLIP(was_counted), "not counted yet"},
        {METHOD_UNCHANGED, FLIP(is_suspect), DENIED},
        {METHOD_UNCHANGED, FLIP(is_opaque), OPAQUE},
        {METHOD_UNCHANGED, FLIP(same_snapshot), "transactions have ended since"},
        {METHOD_UNCHANGED, FLIP(is_standby), NULL},
        {METHOD_UNCHANGED, FLIP(counts_rows), NULL},
        {METHOD_UNCHANGED, NUMBER(busy, 1), NULL},
        {METHOD_COUNTERS, FLIP(was_counted), "not counted yet"},
        {METHOD_COUNTERS, FLIP(is_suspect), DENIED},
        {METHOD_COUNTERS, FLIP(is_opaque), OPAQUE},
        {METHOD_COUNTERS, FLIP(is_standby), "a standby counts no changes"},
        {METHOD_COUNTERS, FLIP(counts_rows), "track_counts is off"},
        {METHOD_COUNTERS, FLIP(same_signature), "the table has changed"},
        {METHOD_COUNTERS, NUMBER(busy, -1), "the activity of other sessions is hidden"},
        {METHOD_COUNTERS, NUMBER(busy, 1), "sessions are at work that may not have told of their changes"},
        {METHOD_FULL, FLIP(is_suspect), DENIED},
        {METHOD_FULL, NUMBER(pages, 2049), "the table is large"},
        {METHOD_FULL, FLIP(is_opaque), NULL},
        {METHOD_FULL, FLIP(can_slice), NULL},
        {METHOD_INDEX, FLIP(is_suspect), DENIED},
        {METHOD_INDEX, FLIP(plan_known), NULL},
        {METHOD_INDEX, FLIP(plan_scans), "no index serves it"},
        {METHOD_INDEX, REAL(plan_cost, 4097), "its plan is expensive"},
        {METHOD_INDEX, FLIP(is_opaque), NULL},
        {METHOD_DELTA, FLIP(is_suspect), DENIED},
        {METHOD_DELTA, FLIP(was_counted), "not counted yet"},
        {METHOD_DELTA, FLIP(is_opaque), OPAQUE},
        {METHOD_DELTA, FLIP(has_visibility), "pg_visibility is not at hand"},
        {METHOD_DELTA, FLIP(has_map), "no walk without VACUUM in it has mapped its pages yet"},
        {METHOD_DELTA, FLIP(dirty_known), NULL},
        {METHOD_DELTA, NUMBER(dirty, 2701), "too many of its pages have changed"},
        {METHOD_DELTA, REAL(cost_limit, 2699), "more of its pages have changed than a poll may read"},
        {METHOD_WALK, FLIP(can_slice), "a part of the table may not be read by itself"},
        {METHOD_WALK, FLIP(is_suspect), NULL},
        {METHOD_WALK, FLIP(is_opaque), NULL},
};

START_TEST(a_method_that_is_passed_over_says_why) {
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                MethodFacts facts = allowing[cases[i].method];
                MethodChoice choice;

                apply(&facts, &cases[i].change);
                method_choose(&facts, &choice);
                ck_assert_msg(str_equal(choice.why_not[cases[i].method], cases[i].why), "case %zu: %s", i,
                              choice.why_not[cases[i].method]);
                ck_assert_msg((choice.method == cases[i].method) == !cases[i].why, "case %zu", i);
                check_shape(&choice);
        }
}
END_TEST

START_TEST(a_plan_or_a_map_that_is_not_known_is_asked_for) {
        MethodFacts index = allowing[METHOD_INDEX], delta = allowing[METHOD_DELTA];
        MethodChoice choice;

        index.plan_known = delta.dirty_known = false;
        method_choose(&index, &choice);
        ck_assert(choice.method == METHOD_INDEX && choice.needs_facts);
        method_choose(&delta, &choice);
        ck_assert(choice.method == METHOD_DELTA && choice.needs_facts);
}
END_TEST

START_TEST(rows_whose_keys_are_all_kept_may_fall_as_well) {
        MethodFacts facts = allowing[METHOD_RATCHET];
        MethodChoice choice;

        facts.has_none = false;
        facts.has_all_keys = true;
        method_choose(&facts, &choice);
        ck_assert_int_eq(choice.method, METHOD_RATCHET);
}
END_TEST

START_TEST(where_nothing_can_be_done_no_method_is_named) {
        MethodFacts facts = allowing[METHOD_WALK];
        MethodChoice choice;

        facts.can_slice = false;
        method_choose(&facts, &choice);
        ck_assert_int_eq(choice.method, N_METHODS);
        check_shape(&choice);
        ck_assert_ptr_null(method_name(choice.method));
        ck_assert(!method_is_exact(choice.method));
}
END_TEST

static uint64_t next_random(uint64_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

static MethodFacts random_facts(uint64_t bits) {
#define BIT(n) ((bits >> (n)) & 1)
        return (MethodFacts){
                .is_proved = BIT(0) && BIT(24),
                .is_enforced = BIT(1) && BIT(25),
                .is_falling = BIT(2),
                .is_suspect = BIT(3),
                .is_opaque = BIT(4),
                .was_counted = BIT(5),
                .has_none = BIT(6),
                .has_all_keys = BIT(7),
                .same_snapshot = BIT(8),
                .same_signature = BIT(9),
                .is_standby = BIT(10),
                .counts_rows = BIT(11),
                .busy = BIT(12)   ? 0
                        : BIT(13) ? 1
                                  : -1,
                .pages = BIT(14) ? 2048 : 2049,
                .full_pages = 2048,
                .can_slice = BIT(15),
                .plan_known = BIT(16),
                .plan_scans = BIT(17),
                .plan_cost = BIT(18) ? 100 : 101,
                .cost_limit = 100,
                .has_visibility = BIT(19),
                .has_map = BIT(20),
                .dirty_known = BIT(21),
                .dirty = BIT(22) ? 100 : 101,
        };
#undef BIT
}

START_TEST(what_is_opaque_suspect_or_uncounted_is_never_taken_as_it_was) {
        uint64_t state = 20261124;

        for (int i = 0; i < 300000; i++) {
                const MethodFacts facts = random_facts(next_random(&state));
                MethodChoice choice;
                bool is_reused;

                method_choose(&facts, &choice);
                check_shape(&choice);
                is_reused = choice.method == METHOD_RATCHET || choice.method == METHOD_UNCHANGED ||
                            choice.method == METHOD_COUNTERS;
                ck_assert(!is_reused || (!facts.is_opaque && !facts.is_suspect && facts.was_counted));
                ck_assert(choice.method != METHOD_DELTA || (!facts.is_opaque && !facts.is_suspect));
                ck_assert(!facts.is_suspect || choice.method == METHOD_WALK || choice.method == N_METHODS);
        }
}
END_TEST

START_TEST(names_are_those_of_a_finding) {
        static const struct {
                const char *name;
                bool is_exact;
        } expected[N_METHODS] = {
                [METHOD_PROVED] = {"proved", true},      [METHOD_ENFORCED] = {"enforced", true},
                [METHOD_RATCHET] = {"ratchet", true},    [METHOD_UNCHANGED] = {"unchanged", true},
                [METHOD_COUNTERS] = {"counters", false}, [METHOD_FULL] = {"full", true},
                [METHOD_INDEX] = {"index", true},        [METHOD_DELTA] = {"delta", true},
                [METHOD_WALK] = {"walk", false},
        };

        for (unsigned i = 0; i < N_METHODS; i++) {
                ck_assert_str_eq(method_name(i), expected[i].name);
                ck_assert(method_is_exact(i) == expected[i].is_exact);
        }
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                each_method_is_taken_where_nothing_cheaper_is_sound,
                a_method_that_is_passed_over_says_why,
                a_plan_or_a_map_that_is_not_known_is_asked_for,
                rows_whose_keys_are_all_kept_may_fall_as_well,
                where_nothing_can_be_done_no_method_is_named,
                what_is_opaque_suspect_or_uncounted_is_never_taken_as_it_was,
                names_are_those_of_a_finding,
        };

        return unit_run("count-method", tests, ELEMENTS(tests));
}
