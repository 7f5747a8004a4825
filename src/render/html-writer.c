/* Escaped text, badges and times of the page.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "html-writer.h"

#include <inttypes.h>
#include <string.h>

#include "findings.h"
#include "format.h"

/* As strokes in a field of 16 by 16; the colour comes from the style. */
static const struct {
        const char *path, *colour;
} icons[] = {
        [STATUS_SKIPPED] = {"M4 8h8", "6b7077"},
        [STATUS_PASS] = {"M3.5 8.5l3 3 6-6.5", "1a6e3c"},
        [STATUS_WARN] = {"M8 3.5v5.5M8 12.4v.1", "8a5300"},
        [STATUS_UNKNOWN] = {"M5.7 6a2.4 2.4 0 1 1 3.4 2.2c-.8.4-1.1.8-1.1 1.6M8 12.9v.1", "4f4ba3"},
        [STATUS_FAIL] = {"M4.5 4.5l7 7M11.5 4.5l-7 7", "b3261e"},
};

static const char *entity(char c) {
        switch (c) {
        case '&':
                return "&amp;";
        case '<':
                return "&lt;";
        case '>':
                return "&gt;";
        case '"':
                return "&quot;";
        case '\'':
                return "&#39;";
        default:
                return NULL;
        }
}

void html_text(Buffer *out, const char *text) {
        _cleanup_(buffer_done) Buffer visible = {};

        buffer_add_terminal(&visible, text);
        for (const char *c = buffer_text(&visible); *c; c++) {
                const char *escaped = entity(*c);

                if (escaped)
                        buffer_add(out, escaped);
                else
                        buffer_add_char(out, *c);
        }
        if (buffer_error(&visible) < 0)
                out->failed = true;
}

void html_lines(Buffer *out, const char *text) {
        while (text && *text) {
                size_t length = strcspn(text, "\n");
                _cleanup_(freep) char *line = strndup(text, length);

                if (!line) {
                        out->failed = true;
                        return;
                }
                html_text(out, line);
                text += length;
                if (*text == '\n') {
                        buffer_add_char(out, '\n');
                        text++;
                }
        }
}

void html_words(Buffer *out, const char *name) {
        for (; *name; name++)
                buffer_add_char(out, *name == '_' ? ' ' : *name);
}

void html_badge(Buffer *out, Status status, const char *word) {
        buffer_printf(out,
                      "<span class=\"badge %s\"><svg viewBox=\"0 0 16 16\" aria-hidden=\"true\">"
                      "<path d=\"%s\"/></svg>%s</span>",
                      status_name(status), icons[status].path, word ? word : status_name(status));
}

void html_finding_badge(Buffer *out, const Finding *finding) {
        if (finding_is_noted(finding))
                html_badge(out, STATUS_SKIPPED, "noted");
        else
                html_badge(out, finding->status, NULL);
}

void html_icon_url(Buffer *out, Status status) {
        buffer_printf(out,
                      "data:image/svg+xml,%%3Csvg xmlns='http:%%2F%%2Fwww.w3.org%%2F2000%%2Fsvg'"
                      " viewBox='0 0 16 16'%%3E%%3Ccircle cx='8' cy='8' r='8' fill='%%23%s'/%%3E"
                      "%%3Cpath d='%s' fill='none' stroke='white' stroke-width='2'"
                      " stroke-linecap='round'/%%3E%%3C/svg%%3E",
                      icons[status].colour, icons[status].path);
}

/* Both forms are of one length, "2026-11-23T15:59:00Z" up to the year 9999. */
void html_time(Buffer *out, usec_t realtime) {
        _cleanup_(buffer_done) Buffer text = {};
        const char *time, *t;

        buffer_add_time(&text, realtime);
        time = buffer_text(&text);
        t = strchr(time, 'T');
        buffer_printf(out, "<time datetime=\"%s\">", time);
        if (t)
                buffer_printf(out, "%.*s %.*s UTC", (int)(t - time), time, (int)strcspn(t + 1, "Z"), t + 1);
        buffer_add(out, "</time>");
}

void html_minute(Buffer *out, usec_t realtime, bool with_date) {
        _cleanup_(buffer_done) Buffer text = {};
        const char *time, *t;

        buffer_add_time(&text, realtime);
        time = buffer_text(&text);
        t = strchr(time, 'T');
        buffer_printf(out, "<time datetime=\"%s\">", time);
        if (t && with_date)
                buffer_printf(out, "%.*s ", (int)(t - time), time);
        if (t)
                buffer_append(out, t + 1, strlen("15:59"));
        buffer_add(out, "</time>");
}

void html_duration(Buffer *out, usec_t duration) {
        if (duration > 0 && duration % USEC_PER_HOUR == 0)
                buffer_printf(out, "%" PRIu64 " h", duration / USEC_PER_HOUR);
        else
                buffer_add_usec_human(out, duration);
}

void html_ago(Buffer *out, usec_t now, usec_t realtime) {
        if (realtime == 0) {
                buffer_add(out, "never");
                return;
        }
        buffer_add(out, "<time datetime=\"");
        buffer_add_time(out, realtime);
        buffer_add(out, "\">");
        buffer_add_usec_human(out, usec_since(now, realtime));
        buffer_add(out, " ago</time>");
}
