/* A growable byte buffer. The only place that grows text; never logs, never aborts.
 *
 * Growth doubles, so that appending n bytes costs O(n) in all. Every overflow of the size is
 * treated as a failed allocation.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pgvigil/base/str.h"

#define BUFFER_FIRST_SIZE 128

void buffer_done(Buffer *buffer) {
        free(buffer->data);
        *buffer = BUFFER_NULL;
}

void buffer_clear(Buffer *buffer) {
        buffer->length = 0;
        buffer->failed = false;
        if (buffer->data)
                buffer->data[0] = '\0';
}

/* Room for `more` bytes and the NUL. */
static bool buffer_reserve(Buffer *buffer, size_t more) {
        size_t need, size;
        char *data;

        if (buffer->failed)
                return false;
        if (__builtin_add_overflow(buffer->length, more, &need) || need >= SIZE_MAX / 2) {
                buffer->failed = true;
                return false;
        }
        if (need < buffer->size)
                return true;

        size = buffer->size > 0 ? buffer->size : BUFFER_FIRST_SIZE;
        while (size <= need)
                size *= 2;
        data = realloc(buffer->data, size);
        if (!data) {
                buffer->failed = true;
                return false;
        }
        buffer->data = data;
        buffer->size = size;
        buffer->data[buffer->length] = '\0';
        return true;
}

void buffer_append(Buffer *buffer, const void *bytes, size_t length) {
        if (length == 0 || !buffer_reserve(buffer, length))
                return;
        memcpy(buffer->data + buffer->length, bytes, length);
        buffer->length += length;
        buffer->data[buffer->length] = '\0';
}

void buffer_add(Buffer *buffer, const char *text) {
        if (text)
                buffer_append(buffer, text, strlen(text));
}

void buffer_add_char(Buffer *buffer, char c) {
        buffer_append(buffer, &c, 1);
}

void buffer_printf(Buffer *buffer, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        buffer_vprintf(buffer, format, arguments);
        va_end(arguments);
}

void buffer_vprintf(Buffer *buffer, const char *format, va_list arguments) {
        va_list copy;
        int length;

        va_copy(copy, arguments);
        length = vsnprintf(NULL, 0, format, copy);
        va_end(copy);
        if (length < 0) {
                buffer->failed = true;
                return;
        }
        if (!buffer_reserve(buffer, (size_t)length))
                return;
        (void)vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
        buffer->length += (size_t)length;
}

void buffer_add_utf8(Buffer *buffer, const char *text, size_t length) {
        size_t valid;

        while (length > 0) {
                valid = str_utf8_prefix(text, length);
                buffer_append(buffer, text, valid);
                if (valid == length)
                        return;
                buffer_add(buffer, "\xEF\xBF\xBD");
                text += valid + 1;
                length -= valid + 1;
        }
}

const char *buffer_text(const Buffer *buffer) {
        return buffer->data ? buffer->data : "";
}

int buffer_error(const Buffer *buffer) {
        return buffer->failed ? -ENOMEM : 0;
}

char *buffer_take(Buffer *buffer) {
        char *text = NULL;

        if (!buffer->failed && buffer_reserve(buffer, 0))
                text = TAKE(buffer->data);
        buffer_done(buffer);
        return text;
}
