/* Tests of the checks connection and later.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "feed.h"
#include "pgvigil/checks.h"

#define SERVER                                                                                               \
        "version_num=150018|version=15.18 (Debian 15.18-0+deb12u1)|datname=shop|role=pgvigil|in_recovery=f|" \
        "may_identify=f"

START_TEST(d17_d18_role_and_lag_are_judged_as_configured) {
        static const struct {
                const char *row, *expect_role;
                usec_t max_lag;
                Seen seen;
                Reason reason;
                const char *summary;
        } cases[] = {
                {"", "any", 0, SEEN_OK, REASON_OK, "PostgreSQL 15.18, primary, as pgvigil."},
                {"", "primary", 0, SEEN_OK, REASON_OK, "PostgreSQL 15.18, primary, as pgvigil."},
                {"in_recovery=t", "any", 0, SEEN_OK, REASON_OK, "PostgreSQL 15.18, standby, as pgvigil."},
                {"in_recovery=t", "primary", 0, SEEN_BREACH, REASON_ROLE,
                 "The server is a standby; expected is a primary."},
                {"", "standby", 0, SEEN_BREACH, REASON_ROLE,
                 "The server is a primary; expected is a standby."},
                {"in_recovery=t|replay_lag=0", "standby", 30 * USEC_PER_SEC, SEEN_OK, REASON_OK,
                 "PostgreSQL 15.18, standby, as pgvigil."},
                {"in_recovery=t|replay_lag=30", "standby", 30 * USEC_PER_SEC, SEEN_OK, REASON_OK,
                 "PostgreSQL 15.18, standby, as pgvigil."},
                {"in_recovery=t|replay_lag=31", "standby", 30 * USEC_PER_SEC, SEEN_BREACH, REASON_LAG, NULL},
                {"in_recovery=t|replay_lag=31", "any", 0, SEEN_OK, REASON_OK,
                 "PostgreSQL 15.18, standby, as pgvigil."},
                {"in_recovery=t|replay_lag=-5", "any", 30 * USEC_PER_SEC, SEEN_OK, REASON_OK, NULL},
                {"in_recovery=t", "any", 30 * USEC_PER_SEC, SEEN_UNKNOWN, REASON_LAG, NULL},
                {"in_recovery=t|replay_lag=31", "primary", 30 * USEC_PER_SEC, SEEN_BREACH, REASON_ROLE, NULL},
                {"", "any", 30 * USEC_PER_SEC, SEEN_OK, REASON_OK, "PostgreSQL 15.18, primary, as pgvigil."},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const Answer answers[] = {{"connection.heartbeat", NULL, SERVER, {cases[i].row}}};
                const Finding *finding;
                Feed feed;

                feed_open(&feed, &connection_check);
                ck_assert_int_eq(str_set(&feed.target->expect_role, cases[i].expect_role), 0);
                feed.target->max_replay_lag = cases[i].max_lag;
                feed_round(&feed, answers, 1);
                ck_assert_uint_eq(feed.report.n_findings, 1);
                finding = feed_finding(&feed, "shop", "connection");
                ck_assert_msg(finding->seen == cases[i].seen && finding->reason == cases[i].reason, "%zu: %s",
                              i, reason_name(finding->reason));
                ck_assert_int_eq(finding->severity, SEVERITY_CRITICAL);
                if (cases[i].summary)
                        ck_assert_str_eq(finding->summary, cases[i].summary);
                ck_assert_int_eq(feed.report.server->version_num, 150018);
                ck_assert_str_eq(feed.report.server->role, "pgvigil");
                ck_assert_ptr_null(feed.report.server->system_identifier);
                feed_close(&feed);
        }
}
END_TEST

START_TEST(d18_a_standby_that_never_replayed_is_behind_since_it_was_seen_so) {
        const Answer behind[] = {{"connection.heartbeat", NULL, SERVER, {"in_recovery=t"}}};
        const Answer level[] = {{"connection.heartbeat", NULL, SERVER, {"in_recovery=t|replay_lag=0"}}};
        static const struct {
                usec_t passed;
                bool is_level;
                Seen seen;
        } steps[] = {
                {0, false, SEEN_UNKNOWN},
                {30 * USEC_PER_SEC, false, SEEN_UNKNOWN},
                {1 * USEC_PER_SEC, false, SEEN_BREACH},
                {1 * USEC_PER_SEC, true, SEEN_OK},
                {1 * USEC_PER_SEC, false, SEEN_UNKNOWN},
        };
        Feed feed;

        feed_open(&feed, &connection_check);
        feed.target->max_replay_lag = 30 * USEC_PER_SEC;
        for (size_t i = 0; i < ELEMENTS(steps); i++) {
                feed.boottime += steps[i].passed;
                feed_round(&feed, steps[i].is_level ? level : behind, 1);
                ck_assert_msg(feed_finding(&feed, NULL, "connection")->seen == steps[i].seen, "%zu", i);
        }
        feed_close(&feed);
}
END_TEST

START_TEST(the_identity_is_asked_only_where_it_may_be_read) {
        const Answer may[] = {
                {"connection.heartbeat", NULL, SERVER, {"may_identify=t"}},
                {"connection.identity", NULL, NULL, {"system_identifier=7711505966903689304"}},
        };
        Feed feed;

        feed_open(&feed, &connection_check);
        feed_round(&feed, may, 2);
        ck_assert_str_eq(feed.report.server->system_identifier, "7711505966903689304");
        feed_close(&feed);
}
END_TEST

START_TEST(a_refused_identity_does_not_hurt_the_heartbeat) {
        const Answer refused[] = {
                {"connection.heartbeat", NULL, SERVER, {"may_identify=t"}},
                {"connection.identity", "42501", NULL, {NULL}},
        };
        Feed feed;

        feed_open(&feed, &connection_check);
        feed_round(&feed, refused, 2);
        ck_assert_int_eq(feed_finding(&feed, "shop", "connection")->seen, SEEN_OK);
        ck_assert_ptr_null(feed.report.server->system_identifier);
        feed_close(&feed);
}
END_TEST

START_TEST(a_failed_heartbeat_is_unknown_and_tells_nothing_of_the_server) {
        const Answer good[] = {{"connection.heartbeat", NULL, SERVER, {""}}};
        const Answer bad[] = {{"connection.heartbeat", "57014", NULL, {NULL}}};
        Feed feed;

        feed_open(&feed, &connection_check);
        feed_round(&feed, good, 1);
        feed_round(&feed, bad, 1);
        ck_assert_int_eq(feed_finding(&feed, "shop", "connection")->seen, SEEN_UNKNOWN);
        ck_assert_int_eq(feed_finding(&feed, "shop", "connection")->reason, REASON_TIMEOUT);
        ck_assert_ptr_null(feed.report.server);
        feed_close(&feed);
}
END_TEST

START_TEST(d26_an_odd_database_name_is_quoted) {
        const Answer answers[] = {{"connection.heartbeat", NULL, SERVER, {"datname=Sh\"op"}}};
        Feed feed;

        feed_open(&feed, &connection_check);
        feed_round(&feed, answers, 1);
        ck_assert(feed_finding(&feed, "\"Sh\"\"op\"", "connection")->seen == SEEN_OK);
        feed_close(&feed);
}
END_TEST

START_TEST(what_is_not_in_this_version_is_skipped_and_said) {
        const Finding *finding;
        Feed feed;

        feed_open(&feed, &later_check);
        feed_round(&feed, NULL, 0);
        ck_assert_uint_eq(feed.report.n_findings, 0);

        feed.target->backups = (List){calloc(1, sizeof(BackupSettings)), 1};
        LIST_AT(feed.target->backups, BackupSettings, 0)->name = strdup("nightly");
        feed_round(&feed, NULL, 0);
        ck_assert_uint_eq(feed.report.n_findings, 1);
        finding = feed_finding(&feed, NULL, "nightly");
        ck_assert_int_eq(finding->kind, KIND_BACKUP);
        ck_assert_int_eq(finding->seen, SEEN_SKIPPED);
        ck_assert_int_eq(finding->reason, REASON_SKIPPED);
        feed_close(&feed);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                d17_d18_role_and_lag_are_judged_as_configured,
                d18_a_standby_that_never_replayed_is_behind_since_it_was_seen_so,
                the_identity_is_asked_only_where_it_may_be_read,
                a_refused_identity_does_not_hurt_the_heartbeat,
                a_failed_heartbeat_is_unknown_and_tells_nothing_of_the_server,
                d26_an_odd_database_name_is_quoted,
                what_is_not_in_this_version_is_skipped_and_said,
        };

        return unit_run("checks/connection", tests, ELEMENTS(tests));
}
