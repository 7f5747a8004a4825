/* Tests of base/identifier: what is quoted, what is bare.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <string.h>

#include "../unit.h"
#include "pgvigil/base/str.h"

START_TEST(names_are_quoted_as_quote_ident_does) {
        static const struct {
                const char *name, *quoted;
        } cases[] = {
                {"orders", "orders"},
                {"_a1", "_a1"},
                {"Orders", "\"Orders\""},
                {"1a", "\"1a\""},
                {"a$", "\"a$\""},
                {"a-b", "\"a-b\""},
                {"a b", "\"a b\""},
                {"", "\"\""},
                {"say \"hi\"", "\"say \"\"hi\"\"\""},
                {"gr\xC3\xB6\xC3\x9F"
                 "e",
                 "\"gr\xC3\xB6\xC3\x9F"
                 "e\""},
                {"order", "\"order\""},           /* reserved */
                {"user", "\"user\""},             /* reserved */
                {"all", "\"all\""},               /* first of the table */
                {"xmltable", "\"xmltable\""},     /* last of the table */
                {"between", "\"between\""},       /* column-name keyword */
                {"left", "\"left\""},             /* type or function name */
                {"json_table", "\"json_table\""}, /* PostgreSQL 17 */
                {"system_user", "\"system_user\""},
                {"name", "name"}, /* unreserved */
                {"status", "status"},
                {"type", "type"},
                {"allx", "allx"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

                buffer_add_identifier(&buffer, cases[i].name);
                ck_assert_str_eq(buffer_text(&buffer), cases[i].quoted);
        }
}
END_TEST

START_TEST(literals_double_their_quotes_and_keep_backslashes) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

        buffer_add_literal(&buffer, "it's a \\ \"");
        ck_assert_str_eq(buffer_text(&buffer), "'it''s a \\ \"'");
}
END_TEST

START_TEST(a_qualified_name_quotes_each_part_on_its_own) {
        static const struct {
                const char *schema, *name, *expected;
        } cases[] = {
                {"public", "orders", "public.orders"},
                {NULL, "orders", "orders"},
                {"My App", "order", "\"My App\".\"order\""},
                {"a.b", "c", "\"a.b\".c"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *text = str_qualified(cases[i].schema, cases[i].name);

                ck_assert_str_eq(text, cases[i].expected);
        }
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                names_are_quoted_as_quote_ident_does,
                literals_double_their_quotes_and_keep_backslashes,
                a_qualified_name_quotes_each_part_on_its_own,
        };

        return unit_run("identifier", tests, ELEMENTS(tests));
}
