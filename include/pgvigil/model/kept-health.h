/* KeptHealth: the last answers of a target's URL, as the process after this one may give them again until
 * its own first round is done.
 *
 * Only within the boot that they are of, while they are as fresh as an answer must be, of a target that is
 * still defined as it was, and while the clocks agree. All else is forgotten: a restart may cost an answer,
 * never make one up. Pure.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/base/digest.h"
#include "pgvigil/base/usec.h"
#include "pgvigil/model/fail-on.h"
#include "pgvigil/model/finding.h"

/* What a target's view has of it. */
typedef struct Restored {
        usec_t heartbeat; /* boottime, of the process before; 0: nothing is restored */
        bool is_503[N_FAIL_ON];
        Status status; /* as it was then */
} Restored;

typedef struct KeptHealth {
        char *target;                     /* owned */
        char fingerprint[DIGEST_HEX_MAX]; /* of its definition and its connection; "" matches nothing */
        usec_t boottime, realtime;        /* when it was kept */
        Restored answers;
} KeptHealth;

typedef struct KeptHealths {
        KeptHealth *items;
        size_t count;
} KeptHealths;

void kept_healths_done(KeptHealths *list);
const KeptHealth *kept_healths_find(const KeptHealths *list, const char *target);

/* Why it cannot be restored, a few words; NULL: it can. */
const char *kept_health_refusal(const KeptHealth *kept, const char *fingerprint, usec_t max_age,
                                usec_t boottime, usec_t realtime);

/* As text. `boot_id` is the kernel's. A text that is damaged, cut, or of another format: -EINVAL; of
 * another boot: -ESTALE. *ret is zeroed then. */
int kept_healths_format(const KeptHealths *list, const char *boot_id, Buffer *out);
int kept_healths_parse(const char *text, const char *boot_id, KeptHealths *ret);
