/* Tests of checks/statement-text: no value of a statement is shown, its names are.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "../unit.h"
#include "checks/statement-text.h"

START_TEST(names_stay_and_values_go) {
        static const struct {
                const char *sql, *shown;
        } cases[] = {
                {"SELECT *\n\tFROM  orders WHERE id = $1", "SELECT * FROM orders WHERE id = $1"},
                {"SELECT a1, \"b 2\" FROM t2 WHERE x=-12.5e3 LIMIT 10",
                 "SELECT a1, \"b 2\" FROM t2 WHERE x=-? LIMIT ?"},
                {"ALTER ROLE bob PASSWORD 'geheim'", "ALTER ROLE bob PASSWORD ?"},
                {"ALTER ROLE bob PASSWORD 'ge''heim' -- really", "ALTER ROLE bob PASSWORD ??"},
                {"SELECT E'it\\'s' || N'x', B'1', $$a 'b' c$$, $t$ $$ $t$, U&'d'",
                 "SELECT ? || ?, ?, ?, ?, U&?"},
                {"/* user=bob */ SELECT /* /* x */ y */ 1", "SELECT ?"},
                {"SELECT 'never closed", "SELECT ?"},
                {"SELECT 1::numeric(10,2), tab.col, .5", "SELECT ?::numeric(?,?), tab.col, .?"},
                {"SELECT preis_\xc3\xa4 FROM t", "SELECT preis_\xc3\xa4 FROM t"},
                {"", ""},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

                statement_text_add(&text, cases[i].sql);
                ck_assert_str_eq(buffer_text(&text), cases[i].shown);
        }
}
END_TEST

START_TEST(a_long_one_is_cut_between_characters) {
        _cleanup_(buffer_done) Buffer sql = BUFFER_NULL, text = BUFFER_NULL;

        buffer_add(&sql, "SELECT ");
        for (size_t i = 0; i < STATEMENT_TEXT_MAX; i++)
                buffer_add(&sql, "\xc3\xa4");
        statement_text_add(&text, buffer_text(&sql));
        ck_assert_uint_le(text.length, STATEMENT_TEXT_MAX + strlen("…"));
        ck_assert_str_eq(buffer_text(&text) + text.length - strlen("\xc3\xa4…"), "\xc3\xa4…");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                names_stay_and_values_go,
                a_long_one_is_cut_between_characters,
        };

        return unit_run("checks/statement-text", tests, ELEMENTS(tests));
}
