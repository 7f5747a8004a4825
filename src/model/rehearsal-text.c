/* A Rehearsal as text: one line a span, between a line with the format's number and "end". A text
 * without its end was cut, and is not believed.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "pgvigil/base/line.h"
#include "pgvigil/model/rehearsal.h"

#define HEAD     "pgvigil-rehearsal 1"
#define TAIL     "end"
#define OBSERVED "observed"

static void add_spans(Buffer *out, const char *key, const RehearsalSpans *spans) {
        for (size_t i = 0; i < spans->count; i++) {
                const RehearsalSpan *span = &spans->items[i];

                buffer_printf(out, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ", key, span->from,
                              span->to, span->length, span->why_length);
                line_add_text(out, span->why ? span->why : "");
        }
}

int rehearsal_format(const Rehearsal *rehearsal, Buffer *out) {
        buffer_add(out, HEAD "\n");
        add_spans(out, OBSERVED, &rehearsal->observed);
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++)
                add_spans(out, fail_on_name(fail_on), &rehearsal->refused[fail_on]);
        buffer_add(out, TAIL "\n");
        return buffer_error(out);
}

/* Spans that are not in their order would be counted twice. */
static int read_span(RehearsalSpans *spans, char *line) {
        usec_t end = spans->count > 0 ? spans->items[spans->count - 1].to : 0;
        RehearsalSpan span = {};

        if (spans->count == REHEARSAL_SPANS || line_take_number(&line, &span.from) < 0 ||
            line_take_number(&line, &span.to) < 0 || line_take_number(&line, &span.length) < 0 ||
            line_take_number(&line, &span.why_length) < 0 || span.why_length > span.length ||
            span.from < end || span.to <= span.from || span.length > span.to - span.from)
                return -EINVAL;
        if (!str_is_empty(line) && str_set(&span.why, line_take_text(line)) < 0)
                return -ENOMEM;
        spans->items[spans->count++] = span;
        return 0;
}

static int read_line(Rehearsal *rehearsal, char *line) {
        const char *key = line_take_word(&line);
        int fail_on = fail_on_from_name(key);

        if (str_equal(key, OBSERVED))
                return read_span(&rehearsal->observed, line);
        return fail_on < 0 ? -EINVAL : read_span(&rehearsal->refused[fail_on], line);
}

static int read_lines(Rehearsal *rehearsal, char *text) {
        char *line = strsep(&text, "\n");
        int r = 0;

        if (!str_equal(line, HEAD))
                return -EINVAL;
        while (r >= 0 && (line = strsep(&text, "\n"))) {
                if (str_equal(line, TAIL))
                        return 0;
                r = read_line(rehearsal, line);
        }
        return r < 0 ? r : -EINVAL;
}

int rehearsal_parse(const char *text, Rehearsal *ret) {
        _cleanup_(freep) char *copy = NULL;
        int r;

        *ret = (Rehearsal){};
        if (str_set(&copy, text) < 0)
                return -ENOMEM;
        r = read_lines(ret, copy);
        if (r < 0)
                rehearsal_done(ret);
        return r;
}
