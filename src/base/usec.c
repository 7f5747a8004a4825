/* Units of time and size: reading and printing. Whole numbers only; never guesses a unit.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/usec.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

/* Largest first. */
static const Unit time_units[] = {
        {"d", USEC_PER_DAY}, {"h", USEC_PER_HOUR},  {"min", USEC_PER_MINUTE},
        {"s", USEC_PER_SEC}, {"ms", USEC_PER_MSEC}, {"us", 1},
};

static const Unit size_units[] = {
        {"TB", UINT64_C(1) << 40},
        {"GB", UINT64_C(1) << 30},
        {"MB", UINT64_C(1) << 20},
        {"kB", UINT64_C(1) << 10},
        {"B", 1},
};

usec_t usec_since(usec_t later, usec_t earlier) {
        return later > earlier ? later - earlier : 0;
}

usec_t usec_add(usec_t a, usec_t b) {
        usec_t sum;

        return __builtin_add_overflow(a, b, &sum) ? USEC_INFINITY : sum;
}

static const char *skip_blanks(const char *text) {
        return text + strspn(text, " \t");
}

/* Digits without a sign. */
static int parse_number(const char **text, uint64_t *ret) {
        size_t digits = strspn(*text, "0123456789");
        uint64_t number = 0;

        if (digits == 0)
                return -EINVAL;
        for (size_t i = 0; i < digits; i++)
                if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
                    __builtin_add_overflow(number, (uint64_t)((*text)[i] - '0'), &number))
                        return -ERANGE;
        *text += digits;
        *ret = number;
        return 0;
}

static const Unit *parse_unit(const char **text, const Unit *units, size_t n_units) {
        size_t length = strcspn(*text, " \t0123456789");

        for (size_t i = 0; i < n_units; i++) {
                if (strlen(units[i].name) != length || strncmp(*text, units[i].name, length) != 0)
                        continue;
                *text += length;
                return &units[i];
        }
        return NULL;
}

/* One "30s", with the blanks around its parts. */
static int parse_quantity(const char **text, const Unit *units, size_t n_units, uint64_t *ret) {
        const Unit *unit;
        uint64_t number;
        int r, range;

        range = parse_number(text, &number);
        if (range == -EINVAL)
                return range;
        if (range == -ERANGE)
                *text += strspn(*text, "0123456789");
        *text = skip_blanks(*text);
        unit = parse_unit(text, units, n_units);
        if (!unit)
                return -EINVAL;
        *text = skip_blanks(*text);
        if (range < 0)
                return range;
        r = __builtin_mul_overflow(number, unit->factor, ret) ? -ERANGE : 0;
        return r;
}

int usec_parse(const char *text, usec_t *ret) {
        usec_t sum = 0, part;
        int r;

        text = skip_blanks(text);
        if (strcmp(text, "0") == 0) {
                *ret = 0;
                return 0;
        }
        do {
                r = parse_quantity(&text, time_units, ELEMENTS(time_units), &part);
                if (r < 0)
                        return r;
                sum = usec_add(sum, part);
        } while (*text);
        if (sum == USEC_INFINITY)
                return -ERANGE;
        *ret = sum;
        return 0;
}

void buffer_add_usec(Buffer *buffer, usec_t duration) {
        const char *separator = "";

        if (duration == USEC_INFINITY) {
                buffer_add(buffer, "infinity");
                return;
        }
        if (duration == 0)
                buffer_add(buffer, "0s");
        for (size_t i = 0; i < ELEMENTS(time_units); i++) {
                if (duration < time_units[i].factor)
                        continue;
                buffer_printf(buffer, "%s%" PRIu64 "%s", separator, duration / time_units[i].factor,
                              time_units[i].name);
                duration %= time_units[i].factor;
                separator = " ";
        }
}

/* "1.5 s" below ten, else whole: the digit after the point is rounded down. */
static void add_tenths(Buffer *buffer, uint64_t quantity, const Unit *unit) {
        uint64_t whole = quantity / unit->factor, tenth = quantity % unit->factor * 10 / unit->factor;

        buffer_printf(buffer, "%" PRIu64, whole);
        if (whole < 10 && tenth > 0)
                buffer_printf(buffer, ".%" PRIu64, tenth);
        buffer_printf(buffer, " %s", unit->name);
}

void buffer_add_usec_human(Buffer *buffer, usec_t duration) {
        const Unit *unit = time_units;
        usec_t rest;

        if (duration == USEC_INFINITY) {
                buffer_add(buffer, "ever");
                return;
        }
        while (unit->factor > 1 && duration < unit->factor)
                unit++;
        if (duration == 0)
                unit = &time_units[3]; /* "0 s" */
        if (unit->factor <= USEC_PER_SEC) {
                add_tenths(buffer, duration, unit);
                return;
        }
        buffer_printf(buffer, "%" PRIu64 " %s", duration / unit->factor, unit->name);
        rest = duration % unit->factor / unit[1].factor;
        if (rest > 0)
                buffer_printf(buffer, " %" PRIu64 " %s", rest, unit[1].name);
}

void buffer_add_time(Buffer *buffer, usec_t realtime) {
        time_t seconds = (time_t)(realtime / USEC_PER_SEC);
        struct tm utc;

        if (!gmtime_r(&seconds, &utc))
                return;
        buffer_printf(buffer, "%04d-%02d-%02dT%02d:%02d:%02dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                      utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

int size_parse(const char *text, uint64_t *ret_bytes) {
        uint64_t bytes;
        int r;

        text = skip_blanks(text);
        if (strcmp(text, "0") == 0) {
                *ret_bytes = 0;
                return 0;
        }
        r = parse_quantity(&text, size_units, ELEMENTS(size_units), &bytes);
        if (r < 0)
                return r;
        if (*text)
                return -EINVAL;
        *ret_bytes = bytes;
        return 0;
}

void buffer_add_size(Buffer *buffer, uint64_t bytes) {
        const Unit *unit = size_units;

        while (unit->factor > 1 && (bytes == 0 || bytes % unit->factor != 0))
                unit++;
        buffer_printf(buffer, "%" PRIu64 "%s", bytes / unit->factor, unit->name);
}

void buffer_add_size_human(Buffer *buffer, uint64_t bytes) {
        const Unit *unit = size_units;

        while (unit->factor > 1 && bytes < unit->factor)
                unit++;
        add_tenths(buffer, bytes, unit);
}
