/* Lexer: what PostgreSQL's quotes and comments hide. It interprets nothing.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "lexer.h"

#include <ctype.h>
#include <string.h>

bool lexer_is_word(char c) {
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

        while (lexer_is_word(at[length]) && at[length] != '$')
                length++;
        if (at[length] != '$' || isdigit((unsigned char)at[1]))
                return NULL;
        length++;
        for (end = at + length; *end; end++)
                if (strncmp(end, at, length) == 0)
                        return end + length;
        return end;
}

const char *lexer_skip_hidden(const char *begin, const char *at) {
        bool in_word = at > begin && lexer_is_word(at[-1]);
        bool has_escapes = in_word && (at[-1] == 'e' || at[-1] == 'E') &&
                           (at - 1 == begin || !lexer_is_word(at[-2]));

        if (at[0] == '-' && at[1] == '-')
                return at + strcspn(at, "\n\r");
        if (at[0] == '/' && at[1] == '*')
                return skip_block_comment(at);
        if (*at == '\'' || *at == '"')
                return skip_quoted(at, *at == '\'' && has_escapes);
        return *at == '$' && !in_word ? skip_dollar_quoted(at) : NULL;
}
