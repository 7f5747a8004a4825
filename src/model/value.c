/* Value: one cell, and the histogram that some cells hold.
 *
 * Reads the text forms that PostgreSQL writes and nothing looser: what is no number is an error,
 * never 0.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/value.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "pgvigil/base/str.h"

const double histogram_bounds[HISTOGRAM_BUCKETS] = {
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
};

/* A duration that equals a bound lies within it, as `le` says. */
void histogram_add(Histogram *histogram, usec_t duration) {
        double seconds = (double)duration / (double)USEC_PER_SEC;
        size_t bucket = 0;

        while (bucket < HISTOGRAM_BUCKETS && seconds > histogram_bounds[bucket])
                bucket++;
        histogram->buckets[bucket]++;
        histogram->count++;
        histogram->sum += seconds;
}

void value_done(Value *value) {
        if (value->kind == VALUE_TEXT)
                free(value->text);
        if (value->kind == VALUE_HISTOGRAM)
                free(value->histogram);
        *value = VALUE_NONE;
}

int value_copy(const Value *value, Value *ret) {
        Value copy = *value;

        if (value->kind == VALUE_HISTOGRAM) {
                copy = VALUE_NONE;
                if (value_set_histogram(&copy, value->histogram) < 0)
                        return -ENOMEM;
        }
        if (value->kind == VALUE_TEXT) {
                copy.text = strdup(value->text);
                if (!copy.text)
                        return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

int value_set_text(Value *value, const char *text) {
        char *copy = NULL;

        if (text) {
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
        }
        value_done(value);
        if (copy)
                *value = (Value){.kind = VALUE_TEXT, .text = copy};
        return 0;
}

int value_set_histogram(Value *value, const Histogram *histogram) {
        Histogram *copy = malloc(sizeof(*copy));

        if (!copy)
                return -ENOMEM;
        *copy = *histogram;
        value_done(value);
        *value = (Value){.kind = VALUE_HISTOGRAM, .histogram = copy};
        return 0;
}

static bool histogram_equal(const Histogram *a, const Histogram *b) {
        return a->count == b->count && a->sum == b->sum &&
               memcmp(a->buckets, b->buckets, sizeof(a->buckets)) == 0;
}

bool value_equal(const Value *a, const Value *b) {
        if (a->kind != b->kind)
                return false;
        switch (a->kind) {
        case VALUE_NULL:
                return true;
        case VALUE_BOOL:
                return a->boolean == b->boolean;
        case VALUE_INT:
                return a->integer == b->integer;
        case VALUE_FLOAT: /* NaN equals NaN here: nothing changed */
                return a->number == b->number || (isnan(a->number) && isnan(b->number));
        case VALUE_TEXT:
                return str_equal(a->text, b->text);
        case VALUE_HISTOGRAM:
                return histogram_equal(a->histogram, b->histogram);
        }
        return false;
}

static int parse_bool(const char *text, Value *ret) {
        if (str_equal(text, "t") || str_equal(text, "true"))
                *ret = VALUE_OF_BOOL(true);
        else if (str_equal(text, "f") || str_equal(text, "false"))
                *ret = VALUE_OF_BOOL(false);
        else
                return -EINVAL;
        return 0;
}

static int parse_int(const char *text, Value *ret) {
        const char *digits = text[0] == '-' ? text + 1 : text;
        long long number;

        if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
                return -EINVAL;
        errno = 0;
        number = strtoll(text, NULL, 10);
        if (errno != 0)
                return -EINVAL;
        *ret = VALUE_OF_INT((int64_t)number);
        return 0;
}

/* strtod() would also take hexadecimal, "nan(x)" and leading blanks. */
static int parse_float(const char *text, Value *ret) {
        static const struct {
                const char *text;
                double number;
        } words[] = {
                {"-Infinity", -INFINITY},
                {"Infinity", INFINITY},
                {"NaN", NAN},
        };
        double number;
        char *end;

        for (size_t i = 0; i < ELEMENTS(words); i++)
                if (str_equal(text, words[i].text)) {
                        *ret = VALUE_OF_FLOAT(words[i].number);
                        return 0;
                }
        if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
                return -EINVAL;
        number = strtod(text, &end);
        if (*end != '\0' || !isfinite(number))
                return -EINVAL;
        *ret = VALUE_OF_FLOAT(number);
        return 0;
}

static int parse_text(const char *text, Value *ret) {
        char *copy;

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        *ret = (Value){.kind = VALUE_TEXT, .text = copy};
        return 0;
}

int value_parse(ValueKind kind, const char *text, Value *ret) {
        static int (*const parsers[])(const char *, Value *) = {
                [VALUE_BOOL] = parse_bool,
                [VALUE_INT] = parse_int,
                [VALUE_FLOAT] = parse_float,
                [VALUE_TEXT] = parse_text,
        };

        if (!text) {
                *ret = VALUE_NONE;
                return 0;
        }
        if (kind >= ELEMENTS(parsers) || !parsers[kind])
                return -EINVAL;
        return parsers[kind](text, ret);
}

bool value_number(const Value *value, double *ret) {
        switch (value->kind) {
        case VALUE_BOOL:
                *ret = value->boolean ? 1 : 0;
                return true;
        case VALUE_INT:
                *ret = (double)value->integer;
                return true;
        case VALUE_FLOAT:
                *ret = value->number;
                return true;
        case VALUE_NULL:
        case VALUE_TEXT:
        case VALUE_HISTOGRAM:
                return false;
        }
        return false;
}
