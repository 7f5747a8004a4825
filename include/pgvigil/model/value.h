/* Value: one cell. NULL is knowledge that is absent, never 0 and never "".
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pgvigil/base/buffer.h"
#include "pgvigil/base/usec.h"

typedef enum ValueKind {
        VALUE_NULL,
        VALUE_BOOL,
        VALUE_INT,
        VALUE_FLOAT,
        VALUE_TEXT,
        VALUE_HISTOGRAM,
} ValueKind;

#define HISTOGRAM_BUCKETS 12

/* Durations in seconds; the bounds are histogram_bounds[], the last bucket is +Inf. */
typedef struct Histogram {
        uint64_t buckets[HISTOGRAM_BUCKETS + 1]; /* not cumulative */
        uint64_t count;
        double sum;
} Histogram;

extern const double histogram_bounds[HISTOGRAM_BUCKETS];

void histogram_add(Histogram *histogram, usec_t duration);

typedef struct Value {
        ValueKind kind;
        union {
                bool boolean;
                int64_t integer;
                double number;
                char *text;           /* owned */
                Histogram *histogram; /* owned: as it was then */
        };
} Value;

#define VALUE_NONE        ((Value){.kind = VALUE_NULL})
#define VALUE_OF_INT(n)   ((Value){.kind = VALUE_INT, .integer = (n)})
#define VALUE_OF_BOOL(b)  ((Value){.kind = VALUE_BOOL, .boolean = (b)})
#define VALUE_OF_FLOAT(n) ((Value){.kind = VALUE_FLOAT, .number = (n)})

void value_done(Value *value);                      /* leaves VALUE_NULL */
int value_copy(const Value *value, Value *ret);     /* 0 or -ENOMEM */
int value_set_text(Value *value, const char *text); /* NULL text: VALUE_NULL */
int value_set_histogram(Value *value, const Histogram *histogram);
bool value_equal(const Value *a, const Value *b);

/* PostgreSQL's text form of a cell into the wanted kind; NULL text gives VALUE_NULL.
 * Returns 0, -ENOMEM, or -EINVAL when the text is no such value. */
int value_parse(ValueKind kind, const char *text, Value *ret);

/* As a number for a metric: false for NULL, text and histograms. */
bool value_number(const Value *value, double *ret);
