/* Identifiers and literals as PostgreSQL writes and reads them. Never judges whether a name exists.
 *
 * The words are those that quote_ident() quotes: every keyword of PostgreSQL 13 to 18 that is not
 * unreserved. A word too many costs a pair of quotes, a word too few a syntax error.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/str.h"

#include <ctype.h>
#include <string.h>

/* Sorted by strcmp(). */
static const char *const keywords[] = {
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "between",
        "bigint",
        "binary",
        "bit",
        "boolean",
        "both",
        "case",
        "cast",
        "char",
        "character",
        "check",
        "coalesce",
        "collate",
        "collation",
        "column",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "dec",
        "decimal",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "exists",
        "extract",
        "false",
        "fetch",
        "float",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "greatest",
        "group",
        "grouping",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "inout",
        "int",
        "integer",
        "intersect",
        "interval",
        "into",
        "is",
        "isnull",
        "join",
        "json",
        "json_array",
        "json_arrayagg",
        "json_exists",
        "json_object",
        "json_objectagg",
        "json_query",
        "json_scalar",
        "json_serialize",
        "json_table",
        "json_value",
        "lateral",
        "leading",
        "least",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "merge_action",
        "national",
        "natural",
        "nchar",
        "none",
        "normalize",
        "not",
        "notnull",
        "null",
        "nullif",
        "numeric",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "out",
        "outer",
        "overlaps",
        "overlay",
        "placing",
        "position",
        "precision",
        "primary",
        "real",
        "references",
        "returning",
        "right",
        "row",
        "select",
        "session_user",
        "setof",
        "similar",
        "smallint",
        "some",
        "substring",
        "symmetric",
        "system_user",
        "table",
        "tablesample",
        "then",
        "time",
        "timestamp",
        "to",
        "trailing",
        "treat",
        "trim",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "varchar",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
        "xmlattributes",
        "xmlconcat",
        "xmlelement",
        "xmlexists",
        "xmlforest",
        "xmlnamespaces",
        "xmlparse",
        "xmlpi",
        "xmlroot",
        "xmlserialize",
        "xmltable",
};

static int compare_keyword(const void *word, const void *entry) {
        return strcmp(word, *(const char *const *)entry);
}

static bool is_keyword(const char *word) {
        return bsearch(word, keywords, ELEMENTS(keywords), sizeof(keywords[0]), compare_keyword) != NULL;
}

/* By bytes, not by locale: the server folds and accepts ASCII only without quotes. */
static bool is_plain_name(const char *name) {
        if (!((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_'))
                return false;
        return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static void buffer_add_quoted(Buffer *buffer, const char *text, char quote) {
        buffer_add_char(buffer, quote);
        for (const char *c = text; *c; c++) {
                if (*c == quote)
                        buffer_add_char(buffer, quote);
                buffer_add_char(buffer, *c);
        }
        buffer_add_char(buffer, quote);
}

void buffer_add_identifier(Buffer *buffer, const char *name) {
        if (is_plain_name(name) && !is_keyword(name))
                buffer_add(buffer, name);
        else
                buffer_add_quoted(buffer, name, '"');
}

void buffer_add_literal(Buffer *buffer, const char *text) {
        buffer_add_quoted(buffer, text, '\'');
}

const char *identifier_read(const char *text, char ret[static IDENTIFIER_MAX]) {
        bool quoted = *text == '"', closed = !quoted;
        size_t n = 0;

        if (quoted)
                text++;
        for (; *text; text++) {
                if (quoted && *text == '"' && *++text != '"') {
                        closed = true;
                        break;
                }
                if (!quoted && *text == '.')
                        break;
                if (n == IDENTIFIER_MAX - 1)
                        return NULL;
                ret[n++] = quoted || !isascii((unsigned char)*text) ? *text : (char)tolower(*text);
        }
        ret[n] = '\0';
        return n > 0 && closed ? text : NULL;
}

char *str_qualified(const char *schema, const char *name) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

        if (schema) {
                buffer_add_identifier(&buffer, schema);
                buffer_add_char(&buffer, '.');
        }
        buffer_add_identifier(&buffer, name);
        return buffer_take(&buffer);
}
