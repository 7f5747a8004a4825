/* Compact JSON straight into a Buffer.
 *
 * Health bodies are made at each request and a status of thousands of rows on the loop: no tree
 * is built of them first.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "json-writer.h"

#include <inttypes.h>
#include <math.h>

#include "format.h"

static void writer_begin(JsonWriter *json, const char *key) {
        if (json->has_sibling)
                buffer_add_char(json->out, ',');
        json->has_sibling = true;
        if (!key)
                return;
        buffer_add_json_string(json->out, key);
        buffer_add_char(json->out, ':');
}

void writer_open(JsonWriter *json, const char *key, char bracket) {
        writer_begin(json, key);
        buffer_add_char(json->out, bracket);
        json->has_sibling = false;
}

void writer_close(JsonWriter *json, char bracket) {
        buffer_add_char(json->out, bracket);
        json->has_sibling = true;
}

void writer_text(JsonWriter *json, const char *key, const char *text) {
        writer_begin(json, key);
        if (text)
                buffer_add_json_string(json->out, text);
        else
                buffer_add(json->out, "null");
}

void writer_int(JsonWriter *json, const char *key, int64_t number) {
        writer_begin(json, key);
        buffer_printf(json->out, "%" PRId64, number);
}

void writer_number(JsonWriter *json, const char *key, double number) {
        writer_begin(json, key);
        if (isfinite(number))
                buffer_add_number(json->out, number);
        else
                buffer_add(json->out, "null");
}

void writer_bool(JsonWriter *json, const char *key, bool truth) {
        writer_begin(json, key);
        buffer_add(json->out, truth ? "true" : "false");
}

void writer_null(JsonWriter *json, const char *key) {
        writer_text(json, key, NULL);
}

void writer_seconds(JsonWriter *json, const char *key, usec_t duration) {
        writer_begin(json, key);
        if (duration == USEC_INFINITY)
                buffer_add(json->out, "null");
        else
                buffer_add_seconds(json->out, duration);
}

void writer_time(JsonWriter *json, const char *key, usec_t realtime) {
        writer_begin(json, key);
        if (realtime == 0) {
                buffer_add(json->out, "null");
                return;
        }
        buffer_add_char(json->out, '"');
        buffer_add_time(json->out, realtime);
        buffer_add_char(json->out, '"');
}

void writer_value_number(JsonWriter *json, const char *key, const Value *value) {
        double number;

        if (value->kind == VALUE_INT)
                writer_int(json, key, value->integer);
        else if (value_number(value, &number))
                writer_number(json, key, number);
        else
                writer_null(json, key);
}

void writer_value(JsonWriter *json, const char *key, const Value *value) {
        if (value->kind == VALUE_TEXT)
                writer_text(json, key, value->text);
        else if (value->kind == VALUE_BOOL)
                writer_bool(json, key, value->boolean);
        else if (value->kind == VALUE_HISTOGRAM) {
                writer_open(json, key, '{');
                writer_int(json, "count", (int64_t)value->histogram->count);
                writer_number(json, "sum", value->histogram->sum);
                writer_close(json, '}');
        } else
                writer_value_number(json, key, value);
}
