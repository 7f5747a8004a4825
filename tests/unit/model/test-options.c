/* Tests of model's option tables and the walks over them.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/option.h"

#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "pgvigil/base/usec.h"
#include "pgvigil/model/settings.h"

/* Calls `visit` for every option, those inside groups included. */
static void each_option(const OptionGroup *group, void (*visit)(const OptionGroup *, const Option *)) {
        for (size_t i = 0; i < group->n_options; i++) {
                visit(group, &group->options[i]);
                if (group->options[i].group)
                        each_option(group->options[i].group, visit);
        }
}

static void check_line(const OptionGroup *group, const Option *option) {
        bool number = option->type == OPTION_INT || option->type == OPTION_UNSIGNED ||
                      option->type == OPTION_DURATION;

        ck_assert_msg(!str_is_empty(option->help), "%s has no help", option->name);
        ck_assert_msg(option->help[strlen(option->help) - 1] == '.', "%s: help is no sentence", option->name);
        ck_assert_msg((option->type == OPTION_GROUP || option->type == OPTION_LIST) ==
                              (option->group != NULL),
                      "%s", option->name);
        ck_assert_msg(number == (option->min < option->max), "%s has no range", option->name);
        ck_assert_msg(!number || option->fallback, "%s has no default", option->name);
        ck_assert_msg(option_find(group, option->name) == option, "%s stands twice", option->name);
        ck_assert_msg((option->type != OPTION_ENUM && option->type != OPTION_CHOICE) || option->choices, "%s",
                      option->name);
        ck_assert_msg(option->offset < group->size, "%s", option->name);
}

START_TEST(every_option_is_complete) {
        each_option(&settings_options, check_line);
}
END_TEST

START_TEST(defaults_are_those_of_the_contract) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        TargetSettings *target;
        void *item;

        ck_assert_int_eq(settings_new(&settings), 0);
        ck_assert_int_eq(settings_add_target(settings, "shop", &target), 0);
        ck_assert_str_eq(settings->http.listen[0], "127.0.0.1:9432");
        ck_assert_ptr_null(settings->http.listen[1]);
        ck_assert_int_eq(settings->http.max_connections, 256);
        ck_assert_uint_eq(settings->http.request_timeout, 10 * USEC_PER_SEC);
        ck_assert_str_eq(settings->http.tls_certificate, "");
        ck_assert_str_eq(settings->state_dir, "");
        ck_assert_uint_eq(settings->retention, 15 * USEC_PER_DAY);

        ck_assert_str_eq(target->name, "shop");
        ck_assert_ptr_null(target->conninfo);
        ck_assert_str_eq(target->schemas[0], "public");
        ck_assert(target->discover && target->in_global && !target->staging);
        ck_assert_int_eq(target->severity, SEVERITY_WARNING);
        ck_assert_str_eq(target->expect_role, "any");
        ck_assert_uint_eq(target->intervals.activity, 15 * USEC_PER_SEC);
        ck_assert_uint_eq(target->intervals.safety, USEC_PER_DAY);
        ck_assert_uint_eq(target->limits.lock_timeout, 100 * USEC_PER_MSEC);
        ck_assert_uint_eq(target->limits.max_age, 0);
        ck_assert_int_eq(target->limits.blocks_per_poll, 4096);
        ck_assert_str_eq(target->migrations.framework, "auto");
        ck_assert_str_eq(target->migrations.directory, "");
        ck_assert_str_eq(target->app.url, "");
        ck_assert_int_eq(target->app.expect_status, 200);
        ck_assert_uint_eq(target->phase.duration, USEC_PER_DAY);
        ck_assert_uint_eq(target->constraints.count, 0);

        ck_assert_int_eq(option_list_add(option_find(&target_options, "constraints")->group,
                                         &target->constraints, &item),
                         0);
        ck_assert_uint_eq(target->constraints.count, 1);
}
END_TEST

static void check_rule(const OptionGroup *group, const char *name, const Rule *rule) {
        const Option *list = option_find(group, name);

        ck_assert_ptr_nonnull(list);
        ck_assert_ptr_nonnull(option_find(list->group, "gate"));
        ck_assert_msg(rule->severity == SEVERITY_DEFAULT && rule_severity(rule) == SEVERITY_CRITICAL &&
                              !rule->gate && rule->enforced && !rule->expected_after &&
                              rule->threshold == 1 && rule->for_polls == 1 && rule->clear_after == 1,
                      "%s", name);
}

START_TEST(every_kind_of_rule_has_the_same_options_and_defaults) {
        static const struct {
                const char *name;
                size_t offset;
        } lists[] = {
                {"constraints", offsetof(ConstraintSettings, rule)},
                {"foreign_keys", offsetof(ForeignKeySettings, rule)},
                {"indexes", offsetof(IndexSettings, rule)},
                {"canaries", offsetof(CanarySettings, rule)},
                {"backups", offsetof(BackupSettings, rule)},
        };
        _cleanup_(settings_freep) Settings *settings = NULL;
        TargetSettings *target;

        ck_assert_int_eq(settings_new(&settings), 0);
        ck_assert_int_eq(settings_add_target(settings, "a", &target), 0);
        check_rule(&target_options, "app", &target->app.rule);
        for (size_t i = 0; i < ELEMENTS(lists); i++) {
                const Option *option = option_find(&target_options, lists[i].name);
                void *item;

                ck_assert_int_eq(option_list_add(option->group, option_field(option, target), &item), 0);
                check_rule(&target_options, lists[i].name, (Rule *)((char *)item + lists[i].offset));
        }
}
END_TEST

START_TEST(texts_and_numbers_are_set_within_their_limits) {
        const Option *duration = option_find(option_find(&target_options, "limits")->group, "lock_timeout");
        const Option *severity = option_find(&target_options, "severity");
        const Option *role = option_find(&target_options, "expect_role");
        const Option *blocks = option_find(option_find(&target_options, "limits")->group, "blocks_per_poll");
        _cleanup_(freep) char *text = NULL;
        Severity level = SEVERITY_INFO;
        usec_t usec = 7;
        int64_t number = 7;

        ck_assert_int_eq(option_set_text(duration, &usec, "10s"), 0);
        ck_assert_uint_eq(usec, 10 * USEC_PER_SEC);
        ck_assert_int_eq(option_set_text(duration, &usec, "10001ms"), -ERANGE);
        ck_assert_int_eq(option_set_text(duration, &usec, "999us"), -ERANGE);
        ck_assert_int_eq(option_set_text(duration, &usec, "10"), -EINVAL);
        ck_assert_uint_eq(usec, 10 * USEC_PER_SEC);
        ck_assert_int_eq(option_set_text(severity, &level, "critical"), 0);
        ck_assert_int_eq(level, SEVERITY_CRITICAL);
        ck_assert_int_eq(option_set_text(severity, &level, "CRITICAL"), -EINVAL);
        ck_assert_int_eq(option_set_text(role, &text, "standby"), 0);
        ck_assert_int_eq(option_set_text(role, &text, "slave"), -EINVAL);
        ck_assert_str_eq(text, "standby");
        ck_assert_int_eq(option_set_int(blocks, &number, 16), 0);
        ck_assert_int_eq(option_set_int(blocks, &number, 15), -ERANGE);
        ck_assert_int_eq(option_set_int(blocks, &number, 10000001), -ERANGE);
        ck_assert_int_eq(option_set_int(severity, &level, 1), -EINVAL);
        ck_assert_int_eq(number, 16);
}
END_TEST

/* A target with something in every kind of field. */
static TargetSettings *fill(Settings *settings) {
        const OptionGroup *keys = option_find(&target_options, "foreign_keys")->group;
        ForeignKeySettings *key;
        TargetSettings *target;
        void *item;

        ck_assert_int_eq(settings_add_target(settings, "a", &target), 0);
        ck_assert_int_eq(str_set(&target->conninfo, "password=hunter2"), 0);
        ck_assert_int_eq(strv_add(&target->exclude, "public.x*"), 0);
        ck_assert_int_eq(option_list_add(keys, &target->foreign_keys, &item), 0);
        key = item;
        ck_assert_int_eq(str_set(&key->table, "t"), 0);
        ck_assert_int_eq(strv_add(&key->columns, "c"), 0);
        ck_assert_int_eq(str_set(&key->rule.expected_after, "m"), 0);
        return target;
}

START_TEST(copies_are_equal_and_their_own) {
        _cleanup_(settings_freep) Settings *settings = NULL, *copy = NULL;

        ck_assert_int_eq(settings_new(&settings), 0);
        (void)fill(settings);
        copy = calloc(1, sizeof(*copy));
        ck_assert_ptr_nonnull(copy);
        ck_assert_int_eq(options_copy(&settings_options, settings, copy), 0);
        ck_assert(options_equal(&settings_options, settings, copy));
        LIST_AT(LIST_AT(copy->targets, TargetSettings, 0)->foreign_keys, ForeignKeySettings, 0)
                ->columns[0][0] = 'd';
        ck_assert(!options_equal(&settings_options, settings, copy));
}
END_TEST

static void change_number(TargetSettings *target) {
        target->limits.blocks_per_poll++;
}

static void change_flag(TargetSettings *target) {
        target->discover = !target->discover;
}

static void change_list(TargetSettings *target) {
        ck_assert_int_eq(strv_add(&target->schemas, "x"), 0);
}

static void change_secret(TargetSettings *target) {
        ck_assert_int_eq(str_set(&target->conninfo, "password=other"), 0);
}

static void change_rule(TargetSettings *target) {
        LIST_AT(target->foreign_keys, ForeignKeySettings, 0)->rule.clear_after++;
}

static void change_rules(TargetSettings *target) {
        void *item;

        ck_assert_int_eq(
                option_list_add(option_find(&target_options, "indexes")->group, &target->indexes, &item), 0);
}

static void change_unset(TargetSettings *target) {
        ck_assert_int_eq(str_set(&target->shadow, ""), 0);
}

START_TEST(targets_differ_when_anything_in_them_does) {
        static void (*const changes[])(TargetSettings *) = {change_number, change_flag, change_list,
                                                            change_secret, change_rule, change_rules,
                                                            change_unset};

        for (size_t i = 0; i < ELEMENTS(changes); i++) {
                _cleanup_(settings_freep) Settings *x = NULL, *y = NULL;
                TargetSettings *a, *b;

                ck_assert_int_eq(settings_new(&x), 0);
                ck_assert_int_eq(settings_new(&y), 0);
                a = fill(x);
                b = fill(y);
                ck_assert(target_settings_equal(a, b));
                changes[i](b);
                ck_assert_msg(!target_settings_equal(a, b), "change %zu was not seen", i);
        }
}
END_TEST

START_TEST(a_dump_shows_no_secret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(buffer_done) Buffer all = BUFFER_NULL, changed = BUFFER_NULL;

        ck_assert_int_eq(settings_new(&settings), 0);
        (void)fill(settings);
        options_dump(&settings_options, settings, 0, false, &all);
        options_dump(&settings_options, settings, 0, true, &changed);
        ck_assert_ptr_null(strstr(buffer_text(&all), "hunter2"));
        ck_assert_ptr_null(strstr(buffer_text(&changed), "hunter2"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&all), "conninfo = \"…\";"));
}
END_TEST

START_TEST(only_what_changed_is_dumped_when_asked) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(buffer_done) Buffer out = BUFFER_NULL;

        ck_assert_int_eq(settings_new(&settings), 0);
        options_dump(&settings_options, settings, 0, true, &out);
        ck_assert_str_eq(buffer_text(&out), "");
        settings->retention = 90 * USEC_PER_DAY;
        (void)fill(settings);
        options_dump(&settings_options, settings, 0, true, &out);
        ck_assert_str_eq(buffer_text(&out), "retention = \"90d\";\n"
                                            "targets = (\n"
                                            "    {\n"
                                            "        name = \"a\";\n"
                                            "        conninfo = \"…\";\n"
                                            "        exclude = [ \"public.x*\" ];\n"
                                            "        foreign_keys = (\n"
                                            "            {\n"
                                            "                table = \"t\";\n"
                                            "                columns = [ \"c\" ];\n"
                                            "                expected_after = \"m\";\n"
                                            "            }\n"
                                            "        );\n"
                                            "    }\n"
                                            ");\n");
}
END_TEST

static Buffer manual;

static void check_manual(const OptionGroup *group, const Option *option) {
        _cleanup_(freep) char *item = str_format(".It Ic %s\n", option->name);

        ck_assert_msg(strstr(buffer_text(&manual), item) != NULL, "%s", option->name);
        ck_assert_msg(strstr(buffer_text(&manual), option->help) != NULL, "%s", option->help);
}

START_TEST(the_manual_has_every_option) {
        options_manual(&settings_options, &manual);
        ck_assert_int_eq(buffer_error(&manual), 0);
        each_option(&settings_options, check_manual);
        ck_assert_ptr_nonnull(strstr(buffer_text(&manual), ".Ss targets.limits\n"));
        buffer_done(&manual);
}
END_TEST

START_TEST(half_built_settings_are_freed) {
        Settings *settings = calloc(1, sizeof(*settings));

        ck_assert_ptr_null(settings_free(NULL));
        ck_assert_ptr_null(settings_free(settings));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                every_option_is_complete,
                defaults_are_those_of_the_contract,
                every_kind_of_rule_has_the_same_options_and_defaults,
                texts_and_numbers_are_set_within_their_limits,
                copies_are_equal_and_their_own,
                targets_differ_when_anything_in_them_does,
                a_dump_shows_no_secret,
                only_what_changed_is_dumped_when_asked,
                the_manual_has_every_option,
                half_built_settings_are_freed,
        };

        return unit_run("model options", tests, ELEMENTS(tests));
}
