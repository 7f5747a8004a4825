/* Findings, status and health as JSON: golden bytes, then a strict parser as a second opinion.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <jansson.h>
#include <math.h>

#include "fixture.h"

/* Any version of the shape of checks. */
static const CheckKind thing_check = {.name = "thing", .interval = offsetof(Intervals, catalog)};

static json_t *parse(const Buffer *out) {
        json_error_t error;
        json_t *json = json_loadb(buffer_text(out), out->length, JSON_REJECT_DUPLICATES, &error);

        ck_assert_msg(json != NULL, "%s at %d", error.text, error.position);
        return json;
}

static const char *text_at(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

START_TEST(findings_are_the_documented_keys_in_order) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        fixture_add(shop, VIOLATED("public.orders", "c", 3))->keys = (char *[]){(char *)"id=7",
                                                                                (char *)"id=\"9\"", NULL};
        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "(a, b)"))->gate = true;
        ck_assert_int_eq(render_findings_json(&fixture.view, NULL, NOW, &out), 0);
        expect_text(
                &out,
                "{\"version\":1,\"time\":\"2026-11-23T15:59:00Z\",\"status\":\"warn\","
                "\"scope\":{\"checked\":2,\"total\":2},\"findings\":["
                "{\"target\":\"shop\",\"kind\":\"constraint\",\"object\":\"public.orders\",\"name\":\"c\","
                "\"status\":\"warn\",\"summary\":\"3 rows break total_amount > 0.\",\"reason\":\"violated\","
                "\"value\":3,\"unit\":\"rows\",\"since\":\"2026-11-23T15:58:00Z\","
                "\"checked_at\":\"2026-11-23T15:58:48Z\",\"method\":\"full\","
                "\"hint\":\"Repair the rows, then validate the constraint:\\n"
                "ALTER TABLE public.orders VALIDATE CONSTRAINT c;\",\"severity\":\"warning\",\"gate\":false,"
                "\"keys\":[\"id=7\",\"id=\\\"9\\\"\"]},"
                "{\"target\":\"shop\",\"kind\":\"index\",\"object\":\"public.orders\",\"name\":\"(a, b)\","
                "\"status\":\"pass\",\"summary\":\"All is well.\",\"reason\":\"ok\",\"value\":null,"
                "\"unit\":null,\"since\":\"2026-11-23T14:59:00Z\",\"checked_at\":\"2026-11-23T15:58:48Z\","
                "\"method\":\"catalog\",\"hint\":null,\"severity\":\"warning\",\"gate\":true}]}");
        json_decref(parse(&out));
}
END_TEST

START_TEST(absent_knowledge_is_null_and_numbers_are_finite) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        fixture_add(shop, (Finding){.kind = KIND_APP, .status = STATUS_UNKNOWN, .reason = REASON_TIMEOUT})
                ->value = VALUE_OF_FLOAT(NAN);
        ck_assert_int_eq(render_findings_json(&fixture.view, NULL, NOW, &out), 0);
        json_t *json = parse(&out), *finding = json_array_get(json_object_get(json, "findings"), 0);
        static const char *const nulls[] = {"object", "name",       "summary", "value", "unit",
                                            "since",  "checked_at", "method",  "hint"};
        for (size_t i = 0; i < ELEMENTS(nulls); i++)
                ck_assert_msg(json_is_null(json_object_get(finding, nulls[i])), "%s", nulls[i]);
        ck_assert_ptr_null(json_object_get(finding, "keys"));
        json_decref(json);
}
END_TEST

START_TEST(filters_choose_and_a_status_filter_never_turns_the_top_green) {
        static const struct {
                FindingFilter filter;
                size_t findings;
                const char *status;
        } cases[] = {
                {{}, 4, "fail"},
                {{.target = "shop"}, 3, "warn"},
                {{.target = "bank"}, 1, "fail"},
                {{.status = "pass"}, 2, "fail"},
                {{.target = "shop", .status = "pass"}, 2, "warn"},
                {{.target = "shop", .kind = "index"}, 2, "pass"},
                {{.kind = "no such"}, 0, "unknown"},
                {{.target = "no such"}, 0, "unknown"},
                {{.status = "no such"}, 0, "fail"},
        };
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = fixture_add_target(&fixture, "shop"), *bank = fixture_add_target(&fixture, "bank");

        fixture_add(shop, VIOLATED("public.orders", "c", 3));
        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "i"));
        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "j"));
        fixture_add(bank, VIOLATED("public.orders", "c", 3))->status = STATUS_FAIL;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer out = {};
                ck_assert_int_eq(render_findings_json(&fixture.view, &cases[i].filter, NOW, &out), 0);
                json_t *json = parse(&out);
                ck_assert_uint_eq(json_array_size(json_object_get(json, "findings")), cases[i].findings);
                ck_assert_str_eq(text_at(json, "status"), cases[i].status);
                json_decref(json);
        }
}
END_TEST

START_TEST(a_target_without_findings_is_unknown_not_pass) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};

        fixture_add(fixture_add_target(&fixture, "shop"), PASSING(KIND_INDEX, "public.orders", "i"));
        fixture_add_target(&fixture, "bank");
        ck_assert_int_eq(render_findings_json(&fixture.view, NULL, NOW, &out), 0);
        json_t *json = parse(&out);
        ck_assert_str_eq(text_at(json, "status"), "unknown");
        json_decref(json);
}
END_TEST

START_TEST(d26_d27_odd_names_survive_a_strict_parser) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        fixture_add(shop, PASSING(KIND_INDEX, ODD_NAME, "\x01\x7f\xff"));
        ck_assert_int_eq(render_findings_json(&fixture.view, NULL, NOW, &out), 0);
        json_t *json = parse(&out), *finding = json_array_get(json_object_get(json, "findings"), 0);
        ck_assert_str_eq(text_at(finding, "object"), ODD_NAME);
        ck_assert_str_eq(text_at(finding, "name"), "\x01\x7f\xEF\xBF\xBD");
        json_decref(json);
}
END_TEST

static Health plain_health(void) {
        return (Health){
                .code = 200,
                .status = STATUS_WARN,
                .state = "degraded",
                .verified = true,
                .scope = {.checked = 41, .total = 41, .violations = 1},
                .has_age = true,
                .age = 1200 * USEC_PER_MSEC,
                .max_age = 45 * USEC_PER_SEC,
        };
}

START_TEST(health_is_the_documented_keys_in_order) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");
        HealthQuery query = {.fail_on = FAIL_ON_GATE};
        Health health = plain_health();

        ck_assert_int_eq(
                render_health_json(&health, &(HealthSubject){.target = shop}, &query, BOOT, NOW, &out), 0);
        expect_text(&out, "{\"status\":\"warn\",\"state\":\"degraded\",\"target\":\"shop\",\"verified\":true,"
                          "\"age_s\":1.2,\"max_age_s\":45,\"scope\":{\"checked\":41,\"total\":41},"
                          "\"violations\":1,\"unknown\":0,\"phase\":null,\"phase_remaining_s\":null,"
                          "\"time\":\"2026-11-23T15:59:00Z\"}");
        json_decref(parse(&out));
}
END_TEST

START_TEST(health_of_all_never_seen_has_nulls_and_its_cause) {
        _cleanup_(buffer_done) Buffer out = {};
        Health health = {.code = 503,
                         .status = STATUS_FAIL,
                         .state = "unreachable",
                         .cause = "refused",
                         .scope = {.unknown = SIZE_MAX / 4, .violations = INT64_MAX},
                         .max_age = 45 * USEC_PER_SEC};

        ck_assert_int_eq(render_health_json(&health, &(HealthSubject){}, &(HealthQuery){}, BOOT, NOW, &out),
                         0);
        json_t *json = parse(&out);
        ck_assert_str_eq(text_at(json, "cause"), "refused");
        ck_assert(json_is_null(json_object_get(json, "target")));
        ck_assert(json_is_null(json_object_get(json, "age_s")));
        ck_assert_uint_lt(out.length, 1024);
        json_decref(json);
}
END_TEST

START_TEST(verbose_health_groups_checks_by_kind_and_name) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");
        HealthQuery query = {.fail_on = FAIL_ON_GATE, .verbose = true};
        Health health = plain_health();

        fixture_add(shop, VIOLATED("public.orders", "c", 3));
        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "c"));
        fixture_add(shop, VIOLATED("public.items", "c", 0))->checked_boottime = 0;
        fixture_add(shop, (Finding){.kind = KIND_INDEX, .status = STATUS_SKIPPED});
        fixture_add(shop, (Finding){.kind = KIND_INDEX, .status = STATUS_SKIPPED, .name = (char *)""});
        ck_assert_int_eq(
                render_health_json(&health, &(HealthSubject){.target = shop}, &query, BOOT, NOW, &out), 0);
        json_t *json = parse(&out), *checks = json_object_get(json, "checks");
        ck_assert_uint_eq(json_object_size(checks), 3);
        ck_assert_uint_eq(json_array_size(json_object_get(checks, "index:")), 2);
        json_t *pair = json_object_get(checks, "constraint:c");
        ck_assert_uint_eq(json_array_size(pair), 2);
        ck_assert_ptr_nonnull(strstr(
                buffer_text(&out), "\"checks\":{\"constraint:c\":[{\"status\":\"warn\",\"severity\":"
                                   "\"warning\",\"observedValue\":3,"
                                   "\"observedUnit\":\"rows\",\"time\":\"2026-11-23T15:58:48Z\",\"age_s\":12,"
                                   "\"output\":\"3 rows break total_amount > 0.\"},{"));
        ck_assert(json_is_null(json_object_get(json_array_get(pair, 1), "age_s")));
        json_decref(json);
}
END_TEST

START_TEST(verbose_health_of_all_names_the_target_of_each_entry) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        HealthQuery query = {.fail_on = FAIL_ON_GATE, .verbose = true};
        Health health = plain_health();

        fixture_add(fixture_add_target(&fixture, "shop"), VIOLATED("public.orders", "c", 3));
        fixture_add(fixture_add_target(&fixture, "books"), VIOLATED("public.orders", "c", 4));
        fixture_add(fixture_add_target(&fixture, "aside"), VIOLATED("public.orders", "c", 5));
        LIST_AT(fixture.settings->targets, TargetSettings, 2)->in_global = false;
        ck_assert_int_eq(
                render_health_json(&health, &(HealthSubject){.view = &fixture.view}, &query, BOOT, NOW, &out),
                0);
        json_t *json = parse(&out), *checks = json_object_get(json, "checks");
        json_t *pair = json_object_get(checks, "constraint:c");
        ck_assert_uint_eq(json_object_size(checks), 1);
        ck_assert_uint_eq(json_array_size(pair), 2);
        ck_assert_str_eq(text_at(json_array_get(pair, 0), "target"), "shop");
        ck_assert_str_eq(text_at(json_array_get(pair, 1), "target"), "books");
        json_decref(json);
}
END_TEST

START_TEST(verbose_health_shows_what_was_asked_for) {
        static const struct {
                const char *check;
                char *exclude[2];
                size_t checks;
        } cases[] = {
                {NULL, {}, 3},
                {"c", {}, 2},
                {"index", {}, 2},
                {"index", {(char *)"c"}, 1},
                {NULL, {(char *)"index"}, 1},
                {"nothing", {}, 0},
        };
        _cleanup_(fixture_done) Fixture fixture = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");
        Health health = plain_health();

        fixture_add(shop, VIOLATED("public.orders", "c", 3));
        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "c"));
        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "i"));
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer out = {};
                HealthQuery query = {.verbose = true, .check = cases[i].check, .exclude = cases[i].exclude};
                ck_assert_int_eq(render_health_json(&health, &(HealthSubject){.target = shop}, &query, BOOT,
                                                    NOW, &out),
                                 0);
                json_t *json = parse(&out);
                ck_assert_uint_eq(json_object_size(json_object_get(json, "checks")), cases[i].checks);
                json_decref(json);
        }
}
END_TEST

START_TEST(status_holds_everything_that_is_known) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        _cleanup_(table_freep) Table *table = thing_table("shop"), *more = thing_table("shop");
        TargetView *shop = fixture_add_target(&fixture, "shop");
        const CheckKind inner = {.name = "inner", .asks_nothing = true};
        CheckRun runs[] = {{.kind = &inner, .runs = 7},
                           {.kind = &thing_check,
                            .runs = 7,
                            .failures = {[REASON_TIMEOUT] = 1},
                            .last_success_at = NOW,
                            .next_due = BOOT + 1500 * USEC_PER_MSEC}};

        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "i"));
        thing_add(table, "orders", 3);
        table_set_int(table, 0, "oid", 12345);
        thing_add(more, "items", 0);
        shop->tables = (Table *[]){table, more};
        shop->n_tables = 2;
        shop->runs = runs;
        shop->n_runs = ELEMENTS(runs);
        shop->doing = "thing";
        ck_assert_int_eq(render_status_json(&fixture.view, BOOT, NOW, &out), 0);
        expect_text(
                &out,
                "{\"version\":1,\"time\":\"2026-11-23T15:59:00Z\",\"status\":\"pass\","
                "\"scope\":{\"checked\":1,\"total\":1},\"pgvigil\":{\"version\":\"" PGVIGIL_VERSION "\"},"
                "\"targets\":[{\"name\":\"shop\",\"status\":\"pass\",\"reach\":\"ok\",\"cause\":null,"
                "\"since\":\"2026-11-23T14:59:00Z\","
                "\"server\":{\"version\":\"15.18\",\"in_recovery\":false,\"role\":\"pgvigil\"},"
                "\"health\":{\"code\":200,\"state\":\"healthy\",\"status\":\"pass\",\"verified\":true,"
                "\"age_s\":1.2,\"max_age_s\":45},\"rehearsal\":null,\"scope\":{\"checked\":1,\"total\":1},"
                "\"doing\":\"thing\","
                "\"phase\":null,\"schedule\":[{\"check\":\"thing\",\"interval_s\":60,\"next_in_s\":1.5,"
                "\"runs\":7,\"failures\":1,\"last_success_at\":\"2026-11-23T15:59:00Z\"}],"
                "\"findings\":[{\"target\":\"shop\",\"kind\":\"index\",\"object\":\"public.orders\","
                "\"name\":\"i\",\"status\":\"pass\",\"summary\":\"All is "
                "well.\",\"reason\":\"ok\",\"value\":null,"
                "\"unit\":null,\"since\":\"2026-11-23T14:59:00Z\",\"checked_at\":\"2026-11-23T15:58:48Z\","
                "\"method\":\"catalog\",\"hint\":null,\"severity\":\"warning\",\"gate\":false}],"
                "\"tables\":{\"thing\":[{\"schemaname\":\"public\",\"relname\":\"orders\",\"rows\":3,"
                "\"scans\":null,\"state\":null,\"took\":null,\"ratio\":null,\"definition\":null},"
                "{\"schemaname\":\"public\",\"relname\":\"items\",\"rows\":0,\"scans\":null,\"state\":null,"
                "\"took\":null,\"ratio\":null,\"definition\":null}]}}]}");
        json_decref(parse(&out));
}
END_TEST

START_TEST(a_rehearsal_is_a_sum_for_each_way_to_ask) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        Rehearsal rehearsal = {};

        fixture_rehearse(&rehearsal);
        fixture_add_target(&fixture, "shop")->rehearsal = &rehearsal;
        ck_assert_int_eq(render_status_json(&fixture.view, BOOT, NOW, &out), 0);
        ck_assert_ptr_nonnull(strstr(
                buffer_text(&out),
                "\"rehearsal\":{\"window_s\":604800,\"observed_s\":3600,\"fail_on\":["
                "{\"fail_on\":\"unreachable\",\"code_503_s\":0,\"because\":null,\"because_only\":true,"
                "\"last_at\":null},"
                "{\"fail_on\":\"gate\",\"code_503_s\":0,\"because\":null,\"because_only\":true,"
                "\"last_at\":null},"
                "{\"fail_on\":\"critical\",\"code_503_s\":42.5,\"because\":\"constraint t <c>: violated\","
                "\"because_only\":true,\"last_at\":\"2026-11-23T15:49:42Z\"},"
                "{\"fail_on\":\"warning\",\"code_503_s\":142.5,\"because\":\"index t i: unused\","
                "\"because_only\":false,\"last_at\":\"2026-11-23T15:51:40Z\"}]}"));
        rehearsal_done(&rehearsal);
}
END_TEST

START_TEST(status_of_a_target_never_reached_is_null_and_fail) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        shop->server = NULL;
        shop->reach = REACH_UNREACHABLE;
        shop->cause = CAUSE_REFUSED;
        shop->heartbeat = 0;
        fixture_add(fixture_add_target(&fixture, "bank"), PASSING(KIND_INDEX, "public.orders", "i"));
        ck_assert_int_eq(render_status_json(&fixture.view, BOOT, NOW, &out), 0);
        json_t *json = parse(&out), *target = json_array_get(json_object_get(json, "targets"), 0);
        ck_assert_str_eq(text_at(json, "status"), "fail");
        ck_assert_str_eq(text_at(target, "status"), "fail");
        ck_assert_str_eq(text_at(target, "cause"), "refused");
        ck_assert(json_is_null(json_object_get(target, "server")));
        ck_assert(json_is_null(json_object_get(json_object_get(target, "health"), "age_s")));
        json_decref(json);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                findings_are_the_documented_keys_in_order,
                absent_knowledge_is_null_and_numbers_are_finite,
                filters_choose_and_a_status_filter_never_turns_the_top_green,
                a_target_without_findings_is_unknown_not_pass,
                d26_d27_odd_names_survive_a_strict_parser,
                health_is_the_documented_keys_in_order,
                health_of_all_never_seen_has_nulls_and_its_cause,
                verbose_health_groups_checks_by_kind_and_name,
                verbose_health_of_all_names_the_target_of_each_entry,
                verbose_health_shows_what_was_asked_for,
                status_holds_everything_that_is_known,
                a_rehearsal_is_a_sum_for_each_way_to_ask,
                status_of_a_target_never_reached_is_null_and_fail,
        };

        return run_suite("json", tests, ELEMENTS(tests));
}
