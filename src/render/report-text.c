/* What `pgvigil report` and `pgvigil phase list` print, read back from the JSON of a daemon (or of what
 * it kept): nothing of it is trusted, and what is not a phase is -EBADMSG.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "findings.h"
#include "format.h"
#include "json-reader.h"
#include "pgvigil/render.h"
#include "terminal.h"

#define NAME_WIDTH 22

static Status status_of_state(const char *state) {
        static const struct {
                const char *state;
                Status status;
        } states[] = {
                {"failed", STATUS_FAIL},     {"inconclusive", STATUS_UNKNOWN}, {"passed", STATUS_PASS},
                {"stopped", STATUS_UNKNOWN}, {"watching", STATUS_UNKNOWN},
        };

        for (size_t i = 0; i < ELEMENTS(states); i++)
                if (str_equal(states[i].state, state))
                        return states[i].status;
        return STATUS_SKIPPED;
}

static void add_head(Buffer *out, const TextOptions *options, const char *name, const json_t *phase) {
        const char *state = reader_text(phase, "state"), *migration = reader_text(phase, "migration");

        terminal_bold(out, options, name);
        buffer_add(out, ": ");
        terminal_mark(out, options, status_of_state(state));
        buffer_add_char(out, ' ');
        buffer_add_terminal(out, state);
        if (migration) {
                buffer_add(out, ", migration ");
                buffer_add_terminal(out, migration);
        }
        if (json_is_number(json_object_get(phase, "remaining_s"))) {
                buffer_add(out, ", ");
                reader_add_duration(out, json_object_get(phase, "remaining_s"));
                buffer_add(out, " to go");
        }
        buffer_add_char(out, '\n');
}

static void add_line(Buffer *out, const char *title, const char *text) {
        if (!text)
                return;
        buffer_printf(out, "  %s: ", title);
        buffer_add_terminal(out, text);
        buffer_add_char(out, '\n');
}

static void add_span(Buffer *out, const json_t *object, const char *from_key, const char *to_key) {
        const char *from = reader_text(object, from_key), *to = reader_text(object, to_key);

        buffer_add_terminal(out, from ? from : "?");
        buffer_add(out, " to ");
        buffer_add_terminal(out, to ? to : "now");
}

static int add_criterion(Buffer *out, const TextOptions *options, const json_t *criterion, Status *worst) {
        const char *name = reader_text(criterion, "criterion");
        int status = status_from_name(reader_text(criterion, "status") ? reader_text(criterion, "status")
                                                                       : "");

        if (status < 0 || !name)
                return -EBADMSG;
        if ((Status)status > *worst)
                *worst = (Status)status;
        if (options->quiet && status <= STATUS_PASS)
                return 0;
        buffer_add(out, "  ");
        terminal_mark(out, options, (Status)status);
        buffer_add_char(out, ' ');
        buffer_add_terminal(out, name);
        terminal_pad(out, format_width(name), NAME_WIDTH);
        buffer_add_terminal(out, reader_text(criterion, "reason"));
        buffer_add_char(out, '\n');
        return 0;
}

static void add_event(Buffer *out, const json_t *event) {
        const json_t *rows = json_object_get(event, "rows");

        buffer_add(out, "  event: ");
        buffer_add_terminal(out, reader_text(event, "event"));
        buffer_add_char(out, ' ');
        buffer_add_terminal(out, reader_text(event, "object"));
        buffer_add(out, ", ");
        add_span(out, event, "from", "to");
        if (json_is_integer(rows))
                buffer_printf(out, ", %lld %s", (long long)json_integer_value(rows),
                              json_integer_value(rows) == 1 ? "row" : "rows");
        buffer_add_char(out, '\n');
}

/* Of those that moved the cost most: both means, and its share of that. */
static void add_statement(Buffer *out, const json_t *statement) {
        buffer_printf(out, "  moved: %.3g ms, before %.3g ms (%+.1f %% of all): ",
                      json_number_value(json_object_get(statement, "after_ms")),
                      json_number_value(json_object_get(statement, "before_ms")),
                      100 * json_number_value(json_object_get(statement, "effect")));
        buffer_add_terminal(out, reader_text(statement, "statement"));
        buffer_add_char(out, '\n');
}

static usec_t duration_of(const json_t *object, const char *key, usec_t otherwise) {
        const json_t *seconds = json_object_get(object, key);
        double number = json_number_value(seconds);

        if (!json_is_number(seconds) || number < 0 || number > 1e12)
                return otherwise;
        return (usec_t)(number * (double)USEC_PER_SEC);
}

static void add_run(Buffer *out, const json_t *json) {
        const json_t *blocked = json_object_get(json, "blocked_sessions");
        _cleanup_(buffer_done) Buffer words = BUFFER_NULL;
        MigrationRun run = {
                .is_known = json_is_integer(blocked) && json_integer_value(blocked) >= 0,
                .is_capped = json_is_true(json_object_get(json, "blocked_is_minimum")),
                .longest_wait = duration_of(json, "longest_wait_s", USEC_INFINITY),
                .locked = (char *)reader_text(json, "locked"),
        };

        if (!json_is_object(json))
                return;
        run.blocked = run.is_known ? (uint64_t)json_integer_value(blocked) : 0;
        migration_run_add_words(&run, true, &words);
        add_line(out, "while it ran", buffer_text(&words));
}

static int add_phase(Buffer *out, const TextOptions *options, const char *name, const json_t *phase,
                     Status *worst) {
        const json_t *item;
        size_t i;
        int r;

        add_head(out, options, name, phase);
        if (reader_text(phase, "started_at")) {
                buffer_add(out, "  from ");
                add_span(out, phase, "started_at", "ends_at");
                buffer_add_char(out, '\n');
        }
        add_run(out, json_object_get(phase, "migration_run"));
        add_line(out, "note", reader_text(phase, "note"));
        add_line(out, "cannot pass", reader_text(phase, "cannot_pass"));
        json_array_foreach(json_object_get(phase, "criteria"), i, item) {
                r = add_criterion(out, options, item, worst);
                if (r < 0)
                        return r;
        }
        json_array_foreach(json_object_get(phase, "statements"), i, item) add_statement(out, item);
        json_array_foreach(json_object_get(phase, "events"), i, item) add_event(out, item);
        json_array_foreach(json_object_get(phase, "gaps"), i, item) {
                buffer_add(out, "  not observed: ");
                add_span(out, item, "from", "to");
                buffer_add_char(out, '\n');
        }
        return 0;
}

/* The worse of two: passed is the best, what is not over is worse than what failed nowhere. */
static ReportOutcome outcome_of(const char *state, Status worst) {
        if (str_equal(state, "passed"))
                return REPORT_PASSED;
        if (str_equal(state, "failed"))
                return REPORT_FAILED;
        if (str_equal(state, "watching"))
                return worst == STATUS_FAIL ? REPORT_FAILING : REPORT_WATCHING;
        if (str_equal(state, "inconclusive") || str_equal(state, "stopped"))
                return REPORT_INCONCLUSIVE;
        return REPORT_NONE;
}

static int add_target(Buffer *out, const TextOptions *options, const json_t *target, ReportOutcome *ret) {
        const json_t *phase = json_object_get(target, "phase");
        const char *name = reader_text(target, "name");
        ReportOutcome outcome = REPORT_NONE;
        Status worst = STATUS_SKIPPED;
        int r;

        if (!name || !phase ||
            !(json_is_null(phase) || (json_is_object(phase) && reader_text(phase, "state"))))
                return -EBADMSG;
        if (json_is_null(phase)) {
                terminal_bold(out, options, name);
                buffer_add(out, ": nothing is known of a monitoring phase\n");
        } else {
                r = add_phase(out, options, name, phase, &worst);
                if (r < 0)
                        return r;
                outcome = outcome_of(reader_text(phase, "state"), worst);
        }
        *ret = outcome > *ret ? outcome : *ret;
        return 0;
}

int render_report_text(const char *json, size_t length, const TextOptions *options, Buffer *out,
                       ReportOutcome *ret) {
        _cleanup_(reader_freep) json_t *root = json_loadb(json, length, 0, NULL);
        const json_t *targets = json_object_get(root, "targets"), *target;
        size_t i;

        if (!json_is_array(targets))
                return -EBADMSG;
        *ret = REPORT_PASSED;
        if (json_array_size(targets) == 0)
                *ret = REPORT_NONE;
        json_array_foreach(targets, i, target) {
                int r = add_target(out, options, target, ret);

                if (r < 0)
                        return r;
        }
        return buffer_error(out);
}

int render_report_json(const char *json, size_t length, Buffer *out) {
        _cleanup_(reader_freep) json_t *root = json_loadb(json, length, 0, NULL);
        const json_t *targets = json_object_get(root, "targets"), *target;
        size_t i;

        if (!json_is_array(targets))
                return -EBADMSG;
        buffer_add(out, "{\"version\":1,\"phases\":[");
        json_array_foreach(targets, i, target) {
                char *text = json_dumps(json_object_get(target, "phase"), JSON_COMPACT | JSON_ENCODE_ANY);

                if (!text)
                        return -ENOMEM;
                if (!str_equal(text, "null"))
                        buffer_printf(out, "%s%s",
                                      out->length > 0 && buffer_text(out)[out->length - 1] == '}' ? "," : "",
                                      text);
                free(text);
        }
        buffer_add(out, "]}\n");
        return buffer_error(out);
}
