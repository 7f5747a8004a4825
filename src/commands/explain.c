/* check --explain: the statements in the order of a round, ready to read and to run by hand.
 *
 * Reads of the catalog and plans (EXPLAIN) do run, for without them nobody knows what would; what
 * reads rows of watched tables does not, and is marked so.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pgvigil/model/secret.h"
#include "run-once.h"

/* "Total Cost" of the topmost node, out of EXPLAIN (FORMAT JSON); negative: no plan there. */
static double plan_cost(const Outcome *outcome) {
        const Table *table = outcome->table;

        for (size_t i = 0; table && i < table->n_rows * table->shape->n_fields; i++) {
                const Value *cell = &table->cells[i];
                const char *at = cell->kind == VALUE_TEXT ? strstr(cell->text, "\"Total Cost\":") : NULL;

                if (at)
                        return strtod(at + strlen("\"Total Cost\":"), NULL);
        }
        return -1;
}

/* A comment is one line: a line break in a name would make the rest of the name a statement. */
static void end_comment(Buffer *out, size_t begin) {
        for (size_t i = begin; i < out->length; i++)
                if (out->data[i] == '\n' || out->data[i] == '\r')
                        out->data[i] = ' ';
        buffer_add_char(out, '\n');
}

static void add_parameters(Buffer *out, const Statement *statement) {
        size_t begin = out->length;

        for (size_t i = 0; i < statement->n_parameters; i++) {
                buffer_printf(out, "%s$%zu = ", i == 0 ? "-- " : ", ", i + 1);
                if (statement->parameters[i])
                        buffer_add_literal(out, statement->parameters[i]);
                else
                        buffer_add(out, "NULL");
        }
        if (statement->n_parameters > 0)
                end_comment(out, begin);
}

void explain_statement(void *userdata, const TargetView *target, const CheckKind *check,
                       const Statement *statement, const Outcome *outcome) {
        const RunOnce *run = userdata;
        Explain *explain = run->extra;
        Buffer *out = &explain->text;
        size_t begin = out->length;

        if (statement->exclusion_off && !strv_contains(explain->exclusion_off, target->name) &&
            strv_add(&explain->exclusion_off, target->name) < 0)
                out->failed = true;
        buffer_printf(out, "-- target %s, check %s: %s", target->name, check->name, statement->name);
        if (statement->object)
                buffer_printf(out, ", %s", statement->object);
        if (!outcome) {
                buffer_printf(out, "; not run: reads rows%s%s", statement->note ? ", " : "",
                              statement->note ? statement->note : "");
                if (explain->cost >= 0)
                        buffer_printf(out, ", estimated cost %.0f", explain->cost);
        } else {
                explain->cost = plan_cost(outcome);
                if (explain->cost >= 0)
                        buffer_printf(out, "; plan only, estimated cost %.0f", explain->cost);
                else
                        buffer_printf(out, "; catalog%s%s", statement->note ? ", " : "",
                                      statement->note ? statement->note : "");
        }
        end_comment(out, begin);
        add_parameters(out, statement);
        buffer_printf(out, "%s;\n\n", statement->sql);
}

/* Nobody can say before whether they will run: it depends on how long a count takes. */
static void print_yield(const TargetView *target) {
        for (const Statement *const *one = engine_yield_statements(); *one; one++)
                printf("-- target %s, beside a count that takes long, in a second session: %s\n"
                       "-- $1 = the process that counts\n%s;\n\n",
                       target->name, (*one)->name, (*one)->sql);
}

/* Not asked, for it is no question of what would run. */
static int print_app(const TargetView *target) {
        const AppSettings *app = &target->settings->app;
        _cleanup_(buffer_done) Buffer line = BUFFER_NULL;
        _cleanup_(freep) char *url = str_is_empty(app->url) ? NULL : url_shown(app->url);

        if (str_is_empty(app->url))
                return 0;
        buffer_printf(&line, "-- target %s, check app: GET %s; not sent, expected is %d within ",
                      target->name, url ? url : "", (int)app->expect_status);
        buffer_add_usec_human(&line, app->timeout);
        end_comment(&line, 0);
        printf("%s\n", buffer_text(&line));
        return url ? buffer_error(&line) : -ENOMEM;
}

int explain_print(const Explain *explain, Engine *engine) {
        const View *view = engine_view(engine);

        for (size_t i = 0; i < view->n_targets; i++) {
                const TargetView *target = view->targets[i];
                bool exclusion_off = strv_contains(explain->exclusion_off, target->name);
                _cleanup_(freep) char *session = engine_session_statements(engine, target, exclusion_off);

                if (!session)
                        return -ENOMEM;
                printf("-- target %s: around every statement\n%s;\n\n", target->name, session);
                print_yield(target);
                if (print_app(target) < 0)
                        return -ENOMEM;
                if (target->reach != REACH_OK)
                        printf("-- target %s cannot be reached: %s\n\n", target->name,
                               cause_name(target->cause));
        }
        fputs(buffer_text(&explain->text), stdout);
        return buffer_error(&explain->text);
}

void explain_done(Explain *explain) {
        buffer_done(&explain->text);
        explain->exclusion_off = strv_free(explain->exclusion_off);
}
