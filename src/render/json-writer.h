/* Compact JSON straight into a Buffer: keys in the order of the calls, valid UTF-8, no NaN.
 *
 * A key of NULL writes an element of an array (or the top).
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/value.h"

typedef struct JsonWriter {
        Buffer *out;
        bool has_sibling; /* a comma is due before the next value */
} JsonWriter;

void writer_open(JsonWriter *json, const char *key, char bracket); /* '{' or '[' */
void writer_close(JsonWriter *json, char bracket);
void writer_text(JsonWriter *json, const char *key, const char *text); /* NULL: null */
void writer_int(JsonWriter *json, const char *key, int64_t number);
void writer_number(JsonWriter *json, const char *key, double number); /* not finite: null */
void writer_bool(JsonWriter *json, const char *key, bool truth);
void writer_null(JsonWriter *json, const char *key);
void writer_seconds(JsonWriter *json, const char *key, usec_t duration); /* USEC_INFINITY: null */
void writer_time(JsonWriter *json, const char *key, usec_t realtime);    /* 0, never: null */

/* As it is: true, 5, 0.5, "text", {"count":…,"sum":…}, null. */
void writer_value(JsonWriter *json, const char *key, const Value *value);

/* A number or null, whatever it is. */
void writer_value_number(JsonWriter *json, const char *key, const Value *value);
