/* Look-ups that fail or do not end: no probe waits for them longer than its deadline, nothing waits at
 * all, and no thread is begun beside one that is stuck.
 *
 * The resolver is this program's own, for the tests are to run without a network.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "asking.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/macros.h"
#include "pgvigil/base/str.h"

#define OK    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define SHORT (50 * USEC_PER_MSEC)

typedef int Ask(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static sem_t stuck; /* a look-up that is stuck goes on for each post */
static atomic_uint asked, answered;

/* gone…: no such name. stuck…: no answer until the test says so. All others are loopback. */
__attribute__((__visibility__("default"))) int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret) {
        Ask *real = (Ask *)dlsym(RTLD_NEXT, "getaddrinfo");
        struct addrinfo numeric = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
        int r;

        asked++;
        if (str_starts_with(host, "gone"))
                return EAI_NONAME;
        while (str_starts_with(host, "stuck") && sem_wait(&stuck) < 0)
                continue;
        r = real("127.0.0.1", service, &numeric, ret);
        answered++;
        return r;
}

static ProbeRequest request_of(Asking *asking, const char *host, usec_t timeout) {
        ProbeRequest request = asking_request(asking, host, "/");

        request.timeout = timeout;
        return request;
}

static int try_to_start(Asking *asking, const char *host) {
        ProbeRequest request = request_of(asking, host, SHORT);
        Probe *probe = NULL;
        int r = probe_start(asking->client, &request, NULL, NULL, &probe);

        probe_cancel(probe);
        return r;
}

static void wait_until(Asking *asking, const atomic_uint *counter, unsigned wanted) {
        usec_t began = clock_boottime();

        while (*counter < wanted) {
                ck_assert_msg(usec_since(clock_boottime(), began) < PATIENCE, "no %u look-ups", wanted);
                asking_turn(asking);
        }
}

static void begin_test(Asking *asking) {
        ck_assert_int_eq(sem_init(&stuck, 0, 0), 0);
        asking_start(asking, (Script){OK});
}

START_TEST(a_name_is_looked_up_and_the_application_asked) {
        ProbeRequest request;
        Asking asking;

        begin_test(&asking);
        request = request_of(&asking, "http://good.test", PATIENCE);
        ck_assert_int_eq(asking_ask(&asking, &request)->end, PROBE_OK);
        ck_assert_uint_ge(asked, 1);
        ck_assert_ptr_nonnull(strstr(buffer_text(&asking.heard), "Host: good.test"));
        asking_stop(&asking);
}
END_TEST

START_TEST(a_name_that_does_not_exist_is_told_so) {
        ProbeRequest request;
        Asking asking;

        begin_test(&asking);
        request = request_of(&asking, "http://gone.test", PATIENCE);
        ck_assert_int_eq(asking_ask(&asking, &request)->end, PROBE_DNS);
        ck_assert_int_eq(asking.result.step, PROBE_AT_NAME);
        ck_assert_uint_eq(asking.accepted, 0);
        asking_stop(&asking);
}
END_TEST

START_TEST(a_stuck_look_up_ends_its_probe_in_time_and_holds_up_no_other) {
        ProbeRequest request;
        Asking asking;

        begin_test(&asking);
        request = request_of(&asking, "http://stuck.test", SHORT);
        ck_assert_int_eq(asking_ask(&asking, &request)->end, PROBE_TIMEOUT);
        ck_assert_int_eq(asking.result.step, PROBE_AT_NAME);
        ck_assert_uint_eq(answered, 0);

        ck_assert_int_eq(try_to_start(&asking, "http://stuck.test"), -EBUSY);
        request = request_of(&asking, "http://good.test", PATIENCE);
        ck_assert_int_eq(asking_ask(&asking, &request)->end, PROBE_OK);

        sem_post(&stuck);
        sem_destroy(&stuck);
        asking_stop(&asking);
}
END_TEST

START_TEST(a_look_up_that_ends_late_opens_no_connection) {
        ProbeRequest request;
        Asking asking;
        usec_t began;

        begin_test(&asking);
        request = request_of(&asking, "http://stuck.test", SHORT);
        ck_assert_int_eq(asking_ask(&asking, &request)->end, PROBE_TIMEOUT);
        sem_post(&stuck);
        wait_until(&asking, &answered, 1);
        for (began = clock_boottime(); try_to_start(&asking, "http://stuck.test") == -EBUSY;) {
                ck_assert_msg(usec_since(clock_boottime(), began) < PATIENCE, "the orphan stays");
                asking_turn(&asking);
        }
        ck_assert_uint_eq(asking.ends, 1);
        sem_post(&stuck); /* for the one that was just begun and cancelled */
        wait_until(&asking, &answered, 2);

        request = request_of(&asking, "http://good.test", PATIENCE);
        ck_assert_int_eq(asking_ask(&asking, &request)->end, PROBE_OK);
        ck_assert_uint_eq(asking.accepted, 1);
        asking_stop(&asking);
}
END_TEST

START_TEST(no_more_than_some_look_ups_are_under_way) {
        unsigned begun = 0;
        char host[32];
        Asking asking;
        int r = 0;

        begin_test(&asking);
        for (unsigned i = 0; r == 0 && i < 100; i++) {
                ProbeRequest request;
                Probe *probe;

                snprintf(host, sizeof(host), "http://stuck%u.test", i);
                request = request_of(&asking, host, PATIENCE);
                r = probe_start(asking.client, &request, NULL, NULL, &probe);
                begun += r == 0;
        }
        ck_assert_int_eq(r, -EAGAIN);
        ck_assert_uint_eq(begun, 8);
        wait_until(&asking, &asked, begun);
        for (unsigned i = 0; i < begun; i++)
                sem_post(&stuck);
        wait_until(&asking, &answered, begun);
        asking_stop(&asking);
}
END_TEST

START_TEST(a_client_that_is_freed_does_not_wait_for_a_look_up) {
        ProbeRequest request;
        Asking asking;

        begin_test(&asking);
        request = request_of(&asking, "http://stuck.test", PATIENCE);
        asking_begin(&asking, &request);
        wait_until(&asking, &asked, 1);
        asking.client = probe_client_free(asking.client);
        ck_assert_uint_eq(answered, 0);
        sem_post(&stuck);
        wait_until(&asking, &answered, 1);
        asking_stop(&asking);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_name_is_looked_up_and_the_application_asked,
                a_name_that_does_not_exist_is_told_so,
                a_stuck_look_up_ends_its_probe_in_time_and_holds_up_no_other,
                a_look_up_that_ends_late_opens_no_connection,
                no_more_than_some_look_ups_are_under_way,
                a_client_that_is_freed_does_not_wait_for_a_look_up,
        };
        return unit_run("probe/names", tests, ELEMENTS(tests));
}
