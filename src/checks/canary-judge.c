/* What is said of a canary: how long it took, what its plan uses, why it failed and what to do.
 *
 * Only what is wrong with the statement itself is a breach. A lock, a missing privilege or a server that
 * shuts down says nothing of it: unknown.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "canary.h"
#include "common.h"

usec_t canary_bound(const TargetSettings *settings, const CanarySettings *wanted) {
        usec_t limit = settings->limits.statement_timeout;

        return wanted->max_time < limit ? wanted->max_time : limit;
}

/* 57014 of a cancel by hand comes before the time is over; and where limits.statement_timeout stopped it,
 * nobody knows whether it would have taken longer than max_time. */
CanaryEnd canary_end_of_error(const Outcome *outcome, const TargetSettings *settings,
                              const CanarySettings *wanted) {
        if (sqlstate_in(outcome->sqlstate, "57014") &&
            wanted->max_time <= settings->limits.statement_timeout && outcome->duration >= wanted->max_time)
                return CANARY_STOPPED;
        if (str_is_empty(outcome->sqlstate) ||
            sqlstate_in(outcome->sqlstate, "08,25P01,40,42501,42P05,53,54000,55P03,57,58"))
                return CANARY_VOID;
        return CANARY_FAILED;
}

static void add_index(Buffer *out, const PlanIndex *index) {
        buffer_add_identifier(out, index->schema);
        buffer_add_char(out, '.');
        buffer_add_identifier(out, index->index);
}

static int breach(Finding *finding, const CheckContext *context, const CanarySettings *wanted,
                  Reason reason) {
        check_set_due(finding, context, &wanted->rule, reason);
        return 0;
}

static int advise_analyze(Finding *finding, const PlanIndex *plan) {
        _cleanup_(freep) char *table = str_qualified(plan->schema, plan->table);

        if (!table ||
            check_advise(finding, "Bring the statistics up to date; if it stays so, compare the query's "
                                  "plan with the index: its order, and how many rows it selects.") < 0)
                return -ENOMEM;
        return check_repair(finding, "ANALYZE %s;", table);
}

/* The index, as the end of the sentence; and what to do where it is a breach. */
static int judge_index(const Canary *canary, const CanarySettings *wanted, Finding *finding, Buffer *text,
                       Reason *ret_reason) {
        const PlanIndex *plan = &canary->plan;
        _cleanup_(freep) char *columns = check_columns_text(wanted->uses_index_on);

        if (!columns)
                return -ENOMEM;
        if (plan->use == PLAN_NO_INDEX || plan->use == PLAN_INVALID) {
                *ret_reason = plan->use == PLAN_INVALID ? REASON_INVALID : REASON_MISSING;
                buffer_printf(text,
                              plan->use == PLAN_INVALID ? "; the index on %s is not valid"
                                                        : "; no table of its plan has an index on %s",
                              columns);
                return check_advise(finding, "Create the index, or correct uses_index_on.");
        }
        if (plan->use == PLAN_CHOSEN) {
                buffer_add(text, "; the planner chooses ");
                add_index(text, plan);
                return 0;
        }
        if (canary->is_usable && plan->use == PLAN_SMALL) {
                buffer_add(text, "; the planner could use ");
                add_index(text, plan);
                buffer_printf(text, ", but the table is too small for it to matter (%" PRId64 " pages)",
                              plan->pages);
                return 0;
        }
        *ret_reason = REASON_NOT_CHOSEN;
        buffer_add(text, canary->is_usable ? "; the planner could use " : "; the planner cannot use ");
        add_index(text, plan);
        buffer_add(text, canary->is_usable ? ", and does not choose it" : " for this query");
        if (canary->is_usable)
                return advise_analyze(finding, plan);
        return check_advise(finding,
                            "Compare the index with the conditions of the query: its columns, operators, "
                            "collation and predicate.");
}

/* The time, as the begin of the sentence. 1: too slow. */
static int judge_time(const Canary *canary, const CanarySettings *wanted, Finding *finding, Buffer *text) {
        bool is_slow = canary->end == CANARY_STOPPED || canary->duration > wanted->max_time;

        if (canary->end == CANARY_NOT_RUN) {
                buffer_add(text, "Planned and not run, for it has parameters");
                return 0;
        }
        finding->value = VALUE_OF_FLOAT((double)canary->duration / (double)USEC_PER_SEC);
        finding->unit = "seconds";
        buffer_add(text, canary->end == CANARY_STOPPED ? "Stopped after " : "Took ");
        buffer_add_usec_human(text, canary->end == CANARY_STOPPED ? wanted->max_time : canary->duration);
        buffer_add(text, "; at most ");
        buffer_add_usec_human(text, wanted->max_time);
        buffer_add(text, " are allowed");
        return is_slow;
}

static int judge_end(const Canary *canary, const CanarySettings *wanted, const CheckContext *context,
                     Finding *finding) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        Reason reason = REASON_OK;
        bool is_slow = judge_time(canary, wanted, finding, &text);

        if (is_slow &&
            check_advise(finding, "EXPLAIN (ANALYZE) of the canary's query shows where the time goes.") < 0)
                return -ENOMEM;
        if (wanted->uses_index_on && judge_index(canary, wanted, finding, &text, &reason) < 0)
                return -ENOMEM;
        if (buffer_error(&text) < 0 || check_say(finding, "%s.", buffer_text(&text)) < 0)
                return -ENOMEM;
        if (is_slow) {
                finding->seen = SEEN_BREACH;
                finding->reason = REASON_TIMEOUT;
                return 0;
        }
        return reason == REASON_OK ? 0 : breach(finding, context, wanted, reason);
}

static const struct {
        const char *sqlstates, *what, *hint;
} errors[] = {
        {"25006", "It writes, and a canary can only read",
         "Leave out what writes or locks rows: INSERT, UPDATE, DELETE, FOR UPDATE, nextval()."},
        {"42601", "Its SQL is wrong", "Correct the canary's sql: one statement, as psql takes it."},
        {"42P01", "It reads a table that does not exist",
         "Correct the name, or `schemas`: what has no schema is sought there, in that order."},
        {"42703", "It names a column that does not exist", "Correct the name of the column."},
        {"42883", "It calls a function or an operator that does not exist",
         "Correct the name or the types, or say in which schema it is."},
        {"", "It failed", "Run the query by hand: the server tells what is wrong with it."},
};

static int judge_failed(const Canary *canary, const CanarySettings *wanted, const CheckContext *context,
                        Finding *finding) {
        size_t i = 0;

        breach(finding, context, wanted, check_reason(canary->sqlstate));
        while (*errors[i].sqlstates && !sqlstate_in(canary->sqlstate, errors[i].sqlstates))
                i++;
        if (check_advise(finding, "%s", errors[i].hint) < 0)
                return -ENOMEM;
        return check_say(finding, "%s (SQLSTATE %s).", errors[i].what, canary->sqlstate);
}

static int judge_void(const Canary *canary, const CheckContext *context, Finding *finding) {
        _cleanup_(freep) char *role = str_qualified(NULL, context->server->role ? context->server->role
                                                                                : "pgvigil");
        int r;

        finding->seen = SEEN_UNKNOWN;
        finding->reason = check_reason(canary->sqlstate);
        if (finding->reason == REASON_OVER_LIMIT) {
                r = check_advise(finding, "Add a LIMIT to the query.");
                return r < 0 ? r
                             : check_say(finding, "It answers more than %d rows, or more than fits.",
                                         CANARY_MAX_ROWS);
        }
        r = *canary->sqlstate ? check_say(finding, "%s It was not run to its end (SQLSTATE %s).",
                                          reason_help(finding->reason), canary->sqlstate)
                              : check_say(finding, "%s", reason_help(finding->reason));
        if (r >= 0 && finding->reason == REASON_PRIVILEGE && role)
                r = check_advise(finding, "Grant %s SELECT on the tables that the query reads.", role);
        if (r >= 0 && finding->reason == REASON_TIMEOUT)
                r = check_advise(finding, "Raise limits.statement_timeout above the canary's max_time.");
        return r;
}

static int judge_text(Finding *finding) {
        finding->seen = SEEN_BREACH;
        finding->reason = REASON_UNSUPPORTED;
        if (check_advise(finding, "Write one SELECT.") < 0)
                return -ENOMEM;
        return check_say(finding, "It is no query, and was not sent.");
}

static int judge_writes(Finding *finding) {
        finding->seen = SEEN_BREACH;
        finding->reason = REASON_ERROR;
        if (check_advise(finding, "%s", errors[0].hint) < 0)
                return -ENOMEM;
        return check_say(finding, "%s.", errors[0].what);
}

int canary_judge_one(const Canary *canary, const CanarySettings *wanted, const CheckContext *context,
                     Report *report) {
        Finding *finding = report_add(report, KIND_CANARY, "canary", wanted->name);

        if (!finding)
                return -ENOMEM;
        check_set_rule(finding, context->settings, &wanted->rule);
        finding->max_age = check_max_age(context->settings->intervals.canaries);
        if (!canary->text.is_query)
                return judge_text(finding);
        if (canary->end == CANARY_VOID)
                return judge_void(canary, context, finding);
        if (canary->end == CANARY_FAILED)
                return judge_failed(canary, wanted, context, finding);
        return canary->writes ? judge_writes(finding) : judge_end(canary, wanted, context, finding);
}
