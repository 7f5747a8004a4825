/* Option: one setting, said once. Parser, defaults, `pgvigil config --dump`, comparison at
 * reload, destruction and the man page are walks over these tables (model/options.c).
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pgvigil/base/buffer.h"

typedef enum OptionType {
        OPTION_BOOL,     /* bool */
        OPTION_INT,      /* int64_t within min and max */
        OPTION_UNSIGNED, /* unsigned within min and max */
        OPTION_DURATION, /* usec_t within min and max (microseconds) */
        OPTION_STRING,   /* char * */
        OPTION_STRINGS,  /* char **; each from `choices` where there are any */
        OPTION_ENUM,     /* int-sized enum, from `choices`, in the enum's order */
        OPTION_CHOICE,   /* char *, one of `choices` */
        OPTION_GROUP,    /* a struct inside, described by `group` */
        OPTION_LIST,     /* List of structs of `group` */
} OptionType;

enum {
        OPTION_REQUIRED = 1 << 0,
        OPTION_SECRET = 1 << 1, /* its value is never printed; a file with it must be private */
        OPTION_NAME = 1 << 2,   /* all of a group together: unique in its list, whatever the case */
        OPTION_LATER = 1 << 3,  /* parsed and validated; what it asks for is not in this version */
        OPTION_PATH = 1 << 4,   /* an absolute path */
        OPTION_URL = 1 << 5,    /* http:// or https://, without a user or password in it */
        OPTION_SQL = 1 << 6,   /* a name of the database, or several: as spelled, or as PostgreSQL reads it */
        OPTION_TABLE = 1 << 7, /* a relation, with or without its schema, as PostgreSQL reads it */
        OPTION_UNSAID = 1 << 8, /* an OPTION_ENUM that is -1 until a file says it; left out of a dump then */
};

typedef struct OptionGroup OptionGroup;

typedef struct Option {
        const char *name;
        OptionType type;
        size_t offset;
        const char *fallback;       /* default in the file's own syntax; NULL: NULL, empty or false */
        int64_t min, max;           /* OPTION_INT, _UNSIGNED, _DURATION */
        const char *const *choices; /* NULL-terminated */
        const OptionGroup *group;
        unsigned flags;
        const char *help; /* one sentence for the manual */
} Option;

struct OptionGroup {
        const char *name;
        const Option *options; /* sorted as shown to people */
        size_t n_options;
        size_t size; /* of the struct */
        const char *help;
};

typedef struct List List;

extern const OptionGroup settings_options; /* the root: struct Settings */
extern const OptionGroup target_options;   /* struct TargetSettings */

const Option *option_find(const OptionGroup *group, const char *name);

/* Where the option's value is in its struct. */
static inline void *option_field(const Option *option, const void *settings) {
        return (char *)settings + option->offset;
}

/* Sets one field: DURATION, STRING, ENUM and CHOICE from a text, STRINGS by one more entry, INT
 * and UNSIGNED from a number. -EINVAL: no such value; -ERANGE: outside min and max; -ENOMEM. */
int option_set_text(const Option *option, void *field, const char *text);
int option_set_int(const Option *option, void *field, int64_t number);

/* Appends a struct of `group` at its defaults; *ret is borrowed until the next call. */
int option_list_add(const OptionGroup *group, List *list, void **ret);

/* All fields of a zeroed struct to their defaults. 0 or -ENOMEM. */
int options_default(const OptionGroup *group, void *settings);
void options_done(const OptionGroup *group, void *settings);
int options_copy(const OptionGroup *group, const void *settings, void *ret); /* into a zeroed struct */
bool options_equal(const OptionGroup *group, const void *a, const void *b);

/* The struct as text in the file's syntax, secrets as "…", `indent` levels deep; with
 * `only_changed` without what is at its default. */
void options_dump(const OptionGroup *group, const void *settings, unsigned indent, bool only_changed,
                  Buffer *out);

/* The reference of every option, groups inside included, as mdoc. */
void options_manual(const OptionGroup *group, Buffer *out);
