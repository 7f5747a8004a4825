/* migration_completed: the batch, and what stands before it in the directory.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "criteria.h"

/* As directories are read by the tools: leading digits as a number, then the text. */
static int compare_names(const char *a, const char *b) {
        size_t n, m;

        a += strspn(a, "0");
        b += strspn(b, "0");
        n = strspn(a, "0123456789");
        m = strspn(b, "0123456789");
        if (n != m)
                return n < m ? -1 : 1;
        return strcmp(a, b);
}

static bool is_in_batch(const PhaseRecord *record, const char *name) {
        return phase_migrations_have(&record->batch, name);
}

static bool is_before_batch(const PhaseRecord *record, const char *name) {
        for (size_t i = 0; i < record->batch.count; i++)
                if (compare_names(name, record->batch.items[i].name) < 0)
                        return true;
        return false;
}

static bool is_failure(Reason reason) {
        return reason == REASON_FAILED || reason == REASON_INTERRUPTED;
}

static bool is_open(Reason reason) {
        return reason == REASON_PENDING || reason == REASON_RUNNING || reason == REASON_ROLLED_BACK;
}

typedef struct Tally {
        Names failed, open;
} Tally;

static void tally_done(Tally *tally) {
        names_done(&tally->failed);
        names_done(&tally->open);
}

static void tally_finding(const PhaseRecord *record, const Finding *finding, Tally *tally) {
        bool is_member = is_in_batch(record, finding->name), is_known = finding->status != STATUS_UNKNOWN;
        Reason reason = finding->reason;

        if (!is_member && !is_before_batch(record, finding->name))
                return;
        if (is_known && (is_failure(reason) || (is_member && reason == REASON_ROLLED_BACK)))
                names_add(&tally->failed, "%s (%s)", finding->name, reason_name(reason));
        else if (is_failure(reason) || is_open(reason))
                names_add(&tally->open, "%s (%s)", finding->name, reason_name(reason));
}

static void tally_findings(const JudgeContext *context, Tally *tally) {
        for (size_t i = 0; i < context->inputs->n_findings; i++) {
                const Finding *finding = &context->inputs->findings[i];

                if (finding->kind == KIND_MIGRATION)
                        tally_finding(context->record, finding, tally);
        }
}

static void list_batch(const PhaseRecord *record, Names *ret) {
        for (size_t i = 0; i < record->batch.count; i++)
                names_add(ret, "%s", record->batch.items[i].name);
}

/* Rolled back and deleted, or its row was. */
static void tally_gone(const PhaseRecord *record, Tally *tally) {
        for (size_t i = 0; i < record->batch.count; i++)
                if (!phase_migrations_have(&record->known, record->batch.items[i].name))
                        names_add(&tally->failed, "%s (not finished any more)", record->batch.items[i].name);
}

void judge_migration_completed(const JudgeContext *context, Judgement *ret) {
        const PhaseRecord *record = context->record;
        _cleanup_(tally_done) Tally tally = {};
        _cleanup_(names_done) Names batch = {};

        if (record->batch.count == 0) {
                ret->status = STATUS_PASS;
                buffer_add(&ret->reason, "No migration belongs to this phase: 0 of 0 are finished.");
                return;
        }
        if (!context->inputs->history_is_readable) {
                buffer_add(&ret->reason, "The migration history cannot be read.");
                return;
        }
        tally_gone(record, &tally);
        tally_findings(context, &tally);
        list_batch(record, &batch);
        if (tally.failed.count > 0) {
                ret->status = STATUS_FAIL;
                buffer_printf(&ret->reason, "Not completed: %s.", names_text(&tally.failed));
        } else if (tally.open.count > 0)
                buffer_printf(&ret->reason, "Not finished, though before it in the directory or of it: %s.",
                              names_text(&tally.open));
        else {
                ret->status = STATUS_PASS;
                buffer_printf(&ret->reason, "%zu of %zu are finished: %s.", record->batch.count,
                              record->batch.count, names_text(&batch));
        }
}
