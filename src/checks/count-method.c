/* The decision: a table of methods, each with its reason not to be taken.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-method.h"

#include <stddef.h>
#include <string.h>

#include "pgvigil/base/macros.h"

static const char *not_proved(const MethodFacts *f) {
        if (f->is_suspect)
                return "a walk found rows that the proof denies";
        return f->is_proved ? NULL : "no validated constraint implies it";
}

static const char *not_enforced(const MethodFacts *f) {
        if (f->is_suspect)
                return "a walk found rows that the constraint denies";
        return f->is_enforced ? NULL : "no foreign key in full force";
}

static const char *not_falling(const MethodFacts *f) {
        if (!f->is_falling)
                return "the database lets new rows break it";
        if (f->is_suspect)
                return "a walk found rows that the constraint denies";
        if (f->is_opaque)
                return "the rule depends on more than its row";
        if (!f->was_counted)
                return "not counted yet";
        return f->has_none || f->has_all_keys ? NULL : "more rows break it than keys are kept";
}

static const char *not_comparable(const MethodFacts *f) {
        if (!f->was_counted)
                return "not counted yet";
        if (f->is_suspect)
                return "a walk found rows that the catalog denies";
        return f->is_opaque ? "the rule depends on more than its row" : NULL;
}

static const char *not_unchanged(const MethodFacts *f) {
        const char *why = not_comparable(f);

        if (why)
                return why;
        return f->same_snapshot ? NULL : "transactions have ended since";
}

static const char *not_by_counters(const MethodFacts *f) {
        const char *why = not_comparable(f);

        if (why)
                return why;
        if (f->is_standby)
                return "a standby counts no changes";
        if (!f->counts_rows)
                return "track_counts is off";
        if (!f->same_signature)
                return "the table has changed";
        if (f->busy < 0)
                return "the activity of other sessions is hidden";
        return f->busy == 0 ? NULL : "sessions are at work that may not have told of their changes";
}

static const char *not_full(const MethodFacts *f) {
        if (f->is_suspect)
                return "a walk found rows that the catalog denies";
        return f->pages <= f->full_pages ? NULL : "the table is large";
}

static const char *not_by_index(const MethodFacts *f) {
        if (f->is_suspect)
                return "a walk found rows that the catalog denies";
        if (!f->plan_known)
                return NULL;
        if (f->plan_scans)
                return "no index serves it";
        return f->plan_cost <= f->cost_limit ? NULL : "its plan is expensive";
}

/* Beyond this part of the table its pages lie so densely that a walk costs no more. */
#define DIRTY_PART 0.3

bool method_map_pays(const MethodFacts *facts) {
        return (double)facts->dirty <= DIRTY_PART * (double)facts->pages;
}

static const char *not_by_delta(const MethodFacts *f) {
        if (f->is_suspect)
                return "a walk found rows that the catalog denies";
        if (!f->was_counted)
                return "not counted yet";
        if (f->is_opaque)
                return "the rule depends on more than its row";
        if (f->has_others)
                return "the rule depends on rows of another table";
        if (!f->has_visibility)
                return "pg_visibility is not at hand";
        if (!f->has_map)
                return "no walk without VACUUM in it has mapped its pages yet";
        if (!f->dirty_known)
                return NULL;
        if (!method_map_pays(f))
                return "too many of its pages have changed";
        return (double)f->dirty <= f->cost_limit ? NULL
                                                 : "more of its pages have changed than a poll may read";
}

static const char *not_by_walk(const MethodFacts *f) {
        return f->can_slice ? NULL : "a part of the table may not be read by itself";
}

static const struct {
        const char *name;
        bool is_exact;
        const char *(*why_not)(const MethodFacts *facts);
} methods[N_METHODS] = {
        [METHOD_PROVED] = {"proved", true, not_proved},
        [METHOD_ENFORCED] = {"enforced", true, not_enforced},
        [METHOD_RATCHET] = {"ratchet", true, not_falling},
        [METHOD_UNCHANGED] = {"unchanged", true, not_unchanged},
        [METHOD_COUNTERS] = {"counters", false, not_by_counters},
        [METHOD_FULL] = {"full", true, not_full},
        [METHOD_INDEX] = {"index", true, not_by_index},
        [METHOD_DELTA] = {"delta", true, not_by_delta},
        [METHOD_WALK] = {"walk", false, not_by_walk},
};

void method_choose(const MethodFacts *facts, MethodChoice *ret) {
        *ret = (MethodChoice){.method = N_METHODS};
        for (size_t i = 0; i < ELEMENTS(methods); i++) {
                ret->why_not[i] = methods[i].why_not(facts);
                if (ret->why_not[i])
                        continue;
                ret->method = (Method)i;
                ret->needs_facts = (i == METHOD_INDEX && !facts->plan_known) ||
                                   (i == METHOD_DELTA && !facts->dirty_known);
                return;
        }
}

const char *method_name(Method method) {
        return method < N_METHODS ? methods[method].name : NULL;
}

bool method_is_exact(Method method) {
        return method < N_METHODS && methods[method].is_exact;
}
