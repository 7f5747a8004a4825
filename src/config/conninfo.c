/* What a conninfo says beyond how to connect: "?schema=" of an application's URL names what is watched.
 *
 * Where `schemas` is set as well it has to hold that schema: which of the two was meant is not guessed,
 * for the other one would be green.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>

#include "parse.h"

static void say(const Parser *parser, const config_setting_t *where, const TargetSettings *target,
                const char *note) {
        _cleanup_(freep) char *text = str_format("targets[%s].conninfo: %s", target->name ? target->name : "",
                                                 note);

        if (text && parser->hooks->note)
                parser->hooks->note(parser->file, config_setting_source_line(where), text);
}

static void set_schema(Parser *parser, TargetSettings *target, const char *schema) {
        target->schemas = strv_free(target->schemas);
        if (strv_add(&target->schemas, schema) < 0)
                parser->error = -ENOMEM;
}

static void compare_schema(Parser *parser, const config_setting_t *conninfo, const config_setting_t *schemas,
                           const TargetSettings *target, const char *schema) {
        _cleanup_(freep) char *shown = value_shown(schema);

        if (!strv_contains(target->schemas, schema))
                parser_problem(parser, schemas,
                               "lacks %s, for which conninfo (line %u) asks with ?schema=: add it here, or "
                               "remove one of the two",
                               shown ? shown : "the schema", config_setting_source_line(conninfo));
}

/* What is wrong with a conninfo is said elsewhere. */
static void complete_target(Parser *parser, const config_setting_t *setting, TargetSettings *target) {
        const config_setting_t *conninfo = config_setting_get_member(setting, "conninfo");
        const config_setting_t *schemas = config_setting_get_member(setting, "schemas");
        _cleanup_(freep) char *schema = NULL, *note = NULL;
        int r = target->conninfo ? parser->hooks->read_conninfo(target->conninfo, &schema, &note) : 0;

        if (r == -ENOMEM)
                parser->error = r;
        if (r < 0)
                return;
        if (note)
                say(parser, conninfo, target, note);
        if (schema && schemas)
                compare_schema(parser, conninfo, schemas, target, schema);
        else if (schema)
                set_schema(parser, target, schema);
}

void conninfo_complete(Parser *parser, const config_setting_t *root, Settings *settings) {
        const config_setting_t *list = config_setting_get_member(root, "targets");

        if (!parser->hooks || !parser->hooks->read_conninfo)
                return;
        for (size_t i = 0; i < settings->targets.count; i++) {
                const config_setting_t *setting = config_setting_get_elem(list, (unsigned)i);

                if (config_setting_type(setting) == CONFIG_TYPE_GROUP)
                        complete_target(parser, setting, LIST_AT(settings->targets, TargetSettings, i));
        }
}
