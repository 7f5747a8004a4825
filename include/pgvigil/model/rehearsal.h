/* Rehearsal: for how long a target's URL was 503 in the last seven days, and would have been with each
 * fail_on, so that a gate can be tried before it is used.
 *
 * Answers are looked at again and again; between two looks that are near each other the first one is
 * taken to have held. Time between looks that are far apart was not observed, and counts nowhere. All
 * times are realtime, as they outlive a process. Pure: no clock.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/str.h"
#include "pgvigil/base/usec.h"
#include "pgvigil/model/fail-on.h"

#define REHEARSAL_WINDOW (7 * USEC_PER_DAY)
#define REHEARSAL_GAP    (15 * USEC_PER_SEC) /* looks that are further apart have a gap between them */
#define REHEARSAL_SPANS  48                  /* of one list; nearest neighbours are put together past it */

typedef struct RehearsalSpan {
        usec_t from, to;
        usec_t length;     /* less than to - from where several were put together */
        char *why;         /* where several were put together, one that stands for much of it; owned */
        usec_t why_length; /* of `length` */
} RehearsalSpan;

/* In the order of time, apart from each other. */
typedef struct RehearsalSpans {
        RehearsalSpan items[REHEARSAL_SPANS + 1];
        size_t count;
} RehearsalSpans;

typedef struct RehearsalAnswer {
        bool is_503;
        char *why; /* of a 503: "unreachable (refused)", "constraint t positive: violated"; owned */
} RehearsalAnswer;

/* Zero-initialise. */
typedef struct Rehearsal {
        RehearsalSpans observed;
        RehearsalSpans refused[N_FAIL_ON];
        usec_t looked_at; /* 0: never */
        RehearsalAnswer answers[N_FAIL_ON];
} Rehearsal;

void rehearsal_done(Rehearsal *rehearsal);
void rehearsal_answers_done(RehearsalAnswer answers[static N_FAIL_ON]);

/* What the URL answers from `now` on. Takes the texts out of `answers`. 1: something changed; 0; -ENOMEM:
 * the time since the last look may be lost. */
int rehearsal_look(Rehearsal *rehearsal, usec_t now, RehearsalAnswer answers[static N_FAIL_ON]);

typedef struct RehearsalSum {
        usec_t observed, refused; /* of the window that ends now */
        const char *why;          /* for the most time of `refused`; NULL: it never was. Borrowed */
        bool is_only;             /* there was no other reason */
        usec_t last_at;           /* end of the last; 0: there was none */
} RehearsalSum;

RehearsalSum rehearsal_sum(const Rehearsal *rehearsal, FailOn fail_on, usec_t now);

/* As text, for the history. A text that is cut, of another format or none of ours is -EINVAL; *ret is
 * zeroed then. What a process looked at last is not in it: the time until the next look is a gap. */
int rehearsal_format(const Rehearsal *rehearsal, Buffer *out);
int rehearsal_parse(const char *text, Rehearsal *ret);
