/* gzip members that are compressed once and finished at each answer.
 *
 * The head is the gzip header and the body as raw deflate, ended by a full flush on a byte's
 * border. What is live goes behind it uncompressed, as stored blocks; the two checksums are
 * combined. Finishing costs a copy, never a compression.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#define STORED_MAX 65535

/* No name, no time, operating system unknown: equal bodies give equal bytes. */
static const unsigned char gzip_header[] = {0x1f, 0x8b, Z_DEFLATED, 0, 0, 0, 0, 0, 0, 0xff};

static int deflate_all(z_stream *stream, Buffer *out) {
        unsigned char chunk[16384];

        do {
                stream->next_out = chunk;
                stream->avail_out = sizeof(chunk);
                int r = deflate(stream, Z_FULL_FLUSH);
                if (r != Z_OK && r != Z_BUF_ERROR)
                        return -EIO;
                buffer_append(out, chunk, sizeof(chunk) - stream->avail_out);
        } while (stream->avail_out == 0);
        return buffer_error(out);
}

int gzip_head(const char *body, size_t length, Gzip *ret) {
        Gzip gzip = {.length = length};
        z_stream stream = {};

        if (length > UINT_MAX)
                return -EFBIG;
        /* Raw deflate (negative window bits). Level 1: the loop waits, and text of this kind
         * shrinks to a tenth at any level. */
        if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                return -ENOMEM;
        stream.next_in = (z_const Bytef *)body;
        stream.avail_in = (uInt)length;
        buffer_append(&gzip.head, gzip_header, sizeof(gzip_header));
        int r = deflate_all(&stream, &gzip.head);
        deflateEnd(&stream);
        if (r < 0) {
                gzip_done(&gzip);
                return r;
        }
        gzip.crc = crc32_z(0, (const Bytef *)body, length);
        *ret = gzip;
        return 0;
}

static void add_little_endian(Buffer *out, unsigned long number, size_t bytes) {
        for (; bytes > 0; bytes--, number >>= 8)
                buffer_add_char(out, (char)(number & 0xff));
}

/* At least one block, the last one final: what ends the deflate stream. */
static void add_stored(Buffer *out, const char *bytes, size_t length) {
        bool is_final = false;

        while (!is_final) {
                size_t part = length > STORED_MAX ? STORED_MAX : length;
                is_final = part == length;
                buffer_add_char(out, is_final ? 1 : 0);
                add_little_endian(out, part, 2);
                add_little_endian(out, ~part, 2);
                buffer_append(out, bytes, part);
                bytes += part;
                length -= part;
        }
}

int gzip_finish(const Gzip *gzip, const char *tail, size_t length, Buffer *out) {
        unsigned long crc = crc32_z(0, (const Bytef *)tail, length);

        buffer_append(out, buffer_text(&gzip->head), gzip->head.length);
        add_stored(out, tail, length);
        add_little_endian(out, crc32_combine(gzip->crc, crc, (z_off_t)length), 4);
        add_little_endian(out, gzip->length + length, 4);
        return buffer_error(out);
}

void gzip_done(Gzip *gzip) {
        buffer_done(&gzip->head);
        *gzip = (Gzip){};
}
