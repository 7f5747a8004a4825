/* What is said of a constraint: one sentence, what to do, and the statement that does it.
 *
 * No text of the server and no row data; expressions appear in repair statements only.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "common.h"
#include "constraint-judge.h"
#include "constraint-text.h"

static char *quoted(const char *name) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        buffer_add_identifier(&text, name);
        return buffer_take(&text);
}

static const char *monitoring_role(const CheckContext *context) {
        return context->server && context->server->role ? context->server->role : "pgvigil";
}

static bool is_pending_migration(const CheckContext *context, const Constraint *constraint) {
        return constraint->wanted && check_expectation(context, &constraint->wanted->rule) == EXPECT_LATER;
}

static int repair_violated(Finding *finding, const Constraint *constraint) {
        const char *rule = constraint_rule(constraint);

        return rule ? check_repair(finding, "SELECT * FROM %s WHERE NOT (%s) LIMIT 100;",
                                   constraint->relation->sql, rule)
                    : 0;
}

static int repair_missing(Finding *finding, const Constraint *constraint) {
        _cleanup_(freep) char *name = quoted(constraint->name);
        const char *table = constraint->relation->sql;

        if (!name)
                return -ENOMEM;
        if (!constraint->wanted->check)
                return check_advise(finding, "Add the constraint, or run the migration that adds it.");
        if (check_advise(finding, "Add it without a long lock, then validate it.") < 0)
                return -ENOMEM;
        return check_repair(finding,
                            "ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID; "
                            "ALTER TABLE %s VALIDATE CONSTRAINT %s;",
                            table, name, constraint->wanted->check, table, name);
}

static int repair_not_valid(Finding *finding, const Constraint *constraint) {
        _cleanup_(freep) char *name = quoted(constraint->name);

        if (!name)
                return -ENOMEM;
        if (finding->value.kind != VALUE_INT || finding->value.integer > 0)
                return check_advise(finding, "Correct the rows that violate it, if any, then validate it.");
        if (check_advise(finding, "Validate it: writers are not blocked meanwhile.") < 0)
                return -ENOMEM;
        return check_repair(finding, "ALTER TABLE %s VALIDATE CONSTRAINT %s;", constraint->relation->sql,
                            name);
}

static int say_violated(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        long long count = finding->value.integer;
        const char *what = constraint->is_countable && count == 1 ? "row violates" : "rows violate";
        int r;

        if (constraint->exists)
                r = check_say(finding, "%lld %s the rule%s.", count, what,
                              constraint->is_validated && constraint->is_enforced
                                      ? ", although the constraint is there"
                                      : "");
        else if (is_pending_migration(context, constraint))
                r = check_say(finding, "%lld %s the rule: the migration %s would be rejected.", count, what,
                              constraint->wanted->rule.expected_after);
        else
                r = check_say(finding, "%lld %s the rule%s.", count, what,
                              constraint_standing(constraint) == STANDING_MISSING
                                      ? ", and the constraint does not exist"
                                      : "");
        if (r < 0 || check_advise(finding, "Correct or remove these rows%s.",
                                  constraint_standing(constraint) == STANDING_NOT_VALID
                                          ? ", then validate the constraint"
                                          : "") < 0)
                return -ENOMEM;
        return repair_violated(finding, constraint);
}

static int say_missing(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        const char *rows = finding->value.kind != VALUE_INT ? ""
                           : finding->value.integer == 0    ? "; no row violates its rule"
                                                            : "; some rows violate its rule";

        if (finding->seen == SEEN_UNKNOWN)
                return check_say(finding,
                                 "The constraint does not exist, and whether the migration %s is applied is "
                                 "not known.",
                                 constraint->wanted->rule.expected_after);
        if (check_say(finding, "The constraint does not exist%s.", rows) < 0)
                return -ENOMEM;
        return repair_missing(finding, constraint);
}

static int say_not_yet(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        const char *after = constraint->wanted->rule.expected_after;

        if (!constraint->relation)
                return check_say(finding,
                                 "The table is not there yet; expected once the migration %s is applied.",
                                 after);
        if (constraint->reading.failure == REASON_NO_SUCH_COLUMN)
                return check_say(
                        finding,
                        "A column of the rule is not there yet; expected once the migration %s is applied.",
                        after);
        return check_say(finding, "%s Expected once the migration %s is applied.",
                         finding->value.kind == VALUE_INT && finding->value.integer == 0
                                 ? "No row violates the rule."
                                 : "Not counted.",
                         after);
}

static int say_not_valid(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        const char *rows = finding->value.kind == VALUE_INT && finding->value.integer == 0
                                   ? ", though none of them violates it"
                                   : "";

        if (check_say(finding, "Enforced for new rows, but not validated against those that were there%s.",
                      rows) < 0)
                return -ENOMEM;
        return repair_not_valid(finding, constraint);
}

static int say_not_enforced(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        if (check_say(finding, "The constraint exists as NOT ENFORCED: the database does not apply it.") < 0)
                return -ENOMEM;
        return check_advise(finding, "Drop it and add it again without NOT ENFORCED.");
}

static int say_differs(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        if (finding->seen == SEEN_UNKNOWN)
                return check_say(finding,
                                 "A constraint of that name has another definition, and whether the "
                                 "migration %s is applied is not known.",
                                 constraint->wanted->rule.expected_after);
        if (check_say(finding,
                      "A constraint of that name exists with another definition than the configured rule.") <
            0)
                return -ENOMEM;
        return check_advise(finding,
                            "Compare the rule in the configuration with the definition in the database.");
}

static int say_no_such_table(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        if (constraint->relation) {
                if (check_say(finding, "The table, or one that the rule names, is not there.") < 0)
                        return -ENOMEM;
                return check_advise(finding,
                                    "Write each table of the rule with its schema, as in public.orders: "
                                    "rules are read with an empty search_path.");
        }
        if (!constraint->nearest) {
                if (check_say(finding, "There is no such table in the watched schemas.") < 0)
                        return -ENOMEM;
                return check_advise(finding,
                                    "Correct `table` in the configuration, or add its schema to `schemas`.");
        }
        if (check_say(finding, "There is no such table; the nearest name is %s.", constraint->nearest) < 0)
                return -ENOMEM;
        return check_advise(finding, "Correct `table` in the configuration if %s is meant.",
                            constraint->nearest);
}

static int say_no_such_column(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        _cleanup_(freep) char *column = quoted(constraint->reading.column ? constraint->reading.column : "");
        _cleanup_(freep) char *nearest = quoted(constraint->reading.nearest ? constraint->reading.nearest
                                                                            : "");

        if (!column || !nearest)
                return -ENOMEM;
        if (check_advise(finding, "Correct the rule in the configuration, or run the migration that adds the "
                                  "column.") < 0)
                return -ENOMEM;
        if (!constraint->reading.column)
                return check_say(finding, "The rule names a column that the table does not have.");
        if (!constraint->reading.nearest)
                return check_say(finding, "The table has no column %s.", column);
        if (check_say(finding, "The table has no column %s; the nearest name is %s.", column, nearest) < 0)
                return -ENOMEM;
        return check_advise(finding, "Correct the rule in the configuration if %s is meant.", nearest);
}

static int say_privilege(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        _cleanup_(freep) char *who = quoted(monitoring_role(context));
        _cleanup_(freep) char *schema = quoted(constraint->schema ? constraint->schema : "");
        bool lacks_schema = constraint->relation && !constraint->relation->can_use;

        if (!who || !schema)
                return -ENOMEM;
        if (check_say(finding, "The monitoring role may not read the table, so its rows are not counted.") <
                    0 ||
            check_advise(finding, "Grant it what it lacks.") < 0)
                return -ENOMEM;
        if (lacks_schema)
                return check_repair(finding, "GRANT USAGE ON SCHEMA %s TO %s;", schema, who);
        if (constraint->relation && constraint->relation->can_read) /* a function of the rule, then */
                return check_advise(finding, "Grant EXECUTE on the functions that the rule calls.");
        return constraint->relation
                       ? check_repair(finding, "GRANT SELECT ON %s TO %s;", constraint->relation->sql, who)
                       : 0;
}

static int say_untrusted(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        if (check_say(finding, "The expression may run code that is not built in, so it was not evaluated.") <
            0)
                return -ENOMEM;
        return check_advise(finding, "To have it counted, give its rule as `check` in the configuration: "
                                     "what stands there is trusted.");
}

static int say_unsupported(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        if (check_say(
                    finding,
                    "A view or a foreign table, or a table with a foreign part: its rows are not counted.") <
            0)
                return -ENOMEM;
        return constraint->wanted
                       ? check_advise(finding,
                                      "Set `table` in the configuration to the table that holds the rows.")
                       : check_advise(finding, "Leave the table out with `exclude` in the configuration.");
}

static int say_row_security(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        _cleanup_(freep) char *who = quoted(monitoring_role(context));

        if (!who)
                return -ENOMEM;
        if (check_say(finding,
                      "Row level security hides rows from the monitoring role, so none are counted.") < 0 ||
            check_advise(finding, "Let the role read past it; a superuser has to.") < 0)
                return -ENOMEM;
        return check_repair(finding, "ALTER ROLE %s BYPASSRLS;", who);
}

static int say_timeout(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        _cleanup_(buffer_done) Buffer limit = BUFFER_NULL;

        buffer_add_usec_human(&limit, context->settings->limits.statement_timeout);
        if (check_say(finding, "Counting its rows did not finish in time.") < 0)
                return -ENOMEM;
        return check_advise(
                finding, "Raise limits.statement_timeout (now %s), or create an index that serves the rule.",
                buffer_text(&limit));
}

static int say_locked(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        _cleanup_(buffer_done) Buffer table = BUFFER_NULL;

        buffer_add_literal(&table, constraint->relation ? constraint->relation->sql : "");
        if (check_say(finding, "%s", reason_help(REASON_LOCKED)) < 0 ||
            check_advise(finding, "The next poll tries again. If it stays so, see who holds the lock.") < 0)
                return -ENOMEM;
        if (buffer_error(&table) < 0)
                return -ENOMEM;
        return constraint->relation
                       ? check_repair(
                                 finding,
                                 "SELECT pid, mode, granted FROM pg_locks WHERE relation = %s::regclass;",
                                 buffer_text(&table))
                       : 0;
}

static int say_over_limit(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        return reading_describe_progress(&constraint->reading, context, finding);
}

static int say_error(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        const char *missing = constraint_standing(constraint) == STANDING_MISSING
                                      ? "The constraint does not exist, and its rule"
                                      : "The rule";

        if (!constraint->runs_alone)
                return check_say(finding, "The rows could not be counted; the server's log has the error.");
        if (check_say(finding, "%s cannot be evaluated; the server's log has the error.", missing) < 0)
                return -ENOMEM;
        return constraint->wanted ? check_advise(finding, "Try `check` of the rule by hand and correct it.")
                                  : 0;
}

static int say_ok(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        bool is_compared = !constraint->exists || !constraint->wanted || !constraint->wanted->check ||
                           constraint->comparison == COMPARISON_SAME;
        const char *rest = is_compared ? "" : " Its definition was not compared with the rule.";

        if (!constraint->is_countable)
                return check_say(finding, constraint->exists ? "The constraint is enforced."
                                                             : "Nothing is asked of it.");
        if (constraint->reading.method == METHOD_PROVED)
                return check_say(finding, "No row can violate it: proved by validated constraints.%s", rest);
        return check_say(finding, "No row violates it.%s", rest);
}

static int say(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        static const struct {
                Reason reason;
                int (*say)(Finding *finding, const CheckContext *context, const Constraint *constraint);
        } words[] = {
                {REASON_DIFFERS, say_differs},
                {REASON_ERROR, say_error},
                {REASON_LOCKED, say_locked},
                {REASON_MISSING, say_missing},
                {REASON_NOT_ENFORCED, say_not_enforced},
                {REASON_NOT_EXPECTED_YET, say_not_yet},
                {REASON_NOT_VALID, say_not_valid},
                {REASON_NO_SUCH_COLUMN, say_no_such_column},
                {REASON_NO_SUCH_TABLE, say_no_such_table},
                {REASON_OK, say_ok},
                {REASON_OVER_LIMIT, say_over_limit},
                {REASON_PRIVILEGE, say_privilege},
                {REASON_ROW_SECURITY, say_row_security},
                {REASON_TIMEOUT, say_timeout},
                {REASON_UNSUPPORTED, say_unsupported},
                {REASON_UNTRUSTED, say_untrusted},
                {REASON_VIOLATED, say_violated},
        };

        for (size_t i = 0; i < ELEMENTS(words); i++)
                if (words[i].reason == finding->reason)
                        return words[i].say(finding, context, constraint);
        return check_say(finding, "%s", reason_help(finding->reason));
}

int constraint_describe(Finding *finding, const CheckContext *context, const Constraint *constraint) {
        int r = say(finding, context, constraint);

        return r < 0 ? r : reading_describe_bound(&constraint->reading, finding);
}
