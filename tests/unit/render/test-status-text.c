/* What `pgvigil status` prints, from JSON that may be anything.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "fixture.h"

static const TextOptions plain = {}, quiet = {.quiet = true}, verbose = {.verbose = true};
static const CheckKind thing_check = {.name = "thing", .interval = offsetof(Intervals, catalog)};

static const CheckKind other_check = {.name = "connection", .interval = offsetof(Intervals, safety)};

static char *status_json(void) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop"), *bank = fixture_add_target(&fixture, "bank");
        CheckRun runs[] = {{.kind = &thing_check,
                            .runs = 7,
                            .failures = {[REASON_TIMEOUT] = 1},
                            .next_due = BOOT + 12 * USEC_PER_SEC},
                           {.kind = &other_check}};

        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "i"));
        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "a_longer_name"));
        fixture_add(shop, VIOLATED("public.orders", "c", 3));
        shop->runs = runs;
        shop->n_runs = ELEMENTS(runs);
        bank->reach = REACH_UNREACHABLE;
        bank->cause = CAUSE_REFUSED;
        bank->heartbeat = 0;
        bank->server = NULL;
        bank->doing = "connection";
        ck_assert_int_eq(render_status_json(&fixture.view, BOOT, NOW, &out), 0);
        return buffer_take(&out);
}

static void expect_rendered(const char *json, const TextOptions *options, Buffer *out) {
        Status status = STATUS_SKIPPED;

        ck_assert_int_eq(render_status_text(json, strlen(json), options, out, &status), 0);
        ck_assert_int_eq(status, STATUS_FAIL);
}

START_TEST(every_target_says_why_its_code_is_what_it_is) {
        _cleanup_(freep) char *json = status_json();
        _cleanup_(buffer_done) Buffer out = {};

        expect_rendered(json, &plain, &out);
        expect_text(&out,
                    "shop: warn\n"
                    "  health:     200, degraded: something does not pass, but no rule that gates traffic is "
                    "broken\n"
                    "  connection: ok since 2026-11-23T14:59:00Z; PostgreSQL 15.18, primary, as pgvigil\n"
                    "  heartbeat:  1.2 s ago, allowed 45 s\n"
                    "  now:        idle; next thing in 12 s\n"
                    "  scope:      3 of 3 checked\n"
                    "  ! constraint public.orders c\n"
                    "      3 rows break total_amount > 0.\n"
                    "      → Repair the rows, then validate the constraint:\n"
                    "        ALTER TABLE public.orders VALIDATE CONSTRAINT c;\n"
                    "\n"
                    "bank: fail\n"
                    "  health:     503, unreachable: the database cannot be reached, or is not in the "
                    "expected role\n"
                    "  connection: unreachable (refused) since 2026-11-23T14:59:00Z\n"
                    "  heartbeat:  never, allowed 45 s\n"
                    "  now:        check connection\n"
                    "  scope:      0 of 0 checked\n"
                    "\n"
                    "3 of 3 checked: 1 warn, 0 unknown, 0 fail (status: fail)\n");
}
END_TEST

START_TEST(verbose_adds_the_schedule_and_what_passes) {
        _cleanup_(freep) char *json = status_json();
        _cleanup_(buffer_done) Buffer out = {};

        expect_rendered(json, &verbose, &out);
        ck_assert_ptr_nonnull(strstr(buffer_text(&out),
                                     "  schedule:   thing      every 1 min: 7 runs, 1 failed, last success "
                                     "never\n"
                                     "              connection every 1 d:   0 runs, 0 failed, last success "
                                     "never\n"));
        ck_assert_ptr_nonnull(strstr(
                buffer_text(&out),
                "  ✔ index public.orders i              catalog, 2026-11-23T15:58:48Z: All is well.\n"
                "  ✔ index public.orders a_longer_name  catalog, 2026-11-23T15:58:48Z: All is well.\n"));
}
END_TEST

START_TEST(a_rehearsal_has_a_line_for_each_way_to_ask) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer json = {}, out = {};
        Rehearsal rehearsal = {};
        Status status;

        fixture_rehearse(&rehearsal);
        fixture_add_target(&fixture, "shop")->rehearsal = &rehearsal;
        ck_assert_int_eq(render_status_json(&fixture.view, BOOT, NOW, &json), 0);
        ck_assert_int_eq(render_status_text(buffer_text(&json), json.length, &plain, &out, &status), 0);
        ck_assert_ptr_nonnull(strstr(
                buffer_text(&out),
                "  last 7 d:   observed for 1 h\n"
                "              with fail_on=unreachable it would never have been 503\n"
                "              this URL was never 503\n"
                "              with fail_on=critical it would have been 503 for 42 s, because constraint t "
                "<c>: violated\n"
                "              with fail_on=warning it would have been 503 for 2 min 22 s, most of it "
                "because index t i: unused\n"));
        rehearsal_done(&rehearsal);
}
END_TEST

START_TEST(quiet_leaves_out_what_passes) {
        _cleanup_(buffer_done) Buffer out = {}, text = {};
        _cleanup_(fixture_done) Fixture fixture = {};
        Status status = STATUS_FAIL;

        fixture_add(fixture_add_target(&fixture, "shop"), PASSING(KIND_INDEX, "public.orders", "i"));
        ck_assert_int_eq(render_status_json(&fixture.view, BOOT, NOW, &out), 0);
        ck_assert_int_eq(render_status_text(out.data, out.length, &quiet, &text, &status), 0);
        ck_assert_int_eq(status, STATUS_PASS);
        expect_text(&text, "");
}
END_TEST

START_TEST(what_is_not_a_status_is_refused) {
        static const char *const cases[] = {
                "",
                "{",
                "null",
                "[]",
                "{}",
                "<html>404</html>",
                "{\"version\":2,\"status\":\"pass\",\"targets\":[]}",
                "{\"version\":1,\"status\":\"green\",\"targets\":[]}",
                "{\"version\":1,\"status\":\"pass\",\"targets\":{}}",
                "{\"version\":1,\"status\":\"pass\",\"targets\":[1]}",
                "{\"version\":1,\"status\":\"pass\",\"targets\":[{\"name\":\"a\",\"status\":\"pass\"}]}",
                "{\"version\":1,\"status\":\"pass\",\"targets\":[{\"name\":1,\"status\":\"pass\",\"health\":{"
                "}}]}",
                "{\"version\":1,\"status\":\"pass\",\"targets\":[{\"name\":\"a\",\"status\":\"pass\","
                "\"health\":{},"
                "\"findings\":[{}]}]}",
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer out = {};
                Status status = STATUS_WARN;
                int r = render_status_text(cases[i], strlen(cases[i]), &plain, &out, &status);
                ck_assert_msg(r == -EBADMSG, "%s", cases[i]);
                ck_assert_int_eq(status, STATUS_WARN);
        }
}
END_TEST

START_TEST(strange_values_are_harmless) {
        static const char json[] =
                "{\"version\":1,\"status\":\"pass\",\"scope\":5,\"targets\":[{\"name\":\"a\\u001b[2J\","
                "\"status\":\"warn\",\"health\":{\"age_s\":1e300,\"max_age_s\":-5,\"code\":\"x\",\"state\":3}"
                ","
                "\"schedule\":[1,{\"next_in_s\":null},{\"next_in_s\":3}],\"server\":{},\"findings\":"
                "[{\"status\":\"fail\",\"hint\":\"\\n\\n\",\"object\":7}]}]}";
        _cleanup_(buffer_done) Buffer out = {};
        Status status = STATUS_PASS;

        ck_assert_int_eq(render_status_text(json, strlen(json), &verbose, &out, &status), 0);
        ck_assert_int_eq(status, STATUS_WARN);
        ck_assert_ptr_null(strchr(buffer_text(&out), '\033'));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                every_target_says_why_its_code_is_what_it_is,
                verbose_adds_the_schedule_and_what_passes,
                a_rehearsal_has_a_line_for_each_way_to_ask,
                quiet_leaves_out_what_passes,
                what_is_not_a_status_is_refused,
                strange_values_are_harmless,
        };

        return run_suite("status-text", tests, ELEMENTS(tests));
}
