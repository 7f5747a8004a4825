/* What `pgvigil check` prints: of each target the checklist, then what does not pass, worst
 * first, each with what to do.
 *
 * The checklist follows the success criteria of a migration: one line for each kind of finding.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include "findings.h"
#include "format.h"
#include "terminal.h"

#define TITLE_WIDTH 15

static FindingText finding_text(const Finding *finding, const char *hint) {
        return (FindingText){
                .status = finding->status,
                .kind = finding_kind_name(finding->kind),
                .object = finding->object,
                .name = finding->name,
                .summary = finding->summary,
                .reason = reason_name(finding->reason),
                .method = finding->method,
                .hint = hint,
                .keys = finding->keys,
        };
}

static int add_head(Buffer *out, const TextOptions *options, const TargetView *target, FindingKind id,
                    const KindTally *kind) {
        _cleanup_(buffer_done) Buffer result = {};
        const char *title = checklist_title(id);

        checklist_add_result(&result, target, id, kind);
        buffer_add(out, "  ");
        terminal_mark(out, options, kind->worst->status);
        buffer_printf(out, " %s:", title);
        terminal_pad(out, format_width(title) + 1, TITLE_WIDTH);
        buffer_add_terminal(out, buffer_text(&result));
        buffer_add_char(out, '\n');
        return buffer_error(&result);
}

static int add_checklist(Buffer *out, const TextOptions *options, const TargetView *target) {
        KindTally kinds[N_FINDING_KINDS];
        int r = 0;

        checklist_tally(target, kinds);
        for (FindingKind id = 0; r >= 0 && id < N_FINDING_KINDS; id++)
                if (kinds[id].worst)
                        r = add_head(out, options, target, id, &kinds[id]);
        return r;
}

static int add_failing(Buffer *out, const TextOptions *options, const TargetView *target) {
        for (Status status = STATUS_FAIL; status > STATUS_PASS; status--)
                for (size_t i = 0; i < target->n_findings; i++) {
                        _cleanup_(freep) char *hint = NULL;
                        if (target->findings[i].status != status)
                                continue;
                        int r = finding_full_hint(&target->findings[i], &hint);
                        if (r < 0)
                                return r;
                        FindingText text = finding_text(&target->findings[i], hint);
                        buffer_add_char(out, '\n');
                        terminal_finding(out, options, &text);
                }
        return 0;
}

static bool is_passing(const Finding *finding) {
        return finding->status == STATUS_PASS || finding->status == STATUS_SKIPPED;
}

static size_t passing_width(const TargetView *target) {
        size_t widest = 0;

        for (size_t i = 0; i < target->n_findings; i++) {
                if (!is_passing(&target->findings[i]))
                        continue;
                FindingText text = finding_text(&target->findings[i], NULL);
                terminal_widen(&widest, &text);
        }
        return widest;
}

/* "proved, 12 s ago: 10 rows …" as far as it is known. */
static void add_note(Buffer *note, const Finding *finding, usec_t realtime) {
        const char *separator = "";

        if (finding->method) {
                buffer_add(note, finding->method);
                separator = ", ";
        }
        if (finding->checked_at != 0) {
                buffer_add(note, separator);
                buffer_add_usec_human(note, usec_since(realtime, finding->checked_at));
                buffer_add(note, " ago");
        }
        if (!str_is_empty(finding->summary)) {
                buffer_add(note, note->length > 0 ? ": " : NULL);
                buffer_add(note, finding->summary);
        }
}

/* What is only noted is advice: what to do about it belongs to it. */
static int add_noted_hint(Buffer *out, const Finding *finding) {
        _cleanup_(freep) char *hint = NULL;
        int r = finding_is_noted(finding) ? finding_full_hint(finding, &hint) : 0;

        if (r >= 0 && hint)
                terminal_hint(out, hint);
        return r;
}

static int add_passing(Buffer *out, const TextOptions *options, const TargetView *target, usec_t realtime) {
        size_t width = passing_width(target);
        bool is_first = true;

        for (size_t i = 0; i < target->n_findings; i++) {
                const Finding *finding = &target->findings[i];
                _cleanup_(buffer_done) Buffer note = {};
                if (!is_passing(finding))
                        continue;
                if (is_first)
                        buffer_add_char(out, '\n');
                is_first = false;
                FindingText text = finding_text(finding, NULL);
                add_note(&note, finding, realtime);
                terminal_passing(out, options, &text, width, buffer_text(&note));
                int r = add_noted_hint(out, finding);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_target(Buffer *out, const TextOptions *options, const TargetView *target, usec_t realtime) {
        Tally tally = {};

        tally_add_target(&tally, target, -1);
        Status status = tally_status(&tally);
        if (options->quiet && status == STATUS_PASS)
                return 0;
        terminal_bold(out, options, target->name);
        buffer_add(out, ": ");
        target_add_server(out, target);
        buffer_add(out, ": ");
        terminal_status(out, options, status);
        buffer_add(out, "\n");
        if (!options->quiet && target->n_findings > 0) {
                buffer_add_char(out, '\n');
                int r = add_checklist(out, options, target);
                if (r < 0)
                        return r;
        }
        int r = add_failing(out, options, target);
        if (r < 0)
                return r;
        if (options->verbose && !options->quiet)
                r = add_passing(out, options, target, realtime);
        buffer_add_char(out, '\n');
        return r;
}

int render_text(const View *view, const TextOptions *options, usec_t realtime, Buffer *out) {
        Tally tally = {};

        for (size_t i = 0; i < view->n_targets; i++) {
                int r = add_target(out, options, view->targets[i], realtime);
                if (r < 0)
                        return r;
                tally_add_target(&tally, view->targets[i], -1);
        }
        if (!options->quiet || tally_status(&tally) != STATUS_PASS)
                terminal_scope(out, options, &tally.scope, tally.by_status, tally_status(&tally));
        return buffer_error(out);
}
