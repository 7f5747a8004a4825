/* Cleanup attributes and the few macros that every file may use.
 *
 * Ownership idiom: a local owner carries `_cleanup_(xxx_freep)`; to hand it over write
 * `*ret = TAKE(local)`. Destructors accept NULL and half-built objects and return NULL.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#define _cleanup_(f)   __attribute__((__cleanup__(f)))
#define _printf_(a, b) __attribute__((__format__(__printf__, a, b)))
#define _unused_       __attribute__((__unused__))

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* Moves a pointer out of its variable, which becomes NULL. */
#define TAKE(pointer)                                                                                        \
        ({                                                                                                   \
                __typeof__(pointer) _taken = (pointer);                                                      \
                (pointer) = NULL;                                                                            \
                _taken;                                                                                      \
        })

#define SWAP(a, b)                                                                                           \
        do {                                                                                                 \
                __typeof__(a) _swapped = (a);                                                                \
                (a) = (b);                                                                                   \
                (b) = _swapped;                                                                              \
        } while (0)

/* Defines NAMEp(Type **), for _cleanup_(), from a destructor `Type *NAME(Type *)`. */
#define DEFINE_CLEANUP(Type, name)                                                                           \
        static inline void name##p(Type **pointer) {                                                         \
                if (*pointer)                                                                                \
                        *pointer = name(*pointer);                                                           \
        }

static inline void freep(void *pointer) {
        free(*(void **)pointer);
}
