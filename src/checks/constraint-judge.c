/* One finding for each constraint: what the catalog says of it, and what counting found.
 *
 * Rows that break the rule outrank the state in the catalog; what could not be counted is never a
 * pass, whatever the catalog says.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "constraint-judge.h"

#include <errno.h>

#include "common.h"

static bool is_demanded(const Constraint *constraint) {
        return !constraint->wanted || constraint->wanted->rule.enforced;
}

Standing constraint_standing(const Constraint *constraint) {
        if (!constraint->relation)
                return STANDING_NONE;
        if (!constraint->exists)
                return is_demanded(constraint) ? STANDING_MISSING : STANDING_NONE;
        if (!constraint->is_enforced)
                return STANDING_NOT_ENFORCED;
        if (constraint->wanted && constraint->comparison == COMPARISON_DIFFERENT)
                return STANDING_DIFFERS;
        return constraint->is_validated ? STANDING_ENFORCED : STANDING_NOT_VALID;
}

static Reason blind_reason(const Constraint *constraint) {
        if (!constraint->is_countable)
                return constraint->blocked;
        return reading_blind(&constraint->reading, constraint->blocked);
}

static void set_value(Finding *finding, const ConstraintState *state, const CheckContext *context,
                      const Constraint *constraint) {
        const Intervals *intervals = &context->settings->intervals;
        usec_t slower = intervals->catalog > intervals->violations ? intervals->catalog
                                                                   : intervals->violations;

        finding->max_age = check_max_age(constraint->is_countable ? slower : intervals->catalog);
        finding->unit = constraint->is_countable ? "rows" : NULL;
        finding->method = "catalog";
        finding->checked_at = state->at;
        finding->checked_boottime = state->boottime;
        if (constraint->is_countable)
                reading_show(&constraint->reading, blind_reason(constraint), finding);
        reading_show_walk(&constraint->reading, finding);
}

/* A table or column that is not there may come with the migration, unless its name is nearly one
 * that is there: then it is misspelt. */
static void decide_no_such(Finding *finding, const CheckContext *context, const Constraint *constraint,
                           Reason reason, const char *nearest) {
        finding->seen = SEEN_BREACH;
        finding->reason = reason;
        if (nearest || check_expectation(context, &constraint->wanted->rule) != EXPECT_LATER)
                return;
        finding->reason = REASON_NOT_EXPECTED_YET;
        finding->severity = SEVERITY_INFO;
}

static void decide_standing(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        static const Reason reasons[N_STANDINGS] = {
                [STANDING_NOT_VALID] = REASON_NOT_VALID,
                [STANDING_NOT_ENFORCED] = REASON_NOT_ENFORCED,
                [STANDING_MISSING] = REASON_MISSING,
                [STANDING_DIFFERS] = REASON_DIFFERS,
        };
        Standing standing = constraint_standing(constraint);

        finding->seen = SEEN_OK;
        finding->reason = REASON_OK;
        if (!is_demanded(constraint) || standing == STANDING_ENFORCED || standing == STANDING_NONE)
                return;
        finding->seen = SEEN_BREACH;
        finding->reason = reasons[standing];
        if (standing == STANDING_MISSING || standing == STANDING_DIFFERS)
                check_set_due(finding, context, constraint->wanted ? &constraint->wanted->rule : NULL,
                              finding->reason);
}

/* The configured expression itself is what the server refused. */
static bool is_broken_rule(const Constraint *constraint) {
        return constraint->runs_alone && constraint->wanted && constraint->wanted->check &&
               blind_reason(constraint) == REASON_ERROR;
}

static void decide(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        Reason blind = blind_reason(constraint);

        if (!constraint->relation) {
                decide_no_such(finding, context, constraint, REASON_NO_SUCH_TABLE, constraint->nearest);
                return;
        }
        if (blind == REASON_NO_SUCH_COLUMN && constraint->wanted) {
                decide_no_such(finding, context, constraint, blind, constraint->reading.nearest);
                return;
        }
        decide_standing(finding, context, constraint);
        if (is_broken_rule(constraint) && finding->seen == SEEN_BREACH)
                finding->reason = REASON_ERROR;
        reading_decide(blind, constraint->wanted ? &constraint->wanted->rule : NULL, finding);
}

static int judge_item(const ConstraintState *state, const CheckContext *context, Report *report,
                      const Constraint *constraint) {
        Finding *finding = check_add(report, KIND_CONSTRAINT, constraint->schema, constraint->table,
                                     constraint->name);
        int r;

        if (!finding)
                return -ENOMEM;
        check_set_rule(finding, context->settings, constraint->wanted ? &constraint->wanted->rule : NULL);
        set_value(finding, state, context, constraint);
        decide(finding, context, constraint);
        if (finding->reason == REASON_OVER_LIMIT) /* a walk is under way */
                finding->method = method_name(METHOD_WALK);
        r = constraint_describe(finding, context, constraint);
        if (r < 0 || finding->seen != SEEN_BREACH)
                return r;
        return strv_copy(constraint->reading.keys, &finding->keys);
}

int constraint_judge(const ConstraintState *state, const CheckContext *context, Report *report) {
        size_t first = report->n_findings;
        int r = 0;

        report->wants_blocks = count_tables_walking(&state->tables) > 0;
        report->walk_blocks = count_tables_named_blocks(&state->tables);
        for (size_t i = 0; r >= 0 && i < state->catalog.n_items; i++)
                r = judge_item(state, context, report, &state->catalog.items[i]);
        if (r >= 0)
                r = constraint_publish(state, report, first);
        if (r < 0 || state->failure == REASON_OK)
                return r;

        if (!state->is_known) {
                _cleanup_(freep) char *schemas = strv_join(context->settings->schemas, ", ");

                if (!schemas || !report_add(report, KIND_CONSTRAINT, schemas, "catalog"))
                        return -ENOMEM;
        }
        return check_blind(report, first, state->failure);
}
