/* What `pgvigil status` prints, read back from the JSON of the running daemon.
 *
 * The text may come from another version or from something else that listens there: nothing of it
 * is trusted, what is missing is left out, and what is not a status is -EBADMSG.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include <errno.h>

#include "findings.h"
#include "format.h"
#include "json-reader.h"
#include "terminal.h"

#define TITLE_WIDTH 12

/* A status by its name; -EBADMSG for anything else. */
static int status_of(const json_t *object, Status *ret) {
        const char *name = reader_text(object, "status");

        for (Status status = STATUS_SKIPPED; status <= STATUS_FAIL; status++)
                if (str_equal(name, status_name(status))) {
                        *ret = status;
                        return 0;
                }
        return -EBADMSG;
}

static void add_title(Buffer *out, const char *title) {
        buffer_printf(out, "  %s:", title);
        terminal_pad(out, format_width(title) + 1, TITLE_WIDTH);
}

static void add_why(Buffer *out, const json_t *target) {
        const json_t *health = json_object_get(target, "health");
        const char *state = reader_text(health, "state");

        add_title(out, "health");
        buffer_printf(out, "%d, ", (int)json_integer_value(json_object_get(health, "code")));
        buffer_add_terminal(out, state);
        buffer_printf(out, ": %s\n", health_why(state));
}

static void add_connection(Buffer *out, const json_t *target) {
        const json_t *server = json_object_get(target, "server");
        const char *since = reader_text(target, "since"), *cause = reader_text(target, "cause");

        add_title(out, "connection");
        buffer_add_terminal(out, reader_text(target, "reach"));
        if (cause) {
                buffer_add(out, " (");
                buffer_add_terminal(out, cause);
                buffer_add_char(out, ')');
        }
        if (since) {
                buffer_add(out, " since ");
                buffer_add_terminal(out, since);
        }
        if (json_is_object(server)) {
                buffer_add(out, "; PostgreSQL ");
                buffer_add_terminal(out, reader_text(server, "version"));
                buffer_add(out,
                           json_is_true(json_object_get(server, "in_recovery")) ? ", standby" : ", primary");
        }
        if (reader_text(server, "role")) {
                buffer_add(out, ", as ");
                buffer_add_terminal(out, reader_text(server, "role"));
        }
        buffer_add_char(out, '\n');
}

static void add_heartbeat(Buffer *out, const json_t *target) {
        const json_t *health = json_object_get(target, "health"), *age = json_object_get(health, "age_s"),
                     *max_age = json_object_get(health, "max_age_s");

        add_title(out, "heartbeat");
        if (json_is_number(age)) {
                reader_add_duration(out, age);
                buffer_add(out, " ago");
        } else
                buffer_add(out, "never");
        if (json_is_number(max_age)) {
                buffer_add(out, ", allowed ");
                reader_add_duration(out, max_age);
        }
        buffer_add_char(out, '\n');
}

static usec_t duration_of(const json_t *object, const char *key) {
        double seconds = json_number_value(json_object_get(object, key));

        return seconds > 0 && seconds < 1e12 ? (usec_t)(seconds * (double)USEC_PER_SEC) : 0;
}

static void add_claim(Buffer *out, const json_t *json) {
        RehearsalText text = {
                .fail_on = reader_text(json, "fail_on"),
                .because = reader_text(json, "because"),
                .refused = duration_of(json, "code_503_s"),
                .is_only = json_is_true(json_object_get(json, "because_only")),
        };
        _cleanup_(buffer_done) Buffer claim = BUFFER_NULL;

        rehearsal_add_claim(&claim, &text);
        buffer_add_terminal(out, buffer_text(&claim));
}

/* What a gate would have done, before it is used: one line for each way to ask. */
static void add_rehearsal(Buffer *out, const json_t *target) {
        const json_t *rehearsal = json_object_get(target, "rehearsal"), *one;
        size_t i;

        if (!json_is_object(rehearsal))
                return;
        add_title(out, "last 7 d");
        buffer_add(out, "observed for ");
        buffer_add_usec_human(out, duration_of(rehearsal, "observed_s"));
        buffer_add_char(out, '\n');
        json_array_foreach(json_object_get(rehearsal, "fail_on"), i, one) {
                if (!reader_text(one, "fail_on"))
                        continue;
                terminal_pad(out, 0, TITLE_WIDTH + 2);
                add_claim(out, one);
                buffer_add_char(out, '\n');
        }
}

/* What runs now, else what is due next. */
static void add_doing(Buffer *out, const json_t *target) {
        const json_t *schedule = json_object_get(target, "schedule"), *next = NULL, *run;
        const char *doing = reader_text(target, "doing");
        size_t i;

        add_title(out, "now");
        json_array_foreach(schedule, i, run) {
                const json_t *due = json_object_get(run, "next_in_s");
                if (json_is_number(due) &&
                    (!next || json_number_value(due) < json_number_value(json_object_get(next, "next_in_s"))))
                        next = run;
        }
        if (doing) {
                buffer_add(out, "check ");
                buffer_add_terminal(out, doing);
        } else
                buffer_add(out, "idle");
        if (!doing && next) {
                buffer_add(out, "; next ");
                buffer_add_terminal(out, reader_text(next, "check"));
                buffer_add(out, " in ");
                reader_add_duration(out, json_object_get(next, "next_in_s"));
        }
        buffer_add_char(out, '\n');
}

static size_t count_of(const json_t *object, const char *key) {
        json_int_t count = json_integer_value(json_object_get(object, key));

        return count > 0 ? (size_t)count : 0;
}

typedef struct ScheduleWidths {
        size_t check, interval;
} ScheduleWidths;

static void add_interval(Buffer *out, const json_t *run) {
        buffer_add(out, " every ");
        reader_add_duration(out, json_object_get(run, "interval_s"));
        buffer_add_char(out, ':');
}

static ScheduleWidths schedule_widths(const json_t *schedule) {
        ScheduleWidths widths = {};
        const json_t *run;
        size_t i;

        json_array_foreach(schedule, i, run) {
                _cleanup_(buffer_done) Buffer check = {}, interval = {};

                buffer_add_terminal(&check, reader_text(run, "check"));
                add_interval(&interval, run);
                size_t check_width = format_width(buffer_text(&check)),
                       interval_width = format_width(buffer_text(&interval));
                widths.check = check_width > widths.check ? check_width : widths.check;
                widths.interval = interval_width > widths.interval ? interval_width : widths.interval;
        }
        return widths;
}

static void add_run(Buffer *out, const json_t *run, const ScheduleWidths *widths) {
        const char *success = reader_text(run, "last_success_at");
        _cleanup_(buffer_done) Buffer check = {}, interval = {};

        buffer_add_terminal(&check, reader_text(run, "check"));
        add_interval(&interval, run);
        buffer_add(out, buffer_text(&check));
        terminal_pad(out, format_width(buffer_text(&check)), widths->check);
        buffer_add(out, buffer_text(&interval));
        terminal_pad(out, format_width(buffer_text(&interval)), widths->interval);
        buffer_printf(out, " %zu runs, %zu failed, last success ", count_of(run, "runs"),
                      count_of(run, "failures"));
        buffer_add_terminal(out, success ? success : "never");
        buffer_add_char(out, '\n');
}

static void add_schedule(Buffer *out, const json_t *target) {
        const json_t *schedule = json_object_get(target, "schedule"), *run;
        ScheduleWidths widths = schedule_widths(schedule);
        size_t i;

        json_array_foreach(schedule, i, run) {
                if (i == 0)
                        add_title(out, "schedule");
                else
                        terminal_pad(out, 0, TITLE_WIDTH + 2);
                add_run(out, run, &widths);
        }
}

static int read_finding(const json_t *json, FindingText *ret) {
        *ret = (FindingText){
                .kind = reader_text(json, "kind"),
                .object = reader_text(json, "object"),
                .name = reader_text(json, "name"),
                .summary = reader_text(json, "summary"),
                .reason = reader_text(json, "reason"),
                .method = reader_text(json, "method"),
                .hint = reader_text(json, "hint"),
        };
        return status_of(json, &ret->status);
}

/* Of what passes or is skipped; what cannot be read is refused when it is added. */
static size_t passing_width(const json_t *target) {
        const json_t *json;
        size_t i, widest = 0;

        json_array_foreach(json_object_get(target, "findings"), i, json) {
                FindingText finding;
                if (read_finding(json, &finding) >= 0 && finding.status <= STATUS_PASS)
                        terminal_widen(&widest, &finding);
        }
        return widest;
}

/* "catalog, 2026-11-23T15:59:00Z: Valid." as far as it is known. */
static void add_passing(Buffer *out, const TextOptions *options, const json_t *json,
                        const FindingText *finding, size_t width) {
        const char *checked_at = reader_text(json, "checked_at");
        _cleanup_(buffer_done) Buffer note = {};

        buffer_add(&note, finding->method);
        if (checked_at) {
                buffer_add(&note, note.length > 0 ? ", " : NULL);
                buffer_add(&note, checked_at);
        }
        if (!str_is_empty(finding->summary)) {
                buffer_add(&note, note.length > 0 ? ": " : NULL);
                buffer_add(&note, finding->summary);
        }
        terminal_passing(out, options, finding, width, buffer_text(&note));
}

static int add_findings(Buffer *out, const TextOptions *options, const json_t *target, Status status) {
        size_t i, width = status <= STATUS_PASS ? passing_width(target) : 0;
        const json_t *json;

        json_array_foreach(json_object_get(target, "findings"), i, json) {
                FindingText finding;
                int r = read_finding(json, &finding);
                if (r < 0)
                        return r;
                if (finding.status != status)
                        continue;
                if (status > STATUS_PASS)
                        terminal_finding(out, options, &finding);
                else
                        add_passing(out, options, json, &finding, width);
        }
        return 0;
}

static int add_target(Buffer *out, const TextOptions *options, const json_t *target, Status *worst) {
        Status status, least = options->verbose ? STATUS_SKIPPED : STATUS_WARN;
        int r = status_of(target, &status);

        if (r < 0 || !reader_text(target, "name") || !json_is_object(json_object_get(target, "health")))
                return -EBADMSG;
        *worst = status > *worst ? status : *worst;
        if (options->quiet && status == STATUS_PASS)
                return 0;
        terminal_bold(out, options, reader_text(target, "name"));
        buffer_add(out, ": ");
        terminal_status(out, options, status);
        buffer_add_char(out, '\n');
        add_why(out, target);
        add_connection(out, target);
        add_heartbeat(out, target);
        add_rehearsal(out, target);
        add_doing(out, target);
        if (options->verbose)
                add_schedule(out, target);
        const json_t *scope = json_object_get(target, "scope");
        add_title(out, "scope");
        buffer_printf(out, "%zu of %zu checked\n", count_of(scope, "checked"), count_of(scope, "total"));
        for (Status shown = STATUS_FAIL;; shown--) {
                r = add_findings(out, options, target, shown);
                if (r < 0 || shown == least)
                        break;
        }
        buffer_add_char(out, '\n');
        return r;
}

static void count_findings(const json_t *target, size_t *by_status) {
        const json_t *finding;
        size_t i;

        json_array_foreach(json_object_get(target, "findings"), i, finding) {
                Status status;
                if (status_of(finding, &status) == 0)
                        by_status[status]++;
        }
}

static void add_last_line(Buffer *out, const TextOptions *options, const json_t *root, Status status) {
        const json_t *scope_json = json_object_get(root, "scope"), *target;
        Scope scope = {.checked = count_of(scope_json, "checked"), .total = count_of(scope_json, "total")};
        size_t by_status[N_STATUSES] = {}, i;

        json_array_foreach(json_object_get(root, "targets"), i, target) {
                count_findings(target, by_status);
        }
        terminal_scope(out, options, &scope, by_status, status);
}

int render_status_text(const char *json, size_t length, const TextOptions *options, Buffer *out,
                       Status *ret_status) {
        _cleanup_(reader_freep) json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
        const json_t *targets = json_object_get(root, "targets"), *target;
        Status worst;
        size_t i;

        if (json_integer_value(json_object_get(root, "version")) != 1 || !json_is_array(targets))
                return -EBADMSG;
        int r = status_of(root, &worst);
        if (r < 0)
                return r;
        json_array_foreach(targets, i, target) {
                r = add_target(out, options, target, &worst);
                if (r < 0)
                        return r;
        }
        if (!options->quiet || worst != STATUS_PASS)
                add_last_line(out, options, root, worst);
        r = buffer_error(out);
        if (r >= 0)
                *ret_status = worst;
        return r;
}
