/* Findings on the page: what does not pass as articles, what passes as tables.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>

#include "findings.h"
#include "format.h"
#include "html-writer.h"

static void add_fact(Buffer *out, const char *title) {
        buffer_printf(out, "<div><dt>%s</dt><dd>", title);
}

static void end_fact(Buffer *out) {
        buffer_add(out, "</dd></div>\n");
}

static void add_value(Buffer *out, const Finding *finding) {
        double number;

        if (!value_number(&finding->value, &number))
                return;
        add_fact(out, finding->unit ? finding->unit : "value");
        if (finding->value.kind == VALUE_INT)
                buffer_printf(out, "%" PRId64, finding->value.integer);
        else
                buffer_add_number(out, number);
        end_fact(out);
}

static void add_facts(const HtmlPage *page, const Finding *finding) {
        Buffer *out = page->out;

        buffer_add(out, "<dl class=\"facts\">\n");
        add_value(out, finding);
        add_fact(out, "reason");
        buffer_printf(out, "<code>%s</code> %s", reason_name(finding->reason), reason_help(finding->reason));
        end_fact(out);
        if (finding->since != 0) {
                add_fact(out, "since");
                html_time(out, finding->since);
                end_fact(out);
        }
        add_fact(out, "checked");
        html_ago(out, page->realtime, finding->checked_at);
        buffer_printf(out, "%s%s", finding->method ? ", " : "", finding->method ? finding->method : "");
        buffer_add(out, finding->is_blind ? "; the last look could not see it" : NULL);
        end_fact(out);
        add_fact(out, "severity");
        buffer_printf(out, "%s%s", severity_name(finding->severity), finding->gate ? ", gates traffic" : "");
        end_fact(out);
        buffer_add(out, "</dl>\n");
}

/* "object name": what it is, apart where both say the same. */
static void add_subject(Buffer *out, const Finding *finding) {
        if (finding->object) {
                buffer_add(out, "<code>");
                html_text(out, finding->object);
                buffer_add(out, "</code>");
        }
        if (finding->name && !str_equal(finding->name, finding->object)) {
                buffer_add(out, finding->object ? " <code>" : "<code>");
                html_text(out, finding->name);
                buffer_add(out, "</code>");
        }
}

static void add_article(const HtmlPage *page, const Finding *finding, unsigned level) {
        Buffer *out = page->out;

        buffer_printf(out, "<article class=\"finding %s\">\n<h%u>", status_name(finding->status), level);
        html_finding_badge(out, finding);
        buffer_add(out, " <span class=\"kind\">");
        html_words(out, finding_kind_name(finding->kind));
        buffer_add(out, "</span> ");
        add_subject(out, finding);
        buffer_printf(out, "</h%u>\n<p class=\"summary\">", level);
        html_lines(out, finding->summary);
        buffer_add(out, "</p>\n");
        if (!str_is_empty(finding->hint)) {
                buffer_add(out, "<p class=\"hint\">");
                html_lines(out, finding->hint);
                buffer_add(out, "</p>\n");
        }
        if (!str_is_empty(finding->repair)) {
                buffer_add(out, "<pre><code>");
                html_lines(out, finding->repair);
                buffer_add(out, "</code></pre>\n");
        }
        add_facts(page, finding);
        buffer_add(out, "</article>\n");
}

void html_failing(const HtmlPage *page, const TargetView *target, unsigned level, size_t limit) {
        size_t total = 0, shown = 0;

        for (size_t i = 0; i < target->n_findings; i++)
                total += target->findings[i].status > STATUS_PASS;
        for (Status status = STATUS_FAIL; status > STATUS_PASS; status--)
                for (size_t i = 0; i < target->n_findings && shown < limit; i++)
                        if (target->findings[i].status == status) {
                                add_article(page, &target->findings[i], level);
                                shown++;
                        }
        if (shown < total) {
                buffer_add(page->out, "<p><a href=\"./target/");
                html_text(page->out, target->name);
                buffer_printf(page->out, "\">%zu more that do not pass</a></p>\n", total - shown);
        }
}

static bool is_passing(const Finding *finding) {
        return finding->status == STATUS_PASS || finding->status == STATUS_SKIPPED;
}

static void add_advice(Buffer *out, const Finding *finding) {
        if (!str_is_empty(finding->hint)) {
                buffer_add(out, "<span class=\"note\">");
                html_lines(out, finding->hint);
                buffer_add(out, "</span>");
        }
        if (!str_is_empty(finding->repair)) {
                buffer_add(out, "<span class=\"note\"><code>");
                html_lines(out, finding->repair);
                buffer_add(out, "</code></span>");
        }
}

static void add_row(const HtmlPage *page, const Finding *finding) {
        Buffer *out = page->out;

        buffer_add(out, "<tr><td>");
        html_finding_badge(out, finding);
        buffer_add(out, "</td><th scope=\"row\">");
        add_subject(out, finding);
        if (!str_is_empty(finding->summary)) {
                buffer_add(out, "<span class=\"note\">");
                html_lines(out, finding->summary);
                buffer_add(out, "</span>");
        }
        if (finding_is_noted(finding))
                add_advice(out, finding);
        buffer_add(out, "</th><td>");
        if (finding->checked_at != 0) {
                html_ago(out, page->realtime, finding->checked_at);
                buffer_printf(out, "%s%s", finding->method ? ", " : "",
                              finding->method ? finding->method : "");
        }
        buffer_add(out, "</td></tr>\n");
}

static void add_kind(const HtmlPage *page, const TargetView *target, FindingKind kind) {
        Buffer *out = page->out;
        size_t count = 0;

        for (size_t i = 0; i < target->n_findings; i++)
                count += target->findings[i].kind == kind && is_passing(&target->findings[i]);
        if (count == 0)
                return;
        buffer_printf(out, "<table class=\"passing\">\n<caption>%s (%zu)</caption>\n", checklist_title(kind),
                      count);
        buffer_add(out, "<thead><tr><th scope=\"col\">Status</th><th scope=\"col\">Object</th>"
                        "<th scope=\"col\">Checked</th></tr></thead>\n<tbody>\n");
        for (size_t i = 0; i < target->n_findings; i++)
                if (target->findings[i].kind == kind && is_passing(&target->findings[i]))
                        add_row(page, &target->findings[i]);
        buffer_add(out, "</tbody>\n</table>\n");
}

void html_passing(const HtmlPage *page, const TargetView *target) {
        Tally tally = {};

        for (size_t i = 0; i < target->n_findings; i++)
                tally_add(&tally, &target->findings[i]);
        if (tally.by_status[STATUS_PASS] + tally.by_status[STATUS_SKIPPED] == 0)
                return;
        buffer_printf(page->out, "<details>\n<summary>%zu pass", tally.by_status[STATUS_PASS]);
        if (tally.by_status[STATUS_SKIPPED] > 0)
                buffer_printf(page->out, ", %zu skipped", tally.by_status[STATUS_SKIPPED]);
        buffer_add(page->out, "</summary>\n");
        for (FindingKind kind = 0; kind < N_FINDING_KINDS; kind++)
                add_kind(page, target, kind);
        buffer_add(page->out, "</details>\n");
}
