/* Reading: see the header. What checks that count rows have in common behind the counting.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "reading.h"

#include <errno.h>

#include "common.h"

void reading_done(Reading *reading) {
        free(reading->column);
        free(reading->nearest);
        strv_free(reading->keys);
        *reading = (Reading){};
}

/* The engine comes at the shorter of two intervals, now and then late behind other rounds: half of
 * one early is due, or the turn after a late one would be lost. After three timeouts in a row the
 * interval doubles, up to eightfold. */
#define PATIENCE 2

bool reading_is_due(const Reading *reading, const CheckContext *context) {
        const Intervals *intervals = &context->settings->intervals;
        usec_t tick = intervals->catalog < intervals->violations ? intervals->catalog : intervals->violations;
        unsigned doublings = reading->timeouts > PATIENCE ? reading->timeouts - PATIENCE : 0;

        if (reading->tried == 0)
                return true;
        return usec_since(context->boottime, reading->tried) + tick / 2 >=
               intervals->violations << (doublings < 3 ? doublings : 3);
}

bool reading_keeps_step(const Reading *reading) {
        return reading->timeouts <= PATIENCE;
}

void reading_fail(Reading *reading, usec_t began, Reason reason) {
        reading->tried = began;
        reading->failure = reason;
        reading->timeouts = reason == REASON_TIMEOUT ? reading->timeouts + 1 : 0;
        reading->keys = strv_free(reading->keys);
        (void)str_set(&reading->column, NULL);
        (void)str_set(&reading->nearest, NULL);
}

void reading_succeed(Reading *reading, usec_t began, const CountAnswer *answer) {
        reading_fail(reading, began, REASON_OK);
        reading->has_count = true;
        reading->count = answer->count;
        reading->method = answer->method;
        reading->at = answer->at;
        reading->boottime = answer->boottime;
        reading->cycle = answer->cycle;
        reading->bound = answer->bound;
        reading->found = 0;
}

static int list_keys(Reading *reading, const CountTable *table, const CountRule *rule, size_t limit) {
        if (limit == 0 || rule->answer.count == 0)
                return 0;
        if (rule->shown)
                return strv_copy(rule->shown, &reading->keys);
        for (size_t i = 0; i < table->n_rules && table->n_rules <= KEYS_RULES; i++)
                if (table->rules[i] == rule)
                        return keys_list(&table->keys, i, limit, &reading->keys);
        return 0;
}

int reading_take(Reading *reading, usec_t began, const CountTable *table, const CountRule *rule,
                 const CheckContext *context) {
        const CountAnswer *answer = &rule->answer;

        if (answer->reason == REASON_OK) {
                reading_succeed(reading, began, answer);
                return list_keys(reading, table, rule, context->key_rows);
        }
        reading_fail(reading, began, answer->reason);
        reading->found = answer->reason == REASON_OVER_LIMIT ? answer->count : 0;
        reading->percent = answer->percent;
        return reading->found > 0 ? list_keys(reading, table, rule, context->key_rows) : 0;
}

Reason reading_blind(const Reading *reading, Reason blocked) {
        if (blocked != REASON_OK)
                return blocked;
        if (reading->failure != REASON_OK || reading->has_count)
                return reading->failure;
        return REASON_ERROR;
}

/* Rows that were found count at once, also while most of the table is still to be read. */
void reading_show(const Reading *reading, Reason blind, Finding *finding) {
        if (blind == REASON_OVER_LIMIT && reading->found > 0) {
                finding->method = method_name(METHOD_WALK);
                finding->value = VALUE_OF_INT(reading->found);
        }
        if (blind != REASON_OK)
                return;
        finding->method = method_name(reading->method);
        finding->value = VALUE_OF_INT(reading->count);
        finding->checked_at = reading->at;
        finding->checked_boottime = reading->boottime;
        /* As of its beginning a walk is two walks old before the next one ends. */
        if (finding->max_age < 3 * reading->cycle)
                finding->max_age = 3 * reading->cycle;
}

void reading_show_walk(const Reading *reading, Finding *finding) {
        bool is_believed = reading->method == METHOD_PROVED || reading->method == METHOD_ENFORCED ||
                           reading->method == METHOD_RATCHET;

        finding->walked_boottime = reading->walked;
        if (reading->has_count && !is_believed && reading->boottime > finding->walked_boottime)
                finding->walked_boottime = reading->boottime;
}

static bool outranks_unknown(const Finding *finding) {
        return finding->seen == SEEN_BREACH && finding_severity(finding) == SEVERITY_CRITICAL;
}

/* Below its threshold it is no breach: finding_settle() compares. */
void reading_decide(Reason blind, const Rule *rule, Finding *finding) {
        int64_t count = finding->value.kind == VALUE_INT ? finding->value.integer : 0;

        if (count > 0 && (count >= finding->threshold || finding->seen == SEEN_OK)) {
                if (rule)
                        finding->severity = rule_severity(rule);
                finding->seen = SEEN_BREACH;
                finding->reason = REASON_VIOLATED;
                return;
        }
        if (blind == REASON_OK || (outranks_unknown(finding) && blind != REASON_UNSUPPORTED))
                return;
        finding->seen = blind == REASON_SKIPPED ? SEEN_SKIPPED : SEEN_UNKNOWN;
        finding->reason = blind;
}

int reading_describe_progress(const Reading *reading, const CheckContext *context, Finding *finding) {
        int r = check_say(finding,
                          "%u %% of the table was read so far, and no row in it violates the rule; the rest "
                          "follows, poll by poll.",
                          reading->percent);

        return r < 0 ? r
                     : check_advise(finding, "limits.blocks_per_poll = %lld bounds what a poll reads.",
                                    (long long)context->settings->limits.blocks_per_poll);
}

static int describe_part(const Reading *reading, Finding *finding) {
        if (reading->percent == 0)
                return check_say(finding, "At least %s The rest of the table is still to be read.",
                                 finding->summary);
        return check_say(finding, "At least %s %u %% of the table was read so far.", finding->summary,
                         reading->percent);
}

int reading_describe_bound(const Reading *reading, Finding *finding) {
        if (reading->failure == REASON_OVER_LIMIT && reading->found > 0 && finding->reason == REASON_VIOLATED)
                return describe_part(reading, finding);
        if (reading->method != METHOD_WALK || reading->failure != REASON_OK || reading->bound == 0 ||
            finding->value.kind != VALUE_INT)
                return 0;
        if (reading->bound < 0)
                return check_say(finding,
                                 "%s While the table was read in pieces its statistics were reset: how many "
                                 "rows were moved meanwhile, and may have been missed, is not known.",
                                 finding->summary);
        return check_say(finding,
                         "%s While the table was read in pieces, updates moved %lld row%s: at most as many "
                         "may have been missed.",
                         finding->summary, (long long)reading->bound, reading->bound == 1 ? "" : "s");
}
