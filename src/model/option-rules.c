/* The options of the rules: what a configuration says must hold. Data only.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "option-groups.h"

#include "pgvigil/base/usec.h"

#define AT(Type, member) offsetof(Type, member)

/* In the order of Severity. */
const char *const severity_choices[] = {"info", "warning", "critical", NULL};

static const char *const action_choices[] = {"no action", "restrict",    "cascade",
                                             "set null",  "set default", NULL};

static const Option constraint_table[] = {
        {"table", OPTION_STRING, AT(ConstraintSettings, table),
         .flags = OPTION_REQUIRED | OPTION_NAME | OPTION_TABLE,
         .help = "The table, with or without its schema, as PostgreSQL would read it."},
        {"name", OPTION_STRING, AT(ConstraintSettings, name),
         .flags = OPTION_REQUIRED | OPTION_NAME | OPTION_SQL, .help = "The constraint's name."},
        {"check", OPTION_STRING, AT(ConstraintSettings, check),
         .help = "SQL expression that must hold for every row; left out: only existence is asked."},
#define RULE_OF ConstraintSettings
#include "rule-options.def"
#undef RULE_OF
};

const OptionGroup constraint_options = OPTION_GROUP_OF(
        "constraints", ConstraintSettings, constraint_table,
        "Rules that every row must meet, and that must exist as constraints.");

static const Option foreign_key_table[] = {
        {"table", OPTION_STRING, AT(ForeignKeySettings, table),
         .flags = OPTION_REQUIRED | OPTION_NAME | OPTION_TABLE, .help = "The referencing table."},
        {"name", OPTION_STRING, AT(ForeignKeySettings, name), .flags = OPTION_NAME | OPTION_SQL,
         .help = "The constraint's name; left out: it is found by its columns."},
        {"columns", OPTION_STRINGS, AT(ForeignKeySettings, columns),
         .flags = OPTION_REQUIRED | OPTION_NAME | OPTION_SQL, .help = "The referencing columns."},
        {"references", OPTION_STRING, AT(ForeignKeySettings, references),
         .flags = OPTION_REQUIRED | OPTION_NAME | OPTION_TABLE, .help = "The referenced table."},
        {"referenced_columns", OPTION_STRINGS, AT(ForeignKeySettings, referenced_columns),
         .help = "The referenced columns; left out: not compared."},
        {"on_delete", OPTION_CHOICE, AT(ForeignKeySettings, on_delete), .choices = action_choices,
         .help = "What it must do when the referenced row is deleted; left out: not compared."},
        {"on_update", OPTION_CHOICE, AT(ForeignKeySettings, on_update), .choices = action_choices,
         .help = "What it must do when the referenced key changes; left out: not compared."},
#define RULE_OF ForeignKeySettings
#include "rule-options.def"
#undef RULE_OF
};

const OptionGroup foreign_key_options = OPTION_GROUP_OF("foreign_keys", ForeignKeySettings, foreign_key_table,
                                                        "Foreign keys that must exist and act as told.");

static const Option index_table[] = {
        {"table", OPTION_STRING, AT(IndexSettings, table),
         .flags = OPTION_REQUIRED | OPTION_NAME | OPTION_TABLE, .help = "The indexed table."},
        {"name", OPTION_STRING, AT(IndexSettings, name), .flags = OPTION_NAME | OPTION_SQL,
         .help = "The index's name; left out: it is found by its columns."},
        {"columns", OPTION_STRINGS, AT(IndexSettings, columns),
         .flags = OPTION_REQUIRED | OPTION_NAME | OPTION_SQL, .help = "The indexed columns, in order."},
        {"unique", OPTION_BOOL, AT(IndexSettings, unique), "false", .flags = OPTION_NAME,
         .help = "Whether it must be unique."},
#define RULE_OF IndexSettings
#include "rule-options.def"
#undef RULE_OF
};

const OptionGroup index_options = OPTION_GROUP_OF("indexes", IndexSettings, index_table,
                                                  "Indexes that must exist, valid, on these columns.");

static const Option canary_table[] = {
        {"name", OPTION_STRING, AT(CanarySettings, name), .flags = OPTION_REQUIRED | OPTION_NAME,
         .help = "Names the canary in findings and metrics."},
        {"sql", OPTION_STRING, AT(CanarySettings, sql), .flags = OPTION_REQUIRED,
         .help = "One SELECT, run in a read-only transaction; with $1 in it, it is only planned."},
        {"max_time", OPTION_DURATION, AT(CanarySettings, max_time), QUOTED("1s"), USEC_PER_MSEC,
         5 * USEC_PER_MINUTE, .help = "Slower than this is a breach."},
        {"uses_index_on", OPTION_STRINGS, AT(CanarySettings, uses_index_on),
         .help = "Columns of the index that its plan must use; left out: not asked."},
#define RULE_OF CanarySettings
#include "rule-options.def"
#undef RULE_OF
};

const OptionGroup canary_options = OPTION_GROUP_OF(
        "canaries", CanarySettings, canary_table, "Queries of the application that must work and stay fast.");

static const Option backup_table[] = {
        {"name", OPTION_STRING, AT(BackupSettings, name), .flags = OPTION_REQUIRED | OPTION_NAME,
         .help = "Names the backup in findings and metrics."},
        {"path", OPTION_STRING, AT(BackupSettings, path), .flags = OPTION_PATH,
         .help = "Shell pattern of the backup's files; the newest one counts."},
        {"query", OPTION_STRING, AT(BackupSettings, query),
         .help = "Or: a SELECT that answers the time of the last backup."},
        {"url", OPTION_STRING, AT(BackupSettings, url), .flags = OPTION_URL,
         .help = "Or: an address that answers the time of the last backup."},
        {"max_age", OPTION_DURATION, AT(BackupSettings, max_age), QUOTED("26h"), USEC_PER_MINUTE,
         365 * USEC_PER_DAY, .help = "Older than this is a breach."},
#define RULE_OF BackupSettings
#include "rule-options.def"
#undef RULE_OF
};

const OptionGroup backup_options = OPTION_GROUP_OF("backups", BackupSettings, backup_table,
                                                   "Backups whose newest one must be young enough.");

static const Option app_table[] = {
        {"url", OPTION_STRING, AT(AppSettings, url), QUOTED(""), .flags = OPTION_REQUIRED | OPTION_URL,
         .help = "The application's own health address."},
        {"expect_status", OPTION_INT, AT(AppSettings, expect_status), "200", 100, 599,
         .help = "The HTTP status that means healthy."},
        {"expect_body", OPTION_STRING, AT(AppSettings, expect_body), QUOTED(""),
         .help = "Text that the body must hold; empty: not asked."},
        {"timeout", OPTION_DURATION, AT(AppSettings, timeout), QUOTED("2s"), 10 * USEC_PER_MSEC,
         5 * USEC_PER_MINUTE, .help = "An answer must be complete within this time."},
#define RULE_OF AppSettings
#include "rule-options.def"
#undef RULE_OF
};

const OptionGroup app_options = OPTION_GROUP_OF("app", AppSettings, app_table,
                                                "The application's own health address.");
