/* What the option tables cannot say: how settings depend on each other and on siblings' syntax.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "parse.h"
#include "pgvigil/model/secret.h"

/* The line of a member, or of its group where it is not set. */
static const config_setting_t *member(const config_setting_t *setting, const char *name) {
        const config_setting_t *found = config_setting_get_member(setting, name);

        return found ? found : setting;
}

bool config_name_is_plain(const char *name) {
        return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static void check_name(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        const config_setting_t *where = member(setting, "name");

        if (!target->name)
                return;
        if (!config_name_is_plain(target->name))
                parser_problem(parser, where, "may hold a-z, 0-9, _ and - only");
        else if (str_equal(target->name, "verdict"))
                parser_problem(parser, where, "\"verdict\" is reserved: choose another name");
        else if (strlen(target->name) > 63)
                parser_problem(parser, where, "may have at most 63 characters");
}

/* Asks a hook; its sentence becomes a problem. */
static void ask(Parser *parser, const config_setting_t *where, char *(*hook)(const char *),
                const char *text) {
        _cleanup_(freep) char *why = NULL;

        if (hook)
                why = hook(text);
        if (why)
                parser_problem(parser, where, "%s", why);
}

static bool is_empty_string(const config_setting_t *setting) {
        return setting && config_setting_type(setting) == CONFIG_TYPE_STRING &&
               str_is_empty(config_setting_get_string(setting));
}

/* Exactly one of the two; a member of the wrong type was refused before. */
static void check_way(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        const config_setting_t *conninfo = config_setting_get_member(setting, "conninfo");
        const config_setting_t *credential = config_setting_get_member(setting, "conninfo_credential");

        if (target->conninfo && target->conninfo_credential)
                parser_problem(parser, credential, "stands beside conninfo (line %u): only one of them",
                               config_setting_source_line(conninfo));
        if (target->conninfo || target->conninfo_credential)
                return;
        if (!conninfo && !credential)
                parser_problem(parser, setting, "\"conninfo\" or \"conninfo_credential\" is missing");
        else if (is_empty_string(conninfo) || is_empty_string(credential))
                parser_problem(parser, conninfo ? conninfo : credential, "must not be empty");
}

static void check_conninfo(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        const char *credential = target->conninfo_credential;

        if (target->conninfo && parser->hooks)
                ask(parser, member(setting, "conninfo"), parser->hooks->check_conninfo, target->conninfo);
        if (credential && (strchr(credential, '/') || credential[0] == '.'))
                parser_problem(parser, member(setting, "conninfo_credential"),
                               "is the name of a credential, not a path");
}

static void check_secret(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        static const char text[] = "holds a password, and others may read this file: chmod 0600 it (or 0640 "
                                   "of root and the service's group), or use "
                                   "conninfo_credential or a passfile";

        if (!parser->is_exposed)
                return;
        if (target->conninfo && conninfo_holds_secret(target->conninfo))
                parser_problem(parser, member(setting, "conninfo"), "%s", text);
        if (target->shadow && conninfo_holds_secret(target->shadow))
                parser_problem(parser, member(setting, "shadow"), "%s", text);
}

static void check_shadow(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        if (target->shadow && parser->hooks && !str_equal(target->shadow, "auto"))
                ask(parser, member(setting, "shadow"), parser->hooks->check_conninfo, target->shadow);
}

static void check_schemas(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        const config_setting_t *schemas = config_setting_get_member(setting, "schemas");

        if (target->discover && schemas && config_setting_is_aggregate(schemas) &&
            config_setting_length(schemas) == 0)
                parser_problem(parser, schemas,
                               "is empty, so nothing would be discovered: name schemas, or "
                               "say discover = false");
}

/* Whether a parenthesis closes that the expression did not open: it would end the one that is put
 * around it, and other rows would be counted. Quoted text is passed over. */
static bool escapes_parentheses(const char *expression) {
        int depth = 0;
        char quote = '\0';

        for (; *expression && depth >= 0; expression++) {
                if (quote)
                        quote = *expression == quote ? '\0' : quote;
                else if (*expression == '\'' || *expression == '"')
                        quote = *expression;
                else if (*expression == '(' || *expression == ')')
                        depth += *expression == '(' ? 1 : -1;
                else if (*expression == '$' || *expression == '\\')
                        return false; /* other quoting: the server judges it */
        }
        return depth < 0;
}

static void check_constraints(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        const config_setting_t *list = config_setting_get_member(setting, "constraints");

        for (size_t i = 0; i < target->constraints.count; i++) {
                const ConstraintSettings *rule = LIST_AT(target->constraints, ConstraintSettings, i);

                if (!rule->rule.enforced && !rule->check)
                        parser_problem(parser, config_setting_get_elem(list, (unsigned)i),
                                       "enforced = false needs \"check\": there is nothing to count");
                if (rule->check && escapes_parentheses(rule->check))
                        parser_problem(parser, member(config_setting_get_elem(list, (unsigned)i), "check"),
                                       "closes a parenthesis that it does not open");
        }
}

static void check_foreign_keys(Parser *parser, const config_setting_t *setting,
                               const TargetSettings *target) {
        const config_setting_t *list = config_setting_get_member(setting, "foreign_keys");

        for (size_t i = 0; i < target->foreign_keys.count; i++) {
                const ForeignKeySettings *key = LIST_AT(target->foreign_keys, ForeignKeySettings, i);
                size_t n = strv_length(key->columns), referenced = strv_length(key->referenced_columns);

                if (n > 0 && referenced > 0 && n != referenced)
                        parser_problem(parser, config_setting_get_elem(list, (unsigned)i),
                                       "%zu columns reference %zu columns: as many on both sides", n,
                                       referenced);
        }
}

static void check_backups(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        const config_setting_t *list = config_setting_get_member(setting, "backups");

        for (size_t i = 0; i < target->backups.count; i++) {
                const BackupSettings *backup = LIST_AT(target->backups, BackupSettings, i);

                if (!!backup->path + !!backup->query + !!backup->url != 1)
                        parser_problem(parser, config_setting_get_elem(list, (unsigned)i),
                                       "exactly one of \"path\", \"query\" and \"url\"");
        }
}

static void check_replay_lag(Parser *parser, const config_setting_t *setting, const TargetSettings *target) {
        if (target->max_replay_lag > 0 && str_equal(target->expect_role, "primary"))
                parser_problem(parser, member(setting, "max_replay_lag"),
                               "only a standby replays: expect_role is \"primary\"");
}

static void (*const target_checks[])(Parser *, const config_setting_t *, const TargetSettings *) = {
        check_name,    check_way,         check_conninfo,     check_secret,  check_shadow,
        check_schemas, check_constraints, check_foreign_keys, check_backups, check_replay_lag,
};

/* staging_target names another target of this file. */
static void check_staging(Parser *parser, const config_setting_t *setting, const Settings *settings,
                          const TargetSettings *target) {
        if (!target->staging_target)
                return;
        for (size_t i = 0; i < settings->targets.count; i++) {
                const TargetSettings *other = LIST_AT(settings->targets, TargetSettings, i);

                if (other != target && str_equal(other->name, target->staging_target))
                        return;
        }
        parser_problem(parser, member(setting, "staging_target"), "is no other target of this file");
}

static void check_targets(Parser *parser, const config_setting_t *root, const Settings *settings) {
        const config_setting_t *list = config_setting_get_member(root, "targets");

        if (!list || (config_setting_is_aggregate(list) && config_setting_length(list) == 0))
                parser_problem(parser, list ? list : root, "no targets: nothing would be watched");
        for (size_t i = 0; i < settings->targets.count; i++) {
                const TargetSettings *target = LIST_AT(settings->targets, TargetSettings, i);
                const config_setting_t *setting = config_setting_get_elem(list, (unsigned)i);

                if (config_setting_type(setting) != CONFIG_TYPE_GROUP)
                        continue;
                for (size_t j = 0; j < ELEMENTS(target_checks); j++)
                        target_checks[j](parser, setting, target);
                check_staging(parser, setting, settings, target);
        }
}

static void check_addresses(Parser *parser, const config_setting_t *http, const char *key) {
        const config_setting_t *list = config_setting_get_member(http, key);

        for (int i = 0; list && config_setting_is_aggregate(list) && i < config_setting_length(list); i++) {
                const config_setting_t *entry = config_setting_get_elem(list, (unsigned)i);

                if (config_setting_type(entry) == CONFIG_TYPE_STRING)
                        ask(parser, entry, parser->hooks->check_listen, config_setting_get_string(entry));
        }
}

void semantics_check(Parser *parser, const config_setting_t *root, const Settings *settings) {
        const config_setting_t *http = config_setting_get_member(root, "http");

        check_targets(parser, root, settings);
        if (http && config_setting_is_group(http) && parser->hooks) {
                check_addresses(parser, http, "listen");
                check_addresses(parser, http, "probe_listen");
        }
}
