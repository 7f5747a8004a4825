/* What is wrong with one foreign key, in words, and the statement that repairs it.
 *
 * Pure, and knows no table but the key's own.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "foreign-key.h"

/* Before it NOT VALID is refused on a partitioned table. */
#define VERSION_PARTITIONED_NOT_VALID 180000

/* Every wanted column is one of the key's, with the same partner where partners are named. */
static bool columns_match(const ForeignKey *key, const ForeignKeySettings *wanted) {
        size_t n = strv_length(key->columns);
        bool partners = wanted->referenced_columns != NULL;

        if (strv_length(wanted->columns) != n || (partners && strv_length(wanted->referenced_columns) != n))
                return false;
        for (size_t i = 0; i < n; i++) {
                int at = check_name_find(wanted->columns, key->columns[i]);

                if (at < 0)
                        return false;
                if (partners && !check_name_is(wanted->referenced_columns[at], key->referenced_columns[i]))
                        return false;
        }
        return true;
}

bool foreign_key_matches(const ForeignKey *key, const ForeignKeySettings *wanted) {
        if (!check_name_is_relation(wanted->table, key->schema, key->table))
                return false;
        if (wanted->references &&
            !check_name_is_relation(wanted->references, key->referenced_schema, key->referenced_table))
                return false;
        return !wanted->columns || columns_match(key, wanted);
}

bool foreign_key_acts(const ForeignKey *key, const ForeignKeySettings *wanted) {
        return (str_is_empty(wanted->on_delete) || str_equal(wanted->on_delete, key->on_delete)) &&
               (str_is_empty(wanted->on_update) || str_equal(wanted->on_update, key->on_update));
}

Reason foreign_key_reason(const ForeignKey *key, const ForeignKeySettings *wanted) {
        if (wanted && !foreign_key_matches(key, wanted))
                return REASON_DIFFERS;
        if (!key->is_enforced)
                return REASON_NOT_ENFORCED;
        if (key->disabled_on)
                return REASON_DISABLED;
        if (wanted && !foreign_key_acts(key, wanted))
                return REASON_WRONG_ACTION;
        if (!key->is_valid)
                return REASON_NOT_VALID;
        if (key->not_null)
                return REASON_NOT_NULL_ACTION;
        return key->suppressors ? REASON_SUPPRESSED : REASON_OK;
}

/* The strings that every sentence is made of. */
typedef struct Words {
        char *table, *referenced, *name, *columns, *referenced_columns, *definition;
} Words;

static void words_done(Words *words) {
        free(words->table);
        free(words->referenced);
        free(words->name);
        free(words->columns);
        free(words->referenced_columns);
        free(words->definition);
}

static char *quoted(const char *name) {
        return str_qualified(NULL, name);
}

static void add_action(Buffer *out, const char *event, const char *action) {
        buffer_printf(out, " ON %s ", event);
        for (; *action; action++)
                buffer_add_char(out,
                                *action >= 'a' && *action <= 'z' ? (char)(*action - 'a' + 'A') : *action);
}

/* What follows the constraint's name, with the actions that are wanted. */
static char *definition(const ForeignKey *key, const ForeignKeySettings *wanted, const Words *words) {
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
        bool new_delete = wanted && !str_is_empty(wanted->on_delete);
        bool new_update = wanted && !str_is_empty(wanted->on_update);

        buffer_printf(&out, "FOREIGN KEY %s REFERENCES %s %s%s", words->columns, words->referenced,
                      words->referenced_columns, key->is_full ? " MATCH FULL" : "");
        add_action(&out, "DELETE", new_delete ? wanted->on_delete : key->on_delete);
        if (key->set_columns && (!new_delete || str_equal(wanted->on_delete, key->on_delete))) {
                _cleanup_(freep) char *set = check_columns_text(key->set_columns);

                buffer_printf(&out, " %s", set ? set : "");
        }
        add_action(&out, "UPDATE", new_update ? wanted->on_update : key->on_update);
        if (key->is_deferrable)
                buffer_add(&out, key->is_deferred ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE");
        return buffer_take(&out);
}

static int words_init(Words *words, const ForeignKey *key, const ForeignKeySettings *wanted) {
        words->table = str_qualified(key->schema, key->table);
        words->referenced = str_qualified(key->referenced_schema, key->referenced_table);
        words->name = quoted(key->name);
        words->columns = check_columns_text(key->columns);
        words->referenced_columns = check_columns_text(key->referenced_columns);
        if (!words->table || !words->referenced || !words->name || !words->columns ||
            !words->referenced_columns)
                return -ENOMEM;
        words->definition = definition(key, wanted, words);
        return words->definition ? 0 : -ENOMEM;
}

bool foreign_key_takes_not_valid(const CheckContext *context) {
        return context->server && context->server->version_num >= VERSION_PARTITIONED_NOT_VALID;
}

int foreign_key_repair(Finding *finding, const char *table, const char *name, const char *defined,
                       bool not_valid) {
        if (!not_valid)
                return check_repair(finding, "ALTER TABLE %s ADD CONSTRAINT %s %s;", table, name, defined);
        return check_repair(
                finding,
                "ALTER TABLE %s ADD CONSTRAINT %s %s NOT VALID; ALTER TABLE %s VALIDATE CONSTRAINT %s;",
                table, name, defined, table, name);
}

/* Makes it anew: without blocking writers for the scan, where PostgreSQL can. */
static int repair_anew(Finding *finding, const ForeignKey *key, const Words *words) {
        if (key->is_partitioned)
                return check_repair(finding, "ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s;",
                                    words->table, words->name, words->name, words->definition);
        return check_repair(finding,
                            "ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s NOT VALID; "
                            "ALTER TABLE %s VALIDATE CONSTRAINT %s;",
                            words->table, words->name, words->name, words->definition, words->table,
                            words->name);
}

typedef int (*Say)(Finding *, const ForeignKey *, const ForeignKeySettings *, const Words *);

static int say_ok(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                  const Words *words) {
        return check_say(finding, "%s references %s, on delete %s, on update %s: enforced and validated.",
                         words->columns, words->referenced, key->on_delete, key->on_update);
}

static int say_differs(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                       const Words *words) {
        _cleanup_(freep) char *expected = wanted->columns ? check_columns_text(wanted->columns)
                                                          : strdup("it");
        int r;

        if (!expected)
                return -ENOMEM;
        r = check_say(finding, "The constraint is %s references %s; expected is %s references %s.",
                      words->columns, words->referenced, expected,
                      wanted->references ? wanted->references : words->referenced);
        return r < 0 ? r : check_advise(finding, "Correct the constraint, or the configuration.");
}

static int say_not_enforced(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                            const Words *words) {
        int r = check_say(
                finding, "%s references %s, but is NOT ENFORCED: PostgreSQL checks nothing and does nothing.",
                words->columns, words->referenced);

        if (r < 0)
                return r;
        return check_repair(finding, "ALTER TABLE %s ALTER CONSTRAINT %s ENFORCED;", words->table,
                            words->name);
}

static int say_disabled(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                        const Words *words) {
        _cleanup_(freep) char *tables = strv_join(key->disabled_on, ", ");
        _cleanup_(buffer_done) Buffer repair = BUFFER_NULL;
        int r;

        if (!tables)
                return -ENOMEM;
        for (size_t i = 0; key->disabled_on[i]; i++)
                buffer_printf(&repair, "%sALTER TABLE %s ENABLE TRIGGER ALL;", i > 0 ? " " : "",
                              key->disabled_on[i]);
        r = check_say(finding, "The triggers that enforce it are disabled on %s: nothing is checked there.",
                      tables);
        if (r >= 0)
                r = check_advise(finding,
                                 "What was written meanwhile stays unchecked until the constraint is "
                                 "dropped, added again and validated.");
        return r < 0 ? r : check_repair(finding, "%s", buffer_text(&repair));
}

static int say_wrong_action(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                            const Words *words) {
        bool is_delete = !str_is_empty(wanted->on_delete) && !str_equal(wanted->on_delete, key->on_delete);
        bool is_update = !str_is_empty(wanted->on_update) && !str_equal(wanted->on_update, key->on_update);
        int r;

        if (is_delete && is_update)
                r = check_say(finding,
                              "On delete it does %s, expected is %s; on update it does %s, expected is %s.",
                              key->on_delete, wanted->on_delete, key->on_update, wanted->on_update);
        else
                r = check_say(finding, "On %s it does %s, expected is %s.", is_delete ? "delete" : "update",
                              is_delete ? key->on_delete : key->on_update,
                              is_delete ? wanted->on_delete : wanted->on_update);
        return r < 0 ? r : repair_anew(finding, key, words);
}

static int say_not_valid(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                         const Words *words) {
        int r = check_say(finding, "%s references %s is NOT VALID: rows from before it were never checked.",
                          words->columns, words->referenced);

        if (r < 0)
                return r;
        return check_repair(finding, "ALTER TABLE %s VALIDATE CONSTRAINT %s;", words->table, words->name);
}

static int say_not_null_action(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                               const Words *words) {
        _cleanup_(freep) char *columns = check_columns_text(key->not_null);
        bool is_delete = str_equal(key->on_delete, "set null");
        int r;

        if (!columns)
                return -ENOMEM;
        r = check_say(finding,
                      "On %s it sets %s to NULL, which is NOT NULL: such a statement on %s can only fail.",
                      is_delete ? "delete" : "update", columns, words->referenced);
        return r < 0 ? r : check_advise(finding, "Make the column nullable, or choose another action.");
}

static int say_suppressed(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                          const Words *words) {
        _cleanup_(freep) char *triggers = strv_join(key->suppressors, ", ");
        int r;

        if (!triggers)
                return -ENOMEM;
        r = check_say(
                finding,
                "A BEFORE trigger on %s (%s) may swallow its action (on delete %s, on update %s) and leave "
                "rows that refer to nothing.",
                words->table, triggers, key->on_delete, key->on_update);
        return r < 0 ? r
                     : check_advise(finding,
                                    "Let the trigger's function return OLD for DELETE and NEW for UPDATE "
                                    "on every path, or make it an AFTER trigger.");
}

int foreign_key_describe(Finding *finding, const ForeignKey *key, const ForeignKeySettings *wanted,
                         Reason reason) {
        static const struct {
                Reason reason;
                Say say;
        } sayings[] = {
                {REASON_DIFFERS, say_differs},       {REASON_NOT_ENFORCED, say_not_enforced},
                {REASON_DISABLED, say_disabled},     {REASON_WRONG_ACTION, say_wrong_action},
                {REASON_NOT_VALID, say_not_valid},   {REASON_NOT_NULL_ACTION, say_not_null_action},
                {REASON_SUPPRESSED, say_suppressed},
        };
        _cleanup_(words_done) Words words = {};
        int r = words_init(&words, key, wanted);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTS(sayings); i++)
                if (sayings[i].reason == reason)
                        return sayings[i].say(finding, key, wanted, &words);
        return say_ok(finding, key, wanted, &words);
}

/* "TABLE_COLUMNS_LABEL", the longer of the first two cut until it fits. */
static char *object_name(const char *table, const char *columns, const char *label) {
        size_t room = IDENTIFIER_MAX - 1 - strlen(label) - 2, t = strlen(table), c = strlen(columns);

        while (t + c > room)
                *(t > c ? &t : &c) -= 1;
        t = str_utf8_prefix(table, t); /* no half characters */
        c = str_utf8_prefix(columns, c);
        return str_format("%.*s_%.*s_%s", (int)t, table, (int)c, columns, label);
}

char *foreign_key_new_name(const char *table, char *const *columns, char *const *taken) {
        _cleanup_(freep) char *joined = strv_join(columns, "_");
        char *name = joined ? object_name(table, joined, "fkey") : NULL;

        for (unsigned i = 1; name && strv_contains(taken, name); i++) {
                char label[32];

                snprintf(label, sizeof(label), "fkey%u", i);
                free(name);
                name = object_name(table, joined, label);
        }
        return name;
}

char *foreign_key_wanted_name(const ForeignKeySettings *wanted) {
        _cleanup_(freep) char *columns = check_columns_text(wanted->columns);

        return columns ? str_format("%s references %s", columns,
                                    wanted->references ? wanted->references : "?")
                       : NULL;
}

/* "public.orders" as configured, quoted as it must be; the schema as it stands, or none. */
static char *wanted_table(const char *table) {
        char schema[IDENTIFIER_MAX], name[IDENTIFIER_MAX];

        if (check_name_split(table, schema, name) < 0)
                return strdup(table);
        return str_qualified(*schema ? schema : NULL, name);
}

/* As configured, else as PostgreSQL would call it; quoted. */
static char *missing_name(const ForeignKeySettings *wanted, char *const *taken) {
        char schema[IDENTIFIER_MAX], table[IDENTIFIER_MAX];
        _cleanup_(freep) char *name = NULL;

        if (!str_is_empty(wanted->name))
                return quoted(wanted->name);
        if (check_name_split(wanted->table, schema, table) < 0)
                return quoted("fkey");
        name = foreign_key_new_name(table, wanted->columns, taken);
        return name ? quoted(name) : NULL;
}

/* What follows the constraint's name; the actions that are not configured are PostgreSQL's default. */
static char *missing_definition(const ForeignKeySettings *wanted, const char *referenced) {
        _cleanup_(freep) char *columns = check_columns_text(wanted->columns);
        _cleanup_(freep) char *partners = check_columns_text(wanted->referenced_columns);
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;

        if (!columns || !partners)
                return NULL;
        buffer_printf(&out, "FOREIGN KEY %s REFERENCES %s%s%s", columns, referenced,
                      wanted->referenced_columns ? " " : "", wanted->referenced_columns ? partners : "");
        if (!str_is_empty(wanted->on_delete))
                add_action(&out, "DELETE", wanted->on_delete);
        if (!str_is_empty(wanted->on_update))
                add_action(&out, "UPDATE", wanted->on_update);
        return buffer_take(&out);
}

int foreign_key_describe_missing(Finding *finding, const ForeignKeySettings *wanted, char *const *taken,
                                 bool not_valid) {
        _cleanup_(freep) char *referenced = wanted->references ? wanted_table(wanted->references) : NULL;
        _cleanup_(freep) char *name = missing_name(wanted, taken), *columns = NULL, *defined = NULL;

        if (!name || (wanted->references && !referenced))
                return -ENOMEM;
        if (!wanted->columns || !referenced)
                return check_say(finding, "There is no foreign key %s on %s.", wanted->name ? name : "",
                                 finding->object);
        columns = check_columns_text(wanted->columns);
        defined = missing_definition(wanted, referenced);
        if (!columns || !defined ||
            check_say(finding, "There is no foreign key %s on %s that references %s.", columns,
                      finding->object, referenced) < 0)
                return -ENOMEM;
        return foreign_key_repair(finding, finding->object, name, defined, not_valid);
}
