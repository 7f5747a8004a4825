/* Tests of the shipped files, and that what is dumped is what was read.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>

#include "parsing.h"

static const struct {
        const char *path;
        bool all;
} files[] = {{"conf/pgvigil.conf", false}, {"conf/pgvigil.conf", true}, {"conf/shop.conf", false}};

static const TargetSettings *target(const Parsed *parsed, size_t i) {
        return LIST_AT(parsed->settings->targets, TargetSettings, i);
}

START_TEST(shipped_files_parse) {
        for (size_t i = 0; i < ELEMENTS(files); i++) {
                _cleanup_(freep) char *text = source_text(files[i].path, files[i].all);
                _cleanup_(parsed_done) Parsed parsed = parse_text(text);

                ck_assert_msg(parsed.r == 0, "%s: %s", files[i].path, parsed.text);
        }
}
END_TEST

/* An assignment to that key, in a comment or not. */
static bool assigns(const char *text, const char *key) {
        for (const char *at = text; (at = strstr(at, key)); at++) {
                const char *end = at + strlen(key);

                if ((at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_')) ||
                    (isalnum((unsigned char)*end) || *end == '_'))
                        continue;
                end += strspn(end, " ");
                if (*end == '=' || *end == ':')
                        return true;
        }
        return false;
}

static void every_option_is_in(const OptionGroup *group, const char *text) {
        for (size_t i = 0; i < group->n_options; i++) {
                const Option *option = &group->options[i];

                ck_assert_msg(assigns(text, option->name), "%s.%s is not shown", group->name, option->name);
                if (option->group)
                        every_option_is_in(option->group, text);
        }
}

START_TEST(the_example_shows_every_option) {
        _cleanup_(freep) char *text = source_text("conf/pgvigil.conf", false);

        every_option_is_in(&settings_options, text);
}
END_TEST

START_TEST(the_example_as_shipped_says_the_defaults) {
        _cleanup_(freep) char *text = source_text("conf/pgvigil.conf", false);
        _cleanup_(parsed_done) Parsed parsed = parse_text(text);
        _cleanup_(buffer_done) Buffer dump = BUFFER_NULL;

        options_dump(&settings_options, parsed.settings, 0, true, &dump);
        ck_assert_str_eq(buffer_text(&dump),
                         "targets = (\n"
                         "    {\n"
                         "        name = \"main\";\n"
                         "        conninfo = \"host=/run/postgresql dbname=postgres user=pgvigil\";\n"
                         "    }\n"
                         ");\n");
}
END_TEST

START_TEST(the_shop_names_all_that_its_migration_adds) {
        _cleanup_(freep) char *text = source_text("conf/shop.conf", false);
        _cleanup_(parsed_done) Parsed parsed = parse_text(text);
        const TargetSettings *shop = target(&parsed, 0);
        const ForeignKeySettings *key;

        ck_assert_str_eq(shop->name, "shop");
        ck_assert_uint_eq(shop->constraints.count, 10);
        ck_assert_uint_eq(shop->foreign_keys.count, 3);
        ck_assert_uint_eq(shop->indexes.count, 3);
        for (size_t i = 0; i < shop->constraints.count; i++) {
                const ConstraintSettings *rule = LIST_AT(shop->constraints, ConstraintSettings, i);

                ck_assert_str_eq(rule->rule.expected_after, "production_safety_constraints");
                ck_assert(rule->rule.enforced && !rule->rule.gate);
                ck_assert_int_eq(rule->rule.severity, SEVERITY_DEFAULT);
                ck_assert_ptr_nonnull(rule->check);
        }
        key = LIST_AT(shop->foreign_keys, ForeignKeySettings, 1);
        ck_assert_str_eq(key->on_delete, "set null");
        ck_assert_ptr_null(key->on_update);
        ck_assert_uint_eq(strv_length(LIST_AT(shop->indexes, IndexSettings, 2)->columns), 3);
}
END_TEST

/* Secrets read "…" in a dump. */
static void hide_secrets(Settings *settings) {
        for (size_t i = 0; i < settings->targets.count; i++) {
                TargetSettings *t = LIST_AT(settings->targets, TargetSettings, i);

                if (t->conninfo)
                        ck_assert_int_eq(str_set(&t->conninfo, "…"), 0);
                if (t->shadow)
                        ck_assert_int_eq(str_set(&t->shadow, "…"), 0);
        }
}

static void dump_and_parse(Settings *settings, bool only_changed) {
        _cleanup_(buffer_done) Buffer dump = BUFFER_NULL;

        options_dump(&settings_options, settings, 0, only_changed, &dump);

        _cleanup_(parsed_done) Parsed again = parse_text(buffer_text(&dump));

        ck_assert_msg(again.r == 0, "%s\n%s", again.text, buffer_text(&dump));
        ck_assert_msg(options_equal(&settings_options, again.settings, settings), "%s", buffer_text(&dump));
}

START_TEST(a_dump_parses_to_the_same_settings) {
        for (size_t i = 0; i < ELEMENTS(files); i++) {
                _cleanup_(freep) char *text = source_text(files[i].path, files[i].all);
                _cleanup_(parsed_done) Parsed parsed = parse_text(text);

                hide_secrets(parsed.settings);
                dump_and_parse(parsed.settings, false);
                dump_and_parse(parsed.settings, true);
        }
}
END_TEST

START_TEST(odd_characters_survive_a_dump) {
        _cleanup_(parsed_done) Parsed parsed = parse_in_target(
                "canaries = ( { name = \"a\\\"b\\\\\"; sql = \"SELECT '\\t\\x01',\n 'ä' -- \\r\"; } );"
                "exclude = [ \"%s\", \"\\\\x41\" ]; limits: { lock_timeout = \"1s 500ms\"; };");

        ck_assert_msg(parsed.r == 0, "%s", parsed.text);
        ck_assert_str_eq(LIST_AT(target(&parsed, 0)->canaries, CanarySettings, 0)->name, "a\"b\\");
        ck_assert_str_eq(target(&parsed, 0)->exclude[1], "\\x41");
        hide_secrets(parsed.settings);
        dump_and_parse(parsed.settings, false);
        dump_and_parse(parsed.settings, true);
}
END_TEST

START_TEST(an_empty_string_is_the_same_as_leaving_it_out) {
        _cleanup_(parsed_done) Parsed parsed = parse_in_target(
                "indexes = ( { table = \"t\"; name = \"\"; columns = [ \"c\" ]; expected_after = \"\"; } );"
                "migrations: { table = \"\"; };");

        ck_assert_msg(parsed.r == 0, "%s", parsed.text);
        ck_assert_ptr_null(LIST_AT(target(&parsed, 0)->indexes, IndexSettings, 0)->name);
        ck_assert_ptr_null(LIST_AT(target(&parsed, 0)->indexes, IndexSettings, 0)->rule.expected_after);
        ck_assert_str_eq(target(&parsed, 0)->migrations.table, "");
}
END_TEST

START_TEST(a_list_in_the_file_replaces_the_default) {
        _cleanup_(parsed_done) Parsed parsed = parse_in_target("schemas = [ \"a\", \"b\" ];");

        ck_assert_msg(parsed.r == 0, "%s", parsed.text);
        ck_assert_uint_eq(strv_length(target(&parsed, 0)->schemas), 2);
        ck_assert_str_eq(target(&parsed, 0)->schemas[0], "a");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                shipped_files_parse,
                the_example_shows_every_option,
                the_example_as_shipped_says_the_defaults,
                the_shop_names_all_that_its_migration_adds,
                a_dump_parses_to_the_same_settings,
                odd_characters_survive_a_dump,
                an_empty_string_is_the_same_as_leaving_it_out,
                a_list_in_the_file_replaces_the_default,
        };

        return unit_run("config shipped", tests, ELEMENTS(tests));
}
