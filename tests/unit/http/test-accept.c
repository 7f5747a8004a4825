/* Accept: tables of headers and what they ask for.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "http/accept.h"

#include "peer.h"

static const struct {
        const char *header;
        bool gzip;
} encodings[] = {
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"gzip, deflate, br", true},
        {"deflate,gzip;q=0.5", true},
        {"deflate", false},
        {"gzip;q=0", false},
        {"gzip; q=0.000", false},
        {"gzip;q=0.001", true},
        {"gzip;Q=1.0", true},
        {"gzip;q=nonsense", false},
        {"gzip;q=", false},
        {"gzipped", false},
        {"not-gzip", false},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"gzip;q=0, *", false},
        {"identity, *;q=0.1", true},
        {",,gzip,,", true},
        {"deflate;q=0,gzip", true},
        {"gzip;level=9;q=0", false},
};

START_TEST(gzip_is_sent_to_those_who_accept_it) {
        for (size_t i = 0; i < ELEMENTS(encodings); i++) {
                Preferences preferences = PREFERENCES_NONE;
                preferences_add_encoding(&preferences, encodings[i].header);
                ck_assert_msg(preferences_gzip(&preferences) == encodings[i].gzip, "\"%s\"",
                              encodings[i].header);
        }
}
END_TEST

static const struct {
        const char *header;
        bool openmetrics;
} types[] = {
        {"", false},
        {"*/*", false},
        {"text/html,*/*;q=0.8", false},
        {"application/openmetrics-text", true},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         true},
        {"application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true},
        {"text/plain;version=0.0.4;q=0.6,application/openmetrics-text;q=0.5", false},
        {"text/plain, application/openmetrics-text", true},
        {"application/openmetrics-text;q=0", false},
        {"application/openmetrics-textual", false},
};

START_TEST(openmetrics_is_sent_to_those_who_prefer_it) {
        for (size_t i = 0; i < ELEMENTS(types); i++) {
                Preferences preferences = PREFERENCES_NONE;
                preferences_add_accept(&preferences, types[i].header);
                ck_assert_msg(preferences_openmetrics(&preferences) == types[i].openmetrics, "\"%s\"",
                              types[i].header);
        }
}
END_TEST

START_TEST(header_lines_add_up) {
        Preferences preferences = PREFERENCES_NONE;
        preferences_add_encoding(&preferences, "deflate");
        preferences_add_encoding(&preferences, "gzip;q=0.5");
        ck_assert(preferences_gzip(&preferences));
        ck_assert(!preferences_openmetrics(&preferences));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                gzip_is_sent_to_those_who_accept_it,
                openmetrics_is_sent_to_those_who_prefer_it,
                header_lines_add_up,
        };
        return run_suite("accept", tests, ELEMENTS(tests));
}
