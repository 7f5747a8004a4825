/* Tests of model/health: the rows of the gate in their order, and what settling holds.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "pgvigil/model/health.h"

#define NOW (1000 * USEC_PER_SEC)

/* One target with three findings: two rules with a gate, one without. */
static TargetSettings settings;
static Finding findings[3];
static TargetView target;
static View view;

static void set_up(void) {
        static char names[][8] = {"first", "second", "plain"};
        static TargetView *targets[] = {&target};

        settings = (TargetSettings){.in_global = true, .limits.max_age = 10 * USEC_PER_SEC};
        for (size_t i = 0; i < ELEMENTS(findings); i++)
                findings[i] = (Finding){
                        .kind = KIND_CONSTRAINT, .name = names[i], .gate = i < 2, .status = STATUS_PASS};
        target = (TargetView){
                .settings = &settings,
                .reach = REACH_OK,
                .heartbeat = NOW,
                .rounds = 3,
                .findings = findings,
                .n_findings = ELEMENTS(findings),
        };
        view = (View){.targets = targets, .n_targets = 1};
}

static Health ask(HealthQuery query) {
        return health_of_target(&view, &target, &query, NOW);
}

#define PLAIN                                                                                                \
        (HealthQuery) {                                                                                      \
                .fail_on = FAIL_ON_GATE                                                                      \
        }

static void wrong_role(void) {
        findings[2].kind = KIND_CONNECTION;
        findings[2].status = STATUS_FAIL;
        findings[2].reason = REASON_ROLE;
}

static void gate_breaks(void) {
        findings[0].status = STATUS_FAIL;
        findings[0].is_broken = true;
}

static void everything_is_wrong(void) {
        gate_breaks();
        findings[1].status = STATUS_UNKNOWN;
        findings[2].status = STATUS_WARN;
        target.settle = (Settle){.is_settling = true, .was_503 = true};
        target.heartbeat = NOW - 11 * USEC_PER_SEC;
        target.reach = REACH_UNREACHABLE;
        target.cause = CAUSE_REFUSED;
        view.is_stopping = true;
}

static void not_stopping(void) {
        view.is_stopping = false;
}

static void reached(void) {
        target.reach = REACH_OK;
}

static void fresh(void) {
        target.heartbeat = NOW;
}

static void gate_mended(void) {
        findings[0].status = STATUS_PASS;
        findings[0].is_broken = false;
}

static void gate_seen(void) {
        findings[1].status = STATUS_PASS;
}

static void settled(void) {
        target.settle = (Settle){};
}

static void all_pass(void) {
        findings[2].status = STATUS_PASS;
}

START_TEST(the_first_row_that_matches_wins) {
        static const struct {
                void (*change)(void);
                int code;
                Status status;
                const char *state;
        } rows[] = {
                {everything_is_wrong, 503, STATUS_FAIL, "stopping"},
                {not_stopping, 503, STATUS_FAIL, "unreachable"},
                {reached, 503, STATUS_UNKNOWN, "stale"},
                {fresh, 503, STATUS_FAIL, "gated"},
                {gate_mended, 200, STATUS_UNKNOWN, "unverified"},
                {gate_seen, 503, STATUS_WARN, "settling"},
                {settled, 200, STATUS_WARN, "degraded"},
                {all_pass, 200, STATUS_PASS, "healthy"},
                {wrong_role, 503, STATUS_FAIL, "unreachable"},
        };

        set_up();
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                Health health;

                rows[i].change();
                health = ask(PLAIN);
                ck_assert_str_eq(health.state, rows[i].state);
                ck_assert_int_eq(health.code, rows[i].code);
                ck_assert_int_eq(health.status, rows[i].status);
        }
}
END_TEST

START_TEST(a_gate_is_about_the_breach_and_not_about_its_severity) {
        set_up();
        findings[0].is_broken = true; /* severity info: it passes with its value */
        ck_assert_str_eq(ask(PLAIN).state, "gated");
        ck_assert_int_eq(ask(PLAIN).status, STATUS_FAIL);
        findings[0].is_broken = false;
        findings[2].is_broken = true;
        findings[2].status = STATUS_FAIL; /* critical, without a gate */
        ck_assert_int_eq(ask(PLAIN).code, 200);
}
END_TEST

static void expect_blank(Health health, int code) {
        ck_assert_int_eq(health.status, STATUS_UNKNOWN);
        ck_assert_str_eq(health.state, "unverified");
        ck_assert(!health.verified && health.scope.total == 0);
        ck_assert_int_eq(health.code, code);
}

START_TEST(nothing_that_counts_is_no_evidence_of_health) {
        static const HealthQuery strict = {.fail_on = FAIL_ON_GATE, .unknown_fails = true},
                                 lenient = {.fail_on = FAIL_ON_UNREACHABLE, .unknown_fails = true},
                                 skipped = {.fail_on = FAIL_ON_GATE, .unknown_fails = true, .check = "plain"};

        set_up();
        findings[2].status = STATUS_SKIPPED;
        expect_blank(ask(skipped), 503);
        ck_assert_str_eq(ask(strict).state, "healthy");

        target.n_findings = 0;
        expect_blank(ask(PLAIN), 200);
        expect_blank(ask(strict), 503);
        expect_blank(ask(lenient), 200);
        expect_blank(health_of_all(&view, &strict, NOW), 503);

        settings.in_global = false;
        expect_blank(health_of_all(&view, &PLAIN, NOW), 200);
        expect_blank(health_of_all(&view, &strict, NOW), 503);
        expect_blank(health_of_all(&view, &lenient, NOW), 200);
}
END_TEST

START_TEST(a_broken_gate_holds_only_the_questions_it_had_turned) {
        static char first[] = "first", plain[] = "plain";
        static char *const without_first[] = {first, NULL}, *const without_plain[] = {plain, NULL};
        static const struct {
                HealthQuery query;
                bool is_held;
        } cases[] = {
                {{.fail_on = FAIL_ON_GATE}, true},
                {{.fail_on = FAIL_ON_WARNING}, true},
                {{.fail_on = FAIL_ON_GATE, .check = "first"}, true},
                {{.fail_on = FAIL_ON_GATE, .check = "constraint"}, true},
                {{.fail_on = FAIL_ON_GATE, .exclude = without_plain}, true},
                {{.fail_on = FAIL_ON_UNREACHABLE}, false},
                {{.fail_on = FAIL_ON_GATE, .check = "second"}, false},
                {{.fail_on = FAIL_ON_GATE, .check = "plain"}, false},
                {{.fail_on = FAIL_ON_GATE, .exclude = without_first}, false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                int held = cases[i].is_held ? 503 : 200;

                set_up();
                gate_breaks();
                health_settle(&view, &target, false, NOW);
                ck_assert_msg(ask(cases[i].query).code == held, "broken: case %zu", i);
                gate_mended();
                health_settle(&view, &target, false, NOW);
                ck_assert_msg(ask(cases[i].query).code == held, "first clean round: case %zu", i);
                health_settle(&view, &target, false, NOW);
                ck_assert_msg(ask(cases[i].query).code == 200, "second clean round: case %zu", i);
        }
}
END_TEST

START_TEST(an_outage_holds_every_question) {
        set_up();
        target.reach = REACH_UNREACHABLE;
        health_settle(&view, &target, false, NOW);
        target.reach = REACH_OK;
        health_settle(&view, &target, false, NOW);
        ck_assert_int_eq(ask((HealthQuery){.fail_on = FAIL_ON_UNREACHABLE}).code, 503);
        ck_assert_int_eq(ask((HealthQuery){.fail_on = FAIL_ON_GATE, .check = "plain"}).code, 503);
        health_settle(&view, &target, false, NOW);
        ck_assert_str_eq(ask(PLAIN).state, "healthy");
}
END_TEST

START_TEST(after_a_failover_a_200_stays_200_and_a_new_failure_acts_at_once) {
        set_up();
        health_settle(&view, &target, true, NOW);
        ck_assert_str_eq(ask(PLAIN).state, "settling");
        ck_assert_int_eq(ask(PLAIN).code, 200);
        gate_breaks();
        ck_assert_str_eq(ask(PLAIN).state, "gated");
        ck_assert_int_eq(ask(PLAIN).code, 503);
}
END_TEST

START_TEST(max_age_of_a_question_may_only_shorten) {
        set_up();
        target.heartbeat = NOW - 5 * USEC_PER_SEC;
        ck_assert_str_eq(ask((HealthQuery){.fail_on = FAIL_ON_GATE, .max_age = USEC_PER_SEC}).state, "stale");
        target.heartbeat = NOW - 11 * USEC_PER_SEC;
        ck_assert_str_eq(ask((HealthQuery){.fail_on = FAIL_ON_GATE, .max_age = 99 * USEC_PER_SEC}).state,
                         "stale");
}
END_TEST

START_TEST(each_fail_on_at_once_is_what_it_is_alone) {
        void (*const steps[])(void) = {everything_is_wrong, not_stopping, reached, fresh, gate_mended};

        set_up();
        for (size_t i = 0; i < ELEMENTS(steps); i++) {
                Health each[N_FAIL_ON];

                steps[i]();
                health_of_each(&view, &target, NOW, each);
                for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++) {
                        Health one = ask((HealthQuery){.fail_on = fail_on});

                        ck_assert_int_eq(each[fail_on].code, one.code);
                        ck_assert_int_eq(each[fail_on].status, one.status);
                        ck_assert_str_eq(each[fail_on].state, one.state);
                        ck_assert_uint_eq(each[fail_on].scope.total, one.scope.total);
                }
        }
}
END_TEST

START_TEST(a_503_says_which_finding_is_behind_it) {
        static const struct {
                FailOn fail_on;
                const char *why;
        } cases[] = {
                {FAIL_ON_UNREACHABLE, "degraded"},
                {FAIL_ON_GATE, "constraint public.t first: violated"},
                {FAIL_ON_CRITICAL, "constraint public.t first: violated"},
                {FAIL_ON_WARNING, "constraint public.t first: violated"},
        };

        set_up();
        for (size_t i = 0; i < ELEMENTS(findings); i++)
                findings[i].object = (char *)"public.t";
        findings[2].status = STATUS_FAIL;
        findings[1].status = STATUS_WARN;
        gate_breaks();
        findings[0].reason = REASON_VIOLATED;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                HealthQuery query = {.fail_on = cases[i].fail_on};
                Health health = ask(query);
                _cleanup_(buffer_done) Buffer why = BUFFER_NULL;

                health_add_why(&target, &query, &health, &why);
                ck_assert_str_eq(buffer_text(&why), cases[i].why);
        }
        target.reach = REACH_UNREACHABLE;
        target.cause = CAUSE_REFUSED;
        HealthQuery query = {.fail_on = FAIL_ON_WARNING};
        Health health = ask(query);
        _cleanup_(buffer_done) Buffer why = BUFFER_NULL;

        health_add_why(&target, &query, &health, &why);
        ck_assert_str_eq(buffer_text(&why), "unreachable (refused)");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_first_row_that_matches_wins,
                a_gate_is_about_the_breach_and_not_about_its_severity,
                nothing_that_counts_is_no_evidence_of_health,
                a_broken_gate_holds_only_the_questions_it_had_turned,
                an_outage_holds_every_question,
                after_a_failover_a_200_stays_200_and_a_new_failure_acts_at_once,
                max_age_of_a_question_may_only_shorten,
                each_fail_on_at_once_is_what_it_is_alone,
                a_503_says_which_finding_is_behind_it,
        };

        return unit_run("model/health", tests, ELEMENTS(tests));
}
