/* Lexer: parts of a statement that are no words of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>

bool lexer_is_word(char c);

/* Behind a comment or a quoted part that begins at `at`, or NULL. `begin`: of the whole text. */
const char *lexer_skip_hidden(const char *begin, const char *at);
