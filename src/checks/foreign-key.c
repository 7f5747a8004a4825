/* The check `foreign_key`: every foreign key exists, is enforced and does what is expected.
 *
 * What the configuration names is matched by name, else by table, columns and referenced table,
 * whatever its name; the rest is discovered. Counts no orphans.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "foreign-key.h"

#include <errno.h>
#include <string.h>

#include "catalog.h"
#include "common.h"
#include "names.h"
#include "pgvigil/checks.h"
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
static const Shape *const shapes[] = {&foreign_key_shape, &foreign_key_standing_shape, NULL};

static const ForeignKeySettings *wanted_at(const TargetSettings *settings, size_t i) {
        return LIST_AT(settings->foreign_keys, ForeignKeySettings, i);
}

/* How well a key is what is wanted: 0 not at all, 1 by definition, 2 with its actions, 3 by name. */
static int match(const ForeignKey *key, const ForeignKeySettings *wanted) {
        if (!str_is_empty(wanted->name) && check_name_is(wanted->name, key->name))
                return 3;
        if (!wanted->columns || !foreign_key_matches(key, wanted))
                return 0;
        return foreign_key_acts(key, wanted) ? 2 : 1;
}

/* The row that is wanted into *ret_row: 1, else 0; -ENOMEM, -EINVAL. */
static int find(const Table *rows, const ForeignKeySettings *wanted, size_t *ret_row) {
        int best = 0;

        for (size_t row = 0; row < rows->n_rows; row++) {
                _cleanup_(foreign_key_done) ForeignKey key = {};
                int quality, r;

                if (!check_name_is_relation(wanted->table, table_text(rows, row, "schemaname"),
                                            table_text(rows, row, "relname")))
                        continue;
                r = foreign_key_load(rows, row, &key);
                if (r < 0)
                        return r;
                quality = match(&key, wanted);
                if (quality > best) {
                        best = quality;
                        *ret_row = row;
                }
        }
        return best > 0;
}

/* Whether one of its tables may be of several schemas: 1, 0, or -ENOMEM. */
static int is_unsure(const TargetSettings *settings, const ForeignKeySettings *wanted) {
        int r = names_is_ambiguous(settings, wanted->table);

        return r != 0 || !wanted->references ? r : names_is_ambiguous(settings, wanted->references);
}

static int unmatched(const CheckContext *context, const Table *rows, char ***tables) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < context->settings->foreign_keys.count; i++) {
                const ForeignKeySettings *wanted = wanted_at(context->settings, i);
                size_t row;

                r = is_unsure(context->settings, wanted);
                if (r == 0) {
                        r = find(rows, wanted, &row);
                        if (r != 0)
                                continue;
                }
                if (r >= 0)
                        r = strv_add(tables, wanted->table);
                if (r >= 0 && wanted->references)
                        r = strv_add(tables, wanted->references);
        }
        return r < 0 ? r : 0;
}

static const CatalogSpec spec = {
        .statement = "foreign_key.catalog",
        .sql = foreign_key_sql,
        .shape = &foreign_key_catalog,
        .kind = KIND_FOREIGN_KEY,
        .subject = "catalog",
        .unmatched = unmatched,
};

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

static int publish_standing(Report *report, const CheckContext *context, const ForeignKey *key,
                            Reason reason) {
        Table *table = report_table(report, &foreign_key_standing_shape);
        size_t row;

        if (!table)
                return -ENOMEM;
        return standing_add(table,
                            &(StandingRow){.schema = key->schema,
                                           .table = key->table,
                                           .name = key->name,
                                           .type = 'f',
                                           .state = state_of(reason),
                                           .checked_at = context->realtime},
                            &row);
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

static int judge_missing(const Catalog *catalog, const CheckContext *context, Report *report,
                         const ForeignKeySettings *wanted, const ForeignKeySettings *sought) {
        char schema[IDENTIFIER_MAX] = "", relation[IDENTIFIER_MAX] = "";
        _cleanup_(freep) char *described = str_is_empty(wanted->name) ? foreign_key_wanted_name(wanted)
                                                                      : str_format("%s", wanted->name);
        ForeignKey missing;
        Finding *finding;
        bool is_due;
        int r;

        if (!described)
                return -ENOMEM;
        if (names_resolve(catalog->names, context->settings, wanted->table, schema, relation) < 0)
                finding = report_add(report, KIND_FOREIGN_KEY, wanted->table, described);
        else
                finding = check_add(report, KIND_FOREIGN_KEY, *schema ? schema : NULL, relation, described);
        if (!finding)
                return -ENOMEM;
        check_set_rule(finding, context->settings, &wanted->rule);
        r = explain_missing(finding, catalog, context, wanted, sought);
        if (r < 0)
                return r;
        is_due = finding->seen == SEEN_BREACH && finding->reason != REASON_NOT_EXPECTED_YET;
        if (!is_due || !catalog->known)
                return 0;
        missing = (ForeignKey){.schema = schema, .table = relation, .name = described};
        r = publish_standing(report, context, &missing, REASON_MISSING);
        return r < 0 ? r : publish(report, wanted, &missing);
}

/* A key that exists; `wanted` NULL: discovered. */
static int judge_key(const CheckContext *context, Report *report, const ForeignKey *key,
                     const ForeignKeySettings *wanted) {
        Reason reason = foreign_key_reason(key, wanted);
        Finding *finding = check_add(report, KIND_FOREIGN_KEY, key->schema, key->table, key->name);
        int r;

        if (!finding)
                return -ENOMEM;
        check_set_rule(finding, context->settings, wanted ? &wanted->rule : NULL);
        if (reason == REASON_WRONG_ACTION || reason == REASON_DIFFERS)
                check_set_due(finding, context, &wanted->rule, reason);
        else {
                finding->seen = reason == REASON_OK ? SEEN_OK : SEEN_BREACH;
                finding->reason = reason;
        }
        r = foreign_key_describe(finding, key, wanted, reason);
        if (r >= 0 && (wanted || reason != REASON_OK))
                r = publish_standing(report, context, key, reason);
        return r < 0 || !wanted ? r : publish(report, wanted, key);
}

/* `sought` is `wanted` with the tables that its names mean. */
static int judge_sought(const Catalog *catalog, const CheckContext *context, Report *report,
                        const ForeignKeySettings *wanted, const ForeignKeySettings *sought, bool *is_wanted) {
        _cleanup_(foreign_key_done) ForeignKey key = {};
        size_t row;
        int r = find(catalog->rows, sought, &row);

        if (r < 0)
                return r;
        if (r == 0)
                return judge_missing(catalog, context, report, wanted, sought);
        is_wanted[row] = true;
        r = foreign_key_load(catalog->rows, row, &key);
        return r < 0 ? r : judge_key(context, report, &key, sought);
}

/* A referenced table that is in no watched schema may be in any other: then its name is enough. */
static char *qualify_references(const Catalog *catalog, const TargetSettings *settings, const char *table) {
        return names_has(catalog->names, settings, table) ? names_qualify(catalog->names, settings, table)
                                                          : strdup(table);
}

static int judge_wanted(const Catalog *catalog, const CheckContext *context, Report *report,
                        bool *is_wanted) {
        const TargetSettings *settings = context->settings;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < settings->foreign_keys.count; i++) {
                const ForeignKeySettings *wanted = wanted_at(settings, i);
                _cleanup_(freep) char *table = names_qualify(catalog->names, settings, wanted->table);
                _cleanup_(freep) char *references = NULL;
                ForeignKeySettings sought = *wanted;

                if (wanted->references)
                        references = qualify_references(catalog, settings, wanted->references);
                if (!table || (wanted->references && !references))
                        return -ENOMEM;
                sought.table = table;
                sought.references = references;
                r = judge_sought(catalog, context, report, wanted, &sought, is_wanted);
        }
        return r < 0 ? r : 0;
}

static int judge_discovered(const Catalog *catalog, const CheckContext *context, Report *report,
                            const bool *is_wanted) {
        const Table *rows = catalog->rows;

        for (size_t row = 0; context->settings->discover && row < rows->n_rows; row++) {
                _cleanup_(foreign_key_done) ForeignKey key = {};
                int r;

                if (is_wanted[row] ||
                    !check_is_watched(context->settings, table_text(rows, row, "schemaname"),
                                      table_text(rows, row, "relname")))
                        continue;
                r = foreign_key_load(rows, row, &key);
                if (r >= 0)
                        r = judge_key(context, report, &key, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int foreign_key_judge(void *state, const CheckContext *context, Report *report) {
        const Catalog *catalog = state;
        _cleanup_(freep) bool *is_wanted = calloc(catalog->rows->n_rows + 1, sizeof(bool));
        int r = is_wanted ? judge_wanted(catalog, context, report, is_wanted) : -ENOMEM;

        if (r >= 0)
                r = judge_discovered(catalog, context, report, is_wanted);
        return r < 0 ? r : catalog_finish(catalog, context, report);
}

static int foreign_key_new(const TargetSettings *settings, void **ret_state) {
        return catalog_new(&spec, ret_state);
}

const CheckKind foreign_key_check = {
        .name = "foreign_key",
        .help = "Foreign keys exist, are enforced, and act as expected on delete and update.",
        .interval = offsetof(Intervals, catalog),
        .shapes = shapes,
        .new = foreign_key_new,
        .free = catalog_free,
        .begin = catalog_begin,
        .next = catalog_next,
        .take = catalog_take,
        .judge = foreign_key_judge,
};
