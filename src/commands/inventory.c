/* What stands in a catalog, as the settings that would name it.
 *
 * It publishes its tables like any check; init.c turns their rows into Settings or into GRANTs.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "inventory.h"

#include <errno.h>
#include <string.h>

#include "inventory-sql.h"

/* A statement and where its rows go. */
typedef struct Part {
        const char *name;
        const Shape *shape;
        const char *sql;
} Part;

#define TEXT(column)                                                                                         \
        { .name = column, .kind = VALUE_TEXT, .role = FIELD_TEXT }
#define BOOL(column)                                                                                         \
        { .name = column, .kind = VALUE_BOOL, .role = FIELD_TEXT }

static const Field check_fields[] = {TEXT("tablename"), TEXT("name"), TEXT("expression")};
static const Shape check_shape = SHAPE("checks", check_fields);

static const Field key_fields[] = {TEXT("tablename"), TEXT("name"),      TEXT("columns"),
                                   TEXT("parent"),    TEXT("on_delete"), TEXT("on_update")};
static const Shape key_shape = SHAPE("foreign_keys", key_fields);

static const Field index_fields[] = {TEXT("tablename"), TEXT("name"), TEXT("columns"), BOOL("isunique")};
static const Shape index_shape = SHAPE("indexes", index_fields);

static const Field grant_fields[] = {TEXT("line"), TEXT("role"), BOOL("isours")};
static const Shape grant_shape = SHAPE("grants", grant_fields);

static const Part parts[] = {
        {"init.checks", &check_shape, CHECKS_SQL},
        {"init.foreign_keys", &key_shape, KEYS_SQL},
        {"init.indexes", &index_shape, INDEXES_SQL},
};

static const Part grant_parts[] = {
        {"init.grants", &grant_shape, GRANTS_SQL},
};

typedef struct Inventory {
        const Part *parts;
        size_t n_parts;
        size_t next;
        Table *tables[ELEMENTS(parts)];
        bool refused;
} Inventory;

static int inventory_make(const Part *of, size_t n, void **ret) {
        Inventory *inventory = calloc(1, sizeof(*inventory));

        if (!inventory)
                return -ENOMEM;
        inventory->parts = of;
        inventory->n_parts = n;
        *ret = inventory;
        return 0;
}

static int inventory_new(const TargetSettings *settings, void **ret) {
        return inventory_make(parts, ELEMENTS(parts), ret);
}

static int grants_new(const TargetSettings *settings, void **ret) {
        return inventory_make(grant_parts, ELEMENTS(grant_parts), ret);
}

static void *inventory_free(void *state) {
        Inventory *inventory = state;

        for (size_t i = 0; inventory && i < ELEMENTS(inventory->tables); i++)
                table_free(inventory->tables[i]);
        free(inventory);
        return NULL;
}

static int inventory_begin(void *state, const CheckContext *context, void *gathered) {
        Inventory *inventory = state;

        inventory->next = 0;
        return 0;
}

static int inventory_next(void *state, const CheckContext *context, Statement *ret) {
        Inventory *inventory = state;
        _cleanup_(freep) char *schemas = NULL;
        const Part *part;

        if (inventory->next >= inventory->n_parts)
                return 0;
        part = &inventory->parts[inventory->next];
        schemas = strv_array_literal(context->settings->schemas);
        ret->sql = strdup(part->sql);
        if (!schemas || !ret->sql)
                return -ENOMEM;
        ret->name = part->name;
        ret->shape = part->shape;
        return statement_add_parameter(ret, schemas) < 0 ? -ENOMEM : 1;
}

static int inventory_take(void *state, const CheckContext *context, const Outcome *outcome) {
        Inventory *inventory = state;
        Outcome *mine = (Outcome *)outcome;

        if (outcome->kind == OUTCOME_ROWS)
                inventory->tables[inventory->next] = TAKE(mine->table);
        else
                inventory->refused = true;
        inventory->next++;
        return 0;
}

/* Hands the tables over as they are. */
static int inventory_judge(void *state, const CheckContext *context, Report *report) {
        Inventory *inventory = state;

        if (inventory->refused)
                return -EACCES;
        report->tables = calloc(inventory->n_parts, sizeof(Table *));
        if (!report->tables)
                return -ENOMEM;
        for (size_t i = 0; i < inventory->n_parts; i++)
                if (inventory->tables[i])
                        report->tables[report->n_tables++] = TAKE(inventory->tables[i]);
        return 0;
}

#define INVENTORY(kind_name, make)                                                                           \
        {                                                                                                    \
                .name = kind_name, .help = "Reads the catalog for `pgvigil init`.",                          \
                .interval = offsetof(Intervals, catalog), .new = make, .free = inventory_free,               \
                .begin = inventory_begin, .next = inventory_next, .take = inventory_take,                    \
                .judge = inventory_judge,                                                                    \
        }

const CheckKind inventory_check = INVENTORY("inventory", inventory_new);
const CheckKind grants_check = INVENTORY("grants", grants_new);
