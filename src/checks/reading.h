/* Reading: what counting found of one rule's rows, over all polls, and what a finding makes of it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count.h"

typedef struct Reading {
        usec_t tried;      /* boottime of the last attempt; 0: none */
        Reason failure;    /* of the last attempt; REASON_OK: it counted */
        unsigned timeouts; /* in a row */
        bool has_count;
        int64_t count; /* the last that was whole */
        Method method;
        usec_t at, boottime; /* as of */
        usec_t cycle;        /* that reading the whole table takes; 0: one piece */
        int64_t bound;       /* rows that a walk may have missed at most; -1: not known */
        int64_t found;       /* while nothing whole is known: so far, with the part that was read */
        unsigned percent;
        usec_t walked;          /* boottime: every row was read since, whatever is believed; 0: never */
        char *column, *nearest; /* what NO_SUCH_COLUMN is about; NULL: not known */
        char **keys;
} Reading;

void reading_done(Reading *reading);

/* Whether intervals.violations has passed since the last attempt. */
bool reading_is_due(const Reading *reading, const CheckContext *context);
/* It is not put off after timeouts: it may be asked whenever its table is. */
bool reading_keeps_step(const Reading *reading);

/* The attempt that began then has ended: without a number, for that reason; with one. */
void reading_fail(Reading *reading, usec_t began, Reason reason);
void reading_succeed(Reading *reading, usec_t began, const CountAnswer *answer);
/* With the answer of a rule of that table, and keys of its rows where --rows asks for them. 0 or -ENOMEM. */
int reading_take(Reading *reading, usec_t began, const CountTable *table, const CountRule *rule,
                 const CheckContext *context);

/* Why there is no number; `blocked`: a reason that is known without asking, or REASON_OK. */
Reason reading_blind(const Reading *reading, Reason blocked);

/* Value, method and age of the finding, where there is a number; after those of the catalog. */
void reading_show(const Reading *reading, Reason blind, Finding *finding);

/* After it: since when every row was read. */
void reading_show_walk(const Reading *reading, Finding *finding);

/* After reading_show(), in a finding that says how the catalog has it: rows that break the rule outrank
 * that, and so does, but for what is known to be critical, that nobody could look. */
void reading_decide(Reason blind, const Rule *rule, Finding *finding);

/* Summary and hint of OVER_LIMIT. 0 or -ENOMEM. */
int reading_describe_progress(const Reading *reading, const CheckContext *context, Finding *finding);

/* Adds to the summary how far a count may be from the truth, where it may be: of a walk that goes on, of
 * one that rows were moved under. 0 or -ENOMEM. */
int reading_describe_bound(const Reading *reading, Finding *finding);
