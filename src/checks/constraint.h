/* The constraint check's own types: relations and constraints as the catalog has them, what
 * counting found, and the run that counts.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "count-tables.h"
#include "reading.h"

typedef struct Relation {
        int64_t id;
        char *schema, *name;
        char *sql; /* schema.name, quoted */
        char *key; /* columns of its primary key, quoted, or NULL */
        char kind; /* pg_class.relkind: r p f v m */
        bool is_extension, can_read, can_use, row_security, has_children;
        bool has_user_code; /* seen on the last visit: no proof can be trusted */
} Relation;

/* Whether the constraint of a configured rule's name says the same as the rule. */
typedef enum Comparison {
        COMPARISON_NONE,
        COMPARISON_SAME,
        COMPARISON_DIFFERENT,
        COMPARISON_UNDECIDED
} Comparison;

/* One finding to be: a constraint of the catalog, a configured rule, or both in one. */
typedef struct Constraint {
        const ConstraintSettings *wanted; /* NULL: discovered */
        char *schema, *table, *name;      /* schema may be NULL where there is no such table */
        Relation *relation;               /* NULL: no such table */
        char *nearest;                    /* and the name that comes nearest, quoted, or NULL */
        bool exists, is_validated, is_enforced, no_inherit;
        char type; /* pg_constraint.contype; 'c' where it does not exist */
        int64_t id;
        char *version;     /* xmin: another one means it was altered */
        bool is_countable; /* has an expression that rows may violate */
        Reason blocked;    /* why it cannot be counted, without asking; REASON_OK: it can */
        bool runs_alone;   /* its expression took others down */
        char *expression;  /* of the catalog, as last read under the table's lock; or NULL */
        bool is_trusted;   /* built-in code only */
        Comparison comparison;
        Reading reading;
        bool is_pending; /* in this run: to be counted still */
        bool is_proved;  /* in this run */
        CountRule *rule; /* of the table that counts it, in this run */
} Constraint;

typedef struct ConstraintCatalog {
        Relation *relations; /* sorted by id */
        size_t n_relations;
        Constraint *items;
        size_t n_items, allocated;
} ConstraintCatalog;

/* Constraints of one table that are counted in one pass, in one transaction. */
typedef struct Group {
        Relation *relation;
        bool only; /* FROM ONLY: no children, or a constraint that they do not inherit */
        Constraint **members;
        size_t n_members;
        CountTable *table; /* that counts it; from STEP_ROWS on */
} Group;

typedef struct Counting {
        usec_t began; /* boottime: a long count is due again one interval after its beginning */
        Group *groups;
        size_t n_groups, current;
        unsigned step;
        size_t cursor;      /* member, in steps that go through them one by one */
        size_t visited;     /* groups whose rows were visited */
        SafetyVisit safety; /* behind all groups */
        bool restart;       /* the group begins anew, without proofs */
        bool is_outdated;   /* a constraint of the catalog was not there any more */
        char *plan;         /* of the rule, until that of the constraint is there */
} Counting;

typedef enum ConstraintPhase { PHASE_CATALOG, PHASE_RELATIONS, PHASE_COUNT, PHASE_DONE } ConstraintPhase;

typedef struct ConstraintState {
        ConstraintPhase phase;
        ConstraintCatalog catalog;
        bool is_known;       /* the catalog was read at least once */
        Reason failure;      /* why the last attempt to read it failed; REASON_OK */
        bool was_reread;     /* in this run: once is enough */
        Table *rows;         /* of the catalog, until the relations are there */
        usec_t at, boottime; /* when it was read */
        Counting counting;
        CountTables tables;
        size_t turn; /* of runs: each begins with another group */
} ConstraintState;

/* constraint-build.c */
int constraint_build(ConstraintCatalog *catalog, const TargetSettings *settings, const Table *rows,
                     const Table *relations);
void constraint_catalog_done(ConstraintCatalog *catalog);
const Relation *constraint_relation(const ConstraintCatalog *catalog, int64_t id); /* or NULL */
/* constraint-count.c */
int counting_plan(ConstraintState *state, const CheckContext *context);
int counting_next(ConstraintState *state, const CheckContext *context, Statement *ret);
int counting_take(ConstraintState *state, const CheckContext *context, const Outcome *outcome);
void counting_done(Counting *counting);
