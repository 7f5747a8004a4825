/* From criteria to the verdict.
 *
 * Any criterion that fails at the end fails the phase. It passes when all that count do, the first
 * four among them, and it was observed; everything else is inconclusive, never a pass.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>

#include "internal.h"

#define MUST_PASS       4  /* the first criteria, which nothing excuses */
#define GRACE_INTERVALS 10 /* in which all is looked at after the end, where an hour is shorter */

static bool is_required(const PhaseSettings *settings, Criterion criterion) {
        return settings->require && strv_contains(settings->require, criterion_name(criterion));
}

/* What keeps the phase from passing, as part of a sentence. */
static void add_obstacle(Buffer *obstacles, const char *format, ...) _printf_(2, 3);
static void add_obstacle(Buffer *obstacles, const char *format, ...) {
        va_list arguments;

        buffer_add(obstacles, obstacles->length > 0 ? "; " : "Cannot pass: ");
        va_start(arguments, format);
        buffer_vprintf(obstacles, format, arguments);
        va_end(arguments);
}

static int judge_criterion(PhaseRecord *record, const PhaseSettings *settings, const PhaseInputs *inputs,
                           usec_t now, Criterion criterion, Buffer *obstacles) {
        CriterionResult *result = &record->criteria[criterion];
        Judgement judgement;
        char *reason;

        criterion_judge(criterion, record, inputs, now, &judgement);
        if (judgement.status == STATUS_SKIPPED && is_required(settings, criterion)) {
                judgement.status = STATUS_UNKNOWN;
                add_obstacle(obstacles, "%s and %s is required", judgement.absent, criterion_name(criterion));
        }
        if (judgement.status == STATUS_FAIL && judgement.is_final)
                add_obstacle(obstacles, "%s failed", criterion_name(criterion));

        reason = buffer_take(&judgement.reason);
        buffer_done(&judgement.reason);
        if (!reason)
                return -ENOMEM;
        free(result->reason);
        result->reason = reason;
        result->status = judgement.status;
        return 0;
}

/* In percent of the whole phase. */
static double void_percent(const PhaseRecord *record, const PhaseInputs *inputs, usec_t now) {
        usec_t duration = record->ends_at - record->started_at;

        return duration > 0 ? 100 * (double)phase_void(record, now, inputs->interval) / (double)duration : 0;
}

static bool is_too_void(double percent) {
        return percent > 100 * PHASE_VOID_MAX;
}

/* What nobody answered for at its end may have changed since it was last seen. */
static bool was_seen_at_its_end(const PhaseRecord *record, const PhaseInputs *inputs) {
        return record->last_round >= record->ends_at && !inputs->is_unseen;
}

static PhaseState verdict_of(const PhaseRecord *record, const PhaseInputs *inputs, double percent) {
        bool passes = !is_too_void(percent) && was_seen_at_its_end(record, inputs);

        for (size_t i = 0; i < N_CRITERIA; i++) {
                Status status = record->criteria[i].status;

                if (status == STATUS_FAIL)
                        return PHASE_FAILED;
                passes &= status == STATUS_PASS || (status == STATUS_SKIPPED && i >= MUST_PASS);
        }
        return passes ? PHASE_PASSED : PHASE_INCONCLUSIVE;
}

/* The verdict rests on what every check saw after the end; where nothing comes it is not waited for ever. */
static bool is_due(const PhaseRecord *record, const PhaseInputs *inputs, usec_t now) {
        usec_t grace = (record->ends_at - record->started_at) / PHASE_HOURS;

        if (now < record->ends_at)
                return false;
        if (inputs->is_complete && !inputs->is_awaited && was_seen_at_its_end(record, inputs))
                return true;
        return usec_since(now, record->ends_at) >=
               (grace > GRACE_INTERVALS * inputs->interval ? grace : GRACE_INTERVALS * inputs->interval);
}

static const char *note_of_end(const PhaseRecord *record, const PhaseInputs *inputs) {
        if (was_seen_at_its_end(record, inputs))
                return NULL;
        return record->last_round >= record->ends_at
                       ? "Not everything could be looked at after the end of the phase."
                       : "The target did not answer at the end of the phase.";
}

static int close_phase(PhaseRecord *record, const PhaseInputs *inputs, double percent, usec_t now) {
        _cleanup_(freep) char *note = NULL;

        record->state = verdict_of(record, inputs, percent);
        record->closed_at = now;
        if (!is_too_void(percent))
                return str_set(&record->note, note_of_end(record, inputs));
        note = str_format("%.0f %% of the phase was not observed.", percent);
        return note ? str_set(&record->note, note) : -ENOMEM;
}

static int set_cannot_pass(PhaseRecord *record, Buffer *obstacles) {
        if (obstacles->length > 0)
                buffer_add_char(obstacles, '.');
        if (buffer_error(obstacles) < 0)
                return -ENOMEM;
        return str_set(&record->cannot_pass, obstacles->length > 0 ? buffer_text(obstacles) : NULL);
}

/* Only where something was compared: what is known of it stays else. */
static int take_statements(PhaseRecord *record, const Performance *result) {
        int r = 0;

        if (!result || result->n_compared == 0)
                return 0;
        phase_statements_done(record);
        for (size_t i = 0; r >= 0 && i < result->n_moved; i++) {
                const StatementShift *shift = &result->moved[i];
                _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

                statement_name(&text, shift, SIZE_MAX);
                r = buffer_error(&text);
                if (r >= 0)
                        r = phase_statements_add(record, &(PhaseStatement){(char *)buffer_text(&text),
                                                                           shift->before_ms, shift->after_ms,
                                                                           shift->effect});
        }
        return r;
}

int phase_judge(PhaseRecord *record, const PhaseSettings *settings, const PhaseInputs *inputs, usec_t now) {
        _cleanup_(buffer_done) Buffer obstacles = BUFFER_NULL;
        double percent;
        int r;

        if (record->state != PHASE_WATCHING)
                return phase_is_over(record) ? phase_open_waiting(record, settings) : 0;

        percent = void_percent(record, inputs, now);
        r = phase_note_breaches(record, inputs, now);
        for (size_t i = 0; r >= 0 && i < N_CRITERIA; i++)
                r = judge_criterion(record, settings, inputs, now, i, &obstacles);
        if (r >= 0)
                r = take_statements(record, inputs->performance);
        if (r >= 0 && is_too_void(percent))
                add_obstacle(&obstacles, "%.0f %% of it was not observed", percent);
        if (r >= 0 && inputs->walk_blocks > inputs->walk_blocks_max &&
            record->criteria[CRITERION_NO_VIOLATIONS].status != STATUS_PASS)
                add_obstacle(&obstacles,
                             "to read everything once takes %" PRId64
                             " blocks, and limits.blocks_per_poll allows %" PRId64 " within the phase",
                             inputs->walk_blocks, inputs->walk_blocks_max);
        if (r >= 0)
                r = set_cannot_pass(record, &obstacles);
        if (r < 0 || !is_due(record, inputs, now))
                return r;
        r = close_phase(record, inputs, percent, now);
        return r < 0 ? r : 1;
}
