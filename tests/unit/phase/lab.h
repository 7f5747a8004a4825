/* One target for scenarios: rounds and polls of the migration history, at times in seconds.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <string.h>

#include "../unit.h"
#include "pgvigil/phase.h"

#define EPOCH    ((usec_t)1700000000 * USEC_PER_SEC)
#define AT(s)    (EPOCH + (usec_t)(s)*USEC_PER_SEC)
#define HOUR     3600
#define DAY      86400
#define INTERVAL (15 * USEC_PER_SEC)
#define UNTIMED  (-1)

typedef struct Lab {
        PhaseRecord record;
        PhaseSettings settings;
        PhaseMigration rows[16];
        size_t n_rows;
} Lab;

/* `name`: the migration that is watched; "" for any. */
static inline void lab_init(Lab *lab, const char *name) {
        *lab = (Lab){.settings = {.duration = USEC_PER_DAY, .migration = (char *)name}};
        ck_assert_int_eq(phase_init(&lab->record), 0);
}

static inline void lab_row(Lab *lab, const char *name, int64_t finished) {
        lab->rows[lab->n_rows++] = (PhaseMigration){(char *)name, finished == UNTIMED ? 0 : AT(finished)};
}

static inline int lab_poll(Lab *lab, int64_t at) {
        PhasePoll poll = {
                .at = AT(at), .is_readable = true, .finished = lab->rows, .n_finished = lab->n_rows};
        int r = phase_poll(&lab->record, &lab->settings, &poll);

        ck_assert_int_ge(r, 0);
        return r;
}

/* Rounds each INTERVAL, from one time to another. */
static inline void lab_rounds(Lab *lab, int64_t from, int64_t to) {
        for (int64_t at = from; at <= to; at += 15)
                ck_assert_int_eq(phase_round(&lab->record, AT(at), INTERVAL), 0);
}

/* As after a restart: written out and read back. */
static inline void lab_restart(Lab *lab) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        ck_assert_int_eq(phase_format(&lab->record, &text), 0);
        phase_record_done(&lab->record);
        ck_assert_int_eq(phase_parse(buffer_text(&text), &lab->record), 0);
}

static inline int64_t seconds(usec_t at) {
        return ((int64_t)at - (int64_t)EPOCH) / (int64_t)USEC_PER_SEC;
}

#define EXPECT_STATE(lab, wanted) ck_assert_str_eq(phase_state_name((lab)->record.state), (wanted))
