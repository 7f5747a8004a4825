/* Tests of what is made of a constraint: state × rule × migration × rows, one case each.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define NAME "amount_positive"
#define RULE "amount > 0"

typedef enum History { APPLIED, NOT_YET, UNKNOWN } History;

/* What is there, what is wanted and counted, and what must come of it. NONE: no count. */
#define NONE -1
typedef struct Case {
        const char *row; /* of the catalog, over the defaults; NULL: no such constraint */
        bool is_configured;
        History history;
        int count; /* rows; 0 is proved where the constraint is valid */
        Seen seen;
        Severity severity;
        Reason reason;
        int value;
        const char *state;
        const char *repair; /* its beginning, or NULL */
} Case;

#define VALIDATE "ALTER TABLE shop.orders VALIDATE CONSTRAINT amount_positive;"
#define ADD      "ALTER TABLE shop.orders ADD CONSTRAINT amount_positive CHECK (amount > 0) NOT VALID; " VALIDATE
#define SELECT   "SELECT * FROM shop.orders WHERE NOT ("

static const Case cases[] = {
        /* discovered */
        {"", false, APPLIED, 0, SEEN_OK, SEVERITY_WARNING, REASON_OK, 0, "", NULL},
        {"validated=f", false, APPLIED, 0, SEEN_BREACH, SEVERITY_WARNING, REASON_NOT_VALID, 0, "not_valid",
         VALIDATE},
        {"validated=f", false, APPLIED, 3, SEEN_BREACH, SEVERITY_WARNING, REASON_VIOLATED, 3, "not_valid",
         SELECT},
        {"enforced=f|validated=f", false, APPLIED, 0, SEEN_BREACH, SEVERITY_WARNING, REASON_NOT_ENFORCED, 0,
         "not_enforced", NULL},
        {"enforced=f|validated=f", false, APPLIED, 1, SEEN_BREACH, SEVERITY_WARNING, REASON_VIOLATED, 1,
         "not_enforced", SELECT},
        {"contype=u", false, APPLIED, NONE, SEEN_OK, SEVERITY_WARNING, REASON_OK, NONE, "", NULL},
        {"contype=x", false, APPLIED, NONE, SEEN_OK, SEVERITY_WARNING, REASON_OK, NONE, "", NULL},
        {"contype=p|columns=id", false, APPLIED, NONE, SEEN_OK, SEVERITY_WARNING, REASON_OK, NONE, "", NULL},
        {"contype=n", false, APPLIED, NONE, SEEN_OK, SEVERITY_WARNING, REASON_OK, NONE, "", NULL},
        {"contype=n|validated=f", false, APPLIED, 2, SEEN_BREACH, SEVERITY_WARNING, REASON_VIOLATED, 2,
         "not_valid", SELECT},
        /* configured and there */
        {"", true, APPLIED, 0, SEEN_OK, SEVERITY_CRITICAL, REASON_OK, 0, "enforced", NULL},
        {"", true, NOT_YET, 0, SEEN_OK, SEVERITY_CRITICAL, REASON_OK, 0, "enforced", NULL},
        {"validated=f", true, APPLIED, 0, SEEN_BREACH, SEVERITY_CRITICAL, REASON_NOT_VALID, 0, "not_valid",
         VALIDATE},
        {"validated=f", true, APPLIED, 4, SEEN_BREACH, SEVERITY_CRITICAL, REASON_VIOLATED, 4, "not_valid",
         SELECT},
        {"contype=u", true, APPLIED, 0, SEEN_BREACH, SEVERITY_CRITICAL, REASON_DIFFERS, 0, "differs", NULL},
        {"contype=u", true, NOT_YET, 0, SEEN_BREACH, SEVERITY_INFO, REASON_NOT_EXPECTED_YET, 0, "differs",
         NULL},
        {"contype=u", true, UNKNOWN, 0, SEEN_UNKNOWN, SEVERITY_CRITICAL, REASON_DIFFERS, 0, "differs", NULL},
        /* configured and missing */
        {NULL, true, APPLIED, 0, SEEN_BREACH, SEVERITY_CRITICAL, REASON_MISSING, 0, "missing", ADD},
        {NULL, true, APPLIED, 5, SEEN_BREACH, SEVERITY_CRITICAL, REASON_VIOLATED, 5, "missing", SELECT},
        {NULL, true, NOT_YET, 0, SEEN_BREACH, SEVERITY_INFO, REASON_NOT_EXPECTED_YET, 0, "missing", NULL},
        {NULL, true, NOT_YET, 6, SEEN_BREACH, SEVERITY_CRITICAL, REASON_VIOLATED, 6, "missing", SELECT},
        {NULL, true, UNKNOWN, 0, SEEN_UNKNOWN, SEVERITY_CRITICAL, REASON_MISSING, 0, "missing", NULL},
        {NULL, true, UNKNOWN, 7, SEEN_BREACH, SEVERITY_CRITICAL, REASON_VIOLATED, 7, "missing", SELECT},
};

static char count_row[32];

static void arrange(World *world, const Case *c) {
        world_open(world);
        world->constraints[0] = c->row;
        if (c->is_configured)
                ck_assert_int_eq(
                        str_set(&world_want(world, "orders", NAME, RULE)->rule.expected_after, "add_checks"),
                        0);
        world->facts.known = c->history != UNKNOWN;
        if (c->history == APPLIED)
                ck_assert_int_eq(strv_add(&world->facts.applied, "20260119093000_add_checks"), 0);
        if (c->count > 0) {
                (void)snprintf(count_row, sizeof(count_row), "counts={%d}", c->count);
                world->replies[0] = (Reply){"count.full", .rows = {count_row}};
        }
}

static void check_state(const World *world, const char *state) {
        const Table *table = world_table(world, "constraint");

        ck_assert_ptr_nonnull(table);
        ck_assert_uint_eq(table->n_rows, *state ? 1 : 0);
        if (*state)
                ck_assert_str_eq(table_text(table, 0, "state"), state);
}

START_TEST(each_state_rule_migration_and_count_has_its_verdict) {
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Finding *finding;
                World world;

                arrange(&world, &cases[i]);
                world_round(&world);
                finding = world_finding(&world, NAME);
                ck_assert_msg(finding->reason == cases[i].reason && finding->seen == cases[i].seen &&
                                      finding->severity == cases[i].severity,
                              "case %zu: %s %d %s", i, reason_name(finding->reason), finding->seen,
                              severity_name(finding->severity));
                ck_assert_str_eq(finding->object, "shop.orders");
                ck_assert_int_eq(finding->configured, cases[i].is_configured);
                ck_assert_int_eq(finding->value.kind, cases[i].value == NONE ? VALUE_NULL : VALUE_INT);
                ck_assert(cases[i].value == NONE || finding->value.integer == cases[i].value);
                ck_assert_ptr_nonnull(finding->summary);
                ck_assert_msg(!finding->repair == !cases[i].repair, "case %zu: %s", i, finding->repair);
                if (cases[i].repair)
                        ck_assert_msg(str_starts_with(finding->repair, cases[i].repair), "%s",
                                      finding->repair);
                check_state(&world, cases[i].state);
                world_close(&world);
        }
}
END_TEST

START_TEST(a_rule_that_need_not_exist_is_only_counted) {
        static const char *const rows[] = {NULL, "validated=f"};

        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                World world;

                world_open(&world);
                world.constraints[0] = rows[i];
                world_want(&world, "orders", NAME, RULE)->rule.enforced = false;
                world.replies[0] = (Reply){"count.full", .rows = {"counts={2}"}};
                world_round(&world);
                ck_assert_int_eq(world_finding(&world, NAME)->seen, SEEN_BREACH);
                ck_assert_int_eq(world_finding(&world, NAME)->reason, REASON_VIOLATED);

                world.replies[0] = (Reply){};
                world.now += 60 * USEC_PER_SEC;
                world_round(&world);
                ck_assert_int_eq(world_finding(&world, NAME)->seen, SEEN_OK);
                world_close(&world);
        }
}
END_TEST

START_TEST(fewer_rows_than_the_threshold_do_not_hide_the_state) {
        World world;

        world_open(&world);
        world.replies[0] = (Reply){"count.full", .rows = {"counts={2}"}};
        world_want(&world, "orders", NAME, RULE)->rule.threshold = 3;
        world_round(&world);
        ck_assert_int_eq(world_finding(&world, NAME)->reason, REASON_MISSING);
        ck_assert_int_eq(world_finding(&world, NAME)->value.integer, 2);
        world_close(&world);
}
END_TEST

START_TEST(another_definition_under_the_name_differs_until_it_is_proved_to_imply_the_rule) {
        World world;

        world_open(&world);
        world.constraints[0] = "";
        world.replies[0] = (Reply){"constraint.verify", .rows = {"expression=(amount >= 0)"}};
        world_want(&world, "orders", NAME, RULE);
        world_round(&world);
        ck_assert_int_eq(world_finding(&world, NAME)->reason, REASON_DIFFERS);

        world.now += 60 * USEC_PER_SEC; /* not asked again while the constraint is the same */
        world_round(&world);
        ck_assert(!world_was_asked(&world, "constraint.compare"));
        ck_assert_int_eq(world_finding(&world, NAME)->reason, REASON_DIFFERS);

        world.replies[1] = (Reply){"constraint.prove", .rows = {"QUERY PLAN=\"One-Time Filter\": \"false\""}};
        world.now += 60 * USEC_PER_SEC;
        world_round(&world);
        ck_assert_int_eq(world_finding(&world, NAME)->seen, SEEN_OK);
        ck_assert_str_eq(world_finding(&world, NAME)->method, "proved");
        world_close(&world);
}
END_TEST

START_TEST(a_definition_with_user_code_is_not_compared_and_said_so) {
        World world;

        world_open(&world);
        world.constraints[0] = "";
        world.replies[0] = (Reply){"constraint.verify",
                                   .rows = {"expression=shop.f(amount)|trusted=f|user_code=t"}};
        world_want(&world, "orders", NAME, RULE);
        world_round(&world);
        ck_assert_int_eq(world_finding(&world, NAME)->seen, SEEN_OK);
        ck_assert_ptr_nonnull(strstr(world_finding(&world, NAME)->summary, "not compared"));
        ck_assert(!world_was_asked(&world, "shop.f("));
        world_close(&world);
}
END_TEST

START_TEST(d13_a_misspelt_table_is_never_missing) {
        static const struct {
                const char *table, *nearest;
                bool is_pending;
                Severity severity;
                Reason reason;
        } tables[] = {
                {"ordrs", "shop.orders", false, SEVERITY_CRITICAL, REASON_NO_SUCH_TABLE},
                {"shop.ordrs", "shop.orders", true, SEVERITY_CRITICAL, REASON_NO_SUCH_TABLE},
                {"invoices", NULL, false, SEVERITY_CRITICAL, REASON_NO_SUCH_TABLE},
                {"invoices", NULL, true, SEVERITY_INFO, REASON_NOT_EXPECTED_YET},
                {"a.b.c", NULL, false, SEVERITY_CRITICAL, REASON_NO_SUCH_TABLE},
        };

        for (size_t i = 0; i < ELEMENTS(tables); i++) {
                const Finding *finding;
                World world;

                world_open(&world);
                if (tables[i].is_pending)
                        ck_assert_int_eq(
                                str_set(&world_want(&world, tables[i].table, NAME, RULE)->rule.expected_after,
                                        "m"),
                                0);
                else
                        world_want(&world, tables[i].table, NAME, RULE);
                world_round(&world);
                finding = world_finding(&world, NAME);
                ck_assert_int_eq(finding->seen, SEEN_BREACH);
                ck_assert_int_eq(finding->reason, tables[i].reason);
                ck_assert_int_eq(finding->severity, tables[i].severity);
                ck_assert_int_eq(finding->value.kind, VALUE_NULL);
                if (tables[i].nearest)
                        ck_assert_ptr_nonnull(strstr(finding->summary, tables[i].nearest));
                ck_assert(finding->hint || finding->reason == REASON_NOT_EXPECTED_YET);
                world_close(&world);
        }
}
END_TEST

START_TEST(a_walk_that_is_under_way_is_the_method) {
        World world;

        world_open(&world);
        world.constraints[0] = "validated=f";
        world.replies[0] = (Reply){"count.facts", .rows = {"pages=1000000"}};
        world.blocks_left = 1000;
        world_round(&world);
        ck_assert_int_eq(world_finding(&world, NAME)->reason, REASON_OVER_LIMIT);
        ck_assert_str_eq(world_finding(&world, NAME)->method, "walk");
        ck_assert_int_eq(world_finding(&world, NAME)->value.kind, VALUE_NULL);
        world_close(&world);
}
END_TEST

START_TEST(the_max_age_is_that_of_what_a_finding_rests_on) {
        World world;

        world_open(&world);
        world.target->intervals.violations = 600 * USEC_PER_SEC;
        world.constraints[0] = "validated=f";
        world.constraints[1] = "contype=u|conid=2|conname=u";
        world_round(&world);
        ck_assert_uint_eq(world_finding(&world, NAME)->max_age, 1800 * USEC_PER_SEC);
        ck_assert_uint_eq(world_finding(&world, "u")->max_age, 180 * USEC_PER_SEC);
        world_close(&world);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                each_state_rule_migration_and_count_has_its_verdict,
                a_rule_that_need_not_exist_is_only_counted,
                fewer_rows_than_the_threshold_do_not_hide_the_state,
                another_definition_under_the_name_differs_until_it_is_proved_to_imply_the_rule,
                a_definition_with_user_code_is_not_compared_and_said_so,
                d13_a_misspelt_table_is_never_missing,
                a_walk_that_is_under_way_is_the_method,
                the_max_age_is_that_of_what_a_finding_rests_on,
        };

        return unit_run("constraint-judge", tests, ELEMENTS(tests));
}
