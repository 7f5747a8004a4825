/* Digests by OpenSSL's libcrypto, as lower-case hex. The library's only door.
 *
 * The functions of each digest, not EVP: the first use of EVP brings in providers, settings and
 * error texts, 2 MB of resident memory for the checksum of a file that protects no secret.
 *
 * SPDX-License-Identifier: PostgreSQL */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "pgvigil/base/digest.h"

#include <errno.h>

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "pgvigil/base/macros.h"

#define DEFINE_DIGEST(name, Context, PREFIX)                                                                 \
        static int name(const void *bytes, size_t length, unsigned char *ret) {                              \
                Context context;                                                                             \
                return PREFIX##_Init(&context) == 1 && PREFIX##_Update(&context, bytes, length) == 1 &&      \
                                       PREFIX##_Final(ret, &context) == 1                                    \
                               ? 0                                                                           \
                               : -EIO;                                                                       \
        }

DEFINE_DIGEST(digest_md5, MD5_CTX, MD5)
DEFINE_DIGEST(digest_sha1, SHA_CTX, SHA1)
DEFINE_DIGEST(digest_sha256, SHA256_CTX, SHA256)
DEFINE_DIGEST(digest_sha384, SHA512_CTX, SHA384)

static const struct {
        int (*run)(const void *bytes, size_t length, unsigned char *ret);
        size_t size;
} digests[] = {
        [DIGEST_MD5] = {digest_md5, MD5_DIGEST_LENGTH},
        [DIGEST_SHA1] = {digest_sha1, SHA_DIGEST_LENGTH},
        [DIGEST_SHA256] = {digest_sha256, SHA256_DIGEST_LENGTH},
        [DIGEST_SHA384] = {digest_sha384, SHA384_DIGEST_LENGTH},
};

int digest_hex(DigestKind kind, const void *bytes, size_t length, char ret_hex[static DIGEST_HEX_MAX]) {
        static const char digits[] = "0123456789abcdef";
        unsigned char digest[SHA384_DIGEST_LENGTH];
        int r = digests[kind].run(bytes, length, digest);

        if (r < 0)
                return r;
        for (size_t i = 0; i < digests[kind].size; i++) {
                ret_hex[2 * i] = digits[digest[i] >> 4];
                ret_hex[2 * i + 1] = digits[digest[i] & 15];
        }
        ret_hex[2 * digests[kind].size] = '\0';
        return 0;
}
