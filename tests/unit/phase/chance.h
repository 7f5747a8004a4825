/* Seeded chance for simulations: the same numbers on every machine.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <math.h>
#include <stdint.h>

typedef struct Chance {
        uint64_t state;
} Chance;

static inline double chance_uniform(Chance *chance) { /* (0, 1) */
        uint64_t z = (chance->state += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        z ^= z >> 31;
        return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

static inline double chance_normal(Chance *chance) {
        double radius = sqrt(-2 * log(chance_uniform(chance)));

        return radius * cos(6.283185307179586 * chance_uniform(chance));
}

/* Shape below 1 too. */
static inline double chance_gamma(Chance *chance, double shape) {
        double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d), x, v;

        do {
                x = chance_normal(chance);
                v = 1 + c * x;
                v = v > 0 ? v * v * v : 0;
        } while (v <= 0 || log(chance_uniform(chance)) >= 0.5 * x * x + d * (1 - v + log(v)));
        return shape < 1 ? d * v * pow(chance_uniform(chance), 1 / shape) : d * v;
}

static inline int64_t chance_poisson(Chance *chance, double mean) {
        double product = 1, limit;
        int64_t n = -1;

        if (mean > 50)
                return (int64_t)fmax(0, round(mean + sqrt(mean) * chance_normal(chance)));
        limit = exp(-mean);
        do {
                product *= chance_uniform(chance);
                n++;
        } while (product > limit);
        return n;
}

/* Variance mean + dispersion × mean². */
static inline int64_t chance_counts(Chance *chance, double mean, double dispersion) {
        return chance_poisson(chance, mean * dispersion * chance_gamma(chance, 1 / dispersion));
}
