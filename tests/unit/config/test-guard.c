/* Tests of config's guard: what must never reach libconfig, and files that end too early.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "config/guard.h"

#include <time.h>

#include "parsing.h"

#ifdef __SANITIZE_ADDRESS__
#define MAX_SECONDS 15.0
#else
#define MAX_SECONDS 0.2
#endif

static double cpu_seconds(void) {
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Refuses within the time; the problem holds `problem` and a line. */
static void refuse_quickly(const char *text, size_t length, const char *problem) {
        double start = cpu_seconds();
        _cleanup_(parsed_done) Parsed parsed = parse_bytes(text, length, NULL);

        ck_assert_msg(cpu_seconds() - start < MAX_SECONDS, "%s took %.3f s", problem, cpu_seconds() - start);
        ck_assert_msg(strstr(parsed.text, problem) != NULL, "lacks: %s\n%.400s", problem, parsed.text);
        ck_assert_uint_ge(parsed.problems.items[0].line, 1);
}

START_TEST(numbers_that_libconfig_misreads_are_refused) {
        static const struct {
                const char *text;
                bool good;
        } cases[] = {
                {"0", true},
                {"-0", true},
                {"+7", true},
                {"010", true},
                {"2147483647", true},
                {"2147483648", false},
                {"-2147483648", true},
                {"-2147483649", false},
                {"4294967296", false},
                {"4294967296L", true},
                {"4294967296LL", true},
                {"4294967296LLL", false},
                {"9223372036854775807L", true},
                {"9223372036854775808L", false},
                {"-9223372036854775808L", true},
                {"-9223372036854775809L", false},
                {"99999999999999999999999999", false},
                {"0x7fffffff", true},
                {"0X7FFFFFFF", true},
                {"0x80000000", false},
                {"0x80000000L", true},
                {"0x7fffffffffffffffL", true},
                {"0x8000000000000000L", false},
                {"0x", false},
                {"0xL", false},
                {"0x-1", false},
                {"-0x1", false},
                {"0xg", false},
                {"1.5", true},
                {".5", true},
                {"5.", true},
                {"1e20", true},
                {"1E+20", true},
                {"1e308", true},
                {"1e309", false},
                {"-1e309", false},
                {"1.0e999", false},
                {".", false},
                {"+", false},
                {"-", false},
                {"--1", false},
                {"+-1", false},
                {"1e", false},
                {"1.2.3", false},
                {"12abc", false},
                {"1l", false},
                {"1_000", false},
                {"0x1p3", false},
                {"-inf", false},
                {"+nan", false},
                {"0000000000000000000000000000000000000000000000000000000000000001", false},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++)
                ck_assert_msg((config_number_refusal(cases[i].text, strlen(cases[i].text)) == NULL) ==
                                      cases[i].good,
                              "%s", cases[i].text);
}
END_TEST

START_TEST(what_libconfig_swallows_is_refused) {
        static const struct {
                const char *text;
                unsigned line;
                const char *problem;
        } cases[] = {
                {"a = 1;\n/* targets", 2, "comment is never closed"},
                {"a = 1;\n/*/", 2, "comment is never closed"},
                {"a = 1;\n\"targets", 2, "string is never closed"},
                {"a = \"x\\\"", 1, "string is never closed"},
                {"\na = \"x\\x00y\";", 2, "may not hold \\x00"},
                {"\na = \"x\\X00y\";", 2, "may not hold \\x00"},
                {"@include \"x\"\n", 1, "cannot include"},
                {"\n  @include \"x\"\n", 2, "cannot include"},
                {"targets = (\n{\n", 2, "this '{' is never closed"},
                {"targets = (\n}\n", 2, "'}' where '(' of line 1 is open"},
                {"\n}\n", 2, "'}' closes nothing"},
                {"a: { b = 1; c: { b = 2; };\nb = 3; };", 2, "b stands already on line 1"},
                {"\xef\xbb\xbfhttp: { };", 1, "byte order mark"},
                {"\n\n# \xff\n", 3, "not valid UTF-8"},
                {"\n# \xed\xa0\x80\n", 2, "not valid UTF-8"},
                {"((((((((((((((((\n(", 2, "nested deeper than 16"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(parsed_done) Parsed parsed = parse_text(cases[i].text);

                ck_assert_msg(strstr(parsed.text, cases[i].problem) != NULL, "%s", parsed.text);
                ck_assert_uint_eq(parsed.problems.items[0].line, cases[i].line);
        }
}
END_TEST

START_TEST(what_only_looks_wrong_is_accepted) {
        static const char *const lines[] = {
                "exclude = [ \"@include\", \"/* no comment\", \"// neither\", \"# nor this\", \"}\" ];",
                "/* { ( [ \" @include */",
                "/***/ /**/ /* * / */",
                "// \" { /*\n",
                "# @include \"x\"\n",
                "exclude = [ \"a\\\\\", \"\\\"\" ];",
                "exclude = [ \"a\" \"b\" ];",
                "exclude = [ \"two\nlines\" ];",
                "limits: { }; intervals: { };",
                "limits = { /* c */ } ;",
        };

        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                _cleanup_(parsed_done) Parsed parsed = parse_in_target(lines[i]);

                ck_assert_msg(parsed.r == 0, "%s: %s", lines[i], parsed.text);
        }
}
END_TEST

/* Each prefix of a file either is refused with a line, or says all that the file says. */
static void cut_everywhere(const char *text) {
        size_t length = strlen(text), accepted = 0;
        _cleanup_(parsed_done) Parsed whole = parse_text(text);

        ck_assert_msg(whole.r == 0, "%s", whole.text);
        for (size_t n = 0; n < length; n++) {
                _cleanup_(parsed_done) Parsed part = parse_bytes(text, n, NULL);

                if (part.r == 0) {
                        ck_assert_msg(options_equal(&settings_options, part.settings, whole.settings),
                                      "cut at byte %zu, settings are missing", n);
                        accepted++;
                }
                for (size_t i = 0; i < part.problems.count; i++)
                        ck_assert_uint_ge(part.problems.items[i].line, 1);
        }
        ck_assert_uint_lt(accepted, 10); /* what follows the last bracket */
}

START_TEST(c1_a_file_cut_at_any_byte_never_loses_settings) {
        _cleanup_(freep) char *shipped = source_text("conf/pgvigil.conf", false);

        cut_everywhere(shipped);
}
END_TEST

START_TEST(c1_a_file_with_everything_cut_at_any_byte_never_loses_settings) {
        _cleanup_(freep) char *full = source_text("conf/pgvigil.conf", true);

        cut_everywhere(full);
}
END_TEST

START_TEST(c1_syntax_errors_have_file_and_line) {
        static const struct {
                const char *text, *start;
        } cases[] = {
                {"http: {\n listen = ;\n};", "test.conf:2: syntax error"},
                {"http: {\n listen = [ \"a\" 5 ];\n};", "test.conf:2: syntax error"},
                {"http: {\n listen = [ \"a\", 5 ];\n};",
                 "test.conf:2: the values in [ … ] must all be of one type"},
                {"\n\nhttp\n", "test.conf:3: syntax error"},
                {"retention = \"15d;\ntargets = \"x\";\n", "test.conf:2: this string is never closed"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(parsed_done) Parsed parsed = parse_text(cases[i].text);

                ck_assert_msg(str_starts_with(parsed.text, cases[i].start), "%s", parsed.text);
        }
}
END_TEST

START_TEST(c6_crlf_is_accepted_and_means_the_same) {
        _cleanup_(freep) char *text = source_text("conf/pgvigil.conf", true);
        _cleanup_(buffer_done) Buffer crlf = BUFFER_NULL;

        for (const char *c = text; *c; c++)
                buffer_add(&crlf, *c == '\n' ? "\r\n" : (char[]){*c, '\0'});

        _cleanup_(parsed_done) Parsed lf = parse_text(text);
        _cleanup_(parsed_done) Parsed parsed = parse_text(buffer_text(&crlf));

        ck_assert_msg(parsed.r == 0, "%s", parsed.text);
        ck_assert(options_equal(&settings_options, lf.settings, parsed.settings));
}
END_TEST

START_TEST(c6_binary_is_refused) {
        static const char nul[] = "http: { };\n\0targets = ( );";
        char bytes[4096];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (char)(i * 7 + i / 256);
        refuse_quickly(nul, sizeof(nul) - 1, "test.conf:2: holds a NUL byte");
        refuse_quickly(bytes, sizeof(bytes), "holds a NUL byte");
        refuse_quickly(bytes, sizeof(bytes), "not valid UTF-8");
}
END_TEST

static void repeat(Buffer *out, const char *format, unsigned n) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        for (unsigned i = 0; i < n; i++)
                buffer_printf(out, format, i);
#pragma GCC diagnostic pop
}

START_TEST(c6_too_much_is_refused_at_once) {
        static const struct {
                const char *before, *each;
                unsigned n;
                const char *after, *problem;
        } cases[] = {
                {"", "key%u = 1;\n", 60000, "", "more than 200 settings in one group"},
                {"", "key%u = 1;\n", 200, "", "unknown key"},
                {"x: {", "k%u = 1; ", 50000, "", "more than 200 settings in one group"},
                {"x = ( ", "{ k%u = 1; },", 50000, "", "more than 5000 settings"},
                {"targets = ( { }", ", { name = \"a%u\"; conninfo = \"\"; }", 2400, " );",
                 "must not be empty"},
                {"targets = ( { }", ", { /* %u */ }", 4000, " );", "\"name\" is missing"},
                {"x = [ 0", ", %u", 100000, " ];", "more than 5000 elements"},
                {"x = ( { }", ", { /* %u */ }", 60000, " );", "more than 5000 elements"},
                {"", "{ # %u\n", 60000, "", "nested deeper than 16"},
                {"x = \"", "%08u", 100000, "", "string is never closed"},
                {"", "/* %u */\n", 60000, "", "no targets"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

                buffer_add(&text, cases[i].before);
                repeat(&text, cases[i].each, cases[i].n);
                buffer_add(&text, cases[i].after);
                refuse_quickly(buffer_text(&text), text.length, cases[i].problem);
        }
}
END_TEST

START_TEST(c6_a_long_string_is_refused) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        buffer_add(&text, "\nx = \"");
        repeat(&text, "%08u", 9000);
        buffer_add(&text, "\";");
        refuse_quickly(buffer_text(&text), text.length, "test.conf:2: a string may have at most 64 KiB");
}
END_TEST

START_TEST(c6_more_than_a_mebibyte_is_refused) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        repeat(&text, "# %013u\n", 140000);

        _cleanup_(parsed_done) Parsed parsed = parse_bytes(buffer_text(&text), text.length, NULL);

        ck_assert_ptr_nonnull(strstr(parsed.text, "larger than 1 MiB"));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                numbers_that_libconfig_misreads_are_refused,
                what_libconfig_swallows_is_refused,
                what_only_looks_wrong_is_accepted,
                c1_a_file_cut_at_any_byte_never_loses_settings,
                c1_a_file_with_everything_cut_at_any_byte_never_loses_settings,
                c1_syntax_errors_have_file_and_line,
                c6_crlf_is_accepted_and_means_the_same,
                c6_binary_is_refused,
                c6_too_much_is_refused_at_once,
                c6_a_long_string_is_refused,
                c6_more_than_a_mebibyte_is_refused,
        };

        return unit_run("config guard", tests, ELEMENTS(tests));
}
