/* See the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "statement-text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lexer.h"

static const Field text_fields[] = {
        {.name = "queryid", .kind = VALUE_INT, .role = FIELD_HIDDEN, .help = "Statement."},
        {.name = "text", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Its text."},
};

const Shape statement_texts_shape = SHAPE("statement_texts", text_fields);
#include "pgvigil/base/str.h"

static bool is_blank(char c) {
        return (unsigned char)c <= ' ';
}

/* Whatever is between two words is one blank. */
static void add_blank(Buffer *out) {
        if (out->length > 0 && buffer_text(out)[out->length - 1] != ' ')
                buffer_add_char(out, ' ');
}

static void add_name(Buffer *out, const char *from, const char *behind) {
        for (; from < behind; from++)
                buffer_add_char(out, is_blank(*from) ? ' ' : *from);
}

static void add_hidden(Buffer *out, const char *from, const char *behind) {
        if (*from == '"')
                add_name(out, from, behind);
        else if (*from == '\'' || *from == '$')
                buffer_add_char(out, '?');
        else
                add_blank(out);
}

/* Behind the word, parameter or number that begins here. */
static const char *add_word(Buffer *out, const char *at) {
        const char *behind = at + 1;
        bool is_number = isdigit((unsigned char)*at);

        while (lexer_is_word(*behind) || (is_number && *behind == '.'))
                behind++;
        if (is_number)
                buffer_add_char(out, '?');
        else if (*behind != '\'' || behind - at > 1) /* the E of E'…' is part of what is hidden */
                add_name(out, at, behind);
        return behind;
}

static void add_all(Buffer *out, const char *sql) {
        for (const char *at = sql; *at && out->length <= STATEMENT_TEXT_MAX;) {
                const char *behind = lexer_skip_hidden(sql, at);

                if (behind) {
                        add_hidden(out, at, behind);
                        at = behind;
                } else if (lexer_is_word(*at)) {
                        at = add_word(out, at);
                } else if (is_blank(*at)) {
                        add_blank(out);
                        at++;
                } else
                        buffer_add_char(out, *at++);
        }
}

void statement_text_add(Buffer *out, const char *sql) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        const char *all;
        size_t length;

        add_all(&text, sql);
        if (buffer_error(&text) < 0) {
                out->failed = true;
                return;
        }
        all = buffer_text(&text);
        length = strlen(all);
        if (length > STATEMENT_TEXT_MAX)
                length = str_utf8_prefix(all, STATEMENT_TEXT_MAX);
        while (length > 0 && all[length - 1] == ' ')
                length--;
        buffer_printf(out, "%.*s%s", (int)length, all, strlen(all) > STATEMENT_TEXT_MAX ? "…" : "");
}

int statement_texts_publish(const Table *texts, Report *report) {
        Table *table = report_table(report, &statement_texts_shape);
        int r = table ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < texts->n_rows; i++) {
                _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
                size_t row;

                if (table_is_null(texts, i, "text"))
                        continue;
                statement_text_add(&text, table_text(texts, i, "text"));
                r = buffer_error(&text) < 0 ? -ENOMEM : table_add_row(table, &row);
                if (r >= 0)
                        r = table_set_text(table, row, "text", buffer_text(&text));
                if (r >= 0)
                        table_set_int(table, row, "queryid", table_int(texts, i, "queryid"));
        }
        return r;
}
