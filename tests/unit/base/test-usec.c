/* Tests of base/usec: durations and sizes, read and printed.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/usec.h"

#include <errno.h>
#include <string.h>

#include "../unit.h"

#define UNTOUCHED 4242

START_TEST(durations_are_read_or_refused) {
        static const struct {
                const char *text;
                int r;
                usec_t usec;
        } cases[] = {
                {"0", 0, 0},
                {"0s", 0, 0},
                {"1us", 0, 1},
                {"250ms", 0, 250 * USEC_PER_MSEC},
                {"30s", 0, 30 * USEC_PER_SEC},
                {"5min", 0, 5 * USEC_PER_MINUTE},
                {"24h", 0, USEC_PER_DAY},
                {"15d", 0, 15 * USEC_PER_DAY},
                {"1h 30min", 0, 90 * USEC_PER_MINUTE},
                {"1h30min", 0, 90 * USEC_PER_MINUTE},
                {" 30 s ", 0, 30 * USEC_PER_SEC},
                {"18446744073709551614us", 0, USEC_INFINITY - 1},
                {"18446744073709551615us", -ERANGE, 0}, /* is infinity */
                {"18446744073709551616us", -ERANGE, 0},
                {"99999999999999999999d", -ERANGE, 0},
                {"213503982334602d", -ERANGE, 0},
                {"18446744073709551614us 1us", -ERANGE, 0},
                {"18446744073709551614us 1h", -ERANGE, 0},
                {"", -EINVAL, 0},
                {" ", -EINVAL, 0},
                {"30", -EINVAL, 0},
                {"1h 30", -EINVAL, 0},
                {"s", -EINVAL, 0},
                {"-1s", -EINVAL, 0},
                {"+1s", -EINVAL, 0},
                {"1.5s", -EINVAL, 0},
                {"1e3s", -EINVAL, 0},
                {"0x10s", -EINVAL, 0},
                {"1S", -EINVAL, 0},
                {"1m", -EINVAL, 0},
                {"1 s h", -EINVAL, 0},
                {"1s,", -EINVAL, 0},
                {"infinity", -EINVAL, 0},
                {"99999999999999999999x", -EINVAL, 0},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                usec_t usec = UNTOUCHED;
                int r = usec_parse(cases[i].text, &usec);

                ck_assert_msg(r == cases[i].r, "\"%s\": %d", cases[i].text, r);
                ck_assert_msg(usec == (r < 0 ? UNTOUCHED : cases[i].usec), "\"%s\": %ju", cases[i].text,
                              (uintmax_t)usec);
        }
}
END_TEST

START_TEST(a_printed_duration_reads_back_as_itself) {
        static const struct {
                usec_t usec;
                const char *text;
        } cases[] = {
                {0, "0s"},
                {1, "1us"},
                {90 * USEC_PER_SEC, "1min 30s"},
                {USEC_PER_DAY, "1d"},
                {USEC_PER_DAY + 1, "1d 1us"},
                {100 * USEC_PER_MSEC, "100ms"},
                {26 * USEC_PER_HOUR, "1d 2h"},
                {USEC_INFINITY - 1, "213503982d 8h 1min 49s 551ms 614us"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;
                usec_t back;

                buffer_add_usec(&buffer, cases[i].usec);
                ck_assert_str_eq(buffer_text(&buffer), cases[i].text);
                ck_assert_int_eq(usec_parse(buffer_text(&buffer), &back), 0);
                ck_assert(back == cases[i].usec);
        }
}
END_TEST

START_TEST(for_people_a_duration_has_two_units_at_most) {
        static const struct {
                usec_t usec;
                const char *text;
        } cases[] = {
                {0, "0 s"},
                {999, "999 us"},
                {1500, "1.5 ms"},
                {120 * USEC_PER_MSEC, "120 ms"},
                {1500 * USEC_PER_MSEC, "1.5 s"},
                {45 * USEC_PER_SEC + 999, "45 s"},
                {60 * USEC_PER_SEC, "1 min"},
                {3 * USEC_PER_HOUR + 12 * USEC_PER_MINUTE + 59 * USEC_PER_SEC, "3 h 12 min"},
                {USEC_PER_DAY + 59 * USEC_PER_MINUTE, "1 d"},
                {15 * USEC_PER_DAY + USEC_PER_HOUR, "15 d 1 h"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

                buffer_add_usec_human(&buffer, cases[i].usec);
                ck_assert_str_eq(buffer_text(&buffer), cases[i].text);
        }
}
END_TEST

START_TEST(times_are_rfc_3339_in_utc) {
        static const struct {
                usec_t realtime;
                const char *text;
        } cases[] = {
                {0, "1970-01-01T00:00:00Z"},
                {1795449540 * USEC_PER_SEC + 999999, "2026-11-23T15:59:00Z"},
                {1709164799 * USEC_PER_SEC, "2024-02-28T23:59:59Z"},
                {1709208000 * USEC_PER_SEC, "2024-02-29T12:00:00Z"},
        };

        setenv("TZ", "Asia/Tokyo", 1);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL;

                buffer_add_time(&buffer, cases[i].realtime);
                ck_assert_str_eq(buffer_text(&buffer), cases[i].text);
        }
}
END_TEST

START_TEST(clocks_never_go_below_zero_nor_past_infinity) {
        ck_assert(usec_since(5, 3) == 2);
        ck_assert(usec_since(3, 5) == 0);
        ck_assert(usec_add(3, 5) == 8);
        ck_assert(usec_add(USEC_INFINITY, 1) == USEC_INFINITY);
        ck_assert(usec_add(USEC_INFINITY - 1, 5) == USEC_INFINITY);
}
END_TEST

START_TEST(sizes_are_read_or_refused) {
        static const struct {
                const char *text;
                int r;
                uint64_t bytes;
        } cases[] = {
                {"0", 0, 0},
                {"512B", 0, 512},
                {"8kB", 0, 8192},
                {"64MB", 0, 64 << 20},
                {"1GB", 0, 1 << 30},
                {"2TB", 0, UINT64_C(2) << 40},
                {" 64 MB ", 0, 64 << 20},
                {"18446744073709551615B", 0, UINT64_MAX},
                {"18446744073709551616B", -ERANGE, 0},
                {"16777216TB", -ERANGE, 0},
                {"64", -EINVAL, 0},
                {"", -EINVAL, 0},
                {"MB", -EINVAL, 0},
                {"-1MB", -EINVAL, 0},
                {"1.5MB", -EINVAL, 0},
                {"64mb", -EINVAL, 0},
                {"64MiB", -EINVAL, 0},
                {"1GB 1MB", -EINVAL, 0},
                {"1GBx", -EINVAL, 0},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                uint64_t bytes = UNTOUCHED;
                int r = size_parse(cases[i].text, &bytes);

                ck_assert_msg(r == cases[i].r, "\"%s\": %d", cases[i].text, r);
                ck_assert_msg(bytes == (r < 0 ? UNTOUCHED : cases[i].bytes), "\"%s\"", cases[i].text);
        }
}
END_TEST

START_TEST(sizes_are_printed_exactly_and_for_people) {
        static const struct {
                uint64_t bytes;
                const char *exact, *human;
        } cases[] = {
                {0, "0B", "0 B"},
                {512, "512B", "512 B"},
                {8192, "8kB", "8 kB"},
                {1536, "1536B", "1.5 kB"},
                {12 << 20, "12MB", "12 MB"},
                {(12 << 20) + 1, "12582913B", "12 MB"},
                {UINT64_C(3) << 40, "3TB", "3 TB"},
                {UINT64_MAX, "18446744073709551615B", "16777215 TB"},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(buffer_done) Buffer exact = BUFFER_NULL, human = BUFFER_NULL;
                uint64_t back;

                buffer_add_size(&exact, cases[i].bytes);
                buffer_add_size_human(&human, cases[i].bytes);
                ck_assert_str_eq(buffer_text(&exact), cases[i].exact);
                ck_assert_str_eq(buffer_text(&human), cases[i].human);
                ck_assert_int_eq(size_parse(buffer_text(&exact), &back), 0);
                ck_assert(back == cases[i].bytes);
        }
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                durations_are_read_or_refused,
                a_printed_duration_reads_back_as_itself,
                for_people_a_duration_has_two_units_at_most,
                times_are_rfc_3339_in_utc,
                clocks_never_go_below_zero_nor_past_infinity,
                sizes_are_read_or_refused,
                sizes_are_printed_exactly_and_for_people,
        };

        return unit_run("usec", tests, ELEMENTS(tests));
}
