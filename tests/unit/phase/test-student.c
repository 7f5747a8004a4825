/* Tests of phase/student: the table against the integral of the density.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <math.h>

#include "../unit.h"
#include "pgvigil/phase/statistics.h"

/* P(T ≤ t) by Simpson's rule. */
static double distribution(double t, double degrees) {
        double scale = exp(lgamma((degrees + 1) / 2) - lgamma(degrees / 2)) / sqrt(degrees * M_PI);
        double sum = 0, width = t / 2000;

        for (int i = 0; i <= 2000; i++) {
                double x = i * width, weight = i == 0 || i == 2000 ? 1 : i % 2 ? 4 : 2;

                sum += weight * pow(1 + x * x / degrees, -(degrees + 1) / 2);
        }
        return 0.5 + scale * sum * width / 3;
}

START_TEST(each_quantile_leaves_five_percent) {
        for (size_t degrees = 1; degrees <= 30; degrees++)
                ck_assert_double_eq_tol(distribution(student_t95(degrees), (double)degrees), 0.95, 1e-5);
}
END_TEST

START_TEST(beyond_the_table_it_is_wide_rather_than_narrow) {
        ck_assert_double_ge(distribution(student_t95(31), 31), 0.95);
        ck_assert_double_ge(distribution(student_t95(1000), 1000), 0.95);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                each_quantile_leaves_five_percent,
                beyond_the_table_it_is_wide_rather_than_narrow,
        };

        return unit_run("student", tests, ELEMENTS(tests));
}
