/* Accept: lists of names with qualities (RFC 9110, 12.4.2), as far as two names each need it.
 *
 * A quality that does not parse counts as 0: what is not understood is not sent. Commas inside
 * quoted parameters are not expected of any scraper and split an item.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "accept.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "pgvigil/base/macros.h"

typedef struct Wanted {
        const char *name;
        size_t offset; /* of its quality in Preferences */
} Wanted;

static const Wanted wanted_encodings[] = {
        {"*", offsetof(Preferences, any_encoding)},
        {"gzip", offsetof(Preferences, gzip)},
        {"x-gzip", offsetof(Preferences, gzip)},
};

static const Wanted wanted_types[] = {
        {"application/openmetrics-text", offsetof(Preferences, openmetrics)},
        {"text/plain", offsetof(Preferences, text)},
};

static const char *skip_blanks(const char *text) {
        return text + strspn(text, " \t");
}

/* "1", "0.5", "0.123" in thousandths; anything else is 0. */
static int quality_parse(const char *text) {
        if (text[0] == '1')
                return 1000;
        if (text[0] != '0' || text[1] != '.')
                return 0;
        int quality = 0, weight = 100;
        for (const char *digit = text + 2; isdigit((unsigned char)*digit) && weight > 0; digit++) {
                quality += (*digit - '0') * weight;
                weight /= 10;
        }
        return quality;
}

/* The q parameter between `text` and `end`; 1000 where there is none. */
static int quality_find(const char *text, const char *end) {
        while ((text = memchr(text, ';', (size_t)(end - text)))) {
                text = skip_blanks(text + 1);
                if (tolower((unsigned char)text[0]) == 'q' && text[1] == '=')
                        return quality_parse(text + 2);
                if (text >= end)
                        break;
        }
        return 1000;
}

static void preferences_add(Preferences *preferences, const char *header, const Wanted *wanted, size_t n) {
        for (const char *item = header; *item;) {
                item = skip_blanks(item);
                const char *end = item + strcspn(item, ",");
                size_t length = strcspn(item, ",; \t");
                for (size_t i = 0; i < n; i++) {
                        if (strlen(wanted[i].name) != length ||
                            strncasecmp(wanted[i].name, item, length) != 0)
                                continue;
                        int *quality = (int *)((char *)preferences + wanted[i].offset);
                        int found = quality_find(item, end);
                        *quality = found > *quality ? found : *quality;
                }
                item = *end ? end + 1 : end;
        }
}

void preferences_add_encoding(Preferences *preferences, const char *header) {
        preferences_add(preferences, header, wanted_encodings, ELEMENTS(wanted_encodings));
}

void preferences_add_accept(Preferences *preferences, const char *header) {
        preferences_add(preferences, header, wanted_types, ELEMENTS(wanted_types));
}

bool preferences_gzip(const Preferences *preferences) {
        return (preferences->gzip >= 0 ? preferences->gzip : preferences->any_encoding) > 0;
}

bool preferences_openmetrics(const Preferences *preferences) {
        return preferences->openmetrics > 0 && preferences->openmetrics >= preferences->text;
}
