/* What the tests of render share: a shape with every role, and a View with a target or two.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "pgvigil/render.h"

#define NOW  ((usec_t)1795449540 * USEC_PER_SEC) /* 2026-11-23T15:59:00Z */
#define BOOT ((usec_t)1000 * USEC_PER_SEC)

/* What PostgreSQL allows in a name, and what costs exporters their scrape. */
#define ODD_NAME "a\"b;c\\d\n%s{é🐘}"

static const Field thing_fields[] = {
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_LABEL},
        {.name = "relname", .kind = VALUE_TEXT, .role = FIELD_LABEL},
        {.name = "rows",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_thing_violations",
         .unit = "rows",
         .help = "Rows that break \\ \"it\"; polled."},
        {.name = "scans",
         .kind = VALUE_INT,
         .role = FIELD_COUNTER,
         .metric = "pgvigil_thing_scans_total",
         .labels = "relname",
         .help = "Scans; polled."},
        {.name = "state",
         .kind = VALUE_TEXT,
         .role = FIELD_STATE,
         .metric = "pgvigil_thing_state",
         .states = "good,bad, gone",
         .help = "State; polled."},
        {.name = "took",
         .kind = VALUE_HISTOGRAM,
         .role = FIELD_HISTOGRAM,
         .metric = "pgvigil_thing_duration_seconds",
         .labels = "",
         .unit = "seconds",
         .help = "Duration."},
        {.name = "ratio",
         .kind = VALUE_FLOAT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_thing_ratio",
         .help = "Ratio; polled."},
        {.name = "definition", .kind = VALUE_TEXT, .role = FIELD_TEXT},
        {.name = "oid", .kind = VALUE_INT, .role = FIELD_HIDDEN},
};
static const Shape thing_shape = SHAPE("thing", thing_fields);

/* The same families out of another shape, its labels in another order. */
static const Field other_fields[] = {
        {.name = "relname", .kind = VALUE_TEXT, .role = FIELD_LABEL},
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_LABEL},
        {.name = "n",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_thing_violations",
         .help = "No."},
};
static const Shape other_shape _unused_ = SHAPE("other", other_fields);

static inline Table *thing_table(const char *target) {
        Table *table = NULL;

        ck_assert_int_eq(table_new(&thing_shape, target, &table), 0);
        return table;
}

static inline size_t thing_add(Table *table, const char *relname, int64_t rows) {
        size_t row = 0;

        ck_assert_int_eq(table_add_row(table, &row), 0);
        ck_assert_int_eq(table_set_text(table, row, "schemaname", "public"), 0);
        ck_assert_int_eq(table_set_text(table, row, "relname", relname), 0);
        table_set_int(table, row, "rows", rows);
        return row;
}

static inline void other_add(Table *table, const char *relname, int64_t n) {
        size_t row = 0;

        ck_assert_int_eq(table_add_row(table, &row), 0);
        ck_assert_int_eq(table_set_text(table, row, "schemaname", "public"), 0);
        ck_assert_int_eq(table_set_text(table, row, "relname", relname), 0);
        table_set_int(table, row, "n", n);
}

static inline RehearsalSpan fixture_span(usec_t ago, usec_t length, const char *why) {
        return (RehearsalSpan){NOW - ago, NOW - ago + length, length, why ? strdup(why) : NULL, length};
}

/* An hour was observed, up to now. */
static inline void fixture_rehearse(Rehearsal *rehearsal) {
        RehearsalSpans *warning = &rehearsal->refused[FAIL_ON_WARNING];

        rehearsal->observed = (RehearsalSpans){{fixture_span(USEC_PER_HOUR, USEC_PER_HOUR, NULL)}, 1};
        rehearsal->refused[FAIL_ON_CRITICAL] = (RehearsalSpans){
                {fixture_span(600 * USEC_PER_SEC, 42500 * USEC_PER_MSEC, "constraint t <c>: violated")}, 1};
        *warning = (RehearsalSpans){
                {fixture_span(600 * USEC_PER_SEC, 42500 * USEC_PER_MSEC, "constraint t <c>: violated"),
                 fixture_span(540 * USEC_PER_SEC, 100 * USEC_PER_SEC, "index t i: unused")},
                2};
}

/* A view of up to three targets, made by hand; finding strings are copied. */
typedef struct Fixture {
        Settings *settings;
        TargetView targets[3];
        TargetView *list[3];
        ServerFacts servers[3];
        View view;
} Fixture;

static inline TargetView *fixture_add_target(Fixture *fixture, const char *name) {
        size_t i = fixture->view.n_targets++;
        TargetView *target = &fixture->targets[i];
        TargetSettings *settings = NULL;

        if (!fixture->settings)
                ck_assert_int_eq(settings_new(&fixture->settings), 0);
        ck_assert_int_eq(settings_add_target(fixture->settings, name, &settings), 0);
        fixture->servers[i] = (ServerFacts){.version_num = 150018, .role = (char *)"pgvigil"};
        *target = (TargetView){
                .name = (char *)name,
                .server = &fixture->servers[i],
                .reach = REACH_OK,
                .reach_since = NOW - 3600 * USEC_PER_SEC,
                .heartbeat = BOOT - 1200 * USEC_PER_MSEC,
                .rounds = 3,
        };
        fixture->list[i] = target;
        fixture->view.targets = fixture->list;
        /* A list may move as it grows. */
        for (size_t t = 0; t <= i; t++)
                fixture->targets[t].settings = LIST_AT(fixture->settings->targets, TargetSettings, t);
        return target;
}

/* The findings' strings are literals: only the array is owned. */
static inline Finding *fixture_add(TargetView *target, Finding finding) {
        target->findings = realloc(target->findings, (target->n_findings + 1) * sizeof(Finding));
        ck_assert_ptr_nonnull(target->findings);
        target->findings[target->n_findings] = finding;
        return &target->findings[target->n_findings++];
}

#define PASSING(kind_, object_, name_)                                                                       \
        ((Finding){.kind = (kind_),                                                                          \
                   .object = (char *)(object_),                                                              \
                   .name = (char *)(name_),                                                                  \
                   .seen = SEEN_OK,                                                                          \
                   .severity = SEVERITY_WARNING,                                                             \
                   .reason = REASON_OK,                                                                      \
                   .summary = (char *)"All is well.",                                                        \
                   .method = "catalog",                                                                      \
                   .checked_at = NOW - 12 * USEC_PER_SEC,                                                    \
                   .checked_boottime = BOOT - 12 * USEC_PER_SEC,                                             \
                   .since = NOW - 3600 * USEC_PER_SEC,                                                       \
                   .status = STATUS_PASS})

#define VIOLATED(object_, name_, rows_)                                                                      \
        ((Finding){.kind = KIND_CONSTRAINT,                                                                  \
                   .object = (char *)(object_),                                                              \
                   .name = (char *)(name_),                                                                  \
                   .seen = SEEN_BREACH,                                                                      \
                   .severity = SEVERITY_WARNING,                                                             \
                   .reason = REASON_VIOLATED,                                                                \
                   .summary = (char *)"3 rows break total_amount > 0.",                                      \
                   .hint = (char *)"Repair the rows, then validate the constraint:",                         \
                   .repair = (char *)"ALTER TABLE public.orders VALIDATE CONSTRAINT c;",                     \
                   .value = VALUE_OF_INT(rows_),                                                             \
                   .unit = "rows",                                                                           \
                   .method = "full",                                                                         \
                   .checked_at = NOW - 12 * USEC_PER_SEC,                                                    \
                   .checked_boottime = BOOT - 12 * USEC_PER_SEC,                                             \
                   .since = NOW - 60 * USEC_PER_SEC,                                                         \
                   .status = STATUS_WARN})

static inline void fixture_done(Fixture *fixture) {
        for (size_t i = 0; i < fixture->view.n_targets; i++)
                free(fixture->targets[i].findings);
        settings_free(fixture->settings);
        *fixture = (Fixture){};
}

static inline void expect_text(const Buffer *out, const char *wanted) {
        ck_assert_int_eq(buffer_error(out), 0);
        ck_assert_str_eq(buffer_text(out), wanted);
}

static inline size_t count_of_text(const char *text, const char *part) {
        size_t count = 0;

        for (const char *at = strstr(text, part); at; at = strstr(at + strlen(part), part))
                count++;
        return count;
}

/* Feeds the bytes to a shell command's standard input; its exit status. */
static inline int pipe_to(const char *command, const char *bytes, size_t length) {
        FILE *pipe = popen(command, "w");

        ck_assert_ptr_nonnull(pipe);
        ck_assert_uint_eq(fwrite(bytes, 1, length, pipe), length);
        int status = pclose(pipe);
        ck_assert_int_ne(status, -1);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int run_suite(const char *name, const TTest *const *tests, size_t n) {
        Suite *suite = suite_create(name);
        TCase *tcase = tcase_create(name);

        for (size_t i = 0; i < n; i++)
                tcase_add_test(tcase, tests[i]);
        tcase_set_timeout(tcase, 60);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
