/* What a check hands over, and the names of migrations.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/check-kind.h"

#include <errno.h>
#include <string.h>

#define REPORT_FIRST_FINDINGS 16

bool migration_name_matches(const char *recorded, const char *wanted) {
        size_t digits = strspn(recorded, "0123456789");

        if (str_equal(recorded, wanted))
                return true;
        return digits > 0 && recorded[digits] == '_' && str_equal(recorded + digits + 1, wanted);
}

int migration_facts_applied(const MigrationFacts *facts, const char *name) {
        if (!facts || !facts->known)
                return -EAGAIN;
        for (size_t i = 0; facts->applied && facts->applied[i]; i++)
                if (migration_name_matches(facts->applied[i], name))
                        return 1;
        return 0;
}

MigrationFacts *migration_facts_free(MigrationFacts *facts) {
        if (!facts)
                return NULL;
        strv_free(facts->applied);
        free(facts->finished_at);
        migration_run_done(&facts->run);
        free(facts);
        return NULL;
}

ServerFacts *server_facts_free(ServerFacts *facts) {
        if (!facts)
                return NULL;
        free(facts->system_identifier);
        free(facts->database);
        free(facts->role);
        free(facts);
        return NULL;
}

void report_done(Report *report) {
        for (size_t i = 0; i < report->n_findings; i++)
                finding_done(&report->findings[i]);
        free(report->findings);
        for (size_t i = 0; i < report->n_tables; i++)
                table_free(report->tables[i]);
        free(report->tables);
        migration_facts_free(report->migrations);
        server_facts_free(report->server);
        *report = (Report){};
}

static int report_reserve_finding(Report *report) {
        size_t allocated;
        Finding *grown;

        if (report->n_findings < report->allocated)
                return 0;
        allocated = report->allocated > 0 ? 2 * report->allocated : REPORT_FIRST_FINDINGS;
        grown = reallocarray(report->findings, allocated, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        report->findings = grown;
        report->allocated = allocated;
        return 0;
}

Finding *report_add(Report *report, FindingKind kind, const char *object, const char *name) {
        _cleanup_(finding_done) Finding finding = {.kind = kind};
        Finding *place;

        if (report_reserve_finding(report) < 0 || str_set(&finding.object, object) < 0 ||
            str_set(&finding.name, name) < 0)
                return NULL;
        place = &report->findings[report->n_findings++];
        *place = finding;
        finding = (Finding){};
        return place;
}

Table *report_table(Report *report, const Shape *shape) {
        Table *table = NULL;
        Table **grown;

        for (size_t i = 0; i < report->n_tables; i++)
                if (report->tables[i]->shape == shape)
                        return report->tables[i];

        grown = reallocarray(report->tables, report->n_tables + 1, sizeof(*grown));
        if (!grown)
                return NULL;
        report->tables = grown;
        if (table_new(shape, NULL, &table) < 0)
                return NULL;
        grown[report->n_tables++] = table;
        return table;
}
