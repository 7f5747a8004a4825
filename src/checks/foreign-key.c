/* The check `foreign_key`: every foreign key exists, is enforced and does what is expected, and no row
 * refers to nothing.
 *
 *   catalog (catalog.c) ─▶ wanted … ─▶ count (orphans.c) ─▶ done
 *      ▲                                 │
 *      └── once, when counting met a table that is gone
 *
 * What the configuration names is matched by name, else by table, columns and referenced table,
 * whatever its name; the rest is discovered. `wanted` asks what it takes to count the orphans of a key
 * that does not exist. It comes at the shorter of two intervals, as the constraint check does.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "foreign-key-state.h"
#include "names.h"
#include "pgvigil/checks.h"

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
                const ForeignKeySettings *wanted = foreign_key_wanted_at(context->settings, i);
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

/* A referenced table that is in no watched schema may be in any other: then its name is enough. */
static char *qualify_references(const Catalog *catalog, const TargetSettings *settings, const char *table) {
        return names_has(catalog->names, settings, table) ? names_qualify(catalog->names, settings, table)
                                                          : strdup(table);
}

/* The configured key with the tables that its names mean: its strings are owned by the caller. */
int foreign_key_seek(const Catalog *catalog, const TargetSettings *settings, const ForeignKeySettings *wanted,
                     ForeignKeySettings *ret) {
        *ret = *wanted;
        ret->table = names_qualify(catalog->names, settings, wanted->table);
        if (wanted->references)
                ret->references = qualify_references(catalog, settings, wanted->references);
        return ret->table && (!wanted->references || ret->references) ? 0 : -ENOMEM;
}

void foreign_key_sought_done(ForeignKeySettings *sought) {
        free(sought->table);
        free(sought->references);
}

static bool is_wanted(const ForeignKeyState *state, size_t row) {
        for (size_t i = 0; i < state->n_wanted; i++)
                if (state->matches[i] == (ssize_t)row)
                        return true;
        return false;
}

bool foreign_key_is_discovered(const ForeignKeyState *state, const TargetSettings *settings, size_t row) {
        const Table *rows = state->catalog->rows;

        return settings->discover && !is_wanted(state, row) &&
               check_is_watched(settings, table_text(rows, row, "schemaname"),
                                table_text(rows, row, "relname"));
}

static const CatalogSpec spec = {
        .statement = "foreign_key.catalog",
        .sql = foreign_key_sql,
        .shape = &foreign_key_catalog,
        .kind = KIND_FOREIGN_KEY,
        .subject = "catalog",
        .unmatched = unmatched,
};

static void *foreign_key_free(void *data) {
        ForeignKeyState *state = data;

        if (!state)
                return NULL;
        orphans_free(state->items, state->catalog->rows->n_rows + state->n_wanted);
        orphans_done(&state->orphans);
        catalog_free(state->catalog);
        free(state->matches);
        free(state);
        return NULL;
}

static int foreign_key_new(const TargetSettings *settings, void **ret_state) {
        ForeignKeyState *state = calloc(1, sizeof(*state));
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

static int begin_catalog(ForeignKeyState *state, const CheckContext *context) {
        orphans_free(TAKE(state->items), state->catalog->rows->n_rows + state->n_wanted);
        state->is_planned = false;
        state->phase = PHASE_CATALOG;
        return catalog_begin(state->catalog, context, NULL);
}

static int foreign_key_begin(void *data, const CheckContext *context, void *gathered) {
        ForeignKeyState *state = data;

        state->was_reread = false;
        if (!state->is_planned || !state->catalog->known || state->catalog->failed ||
            check_catalog_is_due(context, state->catalog->boottime))
                return begin_catalog(state, context);
        state->phase = PHASE_COUNT;
        return orphans_begin(&state->orphans, context);
}

/* Which row each configured key is. */
static int find_all(ForeignKeyState *state, const CheckContext *context) {
        const TargetSettings *settings = context->settings;
        size_t n = settings->foreign_keys.count;
        int r = 0;

        free(state->matches);
        state->matches = calloc(n + 1, sizeof(*state->matches));
        state->n_wanted = state->matches ? n : 0;
        if (!state->matches)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                _cleanup_(foreign_key_sought_done) ForeignKeySettings sought = {};
                size_t row = 0;

                r = foreign_key_seek(state->catalog, settings, foreign_key_wanted_at(settings, i), &sought);
                if (r >= 0)
                        r = find(state->catalog->rows, &sought, &row);
                state->matches[i] = r > 0 ? (ssize_t)row : -1;
        }
        return r < 0 ? r : 0;
}

/* The catalog is there: those that exist. */
static int list_existing(ForeignKeyState *state, const CheckContext *context) {
        const Table *rows = state->catalog->rows;
        int r = find_all(state, context);

        if (r < 0)
                return r;
        state->items = calloc(rows->n_rows + state->n_wanted + 1, sizeof(*state->items));
        if (!state->items)
                return -ENOMEM;
        for (size_t row = 0; r >= 0 && row < rows->n_rows; row++) {
                _cleanup_(foreign_key_done) ForeignKey key = {};

                if (!is_wanted(state, row) && !foreign_key_is_discovered(state, context->settings, row))
                        continue;
                r = foreign_key_load(rows, row, &key);
                if (r >= 0)
                        r = orphans_set(&state->items[row], &key, is_wanted(state, row));
        }
        state->cursor = 0;
        state->phase = PHASE_WANTED;
        return r;
}

static int add_list(Statement *statement, char *const *list) {
        _cleanup_(freep) char *literal = list ? strv_array_literal(list) : NULL;

        return list && !literal ? -ENOMEM : statement_add_parameter(statement, literal);
}

/* The tables of a configured key, as they are there. */
typedef struct Pair {
        char schema[IDENTIFIER_MAX], table[IDENTIFIER_MAX];
        char other_schema[IDENTIFIER_MAX], other[IDENTIFIER_MAX];
} Pair;

static int resolve(const ForeignKeyState *state, const TargetSettings *settings,
                   const ForeignKeySettings *wanted, Pair *ret) {
        const Table *names = state->catalog->names;
        int r = names_resolve(names, settings, wanted->table, ret->schema, ret->table);

        return r < 0 ? r : names_resolve(names, settings, wanted->references, ret->other_schema, ret->other);
}

/* 1: *ret asks what it takes to count a key that does not exist; 0: that is not said. */
static int wanted_statement(const ForeignKeyState *state, const TargetSettings *settings,
                            const ForeignKeySettings *wanted, Statement *ret) {
        const Table *names = state->catalog->names;
        _cleanup_(strv_freep) char **columns = NULL, **partners = NULL;
        Pair pair = {};
        int r;

        if (!wanted->columns || !wanted->references || resolve(state, settings, wanted, &pair) < 0)
                return 0;
        r = names_columns(names, settings, wanted->table, wanted->columns, &columns);
        if (r >= 0)
                r = names_columns(names, settings, wanted->references, wanted->referenced_columns, &partners);
        if (r < 0)
                return r;
        *ret = (Statement){.name = "foreign_key.wanted", .shape = &foreign_key_wanted, .max_rows = 1};
        if (str_set(&ret->sql, foreign_key_wanted_sql) < 0 || statement_add_parameter(ret, pair.schema) < 0 ||
            statement_add_parameter(ret, pair.table) < 0 || add_list(ret, columns) < 0 ||
            statement_add_parameter(ret, pair.other_schema) < 0 ||
            statement_add_parameter(ret, pair.other) < 0 || add_list(ret, partners) < 0)
                return -ENOMEM;
        return 1;
}

static int next_wanted(ForeignKeyState *state, const CheckContext *context, Statement *ret) {
        for (; state->cursor < state->n_wanted; state->cursor++) {
                int r = 0;

                if (state->matches[state->cursor] < 0)
                        r = wanted_statement(state, context->settings,
                                             foreign_key_wanted_at(context->settings, state->cursor), ret);
                if (r != 0)
                        return r;
        }
        orphans_replace(&state->orphans, &state->items, state->catalog->rows->n_rows + state->n_wanted,
                        context);
        state->is_planned = true;
        state->phase = PHASE_COUNT;
        return orphans_begin(&state->orphans, context);
}

/* Counting met a table that is gone: the findings must not say that it stands. */
static int next_count(ForeignKeyState *state, const CheckContext *context, Statement *ret) {
        int r = orphans_next(&state->orphans, context, ret);

        if (r != 0)
                return r;
        if (!state->orphans.is_outdated || state->was_reread) {
                state->phase = PHASE_DONE;
                return 0;
        }
        state->was_reread = true;
        return begin_catalog(state, context);
}

static int next_catalog(ForeignKeyState *state, const CheckContext *context, Statement *ret) {
        int r = catalog_next(state->catalog, context, ret);

        if (r != 0)
                return r;
        if (!state->catalog->failed)
                return list_existing(state, context);
        state->phase = PHASE_DONE;
        return 0;
}

static int foreign_key_next(void *data, const CheckContext *context, Statement *ret) {
        static int (*const phases[])(ForeignKeyState * state, const CheckContext *context, Statement *ret) = {
                [PHASE_CATALOG] = next_catalog,
                [PHASE_WANTED] = next_wanted,
                [PHASE_COUNT] = next_count,
        };
        ForeignKeyState *state = data;
        _cleanup_(statement_done) Statement statement = {};
        int r = 0;

        while (r == 0 && state->phase != PHASE_DONE)
                r = phases[state->phase](state, context, &statement);
        if (r <= 0)
                return r;
        *ret = statement;
        statement = (Statement){};
        return r;
}

/* A key that cannot be asked about is not counted. */
static int take_wanted(ForeignKeyState *state, const CheckContext *context, const Outcome *outcome) {
        size_t i = state->cursor++;
        const ForeignKeySettings *wanted = foreign_key_wanted_at(context->settings, i);
        _cleanup_(foreign_key_done) ForeignKey key = {};
        _cleanup_(freep) char *title = foreign_key_title(wanted);
        Pair pair = {};
        int r;

        if (!title)
                return -ENOMEM;
        if (outcome->kind != OUTCOME_ROWS || !outcome->table || outcome->table->n_rows != 1 ||
            resolve(state, context->settings, wanted, &pair) < 0)
                return 0;
        r = foreign_key_load_wanted(outcome->table, 0, &key);
        if (r < 0)
                return r;
        key.schema = pair.schema;
        key.table = pair.table;
        key.name = title;
        key.referenced_schema = pair.other_schema;
        key.referenced_table = pair.other;
        return orphans_set(&state->items[state->catalog->rows->n_rows + i], &key, true);
}

static int foreign_key_take(void *data, const CheckContext *context, const Outcome *outcome) {
        ForeignKeyState *state = data;

        if (state->phase == PHASE_COUNT)
                return orphans_take(&state->orphans, context, outcome);
        if (state->phase == PHASE_WANTED)
                return take_wanted(state, context, outcome);
        return catalog_take(state->catalog, context, outcome);
}

static int foreign_key_judge(void *data, const CheckContext *context, Report *report) {
        return foreign_key_report(data, context, report);
}

const CheckKind foreign_key_check = {
        .name = "foreign_key",
        .help = "Foreign keys exist, are enforced, and act as expected on delete and update; the rows that "
                "refer to nothing.",
        .interval = offsetof(Intervals, catalog),
        .also_interval = offsetof(Intervals, violations),
        .shapes = foreign_key_shapes,
        .new = foreign_key_new,
        .free = foreign_key_free,
        .begin = foreign_key_begin,
        .next = foreign_key_next,
        .take = foreign_key_take,
        .judge = foreign_key_judge,
};
