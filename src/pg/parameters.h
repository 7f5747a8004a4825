/* Parameters of a connection, as libpq names them: a small ordered map that wipes what it held.
 *
 * A value of "" counts as absent, as it does in libpq.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Both arrays are NULL-terminated and in step: what PQconnectStartParams() takes. */
typedef struct Parameters {
        char **keywords;
        char **values;
        size_t count;
} Parameters;

void parameters_done(Parameters *parameters); /* leaves it empty and usable */

const char *parameters_get(const Parameters *parameters, const char *keyword); /* NULL: absent */
bool parameters_are(const Parameters *parameters, const char *keyword, const char *value);
int parameters_set(Parameters *parameters, const char *keyword, const char *value); /* NULL removes */
int parameters_default(Parameters *parameters, const char *keyword, const char *value);

/* "a,,b" as { "a", "", "b" }; NULL text as { "" }. */
int list_split(const char *text, char ***ret);

/* free() for text that may hold a secret; NULL is fine. */
void wipe_free(char *text);

static inline void wipe_freep(char **text) {
        wipe_free(*text);
}
