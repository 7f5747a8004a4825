/* The text of a canary: whether it is a query, and how many parameters it has.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "canary.h"
#include "lexer.h"

/* EXECUTE takes no more, and a number may be any. */
#define PARAMETERS_MAX 999

static unsigned count_parameters(const char *sql) {
        unsigned most = 0;

        for (const char *at = sql; *at;) {
                const char *behind = lexer_skip_hidden(sql, at);
                unsigned number = 0;

                if (behind) {
                        at = behind;
                        continue;
                }
                if (*at == '$' && (at == sql || !lexer_is_word(at[-1])))
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
                        at = lexer_skip_hidden(sql, at);
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

        while (lexer_is_word(word[length]))
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
