/* Tests of model/finding-settle: what one result hands to the next poll, and how it grows old.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "../unit.h"
#include "pgvigil/model/finding.h"

#define EPOCH    ((usec_t)1700000000 * USEC_PER_SEC) /* realtime at boottime 0 */
#define NO_VALUE (-1)

/* One poll: when (boottime, seconds), and what was seen. */
typedef struct Poll {
        usec_t at;
        Seen seen;
        Reason reason;
        int64_t value;
} Poll;

#define OK(v)   SEEN_OK, REASON_OK, (v)
#define ROWS(v) SEEN_BREACH, REASON_VIOLATED, (v)
#define LOCK    SEEN_UNKNOWN, REASON_LOCKED, NO_VALUE
#define SKIP    SEEN_SKIPPED, REASON_SKIPPED, NO_VALUE

/* Owned strings, as a check makes them; critical, 30 seconds; the summary names the poll. */
static Finding make_finding(const Poll *poll) {
        Finding finding = {
                .kind = KIND_CONSTRAINT,
                .object = strdup("public.orders"),
                .name = strdup("positive"),
                .seen = poll->seen,
                .severity = SEVERITY_CRITICAL,
                .reason = poll->reason,
                .summary = str_format("seen at %u", (unsigned)poll->at),
                .value = poll->value == NO_VALUE ? VALUE_NONE : VALUE_OF_INT(poll->value),
                .max_age = 30 * USEC_PER_SEC,
        };

        return finding;
}

static Finding settled(const Poll *poll, const Finding *previous) {
        Finding finding = make_finding(poll);

        ck_assert_int_eq(
                finding_settle(&finding, previous, poll->at * USEC_PER_SEC, EPOCH + poll->at * USEC_PER_SEC),
                0);
        return finding;
}

START_TEST(the_words_of_the_last_result_stay_with_it) {
        Finding first = make_finding(&(Poll){100, ROWS(2)}), blind, old;

        first.hint = strdup("mend them");
        first.repair = strdup("UPDATE");
        first.method = "full";
        ck_assert_int_eq(strv_add(&first.keys, "id=1"), 0);
        ck_assert_int_eq(finding_settle(&first, NULL, 100 * USEC_PER_SEC, EPOCH), 0);

        blind = make_finding(&(Poll){110, LOCK});
        blind.severity = SEVERITY_INFO;
        blind.hint = strdup("wait");
        ck_assert_int_eq(finding_settle(&blind, &first, 110 * USEC_PER_SEC, EPOCH), 0);
        ck_assert_str_eq(blind.summary, "seen at 100");
        ck_assert_str_eq(blind.hint, "mend them");
        ck_assert_str_eq(blind.repair, "UPDATE");
        ck_assert_str_eq(blind.method, "full");
        ck_assert(strv_equal(blind.keys, first.keys));
        ck_assert_int_eq(blind.severity, SEVERITY_CRITICAL);

        old = make_finding(&(Poll){150, LOCK});
        old.hint = strdup("wait");
        ck_assert_int_eq(finding_settle(&old, &blind, 150 * USEC_PER_SEC, EPOCH), 0);
        ck_assert_str_eq(old.summary, "seen at 150");
        ck_assert_str_eq(old.hint, "wait");
        ck_assert_ptr_null(old.repair);
        ck_assert_str_eq(old.method, "full");
        finding_done(&first);
        finding_done(&blind);
        finding_done(&old);
}
END_TEST

START_TEST(a_text_value_is_carried_as_a_copy) {
        Finding first = make_finding(&(Poll){100, OK(NO_VALUE)}), blind;

        ck_assert_int_eq(value_set_text(&first.value, "15.3"), 0);
        ck_assert_int_eq(finding_settle(&first, NULL, 100 * USEC_PER_SEC, EPOCH), 0);
        blind = settled(&(Poll){110, LOCK}, &first);
        finding_done(&first);
        ck_assert_str_eq(blind.value.text, "15.3");
        finding_done(&blind);
}
END_TEST

START_TEST(an_unknown_without_an_age_keeps_the_age_of_the_result_it_shows) {
        Finding first = settled(&(Poll){100, OK(0)}, NULL), blind;

        blind = make_finding(&(Poll){110, LOCK});
        blind.max_age = 0;
        ck_assert_int_eq(finding_settle(&blind, &first, 110 * USEC_PER_SEC, EPOCH), 0);
        ck_assert_int_eq(blind.status, STATUS_PASS);
        ck_assert(finding_age(&blind, 131 * USEC_PER_SEC, EPOCH));
        ck_assert_int_eq(blind.status, STATUS_UNKNOWN);
        finding_done(&first);
        finding_done(&blind);
}
END_TEST

START_TEST(what_another_server_said_is_unknown_and_never_carried) {
        Finding first = settled(&(Poll){100, ROWS(2)}, NULL), blind, seen;

        finding_disown(&first);
        ck_assert_int_eq(first.status, STATUS_UNKNOWN);
        ck_assert_int_eq(first.reason, REASON_STALE);
        blind = settled(&(Poll){110, LOCK}, &first);
        ck_assert_int_eq(blind.status, STATUS_UNKNOWN);
        ck_assert_int_eq(blind.value.kind, VALUE_NULL);
        ck_assert_uint_eq(blind.checked_at, 0);
        seen = settled(&(Poll){120, ROWS(2)}, &blind);
        ck_assert_int_eq(seen.status, STATUS_FAIL);
        ck_assert_uint_eq(seen.breaches, 2);
        finding_done(&first);
        finding_done(&blind);
        finding_done(&seen);
}
END_TEST

START_TEST(the_result_of_another_fact_is_never_carried) {
        Finding other = settled(&(Poll){100, OK(0)}, NULL), blind;

        ck_assert_int_eq(str_set(&other.name, "another"), 0);
        blind = settled(&(Poll){110, LOCK}, &other);
        ck_assert_int_eq(blind.status, STATUS_UNKNOWN);
        ck_assert_int_eq(blind.value.kind, VALUE_NULL);
        finding_done(&other);
        finding_done(&blind);
}
END_TEST

START_TEST(while_clearing_the_summary_counts_the_clean_polls) {
        Finding first = settled(&(Poll){100, ROWS(2)}, NULL), second;

        second = make_finding(&(Poll){110, OK(0)});
        second.clear_after = 3;
        ck_assert_int_eq(finding_settle(&second, &first, 110 * USEC_PER_SEC, EPOCH), 0);
        ck_assert_str_eq(second.summary, "Clean again in 1 of the 3 polls in a row that clear it.");
        finding_done(&first);
        finding_done(&second);
}
END_TEST

START_TEST(a_larger_for_after_reload_does_not_forgive_a_breach_that_counted) {
        Finding first = settled(&(Poll){100, ROWS(2)}, NULL), second, third;

        second = make_finding(&(Poll){110, ROWS(2)});
        second.for_polls = 5;
        ck_assert_int_eq(finding_settle(&second, &first, 110 * USEC_PER_SEC, EPOCH), 0);
        ck_assert_int_eq(second.status, STATUS_FAIL);
        third = make_finding(&(Poll){120, ROWS(2)});
        third.for_polls = 5;
        ck_assert_int_eq(finding_settle(&third, &second, 120 * USEC_PER_SEC, EPOCH), 0);
        ck_assert_int_eq(third.status, STATUS_FAIL);
        finding_done(&first);
        finding_done(&second);
        finding_done(&third);
}
END_TEST

START_TEST(every_result_ages_into_unknown) {
        static const struct {
                Poll poll;
                Status fresh;
                bool ages;
        } cases[] = {
                {{100, OK(0)}, STATUS_PASS, true},
                {{100, ROWS(2)}, STATUS_FAIL, true},
                {{100, LOCK}, STATUS_UNKNOWN, false},
                {{100, SKIP}, STATUS_SKIPPED, false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Finding finding = settled(&cases[i].poll, NULL);
                usec_t expires = finding_expires(&finding);

                ck_assert_int_eq(finding.status, cases[i].fresh);
                ck_assert((expires != USEC_INFINITY) == cases[i].ages);
                ck_assert(!finding_age(&finding, 130 * USEC_PER_SEC, EPOCH + 1));
                if (cases[i].ages) {
                        ck_assert(expires == 130 * USEC_PER_SEC + 1);
                        ck_assert(!finding_age(&finding, expires - 1, EPOCH + 1));
                        ck_assert(finding_age(&finding, expires, EPOCH + 7));
                        ck_assert_int_eq(finding.status, STATUS_UNKNOWN);
                        ck_assert_int_eq(finding.reason, REASON_STALE);
                        ck_assert_str_eq(finding.summary, "Not checked for more than 30 s.");
                        ck_assert(finding.since == EPOCH + 7);
                        ck_assert_int_eq(finding.value.kind, VALUE_INT); /* stays visible */
                }
                ck_assert(!finding_age(&finding, 1000 * USEC_PER_SEC, EPOCH + 9));
                ck_assert(finding_expires(&finding) == USEC_INFINITY);
                finding_done(&finding);
        }
}
END_TEST

START_TEST(what_became_stale_stays_unknown_until_it_is_really_seen) {
        Finding first = settled(&(Poll){100, OK(0)}, NULL), blind, seen;

        ck_assert(finding_age(&first, 140 * USEC_PER_SEC, EPOCH));
        blind = make_finding(&(Poll){141, LOCK});
        blind.max_age = 1000 * USEC_PER_SEC; /* a longer age after a reload makes nothing green */
        ck_assert_int_eq(finding_settle(&blind, &first, 141 * USEC_PER_SEC, EPOCH), 0);
        ck_assert_int_eq(blind.status, STATUS_UNKNOWN);
        ck_assert_int_eq(blind.reason, REASON_LOCKED);
        seen = settled(&(Poll){150, OK(0)}, &blind);
        ck_assert_int_eq(seen.status, STATUS_PASS);
        finding_done(&first);
        finding_done(&blind);
        finding_done(&seen);
}
END_TEST

START_TEST(without_an_age_nothing_ever_expires) {
        Finding finding = make_finding(&(Poll){100, OK(0)});

        finding.max_age = 0;
        ck_assert_int_eq(finding_settle(&finding, NULL, 100 * USEC_PER_SEC, EPOCH), 0);
        ck_assert(finding_expires(&finding) == USEC_INFINITY);
        ck_assert(!finding_age(&finding, USEC_INFINITY, EPOCH));
        finding_done(&finding);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                the_words_of_the_last_result_stay_with_it,
                a_text_value_is_carried_as_a_copy,
                an_unknown_without_an_age_keeps_the_age_of_the_result_it_shows,
                what_another_server_said_is_unknown_and_never_carried,
                the_result_of_another_fact_is_never_carried,
                while_clearing_the_summary_counts_the_clean_polls,
                a_larger_for_after_reload_does_not_forgive_a_breach_that_counted,
                every_result_ages_into_unknown,
                what_became_stale_stays_unknown_until_it_is_really_seen,
                without_an_age_nothing_ever_expires,
        };

        return unit_run("result", tests, ELEMENTS(tests));
}
