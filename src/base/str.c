/* Strings: comparing, copying, nearness, UTF-8. Works on bytes; never looks at the locale.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/str.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <string.h>

#define DISTANCE_MAX_LENGTH 63 /* NAMEDATALEN - 1 */

bool str_equal(const char *a, const char *b) {
        if (!a || !b)
                return a == b;
        return strcmp(a, b) == 0;
}

bool str_starts_with(const char *text, const char *prefix) {
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_is_empty(const char *text) {
        return !text || text[0] == '\0';
}

int str_set(char **target, const char *value) {
        char *copy = NULL;

        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*target);
        *target = copy;
        return 0;
}

char *str_format(const char *format, ...) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;
        va_list arguments;

        va_start(arguments, format);
        buffer_vprintf(&buffer, format, arguments);
        va_end(arguments);
        return buffer_take(&buffer);
}

static char ascii_lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c) {
        unsigned least = a < b ? a : b;

        return least < c ? least : c;
}

unsigned str_distance(const char *a, const char *b) {
        unsigned rows[3][DISTANCE_MAX_LENGTH + 1]; /* two rows back, the last, this one: i modulo 3 */
        size_t length_a = strlen(a), length_b = strlen(b);

        if (length_a > DISTANCE_MAX_LENGTH || length_b > DISTANCE_MAX_LENGTH)
                return DISTANCE_MAX_LENGTH + 1;

        for (size_t j = 0; j <= length_b; j++)
                rows[0][j] = (unsigned)j;
        for (size_t i = 1; i <= length_a; i++) {
                unsigned *row = rows[i % 3];
                const unsigned *last = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];
                char x = ascii_lower(a[i - 1]);

                row[0] = (unsigned)i;
                for (size_t j = 1; j <= length_b; j++) {
                        char y = ascii_lower(b[j - 1]);

                        row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y));
                        if (i > 1 && j > 1 && x == ascii_lower(b[j - 2]) && ascii_lower(a[i - 2]) == y &&
                            second[j - 2] + 1 < row[j])
                                row[j] = second[j - 2] + 1;
                }
        }
        return rows[length_a % 3][length_b];
}

const char *str_nearest(const char *word, const char *const *candidates) {
        size_t limit = strlen(word) / 3;
        const char *nearest = NULL;
        unsigned best;

        limit = limit < 1 ? 1 : limit > 4 ? 4 : limit;
        best = (unsigned)limit + 1;
        for (size_t i = 0; candidates[i]; i++) {
                unsigned distance = str_distance(word, candidates[i]);

                if (distance >= best)
                        continue;
                best = distance;
                nearest = candidates[i];
        }
        return nearest;
}

bool str_matches(const char *text, const char *pattern) {
        return fnmatch(pattern, text, 0) == 0;
}

/* The well-formed sequences of Unicode's table 3-7: the range of the first byte, how many follow,
 * and the range of the second byte, which shuts out overlong forms and surrogates. */
static const struct {
        unsigned char first_low, first_high, follow, second_low, second_high;
} utf8_forms[] = {
        {0x00, 0x7F, 0, 0x00, 0x00}, {0xC2, 0xDF, 1, 0x80, 0xBF}, {0xE0, 0xE0, 2, 0xA0, 0xBF},
        {0xE1, 0xEC, 2, 0x80, 0xBF}, {0xED, 0xED, 2, 0x80, 0x9F}, {0xEE, 0xEF, 2, 0x80, 0xBF},
        {0xF0, 0xF0, 3, 0x90, 0xBF}, {0xF1, 0xF3, 3, 0x80, 0xBF}, {0xF4, 0xF4, 3, 0x80, 0x8F},
};

/* Bytes of the character at the start of `text`, 0 when it is not valid. */
static size_t utf8_character(const unsigned char *text, size_t length) {
        for (size_t i = 0; i < ELEMENTS(utf8_forms); i++) {
                size_t follow = utf8_forms[i].follow;

                if (text[0] < utf8_forms[i].first_low || text[0] > utf8_forms[i].first_high)
                        continue;
                if (length <= follow)
                        return 0;
                if (follow > 0 && (text[1] < utf8_forms[i].second_low || text[1] > utf8_forms[i].second_high))
                        return 0;
                for (size_t j = 2; j <= follow; j++)
                        if (text[j] < 0x80 || text[j] > 0xBF)
                                return 0;
                return follow + 1;
        }
        return 0;
}

size_t str_utf8_prefix(const char *text, size_t length) {
        size_t done = 0;

        while (done < length) {
                size_t size = utf8_character((const unsigned char *)text + done, length - done);

                if (size == 0)
                        break;
                done += size;
        }
        return done;
}
