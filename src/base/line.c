/* Lines of texts of our own: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void line_add_text(Buffer *out, const char *text) {
        for (; *text; text++)
                switch (*text) {
                case '\n':
                        buffer_add(out, "\\n");
                        break;
                case '\\':
                        buffer_add(out, "\\\\");
                        break;
                default:
                        buffer_add_char(out, *text);
                }
        buffer_add_char(out, '\n');
}

char *line_take_word(char **line) {
        return *line && **line ? strsep(line, " ") : NULL;
}

int line_take_number(char **line, uint64_t *ret) {
        const char *word = line_take_word(line);
        char *end;

        if (!word || *word < '0' || *word > '9')
                return -EINVAL;
        errno = 0;
        *ret = strtoull(word, &end, 10);
        return *end || errno ? -EINVAL : 0;
}

char *line_take_text(char *line) {
        char *to = line;

        if (!line)
                return NULL;
        for (const char *from = line; *from; from++) {
                if (*from == '\\' && from[1])
                        *to++ = *++from == 'n' ? '\n' : *from;
                else
                        *to++ = *from;
        }
        *to = '\0';
        return line;
}
