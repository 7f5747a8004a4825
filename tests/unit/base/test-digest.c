/* Tests of base/digest: the published vectors.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/digest.h"

#include <string.h>

#include "../unit.h"
#include "pgvigil/base/macros.h"

START_TEST(the_published_vectors_come_out) {
        static const struct {
                DigestKind kind;
                const char *text, *hex;
        } cases[] = {
                {DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
                {DIGEST_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
                {DIGEST_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
                {DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
                {DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                {DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                {DIGEST_SHA384, "abc",
                 "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                 "8086072ba1e7cc2358baeca134c825a7"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                char hex[DIGEST_HEX_MAX];

                ck_assert_int_eq(digest_hex(cases[i].kind, cases[i].text, strlen(cases[i].text), hex), 0);
                ck_assert_str_eq(hex, cases[i].hex);
        }
}
END_TEST

START_TEST(bytes_after_a_nul_count) {
        char with[DIGEST_HEX_MAX], without[DIGEST_HEX_MAX];

        ck_assert_int_eq(digest_hex(DIGEST_SHA256, "a\0b", 3, with), 0);
        ck_assert_int_eq(digest_hex(DIGEST_SHA256, "a", 1, without), 0);
        ck_assert_str_ne(with, without);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                the_published_vectors_come_out,
                bytes_after_a_nul_count,
        };

        return unit_run("digest", tests, ELEMENTS(tests));
}
