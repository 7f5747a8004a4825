/* How what was seen becomes a status. The promise kept here is "never a wrong green": what could
 * not be checked shows its last real result, and past its age is `unknown`.
 *
 *   breaches   polls in a row that broke the rule; at `for` or above the breach has counted, and
 *              stays counted until it clears (polls that could not check change nothing in that)
 *   cleans     clean polls in a row since; at `clear_after` the breach is over
 *
 * A real result that is handed over again (same checked_boottime) is no new poll.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/finding.h"

#include <errno.h>
#include <limits.h>

static unsigned at_least_one(unsigned n) {
        return n > 0 ? n : 1;
}

static unsigned unsigned_max(unsigned a, unsigned b) {
        return a > b ? a : b;
}

static Status breach_status(Severity severity) {
        switch (severity) {
        case SEVERITY_INFO:
                return STATUS_PASS;
        case SEVERITY_WARNING:
                return STATUS_WARN;
        case SEVERITY_CRITICAL:
        case SEVERITY_DEFAULT:
                return STATUS_FAIL;
        }
        return STATUS_FAIL;
}

static bool is_breach(const Finding *finding) {
        int64_t threshold = finding->threshold > 0 ? finding->threshold : 1;

        if (finding->seen != SEEN_BREACH)
                return false;
        if (finding->reason != REASON_VIOLATED || finding->value.kind != VALUE_INT)
                return true;
        return finding->value.integer >= threshold;
}

/* What is only noted beside an object: a rule is about none of it. */
static bool is_note(const Finding *finding) {
        return finding->reason == REASON_NOT_EXPECTED_YET || finding->reason == REASON_DUPLICATE ||
               finding->reason == REASON_UNUSED;
}

static bool has_counted(const Finding *previous) {
        return previous && previous->breaches >= at_least_one(previous->for_polls);
}

static bool was_really_seen(const Finding *previous) {
        return previous && previous->checked_boottime != 0;
}

static bool is_too_old(const Finding *finding, usec_t checked_boottime, usec_t boottime) {
        return finding->max_age > 0 && usec_since(boottime, checked_boottime) > finding->max_age;
}

static unsigned count_poll(unsigned before, bool is_repeat) {
        return at_least_one(is_repeat || before == UINT_MAX ? before : before + 1);
}

static void settle_breach(Finding *finding, const Finding *previous, bool is_repeat) {
        unsigned needed = at_least_one(finding->for_polls);

        finding->breaches = count_poll(previous ? previous->breaches : 0, is_repeat);
        if (!has_counted(previous) && finding->breaches < needed) {
                finding->status = STATUS_PASS;
                return;
        }
        finding->breaches = unsigned_max(finding->breaches, needed); /* `for` may have grown */
        finding->status = breach_status(finding->severity);
        finding->is_broken = !is_note(finding);
}

/* A breach has counted, and this poll was clean. */
static int settle_clearing(Finding *finding, const Finding *previous, bool is_repeat) {
        unsigned needed = at_least_one(finding->clear_after);
        unsigned cleans = count_poll(previous->cleans, is_repeat);
        char *summary;

        if (cleans >= needed) {
                finding->status = STATUS_PASS;
                return 0;
        }

        summary = str_format("Clean again in %u of the %u polls in a row that clear it.", cleans, needed);
        if (!summary)
                return -ENOMEM;
        free(finding->summary);
        finding->summary = summary;
        finding->breaches = unsigned_max(previous->breaches, at_least_one(finding->for_polls));
        finding->cleans = cleans;
        finding->status = previous->status;
        finding->reason = previous->reason;
        finding->is_broken = previous->is_broken;
        return 0;
}

static int settle_result(Finding *finding, const Finding *previous, usec_t boottime, usec_t realtime) {
        bool is_repeat = finding->checked_boottime != 0 && was_really_seen(previous) &&
                         previous->checked_boottime == finding->checked_boottime;

        if (finding->checked_boottime == 0)
                finding->checked_boottime = boottime;
        if (finding->checked_at == 0)
                finding->checked_at = realtime;

        if (is_breach(finding)) {
                settle_breach(finding, previous, is_repeat);
                return 0;
        }
        if (has_counted(previous))
                return settle_clearing(finding, previous, is_repeat);
        finding->status = STATUS_PASS;
        return 0;
}

/* The last value stays visible, with its time: an alert must not resolve because we went blind. */
static int carry_value(Finding *finding, const Finding *previous) {
        Value value;
        int r;

        r = value_copy(&previous->value, &value);
        if (r < 0)
                return r;
        value_done(&finding->value);
        finding->value = value;
        finding->unit = previous->unit;
        finding->method = previous->method;
        finding->checked_at = previous->checked_at;
        finding->checked_boottime = previous->checked_boottime;
        return 0;
}

static int carry_words(Finding *finding, const Finding *previous) {
        char **keys;
        int r;

        r = str_set(&finding->summary, previous->summary);
        if (r < 0)
                return r;
        r = str_set(&finding->hint, previous->hint);
        if (r < 0)
                return r;
        r = str_set(&finding->repair, previous->repair);
        if (r < 0)
                return r;
        r = strv_copy(previous->keys, &keys);
        if (r < 0)
                return r;
        strv_free(finding->keys);
        finding->keys = keys;
        return 0;
}

static int settle_blind(Finding *finding, const Finding *previous, usec_t boottime) {
        int r;

        finding->breaches = previous ? previous->breaches : 0; /* but no cleans: not checked is not clean */
        finding->checked_at = finding->checked_boottime = 0;
        if (!was_really_seen(previous))
                return 0;
        /* A check that forgets it in an error path buys no eternal green, and one that began anew does not
         * know yet how long its look takes. */
        if (finding->max_age < previous->max_age)
                finding->max_age = previous->max_age;
        r = carry_value(finding, previous);
        if (r < 0)
                return r;
        if (previous->status == STATUS_UNKNOWN || is_too_old(finding, previous->checked_boottime, boottime))
                return 0;

        r = carry_words(finding, previous);
        if (r < 0)
                return r;
        finding->reason = previous->reason;
        finding->severity = previous->severity;
        finding->status = previous->status;
        finding->is_broken = previous->is_broken;
        finding->is_blind = true;
        return 0;
}

static int settle_skipped(Finding *finding) {
        finding->checked_at = finding->checked_boottime = 0;
        finding->status = STATUS_SKIPPED;
        return 0;
}

static bool can_age(const Finding *finding) {
        return finding->status != STATUS_UNKNOWN && finding->status != STATUS_SKIPPED &&
               finding->max_age > 0 && finding->checked_boottime != 0;
}

/* Says the limit and not the age: the sentence stays true while the age grows. */
static char *stale_summary(usec_t max_age) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        buffer_add(&text, "Not checked for more than ");
        buffer_add_usec_human(&text, max_age);
        buffer_add_char(&text, '.');
        return buffer_take(&text);
}

static bool settle_age(Finding *finding, usec_t boottime) {
        char *summary;

        if (!can_age(finding) || !is_too_old(finding, finding->checked_boottime, boottime))
                return false;
        summary = stale_summary(finding->max_age);
        if (summary) {
                free(finding->summary);
                finding->summary = summary;
        }
        finding->status = STATUS_UNKNOWN;
        finding->reason = REASON_STALE;
        finding->is_blind = finding->is_broken = false;
        return true;
}

static int settle_seen(Finding *finding, const Finding *previous, usec_t boottime, usec_t realtime) {
        switch (finding->seen) {
        case SEEN_OK:
        case SEEN_BREACH:
                return settle_result(finding, previous, boottime, realtime);
        case SEEN_UNKNOWN:
                return settle_blind(finding, previous, boottime);
        case SEEN_SKIPPED:
                return settle_skipped(finding);
        }
        return -EINVAL;
}

int finding_settle(Finding *finding, const Finding *previous, usec_t boottime, usec_t realtime) {
        bool is_unchanged;
        int r;

        if (previous && !finding_same(finding, previous))
                previous = NULL;

        finding->status = STATUS_UNKNOWN; /* also what an error below leaves */
        finding->is_blind = finding->is_broken = false;
        finding->held_gate = previous && previous->held_gate;
        finding->breaches = finding->cleans = 0;
        finding->since = realtime;
        finding->severity = finding_severity(finding);
        r = settle_seen(finding, previous, boottime, realtime);
        if (r < 0)
                return r;
        (void)settle_age(finding, boottime);

        is_unchanged = previous && previous->status == finding->status && previous->reason == finding->reason;
        if (is_unchanged)
                finding->since = previous->since;
        return 0;
}

bool finding_age(Finding *finding, usec_t boottime, usec_t realtime) {
        if (!settle_age(finding, boottime))
                return false;
        finding->since = realtime;
        return true;
}

void finding_disown(Finding *finding) {
        if (finding->status == STATUS_SKIPPED)
                return;
        finding->status = STATUS_UNKNOWN;
        finding->reason = REASON_STALE;
        finding->is_blind = finding->is_broken = false;
        finding->checked_at = finding->checked_boottime = 0;
        (void)str_set(&finding->summary, "Another server answers now: not checked there yet.");
}

usec_t finding_expires(const Finding *finding) {
        if (!can_age(finding))
                return USEC_INFINITY;
        return usec_add(usec_add(finding->checked_boottime, finding->max_age), 1);
}
