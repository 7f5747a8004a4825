/* The criteria, one function each; the table of them is in criteria.c.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "internal.h"

typedef struct JudgeContext {
        const PhaseRecord *record;
        const PhaseInputs *inputs;
        usec_t now;
} JudgeContext;

void judge_migration_completed(const JudgeContext *context, Judgement *ret);
void judge_constraints_enforced(const JudgeContext *context, Judgement *ret);
void judge_no_violations(const JudgeContext *context, Judgement *ret);
void judge_cascades(const JudgeContext *context, Judgement *ret);
void judge_indexes_used(const JudgeContext *context, Judgement *ret);
void judge_queries_work(const JudgeContext *context, Judgement *ret);
void judge_app_healthy(const JudgeContext *context, Judgement *ret);
void judge_error_rate(const JudgeContext *context, Judgement *ret);
void judge_performance(const JudgeContext *context, Judgement *ret);

/* Skipped for want of it: also the reason. */
void judgement_skip(Judgement *judgement, const char *absent);

/* A list for a sentence: the first few, and how many more. */
typedef struct Names {
        Buffer text;
        size_t count;
} Names;

void names_done(Names *names);
void names_add(Names *names, const char *format, ...) _printf_(2, 3);
const char *names_text(Names *names); /* complete; no more is added afterwards */
