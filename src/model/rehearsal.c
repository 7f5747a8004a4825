/* Rehearsal: spans of time, put together and summed.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/rehearsal.h"

#include <errno.h>
#include <string.h>

static void span_done(RehearsalSpan *span) {
        free(span->why);
        *span = (RehearsalSpan){};
}

static void spans_done(RehearsalSpans *spans) {
        for (size_t i = 0; i < spans->count; i++)
                span_done(&spans->items[i]);
        spans->count = 0;
}

void rehearsal_answers_done(RehearsalAnswer answers[static N_FAIL_ON]) {
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++) {
                free(answers[fail_on].why);
                answers[fail_on] = (RehearsalAnswer){};
        }
}

void rehearsal_done(Rehearsal *rehearsal) {
        spans_done(&rehearsal->observed);
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++)
                spans_done(&rehearsal->refused[fail_on]);
        rehearsal_answers_done(rehearsal->answers);
        *rehearsal = (Rehearsal){};
}

static void spans_remove(RehearsalSpans *spans, size_t i) {
        span_done(&spans->items[i]);
        spans->count--;
        memmove(&spans->items[i], &spans->items[i + 1], (spans->count - i) * sizeof(spans->items[0]));
        spans->items[spans->count] = (RehearsalSpan){};
}

/* The one that follows goes into this one, with the time between them left out. */
static void spans_join(RehearsalSpans *spans, size_t i) {
        RehearsalSpan *span = &spans->items[i], *next = &spans->items[i + 1];

        if (str_equal(span->why, next->why)) {
                span->why_length += next->why_length;
        } else if (next->why_length >= span->why_length) {
                SWAP(span->why, next->why);
                span->why_length = next->why_length;
        }
        span->to = next->to;
        span->length += next->length;
        spans_remove(spans, i + 1);
}

/* Where the least is lost: the two that are nearest to each other become one. */
static void spans_shrink(RehearsalSpans *spans) {
        size_t nearest = 0;
        usec_t least = USEC_INFINITY;

        if (spans->count <= REHEARSAL_SPANS)
                return;
        for (size_t i = 0; i + 1 < spans->count; i++) {
                usec_t apart = usec_since(spans->items[i + 1].from, spans->items[i].to);

                if (apart < least) {
                        least = apart;
                        nearest = i;
                }
        }
        spans_join(spans, nearest);
}

static int spans_add(RehearsalSpans *spans, usec_t from, usec_t to, const char *why) {
        RehearsalSpan *last = spans->count > 0 ? &spans->items[spans->count - 1] : NULL;
        RehearsalSpan span = {.from = from, .to = to, .length = usec_since(to, from)};

        span.why_length = span.length;

        if (span.length == 0)
                return 0;
        if (last && last->to == from && str_equal(last->why, why)) {
                last->to = to;
                last->length += span.length;
                last->why_length += span.length;
                return 0;
        }
        if (str_set(&span.why, why) < 0)
                return -ENOMEM;
        spans->items[spans->count++] = span;
        spans_shrink(spans);
        return 0;
}

/* Of a span's `length` what lies within; of one that was put together, its share. */
static usec_t span_within(const RehearsalSpan *span, usec_t length, usec_t from, usec_t to) {
        usec_t begin = span->from > from ? span->from : from, end = span->to < to ? span->to : to;
        usec_t whole = usec_since(span->to, span->from), part = usec_since(end, begin);

        if (part >= whole)
                return length;
        return (usec_t)((double)length * ((double)part / (double)whole));
}

static void spans_prune(RehearsalSpans *spans, usec_t now) {
        while (spans->count > 0 && spans->items[0].to + REHEARSAL_WINDOW <= now)
                spans_remove(spans, 0);
}

/* A clock that was set back: what it said of later times is not believed. */
static void spans_cut(RehearsalSpans *spans, usec_t now) {
        while (spans->count > 0 && spans->items[spans->count - 1].to > now) {
                RehearsalSpan *last = &spans->items[spans->count - 1];

                if (last->from >= now) {
                        spans_remove(spans, spans->count - 1);
                        continue;
                }
                last->why_length = span_within(last, last->why_length, 0, now);
                last->length = span_within(last, last->length, 0, now);
                last->to = now;
        }
}

static void trim(Rehearsal *rehearsal, usec_t now) {
        spans_prune(&rehearsal->observed, now);
        spans_cut(&rehearsal->observed, now);
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++) {
                spans_prune(&rehearsal->refused[fail_on], now);
                spans_cut(&rehearsal->refused[fail_on], now);
        }
}

static bool is_near(const Rehearsal *rehearsal, usec_t now) {
        return rehearsal->looked_at != 0 && now >= rehearsal->looked_at &&
               now - rehearsal->looked_at <= REHEARSAL_GAP;
}

/* What was seen last has held until now. */
static int extend(Rehearsal *rehearsal, usec_t now) {
        int r = spans_add(&rehearsal->observed, rehearsal->looked_at, now, NULL);

        for (FailOn fail_on = 0; r >= 0 && fail_on < N_FAIL_ON; fail_on++)
                if (rehearsal->answers[fail_on].is_503)
                        r = spans_add(&rehearsal->refused[fail_on], rehearsal->looked_at, now,
                                      rehearsal->answers[fail_on].why);
        return r;
}

int rehearsal_look(Rehearsal *rehearsal, usec_t now, RehearsalAnswer answers[static N_FAIL_ON]) {
        bool is_changed = false;
        int r = 0;

        trim(rehearsal, now);
        if (is_near(rehearsal, now))
                r = extend(rehearsal, now);
        rehearsal->looked_at = now;
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++) {
                RehearsalAnswer *known = &rehearsal->answers[fail_on];

                is_changed |= known->is_503 != answers[fail_on].is_503 ||
                              !str_equal(known->why, answers[fail_on].why);
                SWAP(*known, answers[fail_on]);
        }
        rehearsal_answers_done(answers);
        return r < 0 ? r : is_changed;
}

/* The spans as they lie in the window, and the one that goes on. Texts are borrowed. */
typedef struct Parts {
        RehearsalSpan items[REHEARSAL_SPANS + 2];
        size_t count;
} Parts;

static void parts_add(Parts *parts, const RehearsalSpan *span, usec_t now) {
        usec_t from = usec_since(now, REHEARSAL_WINDOW);
        RehearsalSpan part = {
                .to = span->to < now ? span->to : now,
                .length = span_within(span, span->length, from, now),
                .why = span->why,
                .why_length = span_within(span, span->why_length, from, now),
        };

        if (part.length > 0)
                parts->items[parts->count++] = part;
}

static Parts parts_of(const RehearsalSpans *spans, const RehearsalSpan *open, usec_t now) {
        Parts parts = {};

        for (size_t i = 0; i < spans->count; i++)
                parts_add(&parts, &spans->items[i], now);
        if (open->to > open->from)
                parts_add(&parts, open, now);
        return parts;
}

static usec_t parts_length(const Parts *parts) {
        usec_t length = 0;

        for (size_t i = 0; i < parts->count; i++)
                length += parts->items[i].length;
        return length;
}

static void find_why(const Parts *parts, RehearsalSum *sum) {
        usec_t most = 0;

        for (size_t i = 0; i < parts->count; i++) {
                usec_t length = 0;

                for (size_t k = 0; k < parts->count; k++)
                        if (str_equal(parts->items[k].why, parts->items[i].why))
                                length += parts->items[k].why_length;
                if (length > most) {
                        most = length;
                        sum->why = parts->items[i].why;
                }
        }
        sum->is_only = most == sum->refused;
}

RehearsalSum rehearsal_sum(const Rehearsal *rehearsal, FailOn fail_on, usec_t now) {
        RehearsalSpan open = {.from = rehearsal->looked_at}, refused;
        RehearsalSum sum = {};
        Parts parts;

        open.to = is_near(rehearsal, now) ? now : open.from;
        open.length = open.why_length = open.to - open.from;
        parts = parts_of(&rehearsal->observed, &open, now);
        sum.observed = parts_length(&parts);

        refused = open;
        refused.why = rehearsal->answers[fail_on].why;
        if (!rehearsal->answers[fail_on].is_503)
                refused.to = refused.from;
        parts = parts_of(&rehearsal->refused[fail_on], &refused, now);
        sum.refused = parts_length(&parts);
        for (size_t i = 0; i < parts.count; i++)
                sum.last_at = parts.items[i].to;
        find_why(&parts, &sum);
        return sum;
}
