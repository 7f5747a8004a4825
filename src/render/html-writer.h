/* What the parts of the page share: the moment that it shows, escaped text, badges, times.
 *
 * Names come from databases: nothing of them reaches the page but through html_text() and
 * html_lines(). Status is a word and a shape, never a colour alone.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include "pgvigil/model/health.h"
#include "pgvigil/model/series.h"

typedef struct HtmlPage {
        Buffer *out;
        const View *view;
        const TargetView *only;     /* NULL: the overview */
        const SeriesSource *series; /* NULL: there is no history */
        usec_t boottime, realtime;
} HtmlPage;

/* Escaped for elements and for attributes in either quotes, on one line: what a terminal would act
 * on is made visible here too. */
void html_text(Buffer *out, const char *text);

/* The same, the text's own lines kept. */
void html_lines(Buffer *out, const char *text);

/* A word of ours with its underscores as blanks: "foreign key". */
void html_words(Buffer *out, const char *name);

/* Icon and word; `word` NULL: the status's name. */
void html_badge(Buffer *out, Status status, const char *word);

/* The badge of a finding: one that passes only because its rule notes it says so. */
void html_finding_badge(Buffer *out, const Finding *finding);

/* A small picture of the status as a data: URL, for the browser's tab. */
void html_icon_url(Buffer *out, Status status);

void html_time(Buffer *out, usec_t realtime);                   /* "2026-11-23 15:59:00 UTC" */
void html_minute(Buffer *out, usec_t realtime, bool with_date); /* "2026-11-23 15:59", "15:59"; without UTC */
void html_ago(Buffer *out, usec_t now, usec_t realtime); /* "12 s ago", its time behind it; 0: "never" */

/* As phases are spoken of, "24 h" and not "1 d"; of what is no whole hours as elsewhere. */
void html_duration(Buffer *out, usec_t duration);

/* html-findings.c: what does not pass, worst first, at most `limit`, each under a heading of `level`;
 * what passes, a table for each kind. */
void html_failing(const HtmlPage *page, const TargetView *target, unsigned level, size_t limit);
void html_passing(const HtmlPage *page, const TargetView *target);

/* html-phase.c: the monitoring phase, a heading of `level` above it; nothing where none was opened. */
void html_phase(const HtmlPage *page, const TargetView *target, unsigned level);

/* Where the phase stands, for the timeline: its status, the word of its badge, a sentence. */
Status html_phase_status(const TargetView *target);
const char *html_phase_word(const TargetView *target);
void html_phase_sentence(const HtmlPage *page, const TargetView *target);

/* html-charts.c: the last 24 hours: of the target as a whole, or with `detail` of its single rules,
 * canaries and indexes. Nothing more is drawn where `*budget` is used up. */
void html_charts(const HtmlPage *page, const TargetView *target, bool detail, size_t *budget);
