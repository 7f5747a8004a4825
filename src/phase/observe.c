/* What was observed and what was not: gaps between rounds, and the phase's slots of time.
 *
 * The clock may step. Forward is a gap, for nobody knows; backward nothing: time that is watched
 * twice is not lost.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define GAP_INTERVALS 3

static bool is_gap(usec_t from, usec_t to, usec_t interval) {
        return usec_since(to, from) / GAP_INTERVALS > interval;
}

/* Two neighbours become one, with the time between: void is overstated, never understated. */
static void join_nearest(PhaseRecord *record) {
        PhaseGap *gaps = record->gaps;
        size_t nearest = 0;

        for (size_t i = 1; i + 1 < record->n_gaps; i++)
                if (usec_since(gaps[i + 1].from, gaps[i].to) <
                    usec_since(gaps[nearest + 1].from, gaps[nearest].to))
                        nearest = i;
        gaps[nearest].to = gaps[nearest + 1].to;
        memmove(&gaps[nearest + 1], &gaps[nearest + 2], (record->n_gaps - nearest - 2) * sizeof(*gaps));
        record->n_gaps--;
}

/* What no phase can need any more. */
static void forget_gaps(PhaseRecord *record) {
        usec_t oldest = record->started_at > 0 ? record->started_at : record->last_poll;
        size_t n = 0;

        if (record->waiting.count > 0 && record->waiting.items[0].finished_at < oldest)
                oldest = record->waiting.items[0].finished_at;
        while (n < record->n_gaps && record->gaps[n].to < oldest)
                n++;
        record->n_gaps -= n;
        if (n > 0)
                memmove(record->gaps, record->gaps + n, record->n_gaps * sizeof(*record->gaps));
}

/* Gaps stay in order and apart: after a step backward a new one may begin within the last. */
static int add_gap(PhaseRecord *record, usec_t from, usec_t to) {
        PhaseGap *last = record->n_gaps > 0 ? &record->gaps[record->n_gaps - 1] : NULL;
        PhaseGap *gaps;

        if (last && from <= last->to) {
                last->to = to > last->to ? to : last->to;
                return 0;
        }
        if (record->n_gaps == GAPS_MAX)
                join_nearest(record);
        gaps = reallocarray(record->gaps, record->n_gaps + 1, sizeof(*gaps));
        if (!gaps)
                return -ENOMEM;
        record->gaps = gaps;
        gaps[record->n_gaps++] = (PhaseGap){from, to};
        return 0;
}

int phase_round(PhaseRecord *record, usec_t now, usec_t interval) {
        int r = 0;

        forget_gaps(record);
        if (record->observed_since == 0)
                record->observed_since = now;
        else if (is_gap(record->last_round, now, interval))
                r = add_gap(record, record->last_round, now);
        if (r >= 0)
                record->last_round = now;
        return r;
}

/* Its migrations are read as at first: none of them has finished just now. */
int phase_database(PhaseRecord *record, const char *database, usec_t now) {
        bool is_other = database && record->database && !str_equal(record->database, database);
        int r = database ? str_set(&record->database, database) : 0;

        if (r < 0 || !is_other)
                return r;
        if (record->state != PHASE_WATCHING) {
                phase_record_done(record);
                r = phase_init(record);
                if (r >= 0)
                        r = str_set(&record->database, database);
                return r < 0 ? r : 1;
        }
        record->observed_since = record->last_round = now;
        record->n_gaps = 0;
        record->last_poll = 0;
        phase_migrations_done(&record->waiting);
        r = event_add(record, PHASE_EVENT_MOVED, "database", now, now);
        return r < 0 ? r : 1;
}

static usec_t overlap(usec_t from, usec_t to, usec_t start, usec_t end) {
        return usec_since(to < end ? to : end, from > start ? from : start);
}

usec_t phase_void(const PhaseRecord *record, usec_t now, usec_t interval) {
        usec_t start = record->started_at, end = now < record->ends_at ? now : record->ends_at;
        usec_t sum;

        if (start == 0 || end <= start)
                return 0;
        if (record->observed_since == 0)
                return end - start;
        sum = overlap(0, record->observed_since, start, end);
        for (size_t i = 0; i < record->n_gaps; i++)
                sum += overlap(record->gaps[i].from, record->gaps[i].to, start, end);
        if (is_gap(record->last_round, now, interval))
                sum += overlap(record->last_round, now, start, end);
        return sum;
}

usec_t phase_remaining(const PhaseRecord *record, usec_t now) {
        return record->state == PHASE_WATCHING ? usec_since(record->ends_at, now) : 0;
}

/* Of 90 days in microseconds times 96: no overflow. */
usec_t phase_slot(const PhaseRecord *record, int day, size_t n, size_t i) {
        usec_t duration = record->ends_at - record->started_at;
        usec_t offset = duration * i / n;

        if (day >= 0)
                return usec_add(record->started_at, duration * (usec_t)day + offset);
        return usec_since(usec_add(record->started_at, offset), duration * (usec_t)-day);
}

size_t phase_slots_ended(const PhaseRecord *record, size_t n, usec_t now) {
        size_t ended = 0;

        while (ended < n && record->started_at > 0 && phase_slot(record, 0, n, ended + 1) <= now)
                ended++;
        return ended;
}

usec_t phase_hour_width(usec_t duration) {
        return duration / PHASE_HOURS > 0 ? duration / PHASE_HOURS : 1;
}

static usec_t width_of(const PhaseRecord *record) {
        return phase_hour_width(record->ends_at - record->started_at);
}

usec_t phase_hour(const PhaseRecord *record, int day, size_t hour) {
        usec_t width = width_of(record);
        usec_t first = (record->started_at + width - 1) / width * width + width * hour;

        if (day >= 0)
                return first + width * PHASE_HOURS * (usec_t)day;
        return usec_since(first, width * PHASE_HOURS * (usec_t)-day);
}

bool phase_hours_are_shifted(const PhaseRecord *record) {
        return record->started_at % width_of(record) != 0;
}

size_t phase_hours_ended(const PhaseRecord *record, usec_t now) {
        size_t n = PHASE_HOURS - (phase_hours_are_shifted(record) ? 1 : 0), ended = 0;

        while (ended < n && record->started_at > 0 && phase_hour(record, 0, ended + 1) <= now)
                ended++;
        return ended;
}

size_t phase_baseline_days(const PhaseRecord *record, usec_t samples_since) {
        usec_t duration = record->ends_at - record->started_at, days;

        if (samples_since == 0 || duration == 0)
                return 0;
        days = usec_since(record->started_at, samples_since) / duration;
        return days < PHASE_BASELINE_DAYS ? days : PHASE_BASELINE_DAYS;
}
