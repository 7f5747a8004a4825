/* Failures and back-off: SQLSTATEs to causes, and how long to wait after each.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pg/failure.h"

#include <string.h>

#include "../unit.h"
#include "pgvigil/base/str.h"

static const struct {
        const char *message, *sqlstate;
} messages[] = {
        {"", NULL},
        {"\n", NULL},
        {"28P01", NULL},
        {"x\n:  28P01", NULL},
        {"connection to server at \"127.0.0.1\", port 1 failed: FATAL:  28P01\n", "28P01"},
        {"connection to server at \"h\", port 1 failed: FATAL:  57P03\nconnection … failed: FATAL:  3D000\n",
         "57P03"},
        {"connection to server at \"h\", port 1 failed: Connection refused\n\tIs the server running?\n",
         NULL},
        {"connection failed: FATAL:  28p01\n", NULL},
        {"connection failed: FATAL: 28P01\n", NULL},
        {"connection failed: FATAL:  28P01", "28P01"},
};

START_TEST(the_first_sqlstate_at_a_lines_end_is_found) {
        for (size_t i = 0; i < ELEMENTS(messages); i++) {
                char sqlstate[6] = "";
                bool found = failure_find_sqlstate(messages[i].message, sqlstate);
                ck_assert_msg(found == (messages[i].sqlstate != NULL), "%s", messages[i].message);
                if (found)
                        ck_assert_str_eq(sqlstate, messages[i].sqlstate);
        }
}
END_TEST

static const struct {
        const char *sqlstate;
        Cause cause;
} causes[] = {
        {"28P01", CAUSE_AUTH},        {"28000", CAUSE_AUTH},        {"3D000", CAUSE_DATABASE},
        {"53300", CAUSE_SLOTS},       {"57P03", CAUSE_STARTING_UP}, {"57P01", CAUSE_STARTING_UP},
        {"57P02", CAUSE_STARTING_UP}, {"08P01", CAUSE_REFUSED},     {"42501", CAUSE_AUTH},
        {"55000", CAUSE_DATABASE},    {"57014", CAUSE_TIMEOUT},     {"0A000", CAUSE_REFUSED},
        {"XX000", CAUSE_REFUSED},
};

START_TEST(d23_each_sqlstate_has_its_cause_and_stands_in_the_sentence) {
        for (size_t i = 0; i < ELEMENTS(causes); i++) {
                _cleanup_(failure_done) Failure failure = {};
                failure_of_sqlstate(causes[i].sqlstate, NULL, &failure);
                ck_assert_msg(failure.cause == causes[i].cause, "%s", causes[i].sqlstate);
                ck_assert_str_eq(failure.sqlstate, causes[i].sqlstate);
                ck_assert_msg(strstr(failure.text, causes[i].sqlstate), "%s", failure.text);
        }
}
END_TEST

static const struct {
        Cause cause;
        unsigned failures;
        usec_t least, most;
} waits[] = {
        {CAUSE_REFUSED, 0, 0, 0},
        {CAUSE_REFUSED, 1, 10 * USEC_PER_MSEC, 100 * USEC_PER_MSEC},
        {CAUSE_REFUSED, 2, 10 * USEC_PER_MSEC, 200 * USEC_PER_MSEC},
        {CAUSE_TIMEOUT, 4, 10 * USEC_PER_MSEC, 800 * USEC_PER_MSEC},
        {CAUSE_LOST, 6, 10 * USEC_PER_MSEC, 2 * USEC_PER_SEC},
        {CAUSE_STARTING_UP, 60, 10 * USEC_PER_MSEC, 2 * USEC_PER_SEC},
        {CAUSE_DNS, 4000000000, 10 * USEC_PER_MSEC, 2 * USEC_PER_SEC},
        {CAUSE_AUTH, 1, 30 * USEC_PER_SEC, 40 * USEC_PER_SEC},
        {CAUSE_SLOTS, 9, 30 * USEC_PER_SEC, 40 * USEC_PER_SEC},
};

START_TEST(d15_d16_backoff_grows_to_reconnect_max_and_is_slow_for_logins_and_slots) {
        for (size_t i = 0; i < ELEMENTS(waits); i++) {
                usec_t least = USEC_INFINITY, most = 0;
                uint64_t random = 88172645463325252;
                for (int n = 0; n < 2000; n++) {
                        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
                        usec_t wait = pg_backoff(waits[i].cause, waits[i].failures, 2 * USEC_PER_SEC, random);
                        least = wait < least ? wait : least;
                        most = wait > most ? wait : most;
                }
                ck_assert_uint_ge(least, waits[i].least);
                ck_assert_uint_le(most, waits[i].most);
                ck_assert_uint_ge(most, waits[i].most / 10 * 9); /* the whole span is used */
        }
}
END_TEST

START_TEST(backoff_never_exceeds_a_small_reconnect_max) {
        ck_assert_uint_le(pg_backoff(CAUSE_REFUSED, 3, 5 * USEC_PER_MSEC, 4), 5 * USEC_PER_MSEC);
        ck_assert_uint_eq(pg_backoff(CAUSE_REFUSED, 3, 0, 4), 0);
}
END_TEST

START_TEST(peers_are_shown_as_people_write_them) {
        const char *const peers[][3] = {{"127.0.0.1", "5432", "127.0.0.1:5432"},
                                        {"::1", "", "[::1]:5432"},
                                        {"/run/x", "5433", "/run/x/.s.PGSQL.5433"},
                                        {NULL, NULL, "the local socket"}};
        for (size_t i = 0; i < ELEMENTS(peers); i++) {
                _cleanup_(freep) char *peer = failure_peer(peers[i][0], peers[i][1]);
                ck_assert_str_eq(peer, peers[i][2]);
        }
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                the_first_sqlstate_at_a_lines_end_is_found,
                d23_each_sqlstate_has_its_cause_and_stands_in_the_sentence,
                d15_d16_backoff_grows_to_reconnect_max_and_is_slow_for_logins_and_slots,
                backoff_never_exceeds_a_small_reconnect_max,
                peers_are_shown_as_people_write_them,
        };
        return unit_run("failure", tests, ELEMENTS(tests));
}
