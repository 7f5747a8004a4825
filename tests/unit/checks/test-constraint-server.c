/* The check of constraints on a real PostgreSQL, as a role that may only read: its statements are
 * right, its counts agree with what CHECK means, and it runs nobody's code.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "../pg/driver.h"
#include "../pg/pg-cluster.h"
#include "../unit.h"
#include "pgvigil/checks.h"

static Cluster cluster;

typedef struct Bench {
        Driver driver;
        Settings *settings;
        TargetSettings *target; /* schemas { "shop" } */
        void *state;
        MigrationFacts facts; /* known, nothing applied */
        usec_t now;
        size_t key_rows;
        const char *before_count; /* SQL to run when the first count is due */
        Buffer log;               /* names of the statements, one a line */
        Report report;
} Bench;

#define SCHEMA                                                                                               \
        "SET client_min_messages = error; DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop; "          \
        "GRANT USAGE ON SCHEMA shop TO mon; "                                                                \
        "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO mon; SET search_path = shop; "

/* Makes the schema anew, with these tables in it. */
static void bench_open(Bench *bench, const char *sql) {
        _cleanup_(freep) char *all = str_format(SCHEMA "%s", sql);

        cluster_sql(&cluster, all);
        *bench = (Bench){.facts.known = true, .now = 1000 * USEC_PER_SEC};
        driver_start(&bench->driver, driver_options(cluster_conninfo(&cluster, "")));
        ck_assert_msg(driver_connect(&bench->driver), "%s", bench->driver.text);
        ck_assert_int_eq(settings_new(&bench->settings), 0);
        ck_assert_int_eq(settings_add_target(bench->settings, "shop", &bench->target), 0);
        bench->target->schemas = strv_free(bench->target->schemas);
        ck_assert_int_eq(strv_add(&bench->target->schemas, "shop"), 0);
        ck_assert_int_eq(constraint_check.new(bench->target, &bench->state), 0);
}

static void bench_close(Bench *bench) {
        report_done(&bench->report);
        buffer_done(&bench->log);
        constraint_check.free(bench->state);
        settings_free(bench->settings);
        driver_stop(&bench->driver);
}

static void bench_want(Bench *bench, const char *table, const char *name, const char *check) {
        List *list = &bench->target->constraints;
        ConstraintSettings *wanted = reallocarray(list->items, list->count + 1, sizeof(*wanted));

        ck_assert_ptr_nonnull(wanted);
        list->items = wanted;
        wanted += list->count++;
        *wanted = (ConstraintSettings){};
        rule_default(&wanted->rule, SEVERITY_CRITICAL);
        ck_assert_int_eq(str_set(&wanted->table, table), 0);
        ck_assert_int_eq(str_set(&wanted->name, name), 0);
        ck_assert_int_eq(str_set(&wanted->check, check), 0);
        constraint_check.free(bench->state);
        ck_assert_int_eq(constraint_check.new(bench->target, &bench->state), 0);
}

static void bench_run(Bench *bench, const CheckContext *context, const Statement *statement) {
        const Outcome *outcome;

        buffer_printf(&bench->log, "%s\n", statement->name);
        if (bench->before_count && str_equal(statement->name, "constraint.lock")) {
                cluster_sql(&cluster, bench->before_count);
                bench->before_count = NULL;
        }
        outcome = driver_run(&bench->driver, statement);
        ck_assert_int_ne(outcome->kind, OUTCOME_LOST);
        ck_assert_int_eq(constraint_check.take(bench->state, context, outcome), 0);
}

static void bench_round(Bench *bench) {
        ServerFacts server = {.version_num = pg_connection_server_version(bench->driver.connection)};
        CheckContext context = {.settings = bench->target,
                                .server = &server,
                                .is_once = true,
                                .blocks_left = INT64_MAX,
                                .migrations = &bench->facts,
                                .boottime = bench->now,
                                .realtime = bench->now,
                                .key_rows = bench->key_rows};

        report_done(&bench->report);
        buffer_clear(&bench->log);
        bench->now += USEC_PER_HOUR;
        ck_assert_int_eq(constraint_check.begin(bench->state, &context, NULL), 0);
        for (;;) {
                _cleanup_(statement_done) Statement statement = {};
                int r = constraint_check.next(bench->state, &context, &statement);

                ck_assert_int_ge(r, 0);
                if (r == 0)
                        break;
                bench_run(bench, &context, &statement);
        }
        ck_assert_int_ne(driver_commit(&bench->driver)->kind, OUTCOME_LOST);
        ck_assert_int_eq(constraint_check.judge(bench->state, &context, &bench->report), 0);
}

static const Finding *bench_finding(const Bench *bench, const char *object, const char *name) {
        for (size_t i = 0; i < bench->report.n_findings; i++)
                if (str_equal(bench->report.findings[i].name, name) &&
                    str_equal(bench->report.findings[i].object, object))
                        return &bench->report.findings[i];
        ck_abort_msg("no finding %s of %s", name, object);
        return NULL;
}

/* The finding is this, with so many rows (negative: no count). */
static const Finding *expect(const Bench *bench, const char *object, const char *name, Seen seen,
                             Reason reason, int64_t rows) {
        const Finding *finding = bench_finding(bench, object, name);

        ck_assert_msg(finding->seen == seen && finding->reason == reason, "%s: %d %s: %s", name,
                      finding->seen, reason_name(finding->reason), finding->summary);
        ck_assert_msg(rows < 0 ? finding->value.kind == VALUE_NULL
                               : finding->value.kind == VALUE_INT && finding->value.integer == rows,
                      "%s: %lld", name, (long long)finding->value.integer);
        return finding;
}

START_TEST(counts_agree_with_check_on_null_and_nan) {
        Bench bench;

        bench_open(&bench, "CREATE TABLE o (id int PRIMARY KEY, a numeric);"
                           "INSERT INTO o VALUES (1, 1), (2, 0), (3, -1), (4, NULL), (5, 'NaN');"
                           "ALTER TABLE o ADD CONSTRAINT positive CHECK (a > 0) NOT VALID;");
        bench_want(&bench, "o", "wanted", "a < 1 -- a comment");
        bench.key_rows = 5;
        bench_round(&bench);
        expect(&bench, "shop.o", "positive", SEEN_BREACH, REASON_VIOLATED, 2);
        expect(&bench, "shop.o", "wanted", SEEN_BREACH, REASON_VIOLATED, 2); /* 1 and NaN */
        ck_assert_str_eq(bench_finding(&bench, "shop.o", "positive")->keys[1], "(3)");
        expect(&bench, "shop.o", "o_pkey", SEEN_OK, REASON_OK, -1);
        expect(&bench, "shop.o", "o_id_not_null", SEEN_OK, REASON_OK, -1);
        bench_close(&bench);
}
END_TEST

START_TEST(what_the_planner_proves_is_not_read) {
        Bench bench;

        bench_open(&bench,
                   "CREATE TYPE s AS ENUM ('a', 'b');"
                   "CREATE TABLE o (a int CHECK (a > 0), v varchar(9) CONSTRAINT vs CHECK (v IN ('x', 'y')),"
                   " e s CONSTRAINT es CHECK (e = 'a'), g int GENERATED ALWAYS AS (a + 1) STORED,"
                   " CONSTRAINT gs CHECK (g > 1));");
        bench_round(&bench);
        ck_assert_str_eq(expect(&bench, "shop.o", "o_a_check", SEEN_OK, REASON_OK, 0)->method, "proved");
        expect(&bench, "shop.o", "vs", SEEN_OK, REASON_OK, 0);
        expect(&bench, "shop.o", "es", SEEN_OK, REASON_OK, 0);
        expect(&bench, "shop.o", "gs", SEEN_OK, REASON_OK, 0);
        ck_assert_ptr_null(strstr(buffer_text(&bench.log), "count.full"));
        bench_close(&bench);
}
END_TEST

START_TEST(d9_nobodys_code_is_run) {
        static const char *const untrusted[] = {"fn", "op", "sleeps", "sets", "text_io", "domain_io"};
        _cleanup_(freep) char *log = NULL;
        Bench bench;

        bench_open(
                &bench,
                "CREATE FUNCTION okfn(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS"
                " $$BEGIN RAISE LOG 'okfn %', 'has run'; RETURN true; END$$;"
                "CREATE OPERATOR === (FUNCTION = okfn, RIGHTARG = int);"
                "CREATE DOMAIN d AS int CHECK (shop.okfn(VALUE));"
                "CREATE TABLE t (a int); INSERT INTO t VALUES (1);"
                "ALTER TABLE t ADD CONSTRAINT fn CHECK (okfn(a)) NOT VALID,"
                " ADD CONSTRAINT op CHECK (=== a) NOT VALID,"
                " ADD CONSTRAINT sleeps CHECK (pg_sleep(a) IS NULL) NOT VALID,"
                " ADD CONSTRAINT sets CHECK (set_config('work_mem', '64kB', false) <> '') NOT VALID,"
                " ADD CONSTRAINT text_io CHECK (a::text <> '') NOT VALID,"
                " ADD CONSTRAINT domain_io CHECK (a::d > 0) NOT VALID, ADD CONSTRAINT plain CHECK (a > 0);");
        bench_round(&bench);
        for (size_t i = 0; i < ELEMENTS(untrusted); i++)
                expect(&bench, "shop.t", untrusted[i], SEEN_UNKNOWN, REASON_UNTRUSTED, -1);
        ck_assert_str_eq(expect(&bench, "shop.t", "plain", SEEN_OK, REASON_OK, 0)->method, "full");
        log = cluster_log(&cluster);
        ck_assert_ptr_nonnull(log);
        ck_assert_ptr_null(strstr(log, "okfn has run"));
        cluster_sql(&cluster, "SELECT shop.okfn(1)");
        log = (free(log), cluster_log(&cluster));
        ck_assert_ptr_nonnull(strstr(log, "okfn has run"));
        bench_close(&bench);
}
END_TEST

START_TEST(a_function_that_was_replaced_proves_nothing) {
        Bench bench;

        bench_open(
                &bench,
                "CREATE FUNCTION f(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 > 0';"
                "GRANT EXECUTE ON FUNCTION f TO mon;"
                "CREATE TABLE t (a int CONSTRAINT c CHECK (shop.f(a))); INSERT INTO t VALUES (1);"
                "CREATE OR REPLACE FUNCTION f(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 > 5';");
        bench_want(&bench, "t", "c", "a > 5");
        bench_round(&bench);
        expect(&bench, "shop.t", "c", SEEN_BREACH, REASON_VIOLATED, 1);
        bench_close(&bench);
}
END_TEST

START_TEST(d11b_trees_are_counted_whole) {
        Bench bench;

        bench_open(&bench,
                   "CREATE TABLE p (k int, a int) PARTITION BY LIST (k); CREATE TABLE p1 PARTITION OF p FOR "
                   "VALUES IN (1);"
                   "INSERT INTO p VALUES (1, -1); ALTER TABLE p ADD CONSTRAINT c CHECK (a > 0) NOT VALID;"
                   "CREATE TABLE r (a int); CREATE TABLE r1 () INHERITS (r); INSERT INTO r VALUES (-1); "
                   "INSERT INTO r1 VALUES (-2);"
                   "ALTER TABLE r ADD CONSTRAINT all_c CHECK (a > 0) NOT VALID;"
                   "ALTER TABLE r ADD CONSTRAINT own_c CHECK (a > 5) NO INHERIT NOT VALID;"
                   "CREATE FOREIGN DATA WRAPPER fake; CREATE SERVER fake FOREIGN DATA WRAPPER fake;"
                   "CREATE TABLE f (k int, a int CONSTRAINT c CHECK (a > 0)) PARTITION BY LIST (k);"
                   "CREATE FOREIGN TABLE f1 PARTITION OF f FOR VALUES IN (1) SERVER fake;");
        bench_round(&bench);
        expect(&bench, "shop.p", "c", SEEN_BREACH, REASON_VIOLATED, 1);
        expect(&bench, "shop.r", "all_c", SEEN_BREACH, REASON_VIOLATED, 2);
        expect(&bench, "shop.r", "own_c", SEEN_BREACH, REASON_VIOLATED, 1);
        expect(&bench, "shop.f", "c", SEEN_UNKNOWN, REASON_UNSUPPORTED, -1);
        ck_assert_uint_eq(bench.report.n_findings, 4); /* what leaves inherit is told of the parent */
        cluster_sql(&cluster, "DROP FOREIGN DATA WRAPPER fake CASCADE");
        bench_close(&bench);
}
END_TEST

START_TEST(d7_a_locked_table_blinds_no_other) {
        static const char held[] = "SELECT count(*)::pg_catalog.text AS value FROM pg_catalog.pg_locks "
                                   "WHERE mode = 'AccessExclusiveLock' AND granted AND relation = "
                                   "'shop.locked'::pg_catalog.regclass";
        Bench bench;
        pid_t psql;

        bench_open(&bench, "CREATE TABLE locked (a int CONSTRAINT c CHECK (a > 0));"
                           "CREATE TABLE other (a int CONSTRAINT c CHECK (a > 0));");
        psql = cluster_sql_start(&cluster, "BEGIN; LOCK TABLE shop.locked; SELECT pg_sleep(60);");
        do
                driver_sql(&bench.driver, STATEMENT_ALONE, held);
        while (!str_equal(driver_value(&bench.driver), "1"));
        bench_round(&bench);
        expect(&bench, "shop.locked", "c", SEEN_UNKNOWN, REASON_LOCKED, -1);
        expect(&bench, "shop.other", "c", SEEN_OK, REASON_OK, 0);
        cluster_sql(&cluster, "SELECT pg_terminate_backend(pid, 20000) FROM pg_locks "
                              "WHERE mode = 'AccessExclusiveLock' AND granted");
        cluster_end(psql);
        bench_close(&bench);
}
END_TEST

START_TEST(d10_d11_d12_d13_a_table_that_changes_under_the_check_is_unknown_or_gone) {
        static const struct {
                const char *change;
                Reason reason; /* OK: it is gone with what it was about, and so is its finding */
        } changes[] = {
                {"DROP TABLE shop.t; CREATE VIEW shop.t AS SELECT 1 AS a; GRANT SELECT ON shop.t TO mon",
                 REASON_OK},
                {"ALTER TABLE shop.t ENABLE ROW LEVEL SECURITY", REASON_ROW_SECURITY},
                {"REVOKE SELECT ON shop.t FROM mon", REASON_PRIVILEGE},
                {"DROP TABLE shop.t", REASON_OK},
                {"ALTER TABLE shop.t DROP CONSTRAINT c", REASON_OK},
        };

        for (size_t i = 0; i < ELEMENTS(changes); i++) {
                Bench bench;

                bench_open(&bench, "CREATE TABLE t (a int); INSERT INTO t VALUES (-1);"
                                   "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;");
                bench.before_count = changes[i].change;
                bench_round(&bench);
                if (changes[i].reason != REASON_OK)
                        expect(&bench, "shop.t", "c", SEEN_UNKNOWN, changes[i].reason, -1);
                else
                        ck_assert_msg(bench.report.n_findings == 0, "%s: %s", changes[i].change,
                                      bench.report.findings[0].summary);
                ck_assert_ptr_null(strstr(buffer_text(&bench.log), "count.full"));
                bench_close(&bench);
        }
}
END_TEST

START_TEST(d12_what_may_not_be_read_is_not_tried) {
        _cleanup_(freep) char *log = NULL;
        Bench bench;

        bench_open(
                &bench,
                "CREATE TABLE untried (a int CONSTRAINT c CHECK (a > 0)); REVOKE SELECT ON untried FROM mon;"
                "CREATE TABLE secured (a int CONSTRAINT c CHECK (a > 0));"
                "ALTER TABLE secured ENABLE ROW LEVEL SECURITY;");
        bench_round(&bench);
        expect(&bench, "shop.untried", "c", SEEN_UNKNOWN, REASON_PRIVILEGE, -1);
        expect(&bench, "shop.secured", "c", SEEN_UNKNOWN, REASON_ROW_SECURITY, -1);
        log = cluster_log(&cluster);
        ck_assert_ptr_null(strstr(log, "permission denied for table untried"));
        bench_close(&bench);
}
END_TEST

START_TEST(d13_misspelt_and_broken_rules_take_no_other_down) {
        Bench bench;

        bench_open(&bench,
                   "CREATE TABLE orders (id int, total_amount int); INSERT INTO orders VALUES (0, 0);");
        bench_want(&bench, "orders", "good", "total_amount > 0");
        bench_want(&bench, "orders", "column", "totl_amount > 0");
        bench_want(&bench, "ordres", "table", "id > 0");
        bench_want(&bench, "orders", "syntax", "id > (");
        bench_want(&bench, "orders", "zero", "1 / id > 0");
        for (int i = 0; i < 2; i++) {
                bench_round(&bench);
                expect(&bench, "shop.orders", "good", SEEN_BREACH, REASON_VIOLATED, 1);
                expect(&bench, "shop.orders", "column", SEEN_BREACH, REASON_NO_SUCH_COLUMN, -1);
                expect(&bench, "shop.ordres", "table", SEEN_BREACH, REASON_NO_SUCH_TABLE, -1);
                expect(&bench, "shop.orders", "syntax", SEEN_BREACH, REASON_ERROR, -1);
                expect(&bench, "shop.orders", "zero", SEEN_BREACH, REASON_ERROR, -1);
                ck_assert_ptr_nonnull(
                        strstr(bench_finding(&bench, "shop.orders", "column")->summary, "total_amount"));
        }
        bench_close(&bench);
}
END_TEST

START_TEST(a_configured_rule_is_compared_by_meaning_not_by_text) {
        Bench bench;

        bench_open(&bench, "CREATE TABLE o (a int, b numeric);"
                           "ALTER TABLE o ADD CONSTRAINT same CHECK (a > 0) NOT VALID;"
                           "ALTER TABLE o ADD CONSTRAINT also_same CHECK (NOT b <= 0) NOT VALID;"
                           "ALTER TABLE o ADD CONSTRAINT other CHECK (a >= 0) NOT VALID;"
                           "ALTER TABLE o ADD CONSTRAINT stronger CHECK (a > 7) NOT VALID;"
                           "ALTER TABLE o VALIDATE CONSTRAINT stronger;");
        bench_want(&bench, "o", "same", " ( a>0 )");
        bench_want(&bench, "o", "also_same", "b > 0");
        bench_want(&bench, "o", "other", "b > a");
        bench_want(&bench, "o", "stronger", "a > 6");
        bench_round(&bench);
        expect(&bench, "shop.o", "also_same", SEEN_BREACH, REASON_NOT_VALID, 0);
        expect(&bench, "shop.o", "other", SEEN_BREACH, REASON_DIFFERS, 0);
        expect(&bench, "shop.o", "stronger", SEEN_OK, REASON_OK, 0);
        ck_assert_int_ne(bench_finding(&bench, "shop.o", "same")->reason, REASON_DIFFERS);
        bench_close(&bench);
}
END_TEST

START_TEST(d26_odd_names_are_found_and_counted) {
        static const char object[] = "shop.\"We\"\"ird; {%s}\n\xF0\x9F\x98\x80\"";
        const Finding *finding;
        Bench bench;

        bench_open(&bench,
                   "CREATE TABLE \"We\"\"ird; {%s}\n\xF0\x9F\x98\x80\" (\"co\"\"l;\\\" int, \"select\" int,"
                   " PRIMARY KEY (\"select\", \"co\"\"l;\\\"));"
                   "INSERT INTO \"We\"\"ird; {%s}\n\xF0\x9F\x98\x80\" VALUES (-1, 2);"
                   "ALTER TABLE \"We\"\"ird; {%s}\n\xF0\x9F\x98\x80\" ADD CONSTRAINT \"ch'k {%d}; \"\"x\"\"\""
                   " CHECK (\"co\"\"l;\\\" > 0) NOT VALID;"
                   "CREATE TABLE aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
                   " (hhhhhhhhhhaaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffff int NOT NULL);");
        bench.key_rows = 1;
        bench_round(&bench);
        finding = expect(&bench, object, "ch'k {%d}; \"x\"", SEEN_BREACH, REASON_VIOLATED, 1);
        ck_assert_str_eq(finding->keys[0], "(2,-1)");
        expect(&bench, "shop.aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg",
               "aaaaaaaaaabbbbbbbbbbccccccc_hhhhhhhhhhaaaaaaaaaabbbbbb_not_null", SEEN_OK, REASON_OK, -1);
        cluster_sql(&cluster, finding->repair);
        bench_close(&bench);
}
END_TEST

START_TEST(the_repairs_that_are_shown_repair) {
        Bench bench;

        bench_open(&bench,
                   "CREATE TABLE o (a int); ALTER TABLE o ADD CONSTRAINT weak CHECK (a > 0) NOT VALID;");
        bench_want(&bench, "o", "Not there", "a < 9");
        bench_round(&bench);
        cluster_sql(&cluster, expect(&bench, "shop.o", "Not there", SEEN_BREACH, REASON_MISSING, 0)->repair);
        cluster_sql(&cluster, expect(&bench, "shop.o", "weak", SEEN_BREACH, REASON_NOT_VALID, 0)->repair);
        bench_round(&bench);
        expect(&bench, "shop.o", "Not there", SEEN_OK, REASON_OK, 0);
        expect(&bench, "shop.o", "weak", SEEN_OK, REASON_OK, 0);
        bench_close(&bench);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                counts_agree_with_check_on_null_and_nan,
                what_the_planner_proves_is_not_read,
                d9_nobodys_code_is_run,
                a_function_that_was_replaced_proves_nothing,
                d11b_trees_are_counted_whole,
                d7_a_locked_table_blinds_no_other,
                d10_d11_d12_d13_a_table_that_changes_under_the_check_is_unknown_or_gone,
                d12_what_may_not_be_read_is_not_tried,
                d13_misspelt_and_broken_rules_take_no_other_down,
                a_configured_rule_is_compared_by_meaning_not_by_text,
                d26_odd_names_are_found_and_counted,
                the_repairs_that_are_shown_repair,
        };
        int r;

        if (cluster_start(&cluster) < 0)
                return EXIT_FAILURE; /* the message is on standard error */
        r = unit_run("constraint-server", tests, ELEMENTS(tests));
        cluster_stop(&cluster);
        return r;
}
