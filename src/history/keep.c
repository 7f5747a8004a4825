/* Keep: see the header. Targets and keys are few: they are walked.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "keep.h"

#include <errno.h>
#include <string.h>

#include "pgvigil/base/str.h"

static void event_done(HistoryEvent *event) {
        free(event->kind);
        free(event->text);
        *event = (HistoryEvent){};
}

static void kept_done(Kept *kept) {
        for (size_t i = 0; i < kept->n_values; i++) {
                free(kept->values[i].key);
                free(kept->values[i].text);
        }
        for (size_t i = 0; i < kept->n_events; i++)
                event_done(&kept->events[i]);
        free(kept->values);
        free(kept->events);
        free(kept->target);
}

void keep_done(Keep *keep) {
        for (size_t i = 0; i < keep->count; i++)
                kept_done(&keep->items[i]);
        free(keep->items);
        *keep = (Keep){};
}

const Kept *keep_find(const Keep *keep, const char *target) {
        for (size_t i = 0; i < keep->count; i++)
                if (str_equal(keep->items[i].target, target))
                        return &keep->items[i];
        return NULL;
}

static Kept *keep_get(Keep *keep, const char *target) {
        Kept *items, *kept = (Kept *)keep_find(keep, target);

        if (kept)
                return kept;
        items = reallocarray(keep->items, keep->count + 1, sizeof(*items));
        if (!items)
                return NULL;
        keep->items = items;
        kept = &items[keep->count];
        *kept = (Kept){.target = strdup(target)};
        if (!kept->target)
                return NULL;
        keep->count++;
        return kept;
}

static KeptValue *kept_value(const Kept *kept, const char *key) {
        for (size_t i = 0; kept && i < kept->n_values; i++)
                if (str_equal(kept->values[i].key, key))
                        return &kept->values[i];
        return NULL;
}

const char *keep_value(const Keep *keep, const char *target, const char *key) {
        const KeptValue *value = kept_value(keep_find(keep, target), key);

        return value ? value->text : NULL;
}

int keep_set_value(Keep *keep, const char *target, const char *key, const char *text) {
        Kept *kept = keep_get(keep, target);
        KeptValue *values, *value = kept_value(kept, key);

        if (!kept)
                return -ENOMEM;
        if (value)
                return str_set(&value->text, text);
        values = reallocarray(kept->values, kept->n_values + 1, sizeof(*values));
        if (!values)
                return -ENOMEM;
        kept->values = values;
        value = &values[kept->n_values];
        *value = (KeptValue){.key = strdup(key)};
        if (!value->key || str_set(&value->text, text) < 0) {
                free(value->key);
                return -ENOMEM;
        }
        kept->n_values++;
        return 0;
}

static int kept_reserve_event(Kept *kept) {
        HistoryEvent *events;

        if (kept->n_events == EVENTS_MAX) {
                event_done(&kept->events[0]);
                kept->n_events--;
                memmove(kept->events, kept->events + 1, kept->n_events * sizeof(*kept->events));
                return 0;
        }
        events = reallocarray(kept->events, kept->n_events + 1, sizeof(*events));
        if (!events)
                return -ENOMEM;
        kept->events = events;
        return 0;
}

int keep_add_event(Keep *keep, const char *target, usec_t at, const char *kind, const char *text) {
        Kept *kept = keep_get(keep, target);
        HistoryEvent event = {at, strdup(kind), strdup(text)};

        if (!kept || !event.kind || !event.text || kept_reserve_event(kept) < 0) {
                event_done(&event);
                return -ENOMEM;
        }
        kept->events[kept->n_events++] = event;
        return 0;
}
