/* Tests of what the server's facts of a table mean: whether its rows may be read, its parts, what a
 * count is compared by, the key by which rows are found again.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "checks/count-walk.h"
#include "rows.h"

#define DEFAULTS                                                                                             \
        "relid=1|root=1|is_other=f|relkind=r|leaf=shop.orders|can_read=t|can_use=t|row_security=f|pages=10|" \
        "moved=2|signature=1,9|fingerprint=f|epoch=e|snapshot=s|now=t|busy=0|is_standby=f|counts_rows=t"

#define DETAILS "is_opaque=f|key_columns={id}|key_types={bigint}"

/* A partitioned table 1 with the parts 2 and 3. */
#define PARENT "relkind=p|leaf=shop.orders|pages=0|moved=0|signature=1"
#define PART_2 "relid=2|leaf=shop.orders_2|pages=5|signature=2,5"
#define PART_3 "relid=3|leaf=shop.orders_3|pages=6|signature=3,6"

#define ROWS_MAX 4

typedef const char *Rows[ROWS_MAX];

static Table *make(const char *const *rows) {
        size_t n = 0;

        while (n < ROWS_MAX && rows[n])
                n++;
        return rows_make(&count_facts_rows, DEFAULTS, rows, n);
}

static Facts load(const char *const *rows) {
        _cleanup_(table_freep) Table *table = make(rows);
        Facts facts;

        ck_assert_int_eq(count_facts_load(table, &facts), 0);
        return facts;
}

/* Of a table with these facts. */
static int load_details(const char *const *facts_rows, const char *row, Details *ret) {
        _cleanup_(count_facts_done) Facts facts = load(facts_rows);
        _cleanup_(table_freep) Table *table = rows_make(&count_details_rows, DETAILS, &row, row ? 1 : 0);

        *ret = (Details){};
        return count_details_load(table, &facts, ret);
}

START_TEST(d10_d11_d12_rows_are_read_only_where_nothing_stands_against_it) {
        static const struct {
                Rows rows;
                bool only;
                Reason reason;
        } cases[] = {
                {{""}, false, REASON_OK},
                {{""}, true, REASON_OK},
                {{NULL}, false, REASON_NO_SUCH_TABLE},
                {{"relkind=v"}, false, REASON_UNSUPPORTED},
                {{"relkind=m"}, false, REASON_UNSUPPORTED},
                {{"relkind=f"}, false, REASON_UNSUPPORTED},
                {{"relkind="}, false, REASON_UNSUPPORTED},
                {{"relid=7|root=7"}, false, REASON_ERROR}, /* made anew under its name */
                {{"can_read=f"}, false, REASON_PRIVILEGE},
                {{"can_use=f"}, false, REASON_PRIVILEGE},
                {{"row_security=t"}, false, REASON_ROW_SECURITY},
                {{"can_read=f|row_security=t"}, false, REASON_PRIVILEGE},
                {{PARENT, PART_2, PART_3}, false, REASON_OK},
                {{PARENT}, false, REASON_OK}, /* no part yet */
                {{PARENT}, true, REASON_UNSUPPORTED},
                {{PARENT, PART_2 "|relkind=f"}, false, REASON_UNSUPPORTED},
                {{PARENT "|can_read=f", PART_2}, false, REASON_PRIVILEGE},
                /* Who may read a parent reads its parts through it, whatever they say themselves. */
                {{PARENT, PART_2 "|can_read=f|row_security=t"}, false, REASON_OK},
                {{"", "relid=2", "relid=3"}, false, REASON_OK}, /* inheritance */
                /* Another table that the rule reads. */
                {{"", "relid=9|is_other=t|is_named=t"}, false, REASON_OK},
                {{"", "relid=9|is_other=t|is_named=t|can_read=f"}, false, REASON_PRIVILEGE},
                {{"", "relid=9|is_other=t|is_named=t|can_use=f"}, false, REASON_PRIVILEGE},
                {{"", "relid=9|is_other=t|is_named=t|row_security=t"}, false, REASON_ROW_SECURITY},
                {{"", "relid=9|is_other=t|is_named=t|relkind=v"}, false, REASON_UNSUPPORTED},
                {{"", "relid=9|is_other=t|is_named=t|relkind=p"}, true, REASON_OK},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(table_freep) Table *table = make(cases[i].rows);
                Reason reason = count_facts_blocked(table, 1, cases[i].only);

                ck_assert_msg(reason == cases[i].reason, "case %zu: %s", i, reason_name(reason));
        }
}
END_TEST

START_TEST(a_table_is_its_own_leaf) {
        Facts facts = load((Rows){""});

        ck_assert_uint_eq(facts.n_leaves, 1);
        ck_assert_int_eq(facts.leaves[0].id, 1);
        ck_assert_str_eq(facts.leaves[0].sql, "shop.orders");
        ck_assert_int_eq(facts.leaves[0].pages, 10);
        ck_assert(facts.pages == 10 && facts.moved == 2 && facts.busy == 0);
        ck_assert(facts.can_slice && facts.counts_rows && !facts.is_standby);
        ck_assert_str_eq(facts.fingerprint, "f");
        ck_assert_str_eq(facts.snapshot, "e;s");
        ck_assert_str_eq(facts.signature, "e;1,9");
        ck_assert_str_eq(facts.time, "t");
        count_facts_done(&facts);
        ck_assert_ptr_null(facts.leaves);
}
END_TEST

START_TEST(d11b_a_partitioned_table_is_its_parts) {
        Facts facts = load((Rows){PARENT, PART_2, PART_3});

        ck_assert_uint_eq(facts.n_leaves, 2);
        ck_assert_int_eq(facts.leaves[0].id, 2);
        ck_assert_str_eq(facts.leaves[1].sql, "shop.orders_3");
        ck_assert(facts.pages == 11 && facts.moved == 4);
        ck_assert_str_eq(facts.signature, "e;1;2,5;3,6");
        ck_assert(facts.is_partitioned);
        count_facts_done(&facts);

        facts = load((Rows){PARENT});
        ck_assert(facts.n_leaves == 0 && facts.pages == 0);
        count_facts_done(&facts);
}
END_TEST

START_TEST(a_part_that_may_not_be_read_by_itself_cannot_be_sliced) {
        static const char *const parts[] = {PART_3 "|can_read=f", PART_3 "|can_use=f",
                                            PART_3 "|row_security=t"};

        for (size_t i = 0; i < ELEMENTS(parts); i++) {
                Facts facts = load((Rows){PARENT, PART_2, parts[i]});

                ck_assert_msg(!facts.can_slice, "case %zu", i);
                count_facts_done(&facts);
        }
}
END_TEST

START_TEST(other_tables_count_for_what_has_changed_and_are_no_part) {
        Facts facts = load((Rows){
                "", "relid=9|is_other=t|is_named=t|leaf=shop.customers|pages=99|moved=50|signature=9,1",
                "relid=9|is_other=t|is_named=t|relkind=p|signature=9"});

        ck_assert_uint_eq(facts.n_leaves, 1);
        ck_assert(facts.pages == 10 && facts.moved == 2);
        ck_assert_str_eq(facts.signature, "e;1,9;9,1;9");
        count_facts_done(&facts);

        /* A table that refers to itself is both. */
        facts = load((Rows){"", "is_other=t"});
        ck_assert(facts.n_leaves == 1 && facts.pages == 10);
        count_facts_done(&facts);
}
END_TEST

START_TEST(where_nobody_has_looked_a_page_has_many_rows) {
        static const struct {
                Rows rows;
                int64_t n;
        } cases[] = {
                {{"density=7"}, 70},
                {{"density="}, 1000},
                {{PARENT, PART_2 "|density=3", PART_3}, 615},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Facts facts = load(cases[i].rows);

                ck_assert_msg(facts.rows == cases[i].n, "case %zu: %lld", i, (long long)facts.rows);
                count_facts_done(&facts);
        }
}
END_TEST

START_TEST(a_file_that_was_rewritten_is_told_from_the_one_before) {
        static const Rows cases[] = {
                {PARENT, PART_2 "|file=20", PART_3 "|file=30"},
                {PARENT, PART_2 "|file=21", PART_3 "|file=30"},
                {PARENT, PART_2 "|file=20", PART_3 "|file=31"},
                {PARENT, PART_2 "|file=30", PART_3 "|file=20"},
                {PARENT, PART_2 "|file=20"},
        };
        uint64_t files[ELEMENTS(cases)];

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Facts facts = load(cases[i]), again = load(cases[i]);

                files[i] = facts.files;
                ck_assert_uint_eq(again.files, facts.files);
                for (size_t k = 0; k < i; k++)
                        ck_assert_uint_ne(files[k], files[i]);
                count_facts_done(&facts);
                count_facts_done(&again);
        }
}
END_TEST

START_TEST(what_is_not_told_is_not_known) {
        Facts facts = load((Rows){"busy=|pages=|moved=|is_standby=t|counts_rows=f"});
        Details details;

        ck_assert_int_eq(facts.busy, -1);
        ck_assert(facts.pages == 0 && facts.moved == 0);
        ck_assert(facts.is_standby && !facts.counts_rows);
        count_facts_done(&facts);

        ck_assert_int_eq(
                load_details((Rows){""}, "key_columns=|key_types=|is_opaque=t|visibility=ext", &details), 0);
        ck_assert_ptr_null(details.key_columns);
        ck_assert(details.is_known && details.is_opaque);
        ck_assert_str_eq(details.visibility, "ext");
        count_details_done(&details);
        ck_assert_int_eq(load_details((Rows){""}, "", &details), 0);
        ck_assert(!details.is_opaque && !details.visibility);
        count_details_done(&details);
}
END_TEST

START_TEST(d26_keys_of_odd_names_and_types_are_read) {
        Details details;

        ck_assert_int_eq(
                load_details((Rows){""},
                             "key_columns={\"\\\"we ird\\\"\",id,\"\\\"a,b}{\\\"\\\"\\\\\\\\\\\"\"}|"
                             "key_types={\"character varying(9)\",bigint,\"timestamp(3) with time zone\"}",
                             &details),
                0);
        ck_assert_uint_eq(strv_length(details.key_columns), 3);
        ck_assert_str_eq(details.key_columns[0], "\"we ird\"");
        ck_assert_str_eq(details.key_columns[2], "\"a,b}{\"\"\\\\\"");
        ck_assert_str_eq(details.key_types[0], "character varying(9)");
        ck_assert_str_eq(details.key_types[2], "timestamp(3) with time zone");
        count_details_done(&details);
}
END_TEST

START_TEST(a_key_is_unique_in_partitions_and_not_through_inheritance) {
        Details details;

        ck_assert_int_eq(load_details((Rows){PARENT, PART_2, PART_3}, "", &details), 0);
        ck_assert_uint_eq(strv_length(details.key_columns), 1);
        count_details_done(&details);
        ck_assert_int_eq(load_details((Rows){"", "relid=2|leaf=shop.child"}, "", &details), 0);
        ck_assert_ptr_null(details.key_columns);
        count_details_done(&details);
}
END_TEST

START_TEST(facts_that_make_no_sense_are_refused) {
        static const char *const cases[] = {
                NULL,
                "key_columns=id",
                "key_columns={id",
                "key_types={bigint}x",
                "key_columns={id,line}", /* a type is missing */
                "key_types=",
        };
        _cleanup_(table_freep) Table *nothing = make((Rows){NULL});
        Facts facts = {};

        ck_assert_int_eq(count_facts_load(nothing, &facts), -EINVAL);
        ck_assert_ptr_null(facts.leaves);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Details details;

                ck_assert_msg(load_details((Rows){""}, cases[i], &details) == -EINVAL, "case %zu", i);
                ck_assert(!details.is_known);
        }
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                d10_d11_d12_rows_are_read_only_where_nothing_stands_against_it,
                a_table_is_its_own_leaf,
                d11b_a_partitioned_table_is_its_parts,
                a_part_that_may_not_be_read_by_itself_cannot_be_sliced,
                other_tables_count_for_what_has_changed_and_are_no_part,
                where_nobody_has_looked_a_page_has_many_rows,
                a_file_that_was_rewritten_is_told_from_the_one_before,
                what_is_not_told_is_not_known,
                d26_keys_of_odd_names_and_types_are_read,
                a_key_is_unique_in_partitions_and_not_through_inheritance,
                facts_that_make_no_sense_are_refused,
        };

        return unit_run("count-facts", tests, ELEMENTS(tests));
}
