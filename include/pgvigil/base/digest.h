/* Digests, through OpenSSL's libcrypto: the only file that includes it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stddef.h>

typedef enum DigestKind {
        DIGEST_MD5,
        DIGEST_SHA1,
        DIGEST_SHA256,
        DIGEST_SHA384,
} DigestKind;

#define DIGEST_HEX_MAX (2 * 48 + 1)

/* Lower-case hex of the digest of `length` bytes. 0, or -EIO when libcrypto refuses the kind
 * (an OpenSSL built without it). */
int digest_hex(DigestKind kind, const void *bytes, size_t length, char ret_hex[static DIGEST_HEX_MAX]);
