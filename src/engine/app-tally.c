/* AppTally: what the probes of an application add up to, for the monitoring phase. Pure.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "app.h"

static usec_t longer(usec_t a, usec_t b) {
        return a > b ? a : b;
}

usec_t app_tally_outage(const AppTally *tally, usec_t now) {
        return tally->bad_since > 0 ? usec_since(now, tally->bad_since) : 0;
}

void app_tally_add(AppTally *tally, const ProbeResult *result, usec_t began, usec_t now) {
        if (result->end == PROBE_ERROR) {
                tally->lost++;
                return;
        }
        tally->probes++;
        if (result->end != PROBE_OK) {
                tally->bad_since = tally->bad_since > 0 ? tally->bad_since : began;
                return;
        }
        tally->good++;
        tally->longest_outage = longer(tally->longest_outage, app_tally_outage(tally, now));
        tally->bad_since = 0;
}

void app_tally_reset(AppTally *tally, usec_t now) {
        *tally = (AppTally){.bad_since = tally->bad_since > 0 ? now : 0};
}

PhaseApp app_tally_phase(const AppTally *tally, usec_t now) {
        return (PhaseApp){
                .probes = tally->probes,
                .good = tally->good,
                .lost = tally->lost,
                .longest_outage = longer(tally->longest_outage, app_tally_outage(tally, now)),
        };
}
