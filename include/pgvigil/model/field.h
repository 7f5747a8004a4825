/* Field: one column, said once. Shape: the fields of a table.
 *
 * JSON keys, metric families, HELP lines, table heads and the reference manual are generic walks
 * over these; a metric name or key that is spelled in two places is a bug.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stddef.h>

#include "pgvigil/base/macros.h"
#include "pgvigil/model/value.h"

typedef enum FieldRole {
        FIELD_LABEL,   /* names the row */
        FIELD_GAUGE,   /* number that goes up and down */
        FIELD_COUNTER, /* number that only grows; its family ends in _total */
        FIELD_HISTOGRAM,
        FIELD_STATE,  /* text, one of `states`: one sample a state, 1 for the current one */
        FIELD_TEXT,   /* for people: JSON and text only */
        FIELD_HIDDEN, /* for judging only: rendered nowhere */
} FieldRole;

typedef struct Field {
        const char *name; /* result column and JSON key */
        ValueKind kind;
        FieldRole role;
        const char *metric; /* the whole family name, or NULL: no metric */
        const char *labels; /* comma list of LABEL fields this family carries; NULL: all of them */
        const char *states; /* FIELD_STATE: comma list, in order */
        const char *unit;   /* "rows", "bytes", "seconds", or NULL */
        const char *help;   /* one sentence; says so when the value is polled */
} Field;

typedef struct Shape {
        const char *name; /* "constraint": also the key of the table in /api/v1/status */
        const Field *fields;
        size_t n_fields;
} Shape;

#define SHAPE(shape_name, array)                                                                             \
        { .name = (shape_name), .fields = (array), .n_fields = ELEMENTS(array) }

/* Index of the field, or -1. */
int shape_find(const Shape *shape, const char *name);
