/* What may be shown of a value in a message.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <string.h>

#include "parse.h"
#include "pgvigil/model/secret.h"

#define SHOWN_MAX 60

char *value_shown(const char *value) {
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;
        size_t length = strlen(value);

        if (conninfo_holds_secret(value))
                return strdup("\"…\"");
        if (length > SHOWN_MAX)
                length = str_utf8_prefix(value, SHOWN_MAX);
        buffer_add_char(&out, '"');
        for (size_t i = 0; i < length; i++)
                buffer_add_char(&out, iscntrl((unsigned char)value[i]) ? '?' : value[i]);
        buffer_add(&out, value[length] ? "…\"" : "\"");
        return buffer_take(&out);
}
