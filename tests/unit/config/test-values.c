/* Tests of config: types, ranges, words, keys, and how settings depend on each other. Each case is
 * a piece of a file and what people must read about it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "parsing.h"

typedef struct Case {
        const char *lines;
        const char *problem; /* in the text of the problems */
} Case;

static void refuse_in_target(const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(parsed_done) Parsed parsed = parse_in_target(cases[i].lines);

                ck_assert_msg(strstr(parsed.text, cases[i].problem) != NULL, "%s\n-> %s\nlacks: %s",
                              cases[i].lines, parsed.text, cases[i].problem);
        }
}

START_TEST(c2_unknown_key_is_rejected_with_the_nearest) {
        static const Case cases[] = {
                {"lsimits: { };",
                 "test.conf:3: targets[\"a\"].lsimits: unknown key; did you mean \"limits\"?"},
                {"discovery = true;", "did you mean \"discover\"?"},
                {"limits: {\n lock_timout = \"1s\"; };", "test.conf:4: targets[\"a\"].limits.lock_timout: "
                                                         "unknown key; did you mean \"lock_timeout\"?"},
                {"lock_timeout = \"1s\";", "lock_timeout: unknown key here; it belongs into \"limits\""},
                {"prot = 1;", "prot: unknown key; valid here: name, conninfo"},
                {"Discover = true;", "did you mean \"discover\"?"},
                {"constraints = ( { table = \"t\"; name = \"n\"; chek = \"a > 0\"; } );",
                 "targets[\"a\"].constraints[\"n\"].chek: unknown key; did you mean \"check\"?"},
        };

        refuse_in_target(cases, ELEMENTS(cases));
}
END_TEST

START_TEST(c2_wrong_type_names_expected_and_found) {
        static const Case cases[] = {
                {"discover = 1;", "discover: expected true or false (no quotes), found an integer"},
                {"discover = \"true\";", "expected true or false (no quotes), found a string"},
                {"limits: { blocks_per_poll = \"4096\"; };",
                 "blocks_per_poll: expected an integer from 16 to 10000000, found a string"},
                {"limits: { blocks_per_poll = 4096.5; };", "found a number with a fraction or exponent"},
                {"limits: { lock_timeout = 100; };",
                 "lock_timeout: expected a duration from \"1ms\" to \"10s\" (durations are strings with a "
                 "unit: \"30s\"), found an integer"},
                {"limits: { lock_timeout = \"100\"; };", "durations are strings with a unit: \"30s\""},
                {"limits: { lock_timeout = \"fast\"; };", "\"fast\" is no such thing"},
                {"limits = 5;", "limits: expected a group: { … }, found an integer"},
                {"limits = ( { } );", "expected a group: { … }, found a list ( … )"},
                {"schemas = \"public\";", "expected an array of strings: [ \"…\" ], found a string"},
                {"schemas = [ 1 ];", "expected an array of strings"},
                {"schemas = ( \"a\", { } );", "expected an array of strings"},
                {"constraints = { };", "expected a list of groups: ( { … } ), found a group"},
                {"constraints = ( 5 );", "constraints[1]: expected a list of groups"},
                {"severity = 2;", "severity: expected a string, found an integer"},
        };

        refuse_in_target(cases, ELEMENTS(cases));
}
END_TEST

START_TEST(words_that_are_not_known_are_rejected_with_all_that_are) {
        static const Case cases[] = {
                {"severity = \"criticl\";",
                 "\"criticl\" is not known; did you mean \"critical\"? It is one of \"info\", \"warning\", "
                 "\"critical\""},
                {"expect_role = \"replica\";", "it is one of \"any\", \"primary\", \"standby\""},
                {"migrations: { framework = \"prism\"; };", "did you mean \"prisma\"?"},
                {"phase: { require = [ \"cascade\" ]; };",
                 "require[1]: \"cascade\" is not known; did you mean "
                 "\"cascades\"?"},
                {"foreign_keys = ( { table = \"t\"; columns = [ \"c\" ]; references = \"r\"; on_delete = "
                 "\"set_null\"; } );",
                 "did you mean \"set null\"?"},
        };

        refuse_in_target(cases, ELEMENTS(cases));
}
END_TEST

START_TEST(c3_out_of_range_is_rejected_with_limits) {
        static const struct {
                const char *number, *limits;
        } cases[] = {
                {"0", "0 is out of range: permitted is 100 to 599"},
                {"-1", "-1 is out of range: permitted is 100 to 599"},
                {"65536", "65536 is out of range: permitted is 100 to 599"},
                {"2147483647", "permitted is 100 to 599"},
                {"2147483648", "integers without L lie between -2147483648 and 2147483647"},
                {"-2147483649", "integers without L lie between -2147483648 and 2147483647"},
                {"4294967296", "integers without L lie between -2147483648 and 2147483647"},
                {"4294972728", "integers without L lie between -2147483648 and 2147483647"},
                {"2147483648L", "2147483648 is out of range: permitted is 100 to 599"},
                {"4294967296L", "4294967296 is out of range: permitted is 100 to 599"},
                {"4294972728L", "4294972728 is out of range: permitted is 100 to 599"},
                {"4294967496L", "4294967496 is out of range: permitted is 100 to 599"}, /* 2^32 + 200 */
                {"9223372036854775808L", "integers lie between -9223372036854775808 and"},
                {"1e20", "expected an integer from 100 to 599, found a number with a fraction or exponent"},
                {"1e999", "numbers end at 1.797"},
                {"-1.0e999", "numbers end at 1.797"},
                {"0xFFFFFFFF", "hexadecimal integers without L end at 0x7fffffff"},
                {"0xFFFFFFFFL", "4294967295 is out of range: permitted is 100 to 599"},
                {"0xFFFFFFFFFFFFFFFFL", "integers lie between -9223372036854775808 and"},
                {"99", "permitted is 100 to 599"},
                {"600", "permitted is 100 to 599"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *lines = str_format(
                        "app: { url = \"http://a/\"; expect_status = %s; };", cases[i].number);
                _cleanup_(parsed_done) Parsed parsed = parse_in_target(lines);

                ck_assert_msg(strstr(parsed.text, cases[i].limits) && strstr(parsed.text, "expect_status"),
                              "%s: %s", cases[i].number, parsed.text);
                ck_assert_uint_eq(parsed.problems.items[0].line, 3);
        }
}
END_TEST

START_TEST(c3_limits_themselves_are_accepted) {
        static const struct {
                const char *text;
                int64_t value;
        } cases[] = {{"100", 100}, {"599", 599}, {"200L", 200}, {"0xC8", 200}, {"+200", 200}, {"0200", 200}};

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *lines = str_format(
                        "app: { url = \"http://a/\"; expect_status = %s; };", cases[i].text);
                _cleanup_(parsed_done) Parsed parsed = parse_in_target(lines);

                ck_assert_msg(parsed.r == 0, "%s: %s", cases[i].text, parsed.text);
                ck_assert_int_eq(LIST_AT(parsed.settings->targets, TargetSettings, 0)->app.expect_status,
                                 cases[i].value);
        }
}
END_TEST

START_TEST(c3_durations_out_of_range_are_rejected_with_limits) {
        static const Case cases[] = {
                {"limits: { lock_timeout = \"0s\"; };",
                 "\"0s\" is out of range: permitted is \"1ms\" to \"10s\""},
                {"limits: { lock_timeout = \"11s\"; };", "permitted is \"1ms\" to \"10s\""},
                {"limits: { lock_timeout = \"99999999999999d\"; };", "permitted is \"1ms\" to \"10s\""},
                {"limits: { lock_timeout = \"-1s\"; };", "expected a duration"},
                {"intervals: { activity = \"99ms\"; };", "permitted is \"100ms\" to"},
                {"limits: { max_age = \"25h\"; };", "out of range"},
        };

        refuse_in_target(cases, ELEMENTS(cases));
}
END_TEST

START_TEST(c4_duplicates_are_rejected_with_both_lines) {
        static const struct {
                const char *text, *problem;
        } cases[] = {
                {"targets = (\n{ name = \"a\"; conninfo = \"dbname=a\"; },\n{ name = \"a\"; conninfo = "
                 "\"dbname=b\"; "
                 "}\n);",
                 "test.conf:3: targets[\"a\"]: the same name (upper and lower case count as equal) as on "
                 "line 2"},
                {"targets = (\n{ name = \"a\"; conninfo = \"dbname=a\"; },\n{ name = \"A\"; conninfo = "
                 "\"dbname=b\"; "
                 "}\n);",
                 "as on line 2"},
                {"retention = \"1d\";\n\nretention = \"2d\";\ntargets = ( );",
                 "test.conf:3: retention stands already on line 1"},
                {"http: { };\nhttp: { };", "test.conf:2: http stands already on line 1"},
                {"targets = ( { name = \"a\";\n name = \"b\"; } );",
                 "test.conf:2: name stands already on line 1"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(parsed_done) Parsed parsed = parse_text(cases[i].text);

                ck_assert_msg(strstr(parsed.text, cases[i].problem) != NULL, "%s", parsed.text);
        }
}
END_TEST

START_TEST(c4_duplicate_rules_are_rejected_and_like_ones_are_not) {
        static const Case cases[] = {
                {"constraints = (\n{ table = \"t\"; name = \"n\"; },\n{ table = \"t\"; name = \"N\"; } );",
                 "test.conf:5: targets[\"a\"].constraints[\"N\"]: the same table, name (as PostgreSQL reads "
                 "them) as on line 4"},
                {"constraints = (\n{ table = \"t\"; name = \"n\"; },\n{ table = \"public.T\"; name = "
                 "\"\\\"n\\\"\"; } );",
                 "as on line 4"},
                {"constraints = (\n{ table = \"s.t\"; name = \"n\"; },\n{ table = \"t\"; name = \"n\"; } ); "
                 "schemas = [ \"s\" ];",
                 "as on line 4"},
                {"foreign_keys = (\n{ table = \"t\"; columns = [ \"a\" ]; references = \"r\"; },\n"
                 "{ table = \"public.t\"; columns = [ \"A\" ]; references = \"public.\\\"r\\\"\"; } );",
                 "as on line 4"},
                {"indexes = (\n{ table = \"t\"; columns = [ \"a\" ]; },\n{ table = \"t\"; columns = [ \"a\" "
                 "]; } );",
                 "as on line 4"},
                {"canaries = (\n{ name = \"c\"; sql = \"SELECT 1\"; },\n{ name = \"c\"; sql = \"SELECT 2\"; "
                 "} );",
                 "as on line 4"},
        };
        _cleanup_(parsed_done) Parsed alike = parse_in_target(
                "constraints = ( { table = \"t\"; name = \"n\"; }, { table = \"u\"; name = \"n\"; },"
                "                { table = \"o.t\"; name = \"n\"; }, { table = \"\\\"T\\\"\"; name = \"n\"; "
                "},"
                "                { table = \"t\"; name = \"\\\"N\\\"\"; } );"
                "indexes = ( { table = \"t\"; columns = [ \"a\" ]; }, { table = \"t\"; columns = [ \"a\", "
                "\"b\" ]; },"
                "            { table = \"t\"; columns = [ \"a\" ]; unique = true; },"
                "            { table = \"t\"; columns = [ \"a\" ]; name = \"n\"; },"
                "            { table = \"t\"; columns = [ \"a\" ]; name = \"m\"; } );"
                "foreign_keys = ( { table = \"t\"; columns = [ \"a\" ]; references = \"r\"; },"
                "                 { table = \"t\"; columns = [ \"a\" ]; references = \"s\"; } );");

        refuse_in_target(cases, ELEMENTS(cases));
        ck_assert_msg(alike.r == 0, "%s", alike.text);
}
END_TEST

START_TEST(required_keys_are_asked_for) {
        static const Case cases[] = {
                {"constraints = ( { name = \"n\"; } );", "constraints[\"n\"]: \"table\" is missing"},
                {"constraints = ( { table = \"t\"; } );", "constraints[1]: \"name\" is missing"},
                {"constraints = ( { table = \"\"; name = \"n\"; } );", "table: must not be empty"},
                {"foreign_keys = ( { } );", "\"table\" is missing"},
                {"foreign_keys = ( { } );", "\"columns\" is missing"},
                {"foreign_keys = ( { } );", "\"references\" is missing"},
                {"indexes = ( { table = \"t\"; columns = [ ]; } );", "columns: must not be empty"},
                {"indexes = ( { table = \"t\"; columns = [ \"\" ]; } );", "columns[1]: must not be empty"},
                {"canaries = ( { } );", "\"sql\" is missing"},
                {"app: { };", "app: \"url\" is missing"},
                {"backups = ( { } );", "\"name\" is missing"},
        };

        refuse_in_target(cases, ELEMENTS(cases));
}
END_TEST

START_TEST(settings_that_contradict_are_rejected) {
        static const Case cases[] = {
                {"conninfo_credential = \"a\";", "stands beside conninfo (line 2): only one of them"},
                {"constraints = ( { table = \"t\"; name = \"n\"; enforced = false; } );",
                 "there is nothing to count"},
                {"constraints = ( { table = \"t\"; name = \"n\"; check = \"a > 0) AND (b > 0\"; } );",
                 "constraints[\"n\"].check: closes a parenthesis that it does not open"},
                {"backups = ( { name = \"b\"; } );", "exactly one of \"path\", \"query\" and \"url\""},
                {"backups = ( { name = \"b\"; path = \"/x\"; query = \"SELECT 1\"; } );", "exactly one of"},
                {"schemas = [ ];", "schemas: is empty, so nothing would be discovered"},
                {"expect_role = \"primary\"; max_replay_lag = \"5s\";", "only a standby replays"},
                {"staging_target = \"b\";", "is no other target of this file"},
                {"staging_target = \"a\";", "is no other target of this file"},
                {"foreign_keys = ( { table = \"t\"; columns = [ \"a\", \"b\" ]; references = \"r\"; "
                 "referenced_columns = [ \"x\" ]; } );",
                 "2 columns reference 1 columns"},
                {"migrations: { directory = \"prisma/migrations\"; };",
                 "directory: must be an absolute path"},
                {"app: { url = \"localhost:3000\"; };", "must begin with http:// or https://"},
                {"app: { url = \"http://me:hunter2@localhost/\"; };", "may not hold a user and password"},
        };

        refuse_in_target(cases, ELEMENTS(cases));
}
END_TEST

START_TEST(names_of_targets_are_restricted) {
        static const struct {
                const char *name, *problem; /* NULL: accepted */
        } cases[] = {
                {"shop", NULL},
                {"shop_2-eu", NULL},
                {"", "must not be empty"},
                {"Shop", "a-z, 0-9, _ and - only"},
                {"a/b", "a-z, 0-9, _ and - only"},
                {"a b", "a-z, 0-9, _ and - only"},
                {"\xc3\xa4", "a-z, 0-9, _ and - only"},
                {"\\xff", "is not valid UTF-8"},
                {"verdict", "reserved"},
                {"0123456789012345678901234567890123456789012345678901234567890123", "at most 63"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *text = str_format(
                        "targets = ( { name = \"%s\"; conninfo = \"dbname=a\"; } );", cases[i].name);
                _cleanup_(parsed_done) Parsed parsed = parse_text(text);

                ck_assert_msg(cases[i].problem ? strstr(parsed.text, cases[i].problem) != NULL
                                               : parsed.r == 0,
                              "%s: %s", cases[i].name, parsed.text);
        }
}
END_TEST

START_TEST(a_target_says_how_to_connect) {
        _cleanup_(parsed_done) Parsed neither = parse_text("targets = ( { name = \"a\"; } );");
        _cleanup_(parsed_done) Parsed empty = parse_text("targets = ( { name = \"a\"; conninfo = \"\"; } );");
        _cleanup_(parsed_done)
                Parsed path = parse_text("targets = ( { name = \"a\"; conninfo_credential = \"../a\"; } );");
        _cleanup_(parsed_done) Parsed good = parse_text(
                "targets = ( { name = \"a\"; conninfo_credential = \"a.conn\"; } );");

        ck_assert_ptr_nonnull(strstr(neither.text, "\"conninfo\" or \"conninfo_credential\" is missing"));
        ck_assert_ptr_nonnull(strstr(empty.text, "must not be empty"));
        ck_assert_ptr_nonnull(strstr(path.text, "not a path"));
        ck_assert_msg(good.r == 0, "%s", good.text);
}
END_TEST

START_TEST(no_targets_is_an_error_with_a_line) {
        static const char *const texts[] = {
                "", "\n", "http: { };\n", "targets = ( );", "# only a comment\n", "targets = [ ];"};

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_(parsed_done) Parsed parsed = parse_text(texts[i]);

                ck_assert_ptr_nonnull(strstr(parsed.text, "no targets"));
                ck_assert_uint_ge(parsed.problems.items[0].line, 1);
        }
}
END_TEST

START_TEST(every_error_of_a_file_is_reported_at_once_and_in_order) {
        _cleanup_(parsed_done) Parsed parsed = parse_text("http: {\n"
                                                          "  max_connections = 1;\n"
                                                          "  lisen = [ ];\n"
                                                          "};\n"
                                                          "targets = (\n"
                                                          "  { name = \"A b\";\n"
                                                          "    discover = 3;\n"
                                                          "    limits: { lock_timeout = \"1\"; };\n"
                                                          "  }\n"
                                                          ");\n");
        static const unsigned lines[] = {2, 3, 6, 6, 7, 8};
        const char *at = parsed.text;

        ck_assert_uint_eq(parsed.problems.count, ELEMENTS(lines));
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                _cleanup_(freep) char *start = str_format("test.conf:%u: ", lines[i]);

                ck_assert_msg(str_starts_with(at, start), "%s", parsed.text);
                at = strchr(at, '\n') + 1;
        }
}
END_TEST

static char *refuse_all(const char *text) {
        return str_format("refused (%zu bytes)", strlen(text));
}

START_TEST(siblings_are_asked_about_their_own_syntax) {
        static const char text[] =
                "http: {\n listen = [\n \"x\" ];\n probe_listen = [ \"y\" ]; };\n"
                "targets = ( { name = \"a\";\n conninfo = \"abc\"; shadow = \"auto\"; } );\n";
        static const ConfigHooks refusing = {refuse_all, refuse_all}, none = {};
        _cleanup_(parsed_done) Parsed refused = parse_bytes(text, strlen(text), &refusing);
        _cleanup_(parsed_done) Parsed accepted = parse_bytes(text, strlen(text), &none);

        ck_assert_msg(accepted.r == 0, "%s", accepted.text);
        ck_assert_uint_eq(refused.problems.count, 3);
        ck_assert_ptr_nonnull(strstr(refused.text, "test.conf:3: http.listen[1]: refused (1 bytes)"));
        ck_assert_ptr_nonnull(strstr(refused.text, "test.conf:4: http.probe_listen[1]: refused (1 bytes)"));
        ck_assert_ptr_nonnull(
                strstr(refused.text, "test.conf:6: targets[\"a\"].conninfo: refused (3 bytes)"));
}
END_TEST

static char *notes;

static void take_note(const char *file, unsigned line, const char *text) {
        char *both = str_format("%s%s:%u: %s\n", notes ? notes : "", file, line, text);

        free(notes);
        notes = both;
}

/* "url" asks for nothing, "url other" for the schema other, "url other!" says something as well. */
static int read_extras(const char *conninfo, char **ret_schema, char **ret_note) {
        const char *at = strchr(conninfo, ' ');

        if (!at)
                return str_equal(conninfo, "url") ? 0 : -EINVAL;
        *ret_schema = strndup(at + 1, strcspn(at + 1, "!"));
        *ret_note = strchr(at, '!') ? strdup("ignored: pool_timeout") : NULL;
        return 0;
}

static const ConfigHooks reading = {.read_conninfo = read_extras, .note = take_note};

START_TEST(a_schema_that_the_conninfo_asks_for_is_watched_or_an_error) {
        static const struct {
                const char *lines, *schemas, *problem, *note;
        } cases[] = {
                {"conninfo = \"url\";", "public", NULL, NULL},
                {"conninfo = \"nonsense\";", "public", NULL, NULL},
                {"conninfo_credential = \"url other\";", "public", NULL, NULL},
                {"conninfo = \"url other\";", "other", NULL, NULL},
                {"conninfo = \"url other\"; schemas = [ \"other\" ];", "other", NULL, NULL},
                {"conninfo = \"url b\"; schemas = [ \"a\", \"b\" ];", "a b", NULL, NULL},
                {"conninfo = \"url other!\";", "other", NULL,
                 "test.conf:3: targets[a].conninfo: ignored: pool_timeout\n"},
                {"conninfo = \"url other\";\nschemas = [ \"public\" ];", NULL,
                 "test.conf:4: targets[\"a\"].schemas: lacks \"other\", for which conninfo (line 3) asks",
                 NULL},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *text = str_format("targets = ( {\nname = \"a\";\n%s\n} );\n",
                                                         cases[i].lines);
                _cleanup_(parsed_done) Parsed parsed = parse_bytes(text, strlen(text), &reading);
                _cleanup_(freep) char *schemas = NULL, *said = TAKE(notes);

                if (cases[i].problem) {
                        ck_assert_msg(strstr(parsed.text, cases[i].problem), "%s", parsed.text);
                        continue;
                }
                ck_assert_msg(parsed.r == 0, "%s", parsed.text);
                schemas = strv_join(LIST_AT(parsed.settings->targets, TargetSettings, 0)->schemas, " ");
                ck_assert_str_eq(schemas, cases[i].schemas);
                ck_assert_pstr_eq(said, cases[i].note);
        }
}
END_TEST

START_TEST(c7_no_error_holds_a_secret) {
        static const char *const texts[] = {
                "targets = ( { name = \"a\"; conninfo = \"password=hunter2\"; x = 1; discover = 5; } );",
                "targets = ( { name = \"a\"; conninfo = \"password=hunter2 \n",
                "targets = ( { name = \"a\"; conninfo = \"postgresql://u:hunter2@h/d\" \"password = "
                "hunter2\"; y; } );",
                "targets = ( { name = \"a\"; conninfo = hunter2; } );",
                "targets = ( { name = \"a\"; conninfo = 5hunter2; } );",
                "targets = ( { name = \"a\"; pasword = \"hunter2\"; } );",
                "targets = ( { name = \"a\"; conninfo = [ \"password=hunter2\" ]; } );",
                "targets = ( { name = \"password=hunter2\"; conninfo = \"a\"; discover = 5; } );",
                "targets = ( { name = \"a\"; conninfo = \"a\"; expect_role = \"password='hunter2'\"; } );",
                "targets = ( { name = \"a\"; conninfo = \"a\"; app: { url = \"http://u:hunter2@h/\"; }; } );",
                "targets = ( { name = \"a\"; conninfo = \"p%q'\\\\hunter2\\n\"; shadow = "
                "\"password=hunter2\"; z = 1; } );",
        };

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_(parsed_done) Parsed parsed = parse_text(texts[i]);

                ck_assert_int_eq(parsed.r, -EINVAL);
                ck_assert_msg(strstr(parsed.text, "hunter2") == NULL, "%s", parsed.text);
        }
}
END_TEST

START_TEST(a_password_reaches_the_settings_as_it_was_written) {
        _cleanup_(parsed_done) Parsed parsed = parse_text(
                "targets = ( { name = \"a\"; conninfo = \"user=u password='a b\\\\'\\\"% c\\n'\"; } );");

        ck_assert_msg(parsed.r == 0, "%s", parsed.text);
        ck_assert_str_eq(LIST_AT(parsed.settings->targets, TargetSettings, 0)->conninfo,
                         "user=u password='a b\\'\"% c\n'");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                c2_unknown_key_is_rejected_with_the_nearest,
                c2_wrong_type_names_expected_and_found,
                words_that_are_not_known_are_rejected_with_all_that_are,
                c3_out_of_range_is_rejected_with_limits,
                c3_limits_themselves_are_accepted,
                c3_durations_out_of_range_are_rejected_with_limits,
                c4_duplicates_are_rejected_with_both_lines,
                c4_duplicate_rules_are_rejected_and_like_ones_are_not,
                required_keys_are_asked_for,
                settings_that_contradict_are_rejected,
                names_of_targets_are_restricted,
                a_target_says_how_to_connect,
                no_targets_is_an_error_with_a_line,
                every_error_of_a_file_is_reported_at_once_and_in_order,
                siblings_are_asked_about_their_own_syntax,
                a_schema_that_the_conninfo_asks_for_is_watched_or_an_error,
                c7_no_error_holds_a_secret,
                a_password_reaches_the_settings_as_it_was_written,
        };

        return unit_run("config values", tests, ELEMENTS(tests));
}
