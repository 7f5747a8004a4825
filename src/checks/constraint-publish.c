/* What the constraint check publishes: a row for each constraint that is configured or abnormal,
 * and how many there are in each state.
 *
 * Values are the last that were known, also while they cannot be checked.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "constraint-judge.h"
#include "standing.h"

static const char *const standing_names[N_STANDINGS] = {
        [STANDING_ENFORCED] = "enforced",         [STANDING_NOT_VALID] = "not_valid",
        [STANDING_NOT_ENFORCED] = "not_enforced", [STANDING_MISSING] = "missing",
        [STANDING_DIFFERS] = "differs",
};

static const Field count_fields[] = {
        {"state", VALUE_TEXT, FIELD_LABEL, .help = "How they stand in the catalog."},
        {"constraints", VALUE_INT, FIELD_GAUGE, "pgvigil_constraints",
         .help = "Watched constraints in that state, as last polled; foreign keys are not among them."},
};

static const Shape count_shape = SHAPE("constraints", count_fields);
const Shape *const constraint_shapes[] = {&constraint_shape, &count_shape, NULL};

/* What is misspelt is not there either, but it is never `missing`. */
static Standing standing_of(const Constraint *constraint, const Finding *finding) {
        Standing standing = constraint_standing(constraint);
        bool is_misspelt = finding->reason == REASON_NO_SUCH_TABLE ||
                           finding->reason == REASON_NO_SUCH_COLUMN;

        return standing == STANDING_MISSING && is_misspelt ? STANDING_NONE : standing;
}

static int add_row(const ConstraintState *state, Table *table, const Constraint *constraint,
                   Standing stands) {
        StandingRow standing = {
                .schema = constraint->schema,
                .table = constraint->table,
                .name = constraint->name,
                .type = constraint->type,
                .state = standing_names[stands],
        };
        size_t row;
        int r;

        if (constraint->relation)
                standing.checked_at = constraint->is_countable ? constraint->reading.at : state->at;
        r = standing_add(table, &standing, &row);
        if (r >= 0 && constraint->reading.has_count)
                table_set_int(table, row, "violations", constraint->reading.count);
        return r;
}

/* Abnormal ones first: a limit on the number of series cuts from the end. */
static int publish_rows(const ConstraintState *state, Report *report, size_t first) {
        Table *table = report_table(report, &constraint_shape);
        int r = 0;

        if (!table)
                return -ENOMEM;
        for (int abnormal = 1; abnormal >= 0; abnormal--)
                for (size_t i = 0; r >= 0 && i < state->catalog.n_items; i++) {
                        const Constraint *constraint = &state->catalog.items[i];
                        const Finding *finding = &report->findings[first + i];
                        bool is_abnormal = finding->seen != SEEN_OK;

                        if (is_abnormal == abnormal && (is_abnormal || constraint->wanted))
                                r = add_row(state, table, constraint, standing_of(constraint, finding));
                }
        return r;
}

static int publish_counts(const ConstraintState *state, Report *report, size_t first) {
        Table *table = report_table(report, &count_shape);
        int64_t counts[N_STANDINGS] = {};

        if (!table)
                return -ENOMEM;
        for (size_t i = 0; i < state->catalog.n_items; i++)
                counts[standing_of(&state->catalog.items[i], &report->findings[first + i])]++;
        for (size_t i = 0; i < N_STANDINGS; i++) {
                size_t row;

                if (!standing_names[i])
                        continue;
                if (table_add_row(table, &row) < 0 ||
                    table_set_text(table, row, "state", standing_names[i]) < 0)
                        return -ENOMEM;
                table_set_int(table, row, "constraints", counts[i]);
        }
        return 0;
}

int constraint_publish(const ConstraintState *state, Report *report, size_t first) {
        int r = publish_rows(state, report, first);

        return r < 0 || !state->is_known ? r : publish_counts(state, report, first);
}
