/* Criteria over objects of the catalog: constraints, their rows, foreign keys, indexes.
 *
 * Each object in scope is looked at by one function, which says pass, fail, unknown, or skipped
 * for what the criterion is not about. Where the catalog before the batch was not seen, an object
 * that nobody named may be the migration's or not: then it can spoil a pass, and cannot fail.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>

#include "criteria.h"

typedef struct Looked {
        Status status;
        const char *word; /* why, in brackets behind its name */
} Looked;

typedef Looked (*Look)(const PhaseRecord *record, const PhaseObject *object);

/* What a criterion over objects says, and of what. */
typedef struct ObjectCriterion {
        Look look;
        bool kinds[N_FINDING_KINDS];
        const char *noun, *passed, *failed;
} ObjectCriterion;

typedef struct Tally {
        size_t total, passed, skipped;
        Names failed, unknown;
} Tally;

static void tally_done(Tally *tally) {
        names_done(&tally->failed);
        names_done(&tally->unknown);
}

/* What a state is worth; all others say that it could not be read. */
static const Status state_status[N_REASONS] = {
        [REASON_OK] = STATUS_PASS,
        [REASON_DUPLICATE] = STATUS_PASS,  /* a note */
        [REASON_UNUSED] = STATUS_PASS,     /* a note */
        [REASON_NOT_CHOSEN] = STATUS_PASS, /* its plan decides */
        [REASON_MISSING] = STATUS_FAIL,
        [REASON_NOT_VALID] = STATUS_FAIL,
        [REASON_NOT_ENFORCED] = STATUS_FAIL,
        [REASON_DIFFERS] = STATUS_FAIL,
        [REASON_DISABLED] = STATUS_FAIL,
        [REASON_WRONG_ACTION] = STATUS_FAIL,
        [REASON_NOT_NULL_ACTION] = STATUS_FAIL,
        [REASON_SUPPRESSED] = STATUS_FAIL,
        [REASON_INVALID] = STATUS_FAIL,
        [REASON_NO_SUCH_TABLE] = STATUS_FAIL,
        [REASON_NO_SUCH_COLUMN] = STATUS_FAIL,
};

/* An older picture of the catalog is none of the end. */
static bool is_out_of_sight(const Finding *finding) {
        return finding->status == STATUS_UNKNOWN &&
               (finding->reason == REASON_STALE || finding->reason == REASON_UNREACHABLE);
}

static Looked look_state(const PhaseRecord *record, const PhaseObject *object) {
        Status status = state_status[object->state];

        if (is_out_of_sight(object->finding))
                return (Looked){STATUS_UNKNOWN, reason_name(object->finding->reason)};
        if (status == STATUS_FAIL && object->finding->severity == SEVERITY_INFO)
                return (Looked){STATUS_PASS, NULL};
        if (status == STATUS_SKIPPED)
                return (Looked){STATUS_UNKNOWN, object->state == REASON_VIOLATED
                                                        ? "state not known"
                                                        : reason_name(object->state)};
        return (Looked){status, reason_name(object->state)};
}

static int64_t rows_of(const Finding *finding) {
        return finding->value.kind == VALUE_INT ? finding->value.integer : 0;
}

static bool is_breached(const Finding *finding) {
        int64_t threshold = finding->threshold > 0 ? finding->threshold : 1;

        return finding->severity != SEVERITY_INFO && rows_of(finding) >= threshold;
}

/* A count that is complete, and no older than it may be. */
static bool is_counted(const Finding *finding) {
        return finding->value.kind == VALUE_INT && finding->status != STATUS_UNKNOWN;
}

/* A unique index has no rows to count, and says so by having no unit. */
static bool has_nothing_to_count(const Finding *finding) {
        return finding->value.kind == VALUE_NULL && !finding->unit && finding->reason == REASON_OK &&
               finding->status != STATUS_UNKNOWN;
}

static Looked look_rows(const PhaseRecord *record, const PhaseObject *object) {
        const Finding *finding = object->finding;

        if (has_nothing_to_count(finding))
                return (Looked){STATUS_SKIPPED, NULL};
        if (!is_counted(finding))
                return (Looked){STATUS_UNKNOWN,
                                finding->reason == REASON_OK ? "not counted" : reason_name(finding->reason)};
        if (is_breached(finding))
                return (Looked){STATUS_FAIL, NULL};
        if (object->walked_since < record->started_at || object->walked_since == 0)
                return (Looked){STATUS_UNKNOWN, "not confirmed by a complete walk yet"};
        return (Looked){STATUS_PASS, NULL};
}

static Looked look_index(const PhaseRecord *record, const PhaseObject *object) {
        static const Looked plans[] = {
                [PLAN_NONE] = {STATUS_SKIPPED, NULL},
                [PLAN_UNKNOWN] = {STATUS_UNKNOWN, "its canary has no plan"},
                [PLAN_CHOSEN] = {STATUS_PASS, NULL},
                [PLAN_USABLE] = {STATUS_UNKNOWN, "usable, not chosen"},
                [PLAN_UNUSABLE] = {STATUS_FAIL, "not usable by its canary"},
        };
        Looked looked = look_state(record, object);

        if (looked.status != STATUS_PASS)
                return looked;
        if (object->plan == PLAN_USABLE && object->is_small)
                return looked;
        return plans[object->plan];
}

/* Named, or added by the batch; `ret_is_sure` false: added perhaps. */
static bool is_in_scope(const PhaseInputs *inputs, const PhaseObject *object, bool *ret_is_sure) {
        const Finding *finding = object->finding;

        *ret_is_sure = finding->configured || (inputs->scope_is_known && object->is_added);
        if (finding->seen == SEEN_SKIPPED || finding->is_advice || finding->reason == REASON_NOT_EXPECTED_YET)
                return false;
        return *ret_is_sure || !inputs->scope_is_known;
}

static void add_name(Names *names, const Finding *finding, const char *word) {
        if (word)
                names_add(names, "%s on %s (%s)", finding->name, finding->object, word);
        else if (rows_of(finding) > 0)
                names_add(names, "%s on %s (%" PRId64 " %s)", finding->name, finding->object,
                          rows_of(finding), rows_of(finding) == 1 ? "row" : "rows");
        else
                names_add(names, "%s on %s", finding->name, finding->object);
}

static void tally_object(const JudgeContext *context, const ObjectCriterion *criterion,
                         const PhaseObject *object, Tally *tally) {
        Looked looked;
        bool is_sure;

        if (!criterion->kinds[object->finding->kind] || !is_in_scope(context->inputs, object, &is_sure))
                return;
        looked = object->unseen ? (Looked){STATUS_UNKNOWN, object->unseen}
                                : criterion->look(context->record, object);
        if (looked.status == STATUS_SKIPPED) {
                tally->skipped++;
                return;
        }
        tally->total++;
        if (looked.status == STATUS_PASS)
                tally->passed++;
        else if (looked.status == STATUS_FAIL && is_sure)
                add_name(&tally->failed, object->finding, looked.word);
        else
                add_name(&tally->unknown, object->finding, looked.word);
}

static void say(const ObjectCriterion *criterion, Tally *tally, Judgement *ret) {
        if (tally->failed.count > 0) {
                ret->status = STATUS_FAIL;
                buffer_printf(&ret->reason, "%zu of %zu %s %s: %s.", tally->failed.count, tally->total,
                              criterion->noun, criterion->failed, names_text(&tally->failed));
        } else if (tally->unknown.count > 0)
                buffer_printf(&ret->reason, "%zu of %zu %s are not known to be well: %s.",
                              tally->unknown.count, tally->total, criterion->noun,
                              names_text(&tally->unknown));
        else {
                ret->status = STATUS_PASS;
                buffer_printf(&ret->reason, "%zu of %zu %s %s.", tally->passed, tally->total, criterion->noun,
                              criterion->passed);
        }
}

static void judge_objects(const JudgeContext *context, const ObjectCriterion *criterion, Judgement *ret) {
        _cleanup_(tally_done) Tally tally = {};

        for (size_t i = 0; i < context->inputs->n_objects; i++)
                tally_object(context, criterion, &context->inputs->objects[i], &tally);
        say(criterion, &tally, ret);
}

void judge_constraints_enforced(const JudgeContext *context, Judgement *ret) {
        static const ObjectCriterion criterion = {
                look_state,
                {[KIND_CONSTRAINT] = true},
                "constraints",
                "are validated and enforced as defined",
                "are not validated and enforced as defined",
        };

        judge_objects(context, &criterion, ret);
        if (!context->inputs->scope_is_known)
                buffer_add(&ret->reason,
                           " The catalog before the migration was not seen: all that is there is in scope.");
}

void judge_cascades(const JudgeContext *context, Judgement *ret) {
        static const ObjectCriterion criterion = {
                look_state,        {[KIND_FOREIGN_KEY] = true}, "foreign keys",
                "act as expected", "do not act as expected",
        };

        judge_objects(context, &criterion, ret);
}

static size_t count_repaired(const PhaseRecord *record) {
        size_t n = 0;

        for (size_t i = 0; i < record->n_events; i++)
                n += record->events[i].kind == PHASE_EVENT_VIOLATED && record->events[i].to > 0;
        return n;
}

void judge_no_violations(const JudgeContext *context, Judgement *ret) {
        static const ObjectCriterion criterion = {
                look_rows,    {[KIND_CONSTRAINT] = true, [KIND_FOREIGN_KEY] = true},
                "rules",      "are broken by no row, as a complete walk confirmed",
                "are broken",
        };
        size_t repaired = count_repaired(context->record);

        judge_objects(context, &criterion, ret);
        if (repaired > 0)
                buffer_printf(&ret->reason, " Breaches during the phase that were repaired: %zu.", repaired);
}

/* Without a canary it is not known what should use an index: plain EXPLAINs count as scans too. */
static void say_without_canary(const PhaseInputs *inputs, const Tally *tally, Judgement *ret) {
        int64_t scans = 0;

        for (size_t i = 0; i < inputs->n_objects; i++) {
                const PhaseObject *object = &inputs->objects[i];
                bool is_sure;

                if (object->finding->kind == KIND_INDEX && object->plan == PLAN_NONE && object->scans > 0 &&
                    is_in_scope(inputs, object, &is_sure))
                        scans += object->scans;
        }
        buffer_printf(&ret->reason,
                      " No canary asks for %zu more, which are valid: scanned %" PRId64
                      " times since the start, a hint only.",
                      tally->skipped, scans);
}

void judge_indexes_used(const JudgeContext *context, Judgement *ret) {
        static const ObjectCriterion criterion = {
                look_index,
                {[KIND_INDEX] = true},
                "indexes",
                "are valid and serve their canaries",
                "are invalid, missing or of no use to their canaries",
        };
        _cleanup_(tally_done) Tally tally = {};

        for (size_t i = 0; i < context->inputs->n_objects; i++)
                tally_object(context, &criterion, &context->inputs->objects[i], &tally);
        if (tally.total == 0 && tally.skipped > 0)
                judgement_skip(ret, "no canary asks for an index in scope");
        else
                say(&criterion, &tally, ret);
        if (tally.skipped > 0)
                say_without_canary(context->inputs, &tally, ret);
}

static int note_object(PhaseRecord *record, const PhaseObject *object, usec_t now) {
        const Finding *finding = object->finding;
        _cleanup_(freep) char *name = str_format("%s on %s", finding->name, finding->object);
        PhaseEvent *event;
        int r;

        if (!name)
                return -ENOMEM;
        event = event_find(record, PHASE_EVENT_VIOLATED, name);
        if (!is_breached(finding)) {
                if (event)
                        event->to = now;
                return 0;
        }
        if (!event) {
                size_t before = record->n_events;

                r = event_add(record, PHASE_EVENT_VIOLATED, name, now, 0);
                if (r < 0 || record->n_events == before)
                        return r;
                event = &record->events[before];
        }
        if (rows_of(finding) > event->rows)
                event->rows = rows_of(finding);
        return 0;
}

int phase_note_breaches(PhaseRecord *record, const PhaseInputs *inputs, usec_t now) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < inputs->n_objects; i++) {
                const PhaseObject *object = &inputs->objects[i];
                bool is_rule = object->finding->kind == KIND_CONSTRAINT ||
                               object->finding->kind == KIND_FOREIGN_KEY;
                bool is_sure;

                if (is_rule && is_in_scope(inputs, object, &is_sure) && is_sure &&
                    is_counted(object->finding))
                        r = note_object(record, object, now);
        }
        return r;
}
