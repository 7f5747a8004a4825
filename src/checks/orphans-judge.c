/* What orphans make of the finding of their foreign key, and the words for it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "orphans.h"

/* What it says is known without a look at any row. */
static bool is_believed(const Orphans *orphans) {
        return !orphans->is_doubted && !orphans->was_counted && orphans->is_in_force &&
               orphans->blocked != REASON_PRIVILEGE && orphans->blocked != REASON_ROW_SECURITY;
}

/* A key that is only wanted, and could not be made as it is, says so without being counted. */
static bool is_countable(const Orphans *orphans) {
        return orphans->predicate || orphans->id > 0;
}

static Reason blind_reason(const Orphans *orphans) {
        return reading_blind(&orphans->reading, orphans->blocked);
}

bool orphans_counted(const Orphans *orphans, int64_t *ret_count, usec_t *ret_at) {
        *ret_count = 0;
        if (is_believed(orphans))
                return true;
        if (!is_countable(orphans))
                return false;
        *ret_count = orphans->reading.found;
        if (blind_reason(orphans) == REASON_OVER_LIMIT && *ret_count > 0)
                return true;
        *ret_count = orphans->reading.count;
        *ret_at = orphans->reading.at;
        return orphans->reading.has_count;
}

static void show(const Orphans *orphans, const CheckContext *context, Finding *finding) {
        const Intervals *intervals = &context->settings->intervals;
        usec_t slower = intervals->catalog > intervals->violations ? intervals->catalog
                                                                   : intervals->violations;

        finding->unit = "rows";
        reading_show_walk(&orphans->reading, finding);
        if (is_believed(orphans)) {
                finding->method = method_name(METHOD_ENFORCED);
                finding->value = VALUE_OF_INT(0);
                return;
        }
        finding->max_age = check_max_age(slower);
        reading_show(&orphans->reading, blind_reason(orphans), finding);
}

static int say_violated(Finding *finding, const CheckContext *context, const Orphans *orphans,
                        const Rule *rule, Reason state) {
        static const struct {
                Reason state;
                const char *though, *then;
        } words[] = {
                {REASON_MISSING, ", and the foreign key does not exist", ", then add the foreign key"},
                {REASON_NOT_VALID, "", ", then validate the constraint"},
                {REASON_DISABLED, ", and its triggers are disabled", ", and enable its triggers"},
                {REASON_NOT_ENFORCED, ", and the foreign key is NOT ENFORCED", ", then enforce it"},
                {REASON_SUPPRESSED, ", and a BEFORE trigger may swallow its action",
                 ", and mend the trigger"},
                {REASON_OK, ", although the foreign key is validated",
                 ". Something wrote past its triggers: replication, session_replication_role, or while they "
                 "were disabled"},
        };
        long long count = finding->value.integer;
        const char *what = count == 1 ? "row refers" : "rows refer", *though = "", *then = "";
        const char *parent = orphans->parent + (orphans->is_parent_only ? strlen("ONLY ") : 0);
        int r;

        for (size_t i = 0; i < ELEMENTS(words); i++)
                if (words[i].state == state) {
                        though = words[i].though;
                        then = words[i].then;
                }
        if (orphans->id == 0 && rule && check_expectation(context, rule) == EXPECT_LATER)
                r = check_say(finding, "%lld %s to no row of %s: the migration %s would be rejected.", count,
                              what, parent, rule->expected_after);
        else
                r = check_say(finding, "%lld %s to no row of %s%s.", count, what, parent, though);
        if (r >= 0)
                r = check_advise(finding, "Correct or remove these rows%s.", then);
        return r < 0 ? r : check_repair(finding, "%s", orphans->query);
}

static int say_privilege(Finding *finding, const CheckContext *context, const Orphans *orphans) {
        const char *role = context->server && context->server->role ? context->server->role : "pgvigil";
        _cleanup_(buffer_done) Buffer grants = BUFFER_NULL;
        int r = check_say(finding, "The monitoring role may not read both tables, so rows that refer to "
                                   "nothing are not seen.");

        for (size_t i = 0; orphans->lacks && orphans->lacks[i]; i++) {
                buffer_printf(&grants, "%sGRANT %s TO ", i > 0 ? " " : "", orphans->lacks[i]);
                buffer_add_identifier(&grants, role);
                buffer_add_char(&grants, ';');
        }
        if (r >= 0)
                r = check_advise(finding, "Grant it what it lacks.");
        if (r < 0 || buffer_error(&grants) < 0)
                return -ENOMEM;
        return orphans->lacks ? check_repair(finding, "%s", buffer_text(&grants)) : 0;
}

/* The words of how the key stands give way. */
static int say_otherwise(Finding *finding, const CheckContext *context, const Orphans *orphans,
                         const Rule *rule, Reason state) {
        if (str_set(&finding->hint, NULL) < 0 || str_set(&finding->repair, NULL) < 0)
                return -ENOMEM;
        if (finding->reason == REASON_VIOLATED)
                return say_violated(finding, context, orphans, rule, state);
        if (finding->reason == REASON_PRIVILEGE)
                return say_privilege(finding, context, orphans);
        if (finding->reason == REASON_OVER_LIMIT)
                return reading_describe_progress(&orphans->reading, context, finding);
        return check_say(finding, "Rows that refer to nothing were not counted: %s.",
                         orphans->why_not                          ? orphans->why_not
                         : finding->reason == REASON_NO_SUCH_TABLE ? "one of the tables is gone"
                         : finding->reason == REASON_UNSUPPORTED   ? "a part of a table is a foreign one"
                         : finding->reason == REASON_TIMEOUT       ? "that did not finish in time"
                         : finding->reason == REASON_LOCKED        ? "one of the tables was locked"
                         : finding->reason == REASON_ROW_SECURITY  ? "row level security hides some of them"
                                                                   : "the server's log has the error");
}

static int add_count(Finding *finding, const Orphans *orphans) {
        if (!is_countable(orphans))
                return orphans->why_not
                               ? check_say(finding, "%s Rows that refer to nothing are not counted: %s.",
                                           finding->summary, orphans->why_not)
                               : 0;
        if (is_believed(orphans) || finding->value.kind != VALUE_INT || finding->value.integer > 0)
                return 0;
        return check_say(finding, "%s Every row refers to one that is there.", finding->summary);
}

int orphans_judge(const Orphans *orphans, const CheckContext *context, const Rule *rule, Reason state,
                  Finding *finding) {
        Reason before = finding->reason;
        int r;

        if (!is_countable(orphans))
                return add_count(finding, orphans);
        show(orphans, context, finding);
        if (!is_believed(orphans))
                reading_decide(blind_reason(orphans), rule, finding);
        if (finding->reason == before)
                r = add_count(finding, orphans);
        else
                r = say_otherwise(finding, context, orphans, rule, state);
        if (r >= 0 && !is_believed(orphans))
                r = reading_describe_bound(&orphans->reading, finding);
        return r < 0 || finding->seen != SEEN_BREACH ? r : strv_copy(orphans->reading.keys, &finding->keys);
}
