/* The limit on the series of single objects: which rows are left out of the metrics.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include <errno.h>
#include <string.h>

static int clear_cuts(Table *table) {
        if (!table->is_cut) {
                table->is_cut = calloc(table->n_rows + 1, sizeof(bool));
                return table->is_cut ? 0 : -ENOMEM;
        }
        memset(table->is_cut, 0, table->n_rows * sizeof(bool));
        return 0;
}

int render_metrics_cap(Table *const *tables, size_t n_tables, size_t limit,
                       bool (*may_cut)(const Table *table, size_t row, void *userdata), void *userdata,
                       size_t *ret_cut) {
        size_t samples = 0, cut = 0;

        for (size_t i = 0; i < n_tables; i++) {
                if (clear_cuts(tables[i]) < 0)
                        return -ENOMEM;
                samples += tables[i]->n_rows * render_metrics_row_samples(tables[i]->shape);
        }
        for (size_t i = n_tables; i-- > 0;) {
                size_t a_row = render_metrics_row_samples(tables[i]->shape);

                for (size_t row = tables[i]->n_rows; row-- > 0 && samples - cut > limit;) {
                        if (a_row == 0 || !may_cut(tables[i], row, userdata))
                                continue;
                        tables[i]->is_cut[row] = true;
                        cut += a_row;
                }
        }
        *ret_cut = cut;
        return 0;
}
