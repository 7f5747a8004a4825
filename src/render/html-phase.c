/* The monitoring phase on the page: where it stands, its criteria, what happened in it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>

#include "html-writer.h"

/* Of each target on the overview; the target's own page has all. */
#define OVERVIEW_EVENTS 3

static bool was_opened(const TargetView *target) {
        return target->phase && target->phase->state >= PHASE_WATCHING;
}

static bool has_failed_criterion(const PhaseRecord *phase) {
        for (size_t i = 0; i < N_CRITERIA; i++)
                if (phase->criteria[i].status == STATUS_FAIL)
                        return true;
        return false;
}

/* An open phase is not known to be good, however well it goes. */
Status html_phase_status(const TargetView *target) {
        static const Status statuses[N_PHASE_STATES] = {
                [PHASE_IDLE] = STATUS_SKIPPED,         [PHASE_BASELINE] = STATUS_SKIPPED,
                [PHASE_WATCHING] = STATUS_UNKNOWN,     [PHASE_PASSED] = STATUS_PASS,
                [PHASE_FAILED] = STATUS_FAIL,          [PHASE_STOPPED] = STATUS_SKIPPED,
                [PHASE_INCONCLUSIVE] = STATUS_UNKNOWN,
        };
        const PhaseRecord *phase = target->phase;

        if (!phase)
                return target->heartbeat == 0 ? STATUS_UNKNOWN : STATUS_SKIPPED;
        if (phase->state == PHASE_WATCHING && (phase->cannot_pass || has_failed_criterion(phase)))
                return STATUS_FAIL;
        return statuses[phase->state];
}

const char *html_phase_word(const TargetView *target) {
        return was_opened(target) ? phase_state_name(target->phase->state) : NULL;
}

/* "6 pass, 1 fail, 2 skipped" */
static void add_tally(Buffer *out, const PhaseRecord *phase) {
        static const Status order[] = {STATUS_FAIL, STATUS_UNKNOWN, STATUS_PASS, STATUS_SKIPPED};
        const char *between = "";

        for (size_t s = 0; s < ELEMENTS(order); s++) {
                size_t count = 0;

                for (size_t i = 0; i < N_CRITERIA; i++)
                        count += phase->criteria[i].status == order[s] && phase->criteria[i].reason;
                if (count > 0) {
                        buffer_printf(out, "%s%zu %s", between, count, status_name(order[s]));
                        between = ", ";
                }
        }
        buffer_add(out, *between ? NULL : "nothing is judged yet");
}

static void add_time_left(const HtmlPage *page, const PhaseRecord *phase) {
        usec_t left = usec_since(phase->ends_at, page->realtime);
        Buffer *out = page->out;

        if (left == 0) {
                buffer_add(out, "time is up, the verdict is due");
                return;
        }
        buffer_add_usec_human(out, left);
        buffer_add(out, " left of ");
        html_duration(out, usec_since(phase->ends_at, phase->started_at));
}

void html_phase_sentence(const HtmlPage *page, const TargetView *target) {
        const PhaseRecord *phase = target->phase;
        Buffer *out = page->out;

        if (!phase) {
                buffer_add(out, "Nothing is known yet.");
                return;
        }
        if (phase->state == PHASE_WATCHING) {
                add_time_left(page, phase);
                buffer_add(out, "; so far ");
                add_tally(out, phase);
                buffer_add_char(out, '.');
                return;
        }
        if (phase_is_over(phase)) {
                buffer_add(out, phase->state == PHASE_STOPPED ? "By hand at " : "Verdict of ");
                html_time(out, phase->closed_at);
                buffer_add(out, ": ");
                add_tally(out, phase);
                buffer_add_char(out, '.');
                return;
        }
        if (phase->state == PHASE_BASELINE)
                buffer_add(out, "Waits for the migration; samples are kept. ");
        html_text(out, phase->note ? phase->note : "");
}

static void add_fact(Buffer *out, const char *title) {
        buffer_printf(out, "<div><dt>%s</dt><dd>", title);
}

static void end_fact(Buffer *out) {
        buffer_add(out, "</dd></div>\n");
}

static void add_batch(const HtmlPage *page, const PhaseRecord *phase) {
        Buffer *out = page->out;

        add_fact(out, phase->batch.count > 1 ? "Migrations" : "Migration");
        if (phase->batch.count == 0)
                buffer_add(out, "none: opened by hand");
        for (size_t i = 0; i < phase->batch.count; i++) {
                buffer_add(out, i > 0 ? ", <code>" : "<code>");
                html_text(out, phase->batch.items[i].name);
                buffer_add(out, "</code>");
        }
        end_fact(out);
}

static void add_run(const HtmlPage *page, const PhaseRecord *phase) {
        _cleanup_(buffer_done) Buffer words = BUFFER_NULL;
        MigrationRun run = phase_run_sum(phase);

        if (!run.is_live)
                return;
        migration_run_add_words(&run, true, &words);
        add_fact(page->out, "While it ran");
        html_text(page->out, buffer_text(&words));
        end_fact(page->out);
}

/* What lay between its start and the first round, and the gaps since. */
static usec_t unobserved(const PhaseRecord *phase) {
        usec_t sum = usec_since(phase->observed_since, phase->started_at);

        for (size_t i = 0; i < phase->n_gaps; i++) {
                const PhaseGap *gap = &phase->gaps[i];
                usec_t from = gap->from > phase->started_at ? gap->from : phase->started_at;

                sum += usec_since(gap->to < phase->ends_at ? gap->to : phase->ends_at, from);
        }
        return sum;
}

static void add_facts(const HtmlPage *page, const PhaseRecord *phase) {
        usec_t unseen = unobserved(phase);
        Buffer *out = page->out;

        buffer_add(out, "<dl class=\"facts\">\n");
        add_batch(page, phase);
        add_run(page, phase);
        add_fact(out, "Began");
        html_time(out, phase->started_at);
        end_fact(out);
        add_fact(out, phase->state == PHASE_WATCHING ? "Ends" : "Ended");
        html_time(out, phase->state == PHASE_STOPPED ? phase->closed_at : phase->ends_at);
        end_fact(out);
        add_fact(out, "Not observed");
        if (unseen > 0)
                buffer_add_usec_human(out, unseen);
        else
                buffer_add(out, "nothing");
        end_fact(out);
        buffer_add(out, "</dl>\n");
}

static void add_criterion(const HtmlPage *page, const PhaseRecord *phase, Criterion criterion) {
        const CriterionResult *result = &phase->criteria[criterion];
        Buffer *out = page->out;

        buffer_add(out, "<tr><td>");
        html_badge(out, result->reason ? result->status : STATUS_UNKNOWN, NULL);
        buffer_add(out, "</td><th scope=\"row\">");
        html_words(out, criterion_name(criterion));
        buffer_add(out, "</th><td>");
        html_text(out, result->reason ? result->reason : "Not judged yet.");
        if (page->only)
                buffer_printf(out, "<span class=\"note\">%s</span>", criterion_help(criterion));
        buffer_add(out, "</td></tr>\n");
}

static void add_criteria(const HtmlPage *page, const PhaseRecord *phase) {
        Buffer *out = page->out;

        buffer_add(out,
                   "<table class=\"checklist criteria\">\n<caption class=\"hidden\">The criteria of the "
                   "verdict</caption>\n<thead class=\"hidden\"><tr><th scope=\"col\">Status</th>"
                   "<th scope=\"col\">Criterion</th><th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n");
        for (Criterion criterion = 0; criterion < N_CRITERIA; criterion++)
                add_criterion(page, phase, criterion);
        buffer_add(out, "</tbody>\n</table>\n");
}

static void add_statement(Buffer *out, const PhaseStatement *statement) {
        buffer_add(out, "<tr><td><code>");
        html_text(out, statement->text);
        buffer_printf(out,
                      "</code></td><td class=\"number\">%.3g ms</td><td class=\"number\">%.3g ms</td>"
                      "<td class=\"number\">%+.1f %%</td></tr>\n",
                      statement->before_ms, statement->after_ms, 100 * statement->effect);
}

/* On the target's own page. */
static void add_statements(const HtmlPage *page, const PhaseRecord *phase, unsigned level) {
        Buffer *out = page->out;

        if (!page->only || phase->n_statements == 0)
                return;
        buffer_printf(out, "<h%u class=\"title\">Statements that moved the cost most</h%u>\n", level, level);
        buffer_add(out, "<table class=\"statements\">\n<thead><tr><th scope=\"col\">Statement</th>"
                        "<th scope=\"col\" class=\"number\">Mean before</th><th scope=\"col\" "
                        "class=\"number\">Mean now</th>"
                        "<th scope=\"col\" class=\"number\">Of all time</th></tr></thead>\n<tbody>\n");
        for (size_t i = 0; i < phase->n_statements; i++)
                add_statement(out, &phase->statements[i]);
        buffer_add(out, "</tbody>\n</table>\n");
}

/* "2026-11-23 14:02 to 14:09 UTC", "2026-11-23 14:02 UTC for 20 s" */
static void add_stretch(Buffer *out, usec_t from, usec_t to) {
        bool is_short = usec_since(to, from) < USEC_PER_MINUTE;

        html_minute(out, from, true);
        if (to > from && !is_short) {
                buffer_add(out, " to ");
                html_minute(out, to, to / USEC_PER_DAY != from / USEC_PER_DAY);
        }
        buffer_add(out, " UTC");
        if (to > from && is_short) {
                buffer_add(out, " for ");
                buffer_add_usec_human(out, to - from);
        }
}

static void add_event(Buffer *out, const PhaseEvent *event) {
        static const char *const words[N_PHASE_EVENT_KINDS] = {
                [PHASE_EVENT_VIOLATED] = "violated",
                [PHASE_EVENT_FINISHED] = "another migration finished",
                [PHASE_EVENT_GONE] = "not finished any more",
                [PHASE_EVENT_MOVED] = "another database answers",
        };

        buffer_add(out, "<li><code>");
        html_text(out, event->object);
        buffer_printf(out, "</code> <strong>%s</strong> ", words[event->kind]);
        if (event->to == 0)
                buffer_add(out, "since ");
        add_stretch(out, event->from, event->to);
        if (event->kind == PHASE_EVENT_VIOLATED) {
                buffer_printf(out, ", %" PRId64 " row%s", event->rows, event->rows == 1 ? "" : "s");
                buffer_add(out, event->to ? ", repaired" : ", not repaired");
        }
        buffer_add(out, "</li>\n");
}

/* The overview has the newest. */
static void add_events(const HtmlPage *page, const TargetView *target, unsigned level) {
        const PhaseRecord *phase = target->phase;
        size_t first = 0;
        Buffer *out = page->out;

        if (!page->only && phase->n_events > OVERVIEW_EVENTS)
                first = phase->n_events - OVERVIEW_EVENTS;
        if (phase->n_events == 0)
                return;
        buffer_printf(out, "<h%u class=\"title\">What happened in it</h%u>\n<ul class=\"events\">\n", level,
                      level);
        for (size_t i = first; i < phase->n_events; i++)
                add_event(out, &phase->events[i]);
        buffer_add(out, "</ul>\n");
        if (first > 0) {
                buffer_add(out, "<p><a href=\"./target/");
                html_text(out, target->name);
                buffer_printf(out, "\">%zu earlier</a></p>\n", first);
        }
        if (phase->events_dropped > 0)
                buffer_printf(out, "<p>%" PRIu64 " more found no place.</p>\n", phase->events_dropped);
}

static void add_gaps(const HtmlPage *page, const PhaseRecord *phase, unsigned level) {
        Buffer *out = page->out;

        if (!page->only || unobserved(phase) == 0)
                return;
        buffer_printf(out, "<h%u class=\"title\">When it was not observed</h%u>\n<ul class=\"events\">\n",
                      level, level);
        if (phase->observed_since > phase->started_at) {
                buffer_add(out, "<li>");
                add_stretch(out, phase->started_at, phase->observed_since);
                buffer_add(out, "</li>\n");
        }
        for (size_t i = 0; i < phase->n_gaps; i++) {
                buffer_add(out, "<li>");
                add_stretch(out, phase->gaps[i].from, phase->gaps[i].to);
                buffer_add(out, "</li>\n");
        }
        buffer_add(out, "</ul>\n");
}

static void add_notice(Buffer *out, const char *text) {
        if (!text)
                return;
        buffer_add(out, "<p class=\"notice\">");
        html_text(out, text);
        buffer_add(out, "</p>\n");
}

static void add_verdict(const HtmlPage *page, const PhaseRecord *phase) {
        Buffer *out = page->out;

        if (phase->state == PHASE_WATCHING) {
                buffer_add(out, "No verdict yet: ");
                add_time_left(page, phase);
                buffer_add(out, "; so far ");
        } else {
                buffer_printf(out, "%s at ", phase->state == PHASE_STOPPED ? "Stopped by hand" : "Verdict");
                html_time(out, phase->closed_at);
                buffer_printf(out, ": <strong>%s</strong>; ", phase_state_name(phase->state));
        }
        add_tally(out, phase);
        buffer_printf(out, " of %d criteria.", N_CRITERIA);
}

void html_phase(const HtmlPage *page, const TargetView *target, unsigned level) {
        const PhaseRecord *phase = target->phase;
        Buffer *out = page->out;

        if (!was_opened(target))
                return;
        buffer_printf(out, "<section class=\"phase\">\n<h%u class=\"title\">Monitoring phase ", level);
        html_badge(out, html_phase_status(target), html_phase_word(target));
        buffer_printf(out, "</h%u>\n<p>", level);
        add_verdict(page, phase);
        buffer_add(out, "</p>\n");
        if (phase->state == PHASE_WATCHING)
                add_notice(out, phase->cannot_pass);
        add_notice(out, phase->note);
        add_facts(page, phase);
        add_criteria(page, phase);
        add_statements(page, phase, level + 1);
        add_events(page, target, level + 1);
        add_gaps(page, phase, level + 1);
        buffer_add(out, "</section>\n");
}
