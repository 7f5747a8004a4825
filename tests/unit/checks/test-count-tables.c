/* Tests of the tables of a check, and of the schedule of the walk that reads everything: simulated
 * days of polls.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "checks/count-tables.h"
#include "rows.h"

#define MINUTE     (60 * USEC_PER_SEC)
#define DAY        (24 * USEC_PER_HOUR)
#define TABLES_MAX 200

#define FACTS                                                                                                \
        "is_other=f|relkind=r|leaf=shop.t|can_read=t|can_use=t|row_security=f|moved=0|signature=s|"          \
        "fingerprint=1|epoch=e|snapshot=s|now=n|is_standby=f|counts_rows=t"

typedef struct Simulated {
        int64_t pages;
        int64_t growth; /* pages an hour */
        bool is_locked; /* every visit fails */
        bool is_broken; /* every slice of it fails */
        bool is_hung;   /* and takes the connection with it */
        bool walks;     /* by itself, once an hour */
        int64_t read;   /* by the walk of everything, in all */
        int64_t most;   /* pages that it had at most */
} Simulated;

typedef struct Simulation {
        CountTables tables;
        Simulated simulated[TABLES_MAX]; /* that of oid i + 1 */
        size_t n;
        usec_t now, poll, interval;
        usec_t walk_since, walk_within;
        usec_t first; /* turn: what is read in it counts, unless … */
        bool counts_all;
        int64_t burst; /* most pages of one poll */
} Simulation;

static CountTable *get(CountTables *tables, int64_t id, bool only, const char *name, const char *alone) {
        CountTable *table;

        ck_assert_int_eq(count_tables_get(tables,
                                          &(CountTable){.id = id,
                                                        .only = only,
                                                        .schema = (char[]){"shop"},
                                                        .name = (char *)name,
                                                        .alone = (char *)alone},
                                          &table),
                         0);
        return table;
}

START_TEST(a_table_is_found_by_what_it_is) {
        CountTables tables = {};
        CountTable *plain = get(&tables, 20, false, "t", NULL), *only = get(&tables, 20, true, "t", NULL),
                   *alone = get(&tables, 20, false, "t", "r"), *first = get(&tables, 3, false, "a", NULL),
                   *other = get(&tables, 20, false, "t", "q"), *last = get(&tables, 21, false, "z", NULL);
        CountTable *const sorted[] = {first, plain, other, alone, only, last};

        ck_assert_uint_eq(tables.n, ELEMENTS(sorted));
        for (size_t i = 0; i < ELEMENTS(sorted); i++)
                ck_assert_ptr_eq(tables.items[i], sorted[i]);
        ck_assert_ptr_eq(get(&tables, 20, false, "t", NULL), plain);
        ck_assert_ptr_eq(get(&tables, 20, true, "t", NULL), only);
        ck_assert_ptr_eq(get(&tables, 20, false, "t", "r"), alone);
        ck_assert_uint_eq(tables.n, ELEMENTS(sorted));
        ck_assert_str_eq(plain->sql, "shop.t");
        count_tables_done(&tables);
        ck_assert_uint_eq(tables.n, 0);
}
END_TEST

START_TEST(what_is_known_of_a_table_is_gone_with_its_name) {
        CountTables tables = {};
        CountTable *table = get(&tables, 20, false, "t", NULL);

        table->safety_at = 7;
        count_table_list(table, "r", "x");
        table = get(&tables, 20, false, "renamed", NULL);
        ck_assert_uint_eq(tables.n, 1);
        ck_assert(table->safety_at == 0 && table->n_rules == 0);
        ck_assert_str_eq(table->name, "renamed");
        count_tables_done(&tables);
}
END_TEST

static bool is_even(void *userdata, int64_t id) {
        ++*(int *)userdata;
        return id % 2 == 0;
}

START_TEST(tables_that_are_gone_are_swept) {
        CountTables tables = {};
        int asked = 0;

        for (int64_t id = 1; id <= 6; id++)
                get(&tables, id, false, "t", NULL);
        get(&tables, 4, true, "t", NULL);
        count_tables_sweep(&tables, is_even, &asked);
        ck_assert_uint_eq(tables.n, 3);
        ck_assert_int_eq(asked, 7);
        for (size_t i = 0; i < 3; i++)
                ck_assert_int_eq(tables.items[i]->id, 2 * (int64_t)i + 1);
        tables.items[1]->walk.is_active = true;
        ck_assert_uint_eq(count_tables_walking(&tables), 1);
        count_tables_done(&tables);
}
END_TEST

static void add(Simulation *simulation, const Simulated *simulated) {
        CountTable *table;

        ck_assert_uint_lt(simulation->n, TABLES_MAX);
        simulation->simulated[simulation->n++] = *simulated;
        table = get(&simulation->tables, (int64_t)simulation->n, false, "t", NULL);
        count_table_list(table, "r", "bad");
}

static Table *answer(const Simulated *simulated, const CountTable *table, const Statement *statement) {
        _cleanup_(freep) char *size = str_format("relid=%lld|root=%lld|pages=%lld", (long long)table->id,
                                                 (long long)table->id, (long long)simulated->pages);
        const char *row = size;

        if (str_equal(statement->name, "count.facts"))
                return rows_make(statement->shape, FACTS, &row, 1);
        if (str_equal(statement->name, "count.details"))
                return rows_make(statement->shape, "is_opaque=f", &(const char *){""}, 1);
        return statement->shape ? rows_make(statement->shape, NULL, NULL, 0) : NULL;
}

/* As the check does it; pages that were read. */
static int64_t visit(const Simulation *simulation, CountTable *table, int64_t pages) {
        static const ServerFacts server = {.version_num = 150000};
        const Simulated *simulated = &simulation->simulated[table->id - 1];
        const CheckContext context = {.server = &server, .boottime = simulation->now};
        TargetSettings settings = {.limits.blocks_per_poll = 4096};
        CheckContext whole = context;
        int64_t read = 0;

        whole.settings = &settings;
        count_begin(table, pages, true);
        for (;;) {
                _cleanup_(statement_done) Statement statement = {};
                _cleanup_(outcome_done) Outcome outcome = {.kind = OUTCOME_ROWS, .duration = 1000};
                int r = count_next(table, &whole, &statement);

                ck_assert_int_ge(r, 0);
                if (r == 0)
                        return read;
                if (simulated->is_locked ||
                    (simulated->is_broken && str_equal(statement.name, "count.slice"))) {
                        if (!simulated->is_hung)
                                count_fail(table, REASON_LOCKED);
                        return read;
                }
                read += statement.blocks;
                outcome.table = answer(simulated, table, &statement);
                ck_assert_int_eq(count_take(table, &whole, &outcome), 0);
        }
}

static usec_t interval_of(Simulation *simulation) {
        const TargetSettings settings = {.intervals.safety = simulation->interval};
        const CheckContext asked = {.settings = &settings,
                                    .walk_since = simulation->walk_since,
                                    .walk_within = simulation->walk_within};

        return count_tables_interval(&simulation->tables, &asked);
}

static void poll(Simulation *simulation) {
        CountTable *table;
        int64_t pages;

        simulation->now += simulation->poll;
        for (size_t i = 0; i < simulation->n; i++) {
                Simulated *simulated = &simulation->simulated[i];
                usec_t hour = simulation->now / USEC_PER_HOUR;

                if (hour == (simulation->now - simulation->poll) / USEC_PER_HOUR)
                        continue;
                simulated->pages += simulated->growth;
                if (simulated->walks)
                        simulation->tables.items[i]->safety_at = simulation->now - USEC_PER_HOUR / 2;
        }
        table = count_tables_due(&simulation->tables, simulation->now, interval_of(simulation), &pages);
        if (!table)
                return;
        ck_assert(pages > 0 || !table->is_sized); /* only its size is asked for */
        pages = visit(simulation, table, pages);
        if (simulation->first == 0 || simulation->walk_since > 0 || simulation->counts_all)
                simulation->first = simulation->tables.began;
        if (simulation->tables.began == simulation->first)
                simulation->simulated[table->id - 1].read += pages;
        if (pages > simulation->burst)
                simulation->burst = pages;
}

static Simulation begin(const Simulated *simulated, size_t n) {
        Simulation simulation = {.now = USEC_PER_HOUR, .poll = MINUTE, .interval = DAY};

        for (size_t i = 0; i < n; i++)
                add(&simulation, &simulated[i]);
        return simulation;
}

static void pass_time(Simulation *simulation, usec_t time) {
        for (usec_t end = simulation->now + time; simulation->now < end;)
                poll(simulation);
}

static int64_t total(const Simulation *simulation) {
        int64_t pages = 0;

        for (size_t i = 0; i < simulation->n; i++)
                pages += simulation->simulated[i].is_locked ? 0 : simulation->simulated[i].pages;
        return pages;
}

/* Never more at once than a few times what an even pace would read. */
static void check_pace(const Simulation *simulation) {
        int64_t even = total(simulation) * (int64_t)simulation->poll / (int64_t)simulation->interval;

        ck_assert_msg(simulation->burst <= 4 * (even + 1) + 64, "%lld pages at once, %lld would be even",
                      (long long)simulation->burst, (long long)even);
}

/* All but those that cannot be read were read, and once. */
static void check_read(const Simulation *simulation, usec_t since) {
        for (size_t i = 0; i < simulation->n; i++) {
                const Simulated *simulated = &simulation->simulated[i];

                if (simulated->is_locked || simulated->is_broken)
                        continue;
                ck_assert_msg(simulation->tables.items[i]->safety_at >= since, "table %zu of %lld pages", i,
                              (long long)simulated->pages);
                ck_assert_msg(simulated->walks || simulated->read == simulated->pages ||
                                      (simulated->growth > 0 && simulated->read <= simulated->pages),
                              "table %zu: %lld of %lld pages", i, (long long)simulated->read,
                              (long long)simulated->pages);
        }
}

START_TEST(everything_is_read_once_within_the_interval_at_an_even_pace) {
        static const Simulated shop[] = {
                {.pages = 150000},
                {.pages = 1},
                {.pages = 0},
                {.pages = 5},
                {.pages = 64},
                {.pages = 100},
                {.pages = 65},
                {.pages = 20000},
                {.pages = 999},
                {.pages = 50000, .growth = 1000},
                {.pages = 30000, .walks = true},
        };
        Simulation simulation = begin(shop, ELEMENTS(shop));
        usec_t began = simulation.now;

        pass_time(&simulation, DAY + 20 * MINUTE);
        check_read(&simulation, began);
        check_pace(&simulation);
        ck_assert_uint_ge(count_tables_walked_since(&simulation.tables), began);
        count_tables_done(&simulation.tables);
}
END_TEST

START_TEST(what_is_named_and_not_small_has_its_cost) {
        CountTables tables = {};
        static const struct {
                int64_t pages;
                bool is_wanted, is_sized, has_rules;
        } cases[] = {
                {100000, true, true, true}, {2048, true, true, true},   {2049, true, true, true},
                {50000, false, true, true}, {60000, true, false, true}, {70000, true, true, false},
        };

        ck_assert_int_eq(count_tables_named_blocks(&tables), 0);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                CountTable *table = get(&tables, (int64_t)i + 1, false, "t", NULL);

                if (cases[i].has_rules)
                        count_table_list(table, "r", "x");
                table->pages = cases[i].pages;
                table->is_sized = cases[i].is_sized;
                table->is_wanted = cases[i].is_wanted;
        }
        ck_assert_int_eq(count_tables_named_blocks(&tables), 102049);
        count_tables_done(&tables);
}
END_TEST

START_TEST(half_of_the_time_is_half_of_the_pages) {
        static const Simulated shop[] = {{.pages = 100000}, {.pages = 40000}, {.pages = 4000}};
        Simulation simulation = begin(shop, ELEMENTS(shop));
        int64_t read = 0;

        pass_time(&simulation, DAY / 2);
        for (size_t i = 0; i < simulation.n; i++)
                read += simulation.simulated[i].read;
        ck_assert_int_ge(read, 71000);
        ck_assert_int_le(read, 73000);
        ck_assert_uint_eq(count_tables_walked_since(&simulation.tables), 0);
        count_tables_done(&simulation.tables);
}
END_TEST

/* A walk of before the phase is given up, and after the one of the phase the pace is the usual one. */
START_TEST(a_phase_has_everything_read_anew_evenly_and_in_its_time) {
        static const Simulated shop[] = {{.pages = 100000}, {.pages = 40000}, {.pages = 4000}};
        Simulation simulation = begin(shop, ELEMENTS(shop));
        usec_t began;
        int64_t read = 0;

        pass_time(&simulation, DAY / 2 + 7 * MINUTE);
        began = simulation.now;
        for (size_t i = 0; i < simulation.n; i++)
                simulation.simulated[i].read = 0;
        simulation.burst = 0;
        simulation.walk_since = began;
        simulation.walk_within = DAY / 4;
        pass_time(&simulation, DAY / 4 + 20 * MINUTE);
        check_read(&simulation, began);
        ck_assert_int_le(simulation.burst,
                         4 * (4 * total(&simulation) * (int64_t)MINUTE / (int64_t)DAY + 1) + 64);
        ck_assert_uint_ge(count_tables_walked_since(&simulation.tables), began);
        ck_assert_uint_eq(interval_of(&simulation), DAY);
        pass_time(&simulation, DAY / 4);
        for (size_t i = 0; i < simulation.n; i++)
                read += simulation.simulated[i].read;
        ck_assert_int_eq(read, total(&simulation));
        count_tables_done(&simulation.tables);
}
END_TEST

START_TEST(what_the_configuration_names_is_read_first) {
        static const Simulated shop[] = {{.pages = 40000}, {.pages = 20000}, {.pages = 20000}};
        Simulation simulation = begin(shop, ELEMENTS(shop));

        simulation.tables.items[2]->is_wanted = true;
        pass_time(&simulation, DAY / 4 + 20 * MINUTE);
        ck_assert_uint_gt(simulation.tables.items[2]->safety_at, 0);
        ck_assert_uint_eq(simulation.tables.items[0]->safety_at, 0);
        pass_time(&simulation, 3 * DAY / 4);
        check_read(&simulation, USEC_PER_HOUR);
        count_tables_done(&simulation.tables);
}
END_TEST

START_TEST(turn_follows_turn_and_walked_since_moves_on) {
        static const Simulated shop[] = {{.pages = 50000}, {.pages = 3}, {.pages = 700}};
        Simulation simulation = begin(shop, ELEMENTS(shop));
        usec_t last = 0;

        simulation.counts_all = true;
        for (int turn = 1; turn <= 4; turn++) {
                usec_t since;

                pass_time(&simulation, DAY + 5 * MINUTE);
                since = count_tables_walked_since(&simulation.tables);
                ck_assert_uint_gt(since, last);
                ck_assert_uint_le(simulation.now - since, 2 * DAY + 20 * MINUTE);
                last = since;
                ck_assert_int_ge(simulation.simulated[0].read, turn * 49000);
                ck_assert_int_le(simulation.simulated[0].read, turn * 51000 + 1000);
        }
        check_pace(&simulation);
        count_tables_done(&simulation.tables);
}
END_TEST

START_TEST(many_small_tables_are_all_read_in_time) {
        Simulation simulation = begin(NULL, 0);
        usec_t began = simulation.now;

        for (int i = 0; i < TABLES_MAX; i++)
                add(&simulation, &(Simulated){.pages = i % 7 == 0 ? 0 : i % 65});
        simulation.interval = 8 *
                              USEC_PER_HOUR; /* 480 polls for 200 tables, each sized in one and read in one */
        pass_time(&simulation, simulation.interval + 5 * MINUTE);
        check_read(&simulation, began);
        count_tables_done(&simulation.tables);
}
END_TEST

START_TEST(d7_a_table_that_cannot_be_read_keeps_no_other_from_being_read) {
        static const Simulated shops[][4] = {
                {{.pages = 9000, .is_locked = true}, {.pages = 20000}, {.pages = 10}, {.pages = 4000}},
                {{.pages = 20000}, {.pages = 10}, {.pages = 4000}, {.pages = 9000, .is_locked = true}},
                {{.pages = 9000, .is_broken = true}, {.pages = 20000}, {.pages = 10}, {.pages = 4000}},
                {{.pages = 20000}, {.pages = 9000, .is_broken = true}, {.pages = 10}, {.pages = 4000}},
                {{.pages = 9000, .is_broken = true, .is_hung = true}, {.pages = 20000}, {.pages = 10}},
        };

        for (size_t i = 0; i < ELEMENTS(shops); i++) {
                Simulation simulation = begin(shops[i], shops[i][3].pages > 0 ? 4 : 3);
                usec_t began = simulation.now;

                pass_time(&simulation, DAY + 5 * MINUTE);
                check_read(&simulation, began);
                check_pace(&simulation);
                ck_assert_uint_eq(count_tables_walked_since(&simulation.tables), 0); /* and that is told */

                began = simulation.now;
                pass_time(&simulation, DAY + 5 * MINUTE); /* nor the next turn */
                for (size_t k = 0; k < simulation.n; k++) {
                        const Simulated *one = &simulation.simulated[k];

                        ck_assert(one->is_locked || one->is_broken ||
                                  simulation.tables.items[k]->safety_at >= began - 30 * MINUTE);
                }
                count_tables_done(&simulation.tables);
        }
}
END_TEST

START_TEST(a_table_that_can_be_read_again_is_caught_up_with_without_a_burst) {
        static const Simulated shop[] = {{.pages = 40000, .is_locked = true}, {.pages = 40000}};
        Simulation simulation = begin(shop, ELEMENTS(shop));
        usec_t began = simulation.now;

        pass_time(&simulation, DAY / 2);
        simulation.simulated[0].is_locked = false;
        pass_time(&simulation, DAY);
        check_pace(&simulation);
        ck_assert_uint_ge(count_tables_walked_since(&simulation.tables), began);
        count_tables_done(&simulation.tables);
}
END_TEST

START_TEST(what_was_missed_while_blind_is_not_read_at_once) {
        static const Simulated shop[] = {{.pages = 200000}, {.pages = 3000}};
        Simulation simulation = begin(shop, ELEMENTS(shop));

        pass_time(&simulation, DAY / 12);
        simulation.now += DAY / 2; /* the server was away */
        pass_time(&simulation, DAY / 2);
        check_pace(&simulation);
        ck_assert_uint_gt(count_tables_walked_since(&simulation.tables), 0);
        count_tables_done(&simulation.tables);
}
END_TEST

START_TEST(a_large_table_whose_size_is_learnt_late_makes_no_burst) {
        Simulation simulation = begin(NULL, 0);

        for (int i = 0; i < 150; i++)
                add(&simulation, &(Simulated){.pages = 100});
        add(&simulation, &(Simulated){.pages = 300000});
        simulation.interval = 4 * USEC_PER_HOUR;
        pass_time(&simulation, 2 * simulation.interval);
        check_pace(&simulation);
        ck_assert_uint_gt(count_tables_walked_since(&simulation.tables), 0);
        count_tables_done(&simulation.tables);
}
END_TEST

START_TEST(tables_without_rules_are_neither_read_nor_waited_for) {
        static const Simulated shop[] = {{.pages = 50000}, {.pages = 100}};
        Simulation simulation = begin(shop, ELEMENTS(shop));
        int64_t pages;

        count_table_unlist(simulation.tables.items[0]);
        count_table_sweep(simulation.tables.items[0]);
        pass_time(&simulation, DAY + 5 * MINUTE);
        ck_assert_int_eq(simulation.simulated[0].read, 0);
        ck_assert_uint_gt(count_tables_walked_since(&simulation.tables), 0);

        count_table_unlist(simulation.tables.items[1]);
        count_table_sweep(simulation.tables.items[1]);
        ck_assert_ptr_null(count_tables_due(&simulation.tables, simulation.now + DAY, DAY, &pages));
        ck_assert_uint_eq(count_tables_walked_since(&simulation.tables), 0);
        count_tables_done(&simulation.tables);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                a_table_is_found_by_what_it_is,
                what_is_known_of_a_table_is_gone_with_its_name,
                tables_that_are_gone_are_swept,
                everything_is_read_once_within_the_interval_at_an_even_pace,
                what_is_named_and_not_small_has_its_cost,
                half_of_the_time_is_half_of_the_pages,
                a_phase_has_everything_read_anew_evenly_and_in_its_time,
                what_the_configuration_names_is_read_first,
                turn_follows_turn_and_walked_since_moves_on,
                many_small_tables_are_all_read_in_time,
                d7_a_table_that_cannot_be_read_keeps_no_other_from_being_read,
                a_table_that_can_be_read_again_is_caught_up_with_without_a_burst,
                what_was_missed_while_blind_is_not_read_at_once,
                a_large_table_whose_size_is_learnt_late_makes_no_burst,
                tables_without_rules_are_neither_read_nor_waited_for,
        };

        return unit_run("count-tables", tests, ELEMENTS(tests));
}
