/* Replays a monitoring phase at its full size and its real intervals, in seconds: sixteen days of samples,
 * the last seven of them its baseline, and the 24 hours after the migration, under a clock of our own.
 *
 *   World ─rows─▶ checks (activity, statements) ─┐
 *     └──findings of all other checks────────────┴▶ reports ─▶ apply_round() ─▶ phase, history ─▶ file
 *
 * The days before are lived once. Each phase then goes on from a copy of their file, as the process after a
 * restart does, and has one thing happen in it: the verdict has to say it, and nothing else. The day in which
 * nothing happens has a round each 15 seconds, the others one a minute.
 * Memory is measured where no sanitizer keeps what was freed.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/apply.h"
#include "pgvigil/base/log.h"
#include "pgvigil/checks.h"
#include "shop-world.h"

#define ACTIVITY     (15 * USEC_PER_SEC)
#define CATALOG      (5 * USEC_PER_MINUTE)
#define RETENTION    (15 * USEC_PER_DAY)
#define DEADLINE     60000 /* ms */
#define BOOTED       (WORLD_BEGIN - 30 * USEC_PER_DAY)
#define RULES        13
#define INDEXES      20
#define SCENARIO_MAX (26 * USEC_PER_HOUR)

#define RESIDENT_MAX (16 << 20)
#define FILE_MAX     (64 << 20)

#define MIGRATION "20260119093000_production_safety_constraints"

/* What must hold; the process ends where it does not. */
#define DEMAND(condition) DEMAND_OF(condition, "%s", "")
#define DEMAND_OF(condition, ...)                                                                            \
        do {                                                                                                 \
                if (!(condition)) {                                                                          \
                        printf("%s:%d: %s\n  ", __FILE__, __LINE__, #condition);                             \
                        printf(__VA_ARGS__);                                                                 \
                        printf("\n");                                                                        \
                        exit(EXIT_FAILURE);                                                                  \
                }                                                                                            \
        } while (0)

enum {
        CONNECTION,
        PRIVILEGE,
        MIGRATIONS,
        CONSTRAINT,
        FOREIGN_KEY,
        INDEX,
        ACTIVITIES,
        CANARY,
        STATEMENTS,
        N_JOBS
};

static const CheckKind *const kinds[N_JOBS + 1] = {
        [CONNECTION] = &connection_check,   [PRIVILEGE] = &privilege_check,
        [MIGRATIONS] = &migration_check,    [CONSTRAINT] = &constraint_check,
        [FOREIGN_KEY] = &foreign_key_check, [INDEX] = &index_check,
        [ACTIVITIES] = &activity_check,     [CANARY] = &canary_check,
        [STATEMENTS] = &statements_check,
};

typedef struct Shop {
        World *world;
        Settings *settings;
        Engine engine;
        TargetView *views[1];
        Target target;
        Job jobs[N_JOBS];
        CheckRun runs[N_JOBS];
        usec_t walked; /* boottime */
        usec_t step;   /* between two rounds */
} Shop;

static usec_t boottime_of(const Shop *shop) {
        return shop->world->now - BOOTED;
}

/* Settings: all at their defaults but for what the shop has. */
static void add_canaries(TargetSettings *settings) {
        static const char *const names[] = {"orders of a retailer", "ledger", "prices"};

        settings->canaries = (List){calloc(ELEMENTS(names), sizeof(CanarySettings)), ELEMENTS(names)};
        DEMAND(settings->canaries.items);
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                CanarySettings *canary = LIST_AT(settings->canaries, CanarySettings, i);

                rule_default(&canary->rule, SEVERITY_CRITICAL);
                DEMAND(str_set(&canary->name, names[i]) >= 0 && str_set(&canary->sql, "SELECT 1") >= 0);
        }
}

static void make_settings(Shop *shop) {
        TargetSettings *settings;

        DEMAND(settings_new(&shop->settings) >= 0);
        DEMAND(settings_add_target(shop->settings, "shop", &settings) >= 0);
        DEMAND(str_set(&settings->phase.migration, "production_safety_constraints") >= 0);
        DEMAND(str_set(&settings->app.url, "http://127.0.0.1/health") >= 0);
        settings->intervals.catalog = CATALOG;
        settings->intervals.activity = shop->step;
        add_canaries(settings);
        shop->target.settings = *settings;
}

/* Findings, as the checks make them. */
static Finding *add_finding(Shop *shop, size_t job, FindingKind kind, const char *object, const char *name) {
        Finding *finding = report_add(&shop->jobs[job].report, kind, object, name);

        DEMAND(finding);
        finding->seen = SEEN_OK;
        finding->reason = REASON_OK;
        finding->severity = SEVERITY_CRITICAL;
        finding->configured = true;
        return finding;
}

static void report_connection(Shop *shop) {
        (void)add_finding(shop, CONNECTION, KIND_CONNECTION, "shop", "connection");
}

static void report_privilege(Shop *shop) {
        (void)add_finding(shop, PRIVILEGE, KIND_PRIVILEGE, "shop", "privilege");
}

static void report_migrations(Shop *shop) {
        (void)add_finding(shop, MIGRATIONS, KIND_MIGRATION, "prisma", "status");
        if (shop->world->migrated_at > 0)
                (void)add_finding(shop, MIGRATIONS, KIND_MIGRATION, "prisma", MIGRATION);
}

static void report_rule(Shop *shop, size_t job, FindingKind kind, unsigned n) {
        char name[32];
        Finding *finding;
        int64_t rows = n == 0 ? shop->world->broken_rows : 0;

        (void)snprintf(name, sizeof(name), "rule_%u", n);
        finding = add_finding(shop, job, kind, n % 2 ? "public.orders" : "public.ledger_entries", name);
        finding->value = VALUE_OF_INT(rows);
        finding->unit = "rows";
        finding->walked_boottime = shop->walked;
        if (rows > 0) {
                finding->seen = SEEN_BREACH;
                finding->reason = REASON_VIOLATED;
        }
}

/* The last of them is the migration's, and nobody has named it. */
static void report_constraints(Shop *shop) {
        for (unsigned i = 0; i < 10; i++)
                report_rule(shop, CONSTRAINT, KIND_CONSTRAINT, i);
        if (shop->world->migrated_at == 0)
                return;
        report_rule(shop, CONSTRAINT, KIND_CONSTRAINT, 10);
        shop->jobs[CONSTRAINT].report.findings[10].configured = false;
}

static void report_foreign_keys(Shop *shop) {
        for (unsigned i = 11; i < RULES; i++)
                report_rule(shop, FOREIGN_KEY, KIND_FOREIGN_KEY, i);
}

static Table *add_table(Shop *shop, size_t job, const char *column) {
        for (const Shape *const *shape = kinds[job]->shapes; *shape; shape++)
                if (shape_find(*shape, column) >= 0)
                        return report_table(&shop->jobs[job].report, *shape);
        return NULL;
}

static size_t add_index_row(Table *table, const char *name) {
        size_t row;

        DEMAND(table && table_add_row(table, &row) >= 0);
        DEMAND(table_set_text(table, row, "schemaname", "public") >= 0);
        DEMAND(table_set_text(table, row, "relname", "orders") >= 0);
        DEMAND(table_set_text(table, row, "indexrelname", name) >= 0);
        return row;
}

static void report_indexes(Shop *shop) {
        for (unsigned i = 0; i < INDEXES; i++) {
                Table *table = add_table(shop, INDEX, "scans");
                char name[32];
                size_t row;

                (void)snprintf(name, sizeof(name), "orders_index_%u", i);
                (void)add_finding(shop, INDEX, KIND_INDEX, "public.orders", name);
                row = add_index_row(table, name);
                DEMAND(table_set_text(table, row, "state", "valid") >= 0);
                table_set_int(table, row, "scans", shop->world->scans / (i + 1));
        }
}

static void report_canaries(Shop *shop) {
        const List *canaries = &shop->target.settings.canaries;

        for (size_t i = 0; i < canaries->count; i++) {
                const CanarySettings *canary = LIST_AT(*canaries, CanarySettings, i);
                Finding *finding = add_finding(shop, CANARY, KIND_CANARY, "shop", canary->name);
                Table *plans = add_table(shop, CANARY, "plan");
                char index[40];
                size_t row;

                (void)snprintf(index, sizeof(index), "orders_index_%zu", i);
                row = add_index_row(plans, index);
                DEMAND(table_set_text(plans, row, "canary", canary->name) >= 0);
                DEMAND(table_set_text(plans, row, "plan", "chosen") >= 0);
                finding->value = VALUE_OF_FLOAT(0.005 * (1 + 0.1 * fabs(world_normal(shop->world))));
                if (i == 0 && shop->world->is_canary_wrong) {
                        finding->seen = SEEN_BREACH;
                        finding->reason = REASON_ERROR;
                }
        }
}

/* Rows, as the server answers them to the checks that compare counters. */
static void answer_activity(const Shop *shop, const char *name, Table *table) {
        size_t row;

        DEMAND(table_add_row(table, &row) >= 0);
        DEMAND(table_set_text(table, row, "datname", "shop") >= 0);
        DEMAND(table_set_text(table, row, "epoch", "1") >= 0);
        DEMAND(table_set_text(table, row, "since", "2026-01-01") >= 0);
        table_set_int(table, row, "commits", shop->world->commits);
        table_set_int(table, row, "rollbacks", shop->world->rollbacks);
        table_set_int(table, row, "deadlocks", 0);
        table_set_int(table, row, "fatal_sessions", 0);
        table_cell(table, row, "is_tracked")->kind = VALUE_BOOL;
        table_cell(table, row, "is_tracked")->boolean = true;
}

static void answer_look(Table *table) {
        static const char *const flags[] = {"has_times", "may_call", "has_info", "is_loaded", "is_tracked"};
        size_t row;

        DEMAND(table_add_row(table, &row) >= 0);
        DEMAND(table_set_text(table, row, "datname", "shop") >= 0);
        DEMAND(table_set_text(table, row, "schemaname", "public") >= 0);
        table_set_int(table, row, "datid", 16384);
        for (size_t i = 0; i < ELEMENTS(flags); i++) {
                table_cell(table, row, flags[i])->kind = VALUE_BOOL;
                table_cell(table, row, flags[i])->boolean = true;
        }
}

static void answer_top(const Shop *shop, Table *table) {
        for (size_t i = 0; i < 100; i++) {
                size_t row;

                DEMAND(table_add_row(table, &row) >= 0);
                table_set_int(table, row, "queryid", 1000003 * ((int64_t)i + 1));
                table_set_int(table, row, "calls", shop->world->calls[i]);
                table_set_float(table, row, "seconds", shop->world->seconds[i]);
                table_set_int(table, row, "tracked", WORLD_STATEMENTS);
        }
}

static void answer_texts(const Shop *shop, Table *table) {
        for (size_t i = 0; i < shop->target.watch.statements.n_wanted; i++) {
                int64_t queryid = shop->target.watch.statements.wanted[i];
                _cleanup_(freep) char *text = str_format("SELECT * FROM orders WHERE id = $1 /* %lld */",
                                                         (long long)queryid);
                size_t row;

                DEMAND(text && table_add_row(table, &row) >= 0);
                table_set_int(table, row, "queryid", queryid);
                DEMAND(table_set_text(table, row, "text", text) >= 0);
        }
}

static void answer_statements(const Shop *shop, const char *name, Table *table) {
        size_t row;

        if (str_equal(name, "statements.look")) {
                answer_look(table);
        } else if (str_equal(name, "statements.top")) {
                answer_top(shop, table);
        } else if (str_equal(name, "statements.texts")) {
                answer_texts(shop, table);
        } else {
                DEMAND(table_add_row(table, &row) >= 0);
                table_set_int(table, row, "evictions", 0);
                DEMAND(table_set_text(table, row, "since", "2026-01-01") >= 0);
        }
}

static void ask(Shop *shop, size_t job, void (*answer)(const Shop *, const char *, Table *)) {
        const CheckKind *kind = kinds[job];
        void *state = shop->jobs[job].state;
        CheckContext context = target_context(&shop->target);
        Statement statement = {};

        context.boottime = boottime_of(shop);
        context.realtime = shop->world->now;
        DEMAND(kind->begin(state, &context, NULL) >= 0);
        while (kind->next(state, &context, &statement) == 1) {
                Outcome outcome = {.kind = OUTCOME_ROWS};

                DEMAND(table_new(statement.shape, NULL, &outcome.table) >= 0);
                answer(shop, statement.name, outcome.table);
                DEMAND(kind->take(state, &context, &outcome) >= 0);
                outcome_done(&outcome);
                statement_done(&statement);
                statement = (Statement){};
        }
        DEMAND(kind->judge(state, &context, &shop->jobs[job].report) >= 0);
}

static void report_activity(Shop *shop) {
        ask(shop, ACTIVITIES, answer_activity);
}

static void report_statements(Shop *shop) {
        world_live_statements(shop->world, (double)CATALOG / USEC_PER_SEC);
        ask(shop, STATEMENTS, answer_statements);
}

static const struct {
        void (*report)(Shop *shop);
        usec_t every;
} reports[N_JOBS] = {
        [CONNECTION] = {report_connection, ACTIVITY},
        [PRIVILEGE] = {report_privilege, CATALOG},
        [MIGRATIONS] = {report_migrations, 2 * ACTIVITY},
        [CONSTRAINT] = {report_constraints, USEC_PER_MINUTE},
        [FOREIGN_KEY] = {report_foreign_keys, USEC_PER_MINUTE},
        [INDEX] = {report_indexes, CATALOG},
        [ACTIVITIES] = {report_activity, ACTIVITY},
        [CANARY] = {report_canaries, USEC_PER_MINUTE},
        [STATEMENTS] = {report_statements, CATALOG},
};

static bool is_settled(const Shop *shop, usec_t written_at) {
        HistoryStatus status;

        history_status(shop->engine.history, &status);
        return status.state != HISTORY_OPENING && status.written_at >= written_at &&
               !shop->target.watch.statements.reading;
}

/* The history's thread does what it has to, in no time of ours. */
static void settle(Shop *shop, usec_t written_at) {
        while (!is_settled(shop, written_at)) {
                struct pollfd wait = {.fd = history_fd(shop->engine.history), .events = POLLIN};

                DEMAND(poll(&wait, 1, DEADLINE) == 1);
                history_dispatch(shop->engine.history);
                history_tick(shop->engine.history, shop->world->now); /* what was queued behind a write */
        }
}

/* What is read of everything once a day, and once in the phase when its plan says so. */
static void walk(Shop *shop) {
        const Watch *watch = &shop->target.watch;
        usec_t now = boottime_of(shop);

        if (watch->walk_for > 0 && (watch->wants_walk || now >= watch->walk_since + watch->walk_within))
                shop->walked = watch->walk_since > shop->walked ? watch->walk_since : shop->walked;
        else if (now % USEC_PER_DAY < shop->step)
                shop->walked = now;
}

static void round_of(Shop *shop) {
        Target *target = &shop->target;

        world_live(shop->world, shop->step);
        walk(shop);
        for (size_t i = 0; i < N_JOBS; i++) {
                if (shop->world->now % reports[i].every >= shop->step && !shop->jobs[i].is_fresh)
                        continue;
                shop->jobs[i].is_fresh = false; /* the end of the phase asks for all of them */
                reports[i].report(shop);
                shop->jobs[i].has_report = true;
                shop->runs[i].runs++;
        }
        target->view.heartbeat = boottime_of(shop);
        target->view.rounds++;
        apply_round(target, boottime_of(shop), shop->world->now);
        target->app.began = boottime_of(shop);
        app_note(target, &(ProbeResult){.end = shop->world->is_app_away ? PROBE_TIMEOUT : PROBE_OK},
                 boottime_of(shop), shop->world->now);
        history_tick(shop->engine.history, shop->world->now);
        settle(shop, shop->world->now);
}

static void live(Shop *shop, usec_t until) {
        while (shop->world->now < until)
                round_of(shop);
}

static void finish_migration(MigrationFacts *facts, const char *name, usec_t at) {
        size_t n = strv_length(facts->applied);

        DEMAND(strv_add(&facts->applied, name) >= 0);
        facts->finished_at = reallocarray(facts->finished_at, n + 1, sizeof(usec_t));
        DEMAND(facts->finished_at);
        facts->finished_at[n] = at;
}

static void open_history(Shop *shop, const char *directory) {
        const HistoryOptions options = {.directory = directory, .retention = RETENTION, .n_targets = 1};
        HistoryStatus status;
        pid_t holder;

        DEMAND(history_new(&options, &shop->engine.history, &holder) >= 0);
        history_tick(shop->engine.history, shop->world->now);
        settle(shop, 0);
        history_status(shop->engine.history, &status);
        DEMAND_OF(status.state == HISTORY_KEPT, "%s", status.trouble);
}

/* A process begins, on what is in the directory. */
static void open_shop(Shop *shop, World *world, const char *directory, usec_t step) {
        Target *target = &shop->target;

        *shop = (Shop){.world = world, .step = step};
        shop->views[0] = &target->view;
        shop->engine.view = (View){.targets = shop->views, .n_targets = 1, .reload_ok = true};
        make_settings(shop);
        target->engine = &shop->engine;
        target->jobs = shop->jobs;
        target->n_jobs = N_JOBS;
        target->view.name = target->settings.name;
        target->view.settings = &target->settings;
        target->view.reach = REACH_OK;
        target->view.runs = shop->runs;
        target->view.n_runs = N_JOBS;
        target->migrations = calloc(1, sizeof(*target->migrations));
        DEMAND(target->migrations);
        target->migrations->known = true;
        finish_migration(target->migrations, "20260101000000_init", WORLD_BEGIN - 40 * USEC_PER_DAY);
        if (world->migrated_at > 0)
                finish_migration(target->migrations, MIGRATION, world->migrated_at);
        for (size_t i = 0; i < N_JOBS; i++) {
                shop->jobs[i].kind = kinds[i];
                shop->jobs[i].period = reports[i].every;
                shop->runs[i].kind = kinds[i];
        }
        DEMAND(activity_check.new(&target->settings, &shop->jobs[ACTIVITIES].state) >= 0);
        DEMAND(statements_check.new(&target->settings, &shop->jobs[STATEMENTS].state) >= 0);
        open_history(shop, directory);
}

static void close_shop(Shop *shop) {
        Target *target = &shop->target;

        watch_done(&target->watch);
        rehearsal_done(&target->rehearsal);
        for (size_t i = 0; i < target->view.n_findings; i++)
                finding_done(&target->view.findings[i]);
        free(target->view.findings);
        free(target->view.tables);
        for (size_t i = 0; i < N_JOBS; i++) {
                for (size_t k = 0; k < shop->jobs[i].n_tables; k++)
                        table_free(shop->jobs[i].tables[k]);
                free(shop->jobs[i].tables);
        }
        activity_check.free(shop->jobs[ACTIVITIES].state);
        statements_check.free(shop->jobs[STATEMENTS].state);
        migration_facts_free(target->migrations);
        settings_free(shop->settings);
        history_free(shop->engine.history);
}

static int64_t resident(void) {
        unsigned long size = 0, pages = 0;
        FILE *file = fopen("/proc/self/statm", "re");

        DEMAND(file && fscanf(file, "%lu %lu", &size, &pages) == 2);
        (void)fclose(file);
        return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* What it grew to since then, and what its file did. */
static void measure(const Shop *shop, const char *name, int64_t before) {
        HistoryStatus status;
        int64_t grown = resident() - before;

        history_status(shop->engine.history, &status);
        printf("%s: memory +%.1f MiB, file %.1f MiB\n", name, (double)grown / (1 << 20),
               (double)status.file_bytes / (1 << 20));
        DEMAND(status.errors == 0 && status.dropped == 0 && status.refused == 0);
        DEMAND(status.file_bytes <= FILE_MAX);
#ifndef __SANITIZE_ADDRESS__
        DEMAND(grown <= RESIDENT_MAX);
#endif
}

static const char *why(const PhaseRecord *record) {
        for (size_t i = 0; i < N_CRITERIA; i++)
                printf("  %s %s: %s\n", criterion_name((Criterion)i), status_name(record->criteria[i].status),
                       record->criteria[i].reason);
        return record->note ? record->note : "";
}

typedef struct Scenario {
        const char *name;
        usec_t step;     /* between two rounds */
        usec_t from, to; /* after the migration, something happens */
        void (*happen)(World *world, bool is_begin);
        PhaseState verdict;
        Criterion failed;
        usec_t restarts; /* a new process that often; 0: never */
} Scenario;

static void be_slow(World *world, bool is_begin) {
        world->slow = is_begin ? 1.5 : 1;
}

static void throw_errors(World *world, bool is_begin) {
        world->errors = is_begin ? 4 : 0.5;
}

static void break_rows(World *world, bool is_begin) {
        world->broken_rows = is_begin ? 3 : 0;
}

static void break_canary(World *world, bool is_begin) {
        world->is_canary_wrong = is_begin;
}

static void go_away(World *world, bool is_begin) {
        world->is_app_away = is_begin;
}

#define HOURS(n)   ((n)*USEC_PER_HOUR)
#define MINUTES(n) ((n)*USEC_PER_MINUTE)

static const Scenario scenarios[] = {
        {"a day as before", ACTIVITY, 0, 0, NULL, PHASE_PASSED, N_CRITERIA},
        {"a new process every three hours", USEC_PER_MINUTE, 0, 0, NULL, PHASE_PASSED, N_CRITERIA, HOURS(3)},
        {"slower statements, and a new process every hour and a half", USEC_PER_MINUTE, HOURS(2), HOURS(30),
         be_slow, PHASE_FAILED, CRITERION_PERFORMANCE, MINUTES(90)},
        {"rows broken and repaired", USEC_PER_MINUTE, HOURS(3), HOURS(4), break_rows, PHASE_PASSED,
         N_CRITERIA},
        {"rows broken at the end", USEC_PER_MINUTE, HOURS(20), HOURS(30), break_rows, PHASE_FAILED,
         CRITERION_NO_VIOLATIONS},
        {"slower statements", USEC_PER_MINUTE, HOURS(2), HOURS(30), be_slow, PHASE_FAILED,
         CRITERION_PERFORMANCE},
        {"an hour of errors", USEC_PER_MINUTE, HOURS(9), HOURS(10), throw_errors, PHASE_FAILED,
         CRITERION_ERROR_RATE},
        {"a canary wrong for some minutes", USEC_PER_MINUTE, HOURS(5), HOURS(5) + MINUTES(4), break_canary,
         PHASE_FAILED, CRITERION_QUERIES_WORK},
        {"an application away for some minutes", USEC_PER_MINUTE, HOURS(12), HOURS(12) + MINUTES(7), go_away,
         PHASE_FAILED, CRITERION_APP_HEALTHY},
};

/* All others pass: none is skipped, none unknown. */
static void expect(const PhaseRecord *record, const Scenario *scenario) {
        DEMAND_OF(record->state == scenario->verdict, "%s is %s; %s", scenario->name,
                  phase_state_name(record->state), why(record));
        for (size_t i = 0; i < N_CRITERIA; i++)
                DEMAND_OF(record->criteria[i].status == (i == scenario->failed ? STATUS_FAIL : STATUS_PASS),
                          "%s: %s; %s", scenario->name, criterion_name((Criterion)i), why(record));
        DEMAND(record->n_gaps == 0 || record->gaps[record->n_gaps - 1].to < record->started_at);
        if (scenario->happen == break_rows)
                DEMAND(record->n_events == 1 && record->events[0].rows == 3);
}

static void restart(Shop *shop, const char *directory) {
        World *world = shop->world;
        usec_t step = shop->step;

        close_shop(shop);
        open_shop(shop, world, directory, step);
}

static void live_through(Shop *shop, const Scenario *scenario, const char *directory) {
        World *world = shop->world;
        usec_t migrated = world->now + HOURS(1) + 17 * USEC_PER_MINUTE, limit = migrated + SCENARIO_MAX;
        const PhaseRecord *record = &shop->target.watch.record;

        live(shop, migrated);
        DEMAND_OF(record->state == PHASE_BASELINE, "%s", phase_state_name(record->state));
        finish_migration(shop->target.migrations, MIGRATION, world->now);
        world->migrated_at = world->now;
        for (; !phase_is_over(record) && world->now < limit; round_of(shop)) {
                usec_t since = world->now - migrated;

                if (scenario->happen)
                        scenario->happen(world, since >= scenario->from && since < scenario->to);
                if (scenario->restarts > 0 && since > 0 && since % scenario->restarts < scenario->step)
                        restart(shop, directory);
        }
        DEMAND(record->started_at == migrated && record->ends_at == migrated + USEC_PER_DAY);
}

static char *path_of(const char *directory, const char *name) {
        char *path = str_format("%s/%s", directory, name);

        DEMAND(path);
        return path;
}

static void run_command(const char *verb, const char *from, const char *to) {
        _cleanup_(freep) char *command = str_format("%s %s %s", verb, from, to);

        DEMAND(command && system(command) == 0);
}

static void play(World *world, const Scenario *scenario, const char *before, const char *directory) {
        int64_t begin = resident();
        Shop shop;

        run_command("cp -r", before, directory);
        open_shop(&shop, world, directory, scenario->step);
        live_through(&shop, scenario, directory);
        expect(&shop.target.watch.record, scenario);
        measure(&shop, scenario->name, begin);
        close_shop(&shop);
}

static void play_in(World *world, const Scenario *scenario, const char *directory) {
        _cleanup_(freep) char *before = path_of(directory, "before");
        _cleanup_(freep) char *name = str_format("%d", (int)getpid());
        _cleanup_(freep) char *own = path_of(directory, name);

        play(world, scenario, before, own);
}

/* In a process of its own: memory is that of one daemon. */
static pid_t begin(World *world, const Scenario *scenario, const char *directory) {
        pid_t child;

        (void)fflush(stdout);
        child = fork();
        DEMAND(child >= 0);
        if (child > 0)
                return child;
        play_in(world, scenario, directory);
        exit(EXIT_SUCCESS);
}

static size_t play_all(World *world, const char *directory) {
        pid_t children[ELEMENTS(scenarios)];
        size_t passed = 0;

        for (size_t i = 0; i < ELEMENTS(scenarios); i++)
                children[i] = begin(world, &scenarios[i], directory);
        for (size_t i = 0; i < ELEMENTS(scenarios); i++) {
                int status = -1;

                DEMAND(waitpid(children[i], &status, 0) == children[i]);
                passed += WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
        }
        return passed;
}

/* More than `retention`, so that the oldest leave. What is finer than five minutes is kept for six hours. */
static void live_before(World *world, const char *directory) {
        _cleanup_(freep) char *before = path_of(directory, "before");
        int64_t begin = resident();
        Shop shop;

        DEMAND(mkdir(before, 0700) == 0);
        open_shop(&shop, world, before, CATALOG);
        live(&shop, WORLD_BEGIN + 16 * USEC_PER_DAY - HOURS(8));
        shop.step = ACTIVITY;
        live(&shop, WORLD_BEGIN + 16 * USEC_PER_DAY);
        measure(&shop, "the days before", begin);
        close_shop(&shop);
}

int main(void) {
        char directory[] = "/tmp/replay-phase-XXXXXX";
        World world = world_new(20260119);
        size_t passed;

        log_set_level(LOG_CRIT);
        DEMAND(mkdtemp(directory));
        live_before(&world, directory);
        passed = play_all(&world, directory);
        run_command("rm -r", directory, "");
        printf("%zu passed, %zu failed\n", passed, ELEMENTS(scenarios) - passed);
        return passed == ELEMENTS(scenarios) ? EXIT_SUCCESS : EXIT_FAILURE;
}
