/* pgvigil report: the monitoring phase, its criteria and its verdict; of the running daemon, or where
 * none answers of what it kept, read-only.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/history.h"
#include "pgvigil/phase.h"
#include "pgvigil/render.h"

#define WAIT_STEP_MS 1000

/* Who waits for a verdict bears that the daemon is away so long: it may be restarted. */
#define AWAY_MAX USEC_PER_MINUTE

typedef struct Asking {
        const Arguments *arguments;
        char **paths;
        Buffer json;     /* { "targets": [ { "name", "phase" } ] }, and more of a daemon */
        bool is_kept;    /* what a daemon kept that does not run */
        usec_t answered; /* boottime: a daemon did; 0: never */
} Asking;

static void asking_done(Asking *report) {
        strv_free(report->paths);
        buffer_done(&report->json);
}

static int add_kept(const History *history, const TargetSettings *settings, bool is_first, Buffer *out) {
        const char *text = history_get(history, settings->name, "phase");
        PhaseRecord record = {};
        TargetView view = {.name = settings->name, .settings = settings, .phase = &record};
        int r = text ? phase_parse(text, &record) : -ENOENT;

        if (r >= 0 && phase_is_of_another(&record, &settings->phase))
                r = -ENOENT;

        buffer_printf(out, "%s{\"name\":\"%s\",\"phase\":", is_first ? "" : ",", settings->name);
        if (r >= 0)
                r = render_phase_json(&view, clock_realtime(), out);
        else
                buffer_add(out, "null");
        phase_record_done(&record);
        buffer_add_char(out, '}');
        return r == -ENOMEM ? r : buffer_error(out);
}

/* 0 or an exit code. */
static int read_kept(Asking *report) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(history_freep) History *history = NULL;
        _cleanup_(freep) char *trouble = NULL;
        HistoryOptions options = {};
        int r = arguments_settings(report->arguments, &settings);

        if (r > 0)
                return r;
        options.directory = str_is_empty(settings->state_dir) ? "/var/lib/pgvigil" : settings->state_dir;
        options.retention = settings->retention;
        options.n_targets = settings->targets.count;
        r = history_open_reader(&options, clock_realtime(), &history, &trouble);
        if (r < 0) {
                fprintf(stderr, "pgvigil: nor is there anything that one has kept: %s\n",
                        trouble ? trouble : strerror(-r));
                return EXIT_UNKNOWN;
        }
        buffer_clear(&report->json);
        buffer_add(&report->json, "{\"targets\":[");
        for (size_t i = 0; r >= 0 && i < settings->targets.count; i++)
                r = add_kept(history, LIST_AT(settings->targets, TargetSettings, i), i == 0, &report->json);
        buffer_add(&report->json, "]}");
        report->is_kept = true;
        return r < 0 || buffer_error(&report->json) < 0 ? EXIT_UNKNOWN : 0;
}

/* 0, an exit code, or -EAGAIN: it is away for a moment. */
static int read_phases(Asking *report) {
        _cleanup_(buffer_done) Buffer query = BUFFER_NULL;
        int r;

        buffer_add(&query, "/api/v1/status");
        for (char **target = report->arguments->targets; target && *target; target++)
                buffer_printf(&query, "%ctarget=%s", target == report->arguments->targets ? '?' : '&',
                              *target);
        r = ask_quietly(report->paths, "GET", buffer_text(&query), &report->json);
        if (r < 0 && report->arguments->wait && report->answered > 0 &&
            usec_since(clock_boottime(), report->answered) < AWAY_MAX)
                return -EAGAIN;
        if (r < 0) {
                ask_complain(report->paths, r);
                return read_kept(report);
        }
        report->answered = clock_boottime();
        if (r == 404) {
                fprintf(stderr, "pgvigil: the daemon has no such target\n");
                return EXIT_USAGE;
        }
        if (r == 200)
                return 0;
        fprintf(stderr, "pgvigil: the daemon's answer (%d) is not understood\n", r);
        return EXIT_UNKNOWN;
}

static bool is_over(const Asking *report, ReportOutcome outcome) {
        if (outcome == REPORT_FAILING)
                return report->arguments->fail_fast;
        return outcome != REPORT_WATCHING && outcome != REPORT_NONE;
}

/* The page of the target with its style inside. */
static int print_html(Asking *report) {
        static const char link[] = "<link rel=\"stylesheet\"";
        char **targets = report->arguments->targets;
        _cleanup_(freep) char *path = NULL;
        _cleanup_(buffer_done) Buffer page = BUFFER_NULL;
        const char *at, *end;

        if (!targets || !targets[0] || targets[1]) {
                fprintf(stderr, "pgvigil: a page is of one target: say which with --target\n");
                return EXIT_USAGE;
        }
        if (report->is_kept) {
                fprintf(stderr, "pgvigil: the page needs the running daemon\n");
                return EXIT_UNKNOWN;
        }
        path = str_format("/target/%s", targets[0]);
        if (!path || ask_daemon(report->paths, "GET", path, &page) != 200)
                return EXIT_UNKNOWN;
        at = strstr(buffer_text(&page), link);
        end = at ? strchr(at, '>') : NULL;
        if (!end)
                return EXIT_UNKNOWN;
        fwrite(buffer_text(&page), 1, (size_t)(at - buffer_text(&page)), stdout);
        printf("<style>\n%s</style>%s", render_html_style(), end + 1);
        return 0;
}

static int exit_of(ReportOutcome outcome) {
        return outcome == REPORT_PASSED                                ? EXIT_PASS
               : outcome == REPORT_FAILED || outcome == REPORT_FAILING ? EXIT_FAIL
                                                                       : EXIT_UNKNOWN;
}

/* Where the verdict is waited for, as often as that takes. 0 or an exit code. */
static int read_to_the_end(Asking *report, const TextOptions *options, Buffer *text, ReportOutcome *outcome) {
        for (;;) {
                int r = read_phases(report);

                if (r > 0)
                        return r;
                if (r == 0) {
                        buffer_clear(text);
                        r = render_report_text(buffer_text(&report->json), report->json.length, options, text,
                                               outcome);
                        if (r < 0) {
                                fprintf(stderr, "pgvigil: the daemon's answer is not understood\n");
                                return EXIT_UNKNOWN;
                        }
                        if (!report->arguments->wait || report->is_kept || is_over(report, *outcome))
                                return 0;
                }
                (void)poll(NULL, 0, WAIT_STEP_MS);
        }
}

int command_report(const Arguments *arguments) {
        TextOptions options = {.colour = arguments_colour(arguments),
                               .quiet = arguments->quiet,
                               .verbose = arguments->verbose};
        _cleanup_(asking_done) Asking report = {.arguments = arguments};
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        ReportOutcome outcome = REPORT_NONE;
        int r = ask_sockets(arguments, &report.paths);

        if (r == 0)
                r = read_to_the_end(&report, &options, &text, &outcome);
        if (r == 0 && arguments->html)
                r = print_html(&report);
        else if (r == 0 && arguments->json) {
                buffer_clear(&text);
                r = render_report_json(buffer_text(&report.json), report.json.length, &text) < 0
                            ? EXIT_UNKNOWN
                            : 0;
        }
        if (r > 0)
                return r;
        if (!arguments->html)
                fputs(buffer_text(&text), stdout);
        /* A failing phase fails only for who asked not to wait for its end. */
        if (outcome == REPORT_FAILING && !arguments->fail_fast)
                outcome = REPORT_WATCHING;
        return exit_of(outcome);
}
