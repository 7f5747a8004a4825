/* The status page for people.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "fixture.h"

static const CheckKind constraint_kind = {.name = "foreign_key", .interval = offsetof(Intervals, catalog)};

static char *page(const Fixture *fixture, const TargetView *only) {
        _cleanup_(buffer_done) Buffer out = {};

        ck_assert_int_eq(render_html(&fixture->view, only, NULL, BOOT, NOW, &out), 0);
        return buffer_take(&out);
}

static void expect(const char *text, const char *part) {
        ck_assert_msg(strstr(text, part) != NULL, "not in the page: %s\n%s", part, text);
}

static void expect_not(const char *text, const char *part) {
        ck_assert_msg(strstr(text, part) == NULL, "in the page: %s\n%s", part, text);
}

static void expect_order(const char *text, const char *first, const char *second) {
        const char *a = strstr(text, first), *b = strstr(text, second);

        ck_assert_msg(a && b && a < b, "not in this order: %s, %s\n%s", first, second, text);
}

static TargetView *add_shop(Fixture *fixture) {
        TargetView *shop = fixture_add_target(fixture, "shop");

        fixture_add(shop, PASSING(KIND_CONNECTION, "shop", "connection"));
        fixture_add(shop, VIOLATED("public.orders", "c", 3));
        fixture_add(shop, PASSING(KIND_CONSTRAINT, "public.orders", "d"));
        fixture_add(shop, VIOLATED("public.items", "noted", 1))->status = STATUS_PASS;
        Finding *fail = fixture_add(shop, PASSING(KIND_CONSTRAINT, "public.items", "gone"));
        fail->status = STATUS_FAIL;
        fail->reason = REASON_MISSING;
        fail->summary = (char *)"The constraint does not exist.";
        Finding *status = fixture_add(shop, PASSING(KIND_MIGRATION, "prisma", "status"));
        status->summary = (char *)"12 applied.";
        return shop;
}

static const char *const odd_names[] = {
        ODD_NAME,
        "<script>alert(1)</script>",
        "</code></pre><img src=x onerror=alert(1)>",
        "\"><b onmouseover='x'>",
        "%s%n{}&amp;",
        "\xff\xfe\xe2\x80\xae\x1b[31m",
        "select",
        "63 bytes 63 bytes 63 bytes 63 bytes 63 bytes 63 bytes 63 bytes ",
};

/* Wherever a name or a sentence stands, passing or not, on either page. */
START_TEST(d26_odd_names_are_text_and_nothing_else) {
        for (size_t i = 0; i < ELEMENTS(odd_names); i++) {
                _cleanup_(fixture_done) Fixture fixture = {}, tame = {};
                const char *names[] = {odd_names[i], "x"};
                Fixture *fixtures[] = {&fixture, &tame};
                size_t tags[2], quotes[2];

                for (size_t f = 0; f < 2; f++) {
                        TargetView *shop = fixture_add_target(fixtures[f], "shop");
                        char *name = (char *)names[f];
                        Finding *finding = fixture_add(shop, VIOLATED(name, name, 3));
                        finding->summary = finding->hint = finding->repair = name;
                        finding = fixture_add(shop, VIOLATED(name, name, 1));
                        finding->status = STATUS_PASS;
                        finding->summary = name;
                        finding = fixture_add(shop, PASSING(KIND_MIGRATION, name, name));
                        finding->summary = name;
                        fixtures[f]->servers[0].role = name;

                        _cleanup_(freep) char *text = page(fixtures[f], shop);
                        tags[f] = count_of_text(text, "<");
                        quotes[f] = count_of_text(text, "\"");
                        ck_assert_uint_eq(str_utf8_prefix(text, strlen(text)), strlen(text));
                        expect_not(text, "<script");
                        expect_not(text, "<img");
                        expect_not(text, "\x1b");
                }
                ck_assert_msg(tags[0] == tags[1] && quotes[0] == quotes[1], "%s made an element",
                              odd_names[i]);
        }
}
END_TEST

START_TEST(d26_a_name_is_shown_as_it_is) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        fixture_add(shop, VIOLATED("public.\"<b>&'\"", "a\nb\xe2\x80\xae", 3));
        _cleanup_(freep) char *text = page(&fixture, NULL);
        expect(text, "<code>public.&quot;&lt;b&gt;&amp;&#39;&quot;</code> <code>a\\nb\xef\xbf\xbd</code>");
}
END_TEST

START_TEST(nothing_is_loaded_or_run) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        const TargetView *only[] = {NULL, shop};

        for (size_t i = 0; i < ELEMENTS(only); i++) {
                _cleanup_(freep) char *text = page(&fixture, only[i]);

                static const char *const banned[] = {"<script", "http://", "https://", " src=",  " style=",
                                                     "<style",  "//www",   "url(",     "<iframe"};
                for (size_t b = 0; b < ELEMENTS(banned); b++)
                        expect_not(text, banned[b]);
                ck_assert_uint_eq(count_of_text(text, "<link "), 2);
                expect(text, only[i] ? "<link rel=\"stylesheet\" href=\"../style.css\">"
                                     : "<link rel=\"stylesheet\" href=\"./style.css\">");
        }
        expect_not(render_html_style(), "url(");
        expect_not(render_html_style(), "@import");
        expect(render_html_style(), "prefers-color-scheme:dark");
}
END_TEST

START_TEST(a_finding_has_all_that_is_known_of_it) {
        _cleanup_(fixture_done) Fixture fixture = {};

        add_shop(&fixture);
        _cleanup_(freep) char *text = page(&fixture, NULL);
        expect(text, "<article class=\"finding warn\">\n<h4>");
        expect(text,
               "warn</span> <span class=\"kind\">constraint</span> <code>public.orders</code> "
               "<code>c</code></h4>\n"
               "<p class=\"summary\">3 rows break total_amount &gt; 0.</p>\n"
               "<p class=\"hint\">Repair the rows, then validate the constraint:</p>\n"
               "<pre><code>ALTER TABLE public.orders VALIDATE CONSTRAINT c;</code></pre>\n"
               "<dl class=\"facts\">\n"
               "<div><dt>rows</dt><dd>3</dd></div>\n"
               "<div><dt>reason</dt><dd><code>violated</code> Rows break the rule.</dd></div>\n"
               "<div><dt>since</dt><dd><time datetime=\"2026-11-23T15:58:00Z\">2026-11-23 15:58:00 UTC</time>"
               "</dd></div>\n"
               "<div><dt>checked</dt><dd><time datetime=\"2026-11-23T15:58:48Z\">12 s ago</time>, "
               "full</dd></div>\n"
               "<div><dt>severity</dt><dd>warning</dd></div>\n"
               "</dl>\n</article>");
        expect_order(text, "The constraint does not exist.", "3 rows break total_amount");
}
END_TEST

START_TEST(the_verdict_is_that_of_health) {
        _cleanup_(fixture_done) Fixture fixture = {};

        add_shop(&fixture);
        _cleanup_(freep) char *text = page(&fixture, NULL);
        expect(text, "<title>fail: all targets - pgvigil</title>");
        expect(text, "<a href=\"./health/shop\"><code>/health/shop</code></a> answers <strong>200</strong>, "
                     "degraded: "
                     "something does not pass, but no rule that gates traffic is broken.</p>");
        expect(text, "<dd>PostgreSQL 15.18, primary, as pgvigil</dd>");
        expect(text, "<dd>1.2 s ago, allowed 45 s</dd>");
        expect(text, "<dd>6 of 6 checked</dd>");
        expect(text, "<time datetime=\"2026-11-23T15:59:00Z\">2026-11-23 15:59:00 UTC</time>");
        expect(text,
               "<th scope=\"row\">Constraints</th><td>1 of 4 in order; 1 noted only, 1 fail, 1 warn</td>");
}
END_TEST

START_TEST(the_timeline_says_what_this_version_does_not_look_at) {
        _cleanup_(fixture_done) Fixture fixture = {};

        add_shop(&fixture);
        _cleanup_(freep) char *text = page(&fixture, NULL);
        expect(text, "skipped</span><p>Backup and preflight: not looked at in this version.</p></li>");
        expect(text, "skipped</span><p>Verify: not looked at in this version.</p></li>");
        expect(text, "skipped</span><p>Nothing is known yet.</p></li>");
        expect(text, "<li class=\"pass\"><b>Production</b> ");
        expect(text, "pass</span><p>prisma: 12 applied.</p></li>");
        expect_order(text, "<b>Preparation</b>", "<b>Staging</b>");
        expect_order(text, "<b>Production</b>", "<b>Monitoring</b>");
}
END_TEST

START_TEST(what_passes_and_the_schedule_are_on_the_targets_page_only) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        const CheckKind inner = {.name = "inner", .asks_nothing = true};
        CheckRun runs[] = {{.kind = &constraint_kind,
                            .runs = 7,
                            .failures = {[REASON_TIMEOUT] = 2},
                            .last_success_at = NOW - 5 * USEC_PER_SEC,
                            .next_due = BOOT + 9 * USEC_PER_SEC},
                           {.kind = &inner, .runs = 7}};

        shop->runs = runs;
        shop->n_runs = ELEMENTS(runs);
        _cleanup_(freep) char *all = page(&fixture, NULL), *one = page(&fixture, shop);
        expect_not(all, "<details");
        expect_not(all, "Schedule");
        expect_not(one, "inner");
        expect(all, "<a href=\"./target/shop\">");
        expect(one, "<title>fail: shop - pgvigil</title>");
        expect(one, "<details>\n<summary>4 pass</summary>\n");
        expect(one, "<caption>Constraints (2)</caption>");
        expect(one, "<code>d</code><span class=\"note\">All is well.</span></th>");
        expect(one, "Migrations</th><td>1 of 1 in order: 12 applied.</td>");
        expect(one, "noted</span></td><th scope=\"row\"><code>public.items</code> <code>noted</code>"
                    "<span class=\"note\">3 rows break total_amount &gt; 0.</span>"
                    "<span class=\"note\">Repair the rows, then validate the constraint:</span>"
                    "<span class=\"note\"><code>ALTER TABLE public.orders VALIDATE CONSTRAINT "
                    "c;</code></span></th>");
        expect(one, "<tr><th scope=\"row\">foreign key<small>every 1 min</small></th><td>"
                    "<time datetime=\"2026-11-23T15:58:55Z\">5 s ago</time></td><td>in 9 s</td>"
                    "<td class=\"number\">7</td><td class=\"number\">2</td></tr>");
}
END_TEST

START_TEST(each_page_has_one_first_heading_and_status_in_words) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);

        fixture_add(fixture_add_target(&fixture, "bank"), PASSING(KIND_INDEX, "public.a", "i"));
        _cleanup_(freep) char *all = page(&fixture, NULL), *one = page(&fixture, shop);
        const char *texts[] = {all, one};
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                const char *text = texts[i];

                ck_assert_uint_eq(count_of_text(text, "<h1"), 1);
                ck_assert_uint_eq(count_of_text(text, "<main>"), 1);
                ck_assert_uint_eq(count_of_text(text, "<table"), count_of_text(text, "<caption"));
                ck_assert_uint_eq(count_of_text(text, "<svg "), count_of_text(text, "aria-hidden=\"true\""));
                ck_assert_uint_eq(count_of_text(text, "class=\"badge "),
                                  count_of_text(text, "</svg>fail</span>") +
                                          count_of_text(text, "</svg>pass</span>") +
                                          count_of_text(text, "</svg>warn</span>") +
                                          count_of_text(text, "</svg>noted</span>") +
                                          count_of_text(text, "</svg>skipped</span>"));
        }
        expect(all, "<a href=\"./target/bank\">bank</a></th><td>200, healthy</td><td>1 of 1 checked</td>");
}
END_TEST

START_TEST(an_unknown_past_is_not_shown_as_good) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        shop->reach = REACH_UNREACHABLE;
        shop->cause = CAUSE_REFUSED;
        shop->heartbeat = 0;
        _cleanup_(freep) char *text = page(&fixture, shop);
        expect(text, "<strong>503</strong>, unreachable (refused): ");
        expect(text, "<dd>not connected (refused) since <time ");
        expect(text, "<dd>never</dd>");
        expect(text, "unknown</span><p>Nothing is known yet.</p>");
        expect(text, "Nothing was checked, so nothing is known to pass.");
        expect_not(text, "</svg>pass</span>");
}
END_TEST

START_TEST(what_was_seen_earlier_says_so) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        _cleanup_(freep) char *fresh = page(&fixture, shop);

        shop->heartbeat = BOOT - 300 * USEC_PER_SEC;
        _cleanup_(freep) char *stale = page(&fixture, shop);
        expect_not(fresh, "class=\"notice\"");
        expect(stale, "503</strong>, stale: ");
        expect(stale, "class=\"notice\"");
        expect(stale, "what follows was seen earlier.");
}
END_TEST

static PhaseRecord phase_of(PhaseState state) {
        static PhaseMigration batch[] = {{(char *)"production_safety_constraints", NOW - 10 * USEC_PER_HOUR}};
        static PhaseGap gaps[] = {{NOW - 11 * USEC_PER_HOUR, NOW - 9 * USEC_PER_HOUR},
                                  {NOW - 3 * USEC_PER_HOUR, NOW - 3 * USEC_PER_HOUR + 20 * USEC_PER_SEC}};
        static PhaseEvent events[] = {
                {PHASE_EVENT_VIOLATED, (char *)"c on public.orders", NOW - 9 * USEC_PER_HOUR,
                 NOW - 9 * USEC_PER_HOUR + 7 * USEC_PER_MINUTE, 3},
                {PHASE_EVENT_VIOLATED, (char *)"c on public.orders", NOW - 8 * USEC_PER_HOUR, 0, 1},
                {PHASE_EVENT_FINISHED, (char *)"another", NOW - USEC_PER_HOUR, NOW - USEC_PER_HOUR, 0},
                {PHASE_EVENT_GONE, (char *)ODD_NAME, NOW - USEC_PER_MINUTE, 0, 0},
        };

        static PhaseStatement statements[] = {{(char *)"SELECT a < $1", 1.25, 2.5, 0.5}};

        return (PhaseRecord){
                .state = state,
                .statements = statements,
                .n_statements = ELEMENTS(statements),
                .started_at = NOW - 10 * USEC_PER_HOUR,
                .batch_at = NOW - 10 * USEC_PER_HOUR,
                .ends_at = NOW + 14 * USEC_PER_HOUR,
                .closed_at = NOW,
                .observed_since = NOW - 48 * USEC_PER_HOUR,
                .batch = {batch, 1},
                .gaps = gaps,
                .n_gaps = ELEMENTS(gaps),
                .events = events,
                .n_events = ELEMENTS(events),
                .criteria = {[CRITERION_MIGRATION_COMPLETED] = {STATUS_PASS, (char *)"1 of 1 are finished."},
                             [CRITERION_NO_VIOLATIONS] = {STATUS_FAIL, (char *)"c & d."},
                             [CRITERION_APP_HEALTHY] = {STATUS_SKIPPED, (char *)"Skipped: no app.url."}},
        };
}

START_TEST(a_phase_shows_time_criteria_events_and_gaps) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        PhaseRecord phase = phase_of(PHASE_WATCHING);

        shop->phase = &phase;
        _cleanup_(freep) char *text = page(&fixture, shop);
        expect(text, "<li class=\"fail\"><b>Monitoring</b> ");
        expect(text, "watching</span><p>14 h left of 24 h; so far 1 fail, 1 pass, 1 skipped.</p></li>");
        expect(text,
               "<p>No verdict yet: 14 h left of 24 h; so far 1 fail, 1 pass, 1 skipped of 9 criteria.</p>");
        expect(text, "<dt>Migration</dt><dd><code>production_safety_constraints</code></dd>");
        expect(text, "<dt>Not observed</dt><dd>1 h</dd>");
        expect(text,
               "fail</span></td><th scope=\"row\">no violations</th><td>c &amp; d.<span class=\"note\">");
        ck_assert_uint_eq(count_of_text(text, "unknown</span></td><th scope=\"row\">"), 6);
        ck_assert_uint_eq(count_of_text(text, "<td>Not judged yet."), 6);
        expect(text, "<code>c on public.orders</code> <strong>violated</strong> "
                     "<time datetime=\"2026-11-23T06:59:00Z\">2026-11-23 06:59</time> to "
                     "<time datetime=\"2026-11-23T07:06:00Z\">07:06</time> UTC, 3 rows, repaired</li>");
        expect(text, "<strong>violated</strong> since <time datetime=\"2026-11-23T07:59:00Z\">2026-11-23 "
                     "07:59</time> UTC, 1 row, not repaired</li>");
        expect(text, "<code>another</code> <strong>another migration finished</strong> ");
        expect(text, "<strong>not finished any more</strong> since ");
        expect(text, "2026-11-23 12:59</time> UTC for 20 s</li>");
        expect(text, "<code>SELECT a &lt; $1</code></td><td class=\"number\">1.25 ms</td>"
                     "<td class=\"number\">2.5 ms</td><td class=\"number\">+50.0 %</td>");
}
END_TEST

START_TEST(the_overview_has_the_short_form) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        PhaseRecord phase = phase_of(PHASE_WATCHING);

        phase.cannot_pass = (char *)"Cannot pass: no_violations failed.";
        shop->phase = &phase;
        _cleanup_(freep) char *text = page(&fixture, NULL);
        expect(text, "<p class=\"notice\">Cannot pass: no_violations failed.</p>");
        expect(text, "<th scope=\"row\">no violations</th><td>c &amp; d.</td>");
        expect_not(text, "2026-11-23 06:59");
        expect(text, "<a href=\"./target/shop\">1 earlier</a>");
        expect_not(text, "When it was not observed");
}
END_TEST

START_TEST(the_step_of_monitoring_is_what_the_phase_is) {
        static const struct {
                PhaseState state;
                const char *step, *text;
        } cases[] = {
                {PHASE_IDLE, "<li class=\"skipped\"><b>Monitoring</b>",
                 "skipped</span><p>A &lt;reason&gt;.</p>"},
                {PHASE_BASELINE, "<li class=\"skipped\"><b>Monitoring</b>",
                 "skipped</span><p>Waits for the migration; samples are kept. A &lt;reason&gt;.</p>"},
                {PHASE_PASSED, "<li class=\"pass\"><b>Monitoring</b>", "passed</span><p>Verdict of <time "},
                {PHASE_FAILED, "<li class=\"fail\"><b>Monitoring</b>", "failed</span><p>Verdict of <time "},
                {PHASE_INCONCLUSIVE, "<li class=\"unknown\"><b>Monitoring</b>",
                 "inconclusive</span><p>Verdict of <time "},
                {PHASE_STOPPED, "<li class=\"skipped\"><b>Monitoring</b>",
                 "stopped</span><p>By hand at <time "},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(fixture_done) Fixture fixture = {};
                TargetView *shop = add_shop(&fixture);
                PhaseRecord phase = phase_of(cases[i].state);

                phase.note = (char *)"A <reason>.";
                shop->phase = &phase;
                _cleanup_(freep) char *text = page(&fixture, shop);
                expect(text, cases[i].step);
                expect(text, cases[i].text);
                ck_assert_uint_eq(count_of_text(text, "class=\"phase\""), phase_is_over(&phase));
        }
}
END_TEST

/* An open phase is never shown as good, and one that ends is due. */
START_TEST(an_open_phase_without_failures_is_unknown) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        PhaseRecord phase = phase_of(PHASE_WATCHING);

        for (size_t i = 0; i < N_CRITERIA; i++)
                phase.criteria[i] = (CriterionResult){STATUS_PASS, (char *)"Well."};
        phase.ends_at = NOW;
        shop->phase = &phase;
        _cleanup_(freep) char *text = page(&fixture, shop);
        expect(text, "<li class=\"unknown\"><b>Monitoring</b> ");
        expect(text, "watching</span><p>time is up, the verdict is due; so far 9 pass.</p>");
}
END_TEST

/* Series that are all alike: a sample a step, but where the name ends in what is given. */
typedef struct FakeSeries {
        const char *names[40];
        size_t asked;
        usec_t step; /* that was asked for last */
} FakeSeries;

static const char *fake_name(void *userdata, const char *target, size_t n) {
        FakeSeries *fake = userdata;

        return n < ELEMENTS(fake->names) ? fake->names[n] : NULL;
}

static int fake_window(void *userdata, const char *target, const char *series, const SeriesQuery *query,
                       SeriesWindow *ret) {
        FakeSeries *fake = userdata;
        SeriesWindow window = {.step = query->step, .n_points = (query->to - query->from) / query->step + 1};
        bool is_there = false;

        for (size_t i = 0; i < ELEMENTS(fake->names); i++)
                is_there |= str_equal(fake->names[i], series);
        fake->asked++;
        fake->step = query->step;
        if (!is_there)
                return 1;
        ck_assert_uint_le(window.n_points, 100);
        window.points = calloc(window.n_points, sizeof(*window.points));
        ck_assert_ptr_nonnull(window.points);
        for (size_t i = 0; i < window.n_points; i++)
                window.points[i] = (SeriesPoint){query->from + i * query->step, !strstr(series, "silent"), 1,
                                                 1, 1};
        *ret = window;
        return 0;
}

static char *charts(const Fixture *fixture, const TargetView *only, FakeSeries *fake) {
        const SeriesSource series = {fake_name, fake_window, fake};
        _cleanup_(buffer_done) Buffer out = {};

        ck_assert_int_eq(render_html(&fixture->view, only, &series, BOOT, NOW, &out), 0);
        return buffer_take(&out);
}

START_TEST(charts_are_of_what_there_is_and_begin_with_what_is_broken) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        FakeSeries fake = {{"canary/slow", "canary_failed/slow", "scans/public.orders/i",
                            "transactions/commit", "transactions/rollback", "violations",
                            "violations/public.a/silent", "violations/public.items/x<y",
                            "violations/public.orders/c"}};
        _cleanup_(freep) char *all = charts(&fixture, NULL, &fake), *one = charts(&fixture, shop, &fake);

        ck_assert_uint_eq(count_of_text(all, "<figure"), 2);
        expect(all, "<h3 class=\"title\">The last 24 h</h3>");
        expect(all, "<b>Rows that break a rule</b>");
        expect(all, "Last 50&nbsp;%");
        ck_assert_uint_eq(count_of_text(one, "<figure"), 6);
        expect_order(one, "<b>Rows: public.orders c</b>", "<b>Rows: public.items/x&lt;y</b>");
        expect(one, "<b>Canary: slow</b><span class=\"note\">Last 1000&nbsp;ms");
        expect(one, "<b>Scans: public.orders/i</b><span class=\"note\">0&nbsp;scans");
        expect_not(one, "silent");
        expect_not(one, "failed/");
        ck_assert_uint_eq(count_of_text(one, "role=\"img\""), 6);
        ck_assert_uint_eq(count_of_text(one, "<desc>"), 6);
}
END_TEST

START_TEST(what_was_violated_in_the_phase_has_its_chart_first) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");
        PhaseRecord phase = phase_of(PHASE_WATCHING);
        FakeSeries fake = {{"violations", "violations/public.orders/b", "violations/public.orders/c"}};

        fixture_add(shop, PASSING(KIND_CONSTRAINT, "public.orders", "b"))->configured = true;
        fixture_add(shop, PASSING(KIND_CONSTRAINT, "public.orders", "c"));
        shop->phase = &phase;
        _cleanup_(freep) char *text = charts(&fixture, shop, &fake);
        expect_order(text, "<b>Rows: public.orders c</b>", "<b>Rows: public.orders b</b>");
        /* The migration, and the one that came later. */
        ck_assert_uint_eq(count_of_text(text, "class=\"mark\""), 2 * 3);
}
END_TEST

START_TEST(charts_are_few_whatever_there_is) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        FakeSeries fake = {};
        char names[40][32];

        for (size_t i = 0; i < ELEMENTS(fake.names); i++) {
                snprintf(names[i], sizeof(names[i]), i < 10 ? "violations/t/%zu" : "scans/t/%zu", i);
                fake.names[i] = names[i];
        }
        _cleanup_(freep) char *text = charts(&fixture, shop, &fake);
        ck_assert_uint_eq(count_of_text(text, "<figure"), 6 + 12);
        ck_assert_uint_le(fake.asked, 6 + 12);
        expect(text, "<p class=\"more\">22 more are not drawn.</p>");
}
END_TEST

START_TEST(charts_of_a_short_phase_are_of_its_length) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        PhaseRecord phase = phase_of(PHASE_WATCHING);
        FakeSeries fake = {{"violations"}};

        phase.ends_at = phase.started_at + 3 * USEC_PER_HOUR;
        shop->phase = &phase;
        _cleanup_(freep) char *text = charts(&fixture, shop, &fake);
        expect(text, "<h2 class=\"title\">The last 3 h</h2>");
}
END_TEST

START_TEST(the_cost_of_statements_has_a_point_an_hour_of_the_phase) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = add_shop(&fixture);
        PhaseRecord phase = phase_of(PHASE_WATCHING);
        FakeSeries fake = {{"performance"}};

        phase.ends_at = phase.started_at + 12 * USEC_PER_HOUR;
        shop->phase = &phase;
        _cleanup_(freep) char *text = charts(&fixture, shop, &fake);
        expect(text, "<b>What statements cost, the days before are 100 %</b>");
        expect(text, "Last 100&nbsp;%");
        ck_assert_uint_eq(fake.step, USEC_PER_HOUR / 2);
}
END_TEST

START_TEST(the_overview_cuts_long_lists_and_says_so) {
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        for (size_t i = 0; i < 25; i++)
                fixture_add(shop, VIOLATED("public.orders", "c", 3));
        _cleanup_(freep) char *all = page(&fixture, NULL), *one = page(&fixture, shop);
        ck_assert_uint_eq(count_of_text(all, "<article"), 10);
        expect(all, "<a href=\"./target/shop\">15 more that do not pass</a>");
        ck_assert_uint_eq(count_of_text(one, "<article"), 25);
        expect_not(one, "more that do not pass");
}
END_TEST

START_TEST(a_rehearsal_is_on_the_targets_page_and_escaped) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer page = {}, overview = {};
        Rehearsal rehearsal = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        fixture_rehearse(&rehearsal);
        shop->rehearsal = &rehearsal;
        ck_assert_int_eq(render_html(&fixture.view, shop, NULL, BOOT, NOW, &page), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&page),
                                     "<li>with fail_on=critical it would have been 503 for 42 s, "
                                     "because constraint t &lt;c&gt;: violated</li>"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&page), "<p>Observed for 1 h; "));
        ck_assert_int_eq(render_html(&fixture.view, NULL, NULL, BOOT, NOW, &overview), 0);
        ck_assert_ptr_null(strstr(buffer_text(&overview), "fail_on"));
        rehearsal_done(&rehearsal);
}
END_TEST

START_TEST(no_target_is_unknown) {
        Fixture fixture = {};
        _cleanup_(freep) char *text = page(&fixture, NULL);

        expect(text, "<title>unknown: all targets - pgvigil</title>");
        expect_not(text, "</svg>pass</span>");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                d26_odd_names_are_text_and_nothing_else,
                d26_a_name_is_shown_as_it_is,
                nothing_is_loaded_or_run,
                a_finding_has_all_that_is_known_of_it,
                the_verdict_is_that_of_health,
                the_timeline_says_what_this_version_does_not_look_at,
                what_passes_and_the_schedule_are_on_the_targets_page_only,
                each_page_has_one_first_heading_and_status_in_words,
                an_unknown_past_is_not_shown_as_good,
                what_was_seen_earlier_says_so,
                a_phase_shows_time_criteria_events_and_gaps,
                the_overview_has_the_short_form,
                the_step_of_monitoring_is_what_the_phase_is,
                an_open_phase_without_failures_is_unknown,
                charts_are_of_what_there_is_and_begin_with_what_is_broken,
                what_was_violated_in_the_phase_has_its_chart_first,
                charts_are_few_whatever_there_is,
                charts_of_a_short_phase_are_of_its_length,
                the_cost_of_statements_has_a_point_an_hour_of_the_phase,
                the_overview_cuts_long_lists_and_says_so,
                a_rehearsal_is_on_the_targets_page_and_escaped,
                no_target_is_unknown,
        };

        return run_suite("html", tests, ELEMENTS(tests));
}
