/* FailOn: what turns a health answer to 503, from the mildest on.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

typedef enum FailOn {
        FAIL_ON_UNREACHABLE,
        FAIL_ON_GATE, /* unless a question says another */
        FAIL_ON_CRITICAL,
        FAIL_ON_WARNING,
        N_FAIL_ON,
} FailOn;

const char *fail_on_name(FailOn fail_on); /* "unreachable" … */
int fail_on_from_name(const char *name);  /* -1: none such */
