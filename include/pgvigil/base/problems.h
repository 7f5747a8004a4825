/* A list of errors for people, each with its place: what a check of settings finds, all at once.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "pgvigil/base/macros.h"

typedef struct Problem {
        char *file;    /* NULL: no file, e.g. the command line */
        unsigned line; /* 0: no line */
        char *text;    /* names the thing, the reason and the cure; never a secret */
} Problem;

typedef struct Problems {
        Problem *items;
        size_t count;
        bool failed; /* out of memory while adding: more was found than is listed */
} Problems;

void problems_done(Problems *problems);
void problems_add(Problems *problems, const char *file, unsigned line, const char *format, ...)
        _printf_(4, 5);

/* Sorted by file and line, one a line: "FILE:LINE: TEXT\n". Owned; NULL when out of memory. */
char *problems_format(const Problems *problems);
