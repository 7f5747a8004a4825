/* What the renderings of findings share: the tally behind a status and a scope, the checklist, the
 * hint. Nothing is escaped here: what is written holds names as they are.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "json-writer.h"
#include "pgvigil/model/view.h"

#define N_STATUSES (STATUS_FAIL + 1)

/* Zero-initialise. */
typedef struct Tally {
        size_t by_status[N_STATUSES];
        bool has_blank; /* a target of which nothing is known */
        Scope scope;
} Tally;

void tally_add(Tally *tally, const Finding *finding);

/* All findings of the target that are of `kind` (-1: all). */
void tally_add_target(Tally *tally, const TargetView *target, int kind);

/* The worst; unknown where nothing counts. */
Status tally_status(const Tally *tally);

/* The hint and, on a line of its own, the statement that repairs; NULL when there is neither.
 * Owned; *ret is set only on success. 0 or -ENOMEM. */
int finding_full_hint(const Finding *finding, char **ret);

/* Does not hold, but its rule lets it pass. */
bool finding_is_noted(const Finding *finding);

/* One line of the checklist: the findings of one kind. `worst` is NULL where there is none. */
typedef struct KindTally {
        Tally tally;
        size_t seen_ok, noted;
        size_t advised; /* of the noted, those of objects that do not exist */
        const Finding *worst;
} KindTally;

void checklist_tally(const TargetView *target, KindTally ret_kinds[static N_FINDING_KINDS]);
const char *checklist_title(FindingKind kind); /* "Foreign keys" */

/* "59 of 60 in order; 1 fail", with the claim where every one was seen to be in order, or with
 * how far the green goes. */
void checklist_add_result(Buffer *out, const TargetView *target, FindingKind kind, const KindTally *tally);

/* "PostgreSQL 15.20, primary", or "not connected (refused)" */
void target_add_server(Buffer *out, const TargetView *target);

/* Why a code is what it is, by the state of a Health. */
const char *health_why(const char *state);

/* "this URL was 503 for 42 s, because …", "with fail_on=critical it would never have been 503": of the time
 * that was observed. */
typedef struct RehearsalText {
        const char *fail_on, *because;
        usec_t refused;
        bool is_only; /* there was no other reason */
} RehearsalText;
void rehearsal_add_claim(Buffer *out, const RehearsalText *text);

usec_t check_run_interval(const TargetView *target, const CheckKind *kind);
uint64_t check_run_failures(const CheckRun *run);

void writer_scope(JsonWriter *json, const Scope *scope);

/* One finding as JSON, the same shape everywhere. */
void writer_finding(JsonWriter *json, const char *target, const Finding *finding);
