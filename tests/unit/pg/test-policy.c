/* Policy and loading: the table of TLS, the environment, service files and credentials.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"
#include "pg/conninfo.h"
#include "pgvigil/base/str.h"

static const struct {
        const char *conninfo;
        int r;
        const char *sslmode, *passfile;
} tls[] = {
        {"password=x", 0, "prefer", NULL},
        {"host=/run/postgresql password=x sslmode=disable", 0, "disable", NULL},
        {"host=@abstract password=x", 0, "prefer", NULL},
        {"host=localhost password=x", 0, "prefer", NULL},
        {"host=127.0.0.1 password=x sslmode=allow", 0, "allow", NULL},
        {"host=127.9.9.9 password=x", 0, "prefer", NULL},
        {"host=::1 password=x sslmode=verify-full", 0, "verify-full", NULL},
        {"host=::1,localhost password=x", 0, "prefer", NULL},
        {"host=db hostaddr=127.0.0.1 password=x", 0, "prefer", NULL},
        {"host=db password=x", 0, "require", NULL},
        {"host=db", 0, "require", NULL},
        {"host=128.0.0.1", 0, "require", NULL},
        {"host=1270.0.0.1", 0, "require", NULL},
        {"host=127.0.0.1.example.com", 0, "require", NULL},
        {"host=localhost.example.com", 0, "require", NULL},
        {"host=localhost,db password=x", 0, "require", NULL},
        {"host=localhost hostaddr=10.0.0.1 password=x", 0, "require", NULL},
        {"host=fe80::1", 0, "require", NULL},
        {"host=db password=x sslmode=require", 0, "require", NULL},
        {"host=db password=x sslmode=verify-ca", 0, "verify-ca", NULL},
        {"host=db password=x sslmode=disable", -EPERM, NULL, NULL},
        {"host=db password=x sslmode=allow", -EPERM, NULL, NULL},
        {"host=db password=x sslmode=prefer", -EPERM, NULL, NULL},
        {"host=localhost,db password=x sslmode=prefer", -EPERM, NULL, NULL},
        {"host=db sslmode=prefer", 0, "prefer", "/dev/null/none"},
        {"host=db sslmode=disable passfile=/etc/passwords", 0, "disable", "/dev/null/none"},
};

START_TEST(d28_a_password_leaves_this_machine_over_tls_only) {
        for (size_t i = 0; i < ELEMENTS(tls); i++) {
                Parameters p = {};
                _cleanup_(freep) char *error = NULL;
                ck_assert_int_eq(conninfo_parse(tls[i].conninfo, &p, NULL, &error), 0);
                int r = policy_apply(&p, "pgvigil", &error);
                ck_assert_msg(r == tls[i].r, "%s: %d", tls[i].conninfo, r);
                if (r < 0)
                        ck_assert_msg(strstr(error, "use sslmode=require"), "%s", error);
                else
                        ck_assert_msg(parameters_are(&p, "sslmode", tls[i].sslmode) &&
                                              parameters_are(&p, "passfile", tls[i].passfile),
                                      "%s: %s", tls[i].conninfo, parameters_get(&p, "sslmode"));
                parameters_done(&p);
        }
}
END_TEST

static const struct {
        const char *keyword, *by_default, *given, *then;
} rules[] = {
        {"application_name", "pgvigil/test", "psql", "pgvigil/test"},
        {"fallback_application_name", NULL, "psql", NULL},
        {"client_encoding", "UTF8", "LATIN1", "UTF8"},
        {"connect_timeout", NULL, "10", NULL},
        {"gssencmode", "disable", "prefer", "prefer"},
        {"channel_binding", "prefer", "require", "require"},
        {"keepalives_idle", "10", "60", "60"},
        {"keepalives_interval", "5", "6", "6"},
        {"keepalives_count", "3", "4", "4"},
        {"tcp_user_timeout", "15000", "9000", "9000"},
};

START_TEST(every_connection_carries_our_rules) {
        for (size_t i = 0; i < ELEMENTS(rules); i++) {
                Parameters bare = {}, given = {};
                _cleanup_(freep) char *error = NULL;
                ck_assert_int_eq(policy_apply(&bare, "pgvigil/test", &error), 0);
                ck_assert_int_eq(parameters_set(&given, rules[i].keyword, rules[i].given), 0);
                ck_assert_int_eq(policy_apply(&given, "pgvigil/test", &error), 0);
                ck_assert_msg(parameters_are(&bare, rules[i].keyword, rules[i].by_default), "%s",
                              rules[i].keyword);
                ck_assert_msg(parameters_are(&given, rules[i].keyword, rules[i].then), "%s",
                              rules[i].keyword);
                parameters_done(&bare);
                parameters_done(&given);
        }
}
END_TEST

/* A directory with one file; everything goes with it. */
typedef struct Directory {
        char path[64];
        char file[128];
} Directory;

static void directory_make(Directory *directory, const char *name, const char *text) {
        snprintf(directory->path, sizeof directory->path, "%s", "/tmp/pgvigil-unit-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory->path));
        snprintf(directory->file, sizeof directory->file, "%s/%s", directory->path, name);
        if (!text)
                return;
        FILE *file = fopen(directory->file, "w");
        ck_assert_ptr_nonnull(file);
        fputs(text, file);
        ck_assert_int_eq(fclose(file), 0);
}

static void directory_remove(Directory *directory) {
        unlink(directory->file);
        ck_assert_int_eq(rmdir(directory->path), 0);
}

static const char service_file[] = "# comment\n"
                                   "[other]\n"
                                   "host=elsewhere\n"
                                   "  [shop]  \n"
                                   "\n"
                                   "host=/run/shop\r\n"
                                   "dbname=my shop\n"
                                   "  user=u  \n"
                                   "user=second\n"
                                   "[shop]\n"
                                   "port=1\n";

/* Loads under PGSERVICEFILE, PGSERVICE and PGUSER. */
static int load(const char *conninfo, bool use_environment, Parameters *ret, Cause *ret_cause,
                char **ret_error) {
        PgOptions options = {
                .conninfo = conninfo, .use_environment = use_environment, .application_name = "pgvigil"};
        return conninfo_load(&options, ret, ret_cause, ret_error);
}

START_TEST(a_service_fills_what_is_absent) {
        Directory directory;
        Parameters p = {};
        Cause cause;
        _cleanup_(freep) char *error = NULL;
        directory_make(&directory, "services", service_file);
        setenv("PGSERVICEFILE", directory.file, 1);
        ck_assert_int_eq(load("service=shop dbname=mine", true, &p, &cause, &error), 0);
        ck_assert(parameters_are(&p, "host", "/run/shop"));
        ck_assert(parameters_are(&p, "dbname", "mine"));
        ck_assert(parameters_are(&p, "user", "u"));
        ck_assert(parameters_are(&p, "port", NULL));
        ck_assert(parameters_are(&p, "service", NULL));
        parameters_done(&p);
        directory_remove(&directory);
}
END_TEST

START_TEST(the_service_file_of_the_home_directory_needs_no_environment) {
        Directory directory;
        Parameters p = {};
        Cause cause;
        _cleanup_(freep) char *error = NULL;
        directory_make(&directory, ".pg_service.conf", service_file);
        setenv("PGSERVICEFILE", "/nonexistent", 1);
        setenv("HOME", directory.path, 1);
        ck_assert_int_eq(load("service=shop", false, &p, &cause, &error), 0);
        ck_assert(parameters_are(&p, "dbname", "my shop"));
        parameters_done(&p);
        directory_remove(&directory);
}
END_TEST

static const struct {
        const char *text, *says;
} bad_services[] = {
        {"[other]\nhost=x\n", "the service \"shop\" is in no service file"},
        {"[shop]\npassword hunter\n", ":2: no \"=\""},
        {"[shop]\nhost=x\nhunter=x\n", ":3: a setting that libpq does not know"},
        {"[shop]\nservice=other\n", ":2: a setting"},
        {"[shop]\nldap://hunter/\n", ":2: LDAP"},
        {"[shop]\nport=hunter\n", "\"port\""},
        {NULL, "the service \"shop\" is in no service file"},
};

START_TEST(a_bad_service_is_named_by_file_and_line) {
        for (size_t i = 0; i < ELEMENTS(bad_services); i++) {
                Directory directory;
                Parameters p = {};
                Cause cause;
                _cleanup_(freep) char *error = NULL;
                directory_make(&directory, "services", bad_services[i].text);
                setenv("PGSERVICEFILE", directory.file, 1);
                ck_assert_int_eq(load("service=shop", true, &p, &cause, &error), -EINVAL);
                ck_assert_int_eq(cause, CAUSE_CONFIG);
                ck_assert_msg(strstr(error, bad_services[i].says), "%s", error);
                ck_assert_msg(!strstr(error, "hunter"), "%s", error);
                directory_remove(&directory);
        }
}
END_TEST

START_TEST(the_environment_counts_only_where_it_is_wanted) {
        Parameters with = {}, without = {};
        Cause cause;
        _cleanup_(freep) char *error = NULL;
        setenv("PGUSER", "env", 1);
        setenv("PGHOST", "db.example.com", 1);
        setenv("PGDATABASE", "envdb", 1);
        ck_assert_int_eq(load("dbname=mine", true, &with, &cause, &error), 0);
        ck_assert_int_eq(load("dbname=mine", false, &without, &cause, &error), 0);
        ck_assert(parameters_are(&with, "user", "env"));
        ck_assert(parameters_are(&with, "dbname", "mine"));
        ck_assert(parameters_are(&with, "sslmode", "require"));
        ck_assert(parameters_are(&without, "user", NULL));
        ck_assert(parameters_are(&without, "sslmode", "prefer"));
        parameters_done(&with);
        parameters_done(&without);
}
END_TEST

START_TEST(a_password_of_the_environment_is_held_back_too) {
        Parameters p = {};
        Cause cause;
        _cleanup_(freep) char *error = NULL;
        setenv("PGPASSWORD", "hunter", 1);
        ck_assert_int_eq(load("host=db sslmode=prefer", true, &p, &cause, &error), -EPERM);
        ck_assert_int_eq(cause, CAUSE_TLS);
        ck_assert(!strstr(error, "hunter"));
}
END_TEST

static int load_credential(const char *path, Parameters *ret, char **ret_error) {
        PgOptions options = {.credential_path = path, .application_name = "pgvigil"};
        Cause cause = CAUSE_NONE;
        int r = conninfo_load(&options, ret, &cause, ret_error);
        ck_assert(r == 0 || cause == CAUSE_CONFIG);
        return r;
}

START_TEST(d16_the_credential_is_read_anew_each_time) {
        Directory directory;
        for (int i = 0; i < 2; i++) {
                Parameters p = {};
                _cleanup_(freep) char *error = NULL;
                directory_make(&directory, "shop", i ? "password='new one'\n" : "password=old");
                ck_assert_int_eq(load_credential(directory.file, &p, &error), 0);
                ck_assert(parameters_are(&p, "password", i ? "new one" : "old"));
                parameters_done(&p);
                directory_remove(&directory);
        }
}
END_TEST

START_TEST(a_credential_that_cannot_be_used_says_why) {
        static char large[CREDENTIAL_MAX + 2];
        const char *const texts[][2] = {
                {NULL, "No such file"}, {"", "empty"}, {"\n", "empty"}, {large, "4096"}};
        memset(large, 'x', sizeof large - 1);
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                Directory directory;
                Parameters p = {};
                _cleanup_(freep) char *error = NULL;
                directory_make(&directory, "shop", texts[i][0]);
                ck_assert_int_eq(load_credential(directory.file, &p, &error), -EINVAL);
                ck_assert_msg(strstr(error, texts[i][1]), "%s", error);
                directory_remove(&directory);
        }
}
END_TEST

START_TEST(a_credential_that_asks_for_a_schema_that_is_not_watched_is_refused) {
        static const struct {
                const char *text;
                bool is_watched;
        } cases[] = {
                {"postgres://u:hunter@localhost/d?schema=public&connection_limit=5", true},
                {"postgres://u:hunter@localhost/d", true},
                {"postgres://u:hunter@localhost/d?schema=other", false},
        };
        static char first[] = "public", second[] = "shop";
        char *const watched[] = {first, second, NULL};
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                Directory directory;
                Parameters p = {};
                Cause cause = CAUSE_NONE;
                _cleanup_(freep) char *error = NULL;
                directory_make(&directory, "shop", cases[i].text);
                PgOptions options = {
                        .credential_path = directory.file, .schemas = watched, .application_name = "pgvigil"};
                int r = conninfo_load(&options, &p, &cause, &error);
                ck_assert_int_eq(r, cases[i].is_watched ? 0 : -EINVAL);
                ck_assert_int_eq(cause, cases[i].is_watched ? CAUSE_NONE : CAUSE_CONFIG);
                ck_assert(cases[i].is_watched || strstr(error, "set \"schemas\" of this target"));
                ck_assert(!error || !strstr(error, "hunter"));
                parameters_done(&p);
                directory_remove(&directory);
        }
}
END_TEST

START_TEST(a_credential_that_is_a_fifo_or_a_directory_does_not_hang) {
        Directory directory;
        Parameters p = {};
        char *error = NULL;
        directory_make(&directory, "shop", NULL);
        ck_assert_int_eq(load_credential(directory.path, &p, &error), -EINVAL);
        ck_assert_int_eq(mkfifo(directory.file, 0600), 0);
        ck_assert_int_eq(load_credential(directory.file, &p, &error), -EINVAL);
        free(error);
        directory_remove(&directory);
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                d28_a_password_leaves_this_machine_over_tls_only,
                every_connection_carries_our_rules,
                a_service_fills_what_is_absent,
                the_service_file_of_the_home_directory_needs_no_environment,
                a_bad_service_is_named_by_file_and_line,
                the_environment_counts_only_where_it_is_wanted,
                a_password_of_the_environment_is_held_back_too,
                d16_the_credential_is_read_anew_each_time,
                a_credential_that_cannot_be_used_says_why,
                a_credential_that_asks_for_a_schema_that_is_not_watched_is_refused,
                a_credential_that_is_a_fifo_or_a_directory_does_not_hang,
        };
        return unit_run("policy", tests, ELEMENTS(tests));
}
