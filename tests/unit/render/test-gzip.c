/* gzip members made of a compressed head and a stored tail, read back by three readers.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <unistd.h>
#include <zlib.h>

#include "fixture.h"

static const struct {
        size_t body, tail;
} sizes[] = {
        {0, 0},         {0, 1},         {1, 0},      {1000, 10},     {100000, 65534},
        {70000, 65535}, {70000, 65536}, {3, 200000}, {5000000, 300},
};

/* Half repeats, half does not. */
static char *make_bytes(size_t length, unsigned seed) {
        char *bytes = malloc(length + 1);

        ck_assert_ptr_nonnull(bytes);
        for (size_t i = 0; i < length; i++) {
                seed = seed * 1103515245 + 12345;
                bytes[i] = i % 64 < 32 ? 'a' : (char)(seed >> 16);
        }
        return bytes;
}

static void make_member(const char *body, size_t body_length, const char *tail, size_t tail_length,
                        Buffer *out) {
        Gzip gzip = {};

        ck_assert_int_eq(gzip_head(body, body_length, &gzip), 0);
        ck_assert_int_eq(gzip_finish(&gzip, tail, tail_length, out), 0);
        gzip_done(&gzip);
}

static void expect_inflates(const Buffer *member, const char *body, size_t body_length, const char *tail,
                            size_t tail_length) {
        size_t length = body_length + tail_length;
        _cleanup_(freep) unsigned char *bytes = malloc(length + 1);
        z_stream stream = {};

        ck_assert_int_eq(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
        stream.next_in = (z_const Bytef *)member->data;
        stream.avail_in = (uInt)member->length;
        stream.next_out = bytes;
        stream.avail_out = (uInt)length + 1;
        ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
        ck_assert_uint_eq(stream.total_out, length);
        ck_assert_uint_eq(stream.avail_in, 0);
        ck_assert_int_eq(inflateEnd(&stream), Z_OK);
        ck_assert_int_eq(memcmp(bytes, body, body_length), 0);
        ck_assert_int_eq(memcmp(bytes + body_length, tail, tail_length), 0);
}

START_TEST(three_readers_accept_every_size) {
        for (size_t i = 0; i < ELEMENTS(sizes); i++) {
                _cleanup_(freep) char *body = make_bytes(sizes[i].body, 1),
                                      *tail = make_bytes(sizes[i].tail, 2);
                _cleanup_(buffer_done) Buffer member = {};

                make_member(body, sizes[i].body, tail, sizes[i].tail, &member);
                expect_inflates(&member, body, sizes[i].body, tail, sizes[i].tail);
                ck_assert_int_eq(pipe_to("gzip -t", member.data, member.length), 0);
                ck_assert_int_eq(
                        pipe_to("python3 -c 'import gzip, sys; gzip.decompress(sys.stdin.buffer.read())'",
                                member.data, member.length),
                        0);
        }
}
END_TEST

START_TEST(one_head_serves_any_number_of_tails) {
        static const char body[] = "# HELP a b\n";
        Gzip gzip = {};

        ck_assert_int_eq(gzip_head(body, strlen(body), &gzip), 0);
        for (size_t i = 0; i < 3; i++) {
                _cleanup_(buffer_done) Buffer member = {};
                char tail[16];
                snprintf(tail, sizeof(tail), "age %zu\n", i);
                ck_assert_int_eq(gzip_finish(&gzip, tail, strlen(tail), &member), 0);
                expect_inflates(&member, body, strlen(body), tail, strlen(tail));
        }
        gzip_done(&gzip);
        gzip_done(&gzip);
}
END_TEST

START_TEST(a_flipped_bit_is_noticed) {
        static const char body[] = "body", tail[] = "tail";
        _cleanup_(buffer_done) Buffer member = {};

        make_member(body, strlen(body), tail, strlen(tail), &member);
        member.data[member.length - 9] ^= 1; /* the last byte of the tail */
        ck_assert_int_ne(pipe_to("gzip -t 2>/dev/null", member.data, member.length), 0);
}
END_TEST

START_TEST(metrics_shrink_to_less_than_a_tenth) {
        _cleanup_(table_freep) Table *table = thing_table("shop");
        _cleanup_(buffer_done) Buffer text = {}, member = {};

        for (size_t i = 0; i < 2000; i++) {
                char name[32];
                snprintf(name, sizeof(name), "table_%zu", i);
                thing_add(table, name, 0);
        }
        ck_assert_int_eq(render_metrics((const Table *const[]){table}, 1, METRICS_PROMETHEUS, &text), 0);
        make_member(text.data, text.length, "", 0, &member);
        ck_assert_uint_lt(member.length * 10, text.length);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                three_readers_accept_every_size,
                one_head_serves_any_number_of_tails,
                a_flipped_bit_is_noticed,
                metrics_shrink_to_less_than_a_tenth,
        };

        return run_suite("gzip", tests, ELEMENTS(tests));
}
