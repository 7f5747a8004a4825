/* Tests of the check foreign_key: one case a reason, the rest of the contract after it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define LEDGER                                                                                               \
        "schemaname=public|relname=ledger|conname=ledger_order_id_fkey|referenced_schema=public|"            \
        "referenced_table=orders|columns={order_id}|referenced_columns={id}|set_columns={}|not_null={}|"     \
        "on_delete=c|on_update=a|is_partitioned=f|is_full=f|is_deferrable=f|is_deferred=f|is_valid=t|"       \
        "is_enforced=t|has_triggers=t|conid=9|relid=1|referenced_relid=2|is_referenced_partitioned=f|"       \
        "is_bypassed=f|is_temporal=f|is_trusted=t|row_security=f|lacks={}|suffixes={\"\"}|"                  \
        "operators={OPERATOR(pg_catalog.=)}"

#define ADD                                                                                                  \
        "ALTER TABLE public.ledger DROP CONSTRAINT ledger_order_id_fkey, ADD CONSTRAINT "                    \
        "ledger_order_id_fkey "

static void poll(Feed *feed, const Answer *answers, size_t n_answers) {
        feed->boottime += USEC_PER_MINUTE;
        feed_round(feed, answers, n_answers);
}

START_TEST(each_state_of_a_discovered_key_has_its_reason_and_repair) {
        static const struct {
                const char *row;
                Seen seen;
                Reason reason;
                const char *repair;
        } cases[] = {
                {"", SEEN_OK, REASON_OK, NULL},
                {"is_valid=f", SEEN_BREACH, REASON_NOT_VALID,
                 "ALTER TABLE public.ledger VALIDATE CONSTRAINT ledger_order_id_fkey;"},
                {"is_enforced=f|is_valid=f|has_triggers=f", SEEN_BREACH, REASON_NOT_ENFORCED,
                 "ALTER TABLE public.ledger ALTER CONSTRAINT ledger_order_id_fkey ENFORCED;"},
                {"disabled_on={public.ledger,public.orders}", SEEN_BREACH, REASON_DISABLED,
                 "ALTER TABLE public.ledger ENABLE TRIGGER ALL; ALTER TABLE public.orders ENABLE TRIGGER "
                 "ALL;"},
                {"has_triggers=f", SEEN_BREACH, REASON_DISABLED,
                 "ALTER TABLE public.ledger ENABLE TRIGGER ALL;"},
                {"on_delete=n|not_null={order_id}", SEEN_BREACH, REASON_NOT_NULL_ACTION, NULL},
                {"suppressors={swallow}", SEEN_BREACH, REASON_SUPPRESSED, NULL},
                {"is_valid=f|suppressors={swallow}", SEEN_BREACH, REASON_NOT_VALID,
                 "ALTER TABLE public.ledger VALIDATE CONSTRAINT ledger_order_id_fkey;"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"foreign_key.catalog", NULL, LEDGER, {cases[i].row}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                poll(&feed, answers, 1);
                finding = feed_finding(&feed, "public.ledger", "ledger_order_id_fkey");
                ck_assert_int_eq(finding->kind, KIND_FOREIGN_KEY);
                ck_assert_msg(finding->reason == cases[i].reason, "%s: %s", cases[i].row,
                              reason_name(finding->reason));
                ck_assert_int_eq(finding->seen, cases[i].seen);
                ck_assert_int_eq(finding->severity, SEVERITY_WARNING);
                ck_assert(!finding->configured);
                ck_assert_int_eq(finding->value.kind, VALUE_INT);
                ck_assert_int_eq(finding->value.integer, 0);
                ck_assert_str_eq(finding->method,
                                 finding->reason == REASON_OK || finding->reason == REASON_NOT_NULL_ACTION
                                         ? "enforced"
                                         : "full");
                ck_assert_uint_eq(finding->max_age, 3 * USEC_PER_MINUTE);
                ck_assert_ptr_nonnull(finding->summary);
                ck_assert_pstr_eq(finding->repair, cases[i].repair);
                ck_assert_ptr_null(feed_table(&feed, "foreign_key"));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(each_state_of_a_configured_key_has_its_reason_and_metric) {
        static const struct {
                const char *row, *name, *on_delete, *on_update;
                Reason reason;
                int64_t ok;
                const char *expected, *actual, *repair;
        } cases[] = {
                {"", NULL, "cascade", NULL, REASON_OK, 1, "cascade", "cascade", NULL},
                {"", NULL, "cascade", "no action", REASON_OK, 1, "cascade, on update no action",
                 "cascade, on update no action", NULL},
                {"on_delete=a", NULL, "cascade", NULL, REASON_WRONG_ACTION, 0, "cascade", "no action",
                 ADD "FOREIGN KEY (order_id) REFERENCES public.orders (id) ON DELETE CASCADE ON UPDATE NO "
                     "ACTION NOT "
                     "VALID; ALTER TABLE public.ledger VALIDATE CONSTRAINT ledger_order_id_fkey;"},
                {"on_delete=r|is_partitioned=t|is_full=t|is_deferrable=t|is_deferred=t", NULL, "set null",
                 "cascade", REASON_WRONG_ACTION, 0, "set null, on update cascade",
                 "restrict, on update no action",
                 ADD "FOREIGN KEY (order_id) REFERENCES public.orders (id) MATCH FULL ON DELETE SET NULL ON "
                     "UPDATE "
                     "CASCADE DEFERRABLE INITIALLY DEFERRED;"},
                {"disabled_on={public.ledger}", NULL, "cascade", NULL, REASON_DISABLED, 0, "cascade",
                 "cascade", "ALTER TABLE public.ledger ENABLE TRIGGER ALL;"},
                {"", "ledger_order_id_fkey", "cascade", NULL, REASON_OK, 1, "cascade", "cascade", NULL},
                {"columns={account_id}", "ledger_order_id_fkey", "cascade", NULL, REASON_DIFFERS, 1,
                 "cascade", "cascade", NULL},
                {"referenced_table=accounts", "ledger_order_id_fkey", NULL, NULL, REASON_DIFFERS, 0, NULL,
                 NULL, NULL},
                {"suppressors={t}", NULL, NULL, NULL, REASON_SUPPRESSED, 0, NULL, NULL, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"foreign_key.catalog", NULL, LEDGER, {cases[i].row}}};
                const Finding *finding;
                const Table *table;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                ForeignKeySettings *wanted = feed_foreign_key(&feed, "ledger", "order_id", "public.orders");
                ck_assert_int_eq(str_set(&wanted->name, cases[i].name), 0);
                ck_assert_int_eq(str_set(&wanted->on_delete, cases[i].on_delete), 0);
                ck_assert_int_eq(str_set(&wanted->on_update, cases[i].on_update), 0);
                poll(&feed, answers, 1);
                finding = feed_finding(&feed, "public.ledger", "ledger_order_id_fkey");
                ck_assert_msg(finding->reason == cases[i].reason, "%zu: %s", i, reason_name(finding->reason));
                ck_assert_int_eq(finding->severity, SEVERITY_CRITICAL);
                ck_assert(finding->configured);
                ck_assert_pstr_eq(finding->repair, cases[i].repair);
                table = feed_table(&feed, "foreign_key");
                ck_assert_int_eq(table != NULL, cases[i].expected != NULL);
                if (table) {
                        ck_assert_uint_eq(table->n_rows, 1);
                        ck_assert_int_eq(table_int(table, 0, "action_ok"), cases[i].ok);
                        ck_assert_str_eq(table_text(table, 0, "relname"), "ledger");
                        ck_assert_str_eq(table_text(table, 0, "expected"), cases[i].expected);
                        ck_assert_str_eq(table_text(table, 0, "actual"), cases[i].actual);
                }
                feed_close(&feed);
        }
}
END_TEST

START_TEST(d13_what_is_configured_and_not_there_says_what_is_wrong) {
        static const struct {
                const char *table, *column, *references, *after;
                bool known;
                const char *object, *name;
                Seen seen;
                Severity severity;
                Reason reason;
                const char *hint;
        } cases[] = {
                {"ledger", "order_id", "orders", NULL, true, "public.ledger", "(order_id) references orders",
                 SEEN_BREACH, SEVERITY_CRITICAL, REASON_MISSING, NULL},
                {"ledgre", "order_id", "orders", NULL, true, "public.ledgre", "(order_id) references orders",
                 SEEN_BREACH, SEVERITY_CRITICAL, REASON_NO_SUCH_TABLE, "Did you mean ledger?"},
                {"ledger", "ordre_id", "orders", NULL, true, "public.ledger", "(ordre_id) references orders",
                 SEEN_BREACH, SEVERITY_CRITICAL, REASON_NO_SUCH_COLUMN, "Did you mean order_id?"},
                {"ledger", "order_id", "public.order", NULL, true, "public.ledger",
                 "(order_id) references public.order", SEEN_BREACH, SEVERITY_CRITICAL, REASON_NO_SUCH_TABLE,
                 "Did you mean public.orders?"},
                {"ledger", "order_id", "orders", "add_fk", true, "public.ledger",
                 "(order_id) references orders", SEEN_BREACH, SEVERITY_INFO, REASON_NOT_EXPECTED_YET, NULL},
                {"ledger", "order_id", "orders", "add_fk", false, "public.ledger",
                 "(order_id) references orders", SEEN_UNKNOWN, SEVERITY_CRITICAL, REASON_MISSING, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"foreign_key.catalog", NULL, NULL, {NULL}},
                        {"names",
                         NULL,
                         "schemaname=public",
                         {"relname=ledger|columns={id,order_id}", "relname=orders|columns={id}"}},
                };
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                feed.facts.known = cases[i].known;
                ForeignKeySettings *wanted = feed_foreign_key(&feed, cases[i].table, cases[i].column,
                                                              cases[i].references);
                ck_assert_int_eq(str_set(&wanted->on_delete, "cascade"), 0);
                ck_assert_int_eq(str_set(&wanted->rule.expected_after, cases[i].after), 0);
                poll(&feed, answers, 2);
                finding = feed_finding(&feed, cases[i].object, cases[i].name);
                ck_assert_msg(finding->reason == cases[i].reason, "%zu: %s", i, reason_name(finding->reason));
                ck_assert_int_eq(finding->seen, cases[i].seen);
                ck_assert_int_eq(finding->severity, cases[i].severity);
                ck_assert_pstr_eq(finding->hint, cases[i].hint);
                if (finding->reason == REASON_MISSING)
                        ck_assert_str_eq(finding->repair,
                                         "ALTER TABLE public.ledger ADD CONSTRAINT ledger_order_id_fkey "
                                         "FOREIGN KEY (order_id) REFERENCES public.orders ON DELETE CASCADE "
                                         "NOT VALID; ALTER TABLE public.ledger VALIDATE CONSTRAINT "
                                         "ledger_order_id_fkey;");
                ck_assert_int_eq(feed_table(&feed, "foreign_key") != NULL,
                                 finding->seen == SEEN_BREACH && finding->reason != REASON_NOT_EXPECTED_YET);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_missing_key_is_added_in_the_words_of_its_table) {
        static const struct {
                const char *name, *column, *keys, *names;
                int version_num;
                const char *repair;
        } cases[] = {
                {"order_exists", "order_id", "relname=other", "relname=ledger|columns={order_id}", 0,
                 "ALTER TABLE public.ledger ADD CONSTRAINT order_exists FOREIGN KEY (order_id) REFERENCES "
                 "public.orders NOT VALID; ALTER TABLE public.ledger VALIDATE CONSTRAINT order_exists;"},
                {NULL, "ORDER_ID", "columns={x}", "relname=ledger|columns={order_id}", 0,
                 "ALTER TABLE public.ledger ADD CONSTRAINT ledger_order_id_fkey1 FOREIGN KEY (order_id) "
                 "REFERENCES public.orders NOT VALID; ALTER TABLE public.ledger VALIDATE CONSTRAINT "
                 "ledger_order_id_fkey1;"},
                {NULL, "orderId", "relname=other", "relname=ledger|columns={orderId}|is_partitioned=t",
                 170004,
                 "ALTER TABLE public.ledger ADD CONSTRAINT \"ledger_orderId_fkey\" FOREIGN KEY (\"orderId\") "
                 "REFERENCES public.orders;"},
                {NULL, "a", "relname=other", "relname=ledger|columns={a}|is_partitioned=t", 180000,
                 "ALTER TABLE public.ledger ADD CONSTRAINT ledger_a_fkey FOREIGN KEY (a) REFERENCES "
                 "public.orders NOT VALID; ALTER TABLE public.ledger VALIDATE CONSTRAINT ledger_a_fkey;"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"foreign_key.catalog", NULL, LEDGER, {cases[i].keys}},
                        {"names", NULL, "schemaname=public", {cases[i].names, "relname=orders|columns={id}"}},
                };
                const Finding *finding = NULL;
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                feed.server.version_num = cases[i].version_num;
                ForeignKeySettings *wanted = feed_foreign_key(&feed, "ledger", cases[i].column, "orders");
                ck_assert_int_eq(str_set(&wanted->name, cases[i].name), 0);
                feed_round(&feed, answers, 2);
                for (size_t k = 0; k < feed.report.n_findings; k++)
                        if (feed.report.findings[k].reason == REASON_MISSING)
                                finding = &feed.report.findings[k];
                ck_assert_ptr_nonnull(finding);
                ck_assert_str_eq(finding->repair, cases[i].repair);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_wrong_action_before_its_migration_is_not_expected_yet) {
        const Answer answers[] = {{"foreign_key.catalog", NULL, LEDGER, {"on_delete=a"}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        ForeignKeySettings *wanted = feed_foreign_key(&feed, "ledger", "order_id", "orders");
        ck_assert_int_eq(str_set(&wanted->on_delete, "cascade"), 0);
        ck_assert_int_eq(str_set(&wanted->rule.expected_after, "cascades"), 0);
        poll(&feed, answers, 1);
        finding = feed_finding(&feed, NULL, "ledger_order_id_fkey");
        ck_assert_int_eq(finding->severity, SEVERITY_INFO);
        ck_assert_int_eq(finding->reason, REASON_NOT_EXPECTED_YET);
        ck_assert_int_eq(strv_add(&feed.facts.applied, "2026_cascades"), 0);
        poll(&feed, answers, 1);
        finding = feed_finding(&feed, NULL, "ledger_order_id_fkey");
        ck_assert_int_eq(finding->severity, SEVERITY_CRITICAL);
        ck_assert_int_eq(finding->reason, REASON_WRONG_ACTION);
        feed_close(&feed);
}
END_TEST

START_TEST(columns_match_in_any_order_with_their_partners) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, LEDGER, {"columns={a,b}|referenced_columns={x,y}"}},
                {"names",
                 NULL,
                 "schemaname=public",
                 {"relname=ledger|columns={a,b}", "relname=orders|columns={x,y}"}},
        };
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        ForeignKeySettings *wanted = feed_foreign_key(&feed, "ledger", "b", "orders");
        ck_assert_int_eq(strv_add(&wanted->columns, "a"), 0);
        ck_assert_int_eq(strv_add(&wanted->referenced_columns, "y"), 0);
        ck_assert_int_eq(strv_add(&wanted->referenced_columns, "x"), 0);
        poll(&feed, answers, 1);
        ck_assert(feed_finding(&feed, NULL, "ledger_order_id_fkey")->configured);

        ck_assert_int_eq(str_set(&wanted->referenced_columns[0], "x"), 0);
        ck_assert_int_eq(str_set(&wanted->referenced_columns[1], "y"), 0);
        poll(&feed, answers, 2);
        ck_assert(!feed_finding(&feed, NULL, "ledger_order_id_fkey")->configured);
        ck_assert_int_eq(feed_finding(&feed, NULL, "(b, a) references orders")->reason, REASON_MISSING);
        feed_close(&feed);
}
END_TEST

START_TEST(of_two_keys_the_one_that_acts_as_wanted_is_meant) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, LEDGER, {"conname=first|on_delete=a", "conname=second"}}};
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        ForeignKeySettings *wanted = feed_foreign_key(&feed, "ledger", "order_id", "orders");
        ck_assert_int_eq(str_set(&wanted->on_delete, "cascade"), 0);
        poll(&feed, answers, 1);
        ck_assert(feed_finding(&feed, NULL, "second")->configured);
        ck_assert(!feed_finding(&feed, NULL, "first")->configured);
        feed_close(&feed);
}
END_TEST

START_TEST(a_key_between_tables_of_another_schema_is_not_the_one_meant) {
        static const char *const keys[] = {"schemaname=archive", "referenced_schema=archive"};

        for (size_t i = 0; i < ELEMENTS(keys); i++) {
                const Answer answers[] = {
                        {"foreign_key.catalog", NULL, LEDGER, {keys[i]}},
                        {"names",
                         NULL,
                         "columns={id,order_id}",
                         {"schemaname=archive|relname=ledger", "schemaname=archive|relname=orders",
                          "schemaname=public|relname=ledger", "schemaname=public|relname=orders"}},
                };
                Feed feed;

                feed_open(&feed, &foreign_key_check);
                ck_assert_int_eq(strv_add(&feed.target->schemas, "archive"), 0);
                feed_foreign_key(&feed, "ledger", "order_id", "orders");
                poll(&feed, answers, 2);
                ck_assert_int_eq(feed_finding(&feed, "public.ledger", "(order_id) references orders")->reason,
                                 REASON_MISSING);
                ck_assert(!feed_finding(&feed, NULL, "ledger_order_id_fkey")->configured);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(without_discovery_and_where_excluded_only_the_configured_remain) {
        const Answer answers[] = {
                {"foreign_key.catalog", NULL, LEDGER, {"", "relname=audit_x|conname=audit"}}};
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        ck_assert_int_eq(strv_add(&feed.target->exclude, "public.audit_*"), 0);
        poll(&feed, answers, 1);
        ck_assert(!feed_has(&feed, "audit"));
        ck_assert(feed_has(&feed, "ledger_order_id_fkey"));
        feed.target->discover = false;
        poll(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 0);
        feed_close(&feed);
}
END_TEST

START_TEST(a_failed_run_leaves_what_was_known_and_says_unknown) {
        const Answer good[] = {{"foreign_key.catalog", NULL, LEDGER, {"on_delete=a"}}};
        const Answer bad[] = {{"foreign_key.catalog", "57014", NULL, {NULL}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        ForeignKeySettings *wanted = feed_foreign_key(&feed, "ledger", "order_id", "orders");
        ck_assert_int_eq(str_set(&wanted->on_delete, "cascade"), 0);

        poll(&feed, bad, 1); /* nothing known: also what is configured is unknown, not missing */
        finding = feed_finding(&feed, "public.ledger", "(order_id) references orders");
        ck_assert_int_eq(finding->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(finding->reason, REASON_TIMEOUT);
        ck_assert_int_eq(feed_finding(&feed, NULL, "catalog")->seen, SEEN_UNKNOWN);
        ck_assert_ptr_null(feed_table(&feed, "foreign_key"));

        poll(&feed, good, 1);
        ck_assert(!feed_has(&feed, "catalog"));
        poll(&feed, bad, 1);
        finding = feed_finding(&feed, "public.ledger", "ledger_order_id_fkey");
        ck_assert_int_eq(finding->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(finding->reason, REASON_TIMEOUT);
        ck_assert(!feed_has(&feed, "catalog"));
        ck_assert_uint_eq(feed_table(&feed, "foreign_key")->n_rows, 1);
        feed_close(&feed);
}
END_TEST

START_TEST(d26_odd_names_are_quoted) {
        const Answer answers[] = {{"foreign_key.catalog",
                                   NULL,
                                   LEDGER,
                                   {"relname=Ord\"er|conname=a;b %s|columns={\"c,d\"}|is_valid=f"}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &foreign_key_check);
        poll(&feed, answers, 1);
        finding = feed_finding(&feed, "public.\"Ord\"\"er\"", "a;b %s");
        ck_assert_str_eq(finding->repair, "ALTER TABLE public.\"Ord\"\"er\" VALIDATE CONSTRAINT \"a;b %s\";");
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                each_state_of_a_discovered_key_has_its_reason_and_repair,
                each_state_of_a_configured_key_has_its_reason_and_metric,
                d13_what_is_configured_and_not_there_says_what_is_wrong,
                a_missing_key_is_added_in_the_words_of_its_table,
                a_wrong_action_before_its_migration_is_not_expected_yet,
                columns_match_in_any_order_with_their_partners,
                of_two_keys_the_one_that_acts_as_wanted_is_meant,
                a_key_between_tables_of_another_schema_is_not_the_one_meant,
                without_discovery_and_where_excluded_only_the_configured_remain,
                a_failed_run_leaves_what_was_known_and_says_unknown,
                d26_odd_names_are_quoted,
        };

        return unit_run("checks/foreign-key", tests, ELEMENTS(tests));
}
