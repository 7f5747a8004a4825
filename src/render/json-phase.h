/* What several answers say of a monitoring phase.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "json-writer.h"
#include "pgvigil/model/view.h"

/* The whole record; null where there is none. */
void writer_phase(JsonWriter *json, const char *key, const TargetView *target, usec_t realtime);
/* Seconds to the end of the one that is open, else null. */
void writer_phase_left(JsonWriter *json, const char *key, const PhaseRecord *record, usec_t realtime);
