/* A list of errors for people, collected in any order and shown by place.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/problems.h"

#include <stdarg.h>
#include <string.h>

#include "pgvigil/base/buffer.h"
#include "pgvigil/base/str.h"

static void problem_done(Problem *problem) {
        free(problem->file);
        free(problem->text);
        *problem = (Problem){};
}

void problems_done(Problems *problems) {
        for (size_t i = 0; i < problems->count; i++)
                problem_done(&problems->items[i]);
        free(problems->items);
        *problems = (Problems){};
}

static int problems_push(Problems *problems, Problem *problem) {
        Problem *items;

        items = reallocarray(problems->items, problems->count + 1, sizeof(*items));
        if (!items)
                return -1;
        problems->items = items;
        items[problems->count++] = *problem;
        *problem = (Problem){};
        return 0;
}

void problems_add(Problems *problems, const char *file, unsigned line, const char *format, ...) {
        _cleanup_(problem_done) Problem problem = {.line = line};
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        va_list arguments;

        va_start(arguments, format);
        buffer_vprintf(&text, format, arguments);
        va_end(arguments);
        problem.text = buffer_take(&text);
        if (!problem.text || str_set(&problem.file, file) < 0 || problems_push(problems, &problem) < 0)
                problems->failed = true;
}

/* By file (none first), line, and the order in which they were found. */
static int problem_compare(const void *a, const void *b) {
        const Problem *x = *(const Problem *const *)a, *y = *(const Problem *const *)b;
        int r;

        r = strcmp(x->file ? x->file : "", y->file ? y->file : "");
        if (r != 0)
                return r;
        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        return (x > y) - (x < y);
}

static void problem_format(const Problem *problem, Buffer *out) {
        buffer_add(out, problem->file);
        if (problem->file && problem->line > 0)
                buffer_printf(out, ":%u", problem->line);
        if (problem->file)
                buffer_add(out, ": ");
        buffer_add(out, problem->text);
        buffer_add_char(out, '\n');
}

char *problems_format(const Problems *problems) {
        _cleanup_(freep) const Problem **sorted = NULL;
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;

        sorted = calloc(problems->count + 1, sizeof(*sorted));
        if (!sorted)
                return NULL;
        for (size_t i = 0; i < problems->count; i++)
                sorted[i] = &problems->items[i];
        qsort(sorted, problems->count, sizeof(*sorted), problem_compare);

        for (size_t i = 0; i < problems->count; i++)
                problem_format(sorted[i], &out);
        if (problems->failed)
                buffer_add(&out, "out of memory: more was found than is listed here\n");
        return buffer_take(&out);
}
