/* Statement and Outcome: owning and freeing them. What runs them is the pg module.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/statement.h"

#include <errno.h>
#include <string.h>

#include "pgvigil/base/str.h"

void statement_done(Statement *statement) {
        for (size_t i = 0; i < statement->n_parameters; i++)
                free(statement->parameters[i]);
        free(statement->parameters);
        free(statement->sql);
        free(statement->note);
        *statement = (Statement){};
}

int statement_add_parameter(Statement *statement, const char *text) {
        char *copy = NULL;
        char **grown;
        int r;

        grown = reallocarray(statement->parameters, statement->n_parameters + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        statement->parameters = grown;
        r = str_set(&copy, text);
        if (r < 0)
                return r;
        grown[statement->n_parameters++] = copy;
        return 0;
}

void outcome_done(Outcome *outcome) {
        table_free(outcome->table);
        free(outcome->message);
        *outcome = (Outcome){};
}

bool sqlstate_in(const char *sqlstate, const char *list) {
        while (*list) {
                size_t length = strcspn(list, ",");

                if (length > 0 && strncmp(sqlstate, list, length) == 0)
                        return true;
                list += length;
                list += strspn(list, ",");
        }
        return false;
}
