/* From what the catalog answered and what is configured: the list of constraints to judge, one
 * entry each; what was counted before is carried over.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "constraint-text.h"

static void relation_done(Relation *relation) {
        free(relation->schema);
        free(relation->name);
        free(relation->sql);
        free(relation->key);
}

static void constraint_done(Constraint *constraint) {
        free(constraint->schema);
        free(constraint->table);
        free(constraint->name);
        free(constraint->nearest);
        free(constraint->version);
        free(constraint->expression);
        reading_done(&constraint->reading);
}

void constraint_catalog_done(ConstraintCatalog *catalog) {
        for (size_t i = 0; i < catalog->n_relations; i++)
                relation_done(&catalog->relations[i]);
        free(catalog->relations);
        for (size_t i = 0; i < catalog->n_items; i++)
                constraint_done(&catalog->items[i]);
        free(catalog->items);
        *catalog = (ConstraintCatalog){};
}

static int compare_relations(const void *a, const void *b) {
        const Relation *left = a, *right = b;

        return (left->id > right->id) - (left->id < right->id);
}

static Relation *relation_by_id(const ConstraintCatalog *catalog, int64_t id) {
        const Relation key = {.id = id};

        if (catalog->n_relations == 0)
                return NULL;
        return bsearch(&key, catalog->relations, catalog->n_relations, sizeof(key), compare_relations);
}

const Relation *constraint_relation(const ConstraintCatalog *catalog, int64_t id) {
        return relation_by_id(catalog, id);
}

static int load_relation(Relation *relation, const Table *table, size_t row) {
        const char *kind = table_text(table, row, "relkind");

        relation->id = table_int(table, row, "relid");
        relation->kind = kind ? *kind : '\0';
        relation->is_extension = table_bool(table, row, "is_extension");
        relation->can_read = table_bool(table, row, "can_read");
        relation->can_use = table_bool(table, row, "can_use");
        relation->row_security = table_bool(table, row, "row_security");
        relation->has_children = table_bool(table, row, "has_children");
        relation->sql = str_qualified(table_text(table, row, "schemaname"),
                                      table_text(table, row, "relname"));
        if (!relation->sql || str_set(&relation->schema, table_text(table, row, "schemaname")) < 0)
                return -ENOMEM;
        return str_set(&relation->name, table_text(table, row, "relname"));
}

static int load_relations(ConstraintCatalog *catalog, const Table *table, const ConstraintCatalog *old) {
        int r = 0;

        catalog->relations = calloc(table->n_rows + 1, sizeof(Relation));
        if (!catalog->relations)
                return -ENOMEM;
        for (size_t row = 0; r >= 0 && row < table->n_rows; row++)
                r = load_relation(&catalog->relations[catalog->n_relations++], table, row);
        if (r < 0)
                return r;
        qsort(catalog->relations, catalog->n_relations, sizeof(Relation), compare_relations);
        for (size_t i = 0; i < catalog->n_relations; i++) {
                const Relation *before = relation_by_id(old, catalog->relations[i].id);

                catalog->relations[i].has_user_code = before && before->has_user_code;
        }
        return 0;
}

static Constraint *add_item(ConstraintCatalog *catalog) {
        if (catalog->n_items == catalog->allocated) {
                size_t allocated = catalog->allocated > 0 ? 2 * catalog->allocated : 64;
                Constraint *grown = reallocarray(catalog->items, allocated, sizeof(*grown));

                if (!grown)
                        return NULL;
                catalog->items = grown;
                catalog->allocated = allocated;
        }
        catalog->items[catalog->n_items] = (Constraint){.type = 'c'};
        return &catalog->items[catalog->n_items++];
}

/* A name without a schema is sought in the watched schemas, in their order. */
static Relation *find_wanted(const ConstraintCatalog *catalog, const TargetSettings *settings,
                             const char *schema, const char *name) {
        for (char **watched = settings->schemas; !*schema && watched && *watched; watched++) {
                Relation *found = find_wanted(catalog, settings, *watched, name);

                if (found)
                        return found;
        }
        for (size_t i = 0; *schema && i < catalog->n_relations; i++)
                if (str_equal(catalog->relations[i].name, name) &&
                    str_equal(catalog->relations[i].schema, schema))
                        return &catalog->relations[i];
        return NULL;
}

static int find_nearest(Constraint *item, const ConstraintCatalog *catalog) {
        _cleanup_(freep) const char **names = calloc(catalog->n_relations + 1, sizeof(*names));
        const char *nearest;

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < catalog->n_relations; i++)
                names[i] = catalog->relations[i].name;
        nearest = str_nearest(item->table, names);
        for (size_t i = 0; nearest && i < catalog->n_relations; i++)
                if (names[i] == nearest)
                        return str_set(&item->nearest, catalog->relations[i].sql);
        return 0;
}

static int add_wanted(ConstraintCatalog *catalog, const TargetSettings *settings,
                      const ConstraintSettings *wanted) {
        char schema[IDENTIFIER_MAX] = "", name[IDENTIFIER_MAX];
        bool is_name = check_name_split(wanted->table, schema, name) >= 0;
        Constraint *item = add_item(catalog);
        const char *where;

        if (!item)
                return -ENOMEM;
        item->wanted = wanted;
        if (is_name)
                item->relation = find_wanted(catalog, settings, schema, name);

        where = item->relation ? item->relation->schema : schema;
        if (!*where)
                where = settings->schemas ? settings->schemas[0] : NULL;
        if (str_set(&item->schema, where) < 0 || str_set(&item->table, is_name ? name : wanted->table) < 0 ||
            str_set(&item->name, wanted->name) < 0)
                return -ENOMEM;
        return item->relation ? 0 : find_nearest(item, catalog);
}

static int add_all_wanted(ConstraintCatalog *catalog, const TargetSettings *settings) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < settings->constraints.count; i++)
                r = add_wanted(catalog, settings, LIST_AT(settings->constraints, ConstraintSettings, i));
        return r;
}

static char *row_name(const Relation *relation, const Table *rows, size_t row) {
        const char *name = table_text(rows, row, "conname");

        if (name)
                return strdup(name);
        return constraint_not_null_name(relation->name, table_text(rows, row, "columns"));
}

/* Exclusion of a whole table, or of one constraint as schema.table.constraint. */
static bool is_excluded(const TargetSettings *settings, const Relation *relation, const char *name) {
        _cleanup_(freep) char *whole = NULL;

        if (!settings->exclude)
                return false;
        if (check_is_excluded(settings, relation->schema, relation->name))
                return true;
        whole = str_format("%s.%s.%s", relation->schema, relation->name, name);
        for (char **pattern = settings->exclude; whole && *pattern; pattern++) {
                const char *dot = strchr(*pattern, '.');

                if (dot && strchr(dot + 1, '.') && str_matches(whole, *pattern))
                        return true;
        }
        return false;
}

static int fill_item(Constraint *item, Relation *relation, const Table *rows, size_t row, const char *name) {
        const char *type = table_text(rows, row, "contype");

        item->relation = relation;
        item->exists = true;
        item->type = type ? *type : 'c';
        item->id = table_int(rows, row, "conid");
        item->is_validated = table_bool(rows, row, "validated");
        item->is_enforced = table_bool(rows, row, "enforced");
        item->no_inherit = item->type == 'c' && table_bool(rows, row, "no_inherit");
        if (str_set(&item->version, table_text(rows, row, "version")) < 0 ||
            str_set(&item->schema, relation->schema) < 0 || str_set(&item->table, relation->name) < 0)
                return -ENOMEM;
        return str_set(&item->name, name);
}

/* Every rule that means it: one that came second would say that it does not exist. How many, or -ENOMEM. */
static int fill_configured(ConstraintCatalog *catalog, size_t n_wanted, Relation *relation, const Table *rows,
                           size_t row, const char *name) {
        int n = 0;

        for (size_t i = 0; i < n_wanted; i++) {
                Constraint *item = &catalog->items[i];

                if (item->relation != relation || item->exists || !check_name_is(item->wanted->name, name))
                        continue;
                if (fill_item(item, relation, rows, row, name) < 0)
                        return -ENOMEM;
                n++;
        }
        return n;
}

static int add_row(ConstraintCatalog *catalog, const TargetSettings *settings, size_t n_wanted,
                   const Table *rows, size_t row) {
        Relation *relation = relation_by_id(catalog, table_int(rows, row, "relid"));
        _cleanup_(freep) char *name = NULL;
        Constraint *item;
        int n;

        if (!relation) /* made or dropped between the two statements */
                return 0;
        name = row_name(relation, rows, row);
        if (!name)
                return -ENOMEM;
        if (str_equal(table_text(rows, row, "contype"), "p") &&
            str_set(&relation->key, table_text(rows, row, "columns")) < 0)
                return -ENOMEM;

        n = fill_configured(catalog, n_wanted, relation, rows, row, name);
        if (n != 0)
                return n < 0 ? n : 0;
        if (!settings->discover || relation->is_extension || table_bool(rows, row, "is_inherited") ||
            !strv_contains(settings->schemas, relation->schema) || is_excluded(settings, relation, name))
                return 0;
        item = add_item(catalog);
        return item ? fill_item(item, relation, rows, row, name) : -ENOMEM;
}

/* What is known of a table before anything is tried: a refused attempt is noise in the server's
 * log, and a count behind row security is silently small. */
static Reason blocked_reason(const Relation *relation) {
        if (relation->kind != 'r' && relation->kind != 'p')
                return REASON_UNSUPPORTED;
        if (!relation->can_read || !relation->can_use)
                return REASON_PRIVILEGE;
        return relation->row_security ? REASON_ROW_SECURITY : REASON_OK;
}

static void finish_item(Constraint *item) {
        if (!item->relation)
                return;
        item->is_countable = (item->wanted && item->wanted->check) || (item->exists && item->type == 'c') ||
                             (item->exists && item->type == 'n' && !item->is_validated);
        if (item->is_countable || item->relation->kind == 'f')
                item->blocked = blocked_reason(item->relation);
}

static bool is_same_item(const Constraint *a, const Constraint *b) {
        return str_equal(a->name, b->name) && str_equal(a->table, b->table) &&
               str_equal(a->schema, b->schema) && (a->wanted != NULL) == (b->wanted != NULL);
}

/* A discovered constraint that was made anew starts anew; a configured rule goes on. */
static void carry(Constraint *item, Constraint *before) {
        bool is_unchanged = item->id == before->id && item->exists == before->exists &&
                            str_equal(item->version, before->version);

        if (is_unchanged)
                item->comparison = before->comparison;
        if (item->id == before->id) {
                item->expression = TAKE(before->expression);
                item->is_trusted = before->is_trusted;
        }
        if (item->id != before->id && (!item->wanted || !item->wanted->check))
                return;
        item->runs_alone = before->runs_alone;
        item->reading = before->reading;
        before->reading = (Reading){};
}

/* Both lists come in nearly the same order: each search goes on where the last one ended. */
static void carry_over(ConstraintCatalog *catalog, ConstraintCatalog *old) {
        size_t at = 0;

        for (size_t i = 0; i < catalog->n_items; i++)
                for (size_t tries = 0; tries < old->n_items; tries++) {
                        size_t j = (at + tries) % old->n_items;

                        if (!is_same_item(&catalog->items[i], &old->items[j]))
                                continue;
                        carry(&catalog->items[i], &old->items[j]);
                        at = j + 1;
                        break;
                }
}

int constraint_build(ConstraintCatalog *catalog, const TargetSettings *settings, const Table *rows,
                     const Table *relations) {
        _cleanup_(constraint_catalog_done) ConstraintCatalog built = {};
        int r;

        r = load_relations(&built, relations, catalog);
        if (r >= 0)
                r = add_all_wanted(&built, settings);
        for (size_t row = 0; r >= 0 && row < rows->n_rows; row++)
                r = add_row(&built, settings, settings->constraints.count, rows, row);
        if (r < 0)
                return r;
        for (size_t i = 0; i < built.n_items; i++)
                finish_item(&built.items[i]);
        carry_over(&built, catalog);

        constraint_catalog_done(catalog);
        *catalog = built;
        built = (ConstraintCatalog){};
        return 0;
}
