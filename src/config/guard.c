/* The guard in front of libconfig 1.5: a lexer over its syntax that builds nothing.
 *
 * It refuses what libconfig swallows (unterminated comments, NUL, numbers that wrap), hangs on
 * (too many keys, deep nesting) or exits over (@include), and keys that stand twice, with both
 * lines. All that it lets pass is judged by libconfig afterwards; it never interprets a value.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "guard.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "pgvigil/base/str.h"

#define MAX_ASSIGNMENTS 5000
#define MAX_KEYS        200 /* of one group: libconfig compares each with each */
#define MAX_ELEMENTS    5000
#define MAX_NESTING     16
#define MAX_STRING      65536

typedef struct Key {
        const char *text;
        size_t length;
        unsigned line;
} Key;

typedef struct Scope {
        char opened_by;
        unsigned line;
        size_t first_key; /* keys[first_key…] are of this scope */
} Scope;

typedef struct Lexer {
        const char *at, *end, *file;
        unsigned line;
        Problems *problems;
        Key keys[(MAX_NESTING + 1) * MAX_KEYS]; /* of the open scopes, inner ones last */
        size_t n_keys, n_assignments, n_elements;
        Scope scopes[MAX_NESTING + 1]; /* [0] is the file */
        size_t depth;
        Key name; /* the name just read; length 0: none */
        Key key;  /* the key last assigned to */
} Lexer;

/* Ends the run: what follows cannot be told apart any more. */
static void lexer_stop(Lexer *lexer) {
        lexer->at = lexer->end;
}

static char peek(const Lexer *lexer, size_t ahead) {
        return (size_t)(lexer->end - lexer->at) > ahead ? lexer->at[ahead] : '\0';
}

static void skip_line_comment(Lexer *lexer) {
        const char *newline = memchr(lexer->at, '\n', (size_t)(lexer->end - lexer->at));

        lexer->at = newline ? newline : lexer->end;
}

static unsigned count_lines(const char *text, const char *end) {
        unsigned n = 0;

        while ((text = memchr(text, '\n', (size_t)(end - text)))) {
                n++;
                text++;
        }
        return n;
}

static void skip_block_comment(Lexer *lexer) {
        const char *close = memmem(lexer->at + 2, (size_t)(lexer->end - lexer->at - 2), "*/", 2);

        if (!close) {
                problems_add(lexer->problems, lexer->file, lexer->line,
                             "this comment is never closed: */ is missing");
                lexer_stop(lexer);
                return;
        }
        lexer->line += count_lines(lexer->at, close);
        lexer->at = close + 2;
}

/* \x00 would cut the string where nobody sees it. */
static bool is_nul_escape(const Lexer *lexer) {
        return (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X') && peek(lexer, 2) == '0' &&
               peek(lexer, 3) == '0';
}

static void read_string(Lexer *lexer) {
        const char *start = lexer->at++;
        unsigned line = lexer->line;

        while (lexer->at < lexer->end && *lexer->at != '"') {
                if (*lexer->at == '\n')
                        lexer->line++;
                if (*lexer->at == '\\' && is_nul_escape(lexer))
                        problems_add(lexer->problems, lexer->file, lexer->line,
                                     "a string may not hold \\x00");
                lexer->at += *lexer->at == '\\' && (peek(lexer, 1) == '"' || peek(lexer, 1) == '\\') ? 2 : 1;
        }
        if (lexer->at >= lexer->end) {
                problems_add(lexer->problems, lexer->file, line,
                             "this string is never closed: \" is missing");
                lexer_stop(lexer);
                return;
        }
        if (lexer->at - start > MAX_STRING)
                problems_add(lexer->problems, lexer->file, line, "a string may have at most 64 KiB");
        lexer->at++;
}

/* The text stays unsaid: it may be a password that somebody forgot to quote. */
static void read_number(Lexer *lexer) {
        const char *start = lexer->at, *why;

        while (lexer->at < lexer->end && (isalnum((unsigned char)*lexer->at) || strchr("+-._", *lexer->at)))
                lexer->at++;
        why = config_number_refusal(start, (size_t)(lexer->at - start));
        if (why)
                problems_add(lexer->problems, lexer->file, lexer->line, "%.*s%sthe value %s",
                             (int)lexer->key.length, lexer->key.text ? lexer->key.text : "",
                             lexer->key.length > 0 ? ": " : "", why);
}

static void read_name(Lexer *lexer) {
        const char *start = lexer->at;

        while (lexer->at < lexer->end && (isalnum((unsigned char)*lexer->at) || strchr("-_*", *lexer->at)))
                lexer->at++;
        lexer->name = (Key){start, (size_t)(lexer->at - start), lexer->line};
}

static void check_duplicate(Lexer *lexer) {
        const Key *name = &lexer->name;

        for (size_t i = lexer->scopes[lexer->depth].first_key; i < lexer->n_keys; i++)
                if (lexer->keys[i].length == name->length &&
                    memcmp(lexer->keys[i].text, name->text, name->length) == 0) {
                        problems_add(lexer->problems, lexer->file, name->line,
                                     "%.*s stands already on line %u", (int)name->length, name->text,
                                     lexer->keys[i].line);
                        return;
                }
}

static void too_many(Lexer *lexer, int limit, const char *what) {
        problems_add(lexer->problems, lexer->file, lexer->line, "more than %d %s", limit, what);
        lexer_stop(lexer);
}

/* At '=' or ':'. */
static void read_assignment(Lexer *lexer) {
        lexer->at++;
        if (++lexer->n_assignments > MAX_ASSIGNMENTS)
                too_many(lexer, MAX_ASSIGNMENTS, "settings");
        else if (lexer->n_keys - lexer->scopes[lexer->depth].first_key >= MAX_KEYS)
                too_many(lexer, MAX_KEYS, "settings in one group");
        else if (lexer->name.length > 0) {
                check_duplicate(lexer);
                lexer->keys[lexer->n_keys++] = lexer->key = lexer->name;
        }
        lexer->name = (Key){};
}

static void open_scope(Lexer *lexer) {
        if (lexer->depth >= MAX_NESTING) {
                problems_add(lexer->problems, lexer->file, lexer->line, "nested deeper than %d brackets",
                             MAX_NESTING);
                lexer_stop(lexer);
                return;
        }
        lexer->scopes[++lexer->depth] = (Scope){*lexer->at++, lexer->line, lexer->n_keys};
}

static void close_scope(Lexer *lexer, char opened_by) {
        const Scope *scope = &lexer->scopes[lexer->depth];
        char c = *lexer->at++;

        if (lexer->depth == 0)
                problems_add(lexer->problems, lexer->file, lexer->line, "'%c' closes nothing", c);
        else if (scope->opened_by != opened_by)
                problems_add(lexer->problems, lexer->file, lexer->line, "'%c' where '%c' of line %u is open",
                             c, scope->opened_by, scope->line);
        if (lexer->depth == 0 || scope->opened_by != opened_by) {
                lexer_stop(lexer);
                return;
        }
        lexer->n_keys = scope->first_key;
        lexer->depth--;
}

static void read_separator(Lexer *lexer) {
        lexer->at++;
        if (++lexer->n_elements > MAX_ELEMENTS)
                too_many(lexer, MAX_ELEMENTS, "elements");
}

static void read_include(Lexer *lexer) {
        problems_add(lexer->problems, lexer->file, lexer->line,
                     "'@' is not allowed here: a file cannot include another");
        skip_line_comment(lexer);
}

static void read_token(Lexer *lexer) {
        char c = *lexer->at;

        if (isalpha((unsigned char)c) || c == '*')
                read_name(lexer);
        else if (isdigit((unsigned char)c) || strchr("+-.", c))
                read_number(lexer);
        else if (c == '"')
                read_string(lexer);
        else if (c == '=' || c == ':')
                read_assignment(lexer);
        else if (strchr("{[(", c))
                open_scope(lexer);
        else if (strchr("}])", c))
                close_scope(lexer, c == '}' ? '{' : c == ']' ? '[' : '(');
        else if (c == ',')
                read_separator(lexer);
        else if (c == '@')
                read_include(lexer);
        else
                lexer->at++; /* ';', or for libconfig to refuse */
}

static void lexer_run(Lexer *lexer) {
        while (lexer->at < lexer->end) {
                char c = *lexer->at;

                if (c == '\n')
                        lexer->line++;
                if (isspace((unsigned char)c))
                        lexer->at++;
                else if (c == '#' || (c == '/' && peek(lexer, 1) == '/'))
                        skip_line_comment(lexer);
                else if (c == '/' && peek(lexer, 1) == '*')
                        skip_block_comment(lexer);
                else {
                        /* Only '=' or ':' right after a name make it a key. */
                        if (c != '=' && c != ':')
                                lexer->name = (Key){};
                        read_token(lexer);
                }
        }
}

static int guard_bytes(const char *text, size_t length, const char *file, Problems *problems) {
        const char *nul = memchr(text, '\0', length);
        size_t valid = str_utf8_prefix(text, length);
        size_t n = problems->count;

        if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                problems_add(problems, file, 1, "begins with a byte order mark: save it without one");
        if (nul)
                problems_add(problems, file, 1 + count_lines(text, nul), "holds a NUL byte");
        if (valid < length)
                problems_add(problems, file, 1 + count_lines(text, text + valid), "is not valid UTF-8 here");
        return problems->count > n || problems->failed ? -EINVAL : 0;
}

int config_guard(const char *text, size_t length, const char *file, Problems *problems) {
        _cleanup_(freep) Lexer *lexer = NULL;
        size_t n = problems->count;

        if (guard_bytes(text, length, file, problems) < 0)
                return problems->failed ? -ENOMEM : -EINVAL;
        lexer = calloc(1, sizeof(*lexer));
        if (!lexer)
                return -ENOMEM;
        lexer->at = text;
        lexer->end = text + length;
        lexer->file = file;
        lexer->line = 1;
        lexer->problems = problems;
        lexer_run(lexer);

        if (problems->count == n && lexer->depth > 0)
                problems_add(problems, file, lexer->scopes[lexer->depth].line, "this '%c' is never closed",
                             lexer->scopes[lexer->depth].opened_by);
        if (problems->failed)
                return -ENOMEM;
        return problems->count > n ? -EINVAL : 0;
}
