/* Tests of model/secret: what is shown of a URL.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "../unit.h"
#include "pgvigil/base/macros.h"
#include "pgvigil/model/secret.h"

START_TEST(user_and_password_are_left_out_of_a_url) {
        static const struct {
                const char *url, *shown;
        } cases[] = {
                {"http://app.test/health", "http://app.test/health"},
                {"http://user:pass@app.test/health", "http://app.test/health"},
                {"https://token@app.test", "https://app.test"},
                {"https://a@b@app.test:8443?x", "https://app.test:8443?x"},
                {"http://app.test/@home?mail=a@b", "http://app.test/@home?mail=a@b"},
                {"http://app.test?mail=a@b", "http://app.test?mail=a@b"},
                {"http://app.test#a@b", "http://app.test#a@b"},
                {"http://@app.test/", "http://app.test/"},
                {"http://user@[::1]:80/", "http://[::1]:80/"},
                {"no url", "no url"},
                {"", ""},
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(freep) char *shown = url_shown(cases[i].url);

                ck_assert_str_eq(shown, cases[i].shown);
        }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {user_and_password_are_left_out_of_a_url};

        return unit_run("model/secret", tests, ELEMENTS(tests));
}
