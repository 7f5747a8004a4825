/* config: from a file to Settings, or to every error of the file at once.
 *
 * The only module that includes libconfig, and never without the guard in front of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/problems.h"
#include "pgvigil/model/settings.h"

/* What config cannot judge itself (its siblings can). Each may be NULL. */
typedef struct ConfigHooks {
        /* NULL: usable; else an owned sentence that says why not, without any secret. */
        char *(*check_conninfo)(const char *conninfo);
        char *(*check_listen)(const char *address);
        /* The schema that a URL asks for (owned; NULL: none) and what to say of the rest of it (owned;
         * NULL: nothing). 0 or a negative errno. */
        int (*read_conninfo)(const char *conninfo, char **ret_schema, char **ret_note);
        /* Something that a person should know and that is no error. */
        void (*note)(const char *file, unsigned line, const char *text);
} ConfigHooks;

/* Reads and checks a file. 0 with *ret; -EINVAL with at least one problem; -ENOMEM. Reads at
 * most 1 MiB, never blocks on a FIFO or device, never follows @include. */
int config_load(const char *path, const ConfigHooks *hooks, Problems *problems, Settings **ret);

/* The same from memory; `name` stands in the problems as the file. */
int config_parse(const char *text, size_t length, const char *name, const ConfigHooks *hooks,
                 Problems *problems, Settings **ret);

/* Nothing but what the name of a target may hold, so that it stands in a URL as it is. */
bool config_name_is_plain(const char *name);
