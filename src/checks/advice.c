/* Advice: what is missing though no configuration asks for it. Noted (`info`), never more, and
 * only of what is discovered.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "advice.h"

#include <errno.h>

int advice_next(void *state, const CheckContext *context, Statement *ret) {
        return context->settings->discover ? catalog_next(state, context, ret) : 0;
}

static void note(Finding *finding, Reason reason) {
        finding->seen = SEEN_BREACH;
        finding->severity = SEVERITY_INFO;
        finding->reason = reason;
        finding->is_advice = true;
}

Finding *advice_add(Report *report, FindingKind kind, const char *schema, const char *relation,
                    const char *name) {
        Finding *finding = check_add(report, kind, schema, relation, name);

        if (finding)
                note(finding, REASON_MISSING);
        return finding;
}

/* No `value`: that of a foreign key counts as rows that break it. */
int advice_cut(const Catalog *catalog, const CheckContext *context, Report *report, size_t left_out) {
        _cleanup_(freep) char *schemas = strv_join(context->settings->schemas, ", ");
        Finding *finding;

        if (left_out == 0)
                return 0;
        finding = schemas ? report_add(report, catalog->spec->kind, schemas, catalog->spec->subject) : NULL;
        if (!finding)
                return -ENOMEM;
        note(finding, REASON_OVER_LIMIT);
        if (check_say(finding, "%zu more like these are not listed.", left_out) < 0)
                return -ENOMEM;
        return check_advise(finding, "See to those that are listed, or exclude what need not be watched.");
}
