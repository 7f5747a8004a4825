/* What /metrics says of a canary: how long it took, whether its index is chosen.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "canary.h"

static const Field canary_fields[] = {
        {.name = "canary", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Name of the canary."},
        {.name = "duration",
         .kind = VALUE_HISTOGRAM,
         .role = FIELD_HISTOGRAM,
         .metric = "pgvigil_canary_duration_seconds",
         .unit = "seconds",
         .help = "How long the canary took; one that was stopped counts with the time until then."},
};

static const Field index_fields[] = {
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Schema."},
        {.name = "relname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Table."},
        {.name = "indexrelname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Index."},
        {.name = "canary", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Name of the canary."},
        {.name = "chosen",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_index_planner_chosen",
         .help = "Whether the plan of the canary used the index, as of the last poll."},
        {.name = "plan",
         .kind = VALUE_TEXT,
         .role = FIELD_HIDDEN,
         .help = "chosen; small: not, for the table is; usable: only when forced; unusable."},
};

const Shape canary_duration_shape = SHAPE("canary", canary_fields);
const Shape canary_index_shape = SHAPE("canary_index", index_fields);

int canary_publish_duration(const Canary *canary, const CanarySettings *wanted, Report *report) {
        Table *table = canary->durations.count > 0 ? report_table(report, &canary_duration_shape) : NULL;
        size_t row;

        if (!table)
                return canary->durations.count > 0 ? -ENOMEM : 0;
        if (table_add_row(table, &row) < 0 || table_set_text(table, row, "canary", wanted->name) < 0)
                return -ENOMEM;
        return value_set_histogram(table_cell(table, row, "duration"), &canary->durations);
}

static const char *plan_word(const Canary *canary) {
        if (canary->plan.use == PLAN_CHOSEN)
                return "chosen";
        if (!canary->is_usable)
                return "unusable";
        return canary->plan.use == PLAN_SMALL ? "small" : "usable";
}

int canary_publish_index(const Canary *canary, const CanarySettings *wanted, Report *report) {
        bool is_known = canary->has_plan && canary->plan.index;
        Table *table = is_known ? report_table(report, &canary_index_shape) : NULL;
        size_t row;

        if (!table)
                return is_known ? -ENOMEM : 0;
        if (table_add_row(table, &row) < 0 ||
            table_set_text(table, row, "schemaname", canary->plan.schema) < 0 ||
            table_set_text(table, row, "relname", canary->plan.table) < 0 ||
            table_set_text(table, row, "indexrelname", canary->plan.index) < 0 ||
            table_set_text(table, row, "canary", wanted->name) < 0 ||
            table_set_text(table, row, "plan", plan_word(canary)) < 0)
                return -ENOMEM;
        table_set_int(table, row, "chosen", canary->plan.use == PLAN_CHOSEN);
        return 0;
}
