/* Tests of the check canary: which statements it asks, and what it makes of their answers.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define INDEX                                                                                                \
        "schemaname=public|relname=orders|leaf=1|indexrelname=orders_a|columns={a}|is_valid=t|is_used=f|"    \
        "pages=1000"
#define SET                                                                                                  \
        {                                                                                                    \
                "canary.set", NULL, "settings=4", {                                                          \
                        ""                                                                                   \
                }                                                                                            \
        }
#define PLAN                                                                                                 \
        {                                                                                                    \
                "canary.plan", NULL, NULL, {                                                                 \
                        "QUERY PLAN=[]"                                                                      \
                }                                                                                            \
        }
#define FOUND(row)                                                                                           \
        {                                                                                                    \
                "canary.index", NULL, INDEX, {                                                               \
                        row                                                                                  \
                }                                                                                            \
        }
#define RAN(usec)                                                                                            \
        { "canary.run", NULL, NULL, {NULL}, 0, (usec) }

static Feed feed;

static const Finding *judged(const Answer *answers, size_t n) {
        feed_round(&feed, answers, n);
        return feed_finding(&feed, "canary", "c");
}

static void open_with(const char *sql, const char *columns) {
        feed_open(&feed, &canary_check);
        feed_canary(&feed, "c", sql, columns);
}

START_TEST(without_canaries_nothing_is_asked_or_said) {
        feed_open(&feed, &canary_check);
        feed_round(&feed, NULL, 0);
        ck_assert_uint_eq(feed.report.n_findings, 0);
        ck_assert_uint_eq(feed.report.n_tables, 0);
        feed_close(&feed);
}
END_TEST

START_TEST(the_time_decides) {
        static const struct {
                usec_t duration;
                Seen seen;
                Reason reason;
                const char *summary;
        } cases[] = {
                {12000, SEEN_OK, REASON_OK, "Took 12 ms; at most 200 ms are allowed."},
                {200000, SEEN_OK, REASON_OK, "Took 200 ms; at most 200 ms are allowed."},
                {200001, SEEN_BREACH, REASON_TIMEOUT, NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {SET, RAN(cases[i].duration)};
                const Finding *finding;
                const Value *cell;

                open_with("SELECT 1", NULL);
                finding = judged(answers, 2);
                ck_assert_int_eq(finding->kind, KIND_CANARY);
                ck_assert_msg(finding->seen == cases[i].seen && finding->reason == cases[i].reason, "%zu", i);
                ck_assert(finding->value.number == (double)cases[i].duration / 1e6);
                ck_assert(finding->configured && finding->severity == SEVERITY_CRITICAL);
                if (cases[i].summary)
                        ck_assert_str_eq(finding->summary, cases[i].summary);
                cell = table_get(feed_table(&feed, "canary"), 0, "duration");
                ck_assert_uint_eq(cell->histogram->count, 1);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(an_error_is_a_breach_only_where_the_statement_is_wrong) {
        static const struct {
                const char *sqlstate;
                usec_t duration, max_time;
                Seen seen;
                Reason reason;
        } cases[] = {
                {"42601", 0, 0, SEEN_BREACH, REASON_ERROR},
                {"42P01", 0, 0, SEEN_BREACH, REASON_NO_SUCH_TABLE},
                {"42703", 0, 0, SEEN_BREACH, REASON_NO_SUCH_COLUMN},
                {"25006", 0, 0, SEEN_BREACH, REASON_ERROR},
                {"22012", 0, 0, SEEN_BREACH, REASON_ERROR},
                {"XX001", 0, 0, SEEN_BREACH, REASON_ERROR},
                {"42501", 0, 0, SEEN_UNKNOWN, REASON_PRIVILEGE},
                {"55P03", 0, 0, SEEN_UNKNOWN, REASON_LOCKED},
                {"40001", 0, 0, SEEN_UNKNOWN, REASON_ERROR},
                {"53200", 0, 0, SEEN_UNKNOWN, REASON_ERROR},
                {"57P01", 0, 0, SEEN_UNKNOWN, REASON_ERROR},
                {"54000", 0, 0, SEEN_UNKNOWN, REASON_OVER_LIMIT},
                {"25P01", 0, 0, SEEN_UNKNOWN, REASON_ERROR},
                {"", 0, 0, SEEN_UNKNOWN, REASON_ERROR},
                /* stopped when max_time was over; before it; by limits.statement_timeout */
                {"57014", 200000, 0, SEEN_BREACH, REASON_TIMEOUT},
                {"57014", 199999, 0, SEEN_UNKNOWN, REASON_TIMEOUT},
                {"57014", 6000000, 5500000, SEEN_UNKNOWN, REASON_TIMEOUT},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        SET, {"canary.run", cases[i].sqlstate, NULL, {NULL}, 0, cases[i].duration}};
                const Finding *finding;
                bool counts = cases[i].seen == SEEN_BREACH && cases[i].reason == REASON_TIMEOUT;

                feed_open(&feed, &canary_check);
                feed_canary(&feed, "c", "SELECT 1", NULL);
                if (cases[i].max_time > 0)
                        LIST_AT(feed.target->canaries, CanarySettings, 0)->max_time = cases[i].max_time;
                finding = judged(answers, 2);
                ck_assert_msg(finding->seen == cases[i].seen && finding->reason == cases[i].reason, "%s: %s",
                              cases[i].sqlstate, reason_name(finding->reason));
                ck_assert(counts || strstr(finding->summary, cases[i].sqlstate) ||
                          cases[i].sqlstate[0] == '5');
                ck_assert_msg(finding->seen != SEEN_BREACH || finding->hint, "%s", cases[i].sqlstate);
                ck_assert_msg((feed_table(&feed, "canary") != NULL) == counts, "%s", cases[i].sqlstate);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(the_server_stops_it_when_the_answer_is_known) {
        static const struct {
                usec_t max_time;
                const char *bound;
        } cases[] = {{200000, "\"200ms\""}, {1500, "\"2ms\""}, {60000000, "\"5000ms\""}};

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const CheckContext context = {.boottime = USEC_PER_HOUR};
                CheckContext with = context;
                _cleanup_(statement_done) Statement statement = {};

                open_with("SELECT 1", NULL);
                LIST_AT(feed.target->canaries, CanarySettings, 0)->max_time = cases[i].max_time;
                with.settings = feed.target;
                ck_assert_int_eq(canary_check.begin(feed.state, &with, NULL), 0);
                ck_assert_int_eq(canary_check.next(feed.state, &with, &statement), 1);
                ck_assert_int_eq(statement.place, STATEMENT_OPENS);
                ck_assert_ptr_nonnull(strstr(statement.parameters[0], "\"statement_timeout\""));
                ck_assert_msg(strstr(statement.parameters[1], cases[i].bound), "%s", statement.parameters[1]);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(a_chosen_index_is_asked_for_once) {
        const Answer answers[] = {SET, PLAN, FOUND("is_used=t"), SET, RAN(1000)};
        const Finding *finding;
        const Table *table;

        open_with("SELECT 1", "{a}");
        finding = judged(answers, 5);
        ck_assert_int_eq(finding->seen, SEEN_OK);
        ck_assert_str_eq(finding->summary,
                         "Took 1 ms; at most 200 ms are allowed; the planner chooses public.orders_a.");
        table = feed_table(&feed, "canary_index");
        ck_assert_int_eq(table_int(table, 0, "chosen"), 1);
        ck_assert_str_eq(table_text(table, 0, "relname"), "orders");
        ck_assert_str_eq(table_text(table, 0, "canary"), "c");
        feed_close(&feed);
}
END_TEST

START_TEST(one_that_is_not_chosen_is_planned_again_without_seqscan) {
        static const struct {
                const char *plain, *forced;
                Seen seen;
                Reason reason;
                const char *says;
        } cases[] = {
                {"", "is_used=t", SEEN_BREACH, REASON_NOT_CHOSEN, "could use public.orders_a, and does not"},
                {"", "", SEEN_BREACH, REASON_NOT_CHOSEN, "cannot use public.orders_a"},
                {"pages=3", "is_used=t|pages=3", SEEN_OK, REASON_OK, "too small for it to matter (3 pages)"},
                {"pages=3", "pages=3", SEEN_BREACH, REASON_NOT_CHOSEN, "cannot use public.orders_a"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {
                        SET, PLAN, FOUND(cases[i].plain), SET, PLAN, FOUND(cases[i].forced), SET, RAN(1000)};
                const Finding *finding;

                open_with("SELECT 1", "{a}");
                finding = judged(answers, ELEMENTS(answers));
                ck_assert_msg(finding->seen == cases[i].seen && finding->reason == cases[i].reason, "%zu", i);
                ck_assert_msg(strstr(finding->summary, cases[i].says), "%s", finding->summary);
                ck_assert_int_eq(table_int(feed_table(&feed, "canary_index"), 0, "chosen"), 0);
                ck_assert(finding->seen == SEEN_OK || finding->hint);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(without_an_index_it_is_missing_and_a_slow_one_is_slow_first) {
        const Answer none[] = {SET, PLAN, {"canary.index", NULL, NULL, {NULL}}, SET, RAN(1000)};
        const Answer invalid[] = {SET, PLAN, FOUND("is_valid=f"), SET, RAN(1000)};
        const Answer slow[] = {SET, PLAN, {"canary.index", NULL, NULL, {NULL}}, SET, RAN(300000)};

        open_with("SELECT 1", "{a}");
        ck_assert_int_eq(judged(none, 5)->reason, REASON_MISSING);
        ck_assert_ptr_null(feed_table(&feed, "canary_index"));
        ck_assert_int_eq(judged(invalid, 5)->reason, REASON_INVALID);
        ck_assert_int_eq(judged(slow, 5)->reason, REASON_TIMEOUT);
        ck_assert_ptr_nonnull(strstr(feed_finding(&feed, NULL, "c")->summary, "has an index on (a)"));
        feed_close(&feed);
}
END_TEST

START_TEST(expected_after_excuses_what_is_not_there_yet) {
        const Answer none[] = {SET, PLAN, {"canary.index", NULL, NULL, {NULL}}, SET, RAN(1000)};
        const Answer slow[] = {SET, PLAN, {"canary.index", NULL, NULL, {NULL}}, SET, RAN(300000)};

        open_with("SELECT 1", "{a}");
        ck_assert_int_eq(
                str_set(&LIST_AT(feed.target->canaries, CanarySettings, 0)->rule.expected_after, "add_index"),
                0);
        ck_assert_int_eq(judged(none, 5)->reason, REASON_NOT_EXPECTED_YET);
        ck_assert_int_eq(feed_finding(&feed, NULL, "c")->severity, SEVERITY_INFO);
        ck_assert_int_eq(judged(slow, 5)->severity, SEVERITY_CRITICAL);
        feed_close(&feed);
}
END_TEST

#define GENERIC                                                                                              \
        SET, {"canary.prepare", NULL, NULL, {NULL}}, PLAN, {                                                 \
                "canary.release", NULL, NULL, {                                                              \
                        NULL                                                                                 \
                }                                                                                            \
        }

START_TEST(one_with_parameters_is_planned_for_any_values_and_never_run) {
        const Answer plain[] = {GENERIC}, indexed[] = {GENERIC, FOUND("is_used=t")};

        open_with("SELECT $1, $2;", NULL);
        ck_assert_str_eq(judged(plain, 4)->summary, "Planned and not run, for it has parameters.");
        ck_assert_int_eq(feed_finding(&feed, NULL, "c")->value.kind, VALUE_NULL);
        ck_assert_ptr_null(feed_table(&feed, "canary"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&feed.log), "PREPARE pgvigil_canary AS SELECT $1, $2\n"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&feed.log), "EXECUTE pgvigil_canary(NULL, NULL)\n"));
        feed_close(&feed);

        open_with("SELECT $1", "{a}");
        ck_assert_int_eq(judged(indexed, 5)->seen, SEEN_OK);
        feed_close(&feed);
}
END_TEST

START_TEST(what_was_prepared_is_given_back_whatever_happens) {
        const Answer refused[] = {SET, {"canary.prepare", "42P01", NULL, {NULL}}};
        const Answer left[] = {
                SET, {"canary.prepare", "42P05", NULL, {NULL}}, {"canary.release", NULL, NULL, {NULL}}};
        const Answer failed[] = {
                SET,
                {"canary.prepare", NULL, NULL, {NULL}},
                {"canary.plan", "55P03", NULL, {NULL}},
                {"canary.release", NULL, NULL, {NULL}},
        };
        const Answer good[] = {GENERIC};

        open_with("SELECT $1", NULL);
        ck_assert_int_eq(judged(refused, 2)->reason, REASON_NO_SUCH_TABLE);
        ck_assert_int_eq(judged(left, 3)->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(judged(failed, 4)->reason, REASON_LOCKED);
        ck_assert_int_eq(judged(good, 4)->seen, SEEN_OK);
        feed_close(&feed);
}
END_TEST

START_TEST(a_plan_that_writes_is_no_green) {
        static const char *const nodes[] = {"ModifyTable", "LockRows"};

        for (size_t i = 0; i < ELEMENTS(nodes); i++) {
                _cleanup_(freep) char *plan = str_format("QUERY PLAN=[{\"Plan\": {\"Node Type\": \"%s\"}}]",
                                                         nodes[i]);
                const Answer answers[] = {SET,
                                          {"canary.prepare", NULL, NULL, {NULL}},
                                          {"canary.plan", NULL, NULL, {plan}},
                                          {"canary.release", NULL, NULL, {NULL}}};

                open_with("SELECT $1", NULL);
                ck_assert_int_eq(judged(answers, 4)->seen, SEEN_BREACH);
                ck_assert_ptr_nonnull(strstr(feed_finding(&feed, NULL, "c")->summary, "It writes"));
                feed_close(&feed);
        }
}
END_TEST

START_TEST(what_is_no_query_is_not_sent) {
        open_with("COPY t TO STDOUT", "{a}");
        ck_assert_int_eq(judged(NULL, 0)->reason, REASON_UNSUPPORTED);
        ck_assert_int_eq(feed_finding(&feed, NULL, "c")->seen, SEEN_BREACH);
        feed_close(&feed);
}
END_TEST

START_TEST(a_failed_look_keeps_what_was_known_and_disturbs_no_other) {
        const Answer good[] = {SET, PLAN, FOUND("is_used=t"), SET, RAN(1000), SET, RAN(2000)};
        const Answer bad[] = {SET, PLAN, FOUND(""), {"canary.set", "57P01", NULL, {NULL}}, SET, RAN(2000)};

        open_with("SELECT 1", "{a}");
        feed_canary(&feed, "d", "SELECT 2", NULL);
        feed_round(&feed, good, ELEMENTS(good));
        feed_round(&feed, bad, ELEMENTS(bad));
        ck_assert_int_eq(feed_finding(&feed, NULL, "c")->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(feed_finding(&feed, NULL, "d")->seen, SEEN_OK);
        ck_assert_int_eq(table_int(feed_table(&feed, "canary_index"), 0, "chosen"), 1);
        ck_assert_uint_eq(table_get(feed_table(&feed, "canary"), 0, "duration")->histogram->count, 1);
        ck_assert_uint_eq(table_get(feed_table(&feed, "canary"), 1, "duration")->histogram->count, 2);
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                without_canaries_nothing_is_asked_or_said,
                the_time_decides,
                an_error_is_a_breach_only_where_the_statement_is_wrong,
                the_server_stops_it_when_the_answer_is_known,
                a_chosen_index_is_asked_for_once,
                one_that_is_not_chosen_is_planned_again_without_seqscan,
                without_an_index_it_is_missing_and_a_slow_one_is_slow_first,
                expected_after_excuses_what_is_not_there_yet,
                one_with_parameters_is_planned_for_any_values_and_never_run,
                what_was_prepared_is_given_back_whatever_happens,
                a_plan_that_writes_is_no_green,
                what_is_no_query_is_not_sent,
                a_failed_look_keeps_what_was_known_and_disturbs_no_other,
        };

        return unit_run("checks/canary", tests, ELEMENTS(tests));
}
