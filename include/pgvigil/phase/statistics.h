/* Statistics of the monitoring phase: did errors or latencies rise against the days before?
 * The unit is the day: samples within one are not independent. A phase is one day of
 * PHASE_BUCKETS buckets and PHASE_HOURS hours, whatever its duration; the days of the baseline
 * end where it starts, so that bucket 7 of each day is the same time of the day as its bucket 7.
 * Pure arithmetic: the caller takes the differences of the counters and says what is void.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/finding.h"

#define PHASE_BUCKETS       96 /* a bucket is duration / 96: 15 min of 24 h */
#define PHASE_HOURS         24
#define PHASE_BASELINE_DAYS 7    /* that are asked for; more are welcome */
#define PHASE_VOID_MAX      0.05 /* a greater share not observed is too much */

/* Differences of pg_stat_database between the ends of a bucket, our own subtracted. */
typedef struct ErrorBucket {
        int64_t commits, rollbacks;
        bool is_void; /* not observed, statistics reset, a counter fell */
} ErrorBucket;

typedef struct ErrorRateInput {
        const ErrorBucket *baseline; /* n_days * PHASE_BUCKETS, the oldest day first */
        size_t n_days;               /* whole ones; one with too much void is left out here */
        const ErrorBucket *window;
        size_t n_window; /* buckets that have ended, at most PHASE_BUCKETS */
} ErrorRateInput;

typedef enum ErrorCause {
        ERROR_RATE_FINE,
        ERROR_RATE_BUCKET,       /* one bucket is above 1.5 × the baseline's highest */
        ERROR_RATE_DAY,          /* the whole day is */
        ERROR_RATE_SMALL_BUCKET, /* one bucket is, but of too few transactions to tell */
        ERROR_RATE_VOID,
        ERROR_RATE_FEW,         /* too few transactions */
        ERROR_RATE_TOO_EARLY,   /* no bucket has ended */
        ERROR_RATE_NO_BASELINE, /* not one whole day */
        N_ERROR_CAUSES,
} ErrorCause;

typedef struct ErrorRate {
        Status status;
        ErrorCause cause;
        size_t n_days;                 /* of the baseline, used */
        size_t n_window;               /* buckets that have ended, … */
        size_t n_void;                 /* … of them void */
        size_t n_tested;               /* … of them large enough for a ratio */
        size_t bucket;                 /* that decided, or the highest; of no meaning for the day */
        int64_t errors, total;         /* of that bucket, or of the day */
        double ratio, limit;           /* errors / total, and what it may be */
        int64_t all_errors, all_total; /* of all buckets observed */
} ErrorRate;

void error_rate(const ErrorRateInput *input, ErrorRate *ret);

/* Differences of pg_stat_statements within an hour, over all users. */
typedef struct StatementHour {
        int64_t calls;
        double total_ms;
} StatementHour;

typedef struct StatementSeries {
        const char *text;           /* normalised, without values, or NULL; borrowed */
        const StatementHour *hours; /* (n_days + 1) * PHASE_HOURS: the baseline, oldest first, the phase */
        int64_t queryid;
} StatementSeries;

typedef struct PerformanceInput {
        const StatementSeries *statements;
        size_t n_statements;
        size_t n_days;          /* whole ones */
        size_t n_hours;         /* of the phase, that have ended */
        const bool *void_hours; /* as `hours`: not observed, a reset, an eviction; NULL: none */
        bool is_shifted;        /* it began within an hour of the clock: the last of each day is left out */
} PerformanceInput;

typedef enum PerformanceCause {
        PERFORMANCE_FINE,
        PERFORMANCE_NOTHING_SEEN, /* one day of baseline: nothing above the margin */
        PERFORMANCE_SLOWER,       /* the median hour */
        PERFORMANCE_SLOW_STRETCH, /* two hours in a row */
        PERFORMANCE_INCONCLUSIVE, /* the days differ too much to tell */
        PERFORMANCE_VOID,
        PERFORMANCE_FEW,       /* too few calls to compare */
        PERFORMANCE_UNCOVERED, /* most of the time goes to statements that are new */
        PERFORMANCE_UNREAD,    /* the caller's: what was kept is not read */
        PERFORMANCE_TOO_EARLY,
        PERFORMANCE_NO_BASELINE,
        N_PERFORMANCE_CAUSES,
} PerformanceCause;

typedef struct StatementShift {
        const char *text;                   /* borrowed from the input, or NULL */
        double before_ms, after_ms, effect; /* on the basket: 0.1 is 10 % of its time more */
        int64_t queryid;
} StatementShift;

#define PERFORMANCE_MARGIN 0.25
#define PERFORMANCE_MOVED  5

typedef struct Performance {
        Status status; /* UNKNOWN where the design says inconclusive: `cause` tells */
        PerformanceCause cause;
        size_t n_days, n_hours, n_void, n_compared; /* days used; hours ended, void, compared */
        size_t n_statements, n_total;               /* in the basket, of those seen in the phase */
        double coverage;                            /* their share of the phase's time */
        double median;                              /* log of the basket's index, median hour */
        double spread, reach;                       /* s, and t(.95, B-1) × s; 0 with one day */
        size_t hour;                                /* the second of the two in a row */
        double index, limit;                        /* of that hour */
        double indexes[PHASE_HOURS];                /* of each hour; NAN: not compared */
        StatementShift moved[PERFORMANCE_MOVED];    /* that moved it most */
        size_t n_moved;
} Performance;

/* 0 or -ENOMEM. */
int performance(const PerformanceInput *input, Performance *ret);

double student_t95(size_t degrees); /* one-sided 95 % quantile of Student's t, degrees ≥ 1 */
