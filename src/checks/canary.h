/* Canary: one query of the configuration, what its text is, what its plan uses, how it ended.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/check-kind.h"

/* More rows than this are no answer that a canary needs. */
#define CANARY_MAX_ROWS 10000

/* What the text of a canary says before it is sent. */
typedef struct CanaryText {
        bool is_query;         /* begins as what EXPLAIN takes: nothing else is sent */
        unsigned n_parameters; /* highest $N outside of quotes and comments */
} CanaryText;

CanaryText canary_text_read(const char *sql);
size_t canary_text_length(const char *sql); /* without the semicolon at its end */

/* How the plan uses an index on the wanted columns; more is better. */
typedef enum PlanUse {
        PLAN_NO_INDEX,    /* no table of the plan has one */
        PLAN_INVALID,     /* one that is not valid */
        PLAN_PASSED_OVER, /* a valid one, and the plan reads a large table without it */
        PLAN_SMALL,       /* the same, and the table is too small for the planner to care */
        PLAN_CHOSEN,
} PlanUse;

/* The best of them, over all tables of the plan; a partitioned table is one. */
typedef struct PlanIndex {
        PlanUse use;
        char *schema, *table, *index; /* owned; NULL without an index */
        int64_t pages;                /* of the largest table or partition that is read without it */
} PlanIndex;

extern const char plan_index_sql[]; /* $1: a plan, as EXPLAIN (VERBOSE, FORMAT JSON) answers it */
extern const Shape plan_index_shape;

/* 0, -ENOMEM, -EINVAL. */
int plan_index_find(const Table *rows, char *const *columns, PlanIndex *ret);
void plan_index_done(PlanIndex *index);

typedef enum CanaryEnd {
        CANARY_NOT_RUN, /* only planned */
        CANARY_RAN,
        CANARY_STOPPED, /* by the server, when max_time was over */
        CANARY_FAILED,  /* the statement itself is wrong */
        CANARY_VOID,    /* says nothing of the statement: a lock, a privilege, a shutdown */
} CanaryEnd;

typedef struct Canary {
        CanaryText text;
        Histogram durations;

        CanaryEnd end; /* of this run */
        char sqlstate[6];
        usec_t duration;
        bool writes; /* its plan does */

        bool has_plan; /* of this or an earlier run */
        PlanIndex plan;
        bool is_usable; /* the plan without sequential scans and sorts uses it */
} Canary;

/* Time after which the server stops it: past max_time the answer is known. */
usec_t canary_bound(const TargetSettings *settings, const CanarySettings *wanted);

/* What an error means, of the statement that is judged. */
CanaryEnd canary_end_of_error(const Outcome *outcome, const TargetSettings *settings,
                              const CanarySettings *wanted);

/* Its finding. 0 or -ENOMEM. */
int canary_judge_one(const Canary *canary, const CanarySettings *wanted, const CheckContext *context,
                     Report *report);

/* 0 or -ENOMEM. */
extern const Shape canary_duration_shape, canary_index_shape;
int canary_publish_duration(const Canary *canary, const CanarySettings *wanted, Report *report);
int canary_publish_index(const Canary *canary, const CanarySettings *wanted, Report *report);
