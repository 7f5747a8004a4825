/* A growable byte buffer, always NUL-terminated, that remembers its first failure.
 *
 * Invariants: `data` is NULL (empty) or holds `length` bytes and a NUL. After an allocation
 * failed, `failed` stays true and every append does nothing: check once, at the end, with
 * buffer_take() or buffer_error().
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "pgvigil/base/macros.h"

typedef struct Buffer {
        char *data;
        size_t length;
        size_t size;
        bool failed;
} Buffer;

#define BUFFER_NULL ((Buffer){})

/* Frees the bytes; the buffer is empty and usable again afterwards. */
void buffer_done(Buffer *buffer);

/* Makes it empty, keeps the memory and clears `failed`. */
void buffer_clear(Buffer *buffer);

void buffer_append(Buffer *buffer, const void *bytes, size_t length);
void buffer_add(Buffer *buffer, const char *text); /* NULL adds nothing */
void buffer_add_char(Buffer *buffer, char c);
void buffer_printf(Buffer *buffer, const char *format, ...) _printf_(2, 3);
void buffer_vprintf(Buffer *buffer, const char *format, va_list arguments) _printf_(2, 0);

/* Appends `length` bytes as valid UTF-8: every invalid byte becomes U+FFFD. */
void buffer_add_utf8(Buffer *buffer, const char *text, size_t length);

/* "" when nothing was written. Borrowed until the next call on the buffer. */
const char *buffer_text(const Buffer *buffer);

/* -ENOMEM after any failed append, else 0. */
int buffer_error(const Buffer *buffer);

/* Hands the bytes over as a NUL-terminated string ("" when empty); NULL when the buffer had
 * failed. The buffer is empty afterwards either way. */
char *buffer_take(Buffer *buffer);
