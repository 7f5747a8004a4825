/* Numbers as libconfig 1.5 reads them. It wraps what does not fit and says nothing, so every
 * number is read here first, the strict way.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "guard.h"

#define NUMBER_MAX 64

static const char malformed[] = "is no number, and a string needs quotes";
static const char beyond_int64[] =
        "is out of range: integers lie between -9223372036854775808 and 9223372036854775807";

/* Cuts an L or LL off the end. */
static size_t cut_suffix(char *text, size_t length) {
        size_t n = 0;

        while (n < 2 && length > n && text[length - n - 1] == 'L')
                n++;
        text[length - n] = '\0';
        return n;
}

static const char *refuse_hex(char *text, size_t length) {
        size_t suffix = cut_suffix(text, length);
        unsigned long long number;
        char *end;

        errno = 0;
        number = strtoull(text + 2, &end, 16);
        if (!isxdigit((unsigned char)text[2]) || *end)
                return malformed;
        if (errno == ERANGE || number > INT64_MAX)
                return beyond_int64;
        if (suffix == 0 && number > INT32_MAX)
                return "is out of range: hexadecimal integers without L end at 0x7fffffff";
        return NULL;
}

static const char *refuse_decimal(char *text, size_t length) {
        size_t suffix = cut_suffix(text, length);
        long long number;
        char *end;

        errno = 0;
        number = strtoll(text, &end, 10);
        if (*end)
                return malformed;
        if (errno == ERANGE)
                return beyond_int64;
        if (suffix == 0 && (number < INT32_MIN || number > INT32_MAX))
                return "is out of range: integers without L lie between -2147483648 and 2147483647";
        return NULL;
}

static const char *refuse_float(const char *text) {
        double number;
        char *end;

        number = strtod(text, &end);
        if (*end || text[strspn(text, "+-.eE0123456789")])
                return malformed;
        if (!isfinite(number))
                return "is out of range: numbers end at 1.7976931348623157e308";
        return NULL;
}

const char *config_number_refusal(const char *text, size_t length) {
        char copy[NUMBER_MAX];
        size_t sign, digits;

        if (length >= sizeof(copy))
                return "is out of range: it has more than 63 characters";
        memcpy(copy, text, length);
        copy[length] = '\0';
        if (copy[0] == '0' && (copy[1] == 'x' || copy[1] == 'X'))
                return refuse_hex(copy, length);

        sign = strspn(copy, "+-");
        if (sign > 1)
                return malformed;
        digits = strspn(copy + sign, "0123456789");
        if (digits > 0 && strspn(copy + sign + digits, "L") == length - sign - digits)
                return refuse_decimal(copy, length);
        return refuse_float(copy);
}
