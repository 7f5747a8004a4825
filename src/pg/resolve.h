/* Resolve: the hosts of a conninfo as endpoints, their names resolved on the names worker.
 *
 * libpq would resolve names inside PQconnectStart() and PQconnectPoll(), blocking the loop; it gets
 * numeric addresses, and the names only for TLS and the password file.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "parameters.h"
#include "pgvigil/base/str.h"
#include "pgvigil/base/worker.h"

/* Names with the addresses they had, in step. */
typedef struct AddressBook {
        char **names;
        char ***addresses; /* for each name a list; NULL: not found */
} AddressBook;

void address_book_done(AddressBook *book);

/* The host names of the parameters that only a name server can turn into addresses; owned. */
int resolve_names(const Parameters *parameters, char ***ret);

bool address_book_has_all(const AddressBook *book, char *const *names);

typedef void (*ResolveDone)(void *userdata, AddressBook *found); /* takes what it wants of *found */

/* Resolves on the worker; `done` comes from worker_dispatch(), unless the job is abandoned. */
int resolve_start(Worker *worker, char *const *names, ResolveDone done, void *userdata, WorkerJob **ret_job);

/* Moves what was found into the book; names that were not found keep their last good addresses. */
int address_book_update(AddressBook *book, AddressBook *found);

/* host, hostaddr and port with every name expanded to all its addresses, beginning `rotation`
 * endpoints later. -ENOENT: no host is left. */
int resolve_expand(Parameters *parameters, const AddressBook *book, size_t rotation);
