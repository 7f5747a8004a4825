/* What becomes of foreign keys: a finding for each, and what is published of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "foreign-key-state.h"
#include "names.h"
#include "standing.h"

static const Field action_fields[] = {
        {.name = "schemaname",
         .kind = VALUE_TEXT,
         .role = FIELD_LABEL,
         .help = "Schema of the referencing table."},
        {.name = "relname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Referencing table."},
        {.name = "conname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Constraint."},
        {.name = "expected",
         .kind = VALUE_TEXT,
         .role = FIELD_LABEL,
         .help = "Action that the configuration asks for."},
        {.name = "actual",
         .kind = VALUE_TEXT,
         .role = FIELD_LABEL,
         .help = "Action that the database takes."},
        {.name = "action_ok",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_foreign_key_action_ok",
         .help = "Whether a configured foreign key acts as expected, as of the last poll of the catalog."},
};

const Shape foreign_key_shape = SHAPE("foreign_key", action_fields);
const Shape *const foreign_key_shapes[] = {&foreign_key_shape, &foreign_key_standing_shape, NULL};

char *foreign_key_title(const ForeignKeySettings *wanted) {
        return str_is_empty(wanted->name) ? foreign_key_wanted_name(wanted) : strdup(wanted->name);
}

/* "cascade", "cascade, on update restrict": only the parts that are compared. Owned. */
static char *actions(const ForeignKeySettings *wanted, const char *on_delete, const char *on_update) {
        bool has_delete = !str_is_empty(wanted->on_delete), has_update = !str_is_empty(wanted->on_update);

        return str_format("%s%s%s%s", has_delete ? on_delete : "", has_delete && has_update ? ", " : "",
                          has_update ? "on update " : "", has_update ? on_update : "");
}

static const char *state_of(Reason reason) {
        switch (reason) {
        case REASON_MISSING:
                return "missing";
        case REASON_NOT_VALID:
                return "not_valid";
        case REASON_NOT_ENFORCED:
                return "not_enforced";
        case REASON_DISABLED:
                return "disabled";
        case REASON_DIFFERS:
        case REASON_WRONG_ACTION:
                return "differs";
        default:
                return "enforced";
        }
}

static int publish_standing(const ForeignKeyState *state, Report *report, const ForeignKey *key,
                            const Orphans *orphans, Reason reason) {
        Table *table = report_table(report, &foreign_key_standing_shape);
        usec_t at = state->catalog->at;
        int64_t count;
        bool is_counted = orphans && orphans_counted(orphans, &count, &at);
        size_t row;
        int r;

        if (!table)
                return -ENOMEM;
        r = standing_add(table,
                         &(StandingRow){.schema = key->schema,
                                        .table = key->table,
                                        .name = key->name,
                                        .type = 'f',
                                        .state = state_of(reason),
                                        .checked_at = at},
                         &row);
        if (r >= 0 && is_counted)
                table_set_int(table, row, "violations", count);
        return r;
}

/* One row for a configured key with actions; a key without `on_delete` does not exist. */
static int publish(Report *report, const ForeignKeySettings *wanted, const ForeignKey *key) {
        _cleanup_(freep) char *expected = NULL, *actual = NULL;
        bool works = key->on_delete && key->is_enforced && !key->disabled_on;
        Table *table;
        size_t row;

        if (str_is_empty(wanted->on_delete) && str_is_empty(wanted->on_update))
                return 0;
        expected = actions(wanted, wanted->on_delete, wanted->on_update);
        actual = key->on_delete ? actions(wanted, key->on_delete, key->on_update) : str_format("missing");
        table = report_table(report, &foreign_key_shape);
        if (!expected || !actual || !table || table_add_row(table, &row) < 0)
                return -ENOMEM;
        table_set_int(table, row, "action_ok", works && foreign_key_acts(key, wanted));
        if (table_set_text(table, row, "schemaname", key->schema) < 0 ||
            table_set_text(table, row, "relname", key->table) < 0 ||
            table_set_text(table, row, "conname", key->name) < 0 ||
            table_set_text(table, row, "expected", expected) < 0 ||
            table_set_text(table, row, "actual", actual) < 0)
                return -ENOMEM;
        return 0;
}

/* The names that keys of that table have. */
static int key_names(const Table *rows, const char *table, char ***ret) {
        int r = 0;

        for (size_t row = 0; r >= 0 && row < rows->n_rows; row++)
                if (check_name_is_relation(table, table_text(rows, row, "schemaname"),
                                           table_text(rows, row, "relname")))
                        r = strv_add(ret, table_text(rows, row, "conname"));
        return r;
}

/* `sought` with its columns as the tables spell them, said with the statements that add it. */
static int describe_missing(Finding *finding, const Catalog *catalog, const CheckContext *context,
                            const ForeignKeySettings *sought) {
        const TargetSettings *settings = context->settings;
        _cleanup_(strv_freep) char **columns = NULL, **partners = NULL, **taken = NULL;
        ForeignKeySettings spelled = *sought;
        int r = names_columns(catalog->names, settings, sought->table, sought->columns, &columns);

        if (r >= 0 && sought->references)
                r = names_columns(catalog->names, settings, sought->references, sought->referenced_columns,
                                  &partners);
        if (r >= 0)
                r = key_names(catalog->rows, sought->table, &taken);
        if (r < 0)
                return r;
        spelled.columns = columns;
        spelled.referenced_columns = partners;
        return foreign_key_describe_missing(finding, &spelled, taken,
                                            !names_is_partitioned(catalog->names, settings, sought->table) ||
                                                    foreign_key_takes_not_valid(context));
}

/* Why a wanted key is not there, said in its finding: the names of both tables, else that it is missing. */
static int explain_missing(Finding *finding, const Catalog *catalog, const CheckContext *context,
                           const ForeignKeySettings *wanted, const ForeignKeySettings *sought) {
        int r = names_explain(finding, context, &wanted->rule, catalog->names, wanted->table,
                              wanted->columns);

        if (r == 0 && wanted->references)
                r = names_explain(finding, context, &wanted->rule, catalog->names, wanted->references,
                                  wanted->referenced_columns);
        if (r != 0)
                return r;
        check_set_due(finding, context, &wanted->rule, REASON_MISSING);
        return describe_missing(finding, catalog, context, sought);
}

/* What is known of the orphans of a key; NULL: nothing. */
static const Orphans *orphans_of(const ForeignKeyState *state, size_t at) {
        return at < state->orphans.n && state->orphans.items[at].name ? &state->orphans.items[at] : NULL;
}

/* `sought` is `wanted` with the tables that its names mean. */
static int judge_missing(const ForeignKeyState *state, const CheckContext *context, Report *report, size_t i,
                         const ForeignKeySettings *sought) {
        const ForeignKeySettings *wanted = foreign_key_wanted_at(context->settings, i);
        const Orphans *orphans = orphans_of(state, state->catalog->rows->n_rows + i);
        char schema[IDENTIFIER_MAX] = "", relation[IDENTIFIER_MAX] = "";
        _cleanup_(freep) char *title = foreign_key_title(wanted);
        ForeignKey missing = {.schema = schema, .table = relation, .name = title};
        Finding *finding;
        bool is_due, is_misspelt;
        int r;

        if (!title)
                return -ENOMEM;
        if (names_resolve(state->catalog->names, context->settings, wanted->table, schema, relation) < 0)
                finding = report_add(report, KIND_FOREIGN_KEY, wanted->table, title);
        else
                finding = check_add(report, KIND_FOREIGN_KEY, *schema ? schema : NULL, relation, title);
        if (!finding)
                return -ENOMEM;
        check_set_rule(finding, context->settings, &wanted->rule);
        r = explain_missing(finding, state->catalog, context, wanted, sought);
        is_due = finding->seen == SEEN_BREACH && finding->reason != REASON_NOT_EXPECTED_YET;
        is_misspelt = finding->reason != REASON_MISSING;
        if (r >= 0 && orphans)
                r = orphans_judge(orphans, context, &wanted->rule, REASON_MISSING, finding);
        if (r < 0 || !is_due || !state->catalog->known)
                return r;
        if (!is_misspelt)
                r = publish_standing(state, report, &missing, orphans, REASON_MISSING);
        return r < 0 ? r : publish(report, wanted, &missing);
}

/* A key that exists; `wanted` NULL: discovered. */
static int judge_key(const ForeignKeyState *state, const CheckContext *context, Report *report, size_t row,
                     const ForeignKeySettings *wanted) {
        _cleanup_(foreign_key_done) ForeignKey key = {};
        const Orphans *orphans = orphans_of(state, row);
        int r = foreign_key_load(state->catalog->rows, row, &key);
        Reason reason;
        Finding *finding;

        if (r < 0)
                return r;
        reason = foreign_key_reason(&key, wanted);
        finding = check_add(report, KIND_FOREIGN_KEY, key.schema, key.table, key.name);
        if (!finding)
                return -ENOMEM;
        check_set_rule(finding, context->settings, wanted ? &wanted->rule : NULL);
        if (reason == REASON_WRONG_ACTION || reason == REASON_DIFFERS)
                check_set_due(finding, context, &wanted->rule, reason);
        else {
                finding->seen = reason == REASON_OK ? SEEN_OK : SEEN_BREACH;
                finding->reason = reason;
        }
        r = foreign_key_describe(finding, &key, wanted, reason);
        if (r >= 0 && orphans)
                r = orphans_judge(orphans, context, wanted ? &wanted->rule : NULL, reason, finding);
        if (r >= 0 && (wanted || finding->reason != REASON_OK))
                r = publish_standing(state, report, &key, orphans, reason);
        return r < 0 || !wanted ? r : publish(report, wanted, &key);
}

static int judge_wanted(const ForeignKeyState *state, const CheckContext *context, Report *report) {
        const Catalog *catalog = state->catalog;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < context->settings->foreign_keys.count; i++) {
                const ForeignKeySettings *wanted = foreign_key_wanted_at(context->settings, i);
                _cleanup_(foreign_key_sought_done) ForeignKeySettings sought = {};

                r = foreign_key_seek(catalog, context->settings, wanted, &sought);
                if (r < 0)
                        return r;
                if (i < state->n_wanted && state->matches[i] >= 0)
                        r = judge_key(state, context, report, (size_t)state->matches[i], &sought);
                else
                        r = judge_missing(state, context, report, i, &sought);
        }
        return r;
}

int foreign_key_report(const ForeignKeyState *state, const CheckContext *context, Report *report) {
        int r = judge_wanted(state, context, report);

        for (size_t row = 0; r >= 0 && row < state->catalog->rows->n_rows; row++)
                if (foreign_key_is_discovered(state, context->settings, row))
                        r = judge_key(state, context, report, row, NULL);
        report->wants_blocks = count_tables_walking(&state->orphans.tables) > 0;
        report->walk_blocks = count_tables_named_blocks(&state->orphans.tables);
        return r < 0 ? r : catalog_finish(state->catalog, context, report);
}
