/* The phase as tables: one Field line is one metric and one key.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "internal.h"

static const Field phase_fields[] = {
        {.name = "state",
         .kind = VALUE_TEXT,
         .role = FIELD_STATE,
         .metric = "pgvigil_phase_state",
         .states = "idle,baseline,watching,passed,failed,inconclusive,stopped",
         .help = "State of the monitoring phase; a verdict stays until the next phase opens."},
        {.name = "remaining_seconds",
         .kind = VALUE_FLOAT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_phase_remaining_seconds",
         .unit = "seconds",
         .help = "Seconds to the end of the monitoring phase that is open."},
};
const Shape phase_shape = SHAPE("phase", phase_fields);

static const Field criterion_fields[] = {
        {.name = "criterion", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Criterion."},
        {.name = "status",
         .kind = VALUE_TEXT,
         .role = FIELD_STATE,
         .metric = "pgvigil_phase_criterion",
         .states = "pass,fail,unknown,skipped",
         .help = "What the criterion says so far, or said at the verdict."},
        {.name = "reason", .kind = VALUE_TEXT, .role = FIELD_TEXT, .help = "Why, in a sentence."},
};
const Shape phase_criterion_shape = SHAPE("phase_criterion", criterion_fields);

static int add_criterion(Table *table, Criterion criterion, const CriterionResult *result) {
        size_t row;

        if (!result->reason)
                return 0;
        if (table_add_row(table, &row) < 0 ||
            table_set_text(table, row, "criterion", criterion_name(criterion)) < 0 ||
            table_set_text(table, row, "status", status_name(result->status)) < 0)
                return -ENOMEM;
        return table_set_text(table, row, "reason", result->reason);
}

int phase_fill(const PhaseRecord *record, usec_t now, Table *phase, Table *criteria) {
        size_t row;
        int r;

        if (table_add_row(phase, &row) < 0)
                return -ENOMEM;
        r = table_set_text(phase, row, "state", phase_state_name(record->state));
        if (record->state == PHASE_WATCHING)
                table_set_float(phase, row, "remaining_seconds",
                                (double)phase_remaining(record, now) / (double)USEC_PER_SEC);
        for (size_t i = 0; r >= 0 && i < N_CRITERIA; i++)
                r = add_criterion(criteria, i, &record->criteria[i]);
        return r;
}
