/* Student's t: the one quantile that the phase needs.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <assert.h>

#include "pgvigil/phase/statistics.h"

/* More days than the table has get its last value: a little too wide, never too narrow. */
double student_t95(size_t degrees) {
        static const double quantiles[] = {
                6.3138, 2.9200, 2.3534, 2.1318, 2.0150, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125,
                1.7959, 1.7823, 1.7709, 1.7613, 1.7531, 1.7459, 1.7396, 1.7341, 1.7291, 1.7247,
                1.7207, 1.7171, 1.7139, 1.7109, 1.7081, 1.7056, 1.7033, 1.7011, 1.6991, 1.6973,
        };

        assert(degrees > 0);
        return quantiles[degrees < ELEMENTS(quantiles) ? degrees - 1 : ELEMENTS(quantiles) - 1];
}
