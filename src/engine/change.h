/* Change: what a reload does to a target whose name and connection stay.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "internal.h"

/* Everything that may fail is done by change_prepare(); zeroed it is no change. */
typedef struct Change {
        bool is_wanted;
        bool is_light;
        void **states; /* one a job; NULL: those of before go on */
} Change;

/* Whether name, conninfo and credential are those of the target. */
bool target_is_at(const Target *target, const TargetSettings *settings);

/* 0 or -ENOMEM; touches nothing that runs. */
int change_prepare(const Target *target, const TargetSettings *settings, Change *ret);
void change_done(const Target *target, Change *change);

/* Takes *settings. Cannot fail. */
void target_change(Target *target, TargetSettings *settings, Change *change);
