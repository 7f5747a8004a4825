/* The criteria as a table, and the words that they share.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "criteria.h"

#define NAMES_MAX 5

static const struct {
        void (*judge)(const JudgeContext *context, Judgement *ret);
        bool needs_findings; /* of a complete round */
} criteria[N_CRITERIA] = {
        [CRITERION_MIGRATION_COMPLETED] = {judge_migration_completed, true},
        [CRITERION_CONSTRAINTS_ENFORCED] = {judge_constraints_enforced, true},
        [CRITERION_NO_VIOLATIONS] = {judge_no_violations, true},
        [CRITERION_CASCADES] = {judge_cascades, true},
        [CRITERION_INDEXES_USED] = {judge_indexes_used, true},
        [CRITERION_QUERIES_WORK] = {judge_queries_work, false},
        [CRITERION_APP_HEALTHY] = {judge_app_healthy, false},
        [CRITERION_ERROR_RATE] = {judge_error_rate, false},
        [CRITERION_PERFORMANCE] = {judge_performance, false},
};

void criterion_judge(Criterion criterion, const PhaseRecord *record, const PhaseInputs *inputs, usec_t now,
                     Judgement *ret) {
        const JudgeContext context = {record, inputs, now};

        *ret = (Judgement){.status = STATUS_UNKNOWN};
        if (criteria[criterion].needs_findings && !inputs->is_complete)
                buffer_add(&ret->reason, "Not every check has had its first result since pgvigil started.");
        else
                criteria[criterion].judge(&context, ret);
}

void judgement_skip(Judgement *judgement, const char *absent) {
        if (!absent)
                absent = "it was not read";
        judgement->status = STATUS_SKIPPED;
        judgement->absent = absent;
        buffer_printf(&judgement->reason, "Skipped: %s.", absent);
}

void names_done(Names *names) {
        buffer_done(&names->text);
}

void names_add(Names *names, const char *format, ...) {
        va_list arguments;

        if (names->count++ >= NAMES_MAX)
                return;
        if (names->count > 1)
                buffer_add(&names->text, ", ");
        va_start(arguments, format);
        buffer_vprintf(&names->text, format, arguments);
        va_end(arguments);
}

const char *names_text(Names *names) {
        if (names->count > NAMES_MAX)
                buffer_printf(&names->text, " and %zu more", names->count - NAMES_MAX);
        return buffer_text(&names->text);
}
