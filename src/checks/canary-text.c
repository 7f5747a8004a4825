/* The text of a canary: whether it is a query, and how many parameters it has. A lexer that knows what
 * PostgreSQL's quotes and comments hide; it interprets nothing.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "canary.h"

/* EXECUTE takes no more, and a number may be any. */
#define PARAMETERS_MAX 999

static bool is_word(char c) {
        return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* Behind the closing quote, or the end of the text. */
static const char *skip_quoted(const char *at, bool has_escapes) {
        char quote = *at++;

        for (; *at && *at != quote; at++)
                if (has_escapes && *at == '\\' && at[1])
                        at++;
        return *at ? at + 1 : at;
}

static const char *skip_block_comment(const char *at) {
        unsigned depth = 0;

        do {
                if (at[0] == '/' && at[1] == '*') {
                        depth++;
                        at += 2;
                } else if (at[0] == '*' && at[1] == '/') {
                        depth--;
                        at += 2;
                } else
                        at++;
        } while (depth > 0 && *at);
        return at;
}

/* At a "$": behind the "$tag$…$tag$" that begins there, or NULL where none does. */
static const char *skip_dollar_quoted(const char *at) {
        size_t length = 1;
        const char *end;

        while (is_word(at[length]) && at[length] != '$')
                length++;
        if (at[length] != '$' || isdigit((unsigned char)at[1]))
                return NULL;
        length++;
        for (end = at + length; *end; end++)
                if (strncmp(end, at, length) == 0)
                        return end + length;
        return end;
}

/* Behind a comment or a quoted part that begins here, or NULL. */
static const char *skip_hidden(const char *begin, const char *at) {
        bool in_word = at > begin && is_word(at[-1]);
        bool has_escapes = in_word && (at[-1] == 'e' || at[-1] == 'E') &&
                           (at - 1 == begin || !is_word(at[-2]));

        if (at[0] == '-' && at[1] == '-')
                return at + strcspn(at, "\n\r");
        if (at[0] == '/' && at[1] == '*')
                return skip_block_comment(at);
        if (*at == '\'' || *at == '"')
                return skip_quoted(at, *at == '\'' && has_escapes);
        return *at == '$' && !in_word ? skip_dollar_quoted(at) : NULL;
}

static unsigned count_parameters(const char *sql) {
        unsigned most = 0;

        for (const char *at = sql; *at;) {
                const char *behind = skip_hidden(sql, at);
                unsigned number = 0;

                if (behind) {
                        at = behind;
                        continue;
                }
                if (*at == '$' && (at == sql || !is_word(at[-1])))
                        for (const char *digit = at + 1; isdigit((unsigned char)*digit); digit++)
                                number = number > PARAMETERS_MAX ? number
                                                                 : 10 * number + (unsigned)(*digit - '0');
                most = number > most ? number : most;
                at++;
        }
        return most > PARAMETERS_MAX ? PARAMETERS_MAX : most;
}

static const char *first_word(const char *sql) {
        const char *at = sql;

        for (;;) {
                bool is_comment = strncmp(at, "--", 2) == 0 || strncmp(at, "/*", 2) == 0;

                if (is_comment)
                        at = skip_hidden(sql, at);
                else if (*at == '(' || isspace((unsigned char)*at))
                        at++;
                else
                        return at;
        }
}

/* What writes is the server's to refuse: it does so in a read-only transaction. But no COMMIT, no COPY. */
CanaryText canary_text_read(const char *sql) {
        static const char *const words[] = {"DELETE", "INSERT", "MERGE",  "SELECT",
                                            "TABLE",  "UPDATE", "VALUES", "WITH"};
        CanaryText text = {.n_parameters = count_parameters(sql)};
        const char *word = first_word(sql);
        size_t length = 0;

        while (is_word(word[length]))
                length++;
        for (size_t i = 0; i < ELEMENTS(words); i++)
                text.is_query |= length == strlen(words[i]) && strncasecmp(word, words[i], length) == 0;
        return text;
}

size_t canary_text_length(const char *sql) {
        size_t length = strlen(sql);

        while (length > 0 && (sql[length - 1] == ';' || isspace((unsigned char)sql[length - 1])))
                length--;
        return length;
}
