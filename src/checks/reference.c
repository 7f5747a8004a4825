/* The check `reference`: columns that look like references to another table and have no foreign key.
 *
 * Judged by names and types alone, so it is advice: noted, with the statements that add the key. No
 * row is read; whether each value is there in the other table, only VALIDATE tells.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "reference.h"

#include <errno.h>
#include <string.h>

#include "advice.h"
#include "foreign-key.h"
#include "pgvigil/checks.h"

static const Shape *const shapes[] = {NULL};

static const CatalogSpec spec = {
        .statement = "reference.catalog",
        .sql = reference_sql,
        .shape = &reference_catalog,
        .kind = KIND_FOREIGN_KEY,
        .subject = "references",
};

/* A column and the one that it seems to refer to: rows of the catalog. */
typedef struct Pair {
        const Table *rows;
        size_t column, key;
} Pair;

/* Rows from `begin` to before `end`. */
typedef struct Range {
        size_t begin, end;
} Range;

/* What one judge() works with. */
typedef struct Judge {
        const Table *rows;
        const CheckContext *context;
        Pair *pairs;
        size_t n_pairs;
} Judge;

static bool is_same(const Table *rows, size_t a, size_t b, const char *field) {
        return str_equal(table_text(rows, a, field), table_text(rows, b, field));
}

static bool is_same_table(const Table *rows, size_t a, size_t b) {
        return is_same(rows, a, b, "schemaname") && is_same(rows, a, b, "relname");
}

/* The rows from `begin` on that are equal in `field`. */
static Range run_of(const Table *rows, size_t begin, size_t end, const char *field) {
        Range run = {begin, begin + 1};

        while (run.end < end && is_same(rows, begin, run.end, field))
                run.end++;
        return run;
}

/* The table meant in these rows, as one of its rows: the nearest in name, or -1. */
static ssize_t nearest_table(const Table *rows, Range range) {
        ssize_t best = -1;

        for (size_t i = range.begin; i < range.end; i++)
                if (table_bool(rows, i, "is_key") &&
                    (best < 0 || table_int(rows, i, "rank") < table_int(rows, (size_t)best, "rank")))
                        best = (ssize_t)i;
        return best;
}

/* The table of these rows where there is but one, or -1: of several schemas nobody can tell. */
static ssize_t only_table(const Table *rows, Range range) {
        ssize_t only = -1;

        for (size_t i = range.begin; i < range.end; i++) {
                if (!table_bool(rows, i, "is_key"))
                        continue;
                if (only >= 0 && !is_same_table(rows, (size_t)only, i))
                        return -1;
                only = (ssize_t)i;
        }
        return only;
}

/* Columns of different types are no pair: mostly the value comes from elsewhere (a payment provider's
 * text beside our own bigint), and where it does not, a key would compare across types or be refused. */
static bool is_same_type(const Table *rows, size_t column, size_t key) {
        return table_int(rows, column, "type") == table_int(rows, key, "type") &&
               table_int(rows, column, "collation") == table_int(rows, key, "collation");
}

/* How likely it is that this is what is referred to: a column of the very same name, whatever its type,
 * the primary key, a unique `id`. Any other unique column (a mail address) may well have the type and
 * mean nothing. */
static int key_quality(const Table *rows, size_t column, size_t key) {
        if (is_same(rows, column, key, "columnname"))
                return 3;
        if (table_is_null(rows, key, "columnname") || !is_same_type(rows, column, key))
                return 0;
        if (table_bool(rows, key, "is_primary"))
                return 2;
        return str_equal(table_text(rows, key, "columnname"), "id");
}

/* The row of the column referred to, in the table that row `of` is one of, or -1. */
static ssize_t find_key(const Table *rows, size_t column, size_t of, Range range) {
        ssize_t best = -1;
        int best_quality = 0;

        for (size_t i = range.begin; i < range.end; i++) {
                int quality;

                if (!table_bool(rows, i, "is_key") || !is_same_table(rows, of, i))
                        continue;
                quality = key_quality(rows, column, i);
                if (quality > best_quality) {
                        best_quality = quality;
                        best = (ssize_t)i;
                }
        }
        return best >= 0 && is_same_type(rows, column, (size_t)best) ? best : -1;
}

/* Whether a configured key may be that of this column: it has a finding of its own. */
static bool is_meant_by(const ForeignKeySettings *wanted, const Pair *pair, char *const *constraints) {
        const Table *rows = pair->rows;

        if (!check_name_is_relation(wanted->table, table_text(rows, pair->column, "schemaname"),
                                    table_text(rows, pair->column, "relname")))
                return false;
        if (wanted->columns)
                return check_name_find(wanted->columns, table_text(rows, pair->column, "columnname")) >= 0;
        for (; constraints && *constraints; constraints++)
                if (check_name_is(wanted->name, *constraints))
                        return false; /* it is there, and this column is in no key */
        return !wanted->references ||
               check_name_is_relation(wanted->references, table_text(rows, pair->key, "schemaname"),
                                      table_text(rows, pair->key, "relname"));
}

static int load_constraints(const Pair *pair, char ***ret) {
        return check_array_parse(table_text(pair->rows, pair->column, "constraints"), ret);
}

/* 1, 0, -ENOMEM, -EINVAL. */
static int is_configured(const TargetSettings *settings, const Pair *pair) {
        _cleanup_(strv_freep) char **constraints = NULL;
        int r = load_constraints(pair, &constraints);

        for (size_t i = 0; r >= 0 && i < settings->foreign_keys.count; i++)
                if (is_meant_by(LIST_AT(settings->foreign_keys, ForeignKeySettings, i), pair, constraints))
                        return 1;
        return r < 0 ? r : 0;
}

static bool is_watched(const Judge *judge, size_t row) {
        return check_is_watched(judge->context->settings, table_text(judge->rows, row, "schemaname"),
                                table_text(judge->rows, row, "relname"));
}

/* A column named like its own table is a name of the row itself. A permanent table may not refer to
 * an unlogged one. */
static bool is_possible(const Judge *judge, const Pair *pair) {
        const Table *rows = judge->rows;
        bool may_vanish = table_bool(rows, pair->key, "is_unlogged") &&
                          !table_bool(rows, pair->column, "is_unlogged");

        return !is_same_table(rows, pair->column, pair->key) && !may_vanish &&
               is_watched(judge, pair->column) && is_watched(judge, pair->key);
}

static int keep(Judge *judge, size_t column, size_t key) {
        const Pair pair = {judge->rows, column, key};
        int r = is_possible(judge, &pair) ? is_configured(judge->context->settings, &pair) : 1;

        if (r == 0)
                judge->pairs[judge->n_pairs++] = pair;
        return r < 0 ? r : 0;
}

/* The rows of one stem in one schema: a table of the same schema is meant, else the only one that
 * there is of that stem. */
static int pair_schema(Judge *judge, Range schema, Range stem, ssize_t only) {
        const Table *rows = judge->rows;
        ssize_t table = nearest_table(rows, schema);
        Range keys = table >= 0 ? schema : stem;
        int r = 0;

        table = table >= 0 ? table : only;
        for (size_t i = schema.begin; table >= 0 && r >= 0 && i < schema.end; i++) {
                ssize_t key = table_bool(rows, i, "is_key") ? -1 : find_key(rows, i, (size_t)table, keys);

                if (key >= 0)
                        r = keep(judge, i, (size_t)key);
        }
        return r;
}

static int pair_stem(Judge *judge, Range stem) {
        ssize_t only = only_table(judge->rows, stem);
        Range schema = {.end = stem.begin};
        int r = 0;

        while (r >= 0 && schema.end < stem.end) {
                schema = run_of(judge->rows, schema.end, stem.end, "schemaname");
                r = pair_schema(judge, schema, stem, only);
        }
        return r;
}

static int pair_compare(const void *a, const void *b) {
        static const char *const fields[] = {"schemaname", "relname", "columnname"};
        const Pair *x = a, *y = b;
        int order = 0;

        for (size_t i = 0; order == 0 && i < ELEMENTS(fields); i++)
                order = strcmp(table_text(x->rows, x->column, fields[i]),
                               table_text(y->rows, y->column, fields[i]));
        return order;
}

/* All pairs, in the order of their tables, as other findings are. */
static int find_pairs(Judge *judge) {
        Range stem = {};
        int r = 0;

        while (r >= 0 && stem.end < judge->rows->n_rows) {
                stem = run_of(judge->rows, stem.end, judge->rows->n_rows, "stem");
                r = pair_stem(judge, stem);
        }
        if (r >= 0 && judge->n_pairs > 1)
                qsort(judge->pairs, judge->n_pairs, sizeof(Pair), pair_compare);
        return r;
}

/* The strings that every sentence is made of. */
typedef struct Words {
        char **columns; /* the one that refers */
        char *table, *column, *referenced, *referenced_column;
        char *finding;    /* "(order_id) references orders" */
        char *constraint; /* the new key's name */
} Words;

static void words_done(Words *words) {
        strv_free(words->columns);
        free(words->table);
        free(words->column);
        free(words->referenced);
        free(words->referenced_column);
        free(words->finding);
        free(words->constraint);
}

static int name_constraint(Words *words, const Pair *pair) {
        _cleanup_(strv_freep) char **taken = NULL;
        _cleanup_(freep) char *name = NULL;
        int r = load_constraints(pair, &taken);

        if (r < 0)
                return r;
        name = foreign_key_new_name(table_text(pair->rows, pair->column, "relname"), words->columns, taken);
        words->constraint = name ? str_qualified(NULL, name) : NULL;
        return words->constraint ? 0 : -ENOMEM;
}

/* As a configured key is called: with the schema where it is another. */
static int name_finding(Words *words, const Pair *pair) {
        const char *relation = table_text(pair->rows, pair->key, "relname");
        ForeignKeySettings wanted = {.columns = words->columns, .references = words->referenced};
        _cleanup_(freep) char *bare = str_qualified(NULL, relation);

        if (!bare)
                return -ENOMEM;
        if (is_same(pair->rows, pair->column, pair->key, "schemaname"))
                wanted.references = bare;
        words->finding = foreign_key_wanted_name(&wanted);
        return words->finding ? 0 : -ENOMEM;
}

static int words_init(Words *words, const Pair *pair) {
        const Table *rows = pair->rows;
        const char *column = table_text(rows, pair->column, "columnname");
        int r;

        words->table = str_qualified(table_text(rows, pair->column, "schemaname"),
                                     table_text(rows, pair->column, "relname"));
        words->column = str_qualified(NULL, column);
        words->referenced = str_qualified(table_text(rows, pair->key, "schemaname"),
                                          table_text(rows, pair->key, "relname"));
        words->referenced_column = str_qualified(NULL, table_text(rows, pair->key, "columnname"));
        if (strv_add(&words->columns, column) < 0 || !words->table || !words->column || !words->referenced ||
            !words->referenced_column)
                return -ENOMEM;
        r = name_constraint(words, pair);
        return r < 0 ? r : name_finding(words, pair);
}

static bool takes_not_valid(const CheckContext *context, const Pair *pair) {
        return !table_bool(pair->rows, pair->column, "is_partitioned") ||
               foreign_key_takes_not_valid(context);
}

static int describe(Finding *finding, const Words *words, bool not_valid) {
        const char *how = not_valid ? "validating it blocks no writer"
                                    : "that checks all rows while writers wait";
        _cleanup_(freep) char *defined = str_format("FOREIGN KEY (%s) REFERENCES %s (%s)", words->column,
                                                    words->referenced, words->referenced_column);

        if (!defined ||
            check_say(finding,
                      "The column looks like a reference to %s (%s), and no foreign key makes it one: "
                      "nothing keeps it from naming rows that do not exist.",
                      words->referenced, words->referenced_column) < 0 ||
            check_advise(finding,
                         "If it is one, add the foreign key: %s, and fails while rows refer to nothing.",
                         how) < 0)
                return -ENOMEM;
        return foreign_key_repair(finding, words->table, words->constraint, defined, not_valid);
}

static int note_pair(const Judge *judge, Report *report, const Pair *pair) {
        _cleanup_(words_done) Words words = {};
        Finding *finding;
        int r = words_init(&words, pair);

        if (r < 0)
                return r;
        finding = advice_add(report, KIND_FOREIGN_KEY, table_text(pair->rows, pair->column, "schemaname"),
                             table_text(pair->rows, pair->column, "relname"), words.finding);
        return finding ? describe(finding, &words, takes_not_valid(judge->context, pair)) : -ENOMEM;
}

static int reference_judge(void *state, const CheckContext *context, Report *report) {
        const Catalog *catalog = state;
        _cleanup_(freep) Pair *pairs = calloc(catalog->rows->n_rows + 1, sizeof(Pair));
        Judge judge = {.rows = catalog->rows, .context = context, .pairs = pairs};
        size_t n;
        int r = pairs ? find_pairs(&judge) : -ENOMEM;

        n = judge.n_pairs < ADVICE_MAX ? judge.n_pairs : ADVICE_MAX;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = note_pair(&judge, report, &pairs[i]);
        if (r >= 0)
                r = advice_cut(catalog, context, report, judge.n_pairs - n);
        return r < 0 ? r : catalog_finish(catalog, context, report);
}

static int reference_new(const TargetSettings *settings, void **ret_state) {
        return catalog_new(&spec, ret_state);
}

const CheckKind reference_check = {
        .name = "reference",
        .help = "Columns that look like references have a foreign key.",
        .interval = offsetof(Intervals, catalog),
        .shapes = shapes,
        .new = reference_new,
        .free = catalog_free,
        .begin = catalog_begin,
        .next = advice_next,
        .take = catalog_take,
        .judge = reference_judge,
};
