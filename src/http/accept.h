/* Accept: which of the two encodings and the two metric formats a client prefers.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

/* Qualities in thousandths; -1: not named. Several header lines add up. */
typedef struct Preferences {
        int gzip, any_encoding;
        int openmetrics, text;
} Preferences;

#define PREFERENCES_NONE ((Preferences){-1, -1, -1, -1})

void preferences_add_encoding(Preferences *preferences, const char *header); /* Accept-Encoding */
void preferences_add_accept(Preferences *preferences, const char *header);   /* Accept */

/* `gzip` (or, where it is not named, `*`) with a quality above 0. */
bool preferences_gzip(const Preferences *preferences);

/* Named with a quality above 0 that is not below the one of text/plain. */
bool preferences_openmetrics(const Preferences *preferences);
