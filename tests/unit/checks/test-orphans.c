/* Tests of orphans in the check foreign_key: which keys are counted, by what statement, and what the
 * finding makes of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <stdio.h>
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define KEY                                                                                                  \
        "schemaname=public|relname=ledger|conname=fk|referenced_schema=public|referenced_table=orders|"      \
        "columns={order_id}|referenced_columns={id}|set_columns={}|not_null={}|on_delete=a|on_update=a|"     \
        "is_partitioned=f|is_full=f|is_deferrable=f|is_deferred=f|is_valid=t|is_enforced=t|has_triggers=t|"  \
        "conid=9|relid=1|referenced_relid=2|is_referenced_partitioned=f|is_bypassed=f|is_temporal=f|"        \
        "is_trusted=t|row_security=f|lacks={}|suffixes={\"\"}|operators={OPERATOR(pg_catalog.=)}"

#define NOT_FOUND(columns)                                                                                   \
        {"foreign_key.catalog", NULL, NULL, {NULL}}, {                                                       \
                "names", NULL, "schemaname=public", {                                                        \
                        "relname=ledger|columns=" columns, "relname=orders|columns={id}"                     \
                }                                                                                            \
        }

#define WANTED                                                                                               \
        "relid=1|referenced_relid=2|is_partitioned=f|is_referenced_partitioned=f|columns={order_id}|"        \
        "referenced_columns={id}|operators={OPERATOR(pg_catalog.=)}|suffixes={\"\"}|is_trusted=t|"           \
        "is_comparable=t|is_unique=t|lacks={}|row_security=f"

static void poll(Feed *feed, const Answer *answers, size_t n_answers) {
        feed->boottime += USEC_PER_MINUTE;
        feed_round(feed, answers, n_answers);
}

static bool was_asked(const Feed *feed, const char *text) {
        return strstr(buffer_text(&feed->log), text) != NULL;
}

START_TEST(the_predicate_is_true_for_orphans_only) {
        static const struct {
                const char *row, *predicate;
        } cases[] = {
                {"",
                 "(ledger.order_id IS NOT NULL) AND NOT EXISTS (SELECT FROM ONLY public.orders AS "
                 "pgvigil_parent WHERE pgvigil_parent.id OPERATOR(pg_catalog.=) ledger.order_id OFFSET 0)"},
                {"columns={a,b}|referenced_columns={x,y}|operators={OPERATOR(pg_catalog.=),OPERATOR(pg_"
                 "catalog."
                 "=)}|suffixes={::text,\"\"}",
                 "(ledger.a IS NOT NULL AND ledger.b IS NOT NULL) AND NOT EXISTS (SELECT FROM ONLY "
                 "public.orders AS pgvigil_parent WHERE pgvigil_parent.x OPERATOR(pg_catalog.=) "
                 "ledger.a::text AND pgvigil_parent.y OPERATOR(pg_catalog.=) ledger.b OFFSET 0)"},
                {"columns={a,b}|referenced_columns={x,y}|operators={OPERATOR(pg_catalog.=),OPERATOR(pg_"
                 "catalog."
                 "=)}|suffixes={\"\",\"\"}|is_full=t",
                 "(ledger.a IS NOT NULL OR ledger.b IS NOT NULL) AND NOT EXISTS ("},
                {"referenced_table=ledger|referenced_relid=1", "FROM ONLY public.ledger AS pgvigil_parent"},
                {"is_referenced_partitioned=t", "(SELECT FROM public.orders AS pgvigil_parent"},
                {"relname=pgvigil_parent",
                 "pgvigil_parent_.id OPERATOR(pg_catalog.=) pgvigil_parent.order_id"},
                {"relname=Od\"d|columns={\"c,d\"}|referenced_columns={\"x y\"}|referenced_table=a;b",
                 "(\"Od\"\"d\".\"c,d\" IS NOT NULL) AND NOT EXISTS (SELECT FROM ONLY public.\"a;b\" AS "
                 "pgvigil_parent WHERE pgvigil_parent.\"x y\" OPERATOR(pg_catalog.=) \"Od\"\"d\".\"c,d\" "
                 "OFFSET "
                 "0)"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *row = str_format("is_valid=f%s%s", *cases[i].row ? "|" : "",
                                                        cases[i].row);
                const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {row}}};
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                poll(&feed, answers, 1);
                ck_assert_msg(was_asked(&feed, cases[i].predicate), "%zu: %s", i, buffer_text(&feed.log));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_partitioned_table_is_read_whole_and_a_plain_one_without_children) {
        static const struct {
                const char *row, *lock;
        } cases[] = {
                {"is_valid=f", "LOCK TABLE ONLY public.ledger, ONLY public.orders IN ACCESS SHARE MODE"},
                {"is_valid=f|is_partitioned=t|is_referenced_partitioned=t",
                 "LOCK TABLE public.ledger, public.orders IN ACCESS SHARE MODE"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {cases[i].row}}};
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                poll(&feed, answers, 1);
                ck_assert(was_asked(&feed, cases[i].lock));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(only_a_key_that_was_always_in_force_is_believed) {
        static const struct {
                const char *row, *method;
        } cases[] = {
                {"", "enforced"},
                {"not_null={order_id}|on_delete=n", "enforced"},
                {"is_trusted=f", "enforced"},
                {"is_temporal=t", "enforced"},
                {"is_valid=f", "full"},
                {"is_enforced=f|has_triggers=f", "full"},
                {"has_triggers=f", "full"},
                {"disabled_on={public.orders}", "full"},
                {"suppressors={swallow}", "full"},
                {"is_bypassed=t", "full"},
                {"altered=17", "full"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {cases[i].row}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                feed.target->intervals.safety = USEC_INFINITY;
                poll(&feed, answers, 1);
                finding = feed_finding(&feed, "public.ledger", "fk");
                ck_assert_str_eq(finding->unit, "rows");
                ck_assert_int_eq(finding->value.kind, VALUE_INT);
                ck_assert_msg(str_equal(finding->method, cases[i].method), "%s: %s", cases[i].row,
                              finding->method);
                ck_assert_int_eq(was_asked(&feed, "count.full"), str_equal(cases[i].method, "full"));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(orphans_outrank_how_the_key_stands) {
        static const struct {
                const char *row, *summary;
        } cases[] = {
                {"is_valid=f", "3 rows refer to no row of public.orders."},
                {"disabled_on={public.ledger}",
                 "3 rows refer to no row of public.orders, and its triggers are disabled."},
                {"is_bypassed=t",
                 "3 rows refer to no row of public.orders, although the foreign key is validated."},
                {"is_valid=f|relname=Ledger", "3 rows refer to no row of public.orders."},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {cases[i].row}},
                                          {"count.full", NULL, NULL, {"counts={3}"}}};
                const Finding *finding;
                const Table *table;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                poll(&feed, answers, 2);
                finding = feed_finding(&feed, NULL, "fk");
                ck_assert_int_eq(finding->seen, SEEN_BREACH);
                ck_assert_int_eq(finding->reason, REASON_VIOLATED);
                ck_assert_int_eq(finding->severity, SEVERITY_WARNING);
                ck_assert_int_eq(finding->value.integer, 3);
                ck_assert_str_eq(finding->summary, cases[i].summary);
                ck_assert(strncmp(finding->repair, "SELECT * FROM ONLY public.", 26) == 0);
                table = feed_table(&feed, "foreign_key_standing");
                ck_assert_ptr_nonnull(table);
                ck_assert_int_eq(table_int(table, 0, "violations"), 3);
                ck_assert_str_eq(table_text(table, 0, "contype"), "f");
                feed_close(&feed);
        }
}
END_TEST

START_TEST(below_its_threshold_the_state_stands_with_its_number) {
        const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                                  {"count.full", NULL, NULL, {"counts={3}"}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        ForeignKeySettings *wanted = feed_foreign_key(&feed, "ledger", "order_id", "public.orders");
        wanted->rule.threshold = 4;
        poll(&feed, answers, 2);
        finding = feed_finding(&feed, NULL, "fk");
        ck_assert_int_eq(finding->reason, REASON_NOT_VALID);
        ck_assert_int_eq(finding->value.integer, 3);
        wanted->rule.threshold = 3;
        poll(&feed, answers, 2);
        finding = feed_finding(&feed, NULL, "fk");
        ck_assert_int_eq(finding->reason, REASON_VIOLATED);
        ck_assert_int_eq(finding->severity, SEVERITY_CRITICAL);
        feed_close(&feed);
}
END_TEST

/* One poll with the key so; whether its rows were counted for it. */
static bool is_counted(Feed *feed, const char *row, const char *counts) {
        const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {row}},
                                  {"count.full", NULL, NULL, {counts}}};
        const Answer walk[] = {{"foreign_key.catalog", NULL, KEY, {row}},
                               {"count.slice", NULL, "page=0", {counts}},
                               {"count.slice_keys", NULL, NULL, {"key=(1)|parts={1}|broken={t}"}}};
        size_t n = 1 + (counts != NULL) + str_equal(counts, "counts={1}");

        /* What only memory doubts is walked. */
        bool is_walk = counts && (!*row || strncmp(row, "triggers", strlen("triggers")) == 0);

        poll(feed, is_walk ? walk : answers, n);
        return !str_equal(feed_finding(feed, NULL, "fk")->method, "enforced");
}

START_TEST(a_key_that_came_into_force_is_believed_once_counted_clean) {
        static const char *const rows[] = {"is_valid=f", "disabled_on={public.ledger}",
                                           "suppressors={swallow}", "is_bypassed=t"};

        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                feed.target->intervals.safety = USEC_INFINITY;
                ck_assert(!is_counted(&feed, "", NULL));
                ck_assert(is_counted(&feed, rows[i], "counts={0}"));
                ck_assert(is_counted(&feed, "", "counts={1}"));
                ck_assert_int_eq(feed_finding(&feed, NULL, "fk")->reason, REASON_VIOLATED);
                ck_assert_str_eq(feed_finding(&feed, NULL, "fk")->method, "walk");
                ck_assert(is_counted(&feed, "", "counts={0}"));
                ck_assert_int_eq(feed_finding(&feed, NULL, "fk")->seen, SEEN_OK);
                ck_assert(!is_counted(&feed, "", NULL));
                ck_assert_str_eq(feed_finding(&feed, NULL, "fk")->method, "enforced");
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_key_that_was_renamed_is_the_one_that_it_was) {
        const Answer found[] = {{"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                                {"count.full", NULL, "counts={3}", {""}}};
        const Answer renamed[] = {{"foreign_key.catalog", NULL, KEY, {"conname=other"}}};
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        feed.target->intervals.safety = USEC_INFINITY;
        poll(&feed, found, ELEMENTS(found));
        poll(&feed, renamed, ELEMENTS(renamed));
        ck_assert_str_ne(feed_finding(&feed, NULL, "other")->method, "enforced"); /* in doubt: counted */
        feed_close(&feed);
}
END_TEST

START_TEST(each_alteration_of_its_triggers_is_counted_once) {
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        feed.target->intervals.safety = USEC_INFINITY;
        ck_assert(is_counted(&feed, "altered=17|triggers=17", "counts={0}"));
        ck_assert(!is_counted(&feed, "altered=17|triggers=17", NULL));
        ck_assert(is_counted(&feed, "altered=18|triggers=18", "counts={2}"));
        ck_assert(is_counted(&feed, "altered=18|triggers=18", "counts={0}"));
        ck_assert(!is_counted(&feed, "altered=18|triggers=18", NULL));
        /* One that makes them all of one transaction again is seen from one poll to the next. */
        ck_assert(is_counted(&feed, "triggers=19", "counts={0}"));
        ck_assert(!is_counted(&feed, "triggers=19", NULL));
        ck_assert(!is_counted(&feed, "conid=10", NULL)); /* made anew: PostgreSQL looked itself */
        feed_close(&feed);
}
END_TEST

START_TEST(what_cannot_be_read_is_unknown_and_says_what_it_lacks) {
        static const struct {
                const char *row;
                Reason reason;
                const char *repair;
        } cases[] = {
                {"lacks={SELECT ON public.orders}", REASON_PRIVILEGE,
                 "GRANT SELECT ON public.orders TO pgvigil;"},
                {"lacks={USAGE ON SCHEMA s,SELECT ON s.orders}", REASON_PRIVILEGE,
                 "GRANT USAGE ON SCHEMA s TO pgvigil; GRANT SELECT ON s.orders TO pgvigil;"},
                {"row_security=t", REASON_ROW_SECURITY, NULL},
                {"is_trusted=f|is_valid=f", REASON_UNTRUSTED, NULL},
                {"is_temporal=t|is_valid=f", REASON_UNSUPPORTED, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {cases[i].row}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                poll(&feed, answers, 1);
                finding = feed_finding(&feed, NULL, "fk");
                ck_assert_int_eq(finding->seen, SEEN_UNKNOWN);
                ck_assert_msg(finding->reason == cases[i].reason, "%s: %s", cases[i].row,
                              reason_name(finding->reason));
                ck_assert_pstr_eq(finding->repair, cases[i].repair);
                ck_assert_int_eq(finding->value.kind, VALUE_NULL);
                ck_assert(!was_asked(&feed, "count."));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(an_error_of_counting_is_unknown_with_its_reason) {
        static const struct {
                const char *statement, *sqlstate;
                Reason reason;
        } cases[] = {
                {"count.lock", "55P03", REASON_LOCKED},
                {"count.full", "57014", REASON_TIMEOUT},
                {"count.full", "XX001", REASON_ERROR},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                                          {cases[i].statement, cases[i].sqlstate, NULL, {NULL}}};
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                poll(&feed, answers, 2);
                ck_assert_int_eq(feed_finding(&feed, NULL, "fk")->seen, SEEN_UNKNOWN);
                ck_assert_int_eq(feed_finding(&feed, NULL, "fk")->reason, cases[i].reason);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_table_that_is_gone_has_the_catalog_read_again) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                {"count.lock", "42P01", NULL, {NULL}},
                {"foreign_key.catalog", NULL, NULL, {NULL}},
        };
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        poll(&feed, answers, 3);
        ck_assert(!feed_has(&feed, "fk"));
        feed_close(&feed);
}
END_TEST

START_TEST(between_two_catalogs_only_rows_are_read) {
        const Answer answers[] = {{"foreign_key.catalog", NULL, KEY, {"is_valid=f"}}};
        usec_t counted, seen;
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        feed.target->intervals.catalog = USEC_PER_HOUR;
        feed.target->intervals.violations = USEC_PER_MINUTE;
        poll(&feed, answers, 1);
        counted = feed_finding(&feed, NULL, "fk")->checked_boottime;
        ck_assert_uint_eq(counted, feed.boottime);
        poll(&feed, NULL, 0);
        ck_assert(was_asked(&feed, "count.full"));
        seen = feed_finding(&feed, NULL, "fk")->checked_boottime;
        ck_assert_uint_eq(seen, feed.boottime);
        feed_close(&feed);
}
END_TEST

START_TEST(a_configured_key_that_does_not_exist_is_counted) {
        static const struct {
                const char *after, *counts;
                Reason reason;
                Severity severity;
                const char *summary;
        } cases[] = {
                {NULL, "counts={0}", REASON_MISSING, SEVERITY_CRITICAL,
                 "There is no foreign key (order_id) on public.ledger that references orders. Every row "
                 "refers "
                 "to one that is there."},
                {NULL, "counts={2}", REASON_VIOLATED, SEVERITY_CRITICAL,
                 "2 rows refer to no row of public.orders, and the foreign key does not exist."},
                {"add_fk", "counts={0}", REASON_NOT_EXPECTED_YET, SEVERITY_INFO, NULL},
                {"add_fk", "counts={1}", REASON_VIOLATED, SEVERITY_CRITICAL,
                 "1 row refers to no row of public.orders: the migration add_fk would be rejected."},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {NOT_FOUND("{id,order_id}"),
                                          {"foreign_key.wanted", NULL, WANTED, {""}},
                                          {"count.full", NULL, NULL, {cases[i].counts}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                ForeignKeySettings *wanted = feed_foreign_key(&feed, "ledger", "Order_ID", "orders");
                ck_assert_int_eq(str_set(&wanted->columns[0], "ORDER_ID"), 0);
                ck_assert_int_eq(str_set(&wanted->rule.expected_after, cases[i].after), 0);
                poll(&feed, answers, ELEMENTS(answers));
                ck_assert_uint_eq(feed.report.n_findings, 1);
                finding = &feed.report.findings[0];
                ck_assert_msg(finding->reason == cases[i].reason, "%zu: %s", i, reason_name(finding->reason));
                ck_assert_int_eq(finding->severity, cases[i].severity);
                if (cases[i].summary && finding->reason != REASON_MISSING)
                        ck_assert_str_eq(finding->summary, cases[i].summary);
                ck_assert_int_eq(finding->value.kind, VALUE_INT);
                ck_assert(was_asked(&feed, "ledger.order_id IS NOT NULL"));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_key_that_could_not_be_made_is_not_counted_and_says_why) {
        static const struct {
                const char *row, *why;
        } cases[] = {
                {"is_comparable=f", "cannot be compared"},
                {"is_unique=f", "have no unique index"},
                {"is_trusted=f", "not built in"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {NOT_FOUND("{id,order_id}"),
                                          {"foreign_key.wanted", NULL, WANTED, {cases[i].row}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                feed_foreign_key(&feed, "ledger", "order_id", "orders");
                poll(&feed, answers, ELEMENTS(answers));
                finding = feed_finding(&feed, NULL, "(order_id) references orders");
                ck_assert_int_eq(finding->reason, REASON_MISSING);
                ck_assert_int_eq(finding->value.kind, VALUE_NULL);
                ck_assert_ptr_nonnull(strstr(finding->summary, cases[i].why));
                ck_assert(!was_asked(&feed, "count."));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(the_safety_walk_finds_what_slipped_past_a_validated_key) {
        const Answer clean[] = {{"foreign_key.catalog", NULL, KEY, {""}}};
        const Answer found[] = {{"foreign_key.catalog", NULL, KEY, {""}},
                                {"count.slice", NULL, "page=3", {"counts={2}"}}};
        const Answer counted[] = {
                {"foreign_key.catalog", NULL, KEY, {""}},
                {"count.slice", NULL, "page=3", {"counts={2}"}},
                {"count.slice_keys", NULL, "broken={t}", {"key=(1)|parts={1}", "key=(2)|parts={2}"}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        feed.target->intervals.safety = USEC_PER_SEC;
        for (size_t i = 0; i < 2; i++) { /* begins and ends, waits */
                poll(&feed, clean, 1);
                ck_assert_str_eq(feed_finding(&feed, NULL, "fk")->method, "enforced");
        }
        poll(&feed, found, 2); /* told at once */
        finding = feed_finding(&feed, NULL, "fk");
        ck_assert_int_eq(finding->reason, REASON_VIOLATED);
        ck_assert_int_eq(finding->value.integer, 2);
        ck_assert_str_eq(finding->summary,
                         "At least 2 rows refer to no row of public.orders, although the foreign key is "
                         "validated. The rest of the table is still to be read.");

        poll(&feed, counted, 3); /* and counted as any other from here on */
        finding = feed_finding(&feed, NULL, "fk");
        ck_assert_int_eq(finding->reason, REASON_VIOLATED);
        ck_assert_uint_eq(finding->checked_boottime, feed.boottime);
        poll(&feed, clean, 1);
        ck_assert_int_eq(feed_finding(&feed, NULL, "fk")->seen, SEEN_OK);
        poll(&feed, clean, 1);
        ck_assert_str_eq(feed_finding(&feed, NULL, "fk")->method, "enforced");
        feed_close(&feed);
}
END_TEST

START_TEST(while_a_large_table_is_walked_the_finding_says_how_far) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                {"count.plan", NULL, NULL, {"QUERY PLAN=[{\"Plan\": {\"Node Type\": \"Seq Scan\"}}]"}},
                {"count.slice", NULL, NULL, {NULL}},
        };
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        feed.target->intervals.safety = USEC_INFINITY;
        feed.pages = 100000;
        poll(&feed, answers, ELEMENTS(answers));
        finding = feed_finding(&feed, NULL, "fk");
        ck_assert_int_eq(finding->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(finding->reason, REASON_OVER_LIMIT);
        ck_assert(feed.report.wants_blocks);
        feed_close(&feed);
}
END_TEST

/* 10 rows a page, each looked up in another table: three blocks a page instead of one. */
START_TEST(looking_up_referenced_rows_is_charged_to_the_budget) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                {"count.plan", NULL, NULL, {"QUERY PLAN=[{\"Plan\": {\"Node Type\": \"Seq Scan\"}}]"}},
        };
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        feed.target->intervals.safety = USEC_INFINITY;
        feed.density = 10;
        feed.pages = 682; /* all that is read in one piece */
        poll(&feed, answers, 1);
        ck_assert_int_eq(feed.blocks, 3 * 682);
        ck_assert_str_eq(feed_finding(&feed, NULL, "fk")->method, "full");
        for (feed.pages = 683; feed.pages <= 683000; feed.pages *= 10) {
                poll(&feed, answers, ELEMENTS(answers));
                ck_assert_int_le(feed.blocks, 4096);
                ck_assert_int_gt(feed.blocks, 1000);
        }
        feed_close(&feed);
}
END_TEST

START_TEST(what_takes_too_long_in_one_piece_is_read_in_slices) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                {"count.full", "57014", NULL, {NULL}},
                {"count.plan", NULL, NULL, {"QUERY PLAN=[{\"Plan\": {\"Node Type\": \"Seq Scan\"}}]"}},
                {"count.slice", NULL, NULL, {NULL}},
        };
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        feed.is_once = true;
        feed.pages = 3000;
        poll(&feed, answers, ELEMENTS(answers));
        ck_assert_int_eq(feed_finding(&feed, NULL, "fk")->value.integer, 0);
        ck_assert_str_eq(feed_finding(&feed, NULL, "fk")->method, "walk");
        feed_close(&feed);
}
END_TEST

START_TEST(a_command_that_reads_at_once_asks_only_for_what_it_needs) {
        for (int has_orphans = 0; has_orphans < 2; has_orphans++) {
                const Answer answers[] = {
                        {"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                        {"count.full", NULL, NULL, {has_orphans ? "counts={3}" : "counts={0}"}},
                };
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                feed.is_once = true;
                feed.key_rows = 5;
                feed.pages = 3000;
                poll(&feed, answers, ELEMENTS(answers));
                ck_assert_int_eq(feed_finding(&feed, NULL, "fk")->value.integer, has_orphans ? 3 : 0);
                ck_assert_ptr_null(strstr(buffer_text(&feed.log), "pg_postmaster_start_time"));
                ck_assert_int_eq(was_asked(&feed, "count.details"), has_orphans);
                ck_assert_int_eq(was_asked(&feed, "count.keys"), has_orphans);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_walk_says_how_many_rows_it_may_have_missed) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                {"count.plan", NULL, NULL, {"QUERY PLAN=[{\"Plan\": {\"Node Type\": \"Seq Scan\"}}]"}},
        };
        Feed feed;

        for (int is_written = 0; is_written < 2; is_written++) {
                char bound[64];

                feed_open(&feed, &foreign_key_check);
                feed.is_once = true;
                feed.is_written = is_written;
                feed.pages = 100000;
                poll(&feed, answers, ELEMENTS(answers));
                ck_assert_str_eq(feed_finding(&feed, NULL, "fk")->method, "walk");
                /* Written before the walk began: the facts that it was too large by. */
                snprintf(bound, sizeof(bound), "updates moved %lld rows", (long long)feed.moved - 2);
                ck_assert(!!strstr(feed_finding(&feed, NULL, "fk")->summary, bound) == is_written);
                ck_assert(!!strstr(feed_finding(&feed, NULL, "fk")->summary, "missed") == is_written);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_walk_whose_statistics_were_reset_says_that_it_does_not_know_how_many) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, KEY, {"is_valid=f"}},
                {"count.plan", NULL, NULL, {"QUERY PLAN=[{\"Plan\": {\"Node Type\": \"Seq Scan\"}}]"}},
        };
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        feed.is_once = feed.is_reset = true;
        feed.pages = 100000;
        poll(&feed, answers, ELEMENTS(answers));
        ck_assert_str_eq(feed_finding(&feed, NULL, "fk")->method, "walk");
        ck_assert(!!strstr(feed_finding(&feed, NULL, "fk")->summary, "may have been missed, is not known"));
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_predicate_is_true_for_orphans_only,
                a_partitioned_table_is_read_whole_and_a_plain_one_without_children,
                only_a_key_that_was_always_in_force_is_believed,
                orphans_outrank_how_the_key_stands,
                below_its_threshold_the_state_stands_with_its_number,
                a_key_that_came_into_force_is_believed_once_counted_clean,
                a_key_that_was_renamed_is_the_one_that_it_was,
                each_alteration_of_its_triggers_is_counted_once,
                what_cannot_be_read_is_unknown_and_says_what_it_lacks,
                an_error_of_counting_is_unknown_with_its_reason,
                a_table_that_is_gone_has_the_catalog_read_again,
                between_two_catalogs_only_rows_are_read,
                a_configured_key_that_does_not_exist_is_counted,
                a_key_that_could_not_be_made_is_not_counted_and_says_why,
                the_safety_walk_finds_what_slipped_past_a_validated_key,
                while_a_large_table_is_walked_the_finding_says_how_far,
                looking_up_referenced_rows_is_charged_to_the_budget,
                what_takes_too_long_in_one_piece_is_read_in_slices,
                a_command_that_reads_at_once_asks_only_for_what_it_needs,
                a_walk_says_how_many_rows_it_may_have_missed,
                a_walk_whose_statistics_were_reset_says_that_it_does_not_know_how_many,
        };

        return unit_run("checks/orphans", tests, ELEMENTS(tests));
}
