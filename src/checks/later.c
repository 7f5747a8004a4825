/* The check `later`: what the configuration asks for and this version does not do is said, as a
 * finding that is skipped: it is never silence, and never a pass.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "common.h"
#include "pgvigil/checks.h"

static const Shape *const shapes[] = {NULL};

static int later_new(const TargetSettings *settings, void **ret_state) {
        *ret_state = NULL;
        return 0;
}

static void *later_free(void *state) {
        return NULL;
}

static int later_begin(void *state, const CheckContext *context, void *gathered) {
        return 0;
}

static int later_next(void *state, const CheckContext *context, Statement *ret) {
        return 0;
}

static int later_take(void *state, const CheckContext *context, const Outcome *outcome) {
        return 0;
}

static int skip(Report *report, FindingKind kind, const char *name, const Rule *rule) {
        const char *what = finding_kind_name(kind);
        Finding *finding = report_add(report, kind, what, name);

        if (!finding)
                return -ENOMEM;
        finding_apply_rule(finding, rule);
        finding->configured = true;
        finding->seen = SEEN_SKIPPED;
        finding->reason = REASON_SKIPPED;
        return check_say(finding, "Not checked: checks of kind %s are not in this version.", what);
}

static int later_judge(void *state, const CheckContext *context, Report *report) {
        const TargetSettings *settings = context->settings;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < settings->backups.count; i++) {
                const BackupSettings *backup = LIST_AT(settings->backups, BackupSettings, i);

                r = skip(report, KIND_BACKUP, backup->name, &backup->rule);
        }
        return r;
}

const CheckKind later_check = {
        .name = "later",
        .help = "What the configuration asks for and this version does not do.",
        .interval = offsetof(Intervals, activity),
        .shapes = shapes,
        .asks_nothing = true,
        .new = later_new,
        .free = later_free,
        .begin = later_begin,
        .next = later_next,
        .take = later_take,
        .judge = later_judge,
};
