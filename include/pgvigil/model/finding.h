/* Finding: one judged fact. Everything pgvigil knows is a list of these.
 *
 * A check says what it saw (`seen`) and under which rule; finding_settle() makes the status of
 * it: severity, threshold, for, clear_after, the value that stays visible while it cannot be
 * checked, and the age past which that is `unknown`.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/str.h"
#include "pgvigil/model/value.h"

/* In the order in which the worst wins; SKIPPED counts nowhere. */
typedef enum Status { STATUS_SKIPPED, STATUS_PASS, STATUS_WARN, STATUS_UNKNOWN, STATUS_FAIL } Status;

/* DEFAULT: a rule that says none. No finding has it, no file can say it. */
typedef enum Severity { SEVERITY_DEFAULT = -1, SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL } Severity;

typedef enum FindingKind {
#define FINDING_KIND(id, name, help) KIND_##id,
#include "pgvigil/model/finding-kinds.def"
#undef FINDING_KIND
        N_FINDING_KINDS,
} FindingKind;

typedef enum Reason {
#define REASON(id, name, help) REASON_##id,
#include "pgvigil/model/reasons.def"
#undef REASON
        N_REASONS,
} Reason;

const char *status_name(Status status); /* "pass" … */
const char *severity_name(Severity severity);
const char *finding_kind_name(FindingKind kind);
const char *reason_name(Reason reason);
const char *reason_help(Reason reason);
int finding_kind_from_name(const char *name); /* -1: none such */
int status_from_name(const char *name);       /* -1: none such */

/* What this run of the check saw. */
typedef enum Seen {
        SEEN_OK,      /* holds */
        SEEN_BREACH,  /* does not hold: the severity makes the status */
        SEEN_UNKNOWN, /* could not be checked: the last real result stays until it is too old */
        SEEN_SKIPPED, /* switched off or without its prerequisite: `summary` says why */
} Seen;

/* How a rule turns what was seen into a status. Defaults by rule_default(). */
typedef struct Rule {
        Severity severity;
        bool gate;            /* a breach turns /health to 503 */
        bool enforced;        /* a constraint of that definition must exist */
        char *expected_after; /* migration until which its absence is `info`; owned, or NULL */
        int64_t threshold;    /* rows from which on it is a breach, ≥ 1 */
        unsigned for_polls;   /* polls in a row before a breach counts, ≥ 1 */
        unsigned clear_after; /* clean polls in a row before it clears, ≥ 1 */
} Rule;

typedef struct Finding {
        FindingKind kind;
        char *object; /* as PostgreSQL would quote it; owned, as all char * here */
        char *name;
        Seen seen;
        Severity severity;
        bool severity_is_default; /* its rule says none: finding_severity() may be milder */
        bool gate;
        bool configured;      /* named by the configuration */
        bool is_advice;       /* of an object that does not exist and that nobody asked for */
        int64_t threshold;    /* 0 counts as 1; compared with `value` of a SEEN_BREACH for VIOLATED */
        unsigned for_polls;   /* 0 counts as 1 */
        unsigned clear_after; /* 0 counts as 1 */
        Reason reason;
        char *summary; /* one sentence */
        char *hint;    /* what to do, or NULL */
        char *repair;  /* the statement that repairs, or NULL; part of `hint` when rendered */
        char **keys;   /* of violating rows, where --rows asked for them; or NULL */
        Value value;
        const char *unit;   /* static: "rows", or NULL */
        const char *method; /* static: "proved", "full", "catalog", …; or NULL */
        usec_t max_age;     /* past this age of checked_boottime it is unknown; 0: never */
        /* when its value was last really seen: 0 and 0 for never. Judge leaves them 0 for "now". */
        usec_t checked_at;       /* realtime */
        usec_t checked_boottime; /* boottime */
        usec_t walked_boottime;  /* every row was read since, whatever a constraint says; 0: never */
        /* Made by finding_settle(): */
        Status status;
        usec_t since;      /* realtime of the last change of status or reason */
        unsigned breaches; /* in a row */
        unsigned cleans;   /* in a row since the last breach that counted */
        bool is_blind;     /* shows an older result: this run could not check */
        bool is_broken;    /* a breach has counted and is not over, whatever its severity */
        bool held_gate;    /* its gate was broken at the last 503, which is not settled yet */
} Finding;

void rule_default(Rule *rule, Severity severity);
void rule_done(Rule *rule);
Severity rule_severity(const Rule *rule); /* what it says, else critical */
int rule_copy(const Rule *rule, Rule *ret);

void finding_done(Finding *finding);
void finding_apply_rule(Finding *finding, const Rule *rule); /* severity, gate, threshold, for, clear_after */
Severity finding_severity(const Finding *finding); /* where no rule says one: warning for what is mild */

/* Same fact in two rounds: kind, object and name equal. */
bool finding_same(const Finding *a, const Finding *b);

/* Turns a judged finding into a settled one, given its settled predecessor (NULL: none) and the
 * two clocks. May move value, reason and summary over from `previous`. 0 or -ENOMEM. */
int finding_settle(Finding *finding, const Finding *previous, usec_t boottime, usec_t realtime);

/* A settled finding of a server that is gone: its result says nothing of the one that is there now.
 * Keeps what was counted towards `for` and `clear_after`. */
void finding_disown(Finding *finding);

/* Settled findings again at a later time: only what age changes. True when the status changed. */
bool finding_age(Finding *finding, usec_t boottime, usec_t realtime);

/* Boottime at which finding_age() next has something to do; USEC_INFINITY: never. */
usec_t finding_expires(const Finding *finding);
