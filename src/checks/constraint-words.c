/* Names in an SQL expression, as far as it takes to say which one is misspelt.
 *
 * The server has refused the expression already; this finds the word to show. It is no parser and
 * decides nothing.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "constraint-text.h"

static bool is_name_start(char c) {
        return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_part(char c) {
        return is_name_start(c) || isdigit((unsigned char)c) || c == '$';
}

static const char *skip_quoted(const char *text, char quote) {
        for (text++; *text; text++) {
                if (*text != quote)
                        continue;
                if (text[1] != quote)
                        return text + 1;
                text++;
        }
        return text;
}

/* To the next name; the names of types (::name) are passed over. */
static const char *skip_to_name(const char *text) {
        while (*text && *text != '"' && !is_name_start(*text)) {
                if (*text == '\'') {
                        text = skip_quoted(text, '\'');
                } else if (text[0] == '-' && text[1] == '-') {
                        text += strcspn(text, "\n");
                } else if (text[0] == ':' && text[1] == ':') {
                        text += 2 + strspn(text + 2, " ");
                        while (is_name_part(*text) || *text == '.')
                                text++;
                } else if (isdigit((unsigned char)*text)) {
                        while (is_name_part(*text) || *text == '.') /* also 1e5 */
                                text++;
                } else {
                        text++;
                }
        }
        return text;
}

static const char *read_name(const char *text, Buffer *out) {
        if (*text != '"') {
                for (; is_name_part(*text); text++)
                        buffer_add_char(out, (char)((unsigned char)*text < 0x80 ? tolower(*text) : *text));
                return text;
        }
        for (text++; *text; text++) {
                if (*text == '"' && *++text != '"')
                        break;
                buffer_add_char(out, *text);
        }
        return text;
}

static bool is_keyword(const char *word) {
        static const char *const keywords[] = {
                "all",     "and",          "any",   "array",    "at",       "between",   "case",   "cast",
                "collate", "current_date", "date",  "distinct", "else",     "end",       "escape", "exists",
                "false",   "from",         "ilike", "in",       "interval", "is",        "isnull", "like",
                "not",     "notnull",      "null",  "numeric",  "or",       "row",       "select", "similar",
                "some",    "symmetric",    "text",  "then",     "time",     "timestamp", "to",     "true",
                "unknown", "when",         "where", "zone",
        };

        for (size_t i = 0; i < ELEMENTS(keywords); i++)
                if (str_equal(word, keywords[i]))
                        return true;
        return false;
}

/* Whether what was read up to `end` can be meant as a column: no keyword, no function, no
 * qualifier of what follows. */
static bool may_be_column(const char *word, bool is_quoted, const char *end) {
        end += strspn(end, " \t\r\n");
        return *word && *end != '(' && *end != '.' && (is_quoted || !is_keyword(word));
}

int constraint_guess_column(const char *expression, char *const *columns, char **ret_column,
                            const char **ret_nearest) {
        _cleanup_(freep) char *column = NULL;
        const char *nearest = NULL;

        while (!nearest && *(expression = skip_to_name(expression))) {
                _cleanup_(buffer_done) Buffer word = BUFFER_NULL;
                bool is_quoted = *expression == '"';

                expression = read_name(expression, &word);
                if (!may_be_column(buffer_text(&word), is_quoted, expression) ||
                    strv_contains(columns, buffer_text(&word)))
                        continue;
                nearest = columns ? str_nearest(buffer_text(&word), (const char *const *)columns) : NULL;
                if ((!column || nearest) && str_set(&column, buffer_text(&word)) < 0)
                        return -ENOMEM;
        }
        *ret_column = TAKE(column);
        *ret_nearest = nearest;
        return 0;
}

/* Words that make an expression depend on the clock, the session or other tables. */
static bool is_opaque_word(const char *word) {
        static const char *const words[] = {
                "current_catalog", "current_date", "current_role",
                "current_schema",  "current_time", "current_timestamp",
                "current_user",    "localtime",    "localtimestamp",
                "operator",        "select",       "session_user",
                "system_user",     "table",        "user",
        };

        for (size_t i = 0; i < ELEMENTS(words); i++)
                if (str_equal(word, words[i]))
                        return true;
        return false;
}

/* What could hide a word from skip_to_name(): comments, and strings that do not end at the next quote. */
static bool is_unreadable(const char *expression) {
        return strpbrk(expression, "$\\") || strstr(expression, "/*") || strstr(expression, "--") ||
               strcasestr(expression, "U&");
}

static bool has_word(const char *text, const char *word) {
        for (const char *at = text; (at = strcasestr(at, word)); at++) {
                char before = at > text ? at[-1] : ' ', after = at[strlen(word)];

                if (!is_name_part(before) && !is_name_part(after))
                        return true;
        }
        return false;
}

/* Words that mean another time each day, wherever they stand in a literal, and types whose input may be a
 * user's code. */
static bool has_opaque_literal(const char *expression) {
        static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};

        for (size_t i = 0; strchr(expression, '\'') && i < ELEMENTS(words); i++)
                if (has_word(expression, words[i]))
                        return true;
        for (const char *cast = expression; (cast = strstr(cast, "::"));) {
                cast += 2;
                cast += strspn(cast, " \t\r\n");
                while (is_name_part(*cast) || *cast == '"')
                        cast++;
                if (*cast == '.')
                        return true;
        }
        return false;
}

int constraint_calls(const char *expression, char ***calls, bool *ret_is_opaque) {
        const char *begin = expression;

        *ret_is_opaque = is_unreadable(expression) || has_opaque_literal(expression);
        while (*(expression = skip_to_name(expression))) {
                _cleanup_(buffer_done) Buffer word = BUFFER_NULL;
                bool is_qualified = expression > begin && expression[-1] == '.';

                expression = read_name(expression, &word);
                expression += strspn(expression, " \t\r\n");
                *ret_is_opaque |= is_opaque_word(buffer_text(&word)) || (is_qualified && *expression == '(');
                if (*expression == '(' && !is_keyword(buffer_text(&word)) &&
                    strv_add(calls, buffer_text(&word)) < 0)
                        return -ENOMEM;
        }
        return 0;
}
