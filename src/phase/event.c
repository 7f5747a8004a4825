/* Events on the phase's time axis.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "internal.h"

PhaseEvent *event_find(const PhaseRecord *record, PhaseEventKind kind, const char *object) {
        for (size_t i = record->n_events; i > 0; i--) {
                PhaseEvent *event = &record->events[i - 1];

                if (event->kind == kind && event->to == 0 && str_equal(event->object, object))
                        return event;
        }
        return NULL;
}

int event_add(PhaseRecord *record, PhaseEventKind kind, const char *object, usec_t from, usec_t to) {
        PhaseEvent event = {.kind = kind, .from = from, .to = to};
        PhaseEvent *events;

        if (record->n_events == EVENTS_MAX) {
                record->events_dropped++;
                return 0;
        }
        events = reallocarray(record->events, record->n_events + 1, sizeof(*events));
        if (!events)
                return -ENOMEM;
        record->events = events;
        if (str_set(&event.object, object) < 0)
                return -ENOMEM;
        events[record->n_events++] = event;
        return 0;
}
