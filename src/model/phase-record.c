/* PhaseRecord: its names, its lists, its end.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/phase-record.h"

#include <errno.h>

static const char *const state_names[N_PHASE_STATES] = {
        [PHASE_IDLE] = "idle",       [PHASE_BASELINE] = "baseline", [PHASE_WATCHING] = "watching",
        [PHASE_PASSED] = "passed",   [PHASE_FAILED] = "failed",     [PHASE_INCONCLUSIVE] = "inconclusive",
        [PHASE_STOPPED] = "stopped",
};

static const char *const event_names[N_PHASE_EVENT_KINDS] = {
        [PHASE_EVENT_VIOLATED] = "violated",
        [PHASE_EVENT_FINISHED] = "finished",
        [PHASE_EVENT_GONE] = "gone",
        [PHASE_EVENT_MOVED] = "moved",
};

const char *const criterion_names[N_CRITERIA + 1] = {
#define CRITERION(id, name, help) name,
#include "pgvigil/model/criteria.def"
#undef CRITERION
};

static const char *const criterion_helps[N_CRITERIA] = {
#define CRITERION(id, name, help) help,
#include "pgvigil/model/criteria.def"
#undef CRITERION
};

static int find_name(const char *const *names, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (str_equal(names[i], name))
                        return (int)i;
        return -1;
}

const char *phase_state_name(PhaseState state) {
        return state_names[state];
}

int phase_state_from_name(const char *name) {
        return find_name(state_names, N_PHASE_STATES, name);
}

const char *phase_event_name(PhaseEventKind kind) {
        return event_names[kind];
}

int phase_event_from_name(const char *name) {
        return find_name(event_names, N_PHASE_EVENT_KINDS, name);
}

const char *criterion_name(Criterion criterion) {
        return criterion_names[criterion];
}

const char *criterion_help(Criterion criterion) {
        return criterion_helps[criterion];
}

int criterion_from_name(const char *name) {
        return find_name(criterion_names, N_CRITERIA, name);
}

void phase_migrations_done(PhaseMigrations *list) {
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i].name);
        free(list->items);
        *list = (PhaseMigrations){};
}

int phase_migrations_add(PhaseMigrations *list, const char *name, usec_t finished_at) {
        PhaseMigration item = {.finished_at = finished_at};
        PhaseMigration *items = reallocarray(list->items, list->count + 1, sizeof(*items));

        if (!items)
                return -ENOMEM;
        list->items = items;
        if (str_set(&item.name, name) < 0)
                return -ENOMEM;
        items[list->count++] = item;
        return 0;
}

bool phase_migrations_have(const PhaseMigrations *list, const char *name) {
        for (size_t i = 0; i < list->count; i++)
                if (str_equal(list->items[i].name, name))
                        return true;
        return false;
}

MigrationRun phase_run_sum(const PhaseRecord *record) {
        const PhaseRun *run = &record->run;

        return (MigrationRun){
                .is_live = run->last_seen > 0,
                .is_known = run->is_known,
                .blocked = run->blocked,
                .is_capped = run->is_capped,
                .longest_wait = run->longest_wait,
                .elapsed = run->elapsed,
                .locked = run->locked,
        };
}

bool phase_is_over(const PhaseRecord *record) {
        return record->state > PHASE_WATCHING;
}

void phase_statements_done(PhaseRecord *record) {
        for (size_t i = 0; i < record->n_statements; i++)
                free(record->statements[i].text);
        free(record->statements);
        record->statements = NULL;
        record->n_statements = 0;
}

int phase_statements_add(PhaseRecord *record, const PhaseStatement *statement) {
        PhaseStatement *statements = reallocarray(record->statements, record->n_statements + 1,
                                                  sizeof(*statements));
        PhaseStatement copy = *statement;

        if (!statements)
                return -ENOMEM;
        record->statements = statements;
        copy.text = NULL;
        if (str_set(&copy.text, statement->text) < 0)
                return -ENOMEM;
        statements[record->n_statements++] = copy;
        return 0;
}

void phase_record_done(PhaseRecord *record) {
        phase_statements_done(record);
        free(record->note);
        free(record->cannot_pass);
        free(record->database);
        free(record->run.locked);
        phase_migrations_done(&record->batch);
        phase_migrations_done(&record->known);
        phase_migrations_done(&record->waiting);
        free(record->gaps);
        for (size_t i = 0; i < record->n_events; i++)
                free(record->events[i].object);
        free(record->events);
        for (size_t i = 0; i < N_CRITERIA; i++)
                free(record->criteria[i].reason);
        *record = (PhaseRecord){};
}
