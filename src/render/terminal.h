/* Lines for a person: marks, colours, one finding as a block. Shared by what `check` and `status`
 * print.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/render.h"

/* A finding as it is shown; all borrowed, each may be NULL. */
typedef struct FindingText {
        Status status;
        const char *kind, *object, *name, *summary, *reason, *hint, *method;
        char *const *keys;
} FindingText;

/* ✔ ! ? ✘ and - for skipped. */
void terminal_mark(Buffer *out, const TextOptions *options, Status status);
void terminal_status(Buffer *out, const TextOptions *options, Status status); /* its name, coloured */
void terminal_bold(Buffer *out, const TextOptions *options, const char *text);
void terminal_pad(Buffer *out, size_t width, size_t wanted);

/* "kind object name", filtered. */
void terminal_subject(Buffer *out, const FindingText *finding);

/* The first line behind an arrow; what follows (the statement that repairs) alone on its line,
 * ready to be copied. */
void terminal_hint(Buffer *out, const char *hint);

/* What does not pass: the subject, the summary, each line of the hint, the keys. */
void terminal_finding(Buffer *out, const TextOptions *options, const FindingText *finding);

/* *widest becomes the width of the subject where that is more, up to a limit. */
void terminal_widen(size_t *widest, const FindingText *finding);

/* What passes or is skipped: one line, the subject padded to `width`, then `note`. */
void terminal_passing(Buffer *out, const TextOptions *options, const FindingText *finding, size_t width,
                      const char *note);

/* "41 of 41 checked: 1 warn, 0 unknown, 0 fail (status: warn)" */
void terminal_scope(Buffer *out, const TextOptions *options, const Scope *scope, const size_t *by_status,
                    Status status);
