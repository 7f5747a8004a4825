/* MigrationRun: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/migration-run.h"

#include <errno.h>
#include <inttypes.h>

#include "pgvigil/base/str.h"

void migration_run_done(MigrationRun *run) {
        free(run->locked);
        *run = (MigrationRun){};
}

int migration_run_copy(const MigrationRun *run, MigrationRun *ret) {
        MigrationRun copy = *run;

        copy.locked = NULL;
        if (str_set(&copy.locked, run->locked) < 0)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static usec_t longer(usec_t a, usec_t b) {
        if (a == USEC_INFINITY || b == USEC_INFINITY)
                return a == USEC_INFINITY ? b : a;
        return a > b ? a : b;
}

int migration_run_add(MigrationRun *run, const MigrationRun *other) {
        run->is_live |= other->is_live;
        if (other->elapsed > run->elapsed)
                run->elapsed = other->elapsed;
        if (!other->is_known)
                return 0;
        if (!run->is_known)
                run->longest_wait = USEC_INFINITY;
        run->is_known = true;
        run->is_capped |= other->is_capped;
        run->longest_wait = longer(run->longest_wait, other->longest_wait);
        if (other->blocked > run->blocked)
                run->blocked = other->blocked;
        return other->locked ? str_set(&run->locked, other->locked) : 0;
}

static void add_waits(const MigrationRun *run, bool is_over, Buffer *out) {
        if (run->blocked == 0) {
                buffer_add(out,
                           is_over ? "no session was seen to wait behind it" : "no session waits behind it");
                return;
        }
        if (is_over)
                buffer_printf(out, "%s %" PRIu64 " session%s waited behind it",
                              run->is_capped ? "more than" : "at most", run->blocked,
                              run->blocked == 1 ? "" : "s");
        else
                buffer_printf(out, "%s%" PRIu64 " session%s behind it", run->is_capped ? "more than " : "",
                              run->blocked, run->blocked == 1 ? " waits" : "s wait");
        if (run->longest_wait == USEC_INFINITY)
                return;
        buffer_add(out, ", the longest for ");
        buffer_add_usec_human(out, run->longest_wait);
}

void migration_run_add_words(const MigrationRun *run, bool is_over, Buffer *out) {
        if (!run->is_known) {
                buffer_add(out, "who waits behind it cannot be seen");
                return;
        }
        add_waits(run, is_over, out);
        if (run->locked)
                buffer_printf(out, "; it lock%s %s", is_over ? "ed" : "s", run->locked);
}
