/* How single values are written: numbers, seconds, escapes, comma lists.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgvigil/base/str.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

void buffer_add_number(Buffer *out, double number) {
        char digits[64];

        if (isnan(number)) {
                buffer_add(out, "NaN");
                return;
        }
        if (isinf(number)) {
                buffer_add(out, number > 0 ? "+Inf" : "-Inf");
                return;
        }
        for (int precision = 15; precision <= 17; precision++) {
                snprintf(digits, sizeof(digits), "%.*g", precision, number);
                if (strtod(digits, NULL) == number)
                        break;
        }
        /* What is neither digit, sign nor exponent is the locale's decimal point, of any length. */
        bool has_point = false;
        for (const char *c = digits; *c; c++)
                if (strchr("0123456789+-e", *c))
                        buffer_add_char(out, *c);
                else if (!has_point) {
                        buffer_add_char(out, '.');
                        has_point = true;
                }
}

void buffer_add_seconds(Buffer *out, usec_t duration) {
        unsigned msec = (unsigned)(duration % USEC_PER_SEC / USEC_PER_MSEC);
        int digits = 3;

        buffer_printf(out, "%" PRIu64, duration / USEC_PER_SEC);
        if (msec == 0)
                return;
        for (; msec % 10 == 0; msec /= 10)
                digits--;
        buffer_printf(out, ".%0*u", digits, msec);
}

typedef void (*EscapeByte)(Buffer *out, unsigned char c);

static bool is_control(unsigned char c) {
        return c < 0x20 || c == 0x7f;
}

static void add_valid(Buffer *out, const char *text, size_t length, EscapeByte escape) {
        size_t run = 0;

        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];
                if (!is_control(c) && c != '"' && c != '\\')
                        continue;
                buffer_append(out, text + run, i - run);
                escape(out, c);
                run = i + 1;
        }
        buffer_append(out, text + run, length - run);
}

/* Control characters, quotes and backslashes go through `escape`, the rest over as it is. */
static void add_escaped(Buffer *out, const char *text, EscapeByte escape) {
        size_t length = text ? strlen(text) : 0;

        while (length > 0) {
                size_t valid = str_utf8_prefix(text, length);
                add_valid(out, text, valid, escape);
                text += valid;
                length -= valid;
                if (length == 0)
                        break;
                buffer_add(out, REPLACEMENT);
                text++;
                length--;
        }
}

static void escape_json(Buffer *out, unsigned char c) {
        static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* byte, its letter, … */

        for (const char *pair = shorts; *pair; pair += 2)
                if ((unsigned char)*pair == c) {
                        buffer_add_char(out, '\\');
                        buffer_add_char(out, pair[1]);
                        return;
                }
        buffer_printf(out, "\\u%04x", c);
}

void buffer_add_json_string(Buffer *out, const char *text) {
        buffer_add_char(out, '"');
        add_escaped(out, text, escape_json);
        buffer_add_char(out, '"');
}

static void escape_label(Buffer *out, unsigned char c) {
        if (c == '\n')
                buffer_add(out, "\\n");
        else if (is_control(c))
                buffer_printf(out, "\\\\x%02x", c);
        else
                buffer_printf(out, "\\%c", c);
}

void buffer_add_label_value(Buffer *out, const char *text) {
        add_escaped(out, text, escape_label);
}

static void escape_help(Buffer *out, unsigned char c) {
        if (c == '"')
                buffer_add_char(out, c);
        else
                escape_label(out, c);
}

void buffer_add_help(Buffer *out, const char *text, bool escape_quotes) {
        add_escaped(out, text, escape_quotes ? escape_label : escape_help);
}

static void escape_terminal(Buffer *out, unsigned char c) {
        if (c == '\n')
                buffer_add(out, "\\n");
        else if (is_control(c))
                buffer_printf(out, "\\x%02x", c);
        else
                buffer_add_char(out, (char)c);
}

/* Bytes of the character at `text` when a terminal would act on it instead of showing it: C1
 * controls, line separators, marks and overrides of the writing direction. Else 0. */
static size_t invisible_length(const unsigned char *text) {
        if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f)
                return 2;
        if (text[0] != 0xe2)
                return 0;
        if (text[1] == 0x80 && (text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae)))
                return 3;
        return text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9 ? 3 : 0;
}

void buffer_add_terminal(Buffer *out, const char *text) {
        _cleanup_(buffer_done) Buffer valid = {};

        add_escaped(&valid, text, escape_terminal);
        for (const char *c = buffer_text(&valid); *c;) {
                size_t length = invisible_length((const unsigned char *)c);
                if (length > 0)
                        buffer_add(out, REPLACEMENT);
                else
                        buffer_add_char(out, *c);
                c += length > 0 ? length : 1;
        }
        if (buffer_error(&valid) < 0)
                out->failed = true;
}

size_t format_width(const char *text) {
        size_t width = 0;

        for (; *text; text++)
                width += ((unsigned char)*text & 0xc0) != 0x80;
        return width;
}

bool format_next_word(const char **cursor, const char **ret_word, size_t *ret_length) {
        const char *word = *cursor;

        if (!word)
                return false;
        word += strspn(word, ", ");
        if (!*word)
                return false;
        *ret_word = word;
        *ret_length = strcspn(word, ", ");
        *cursor = word + *ret_length;
        return true;
}

bool format_word_equal(const char *word, size_t length, const char *text) {
        return text && strncmp(word, text, length) == 0 && text[length] == '\0';
}
