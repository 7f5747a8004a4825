/* limits.max_series: which rows of single objects /metrics leaves out.
 *
 * Healthy ones only, over all tables together: a row is cut when each finding about its object is
 * known to be in order, before this round and in it. Counts, histories and states of the target
 * itself are never cut.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <string.h>

#include "apply.h"
#include "pgvigil/render.h"

typedef struct Sight {
        const Finding *finding;
        bool is_healthy;
} Sight;

typedef struct Sights {
        const Target *target;
        Sight *items; /* made when first needed: most targets are far from the limit */
        size_t n;
} Sights;

/* An index and its constraint share object and name. */
static int compare_sights(const void *a, const void *b) {
        const Finding *left = ((const Sight *)a)->finding, *right = ((const Sight *)b)->finding;
        bool left_index = left->kind == KIND_INDEX, right_index = right->kind == KIND_INDEX;
        int r;

        if (left_index != right_index)
                return left_index - right_index;
        r = strcmp(left->object ? left->object : "", right->object ? right->object : "");
        return r != 0 ? r : strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

/* A finding of this round, which is not settled yet. */
static bool is_seen_healthy(const Finding *finding) {
        bool is_noted = finding->severity == SEVERITY_INFO && !finding->gate;

        return finding->seen == SEEN_OK || (finding->seen == SEEN_BREACH && is_noted);
}

static bool is_settled_healthy(const Finding *finding) {
        return finding->status <= STATUS_PASS && !finding->is_broken;
}

static int sights_make(Sights *ret) {
        const Target *target = ret->target;
        size_t total = target->view.n_findings;

        for (size_t i = 0; i < target->n_jobs; i++)
                total += target->jobs[i].report.n_findings;
        ret->items = calloc(total + 1, sizeof(*ret->items));
        if (!ret->items)
                return -ENOMEM;

        for (size_t i = 0; i < target->view.n_findings; i++) {
                const Finding *finding = &target->view.findings[i];

                ret->items[ret->n++] = (Sight){finding, is_settled_healthy(finding)};
        }
        for (size_t i = 0; i < target->n_jobs; i++) {
                const Report *report = &target->jobs[i].report;

                for (size_t k = 0; target->jobs[i].has_report && k < report->n_findings; k++)
                        ret->items[ret->n++] = (Sight){&report->findings[k],
                                                       is_seen_healthy(&report->findings[k])};
        }
        qsort(ret->items, ret->n, sizeof(*ret->items), compare_sights);
        return 0;
}

static bool has_field(const Table *table, const char *field) {
        return shape_find(table->shape, field) >= 0;
}

static bool may_cut(const Table *table, size_t row, void *userdata) {
        Sights *sights = userdata;
        bool is_index = has_field(table, "indexrelname");
        const char *schema = table_text(table, row, "schemaname"),
                   *name = table_text(table, row, is_index ? "indexrelname" : "conname");
        _cleanup_(freep) char *object = str_qualified(str_is_empty(schema) ? NULL : schema,
                                                      table_text(table, row, "relname"));
        const Finding wanted = {
                .kind = is_index ? KIND_INDEX : KIND_CONSTRAINT, .object = object, .name = (char *)name};
        const Sight key = {.finding = &wanted}, *first = NULL, *end;

        if (!sights->items && sights_make(sights) < 0)
                return false;
        end = sights->items + sights->n;
        if (object)
                first = bsearch(&key, sights->items, sights->n, sizeof(key), compare_sights);
        if (!first)
                return false;
        while (first > sights->items && compare_sights(first - 1, &key) == 0)
                first--;
        for (; first < end && compare_sights(first, &key) == 0; first++)
                if (!first->is_healthy)
                        return false;
        return true;
}

static bool is_of_objects(const Table *table) {
        return has_field(table, "relname") && !has_field(table, "canary") &&
               (has_field(table, "conname") || has_field(table, "indexrelname"));
}

int cap_series(Target *target) {
        _cleanup_(freep) Table **tables = calloc(target->view.n_tables + 1, sizeof(*tables));
        Sights sights = {.target = target};
        size_t n = 0, dropped;
        int r;

        if (!tables)
                return -ENOMEM;
        for (size_t i = 0; i < target->view.n_tables; i++)
                if (is_of_objects(target->view.tables[i]))
                        tables[n++] = target->view.tables[i];

        r = render_metrics_cap(tables, n, (size_t)target->settings.limits.max_series, may_cut, &sights,
                               &dropped);
        free(sights.items);
        if (r < 0)
                return r;
        target->view.series_dropped = dropped;
        target->view.series_dropped_total += dropped;
        return 0;
}
