/* Ask: what the commands want of the running daemon, through its unix socket.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "arguments.h"

/* The sockets to try, in their order; what is wrong with the settings is printed. 0 or an exit code. */
int ask_sockets(const Arguments *arguments, char ***ret);

/* The code of its answer, whose body is in *out; negative: nobody answers. */
int ask_quietly(char *const *paths, const char *method, const char *what, Buffer *out);
/* Prints that nobody answers, and why. */
void ask_complain(char *const *paths, int r);
/* Both. */
int ask_daemon(char *const *paths, const char *method, const char *what, Buffer *out);
