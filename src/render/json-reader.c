/* JSON read back: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "json-reader.h"

#include "pgvigil/base/usec.h"

json_t *reader_free(json_t *json) {
        json_decref(json);
        return NULL;
}

const char *reader_text(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

void reader_add_duration(Buffer *out, const json_t *seconds) {
        double number = json_number_value(seconds);

        buffer_add_usec_human(out, number > 0 && number < 1e12 ? (usec_t)(number * (double)USEC_PER_SEC) : 0);
}
