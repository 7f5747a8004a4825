/* From rows and directory to one verdict for each migration.
 *
 * Of several rows with one name the live one counts (finished, not rolled back), else an open
 * one, else the name is rolled back. The checksum is compared with the live row's: the first row
 * of a name, which the tool's own diagnosis looks at, may be of an attempt that failed.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "history.h"

#include <errno.h>
#include <string.h>

static const Field fields[] = {
        {.name = "id", .kind = VALUE_TEXT, .role = FIELD_HIDDEN},
        {.name = "name", .kind = VALUE_TEXT, .role = FIELD_HIDDEN},
        {.name = "checksum", .kind = VALUE_TEXT, .role = FIELD_HIDDEN},
        {.name = "is_finished", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "is_rolled_back", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "has_logs", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "started_at", .kind = VALUE_INT, .role = FIELD_HIDDEN},
        {.name = "finished_at", .kind = VALUE_INT, .role = FIELD_HIDDEN},
};
const Shape history_row_shape = SHAPE("migration_row", fields);

void history_rows_done(HistoryRows *rows) {
        for (size_t i = 0; i < rows->count; i++) {
                free(rows->items[i].id);
                free(rows->items[i].name);
                free(rows->items[i].checksum);
        }
        free(rows->items);
        *rows = (HistoryRows){};
}

void verdicts_done(Verdicts *verdicts) {
        for (size_t i = 0; i < verdicts->count; i++) {
                free(verdicts->items[i].name);
                free(verdicts->items[i].orphan_id);
        }
        free(verdicts->items);
        *verdicts = (Verdicts){};
}

static int row_compare(const void *a, const void *b) {
        const HistoryRow *x = a, *y = b;
        int r = strcmp(x->name, y->name);

        return r != 0 ? r : (x->position > y->position) - (x->position < y->position);
}

static usec_t time_of(const Table *table, size_t row, const char *field) {
        int64_t time = table_int(table, row, field);

        return time > 0 ? (usec_t)time : 0;
}

int history_rows_load(const Table *table, HistoryRows *ret) {
        _cleanup_(history_rows_done) HistoryRows rows = {};

        if (table->n_rows == 0) {
                *ret = rows;
                return 0;
        }
        rows.items = calloc(table->n_rows, sizeof(*rows.items));
        if (!rows.items)
                return -ENOMEM;
        for (size_t i = 0; i < table->n_rows; i++) {
                HistoryRow *row = &rows.items[rows.count++];
                const char *name = table_text(table, i, "name");

                *row = (HistoryRow){
                        .is_finished = table_bool(table, i, "is_finished"),
                        .is_rolled_back = table_bool(table, i, "is_rolled_back"),
                        .has_logs = table_bool(table, i, "has_logs"),
                        .started_at = time_of(table, i, "started_at"),
                        .finished_at = time_of(table, i, "finished_at"),
                        .position = i,
                };
                if (str_set(&row->name, name ? name : "") < 0 ||
                    str_set(&row->id, table_text(table, i, "id")) < 0 ||
                    str_set(&row->checksum, table_text(table, i, "checksum")) < 0)
                        return -ENOMEM;
        }
        qsort(rows.items, rows.count, sizeof(*rows.items), row_compare);
        *ret = rows;
        rows = (HistoryRows){};
        return 0;
}

static int verdict_compare_name(const void *name, const void *verdict) {
        return strcmp(name, ((const Verdict *)verdict)->name);
}

const Verdict *verdicts_find(const Verdicts *verdicts, const char *name) {
        if (!verdicts || verdicts->count == 0)
                return NULL;
        return bsearch(name, verdicts->items, verdicts->count, sizeof(*verdicts->items),
                       verdict_compare_name);
}

static void decide_live(const MigrationFramework *framework, const HistoryRow *live, DiskEntry *entry,
                        bool has_disk, Verdict *verdict) {
        verdict->is_applied = true;
        verdict->finished_at = live->finished_at;
        verdict->state = MIGRATION_APPLIED;
        if (!has_disk)
                return;
        verdict->file_error = entry ? entry->error : 0;
        if (!entry || entry->error == -ENOENT)
                verdict->state = MIGRATION_MISSING;
        else if (entry->error == 0 && !framework->checksum_matches(live->checksum, entry->digests))
                verdict->state = MIGRATION_MODIFIED;
}

static int decide_open(const HistoryRow *open, const Surroundings *surroundings, Verdict *verdict) {
        const Verdict *before;

        verdict->state = MIGRATION_RUNNING;
        if (open->has_logs) {
                verdict->state = MIGRATION_FAILED;
                return 0;
        }
        if (!surroundings->lock_is_known) {
                verdict->is_unsure = true;
                return 0;
        }
        if (surroundings->lock_is_held)
                return 0;

        before = verdicts_find(surroundings->before, open->name);
        if (usec_since(surroundings->now, open->started_at) > HISTORY_GRACE ||
            (before && before->orphan_id && str_equal(before->orphan_id, open->id)))
                verdict->state = MIGRATION_INTERRUPTED;
        return str_set(&verdict->orphan_id, open->id);
}

/* All rows of one name (none: `count` is 0) and its directory entry (NULL: none). */
static int decide_name(const MigrationFramework *framework, const HistoryRow *rows, size_t count,
                       DiskEntry *entry, const Surroundings *surroundings, Verdict *verdict) {
        const HistoryRow *live = NULL, *open = NULL;

        for (size_t i = 0; i < count; i++) {
                if (rows[i].is_rolled_back)
                        continue;
                if (rows[i].is_finished)
                        live = &rows[i];
                else if (!open || !open->has_logs)
                        open = &rows[i];
        }
        if (live) {
                decide_live(framework, live, entry, surroundings->disk, verdict);
                return 0;
        }
        if (open)
                return decide_open(open, surroundings, verdict);

        verdict->state = count > 0 ? MIGRATION_ROLLED_BACK : MIGRATION_PENDING;
        verdict->is_quiet = count > 0 && surroundings->disk && !entry;
        verdict->file_error = entry ? entry->error : 0;
        return 0;
}

static bool find_divergence(const Verdicts *verdicts, const HistoryRows *rows, const Disk *disk) {
        bool database_has_more = false, directory_has_more = false;

        for (size_t i = 0; i < verdicts->count; i++) {
                const Verdict *verdict = &verdicts->items[i];

                directory_has_more |= verdict->state == MIGRATION_PENDING;
                database_has_more |= verdict->state == MIGRATION_MISSING && verdict->file_error == 0;
        }
        return disk && rows->count > 0 && database_has_more && directory_has_more;
}

int history_decide(const MigrationFramework *framework, const HistoryRows *rows,
                   const Surroundings *surroundings, Verdicts *ret) {
        _cleanup_(verdicts_done) Verdicts verdicts = {};
        size_t n_entries = surroundings->disk ? surroundings->disk->n_entries : 0, i = 0, j = 0;
        int r;

        verdicts.items = calloc(rows->count + n_entries + 1, sizeof(*verdicts.items));
        if (!verdicts.items)
                return -ENOMEM;
        while (i < rows->count || j < n_entries) {
                Verdict *verdict = &verdicts.items[verdicts.count++];
                DiskEntry *entry = j < n_entries ? &surroundings->disk->entries[j] : NULL;
                size_t first = i;

                if (i < rows->count && (!entry || strcmp(rows->items[i].name, entry->name) <= 0)) {
                        if (entry && !str_equal(rows->items[i].name, entry->name))
                                entry = NULL;
                        while (i < rows->count && str_equal(rows->items[i].name, rows->items[first].name))
                                i++;
                }
                j += entry != NULL;
                if (str_set(&verdict->name, entry ? entry->name : rows->items[first].name) < 0)
                        return -ENOMEM;
                r = decide_name(framework, rows->items + first, i - first, entry, surroundings, verdict);
                if (r < 0)
                        return r;
        }
        verdicts.is_diverged = find_divergence(&verdicts, rows, surroundings->disk);
        *ret = verdicts;
        verdicts = (Verdicts){};
        return 0;
}
