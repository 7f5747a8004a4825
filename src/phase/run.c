/* What was seen of migrations while they ran, which is before their phase opens.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "internal.h"

void phase_run_forget(PhaseRecord *record) {
        free(record->run.locked);
        record->run = (PhaseRun){};
}

/* Behind its batch, what runs is of no phase that there is yet. */
static bool is_of_later(const PhaseRecord *record, usec_t now) {
        return record->state == PHASE_WATCHING &&
               (record->batch_at == 0 || usec_since(now, record->batch_at) > PHASE_BATCH);
}

int phase_run(PhaseRecord *record, const MigrationRun *run, usec_t now) {
        PhaseRun *most = &record->run;
        MigrationRun sum;
        int r;

        if (!run->is_live || is_of_later(record, now))
                return 0;
        if (usec_since(now, most->last_seen) > PHASE_BATCH)
                phase_run_forget(record);
        sum = phase_run_sum(record);
        sum.locked = TAKE(most->locked);
        r = migration_run_add(&sum, run);
        *most = (PhaseRun){
                .first_seen = most->first_seen ? most->first_seen : now,
                .last_seen = now,
                .is_known = sum.is_known,
                .blocked = sum.blocked,
                .is_capped = sum.is_capped,
                .longest_wait = sum.longest_wait,
                .elapsed = sum.elapsed,
                .locked = sum.locked,
        };
        return r;
}
