/* See the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "statement-sample.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pgvigil/base/line.h"
#include "pgvigil/base/str.h"

#define HEAD "pgvigil-statements 1"
#define TAIL "end"

/* A text has microseconds. */
#define ROUNDED_MS 0.002

void statement_sample_done(StatementSample *sample) {
        free(sample->epoch);
        free(sample->counters);
        *sample = (StatementSample){};
}

static const HistoryStatement *counter_of(const StatementSample *sample, int64_t queryid) {
        for (size_t i = 0; i < sample->n; i++)
                if (sample->counters[i].queryid == queryid)
                        return &sample->counters[i];
        return NULL;
}

int statement_sample_since(const StatementSample *before, const StatementSample *after,
                           HistoryStatement **ret_deltas, StatementSpan *ret) {
        HistoryStatement *deltas = calloc(after->n + 1, sizeof(*deltas));

        if (!deltas)
                return -ENOMEM;
        *ret = (StatementSpan){.from = before->at, .to = after->at, .deltas = deltas};
        ret->is_void = !str_equal(before->epoch, after->epoch);
        for (size_t i = 0; i < after->n; i++) {
                const HistoryStatement *counter = &after->counters[i],
                                       *old = counter_of(before, counter->queryid);

                if (!old)
                        continue;
                ret->is_void |= counter->calls < old->calls || counter->total_ms < old->total_ms - ROUNDED_MS;
                deltas[ret->n++] = (HistoryStatement){.queryid = counter->queryid,
                                                      .calls = counter->calls - old->calls,
                                                      .total_ms = counter->total_ms - old->total_ms};
        }
        *ret_deltas = deltas;
        return 0;
}

static void add_rows(Buffer *out, const char *key, const HistoryStatement *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                buffer_printf(out, "%s %" PRIu64 " %" PRIu64 " %.0f\n", key, (uint64_t)rows[i].queryid,
                              (uint64_t)rows[i].calls, 1000 * (rows[i].total_ms > 0 ? rows[i].total_ms : 0));
}

int statement_sample_format(const StatementSample *sample, const StatementHours *hours, Buffer *out) {
        buffer_printf(out, HEAD "\nsample %" PRIu64 " ", sample->at);
        line_add_text(out, sample->epoch ? sample->epoch : "");
        add_rows(out, "counter", sample->counters, sample->n);
        buffer_printf(out, "hour %" PRIu64 " %" PRIu64 " %d\n", hours->width, hours->hour, hours->is_void);
        add_rows(out, "row", hours->rows, hours->n);
        buffer_add(out, TAIL "\n");
        return buffer_error(out);
}

static int read_row(char *line, HistoryStatement *ret) {
        uint64_t queryid, calls, usec;

        if (line_take_number(&line, &queryid) < 0 || line_take_number(&line, &calls) < 0 ||
            line_take_number(&line, &usec) < 0 || calls > INT64_MAX)
                return -EINVAL;
        *ret = (HistoryStatement){
                .queryid = (int64_t)queryid, .calls = (int64_t)calls, .total_ms = (double)usec / 1000};
        return 0;
}

static int read_sample(char *line, StatementSample *sample) {
        if (line_take_number(&line, &sample->at) < 0 || str_set(&sample->epoch, line_take_text(line)) < 0)
                return -EINVAL;
        return 0;
}

static int read_counter(char *line, StatementSample *sample) {
        HistoryStatement *counters = reallocarray(sample->counters, sample->n + 1, sizeof(*counters));

        if (!counters)
                return -ENOMEM;
        sample->counters = counters;
        return read_row(line, &counters[sample->n++]);
}

static int read_hour(char *line, StatementHours *hours) {
        uint64_t is_void;

        if (line_take_number(&line, &hours->width) < 0 || line_take_number(&line, &hours->hour) < 0 ||
            line_take_number(&line, &is_void) < 0)
                return -EINVAL;
        hours->is_void = is_void != 0;
        return 0;
}

static int read_hour_row(char *line, StatementHours *hours) {
        int r = hours->n == ELEMENTS(hours->rows) ? -EINVAL : read_row(line, &hours->rows[hours->n]);

        if (r >= 0)
                hours->rows[hours->n++].hour = hours->hour;
        return r;
}

static int read_line(char *line, StatementSample *sample, StatementHours *hours) {
        const char *key = line_take_word(&line);

        if (str_equal(key, "sample"))
                return read_sample(line, sample);
        if (str_equal(key, "counter"))
                return read_counter(line, sample);
        if (str_equal(key, "hour"))
                return read_hour(line, hours);
        return str_equal(key, "row") ? read_hour_row(line, hours) : -EINVAL;
}

/* An open hour has the row of its own. */
static bool is_sound(const StatementHours *hours) {
        return hours->hour == 0 ||
               (hours->width > 0 && hours->n > 0 && statement_hour_is_whole(&hours->rows[0], hours->width));
}

static int read_lines(char *text, StatementSample *sample, StatementHours *hours) {
        char *line = strsep(&text, "\n");
        int r = str_equal(line, HEAD) ? 0 : -EINVAL;

        while (r >= 0 && (line = strsep(&text, "\n"))) {
                if (str_equal(line, TAIL))
                        return is_sound(hours) ? 0 : -EINVAL;
                r = read_line(line, sample, hours);
        }
        return r < 0 ? r : -EINVAL;
}

int statement_sample_parse(const char *text, StatementSample *ret, StatementHours *ret_hours) {
        _cleanup_(freep) char *copy = NULL;
        int r;

        *ret = (StatementSample){};
        *ret_hours = (StatementHours){};
        if (str_set(&copy, text) < 0)
                return -ENOMEM;
        r = read_lines(copy, ret, ret_hours);
        if (r < 0) {
                statement_sample_done(ret);
                *ret_hours = (StatementHours){};
        }
        return r;
}
