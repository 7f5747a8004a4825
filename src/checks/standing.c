/* The fields of what /metrics says of a single constraint or foreign key.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "standing.h"

#include <errno.h>

static const Field constraint_fields[] = {
        {"schemaname", VALUE_TEXT, FIELD_LABEL, .help = "Schema of the table."},
        {"relname", VALUE_TEXT, FIELD_LABEL, .help = "The table."},
        {"conname", VALUE_TEXT, FIELD_LABEL, .help = "The constraint."},
        {"contype", VALUE_TEXT, FIELD_LABEL,
         .help = "c CHECK, f FOREIGN KEY, n NOT NULL, u UNIQUE, p PRIMARY KEY, x EXCLUDE."},
        {"violations", VALUE_INT, FIELD_GAUGE, "pgvigil_constraint_violations", .unit = "rows",
         .help = "Rows that violate the constraint, as last counted."},
        {"state", VALUE_TEXT, FIELD_STATE, "pgvigil_constraint_state",
         .states = "enforced,not_valid,not_enforced,missing,differs,disabled",
         .help = "How the constraint stands in the catalog, as last polled: 1 for the current state."},
        {"checked", VALUE_INT, FIELD_GAUGE, "pgvigil_constraint_checked_timestamp_seconds",
         "schemaname,relname,conname", .unit = "seconds",
         .help = "When the constraint was last really checked, in seconds since 1970."},
};

const Shape constraint_shape = SHAPE("constraint", constraint_fields);
const Shape foreign_key_standing_shape = SHAPE("foreign_key_standing", constraint_fields);

/* The labels and what follows them first. */
const Shape unique_shape = {.name = "unique", .fields = constraint_fields, .n_fields = 5};

int standing_add_unique(Table *table, const char *schema, const char *relation, const char *name,
                        int64_t violations) {
        size_t row;

        if (table_add_row(table, &row) < 0 || table_set_text(table, row, "schemaname", schema) < 0 ||
            table_set_text(table, row, "relname", relation) < 0 ||
            table_set_text(table, row, "conname", name) < 0 || table_set_text(table, row, "contype", "u") < 0)
                return -ENOMEM;
        table_set_int(table, row, "violations", violations);
        return 0;
}

int standing_add(Table *table, const StandingRow *standing, size_t *ret_row) {
        const char type[] = {standing->type, '\0'};

        if (table_add_row(table, ret_row) < 0 ||
            table_set_text(table, *ret_row, "schemaname", standing->schema) < 0 ||
            table_set_text(table, *ret_row, "relname", standing->table) < 0 ||
            table_set_text(table, *ret_row, "conname", standing->name) < 0 ||
            table_set_text(table, *ret_row, "contype", type) < 0 ||
            table_set_text(table, *ret_row, "state", standing->state) < 0)
                return -ENOMEM;
        if (standing->checked_at > 0)
                table_set_int(table, *ret_row, "checked", (int64_t)(standing->checked_at / USEC_PER_SEC));
        return 0;
}
