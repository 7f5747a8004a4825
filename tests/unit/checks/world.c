/* A server for the constraint check, made of strings.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "world.h"

#include <string.h>

#include "pgvigil/checks.h"

#define RELATION                                                                                             \
        "relid=1|schemaname=shop|relname=orders|relkind=r|is_extension=f|can_read=t|can_use=t|"              \
        "row_security=f|has_children=f"
#define CONSTRAINT                                                                                           \
        "relid=1|conid=100|version=7|conname=amount_positive|contype=c|validated=t|enforced=t|"              \
        "no_inherit=f|is_inherited=f"
#define VERIFY                                                                                               \
        "relkind=r|can_read=t|row_security=f|has_children=f|foreign_parts=f|user_code=f|"                    \
        "expression=(amount > 0)|trusted=t"
#define FACTS                                                                                                \
        "root=1|is_other=f|relkind=r|leaf=shop.orders|can_read=t|can_use=t|row_security=f|pages=10|moved=0|" \
        "signature=s|fingerprint=1|epoch=e|now=2026-11-24 12:00:00+00|busy=0|is_standby=f|counts_rows=t"
#define DETAILS "is_opaque=f|key_columns={id}|key_types={bigint}"
#define SCAN    "QUERY PLAN=[{\"Plan\": {\"Node Type\": \"Seq Scan\", \"Relation Name\": \"orders\"}}]"

static void renew(World *world) {
        if (world->state)
                constraint_check.free(world->state);
        ck_assert_int_eq(constraint_check.new(world->target, &world->state), 0);
}

void world_open(World *world) {
        *world = (World){.facts.known = true, .now = 1000 * USEC_PER_SEC};
        ck_assert_int_eq(settings_new(&world->settings), 0);
        ck_assert_int_eq(settings_add_target(world->settings, "shop", &world->target), 0);
        world->target->schemas = strv_free(world->target->schemas);
        ck_assert_int_eq(strv_add(&world->target->schemas, "shop"), 0);
        world->target->intervals.catalog = world->target->intervals.violations = 60 * USEC_PER_SEC;
        world->relations[0] = "";
        renew(world);
}

void world_close(World *world) {
        report_done(&world->report);
        buffer_done(&world->log);
        constraint_check.free(world->state);
        strv_free(world->facts.applied);
        settings_free(world->settings);
}

ConstraintSettings *world_want(World *world, const char *table, const char *name, const char *check) {
        List *list = &world->target->constraints;
        ConstraintSettings *wanted = reallocarray(list->items, list->count + 1, sizeof(*wanted));

        ck_assert_ptr_nonnull(wanted);
        list->items = wanted;
        wanted += list->count++;
        *wanted = (ConstraintSettings){};
        rule_default(&wanted->rule, SEVERITY_CRITICAL);
        ck_assert_int_eq(str_set(&wanted->table, table), 0);
        ck_assert_int_eq(str_set(&wanted->name, name), 0);
        ck_assert_int_eq(str_set(&wanted->check, check), 0);
        renew(world);
        return wanted;
}

static void fill(Table *table, size_t row, const char *text) {
        _cleanup_(freep) char *copy = strdup(text ? text : "");
        char *rest = copy, *cell;

        while (rest && *rest && (cell = strsep(&rest, "|"))) {
                char *equals = strchr(cell, '=');
                int field;

                ck_assert_ptr_nonnull(equals);
                *equals = '\0';
                field = shape_find(table->shape, cell);
                ck_assert_msg(field >= 0, "no column %s", cell);
                value_done(table_cell(table, row, cell));
                ck_assert_int_eq(value_parse(table->shape->fields[field].kind, equals + 1,
                                             table_cell(table, row, cell)),
                                 0);
        }
}

static size_t add_row(Table *table, const char *defaults, const char *text) {
        size_t row;

        ck_assert_int_eq(table_add_row(table, &row), 0);
        fill(table, row, defaults);
        fill(table, row, text);
        return row;
}

static void add_rows(Table *table, const char *defaults, const char *const rows[WORLD_MAX]) {
        for (size_t i = 0; i < WORLD_MAX && rows[i]; i++)
                add_row(table, defaults, rows[i]);
}

/* One row for each oid asked for, one without where there is none. */
static void answer_verify(Table *table, const Statement *statement, const char *change) {
        if (str_equal(change, WORLD_GONE)) {
                add_row(table, VERIFY, "expression=");
                return;
        }

        _cleanup_(freep) char *ids = strdup(statement->n_parameters > 2 ? statement->parameters[2] + 1 : "");
        char *rest = ids, *id;

        while ((id = strsep(&rest, ",}"))) {
                if (!*id && table->n_rows > 0)
                        continue;
                table_set_int(table, add_row(table, VERIFY, change), "conid", strtol(id, NULL, 10));
        }
}

/* Two filters have the same plan when they differ in spaces and parentheses only. */
static void answer_compare(Table *table, const Statement *statement) {
        _cleanup_(buffer_done) Buffer plan = BUFFER_NULL;

        for (const char *c = strstr(statement->sql, " WHERE "); c && *c; c++)
                if (!strchr(" ()\n", *c))
                        buffer_add_char(&plan, *c);
        ck_assert_int_eq(table_set_text(table, add_row(table, NULL, NULL), "QUERY PLAN", buffer_text(&plan)),
                         0);
}

static void answer_count(Table *table, const Statement *statement) {
        _cleanup_(buffer_done) Buffer counts = BUFFER_NULL;

        for (const char *c = statement->sql; (c = strstr(c, "count(*)")); c++)
                buffer_add(&counts, counts.length > 0 ? ",0" : "{0");
        buffer_add_char(&counts, '}');
        ck_assert_int_eq(table_set_text(table, add_row(table, NULL, NULL), "counts", buffer_text(&counts)),
                         0);
}

/* The table's oid is that of the watched relation of the name. Time passes in the cluster, unless a
 * reply says otherwise: each snapshot is another one. */
static void answer_facts(const World *world, Table *table, const Statement *statement, const Reply *reply) {
        int64_t id = 1;
        int64_t fingerprint = 0;
        _cleanup_(freep) char *digest = NULL;
        _cleanup_(freep) char *snapshot = str_format("snapshot=%llu|signature=%llu",
                                                     (unsigned long long)world->now,
                                                     (unsigned long long)world->now);
        size_t row;

        for (size_t i = 0; i < WORLD_MAX && world->constraints[i]; i++)
                for (const char *c = world->constraints[i]; *c; c++)
                        fingerprint = (31 * fingerprint + *c) % 1000003;
        for (size_t i = 0; i < WORLD_MAX && world->relations[i]; i++) {
                _cleanup_(freep) char *name = str_format("relname=%s", statement->parameters[1]);
                const char *relid = strstr(world->relations[i], "relid=");

                if (relid && strstr(world->relations[i], name))
                        id = strtol(relid + strlen("relid="), NULL, 10);
        }
        digest = str_format("fingerprint=%lld", (long long)fingerprint);
        for (size_t i = 0; i == 0 || (reply && i < WORLD_MAX && reply->rows[i]); i++) {
                row = add_row(table, FACTS, snapshot);
                table_set_int(table, row, "relid", id);
                table_set_int(table, row, "root", id);
                fill(table, row, digest);
                fill(table, row, reply ? reply->rows[i] : NULL);
        }
}

static bool is_about(const Statement *statement, const char *about) {
        if (!about || strstr(statement->sql, about))
                return true;
        for (size_t i = 0; i < statement->n_parameters; i++)
                if (strstr(statement->parameters[i], about))
                        return true;
        return false;
}

static const Reply *find_reply(const World *world, const Statement *statement) {
        for (size_t i = 0; i < WORLD_MAX && world->replies[i].statement; i++)
                if (str_equal(world->replies[i].statement, statement->name) &&
                    is_about(statement, world->replies[i].about))
                        return &world->replies[i];
        return NULL;
}

static void answer_rows(const World *world, const Statement *statement, const Reply *reply, Table *table) {
        if (str_equal(statement->name, "constraint.verify"))
                answer_verify(table, statement, reply ? reply->rows[0] : NULL);
        else if (str_equal(statement->name, "count.details"))
                fill(table, add_row(table, DETAILS, NULL), reply ? reply->rows[0] : NULL);
        else if (str_equal(statement->name, "count.facts"))
                answer_facts(world, table, statement, reply);
        else if (reply)
                add_rows(table, NULL, reply->rows);
        else if (str_equal(statement->name, "constraint.catalog"))
                add_rows(table, CONSTRAINT, world->constraints);
        else if (str_equal(statement->name, "constraint.relations"))
                add_rows(table, RELATION, world->relations);
        else if (str_equal(statement->name, "constraint.prove"))
                add_row(table, NULL, SCAN);
        else if (str_equal(statement->name, "constraint.compare"))
                answer_compare(table, statement);
        else if (str_equal(statement->name, "count.full") || str_equal(statement->name, "count.slice"))
                answer_count(table, statement);
}

/* The contract of Statement.place. */
static void check_place(World *world, const Statement *statement, bool has_failed) {
        bool begins = statement->place == STATEMENT_ALONE || statement->place == STATEMENT_OPENS;

        /* What begins one commits the one before. */
        ck_assert_msg(begins || world->in_transaction, "%s is out of place", statement->name);
        world->in_transaction = !has_failed &&
                                (statement->place == STATEMENT_OPENS || statement->place == STATEMENT_WITHIN);
}

static void answer(World *world, const CheckContext *context, const Statement *statement) {
        const Reply *reply = find_reply(world, statement);
        bool has_failed = reply && reply->sqlstate;
        _cleanup_(outcome_done) Outcome outcome = {.kind = has_failed ? OUTCOME_ERROR : OUTCOME_ROWS};

        buffer_printf(&world->log, "%s%s: %s\n", statement->name, statement->exclusion_off ? " xoff" : "",
                      statement->sql);
        if (context->explain && statement->reads_rows) {
                ck_assert_int_eq(constraint_check.take(world->state, context, &outcome), 0);
                return;
        }
        check_place(world, statement, has_failed);
        if (has_failed) {
                memcpy(outcome.sqlstate, reply->sqlstate, 5);
        } else if (statement->shape) {
                ck_assert_int_eq(table_new(statement->shape, NULL, &outcome.table), 0);
                answer_rows(world, statement, reply, outcome.table);
        }
        ck_assert_int_eq(constraint_check.take(world->state, context, &outcome), 0);
}

static CheckContext context_of(const World *world) {
        static const ServerFacts server = {.version_num = 150000};

        return (CheckContext){
                .settings = world->target,
                .server = &server,
                .blocks_left = world->blocks_left > 0 ? world->blocks_left : 4096,
                .migrations = &world->facts,
                .boottime = world->now,
                .realtime = world->now,
                .explain = world->explain,
                .key_rows = world->key_rows,
        };
}

void world_round(World *world) {
        CheckContext context = context_of(world);

        report_done(&world->report);
        buffer_clear(&world->log);
        world->in_transaction = false;
        world->n_asked = 0;
        ck_assert_int_eq(constraint_check.begin(world->state, &context, NULL), 0);
        for (;;) {
                _cleanup_(statement_done) Statement statement = {};
                int r;

                context = context_of(world);
                context.boottime = world->now++; /* time passes */
                r = constraint_check.next(world->state, &context, &statement);
                ck_assert_int_ge(r, 0);
                if (r == 0)
                        break;
                ck_assert_uint_lt(++world->n_asked, 1000);
                if (world->n_asked == world->cut_after)
                        return;
                answer(world, &context, &statement);
        }
        ck_assert_int_eq(constraint_check.judge(world->state, &context, &world->report), 0);
}

const Finding *world_finding(const World *world, const char *name) {
        const Finding *found = NULL;

        for (size_t i = 0; i < world->report.n_findings; i++) {
                if (!str_equal(world->report.findings[i].name, name))
                        continue;
                ck_assert_msg(!found, "two findings %s", name);
                found = &world->report.findings[i];
        }
        ck_assert_msg(found != NULL, "no finding %s", name);
        return found;
}

const Table *world_table(const World *world, const char *shape) {
        for (size_t i = 0; i < world->report.n_tables; i++)
                if (str_equal(world->report.tables[i]->shape->name, shape))
                        return world->report.tables[i];
        return NULL;
}

bool world_was_asked(const World *world, const char *text) {
        return strstr(buffer_text(&world->log), text) != NULL;
}
