/* What the checks share: names as a configuration writes them, text[] in and out, expectations
 * that wait for a migration, SQLSTATEs as reasons, findings of a relation.
 *
 * Pure: no I/O and no clock.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "common.h"

#include <errno.h>
#include <string.h>

int check_name_split(const char *text, char ret_schema[static IDENTIFIER_MAX],
                     char ret_name[static IDENTIFIER_MAX]) {
        char first[IDENTIFIER_MAX], second[IDENTIFIER_MAX];
        const char *end = identifier_read(text, first);

        if (!end)
                return -EINVAL;
        if (*end == '\0') {
                ret_schema[0] = '\0';
                memcpy(ret_name, first, sizeof(first));
                return 0;
        }
        if (*end != '.' || !(end = identifier_read(end + 1, second)) || *end)
                return -EINVAL;
        memcpy(ret_schema, first, sizeof(first));
        memcpy(ret_name, second, sizeof(second));
        return 0;
}

bool check_name_is_relation(const char *wanted, const char *schema, const char *relation) {
        char wanted_schema[IDENTIFIER_MAX], wanted_name[IDENTIFIER_MAX];

        if (!wanted || check_name_split(wanted, wanted_schema, wanted_name) < 0)
                return false;
        return str_equal(wanted_name, relation) && (!*wanted_schema || str_equal(wanted_schema, schema));
}

bool check_name_is(const char *wanted, const char *actual) {
        char part[IDENTIFIER_MAX];
        const char *end;

        if (!wanted || !actual)
                return false;
        if (str_equal(wanted, actual))
                return true;
        end = identifier_read(wanted, part);
        return end && !*end && str_equal(part, actual);
}

int check_name_find(char *const *wanted, const char *actual) {
        for (int i = 0; wanted && wanted[i]; i++)
                if (check_name_is(wanted[i], actual))
                        return i;
        return -1;
}

char *check_columns_text(char *const *columns) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        buffer_add_char(&text, '(');
        for (size_t i = 0; columns && columns[i]; i++) {
                buffer_add(&text, i > 0 ? ", " : NULL);
                buffer_add_identifier(&text, columns[i]);
        }
        buffer_add_char(&text, ')');
        return buffer_take(&text);
}

bool check_is_excluded(const TargetSettings *settings, const char *schema, const char *relation) {
        _cleanup_(freep) char *whole = NULL;

        if (!settings->exclude)
                return false;
        whole = str_format("%s.%s", schema, relation);
        for (char **pattern = settings->exclude; *pattern; pattern++)
                if (str_matches(strchr(*pattern, '.') && whole ? whole : relation, *pattern))
                        return true;
        return false;
}

bool check_is_watched(const TargetSettings *settings, const char *schema, const char *relation) {
        return strv_contains(settings->schemas, schema) && !check_is_excluded(settings, schema, relation);
}

static int add_schema_of(char ***schemas, const char *table) {
        char schema[IDENTIFIER_MAX], name[IDENTIFIER_MAX];

        if (!table || check_name_split(table, schema, name) < 0 || !*schema ||
            strv_contains(*schemas, schema))
                return 0;
        return strv_add(schemas, schema);
}

int check_schemas(const TargetSettings *settings, char ***ret) {
        _cleanup_(strv_freep) char **schemas = NULL;
        int r = strv_copy(settings->schemas, &schemas);

        for (size_t i = 0; r >= 0 && i < settings->constraints.count; i++)
                r = add_schema_of(&schemas, LIST_AT(settings->constraints, ConstraintSettings, i)->table);
        for (size_t i = 0; r >= 0 && i < settings->foreign_keys.count; i++) {
                const ForeignKeySettings *key = LIST_AT(settings->foreign_keys, ForeignKeySettings, i);

                r = add_schema_of(&schemas, key->table);
                if (r >= 0)
                        r = add_schema_of(&schemas, key->references);
        }
        for (size_t i = 0; r >= 0 && i < settings->indexes.count; i++)
                r = add_schema_of(&schemas, LIST_AT(settings->indexes, IndexSettings, i)->table);
        if (r < 0)
                return r;
        *ret = TAKE(schemas);
        return 0;
}

/* Reads one element into `out`; the position behind it (',' or '}'), or NULL. */
static const char *array_element(const char *text, Buffer *out) {
        bool quoted = *text == '"';

        if (quoted)
                text++;
        for (; *text; text++) {
                if (quoted ? *text == '"' : *text == ',' || *text == '}')
                        break;
                if (*text == '\\' && !*++text)
                        return NULL;
                buffer_add_char(out, *text);
        }
        if (!*text)
                return NULL;
        if (quoted)
                text++;
        else if (str_equal(buffer_text(out), "NULL"))
                buffer_clear(out);
        return *text == ',' || *text == '}' ? text : NULL;
}

int check_array_parse(const char *text, char ***ret) {
        _cleanup_(strv_freep) char **list = NULL;

        if (!text || str_equal(text, "{}")) {
                *ret = NULL;
                return 0;
        }
        if (*text != '{')
                return -EINVAL;
        do {
                _cleanup_(buffer_done) Buffer element = BUFFER_NULL;

                text = array_element(text + 1, &element);
                if (!text)
                        return -EINVAL;
                if (buffer_error(&element) < 0 || strv_add(&list, buffer_text(&element)) < 0)
                        return -ENOMEM;
        } while (*text == ',');
        if (text[1])
                return -EINVAL;
        *ret = TAKE(list);
        return 0;
}

Reason check_reason(const char *sqlstate) {
        static const struct {
                const char *states;
                Reason reason;
        } map[] = {
                {"0A000", REASON_UNSUPPORTED},    {"42501", REASON_PRIVILEGE},
                {"42703", REASON_NO_SUCH_COLUMN}, {"42P01", REASON_NO_SUCH_TABLE},
                {"54000", REASON_OVER_LIMIT},     {"55P03", REASON_LOCKED},
                {"57014", REASON_TIMEOUT},
        };

        for (size_t i = 0; i < ELEMENTS(map); i++)
                if (sqlstate_in(sqlstate, map[i].states))
                        return map[i].reason;
        return REASON_ERROR;
}

usec_t check_max_age(usec_t interval) {
        usec_t age = interval > USEC_INFINITY / 3 ? USEC_INFINITY : 3 * interval;

        return age > 30 * USEC_PER_SEC ? age : 30 * USEC_PER_SEC;
}

bool check_catalog_is_due(const CheckContext *context, usec_t boottime) {
        const Intervals *intervals = &context->settings->intervals;
        usec_t tick = intervals->catalog < intervals->violations ? intervals->catalog : intervals->violations;

        return usec_since(context->boottime, boottime) + tick / 4 >= intervals->catalog;
}

Expectation check_expectation(const CheckContext *context, const Rule *rule) {
        int r;

        if (!rule || str_is_empty(rule->expected_after))
                return EXPECT_NOW;
        if (!context->migrations)
                return EXPECT_UNSURE;
        r = migration_facts_applied(context->migrations, rule->expected_after);
        if (r < 0)
                return EXPECT_UNSURE;
        return r > 0 ? EXPECT_NOW : EXPECT_LATER;
}

void check_set_due(Finding *finding, const CheckContext *context, const Rule *rule, Reason reason) {
        Expectation expectation = check_expectation(context, rule);

        finding->seen = expectation == EXPECT_UNSURE ? SEEN_UNKNOWN : SEEN_BREACH;
        finding->reason = reason;
        if (expectation == EXPECT_LATER) {
                finding->severity = SEVERITY_INFO;
                finding->reason = REASON_NOT_EXPECTED_YET;
        }
}

void check_set_rule(Finding *finding, const TargetSettings *settings, const Rule *rule) {
        if (!rule) {
                finding->severity = settings->severity;
                return;
        }
        finding_apply_rule(finding, rule);
        finding->configured = true;
}

Finding *check_add(Report *report, FindingKind kind, const char *schema, const char *relation,
                   const char *name) {
        _cleanup_(freep) char *object = str_qualified(schema, relation);

        return object ? report_add(report, kind, object, name) : NULL;
}

static int set_text(char **text, const char *format, va_list arguments) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;
        char *said;

        buffer_vprintf(&buffer, format, arguments);
        said = buffer_take(&buffer);
        if (!said)
                return -ENOMEM;
        free(*text);
        *text = said;
        return 0;
}

int check_say(Finding *finding, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = set_text(&finding->summary, format, arguments);
        va_end(arguments);
        return r;
}

int check_advise(Finding *finding, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = set_text(&finding->hint, format, arguments);
        va_end(arguments);
        return r;
}

int check_repair(Finding *finding, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = set_text(&finding->repair, format, arguments);
        va_end(arguments);
        return r;
}

int check_blind(Report *report, size_t first, Reason reason) {
        for (size_t i = first; i < report->n_findings; i++) {
                Finding *finding = &report->findings[i];
                int r;

                if (finding->seen == SEEN_SKIPPED)
                        continue;
                finding->seen = SEEN_UNKNOWN;
                finding->reason = reason;
                r = check_say(finding, "%s", reason_help(reason));
                if (r < 0)
                        return r;
        }
        return 0;
}

int check_table_copy(const Table *table, Table **ret) {
        _cleanup_(table_freep) Table *copy = NULL;
        int r = table_new(table->shape, table->target, &copy);

        for (size_t row = 0; r >= 0 && row < table->n_rows; row++) {
                r = table_add_row(copy, NULL);
                for (size_t i = 0; r >= 0 && i < table->shape->n_fields; i++) {
                        size_t cell = row * table->shape->n_fields + i;

                        r = value_copy(&table->cells[cell], &copy->cells[cell]);
                }
        }
        if (r < 0)
                return r;
        *ret = TAKE(copy);
        return 0;
}
