/* Tests of the check reference: which columns look like references, and what is said of them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "checks/common.h"
#include "checks/foreign-key.h"
#include "feed.h"
#include "pgvigil/checks.h"

#define ROW                                                                                                  \
        "stem=order|schemaname=public|type=20|collation=0|rank=0|is_primary=f|is_partitioned=f|is_unlogged=" \
        "f"
#define COLUMN "is_key=f|relname=items|columnname=order_id|constraints={items_pkey}"
#define KEY    "is_key=t|relname=orders|columnname=id|rank=1|is_primary=t"
#define NAME   "(order_id) references orders"

#define ADD                                                                                                  \
        "ALTER TABLE public.items ADD CONSTRAINT items_order_id_fkey FOREIGN KEY (order_id) REFERENCES "     \
        "public.orders (id) NOT VALID; ALTER TABLE public.items VALIDATE CONSTRAINT items_order_id_fkey;"

START_TEST(a_column_named_like_a_table_is_noted_with_what_adds_the_key) {
        const Answer answers[] = {{"reference.catalog", NULL, ROW, {KEY, COLUMN}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &reference_check);
        feed_round(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 1);
        finding = feed_finding(&feed, "public.items", NAME);
        ck_assert_int_eq(finding->kind, KIND_FOREIGN_KEY);
        ck_assert_int_eq(finding->reason, REASON_MISSING);
        ck_assert_int_eq(finding->seen, SEEN_BREACH);
        ck_assert_int_eq(finding->severity, SEVERITY_INFO);
        ck_assert(finding->is_advice);
        ck_assert(!finding->configured);
        ck_assert_str_eq(finding->method, "catalog");
        ck_assert_uint_eq(finding->max_age, 3 * USEC_PER_MINUTE);
        ck_assert_str_eq(finding->repair, ADD);
        ck_assert_ptr_null(feed_table(&feed, "foreign_key"));
        feed_close(&feed);
}
END_TEST

START_TEST(which_column_of_which_table_is_meant) {
        static const struct {
                const char *rows[6]; /* NULL-terminated; over ROW */
                const char *meant;   /* "schema.table (column)" of the repair, or NULL */
        } cases[] = {
                /* types: nothing where they differ */
                {{COLUMN, KEY "|type=2950"}, NULL},
                {{COLUMN "|collation=12345", KEY}, NULL},
                {{COLUMN "|collation=12345", KEY "|collation=12345"}, "public.orders (id)"},
                /* keys: the same name, the primary key, a unique id; no other unique column */
                {{COLUMN, KEY "|is_primary=f"}, "public.orders (id)"},
                {{COLUMN, KEY "|is_primary=f|columnname=mail"}, NULL},
                {{COLUMN, "is_key=t|relname=orders"}, NULL},
                {{COLUMN, KEY "|columnname=number", KEY "|is_primary=f"}, "public.orders (number)"},
                {{COLUMN, KEY "|type=25", KEY "|is_primary=f|columnname=mail"}, NULL},
                {{COLUMN, KEY, KEY "|is_primary=f|columnname=order_id"}, "public.orders (order_id)"},
                {{COLUMN, KEY, KEY "|is_primary=f|columnname=order_id|type=25"}, NULL},
                /* tables: the nearest name, the same schema, else the only one there is */
                {{COLUMN, KEY, KEY "|relname=order|rank=0"}, "public.\"order\" (id)"},
                {{COLUMN, KEY, KEY "|relname=order|rank=0|type=25"}, NULL},
                {{COLUMN, KEY, KEY "|schemaname=sales"}, "public.orders (id)"},
                {{COLUMN, KEY "|schemaname=sales"}, "sales.orders (id)"},
                {{COLUMN, KEY "|type=25", KEY "|schemaname=sales"}, NULL},
                {{COLUMN, KEY "|schemaname=sales", KEY "|schemaname=archive"}, NULL},
                {{COLUMN, KEY "|schemaname=sales", KEY "|schemaname=sales|relname=order"}, NULL},
                {{COLUMN, KEY "|schemaname=unwatched"}, NULL},
                {{COLUMN, KEY "|stem=retailer"}, NULL},
                /* what cannot be, or is no reference */
                {{COLUMN "|relname=orders", KEY}, NULL},
                {{COLUMN "|relname=orders", KEY, KEY "|schemaname=sales"}, NULL},
                {{COLUMN, KEY "|is_unlogged=t"}, NULL},
                {{COLUMN "|is_unlogged=t", KEY "|is_unlogged=t"}, "public.orders (id)"},
                {{COLUMN "|relname=audit_items", KEY}, NULL},
                {{COLUMN, KEY "|relname=audit_order"}, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Answer answers[] = {{"reference.catalog", NULL, ROW, {NULL}}};
                Feed feed;

                for (size_t k = 0; cases[i].rows[k]; k++)
                        answers[0].rows[k] = cases[i].rows[k];
                feed_open(&feed, &reference_check);
                ck_assert_int_eq(strv_add(&feed.target->schemas, "sales"), 0);
                ck_assert_int_eq(strv_add(&feed.target->schemas, "archive"), 0);
                ck_assert_int_eq(strv_add(&feed.target->exclude, "audit_*"), 0);
                feed_round(&feed, answers, 1);
                ck_assert_msg(feed.report.n_findings == (cases[i].meant != NULL), "case %zu", i);
                if (cases[i].meant)
                        ck_assert_msg(strstr(feed.report.findings[0].repair, cases[i].meant) != NULL,
                                      "case %zu: %s", i, feed.report.findings[0].repair);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_table_of_another_schema_is_named_with_it) {
        const Answer answers[] = {{"reference.catalog", NULL, ROW, {COLUMN, KEY "|schemaname=sales"}}};
        Feed feed;

        feed_open(&feed, &reference_check);
        ck_assert_int_eq(strv_add(&feed.target->schemas, "sales"), 0);
        feed_round(&feed, answers, 1);
        feed_finding(&feed, "public.items", "(order_id) references sales.orders");
        feed_close(&feed);
}
END_TEST

START_TEST(each_schema_has_its_own) {
        const Answer answers[] = {
                {"reference.catalog",
                 NULL,
                 ROW,
                 {COLUMN "|schemaname=a", KEY "|schemaname=a", COLUMN "|schemaname=b", KEY "|schemaname=b",
                  COLUMN "|stem=user|columnname=userId", KEY "|stem=user|relname=User"}}};
        Feed feed;

        feed_open(&feed, &reference_check);
        ck_assert_int_eq(strv_add(&feed.target->schemas, "a"), 0);
        ck_assert_int_eq(strv_add(&feed.target->schemas, "b"), 0);
        feed_round(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 3);
        ck_assert_ptr_nonnull(
                strstr(feed_finding(&feed, "a.items", NAME)->repair, "REFERENCES a.orders (id)"));
        ck_assert_ptr_nonnull(
                strstr(feed_finding(&feed, "b.items", NAME)->repair, "REFERENCES b.orders (id)"));
        feed_finding(&feed, "public.items", "(\"userId\") references \"User\"");
        feed_close(&feed);
}
END_TEST

START_TEST(what_is_configured_has_a_finding_of_its_own) {
        static const struct {
                const char *table, *name, *column, *references;
                bool noted;
        } cases[] = {
                {"items", NULL, "order_id", "orders", false},
                {"items", NULL, "order_id", "somewhere", false},
                {"public.items", NULL, "ORDER_ID", "orders", false},
                {"items", NULL, "other_id", "orders", true},
                {"other", NULL, "order_id", "orders", true},
                {"items", "new_key", NULL, "orders", false},
                {"items", "new_key", NULL, NULL, false},
                {"items", "new_key", NULL, "others", true},
                {"items", "old_key", NULL, "orders", true}, /* it is there, so it is of another column */
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"reference.catalog", NULL, ROW, {COLUMN "|constraints={items_pkey,old_key}", KEY}}};
                Feed feed;

                feed_open(&feed, &reference_check);
                ForeignKeySettings *wanted = feed_foreign_key(&feed, cases[i].table, cases[i].column,
                                                              cases[i].references);
                ck_assert_int_eq(str_set(&wanted->name, cases[i].name), 0);
                feed_round(&feed, answers, 1);
                ck_assert_msg(feed_has(&feed, NAME) == cases[i].noted, "case %zu", i);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_partitioned_table_takes_it_valid_at_once_before_18) {
        static const struct {
                int version_num;
                bool not_valid;
        } cases[] = {{0, false}, {170004, false}, {180000, true}};

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        {"reference.catalog", NULL, ROW, {COLUMN "|is_partitioned=t", KEY}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &reference_check);
                feed.server.version_num = cases[i].version_num;
                feed_round(&feed, answers, 1);
                finding = feed_finding(&feed, NULL, NAME);
                if (cases[i].not_valid)
                        ck_assert_str_eq(finding->repair, ADD);
                else
                        ck_assert_str_eq(
                                finding->repair,
                                "ALTER TABLE public.items ADD CONSTRAINT items_order_id_fkey FOREIGN "
                                "KEY (order_id) REFERENCES public.orders (id);");
                feed_close(&feed);
        }
}
END_TEST

START_TEST(the_new_key_has_a_name_that_is_free_and_fits) {
        static const struct {
                const char *table, *columns, *taken, *name;
        } cases[] = {
                {"items", "{order_id}", NULL, "items_order_id_fkey"},
                {"items", "{a,b}", NULL, "items_a_b_fkey"},
                {"items", "{a}", "{items_a_fkey}", "items_a_fkey1"},
                {"items", "{a}", "{items_a_fkey1,items_a_fkey,x}", "items_a_fkey2"},
                {"t234567890123456789012345678901234567890", "{c234567890123456789012345678901234567890}",
                 NULL, "t2345678901234567890123456789_c234567890123456789012345678_fkey"},
                {"t", "{c23456789012345678901234567890123456789012345678901234567890123}", NULL,
                 "t_c2345678901234567890123456789012345678901234567890123456_fkey"},
                {"t", "{ääääääääääääääääääääääääääääääää}", NULL, "t_ääääääääääääääääääääääääääää_fkey"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(strv_freep) char **columns = NULL, **taken = NULL;
                _cleanup_(freep) char *name = NULL;

                ck_assert_int_eq(check_array_parse(cases[i].columns, &columns), 0);
                ck_assert_int_eq(check_array_parse(cases[i].taken, &taken), 0);
                name = foreign_key_new_name(cases[i].table, columns, taken);
                ck_assert_str_eq(name, cases[i].name);
                ck_assert_uint_le(strlen(name), 63);
        }
}
END_TEST

START_TEST(of_very_many_a_hundred_are_listed_and_the_rest_is_counted) {
        const Answer answers[] = {{"reference.catalog", NULL, ROW "|" COLUMN, {KEY}, .n_numbered = 107}};
        const Finding *rest;
        Feed feed;

        feed_open(&feed, &reference_check);
        feed_round(&feed, answers, 1);
        ck_assert_uint_eq(feed.report.n_findings, 101);
        rest = feed_finding(&feed, "public", "references");
        ck_assert_int_eq(rest->reason, REASON_OVER_LIMIT);
        ck_assert_int_eq(rest->severity, SEVERITY_INFO);
        ck_assert(rest->is_advice);
        ck_assert_str_eq(rest->summary, "7 more like these are not listed.");
        ck_assert_int_eq(rest->value.kind, VALUE_NULL);
        feed_close(&feed);
}
END_TEST

START_TEST(without_discovery_nothing_is_asked) {
        Feed feed;

        feed_open(&feed, &reference_check);
        feed.target->discover = false;
        feed_round(&feed, NULL, 0);
        ck_assert_uint_eq(feed.report.n_findings, 0);
        feed_close(&feed);
}
END_TEST

START_TEST(a_failed_run_leaves_what_was_known_and_says_unknown) {
        const Answer good[] = {{"reference.catalog", NULL, ROW, {COLUMN, KEY}}};
        const Answer bad[] = {{"reference.catalog", "57014", NULL, {NULL}}};
        Feed feed;

        feed_open(&feed, &reference_check);
        feed_round(&feed, bad, 1);
        ck_assert_uint_eq(feed.report.n_findings, 1);
        ck_assert_int_eq(feed_finding(&feed, "public", "references")->seen, SEEN_UNKNOWN);
        feed_round(&feed, good, 1);
        ck_assert_int_eq(feed_finding(&feed, NULL, NAME)->seen, SEEN_BREACH);
        feed_round(&feed, bad, 1);
        ck_assert_uint_eq(feed.report.n_findings, 1);
        ck_assert_int_eq(feed_finding(&feed, NULL, NAME)->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(feed_finding(&feed, NULL, NAME)->reason, REASON_TIMEOUT);
        feed_close(&feed);
}
END_TEST

START_TEST(d26_odd_names_are_quoted) {
        const Answer answers[] = {
                {"reference.catalog",
                 NULL,
                 ROW,
                 {"is_key=f|relname=select|columnname=Big \"Deal\" %s_id|schemaname=a.b",
                  "is_key=t|relname=Big \"Deal\" %s|columnname=user|is_primary=t|schemaname=a.b"}}};
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &reference_check);
        ck_assert_int_eq(strv_add(&feed.target->schemas, "a.b"), 0);
        feed_round(&feed, answers, 1);
        finding = feed_finding(&feed, "\"a.b\".\"select\"",
                               "(\"Big \"\"Deal\"\" %s_id\") references \"Big \"\"Deal\"\" %s\"");
        ck_assert_str_eq(
                finding->repair,
                "ALTER TABLE \"a.b\".\"select\" ADD CONSTRAINT \"select_Big \"\"Deal\"\" %s_id_fkey\" "
                "FOREIGN KEY (\"Big \"\"Deal\"\" %s_id\") REFERENCES \"a.b\".\"Big \"\"Deal\"\" %s\" "
                "(\"user\") NOT VALID; ALTER TABLE \"a.b\".\"select\" VALIDATE CONSTRAINT "
                "\"select_Big \"\"Deal\"\" %s_id_fkey\";");
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_column_named_like_a_table_is_noted_with_what_adds_the_key,
                which_column_of_which_table_is_meant,
                a_table_of_another_schema_is_named_with_it,
                each_schema_has_its_own,
                what_is_configured_has_a_finding_of_its_own,
                a_partitioned_table_takes_it_valid_at_once_before_18,
                the_new_key_has_a_name_that_is_free_and_fits,
                of_very_many_a_hundred_are_listed_and_the_rest_is_counted,
                without_discovery_nothing_is_asked,
                a_failed_run_leaves_what_was_known_and_says_unknown,
                d26_odd_names_are_quoted,
        };

        return unit_run("checks/reference", tests, ELEMENTS(tests));
}
