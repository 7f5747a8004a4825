/* What the probes of an application add up to.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "engine/app.h"
#include "pgvigil/base/macros.h"

#define AT(second) ((second)*USEC_PER_SEC)

/* Seconds at which a probe was begun and ended, what it came to, and what there is then. */
static const struct {
        const char *claim;
        usec_t began, ended;
        ProbeEnd end;
        uint64_t probes, good, lost;
        usec_t longest;
} steps[] = {
        {"good", 10, 10, PROBE_OK, 1, 1, 0, 0},
        {"an outage begins with the first bad probe", 20, 22, PROBE_TIMEOUT, 2, 1, 0, 2},
        {"a bad one more", 30, 31, PROBE_REFUSED, 3, 1, 0, 11},
        {"one that was not asked is lost, and the outage goes on", 40, 40, PROBE_ERROR, 3, 1, 1, 20},
        {"the next good one ends it", 50, 51, PROBE_OK, 4, 2, 1, 31},
        {"good again", 60, 60, PROBE_OK, 5, 3, 1, 31},
        {"a shorter outage", 70, 71, PROBE_STATUS, 6, 3, 1, 31},
        {"and its end", 80, 80, PROBE_OK, 7, 4, 1, 31},
        {"one more", 90, 90, PROBE_BODY, 8, 4, 1, 31},
        {"that becomes the longest", 130, 130, PROBE_TLS, 9, 4, 1, 40},
};

START_TEST(an_outage_is_from_the_first_bad_probe_to_the_next_good_one) {
        AppTally tally = {};

        for (size_t i = 0; i < ELEMENTS(steps); i++) {
                PhaseApp phase;

                app_tally_add(&tally, &(ProbeResult){.end = steps[i].end}, AT(steps[i].began),
                              AT(steps[i].ended));
                phase = app_tally_phase(&tally, AT(steps[i].ended));
                ck_assert_msg(phase.probes == steps[i].probes && phase.good == steps[i].good &&
                                      phase.lost == steps[i].lost,
                              "%s: counts", steps[i].claim);
                ck_assert_msg(phase.longest_outage == AT(steps[i].longest), "%s: %d s", steps[i].claim,
                              (int)(phase.longest_outage / USEC_PER_SEC));
        }
}
END_TEST

START_TEST(an_outage_that_goes_on_lasts_until_now) {
        AppTally tally = {};

        app_tally_add(&tally, &(ProbeResult){.end = PROBE_DNS}, AT(10), AT(10));
        ck_assert_uint_eq(app_tally_phase(&tally, AT(400)).longest_outage, AT(390));
}
END_TEST

START_TEST(a_phase_begins_anew_and_takes_over_what_is_still_out) {
        AppTally tally = {};
        PhaseApp phase;

        app_tally_add(&tally, &(ProbeResult){.end = PROBE_DNS}, AT(10), AT(10));
        app_tally_reset(&tally, AT(100));
        phase = app_tally_phase(&tally, AT(130));
        ck_assert_uint_eq(phase.probes + phase.good + phase.lost, 0);
        ck_assert_uint_eq(phase.longest_outage, AT(30));

        app_tally_add(&tally, &(ProbeResult){.end = PROBE_OK}, AT(140), AT(140));
        app_tally_reset(&tally, AT(150));
        ck_assert_uint_eq(app_tally_phase(&tally, AT(200)).longest_outage, 0);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                an_outage_is_from_the_first_bad_probe_to_the_next_good_one,
                an_outage_that_goes_on_lasts_until_now,
                a_phase_begins_anew_and_takes_over_what_is_still_out,
        };

        return unit_run("engine/app-tally", tests, ELEMENTS(tests));
}
