/* Transactions as series: transactions/commit and …/rollback since the sample before, …/void: not known.
 *
 * The last sample is kept: after a restart the next one has all that ran meanwhile.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "internal.h"
#include "pgvigil/base/log.h"

#define KEY_SAMPLE    "phase.transactions"
#define GAP_INTERVALS 3

int watch_load_transactions(Target *target) {
        TransactionSample *sample = &target->watch.transactions;
        const char *kept = history_get(target->engine->history, target->view.name, KEY_SAMPLE);
        int r;

        transaction_sample_done(sample);
        r = kept ? transaction_sample_parse(kept, sample) : 0;
        return r == -ENOMEM ? r : 0;
}

static int keep_sample(const Target *target) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        int r = transaction_sample_format(&target->watch.transactions, &text);

        return r < 0 ? r
                     : history_set(target->engine->history, target->view.name, KEY_SAMPLE,
                                   buffer_text(&text));
}

char *watch_epoch(const Target *target, const char *epoch) {
        const ServerFacts *server = target->view.server;
        const char *system = server ? server->system_identifier : NULL,
                   *database = server ? server->database : NULL;

        return str_format("%s/%s, %s", system ? system : "", database ? database : "", epoch ? epoch : "");
}

static int read_sample(const Target *target, const Table *transactions, const Table *database,
                       TransactionSample *ret) {
        for (size_t row = 0; row < transactions->n_rows; row++) {
                bool is_commit = str_equal(table_text(transactions, row, "outcome"), "commit");

                *(is_commit ? &ret->commits : &ret->rollbacks) = table_int(transactions, row, "transactions");
        }
        ret->at = (usec_t)table_int(transactions, 0, "sampled_at");
        ret->epoch = watch_epoch(target, table_text(database, 0, "epoch"));
        return ret->epoch ? 0 : -ENOMEM;
}

/* As a gap of the phase is; counts of within a minute are where they belong, however often is looked. */
static usec_t longest_of(const Target *target) {
        usec_t gap = GAP_INTERVALS * target->settings.intervals.activity;

        return gap > USEC_PER_MINUTE ? gap : USEC_PER_MINUTE;
}

static void sample(const Target *target, const char *series, usec_t at, double value) {
        (void)history_sample(target->engine->history, target->view.name, series, at, value);
}

static int add_sample(Target *target, const Table *transactions, const Table *database, usec_t realtime) {
        _cleanup_(transaction_sample_done) TransactionSample fresh = {};
        TransactionSample *last = &target->watch.transactions;
        int64_t commits, rollbacks;
        int r = read_sample(target, transactions, database, &fresh);

        if (r < 0 || fresh.at == last->at)
                return r;
        if (transaction_sample_since(last, &fresh, longest_of(target), &commits, &rollbacks)) {
                sample(target, "transactions/commit", realtime, (double)commits);
                sample(target, "transactions/rollback", realtime, (double)rollbacks);
        } else
                sample(target, "transactions/void", realtime, 1);
        SWAP(*last, fresh);
        return keep_sample(target);
}

/* None is taken until what was kept is known: the next one has all that ran since. */
void watch_take_transactions(Target *target, const Job *job, usec_t realtime) {
        const Table *transactions = watch_table(job, "outcome"), *database = watch_table(job, "epoch");

        if (target->watch.is_begun && transactions && transactions->n_rows > 0 && database &&
            database->n_rows == 1 && add_sample(target, transactions, database, realtime) < 0)
                log_oom();
}
