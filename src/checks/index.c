/* The check `index`: every index is valid, and what the configuration names exists.
 *
 * A configured index is matched by name, else by its leading columns in order, whatever its name;
 * the rest is discovered. Whether the planner chooses it is another matter: scans are a hint.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "index.h"

#include <errno.h>

#include "catalog.h"
#include "common.h"
#include "duplicates.h"
#include "names.h"
#include "pgvigil/checks.h"
#include "standing.h"

static const Field index_fields[] = {
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Schema."},
        {.name = "relname", .kind = VALUE_TEXT, .role = FIELD_LABEL, .help = "Table."},
        {.name = "indexrelname",
         .kind = VALUE_TEXT,
         .role = FIELD_LABEL,
         .help = "Index, or the columns wanted."},
        {.name = "state",
         .kind = VALUE_TEXT,
         .role = FIELD_STATE,
         .metric = "pgvigil_index_state",
         .states = "valid,building,invalid,missing",
         .help = "State of a configured or abnormal index, as of the last poll of the catalog."},
        {.name = "scans",
         .kind = VALUE_INT,
         .role = FIELD_COUNTER,
         .metric = "pgvigil_index_scans_total",
         .unit = "scans",
         .help = "Scans of a configured or abnormal index on this server, as of the last poll."},
        {.name = "size_bytes",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_index_size_bytes",
         .unit = "bytes",
         .help = "Size of a configured or abnormal index, as its last VACUUM or ANALYZE left it in the "
                 "catalog."},
};

static const Field count_fields[] = {
        {.name = "state",
         .kind = VALUE_TEXT,
         .role = FIELD_LABEL,
         .help = "valid, building, invalid or missing."},
        {.name = "count",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_indexes",
         .help = "Watched indexes in that state, as of the last poll of the catalog."},
};

static const Shape index_shape = SHAPE("index", index_fields);
static const Shape count_shape = SHAPE("indexes", count_fields);
static const Shape *const shapes[] = {&index_shape, &count_shape, &unique_shape, NULL};

/* The catalog, and then the rows that stand in the way of unique indexes. */
typedef struct IndexState {
        Catalog *catalog;
        bool is_planned;
        DuplicatesList duplicates;
} IndexState;

typedef enum State {
        STATE_VALID,
        STATE_BUILDING,
        STATE_INVALID,
        STATE_MISSING,
        N_STATES,
        STATE_UNSURE
} State;

static const char *const state_names[N_STATES] = {"valid", "building", "invalid", "missing"};

/* What one judge() works with. */
typedef struct Judge {
        const Catalog *catalog;
        const DuplicatesList *duplicates;
        const CheckContext *context;
        Report *report;
        bool *is_wanted;
        size_t at; /* configured index */
        int64_t counts[N_STATES];
} Judge;

static const IndexSettings *wanted_at(const TargetSettings *settings, size_t i) {
        return LIST_AT(settings->indexes, IndexSettings, i);
}

/* The row that is wanted into *ret_row: 1, else 0; -ENOMEM, -EINVAL. */
static int find(const Table *rows, const IndexSettings *wanted, size_t *ret_row) {
        int best = 0;

        for (size_t row = 0; row < rows->n_rows; row++) {
                _cleanup_(index_done) Index index = {};
                int quality, r;

                if (!check_name_is_relation(wanted->table, table_text(rows, row, "schemaname"),
                                            table_text(rows, row, "relname")))
                        continue;
                r = index_load(rows, row, &index);
                if (r < 0)
                        return r;
                quality = index_match(&index, wanted);
                if (quality > best) {
                        best = quality;
                        *ret_row = row;
                }
        }
        return best > 0;
}

static int unmatched(const CheckContext *context, const Table *rows, char ***tables) {
        for (size_t i = 0; i < context->settings->indexes.count; i++) {
                const IndexSettings *wanted = wanted_at(context->settings, i);
                size_t row;
                int r = find(rows, wanted, &row),
                    unsure = names_is_ambiguous(context->settings, wanted->table);

                if (r == 0 || unsure > 0)
                        r = strv_add(tables, wanted->table);
                if (r < 0 || unsure < 0)
                        return r < 0 ? r : unsure;
        }
        return 0;
}

static const CatalogSpec spec = {
        .statement = "index.catalog",
        .sql = index_sql,
        .shape = &index_catalog,
        .kind = KIND_INDEX,
        .subject = "catalog",
        .unmatched = unmatched,
};

static State index_state(const Index *index) {
        if (index->is_valid)
                return STATE_VALID;
        if (index->is_building)
                return STATE_BUILDING;
        return index->is_blind ? STATE_UNSURE : STATE_INVALID;
}

/* A row of its own; scans and size are those of an index that exists. */
static int publish(const Judge *judge, const Index *index, State state) {
        Table *table = report_table(judge->report, &index_shape);
        size_t row;

        if (!table || table_add_row(table, &row) < 0 ||
            table_set_text(table, row, "schemaname", index->schema) < 0 ||
            table_set_text(table, row, "relname", index->table) < 0 ||
            table_set_text(table, row, "indexrelname", index->name) < 0)
                return -ENOMEM;
        if (state != STATE_MISSING) {
                table_set_int(table, row, "scans", index->scans);
                table_set_int(table, row, "size_bytes", index->size_bytes);
        }
        return state < N_STATES ? table_set_text(table, row, "state", state_names[state]) : 0;
}

static void set_seen(Finding *finding, const CheckContext *context, const IndexSettings *wanted,
                     Reason reason) {
        if (reason == REASON_DIFFERS) {
                check_set_due(finding, context, &wanted->rule, reason);
                return;
        }
        finding->seen = reason == REASON_OK ? SEEN_OK : SEEN_BREACH;
        finding->reason = reason;
        if (reason == REASON_PRIVILEGE)
                finding->seen = SEEN_UNKNOWN;
        else if (reason == REASON_DUPLICATE || reason == REASON_UNUSED ||
                 (reason == REASON_BUILDING && !wanted))
                finding->severity = SEVERITY_INFO;
        else if (reason == REASON_BUILDING && finding->severity > SEVERITY_WARNING)
                finding->severity = SEVERITY_WARNING;
}

/* The rows that stand in its way; `at`: among the configured ones. */
static int judge_duplicates(const Judge *judge, size_t at, const Index *index, Finding *finding) {
        const IndexSettings *wanted = wanted_at(judge->context->settings, at);
        const Duplicates *duplicates = at < judge->duplicates->n ? &judge->duplicates->items[at] : NULL;
        Table *table;
        int r;

        if (!duplicates)
                return 0;
        r = duplicates_judge(duplicates, judge->context, &wanted->rule, finding);
        if (r < 0 || !duplicates->is_counted)
                return r;
        table = report_table(judge->report, &unique_shape);
        return table ? standing_add_unique(table, index->schema, index->table, index->name, duplicates->rows)
                     : -ENOMEM;
}

/* An index that exists; `wanted` NULL: discovered. */
static int judge_index(Judge *judge, const Index *index, const IndexSettings *wanted) {
        Reason reason = index_reason(index, wanted);
        State state = index_state(index);
        Finding *finding = check_add(judge->report, KIND_INDEX, index->schema, index->table, index->name);
        int r;

        if (!finding)
                return -ENOMEM;
        check_set_rule(finding, judge->context->settings, wanted ? &wanted->rule : NULL);
        set_seen(finding, judge->context, wanted, reason);
        if (index->is_valid) {
                finding->value = VALUE_OF_INT(index->scans);
                finding->unit = "scans";
        }
        r = index_describe(finding, index, wanted, reason);
        if (r >= 0 && wanted)
                r = judge_duplicates(judge, judge->at, index, finding);
        if (r < 0)
                return r;
        if (state < N_STATES)
                judge->counts[state]++;
        return wanted || !index->is_valid ? publish(judge, index, state) : 0;
}

static int describe_missing(const Judge *judge, Finding *finding, const IndexSettings *wanted) {
        const TargetSettings *settings = judge->context->settings;
        const Table *names = judge->catalog->names;
        _cleanup_(strv_freep) char **columns = NULL;
        IndexSettings spelled = *wanted;
        int r = names_columns(names, settings, wanted->table, wanted->columns, &columns);

        if (r < 0)
                return r;
        spelled.columns = columns;
        return index_describe_missing(finding, &spelled,
                                      names_is_partitioned(names, settings, wanted->table));
}

/* The finding of a wanted index that was looked for in vain, and where it was. */
static int judge_missing(Judge *judge, const IndexSettings *wanted) {
        char schema[IDENTIFIER_MAX] = "", relation[IDENTIFIER_MAX] = "";
        const Catalog *catalog = judge->catalog;
        _cleanup_(freep) char *name = str_is_empty(wanted->name) ? check_columns_text(wanted->columns)
                                                                 : str_format("%s", wanted->name);
        Finding *finding;
        int r;

        if (!name)
                return -ENOMEM;
        if (names_resolve(catalog->names, judge->context->settings, wanted->table, schema, relation) < 0)
                finding = report_add(judge->report, KIND_INDEX, wanted->table, name);
        else
                finding = check_add(judge->report, KIND_INDEX, *schema ? schema : NULL, relation, name);
        if (!finding)
                return -ENOMEM;
        check_set_rule(finding, judge->context->settings, &wanted->rule);
        r = names_explain(finding, judge->context, &wanted->rule, catalog->names, wanted->table,
                          wanted->columns);
        if (r != 0) /* what is misspelt is never `missing` */
                return r < 0 ? r : 0;
        check_set_due(finding, judge->context, &wanted->rule, REASON_MISSING);
        r = describe_missing(judge, finding, wanted);
        if (r >= 0)
                r = judge_duplicates(judge, judge->at,
                                     &(Index){.schema = schema, .table = relation, .name = name}, finding);
        if (r < 0 || finding->seen != SEEN_BREACH || finding->reason == REASON_NOT_EXPECTED_YET ||
            !catalog->known)
                return r < 0 ? r : 0;
        judge->counts[STATE_MISSING]++;
        return publish(judge, &(Index){.schema = schema, .table = relation, .name = name}, STATE_MISSING);
}

static int judge_wanted(Judge *judge) {
        const TargetSettings *settings = judge->context->settings;

        for (size_t i = 0; i < settings->indexes.count; i++) {
                const IndexSettings *wanted = wanted_at(settings, i);
                _cleanup_(freep) char *table = names_qualify(judge->catalog->names, settings, wanted->table);
                _cleanup_(index_done) Index index = {};
                IndexSettings sought = *wanted;
                size_t row;
                int r;

                if (!table)
                        return -ENOMEM;
                sought.table = table;
                judge->at = i;
                r = find(judge->catalog->rows, &sought, &row);
                if (r > 0) {
                        judge->is_wanted[row] = true;
                        r = index_load(judge->catalog->rows, row, &index);
                        if (r >= 0)
                                r = judge_index(judge, &index, wanted);
                } else if (r == 0)
                        r = judge_missing(judge, wanted);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int judge_discovered(Judge *judge) {
        const TargetSettings *settings = judge->context->settings;
        const Table *rows = judge->catalog->rows;

        for (size_t row = 0; settings->discover && row < rows->n_rows; row++) {
                _cleanup_(index_done) Index index = {};
                int r;

                if (judge->is_wanted[row] || !check_is_watched(settings, table_text(rows, row, "schemaname"),
                                                               table_text(rows, row, "relname")))
                        continue;
                r = index_load(rows, row, &index);
                if (r >= 0)
                        r = judge_index(judge, &index, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int publish_counts(const Judge *judge) {
        Table *table = judge->catalog->known ? report_table(judge->report, &count_shape) : NULL;

        if (!table)
                return judge->catalog->known ? -ENOMEM : 0;
        for (int state = 0; state < N_STATES; state++) {
                size_t row;

                if (table_add_row(table, &row) < 0 ||
                    table_set_text(table, row, "state", state_names[state]) < 0)
                        return -ENOMEM;
                table_set_int(table, row, "count", judge->counts[state]);
        }
        return 0;
}

static int index_judge(void *data, const CheckContext *context, Report *report) {
        const IndexState *state = data;
        const Catalog *catalog = state->catalog;
        _cleanup_(freep) bool *is_wanted = calloc(catalog->rows->n_rows + 1, sizeof(bool));
        Judge judge = {.catalog = catalog,
                       .duplicates = &state->duplicates,
                       .context = context,
                       .report = report,
                       .is_wanted = is_wanted};
        int r = is_wanted ? judge_wanted(&judge) : -ENOMEM;

        if (r >= 0)
                r = judge_discovered(&judge);
        if (r >= 0)
                r = publish_counts(&judge);
        return r < 0 ? r : catalog_finish(catalog, context, report);
}

static void *index_free(void *data) {
        IndexState *state = data;

        if (!state)
                return NULL;
        catalog_free(state->catalog);
        duplicates_done(&state->duplicates);
        free(state);
        return NULL;
}

static int index_new(const TargetSettings *settings, void **ret_state) {
        IndexState *state = calloc(1, sizeof(*state));
        void *catalog = NULL;
        int r = state ? catalog_new(&spec, &catalog) : -ENOMEM;

        if (r < 0) {
                free(state);
                return r;
        }
        state->catalog = catalog;
        *ret_state = state;
        return 0;
}

static int index_begin(void *data, const CheckContext *context, void *gathered) {
        IndexState *state = data;

        state->is_planned = false;
        duplicates_done(&state->duplicates);
        return catalog_begin(state->catalog, context, gathered);
}

/* A unique index that is wanted and not in force: where its table is. */
static int plan_one(IndexState *state, const CheckContext *context, size_t i) {
        const Catalog *catalog = state->catalog;
        const IndexSettings *wanted = wanted_at(context->settings, i);
        char schema[IDENTIFIER_MAX] = "", table[IDENTIFIER_MAX] = "";
        _cleanup_(freep) char *qualified = names_qualify(catalog->names, context->settings, wanted->table);
        _cleanup_(index_done) Index index = {};
        IndexSettings sought = *wanted;
        size_t row;
        int r;

        if (!qualified)
                return -ENOMEM;
        sought.table = qualified;
        r = find(catalog->rows, &sought, &row);
        if (r > 0) {
                r = index_load(catalog->rows, row, &index);
                if (r < 0)
                        return r;
                if (index_reason(&index, wanted) != REASON_DIFFERS &&
                    index_reason(&index, wanted) != REASON_INVALID)
                        return 0;
                return duplicates_ask(&state->duplicates, i, index.schema, index.table, wanted->columns);
        }
        if (r < 0 || names_resolve(catalog->names, context->settings, wanted->table, schema, table) < 0)
                return r;
        return duplicates_ask(&state->duplicates, i, schema, table, wanted->columns);
}

static int plan(IndexState *state, const CheckContext *context) {
        int r = duplicates_begin(&state->duplicates, context->settings->indexes.count);

        state->is_planned = true;
        for (size_t i = 0; r >= 0 && !state->catalog->failed && i < state->duplicates.n; i++)
                if (wanted_at(context->settings, i)->unique && wanted_at(context->settings, i)->columns)
                        r = plan_one(state, context, i);
        return r;
}

static int index_next(void *data, const CheckContext *context, Statement *ret) {
        IndexState *state = data;
        int r = state->is_planned ? 0 : catalog_next(state->catalog, context, ret);

        if (r == 0 && !state->is_planned)
                r = plan(state, context);
        return r != 0 ? r : duplicates_next(&state->duplicates, context, ret);
}

static int index_take(void *data, const CheckContext *context, const Outcome *outcome) {
        IndexState *state = data;

        return state->is_planned ? duplicates_take(&state->duplicates, context, outcome)
                                 : catalog_take(state->catalog, context, outcome);
}

const CheckKind index_check = {
        .name = "index",
        .help = "Indexes are valid, and those that are expected exist; the rows that a unique one would "
                "refuse.",
        .interval = offsetof(Intervals, catalog),
        .shapes = shapes,
        .new = index_new,
        .free = index_free,
        .begin = index_begin,
        .next = index_next,
        .take = index_take,
        .judge = index_judge,
};
