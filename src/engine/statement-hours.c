/* See the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "statement-hours.h"

/* Opens the hour that holds `at`: void when it began before. */
static void open_hour(StatementHours *hours, usec_t at) {
        hours->hour = at - at % hours->width;
        hours->is_void = at > hours->hour;
        hours->rows[0] = (HistoryStatement){.hour = hours->hour, .calls = (int64_t)hours->width};
        hours->n = 1;
}

void statement_hours_set_width(StatementHours *hours, usec_t width) {
        if (width == hours->width)
                return;
        hours->width = width;
        hours->hour = 0;
}

static HistoryStatement *row_of(StatementHours *hours, int64_t queryid) {
        for (size_t i = 1; i < hours->n; i++)
                if (hours->rows[i].queryid == queryid)
                        return &hours->rows[i];
        if (hours->n == STATEMENT_HOUR_ROWS + 1)
                return NULL;
        hours->rows[hours->n] = (HistoryStatement){.hour = hours->hour, .queryid = queryid};
        return &hours->rows[hours->n++];
}

static int64_t share(int64_t calls, double part) {
        return (int64_t)((double)calls * part + 0.5);
}

/* `before` and `behind`: where in the span the part begins and ends, 0 to 1. Of all parts, the calls add up.
 */
static void add_part(StatementHours *hours, const StatementSpan *span, double before, double behind) {
        for (size_t i = 0; i < span->n; i++) {
                const HistoryStatement *delta = &span->deltas[i];
                HistoryStatement *row = delta->calls > 0 ? row_of(hours, delta->queryid) : NULL;
                double total_ms = delta->total_ms * (behind - before);

                if (row) {
                        row->calls += share(delta->calls, behind) - share(delta->calls, before);
                        row->total_ms += total_ms;
                } else
                        hours->rows[0].total_ms += total_ms;
        }
}

static void end_hour(StatementHours *hours, StatementHourEnded ended, void *userdata) {
        if (!hours->is_void)
                ended(userdata, hours->rows, hours->n);
        open_hour(hours, hours->hour + hours->width);
}

void statement_hours_add(StatementHours *hours, const StatementSpan *span, StatementHourEnded ended,
                         void *userdata) {
        double length = (double)(span->to - span->from);
        usec_t behind;

        if (hours->width == 0)
                return;
        if (span->is_void || span->from == 0 || span->to <= span->from ||
            span->to - span->from > span->longest || span->to - span->from > hours->width) {
                open_hour(hours, span->to);
                return;
        }
        for (usec_t at = span->from; at < span->to; at = behind) {
                if (hours->hour == 0 || at < hours->hour || at - hours->hour >= hours->width)
                        open_hour(hours, at);
                behind = hours->hour + hours->width < span->to ? hours->hour + hours->width : span->to;
                add_part(hours, span, (double)(at - span->from) / length,
                         (double)(behind - span->from) / length);
                if (behind == hours->hour + hours->width)
                        end_hour(hours, ended, userdata);
        }
}

bool statement_hour_is_whole(const HistoryStatement *row, usec_t width) {
        return row->queryid == 0 && row->calls == (int64_t)width;
}
