/* Tests of model/kept-health: what reads back, what is refused, and what a restored answer is good for.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "pgvigil/model/health.h"

#define BOOT    "6d1c2a4e-0000-4000-8000-000000000001"
#define MAX_AGE (30 * USEC_PER_SEC)
#define NOW     (1000 * USEC_PER_SEC)
#define WALL    (1800000000 * USEC_PER_SEC)

static KeptHealth kept_one(void) {
        return (KeptHealth){
                .target = strdup("shop"),
                .fingerprint = "abc",
                .boottime = NOW,
                .realtime = WALL,
                .answers = {.heartbeat = NOW - USEC_PER_SEC,
                            .is_503 = {false, false, true, true},
                            .status = STATUS_FAIL},
        };
}

/* Owned. */
static char *text_of_two(void) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        KeptHealths list = {.items = calloc(2, sizeof(KeptHealth)), .count = 2};

        list.items[0] = kept_one();
        list.items[1] = kept_one();
        list.items[1].target[0] = 'c';
        list.items[1].answers.is_503[FAIL_ON_GATE] = true;
        ck_assert_int_eq(kept_healths_format(&list, BOOT, &text), 0);
        kept_healths_done(&list);
        return buffer_take(&text);
}

START_TEST(what_was_kept_reads_back) {
        _cleanup_(freep) char *text = text_of_two();
        KeptHealths list;
        const KeptHealth *shop;

        ck_assert_int_eq(kept_healths_parse(text, BOOT, &list), 0);
        ck_assert_uint_eq(list.count, 2);
        ck_assert_ptr_null(kept_healths_find(&list, "sho"));
        shop = kept_healths_find(&list, "shop");
        ck_assert_str_eq(shop->fingerprint, "abc");
        ck_assert_uint_eq(shop->boottime, NOW);
        ck_assert_uint_eq(shop->realtime, WALL);
        ck_assert_uint_eq(shop->answers.heartbeat, NOW - USEC_PER_SEC);
        ck_assert_int_eq(shop->answers.status, STATUS_FAIL);
        ck_assert(!shop->answers.is_503[FAIL_ON_GATE] && shop->answers.is_503[FAIL_ON_CRITICAL]);
        ck_assert(kept_healths_find(&list, "chop")->answers.is_503[FAIL_ON_GATE]);
        kept_healths_done(&list);
}
END_TEST

START_TEST(nothing_is_kept_of_no_target_and_that_reads_back_too) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        KeptHealths list = {};

        ck_assert_int_eq(kept_healths_format(&list, BOOT, &text), 0);
        ck_assert_int_eq(kept_healths_parse(buffer_text(&text), BOOT, &list), 0);
        ck_assert_uint_eq(list.count, 0);
        kept_healths_done(&list);
}
END_TEST

/* Every byte counts: one that is gone, one that is another, one that is too many. */
START_TEST(a_damaged_text_is_refused_wherever_the_damage_is) {
        _cleanup_(freep) char *text = text_of_two();
        size_t length = strlen(text);

        for (size_t i = 0; i < length; i++) {
                _cleanup_(freep) char *cut = strndup(text, i), *other = strdup(text);
                KeptHealths list;

                other[i] = other[i] == '0' ? '1' : '0';
                ck_assert_int_eq(kept_healths_parse(cut, BOOT, &list), -EINVAL);
                ck_assert_int_eq(kept_healths_parse(other, BOOT, &list), -EINVAL);
                ck_assert_uint_eq(list.count, 0);
        }
}
END_TEST

START_TEST(another_boot_or_one_that_is_not_known_is_stale) {
        _cleanup_(freep) char *text = text_of_two();
        KeptHealths list;

        ck_assert_int_eq(kept_healths_parse(text, "6d1c2a4e-0000-4000-8000-000000000002", &list), -ESTALE);
        ck_assert_int_eq(kept_healths_parse(text, "", &list), -ESTALE);
}
END_TEST

START_TEST(only_what_is_fresh_and_of_the_same_target_and_clock_is_restored) {
        static const struct {
                const char *fingerprint;
                int64_t boottime, realtime; /* seconds since it was kept */
                const char *refusal;        /* NULL: none */
        } cases[] = {
                {"abc", 0, 0, NULL},
                {"abc", 29, 29, NULL},
                {"abc", 29, 33, NULL},
                {"abc", 30, 30, "it is too old"},
                {"abc", 86400, 86400, "it is too old"},
                {"abc", -1, 0, "it is of the future"},
                {"abc", -1, -1, "it is of the future"},
                {"abc", 5, -1, "the clock was set meanwhile"},
                {"abc", 5, 86400, "the clock was set meanwhile"},
                {"abc", 10, 4, "the clock was set meanwhile"},
                {"abd", 1, 1, "its definition has changed"},
                {"", 1, 1, "its definition has changed"},
        };
        KeptHealth kept = kept_one();

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const char *refusal = kept_health_refusal(&kept, cases[i].fingerprint, MAX_AGE,
                                                          NOW + (usec_t)cases[i].boottime * USEC_PER_SEC,
                                                          WALL + (usec_t)cases[i].realtime * USEC_PER_SEC);

                if (cases[i].refusal)
                        ck_assert_str_eq(refusal, cases[i].refusal);
                else
                        ck_assert_ptr_null(refusal);
        }
        kept.answers.heartbeat = 0;
        ck_assert_ptr_nonnull(kept_health_refusal(&kept, "abc", MAX_AGE, NOW, WALL));
        kept.answers.heartbeat = NOW + 1;
        ck_assert_ptr_nonnull(kept_health_refusal(&kept, "abc", MAX_AGE, NOW + 2, WALL));
        free(kept.target);
}
END_TEST

/* A target of which nothing is known but what was restored. */
static TargetSettings settings;
static TargetView target, *targets[] = {&target};
static View view = {.targets = targets, .n_targets = 1};

static void set_up(void) {
        settings = (TargetSettings){.in_global = true, .limits.max_age = MAX_AGE};
        target = (TargetView){
                .settings = &settings,
                .restored = {.heartbeat = NOW - USEC_PER_SEC,
                             .is_503 = {false, false, true, true},
                             .status = STATUS_FAIL},
        };
}

static Health ask(HealthQuery query, usec_t now) {
        return health_of_target(&view, &target, &query, now);
}

static void check(HealthQuery query, int code, const char *state, Status status) {
        Health health = ask(query, NOW);

        ck_assert_int_eq(health.code, code);
        ck_assert_str_eq(health.state, state);
        ck_assert_int_eq(health.status, status);
        ck_assert(!health.verified);
}

START_TEST(a_restored_answer_is_the_code_of_each_question_and_never_pass) {
        static char *exclude[] = {(char *)"anything", NULL};

        set_up();
        check((HealthQuery){.fail_on = FAIL_ON_GATE}, 200, "restored", STATUS_WARN);
        check((HealthQuery){.fail_on = FAIL_ON_UNREACHABLE}, 200, "restored", STATUS_WARN);
        check((HealthQuery){.fail_on = FAIL_ON_CRITICAL}, 503, "restored", STATUS_FAIL);
        check((HealthQuery){.fail_on = FAIL_ON_GATE, .exclude = exclude}, 200, "restored", STATUS_WARN);
        check((HealthQuery){.fail_on = FAIL_ON_GATE, .check = "index"}, 200, "restored", STATUS_WARN);
        target.restored.status = STATUS_PASS; /* of a 503: never told so */
        check((HealthQuery){.fail_on = FAIL_ON_CRITICAL}, 503, "restored", STATUS_UNKNOWN);
        ck_assert_int_eq(health_of_all(&view, &(HealthQuery){.fail_on = FAIL_ON_GATE}, NOW).code, 200);
}
END_TEST

START_TEST(what_a_restored_answer_does_not_know_is_starting) {
        set_up();
        check((HealthQuery){.fail_on = FAIL_ON_GATE, .check = "a_name"}, 503, "starting", STATUS_UNKNOWN);
        check((HealthQuery){.fail_on = FAIL_ON_GATE, .unknown_fails = true}, 503, "starting", STATUS_UNKNOWN);
        check((HealthQuery){.fail_on = FAIL_ON_GATE, .max_age = USEC_PER_SEC / 2}, 503, "starting",
              STATUS_UNKNOWN);
        ck_assert_str_eq(ask((HealthQuery){.fail_on = FAIL_ON_GATE}, NOW + MAX_AGE).state, "starting");
        target.restored = (Restored){};
        check((HealthQuery){.fail_on = FAIL_ON_GATE}, 503, "starting", STATUS_UNKNOWN);
}
END_TEST

START_TEST(one_failed_attempt_leaves_it_and_an_outage_ends_it) {
        set_up();
        target.rounds = 1;
        target.reach = REACH_FAILING;
        check((HealthQuery){.fail_on = FAIL_ON_GATE}, 200, "restored", STATUS_WARN);
        target.heartbeat = NOW; /* connected, and no round is done */
        check((HealthQuery){.fail_on = FAIL_ON_GATE}, 200, "restored", STATUS_WARN);
        target.reach = REACH_UNREACHABLE;
        ck_assert_str_eq(ask((HealthQuery){.fail_on = FAIL_ON_GATE}, NOW).state, "unreachable");
        target.reach = REACH_CONFIG;
        ck_assert_str_eq(ask((HealthQuery){.fail_on = FAIL_ON_GATE}, NOW).state, "config");
}
END_TEST

START_TEST(a_restored_503_settles_and_a_restored_200_does_not) {
        Finding passing = {.kind = KIND_INDEX, .name = (char *)"i", .status = STATUS_PASS};

        for (unsigned is_503 = 0; is_503 < 2; is_503++) {
                set_up();
                target.restored.is_503[FAIL_ON_GATE] = is_503;
                target.findings = &passing;
                target.n_findings = 1;
                target.rounds = 1;
                target.reach = REACH_OK;
                target.heartbeat = NOW;
                health_end_restored(&target, NOW);
                health_settle(&view, &target, false, NOW);
                ck_assert_int_eq(ask((HealthQuery){.fail_on = FAIL_ON_GATE}, NOW).code, is_503 ? 503 : 200);
                /* It was a gate: those who do not heed gates were never turned away. */
                ck_assert_int_eq(ask((HealthQuery){.fail_on = FAIL_ON_UNREACHABLE}, NOW).code, 200);
                health_settle(&view, &target, false, NOW);
                ck_assert_int_eq(ask((HealthQuery){.fail_on = FAIL_ON_GATE}, NOW).code, 200);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                what_was_kept_reads_back,
                nothing_is_kept_of_no_target_and_that_reads_back_too,
                a_damaged_text_is_refused_wherever_the_damage_is,
                another_boot_or_one_that_is_not_known_is_stale,
                only_what_is_fresh_and_of_the_same_target_and_clock_is_restored,
                a_restored_answer_is_the_code_of_each_question_and_never_pass,
                what_a_restored_answer_does_not_know_is_starting,
                one_failed_attempt_leaves_it_and_an_outage_ends_it,
                a_restored_503_settles_and_a_restored_200_does_not,
        };

        return unit_run("model/kept-health", tests, ELEMENTS(tests));
}
