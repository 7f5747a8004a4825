/* A PhaseRecord as text: one line a fact, "key value", between a line with the format's number and
 * "end". A text without its end was cut, and is not believed.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/base/line.h"

#define HEAD "pgvigil-phase 1"
#define TAIL "end"

typedef struct Member {
        const char *key;
        size_t offset;
} Member;

#define MEMBER(name)                                                                                         \
        { #name, offsetof(PhaseRecord, name) }

/* All of 64 bits without a sign. */
static const Member numbers[] = {
        MEMBER(started_at),     MEMBER(ends_at),          MEMBER(closed_at),    MEMBER(batch_at),
        MEMBER(observed_since), MEMBER(last_round),       MEMBER(last_poll),    MEMBER(events_dropped),
        MEMBER(run.first_seen), MEMBER(run.last_seen),    MEMBER(run.is_known), MEMBER(run.blocked),
        MEMBER(run.is_capped),  MEMBER(run.longest_wait), MEMBER(run.elapsed),
};
static const Member texts[] = {MEMBER(note), MEMBER(cannot_pass), MEMBER(run.locked), MEMBER(database)};
static const Member lists[] = {MEMBER(batch), MEMBER(known), MEMBER(waiting)};

static void *member_at(const PhaseRecord *record, const Member *member) {
        return (char *)record + member->offset;
}

static void add_members(const PhaseRecord *record, Buffer *out) {
        for (size_t i = 0; i < ELEMENTS(numbers); i++)
                buffer_printf(out, "%s %" PRIu64 "\n", numbers[i].key,
                              *(uint64_t *)member_at(record, &numbers[i]));
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                const char *text = *(char **)member_at(record, &texts[i]);

                if (!text)
                        continue;
                buffer_printf(out, "%s ", texts[i].key);
                line_add_text(out, text);
        }
        for (size_t i = 0; i < ELEMENTS(lists); i++) {
                const PhaseMigrations *list = member_at(record, &lists[i]);

                for (size_t k = 0; k < list->count; k++) {
                        buffer_printf(out, "%s %" PRIu64 " ", lists[i].key, list->items[k].finished_at);
                        line_add_text(out, list->items[k].name);
                }
        }
}

int phase_format(const PhaseRecord *record, Buffer *out) {
        buffer_printf(out, HEAD "\nstate %s\n", phase_state_name(record->state));
        add_members(record, out);
        for (size_t i = 0; i < record->n_gaps; i++)
                buffer_printf(out, "gap %" PRIu64 " %" PRIu64 "\n", record->gaps[i].from, record->gaps[i].to);
        for (size_t i = 0; i < record->n_events; i++) {
                const PhaseEvent *event = &record->events[i];

                buffer_printf(out, "event %s %" PRIu64 " %" PRIu64 " %" PRIi64 " ",
                              phase_event_name(event->kind), event->from, event->to, event->rows);
                line_add_text(out, event->object);
        }
        for (size_t i = 0; i < record->n_statements; i++) {
                const PhaseStatement *statement = &record->statements[i];

                buffer_printf(out, "statement %a %a %a ", statement->before_ms, statement->after_ms,
                              statement->effect);
                line_add_text(out, statement->text);
        }
        for (size_t i = 0; i < N_CRITERIA; i++) {
                if (!record->criteria[i].reason)
                        continue;
                buffer_printf(out, "criterion %s %s ", criterion_name(i),
                              status_name(record->criteria[i].status));
                line_add_text(out, record->criteria[i].reason);
        }
        buffer_add(out, TAIL "\n");
        return buffer_error(out);
}

static int read_state(PhaseRecord *record, char *line) {
        int state = phase_state_from_name(line);

        if (state < 0)
                return -EINVAL;
        record->state = state;
        return 0;
}

static int read_gap(PhaseRecord *record, char *line) {
        PhaseGap gap, *gaps;

        if (line_take_number(&line, &gap.from) < 0 || line_take_number(&line, &gap.to) < 0)
                return -EINVAL;
        gaps = reallocarray(record->gaps, record->n_gaps + 1, sizeof(*gaps));
        if (!gaps)
                return -ENOMEM;
        record->gaps = gaps;
        gaps[record->n_gaps++] = gap;
        return 0;
}

static int read_event(PhaseRecord *record, char *line) {
        int kind = phase_event_from_name(line_take_word(&line)), r;
        uint64_t from, to, rows;

        if (kind < 0 || line_take_number(&line, &from) < 0 || line_take_number(&line, &to) < 0 ||
            line_take_number(&line, &rows) < 0 || !line || record->n_events == EVENTS_MAX)
                return -EINVAL;
        r = event_add(record, kind, line_take_text(line), from, to);
        if (r >= 0)
                record->events[record->n_events - 1].rows = (int64_t)rows;
        return r;
}

static int take_double(char **line, double *ret) {
        const char *word = line_take_word(line);
        char *end;

        if (!word || !*word)
                return -EINVAL;
        *ret = strtod(word, &end);
        return *end || !isfinite(*ret) ? -EINVAL : 0;
}

static int read_statement(PhaseRecord *record, char *line) {
        PhaseStatement statement = {};

        if (take_double(&line, &statement.before_ms) < 0 || take_double(&line, &statement.after_ms) < 0 ||
            take_double(&line, &statement.effect) < 0 || !line || record->n_statements == PERFORMANCE_MOVED)
                return -EINVAL;
        statement.text = line_take_text(line);
        return phase_statements_add(record, &statement);
}

static int read_criterion(PhaseRecord *record, char *line) {
        int criterion = criterion_from_name(line_take_word(&line)),
            status = status_from_name(line_take_word(&line));

        if (criterion < 0)
                return 0; /* of a later version */
        if (status < 0 || !line)
                return -EINVAL;
        record->criteria[criterion].status = status;
        return str_set(&record->criteria[criterion].reason, line_take_text(line));
}

static int read_member(PhaseRecord *record, const char *key, char *line) {
        for (size_t i = 0; i < ELEMENTS(numbers); i++)
                if (str_equal(key, numbers[i].key))
                        return line_take_number(&line, member_at(record, &numbers[i]));
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                if (str_equal(key, texts[i].key))
                        return str_set(member_at(record, &texts[i]), line_take_text(line));
        for (size_t i = 0; i < ELEMENTS(lists); i++)
                if (str_equal(key, lists[i].key)) {
                        uint64_t at;

                        if (line_take_number(&line, &at) < 0 || !line)
                                return -EINVAL;
                        return phase_migrations_add(member_at(record, &lists[i]), line_take_text(line), at);
                }
        return 0; /* of a later version */
}

static int read_line(PhaseRecord *record, char *line) {
        static const struct {
                const char *key;
                int (*read)(PhaseRecord *record, char *line);
        } readers[] = {
                {"state", read_state},         {"gap", read_gap},
                {"event", read_event},         {"criterion", read_criterion},
                {"statement", read_statement},
        };
        const char *key = line_take_word(&line);

        if (!key)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTS(readers); i++)
                if (str_equal(key, readers[i].key))
                        return readers[i].read(record, line);
        return read_member(record, key, line);
}

static int read_lines(PhaseRecord *record, char *text) {
        char *line = strsep(&text, "\n");
        int r = 0;

        if (!str_equal(line, HEAD))
                return -EINVAL;
        while (r >= 0 && (line = strsep(&text, "\n"))) {
                if (str_equal(line, TAIL))
                        return record->ends_at < record->started_at ? -EINVAL : 0;
                r = read_line(record, line);
        }
        return r < 0 ? r : -EINVAL;
}

int phase_parse(const char *text, PhaseRecord *ret) {
        _cleanup_(phase_record_done) PhaseRecord record = {};
        _cleanup_(freep) char *copy = NULL;
        int r;

        *ret = (PhaseRecord){};
        if (str_set(&copy, text) < 0)
                return -ENOMEM;
        r = read_lines(&record, copy);
        if (r < 0)
                return r;
        *ret = record;
        record = (PhaseRecord){};
        return 0;
}
