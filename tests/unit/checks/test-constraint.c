/* Tests of the check of constraints as a plan of statements: what is asked, what never is, and
 * what becomes of refusals.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "pgvigil/checks.h"
#include "world.h"

#define NAME   "amount_positive"
#define MINUTE (60 * USEC_PER_SEC)
#define PROOF  "QUERY PLAN=\"One-Time Filter\": \"false\""

static void check_unknown(const World *world, const char *name, Reason reason) {
        const Finding *finding = world_finding(world, name);

        ck_assert_msg(finding->seen == SEEN_UNKNOWN && finding->reason == reason, "%s: %d %s", name,
                      finding->seen, reason_name(finding->reason));
        ck_assert_int_eq(finding->value.kind, VALUE_NULL);
        ck_assert_ptr_nonnull(finding->summary);
}

START_TEST(a_proof_needs_no_count) {
        World world;

        world_open(&world);
        world.constraints[0] = "";
        world.replies[0] = (Reply){"constraint.prove", .rows = {PROOF}};
        world_round(&world);
        ck_assert_str_eq(world_finding(&world, NAME)->method, "proved");
        ck_assert_int_eq(world_finding(&world, NAME)->value.integer, 0);
        ck_assert(!world_was_asked(&world, "count.full"));
        world_close(&world);
}
END_TEST

START_TEST(only_what_is_not_proved_is_counted_in_one_pass) {
        World world;

        world_open(&world);
        world.constraints[0] = "";
        world_want(&world, "orders", "b", "b > 0");
        world_want(&world, "orders", "c", "c > 0");
        world.replies[0] = (Reply){"constraint.prove", "WHERE NOT ((amount", .rows = {PROOF}};
        world.replies[1] = (Reply){"count.full", .rows = {"counts={4,5}"}};
        world_round(&world);
        ck_assert(world_was_asked(&world, "count.full: SELECT ARRAY[count(*) FILTER (WHERE NOT (b > 0\n)), "
                                          "count(*) FILTER (WHERE NOT (c > 0\n))]::text AS counts FROM ONLY "
                                          "shop.orders WHERE (NOT (b > 0\n) OR NOT (c > 0\n))"));
        ck_assert_str_eq(world_finding(&world, NAME)->method, "proved");
        ck_assert_int_eq(world_finding(&world, "b")->value.integer, 4);
        ck_assert_int_eq(world_finding(&world, "c")->value.integer, 5);
        world_close(&world);
}
END_TEST

START_TEST(d9_user_code_is_never_executed_nor_planned) {
        World world;

        world_open(&world);
        world.constraints[0] = "";
        world.constraints[1] = "conid=101|conname=other";
        world.replies[0] = (Reply){"constraint.verify",
                                   .rows = {"expression=public.okfn(amount)|trusted=f|user_code=t"}};
        world_round(&world);
        check_unknown(&world, NAME, REASON_UNTRUSTED);
        check_unknown(&world, "other", REASON_UNTRUSTED);
        ck_assert(!world_was_asked(&world, "okfn"));
        world_close(&world);
}
END_TEST

START_TEST(beside_user_code_no_proof_is_believed) {
        World world;

        world_open(&world);
        world_want(&world, "orders", "b", "b > 0");
        world.replies[0] = (Reply){"constraint.verify", .rows = {"user_code=t"}};
        world.replies[1] = (Reply){"constraint.prove", .rows = {PROOF}};
        world.replies[2] = (Reply){"count.full", .rows = {"counts={1}"}};
        for (int i = 0; i < 2; i++, world.now += MINUTE) {
                world_round(&world);
                ck_assert_int_eq(world_finding(&world, "b")->value.integer, 1);
                ck_assert(!world_was_asked(&world, "constraint.prove"));
                ck_assert(world_was_asked(&world, "constraint.lock xoff"));
                ck_assert(world_was_asked(&world, "count.full xoff"));
        }
        ck_assert_uint_eq(world.n_asked, 7); /* the second time it was known from the start */
        world_close(&world);
}
END_TEST

START_TEST(what_the_lock_reveals_is_unknown_and_not_read) {
        static const struct {
                const char *change;
                Reason reason;
        } cases[] = {
                {"relkind=v", REASON_UNSUPPORTED},       /* d10: swapped for a view */
                {"row_security=t", REASON_ROW_SECURITY}, /* d11 */
                {"can_read=f", REASON_PRIVILEGE},        /* d12: revoked meanwhile */
                {"has_children=t", REASON_ERROR},        /* not locked */
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                World world;

                world_open(&world);
                world.constraints[0] = "";
                world.replies[0] = (Reply){"constraint.verify", .rows = {cases[i].change}};
                world_round(&world);
                check_unknown(&world, NAME, cases[i].reason);
                ck_assert(!world_was_asked(&world, "constraint.prove"));
                ck_assert(!world_was_asked(&world, "count.full"));
                world_close(&world);
        }
}
END_TEST

/* Dropped and made anew between two readings of the catalog: what is told must not be of the old one. */
START_TEST(a_constraint_that_is_gone_has_the_catalog_read_again_once) {
        World world;
        size_t n = 0;

        world_open(&world);
        world.constraints[0] = "";
        world_want(&world, "orders", NAME, "amount > 0");
        world_round(&world);
        world.replies[0] = (Reply){"constraint.verify", .rows = {WORLD_GONE}};
        world.target->intervals.catalog = 10 * MINUTE; /* it is not due yet */
        world.now += MINUTE;
        world_round(&world);
        for (const char *at = buffer_text(&world.log); (at = strstr(at, "constraint.catalog:")); at++)
                n++;
        ck_assert_uint_eq(n, 1);
        world_close(&world);
}
END_TEST

START_TEST(what_the_catalog_forbids_is_not_even_tried) {
        static const struct {
                const char *relation, *repair;
                Reason reason;
        } cases[] = {
                {"row_security=t", "ALTER ROLE pgvigil BYPASSRLS;", REASON_ROW_SECURITY},
                {"relkind=f", NULL, REASON_UNSUPPORTED},
                {"relkind=v", NULL, REASON_UNSUPPORTED},
                {"can_read=f", "GRANT SELECT ON shop.orders TO pgvigil;", REASON_PRIVILEGE},
                {"can_use=f", "GRANT USAGE ON SCHEMA shop TO pgvigil;", REASON_PRIVILEGE},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                World world;

                world_open(&world);
                world.relations[0] = cases[i].relation;
                world.constraints[0] = "";
                world_round(&world);
                check_unknown(&world, NAME, cases[i].reason);
                ck_assert_pstr_eq(world_finding(&world, NAME)->repair, cases[i].repair);
                ck_assert_ptr_nonnull(world_finding(&world, NAME)->hint);
                ck_assert(!world_was_asked(&world, "constraint.lock"));
                world_close(&world);
        }
}
END_TEST

START_TEST(d7_a_locked_table_leaves_the_others_counted) {
        World world;

        world_open(&world);
        world.relations[1] = "relid=2|relname=items";
        world.constraints[0] = "";
        world.constraints[1] = "relid=2|conid=102|conname=items_check|validated=f";
        world.replies[0] = (Reply){"constraint.lock", "shop.orders", .sqlstate = "55P03"};
        world_round(&world);
        check_unknown(&world, NAME, REASON_LOCKED);
        ck_assert_int_eq(world_finding(&world, "items_check")->reason, REASON_NOT_VALID);
        ck_assert_int_eq(world_finding(&world, "items_check")->value.integer, 0);
        world_close(&world);
}
END_TEST

START_TEST(what_could_not_be_counted_says_what_to_do) {
        static const struct {
                const char *statement, *sqlstate, *hint, *repair;
        } cases[] = {
                {"count.full", "57014", "limits.statement_timeout (now 5 s)", NULL},
                {"constraint.lock", "55P03", "The next poll tries again.",
                 "SELECT pid, mode, granted FROM pg_locks WHERE relation = 'shop.orders'::regclass;"},
                {"count.full", "55000", "Set `table` in the configuration", NULL},
                {"constraint.prove", "42P01", "empty search_path", NULL},
                {"constraint.prove", "42703", "Correct the rule in the configuration, or run the migration",
                 NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Finding *finding;
                World world;

                world_open(&world);
                world_want(&world, "orders", "c", "a > 0")->rule.severity = SEVERITY_WARNING;
                world.constraints[0] = "conname=c";
                world.replies[0] = (Reply){cases[i].statement, .sqlstate = cases[i].sqlstate};
                world_round(&world);
                finding = world_finding(&world, "c");
                ck_assert_msg(finding->hint && strstr(finding->hint, cases[i].hint), "%zu: %s: %s", i,
                              finding->summary, finding->hint);
                ck_assert_pstr_eq(finding->repair, cases[i].repair);
                world_close(&world);
        }
}
END_TEST

START_TEST(an_error_is_unknown_with_its_reason) {
        static const struct {
                const char *sqlstate;
                Reason reason;
        } cases[] = {
                {"57014", REASON_TIMEOUT}, {"55P03", REASON_LOCKED},      {"42501", REASON_PRIVILEGE},
                {"40001", REASON_ERROR},   {"55000", REASON_UNSUPPORTED}, {"XX000", REASON_ERROR},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                World world;

                world_open(&world);
                world.constraints[0] = "validated=f";
                world.replies[0] = (Reply){"count.full", .sqlstate = cases[i].sqlstate};
                world_round(&world);
                check_unknown(&world, NAME, cases[i].reason);
                world_close(&world);
        }
}
END_TEST

START_TEST(one_broken_rule_takes_no_other_down) {
        static const char *const states[] = {"42601", "42883", "22012"};

        for (size_t i = 0; i < ELEMENTS(states); i++) {
                World world;

                world_open(&world);
                world_want(&world, "orders", "good", "a > 0");
                world_want(&world, "orders", "bad", "broken(");
                world_want(&world, "orders", "fine", "c > 0");
                world.replies[0] = (Reply){i == 2 ? "count.full" : "constraint.prove", "broken(",
                                           .sqlstate = states[i]};
                world.replies[1] = (Reply){"count.full", "a > 0", .rows = {"counts={2}"}};
                world_round(&world);
                ck_assert_int_eq(world_finding(&world, "good")->value.integer, 2);
                ck_assert_int_eq(world_finding(&world, "fine")->value.integer, 0);
                ck_assert_int_eq(world_finding(&world, "bad")->reason, REASON_ERROR);
                ck_assert_int_eq(world_finding(&world, "bad")->seen, SEEN_BREACH); /* it is missing, too */
                ck_assert_ptr_null(world_finding(&world, "bad")->repair);

                world.now += MINUTE; /* from now on it goes by itself */
                world.replies[1] = (Reply){};
                world_round(&world);
                ck_assert(world_was_asked(&world, "WHERE NOT (a > 0\n) OR NOT (c > 0\n)\n"));
                world_close(&world);
        }
}
END_TEST

static void check_no_state(const World *world) {
        const Table *states = world_table(world, "constraint"), *counts = world_table(world, "constraints");

        ck_assert_uint_eq(states->n_rows, 1);
        ck_assert_ptr_null(table_text(states, 0, "state"));
        for (size_t row = 0; row < counts->n_rows; row++)
                ck_assert_int_eq(table_int(counts, row, "constraints"), 0);
}

START_TEST(d13_a_misspelt_column_is_named_with_the_nearest) {
        World world;

        world_open(&world);
        world_want(&world, "orders", "bad", "amuont > 0");
        world.replies[0] = (Reply){"constraint.prove", .sqlstate = "42703"};
        world.replies[1] = (Reply){"constraint.columns", .rows = {"attname=id", "attname=amount"}};
        world_round(&world);
        ck_assert_int_eq(world_finding(&world, "bad")->seen, SEEN_BREACH);
        ck_assert_int_eq(world_finding(&world, "bad")->reason, REASON_NO_SUCH_COLUMN);
        ck_assert_str_eq(world_finding(&world, "bad")->summary,
                         "The table has no column amuont; the nearest name is amount.");
        check_no_state(&world);
        world_close(&world);
}
END_TEST

START_TEST(counts_that_are_not_due_stay_with_their_time) {
        usec_t counted;
        World world;

        world_open(&world);
        world.target->intervals.violations = 10 * MINUTE;
        world.constraints[0] = "validated=f";
        world.replies[0] = (Reply){"count.full", .rows = {"counts={3}"}};
        world_round(&world);
        counted = world_finding(&world, NAME)->checked_boottime;
        ck_assert_uint_gt(counted, 0);

        world.now += MINUTE;
        world_round(&world);
        ck_assert(!world_was_asked(&world, "constraint.lock"));
        ck_assert_int_eq(world_finding(&world, NAME)->value.integer, 3);
        ck_assert_uint_eq(world_finding(&world, NAME)->checked_boottime, counted);

        world.now += 9 * MINUTE;
        world_round(&world);
        ck_assert_uint_gt(world_finding(&world, NAME)->checked_boottime, counted);
        world_close(&world);
}
END_TEST

START_TEST(the_catalog_is_read_at_its_own_interval) {
        World world;

        world_open(&world);
        world.target->intervals.catalog = 10 * MINUTE;
        world.constraints[0] = "validated=f";
        world_round(&world);
        world.now += MINUTE;
        world_round(&world);
        ck_assert(!world_was_asked(&world, "constraint.catalog"));
        ck_assert(world_was_asked(&world, "count.facts"));
        world_close(&world);
}
END_TEST

START_TEST(a_new_constraint_is_counted_at_once) {
        World world;

        world_open(&world);
        world.target->intervals.violations = 10 * MINUTE;
        world.constraints[0] = "validated=f";
        world_round(&world);
        world.now += MINUTE;
        world.constraints[0] = "validated=f|conid=200"; /* dropped and made again */
        world_round(&world);
        ck_assert(world_was_asked(&world, "count.full"));
        world_close(&world);
}
END_TEST

START_TEST(repeated_timeouts_make_the_interval_longer) {
        size_t tries = 0;
        World world;

        world_open(&world);
        world.constraints[0] = "validated=f";
        world.replies[0] = (Reply){"count.full", .sqlstate = "57014"};
        for (int i = 0; i < 40; i++, world.now += MINUTE) {
                world_round(&world);
                tries += world_was_asked(&world, "count.full");
                check_unknown(&world, NAME, REASON_TIMEOUT);
        }
        ck_assert_uint_lt(tries, 12);
        ck_assert_uint_gt(tries, 6);
        world_close(&world);
}
END_TEST

START_TEST(a_catalog_that_cannot_be_read_makes_everything_unknown) {
        World world;

        world_open(&world);
        world.constraints[0] = "";
        world.replies[0] = (Reply){"constraint.catalog", .sqlstate = "57014"};
        world_round(&world);
        check_unknown(&world, "catalog", REASON_TIMEOUT);

        world_want(&world, "orders", "wanted", "a > 0");
        world_round(&world);
        check_unknown(&world, "wanted", REASON_TIMEOUT);

        world.replies[0] = (Reply){};
        world_round(&world);
        ck_assert_int_eq(world_finding(&world, NAME)->seen, SEEN_OK);

        world.now += MINUTE;
        world.replies[0] = (Reply){"constraint.relations", .sqlstate = "54000"};
        world_round(&world);
        ck_assert_int_eq(world_finding(&world, NAME)->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(world_finding(&world, NAME)->reason, REASON_OVER_LIMIT);
        world_close(&world);
}
END_TEST

START_TEST(a_run_that_is_cut_anywhere_is_no_obstacle_to_the_next) {
        for (size_t cut = 1; cut < 30; cut++) {
                World world;

                world_open(&world);
                world.key_rows = 3;
                world.relations[1] = "relid=2|relname=items";
                world.constraints[0] = "";
                world.constraints[1] = "relid=2|conid=102|conname=items_check|validated=f";
                world_want(&world, "orders", NAME, "amount > 1");
                world_want(&world, "orders", "bad", "broken");
                world.replies[0] = (Reply){"constraint.prove", "broken", .sqlstate = "42703"};
                world.replies[1] = (Reply){"count.full", .rows = {"counts={1}"}};
                world.cut_after = cut;
                world_round(&world);

                world.cut_after = 0;
                world.now += MINUTE;
                world_round(&world);
                ck_assert_int_eq(world_finding(&world, NAME)->reason, REASON_VIOLATED);
                ck_assert_int_eq(world_finding(&world, "items_check")->reason, REASON_VIOLATED);
                ck_assert_int_eq(world_finding(&world, "bad")->reason, REASON_NO_SUCH_COLUMN);
                world_close(&world);
        }
}
END_TEST

START_TEST(explain_counts_nothing_and_says_so) {
        World world;

        world_open(&world);
        world.explain = true;
        world.constraints[0] = "validated=f";
        world_round(&world);
        ck_assert(world_was_asked(&world, "count.full"));
        ck_assert_int_eq(world_finding(&world, NAME)->seen, SEEN_SKIPPED);
        world_close(&world);
}
END_TEST

START_TEST(keys_of_violating_rows_are_read_in_the_same_transaction) {
        World world;

        world_open(&world);
        world.key_rows = 2;
        world.constraints[0] = "validated=f";
        world.constraints[1] = "conid=9|contype=p|conname=orders_pkey|columns=id, line";
        world.replies[0] = (Reply){"count.full", .rows = {"counts={5}"}};
        world.replies[1] = (Reply){"count.keys", .rows = {"key=(1,1)", "key=(1,2)"}};
        world.replies[2] = (Reply){"count.details",
                                   .rows = {"key_columns={id,line}|key_types={bigint,bigint}"}};
        world_round(&world);
        ck_assert(world_was_asked(&world,
                                  "SELECT ROW(orders.id, orders.line)::text AS key, NULL::text AS parts, "
                                  "NULL::text AS broken FROM ONLY shop.orders WHERE NOT"));
        ck_assert_uint_eq(strv_length(world_finding(&world, NAME)->keys), 2);
        ck_assert_str_eq(world_finding(&world, NAME)->keys[1], "(1,2)");
        world_close(&world);
}
END_TEST

START_TEST(d11b_parents_are_counted_with_their_children_and_not_inherited_rules_without) {
        static const struct {
                const char *relation, *constraint, *from;
        } cases[] = {
                {"relkind=p|has_children=t", "validated=f", " FROM shop.orders "},
                {"relkind=p", "validated=f", " FROM shop.orders "},
                {"has_children=t", "validated=f", " FROM shop.orders "},
                {"has_children=t", "validated=f|no_inherit=t", " FROM ONLY shop.orders "},
                {"", "validated=f", " FROM ONLY shop.orders "},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                World world;

                world_open(&world);
                world.relations[0] = cases[i].relation;
                world.constraints[0] = cases[i].constraint;
                world_round(&world);
                ck_assert_msg(world_was_asked(&world, cases[i].from), "case %zu", i);
                world_close(&world);
        }
}
END_TEST

START_TEST(a_foreign_part_makes_the_whole_tree_unsupported) {
        World world;

        world_open(&world);
        world.relations[0] = "relkind=p|has_children=t";
        world.constraints[0] = "";
        world.replies[0] = (Reply){"constraint.verify", .rows = {"relkind=p|foreign_parts=t"}};
        world_round(&world);
        check_unknown(&world, NAME, REASON_UNSUPPORTED);
        world_close(&world);
}
END_TEST

START_TEST(discovery_leaves_out_what_is_excluded_or_inherited_or_of_an_extension) {
        static const struct {
                const char *relation, *constraint, *exclude;
                bool is_watched;
        } cases[] = {
                {"", "", NULL, true},
                {"", "", "shop.order*", false},
                {"", "", "shop.orders.amount_*", false},
                {"", "", "shop.orders.other", true},
                {"", "", "orders", false},
                {"is_extension=t", "", NULL, false},
                {"", "is_inherited=t", NULL, false},
                {"schemaname=elsewhere", "", NULL, false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                World world;

                world_open(&world);
                world.relations[0] = cases[i].relation;
                world.constraints[0] = cases[i].constraint;
                if (cases[i].exclude)
                        ck_assert_int_eq(strv_add(&world.target->exclude, cases[i].exclude), 0);
                world_round(&world);
                ck_assert_msg(world.report.n_findings == cases[i].is_watched, "case %zu", i);
                world_close(&world);
        }
}
END_TEST

START_TEST(rows_are_published_for_configured_and_abnormal_ones_abnormal_first) {
        const Table *table;
        World world;

        world_open(&world);
        world.constraints[0] = "contype=u|conname=healthy";
        world.constraints[1] = "";
        world.constraints[2] = "conid=102|conname=weak|validated=f";
        world_want(&world, "orders", NAME, "amount > 0");
        world_round(&world);
        table = world_table(&world, "constraint");
        ck_assert_uint_eq(table->n_rows, 2);
        ck_assert_str_eq(table_text(table, 0, "conname"), "weak");
        ck_assert_str_eq(table_text(table, 1, "conname"), NAME);
        table = world_table(&world, "constraints");
        ck_assert_str_eq(table_text(table, 0, "state"), "enforced");
        ck_assert_int_eq(table_int(table, 0, "constraints"), 2);
        ck_assert_int_eq(table_int(table, 1, "constraints"), 1);
        world_close(&world);
}
END_TEST

START_TEST(the_last_count_stays_published_while_blind) {
        World world;

        world_open(&world);
        world.constraints[0] = "validated=f";
        world.replies[0] = (Reply){"count.full", .rows = {"counts={3}"}};
        world_round(&world);
        world.now += MINUTE;
        world.replies[0] = (Reply){"constraint.lock", .sqlstate = "55P03"};
        world_round(&world);
        check_unknown(&world, NAME, REASON_LOCKED);
        ck_assert_int_eq(table_int(world_table(&world, "constraint"), 0, "violations"), 3);
        ck_assert_int_eq(table_int(world_table(&world, "constraint"), 0, "checked"), 1000);
        world_close(&world);
}
END_TEST

START_TEST(a_rule_and_a_constraint_of_one_name_are_one_finding) {
        World world;

        world_open(&world);
        world.constraints[0] = "";
        world_want(&world, "Shop.Orders", "Amount_Positive", "amount > 0");
        world_round(&world);
        ck_assert_uint_eq(world.report.n_findings, 1);
        ck_assert(world_finding(&world, NAME)->configured);
        ck_assert_int_eq(world_finding(&world, NAME)->seen, SEEN_OK);
        world_close(&world);
}
END_TEST

START_TEST(two_rules_for_one_constraint_both_find_it) {
        World world;

        world_open(&world);
        world.constraints[0] = "";
        world_want(&world, "orders", "amount_positive", NULL);
        world_want(&world, "shop.orders", "amount_positive", NULL);
        world_round(&world);
        world.now += MINUTE;
        world_round(&world);
        ck_assert_uint_eq(world.report.n_findings, 2);
        for (size_t i = 0; i < 2; i++) {
                ck_assert_int_eq(world.report.findings[i].seen, SEEN_OK);
                ck_assert_str_eq(world.report.findings[i].name, "amount_positive");
        }
        world_close(&world);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                a_proof_needs_no_count,
                only_what_is_not_proved_is_counted_in_one_pass,
                d9_user_code_is_never_executed_nor_planned,
                beside_user_code_no_proof_is_believed,
                what_the_lock_reveals_is_unknown_and_not_read,
                a_constraint_that_is_gone_has_the_catalog_read_again_once,
                what_the_catalog_forbids_is_not_even_tried,
                d7_a_locked_table_leaves_the_others_counted,
                what_could_not_be_counted_says_what_to_do,
                an_error_is_unknown_with_its_reason,
                one_broken_rule_takes_no_other_down,
                d13_a_misspelt_column_is_named_with_the_nearest,
                counts_that_are_not_due_stay_with_their_time,
                the_catalog_is_read_at_its_own_interval,
                a_new_constraint_is_counted_at_once,
                repeated_timeouts_make_the_interval_longer,
                a_catalog_that_cannot_be_read_makes_everything_unknown,
                a_run_that_is_cut_anywhere_is_no_obstacle_to_the_next,
                explain_counts_nothing_and_says_so,
                keys_of_violating_rows_are_read_in_the_same_transaction,
                d11b_parents_are_counted_with_their_children_and_not_inherited_rules_without,
                a_foreign_part_makes_the_whole_tree_unsupported,
                discovery_leaves_out_what_is_excluded_or_inherited_or_of_an_extension,
                rows_are_published_for_configured_and_abnormal_ones_abnormal_first,
                the_last_count_stays_published_while_blind,
                a_rule_and_a_constraint_of_one_name_are_one_finding,
                two_rules_for_one_constraint_both_find_it,
        };

        return unit_run("constraint", tests, ELEMENTS(tests));
}
