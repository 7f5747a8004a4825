/* The list of frameworks, the states that all of them share, and the reading of a table's name.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "framework.h"

#include <errno.h>

const MigrationFramework *const migration_frameworks[N_FRAMEWORKS] = {
#define FRAMEWORK(name) &name##_framework,
#include "frameworks.def"
#undef FRAMEWORK
};

const MigrationStateText migration_states[N_MIGRATION_STATES] = {
        [MIGRATION_APPLIED] = {"applied", REASON_OK, SEVERITY_INFO, "It is applied."},
        [MIGRATION_PENDING] = {"pending", REASON_PENDING, SEVERITY_WARNING,
                               "The directory has it, the database does not: the next deploy applies it."},
        [MIGRATION_RUNNING] = {"running", REASON_RUNNING, SEVERITY_INFO, "It is being applied now."},
        [MIGRATION_FAILED] = {"failed", REASON_FAILED, SEVERITY_CRITICAL,
                              "It failed: nothing later is applied until it is resolved."},
        [MIGRATION_ROLLED_BACK] = {"rolled_back", REASON_ROLLED_BACK, SEVERITY_WARNING,
                                   "It was marked as rolled back: the next deploy runs it again."},
        [MIGRATION_INTERRUPTED] = {"interrupted", REASON_INTERRUPTED, SEVERITY_CRITICAL,
                                   "It began, and its process is gone without a result."},
        [MIGRATION_MODIFIED] = {"modified", REASON_MODIFIED, SEVERITY_WARNING,
                                "Its file was changed after it was applied."},
        [MIGRATION_MISSING] = {"missing", REASON_MISSING, SEVERITY_WARNING,
                               "It is applied, and the directory does not have it."},
};

bool framework_is_named(const MigrationSettings *settings) {
        return !str_is_empty(settings->framework) && !str_equal(settings->framework, "auto") &&
               !str_equal(settings->framework, "none");
}

bool framework_is_wanted(const MigrationFramework *framework, const MigrationSettings *settings) {
        if (framework_is_named(settings))
                return str_equal(settings->framework, framework->name);
        return !str_equal(settings->framework, "none");
}

/* One part up to '.' or the end; *text moves behind it. */
static int part_parse(const char **text, char **ret) {
        _cleanup_(buffer_done) Buffer part = BUFFER_NULL;
        const char *p = *text;

        if (*p == '"') {
                for (p++; *p && (*p != '"' || p[1] == '"'); p++) {
                        if (*p == '"')
                                p++;
                        buffer_add_char(&part, *p);
                }
                if (*p++ != '"')
                        return -EINVAL;
        } else {
                for (; *p && *p != '.'; p++) {
                        if (*p == '"' || *p == ' ')
                                return -EINVAL;
                        buffer_add_char(&part, *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p);
                }
        }
        if (part.length == 0)
                return buffer_error(&part) < 0 ? -ENOMEM : -EINVAL;

        *text = p;
        *ret = buffer_take(&part);
        return *ret ? 0 : -ENOMEM;
}

int table_name_parse(const char *text, char **ret_schema, char **ret_table) {
        _cleanup_(freep) char *first = NULL, *second = NULL;
        int r;

        r = part_parse(&text, &first);
        if (r < 0)
                return r;
        if (*text == '\0') {
                *ret_schema = NULL;
                *ret_table = TAKE(first);
                return 0;
        }
        if (*text++ != '.')
                return -EINVAL;
        r = part_parse(&text, &second);
        if (r < 0)
                return r;
        if (*text != '\0')
                return -EINVAL;
        *ret_schema = TAKE(first);
        *ret_table = TAKE(second);
        return 0;
}
