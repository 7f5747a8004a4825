/* The status page: `/` for all targets, `/target/NAME` for one with everything that is known of it.
 *
 * Server-rendered, no script: what is on it was true at the time that it shows. The style is a file
 * of its own, so that the page needs no exception in its Content-Security-Policy.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>

#include "findings.h"
#include "format.h"
#include "html-style.h"
#include "html-writer.h"
#include "pgvigil/render.h"

/* Of each target on the overview; the target's own page has all. */
#define OVERVIEW_FINDINGS 10

/* Charts of a page, all targets together. */
#define OVERVIEW_CHARTS 24
#define TARGET_CHARTS   48

static const HealthQuery plain = {.fail_on = FAIL_ON_GATE};

static const char *root(const HtmlPage *page) {
        return page->only ? "../" : "./";
}

static Health target_health(const HtmlPage *page, const TargetView *target) {
        return health_of_target(page->view, target, &plain, page->boottime);
}

/* The worst of what the page shows. */
static Status page_status(const HtmlPage *page) {
        Status worst = STATUS_SKIPPED;

        if (page->only)
                return target_health(page, page->only).status;
        for (size_t i = 0; i < page->view->n_targets; i++) {
                Status status = target_health(page, page->view->targets[i]).status;

                worst = status > worst ? status : worst;
        }
        return worst == STATUS_SKIPPED ? STATUS_UNKNOWN : worst;
}

static void add_top(const HtmlPage *page) {
        Buffer *out = page->out;
        Status status = page_status(page);

        buffer_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
        buffer_printf(out, "%s: ", status_name(status));
        html_text(out, page->only ? page->only->name : "all targets");
        buffer_add(out, " - pgvigil</title>\n<link rel=\"icon\" href=\"");
        html_icon_url(out, status);
        buffer_printf(out, "\">\n<link rel=\"stylesheet\" href=\"%sstyle.css\">\n</head>\n<body>\n",
                      root(page));

        buffer_printf(out,
                      "<header class=\"top\">\n<nav aria-label=\"Pages\"><a class=\"brand\" "
                      "href=\"%s\">pgvigil</a>",
                      root(page));
        if (page->only)
                buffer_printf(out, "<a href=\"%s\">All targets</a>", root(page));
        buffer_add(out, "</nav>\n<p>As of ");
        html_time(out, page->realtime);
        buffer_add(out, page->only ? "; reload for newer" : "; reloads every&nbsp;30&nbsp;s");
        buffer_add(out, "</p>\n</header>\n<main>\n");
}

static void add_end(const HtmlPage *page) {
        static const char *const links[] = {"health", "metrics", "api/v1/status"};
        Buffer *out = page->out;

        buffer_add(out, "</main>\n<footer class=\"end\">\n<ul>\n");
        for (size_t i = 0; i < ELEMENTS(links); i++)
                buffer_printf(out, "<li><a href=\"%s%s\">/%s</a></li>\n", root(page), links[i], links[i]);
        buffer_add(out, "<li>pgvigil " PGVIGIL_VERSION "</li>\n</ul>\n</footer>\n</body>\n</html>\n");
}

/* "/health/shop answers 503, unreachable (refused): the database cannot be reached …" */
static void add_lead(const HtmlPage *page, const TargetView *target, const Health *health) {
        Buffer *out = page->out;

        buffer_printf(out, "<p class=\"lead\"><a href=\"%shealth", root(page));
        if (target) {
                buffer_add(out, "/");
                html_text(out, target->name);
        }
        buffer_add(out, "\"><code>/health");
        if (target) {
                buffer_add(out, "/");
                html_text(out, target->name);
        }
        buffer_printf(out, "</code></a> answers <strong>%d</strong>, %s", health->code, health->state);
        if (health->cause)
                buffer_printf(out, " (%s)", health->cause);
        buffer_printf(out, ": %s.</p>\n", health_why(health->state));
}

static void add_heartbeat(Buffer *out, const Health *health) {
        if (!health->has_age) {
                buffer_add(out, "never");
                return;
        }
        buffer_add_usec_human(out, health->age);
        buffer_add(out, " ago, allowed ");
        buffer_add_usec_human(out, health->max_age);
}

static void add_server(const HtmlPage *page, const TargetView *target) {
        Buffer *out = page->out;

        target_add_server(out, target);
        if (target->reach == REACH_OK && target->server && target->server->role) {
                buffer_add(out, ", as ");
                html_text(out, target->server->role);
        }
        if (target->reach != REACH_OK && target->reach_since != 0) {
                buffer_add(out, " since ");
                html_time(out, target->reach_since);
        }
}

static void add_scope(Buffer *out, const Scope *scope) {
        buffer_printf(out, "%zu of %zu checked", scope->checked, scope->total);
        if (scope->unknown > 0)
                buffer_printf(out, ", %zu unknown", scope->unknown);
}

static void add_facts(const HtmlPage *page, const TargetView *target, const Health *health) {
        Scope scope = findings_scope(target->findings, target->n_findings);
        Buffer *out = page->out;

        buffer_add(out, "<dl class=\"facts\">\n<div><dt>Server</dt><dd>");
        add_server(page, target);
        buffer_add(out, "</dd></div>\n<div><dt>Heartbeat</dt><dd>");
        add_heartbeat(out, health);
        buffer_add(out, "</dd></div>\n<div><dt>Scope</dt><dd>");
        add_scope(out, &scope);
        if (scope.violations > 0)
                buffer_printf(out, "</dd></div>\n<div><dt>Rows that violate</dt><dd>%" PRId64,
                              scope.violations);
        buffer_add(out, "</dd></div>\n</dl>\n");
}

static void begin_step(Buffer *out, const char *title, Status status, const char *word) {
        buffer_printf(out, "<li class=\"%s\"><b>%s</b> ", status_name(status), title);
        html_badge(out, status, word);
        buffer_add(out, "<p>");
}

static void end_step(Buffer *out) {
        buffer_add(out, "</p></li>\n");
}

/* What the worst finding of its kind says, or a text of ours. */
static void add_step(Buffer *out, const char *title, Status status, const Finding *finding,
                     const char *text) {
        begin_step(out, title, finding ? finding->status : status, NULL);
        if (finding) {
                html_text(out, str_equal(finding->name, "status") ? finding->object : finding->name);
                buffer_add(out, ": ");
                text = finding->summary;
        }
        html_text(out, text);
        end_step(out);
}

/* The guide's four steps. */
static void add_timeline(const HtmlPage *page, const TargetView *target, const KindTally *kinds) {
        Buffer *out = page->out;
        Status status = target->heartbeat == 0 ? STATUS_UNKNOWN : STATUS_SKIPPED;

        buffer_printf(
                out,
                "<section>\n<h%u class=\"title\">Timeline of the migration</h%u>\n<ol class=\"steps\">\n",
                page->only ? 2 : 3, page->only ? 2 : 3);
        add_step(out, "Preparation", STATUS_SKIPPED, kinds[KIND_BACKUP].worst,
                 "Backup and preflight: not looked at in this version.");
        add_step(out, "Staging", STATUS_SKIPPED, NULL, "Verify: not looked at in this version.");
        add_step(out, "Production", status, kinds[KIND_MIGRATION].worst,
                 target->heartbeat == 0 ? "Nothing is known yet." : "No migration history is watched.");
        begin_step(out, "Monitoring", html_phase_status(target), html_phase_word(target));
        html_phase_sentence(page, target);
        end_step(out);
        buffer_add(out, "</ol>\n</section>\n");
}

static void add_criterion(const HtmlPage *page, const TargetView *target, FindingKind kind,
                          const KindTally *tally) {
        _cleanup_(buffer_done) Buffer result = {};
        Buffer *out = page->out;

        checklist_add_result(&result, target, kind, tally);
        buffer_add(out, "<tr><td>");
        html_badge(out, tally->worst->status, NULL);
        buffer_printf(out, "</td><th scope=\"row\">%s</th><td>", checklist_title(kind));
        html_text(out, buffer_text(&result));
        buffer_add(out, "</td></tr>\n");
        if (buffer_error(&result) < 0)
                out->failed = true;
}

static void add_checklist(const HtmlPage *page, const TargetView *target, const KindTally *kinds) {
        Buffer *out = page->out;
        unsigned level = page->only ? 2 : 3;

        buffer_printf(out,
                      "<section>\n<h%u class=\"title\">Checklist</h%u>\n<table class=\"checklist\">\n"
                      "<caption class=\"hidden\">One line for each kind of check</caption>\n"
                      "<thead class=\"hidden\"><tr><th scope=\"col\">Status</th><th scope=\"col\">Kind</th>"
                      "<th scope=\"col\">Result</th></tr></thead>\n<tbody>\n",
                      level, level);
        for (FindingKind kind = 0; kind < N_FINDING_KINDS; kind++)
                if (kinds[kind].worst)
                        add_criterion(page, target, kind, &kinds[kind]);
        buffer_add(out, "</tbody>\n</table>\n</section>\n");
}

static void add_failing(const HtmlPage *page, const TargetView *target) {
        Status worst = findings_worst(target->findings, target->n_findings);
        unsigned level = page->only ? 2 : 3;
        Buffer *out = page->out;

        buffer_printf(out, "<section>\n<h%u class=\"title\">What does not pass</h%u>\n", level, level);
        if (worst == STATUS_PASS)
                buffer_add(out, "<p>Nothing: everything that counts passes.</p>\n");
        else if (findings_scope(target->findings, target->n_findings).total == 0)
                buffer_add(out, "<p>Nothing was checked, so nothing is known to pass.</p>\n");
        html_failing(page, target, level + 1, page->only ? SIZE_MAX : OVERVIEW_FINDINGS);
        buffer_add(out, "</section>\n");
}

/* What a gate would have done, before it is used. */
static void add_rehearsal(const HtmlPage *page, const TargetView *target) {
        Buffer *out = page->out;

        if (!target->rehearsal)
                return;
        buffer_add(out,
                   "<section class=\"rehearsal\">\n<h2 class=\"title\">The last 7 days of this URL</h2>\n"
                   "<p>Observed for ");
        buffer_add_usec_human(out, rehearsal_sum(target->rehearsal, FAIL_ON_GATE, page->realtime).observed);
        buffer_add(out, "; what was not observed counts nowhere.</p>\n<ul>\n");
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++) {
                RehearsalSum sum = rehearsal_sum(target->rehearsal, fail_on, page->realtime);
                RehearsalText text = {fail_on_name(fail_on), sum.why, sum.refused, sum.is_only};
                _cleanup_(buffer_done) Buffer claim = BUFFER_NULL;

                rehearsal_add_claim(&claim, &text);
                buffer_add(out, "<li>");
                html_text(out, buffer_text(&claim));
                buffer_add(out, "</li>\n");
        }
        buffer_add(out, "</ul>\n</section>\n");
}

static void add_run(const HtmlPage *page, const TargetView *target, const CheckRun *run) {
        bool is_due_known = run->next_due != 0 && run->next_due != USEC_INFINITY;
        Buffer *out = page->out;

        buffer_add(out, "<tr><th scope=\"row\">");
        html_words(out, run->kind->name);
        buffer_add(out, "<small>every ");
        buffer_add_usec_human(out, check_run_interval(target, run->kind));
        buffer_add(out, "</small></th><td>");
        html_ago(out, page->realtime, run->last_success_at);
        buffer_add(out, "</td><td>");
        if (str_equal(target->doing, run->kind->name))
                buffer_add(out, "running");
        else if (is_due_known && run->next_due > page->boottime) {
                buffer_add(out, "in ");
                buffer_add_usec_human(out, run->next_due - page->boottime);
        } else
                buffer_add(out, is_due_known ? "due" : "-");
        buffer_printf(
                out, "</td><td class=\"number\">%" PRIu64 "</td><td class=\"number\">%" PRIu64 "</td></tr>\n",
                run->runs, check_run_failures(run));
}

static void add_schedule(const HtmlPage *page, const TargetView *target) {
        Buffer *out = page->out;

        if (target->n_runs == 0)
                return;
        buffer_add(out, "<section>\n<h2 class=\"title\">Schedule</h2>\n<table>\n"
                        "<caption class=\"hidden\">When each check ran and runs next</caption>\n"
                        "<thead><tr><th scope=\"col\">Check</th><th scope=\"col\">Last success</th>"
                        "<th scope=\"col\">Next</th><th scope=\"col\" class=\"number\">Runs</th>"
                        "<th scope=\"col\" class=\"number\">Failures</th></tr></thead>\n<tbody>\n");
        for (size_t i = 0; i < target->n_runs; i++)
                if (!target->runs[i].kind->asks_nothing)
                        add_run(page, target, &target->runs[i]);
        buffer_add(out, "</tbody>\n</table>\n</section>\n");
}

static void add_name(const HtmlPage *page, const TargetView *target, Status status) {
        Buffer *out = page->out;

        buffer_printf(out, "<h%u class=\"name\">", page->only ? 1 : 2);
        if (!page->only) {
                buffer_printf(out, "<a href=\"./target/");
                html_text(out, target->name);
                buffer_add(out, "\">");
        }
        html_text(out, target->name);
        buffer_add(out, page->only ? " " : "</a> ");
        html_badge(out, status, NULL);
        buffer_printf(out, "</h%u>\n", page->only ? 1 : 2);
}

/* Only a database that answers is judged by its data; else what else is known is of earlier. */
static bool is_of_earlier(const TargetView *target, const Health *health) {
        if (health->verified || str_equal(health->state, "unverified"))
                return false;
        for (size_t i = 0; i < target->n_findings; i++)
                if (target->findings[i].kind != KIND_CONNECTION)
                        return true;
        return false;
}

static void add_target(const HtmlPage *page, const TargetView *target, size_t *charts) {
        Health health = target_health(page, target);
        KindTally kinds[N_FINDING_KINDS];
        Buffer *out = page->out;

        checklist_tally(target, kinds);
        buffer_add(out, "<section class=\"target\">\n");
        add_name(page, target, health.status);
        add_lead(page, target, &health);
        if (is_of_earlier(target, &health))
                buffer_add(out, "<p class=\"notice\">The database cannot be looked at now: what "
                                "follows was seen earlier.</p>\n");
        add_facts(page, target, &health);
        add_timeline(page, target, kinds);
        html_phase(page, target, page->only ? 2 : 3);
        html_charts(page, target, false, charts);
        if (target->n_findings > 0)
                add_checklist(page, target, kinds);
        add_failing(page, target);
        if (page->only) {
                html_charts(page, target, true, charts);
                html_passing(page, target);
                add_rehearsal(page, target);
                add_schedule(page, target);
        } else {
                buffer_add(out, "<p class=\"more\"><a href=\"./target/");
                html_text(out, target->name);
                buffer_add(out, "\">Everything that is checked on ");
                html_text(out, target->name);
                buffer_add(out, ", and when</a></p>\n");
        }
        buffer_add(out, "</section>\n");
}

static void add_line(const HtmlPage *page, const TargetView *target) {
        Health health = target_health(page, target);
        Scope scope = findings_scope(target->findings, target->n_findings);
        Buffer *out = page->out;

        buffer_add(out, "<tr><td>");
        html_badge(out, health.status, NULL);
        buffer_add(out, "</td><th scope=\"row\"><a href=\"./target/");
        html_text(out, target->name);
        buffer_add(out, "\">");
        html_text(out, target->name);
        buffer_printf(out, "</a></th><td>%d, %s</td><td>", health.code, health.state);
        add_scope(out, &scope);
        buffer_add(out, "</td></tr>\n");
}

/* With a single target its own section says it all. */
static void add_overview(const HtmlPage *page) {
        Health health = health_of_all(page->view, &plain, page->boottime);
        Buffer *out = page->out;

        if (page->view->n_targets == 1) {
                buffer_add(out, "<h1 class=\"hidden\">All targets</h1>\n");
                return;
        }
        buffer_add(out, "<section class=\"overview\">\n<h1 class=\"name\">All targets ");
        html_badge(out, page_status(page), NULL);
        buffer_add(out, "</h1>\n");
        add_lead(page, NULL, &health);
        if (page->view->n_targets > 0) {
                buffer_add(out, "<table class=\"checklist\">\n<caption class=\"hidden\">The "
                                "targets</caption>\n<thead><tr>"
                                "<th scope=\"col\">Status</th><th scope=\"col\">Target</th><th "
                                "scope=\"col\">Health</th>"
                                "<th scope=\"col\">Scope</th></tr></thead>\n<tbody>\n");
                for (size_t i = 0; i < page->view->n_targets; i++)
                        add_line(page, page->view->targets[i]);
                buffer_add(out, "</tbody>\n</table>\n");
        }
        buffer_add(out, "</section>\n");
}

int render_html(const View *view, const TargetView *only, const SeriesSource *series, usec_t boottime,
                usec_t realtime, Buffer *out) {
        HtmlPage page = {out, view, only, series, boottime, realtime};
        size_t charts = only ? TARGET_CHARTS : OVERVIEW_CHARTS;

        add_top(&page);
        if (only) {
                add_target(&page, only, &charts);
        } else {
                add_overview(&page);
                for (size_t i = 0; i < view->n_targets; i++)
                        add_target(&page, view->targets[i], &charts);
        }
        add_end(&page);
        return buffer_error(out);
}

const char *render_html_style(void) {
        return html_style;
}
