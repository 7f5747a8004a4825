/* Conninfo: what can be used, what is said of what cannot, and that no message holds a secret.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pg/conninfo.h"

#include <errno.h>
#include <string.h>

#include "../unit.h"
#include "pgvigil/base/str.h"

static const char *const usable[] = {
        "host=/run/postgresql dbname=shop user=pgvigil",
        "host = localhost  port=5433",
        "host=a,b port=1,2 target_session_attrs=read-write",
        "host=a,b,c port=5432",
        "dbname='my shop' user=o\\'hara",
        "password='my secret part' host=localhost",
        "service=shop",
        "postgresql://",
        "postgresql://u:p%40ss@localhost:5432/shop?sslmode=disable",
        "postgres://u:p?s@localhost/shop",
        "postgres://[::1]:5433/shop",
        "postgresql:///shop?host=/run/postgresql&user=a@b",
        "postgres://u:p@localhost/shop?schema=public&connection_limit=5&pool_timeout=10&pgbouncer=true"
        "&sslaccept=strict&socket_timeout=5&statement_cache_size=0",
        "postgres://u@localhost/shop?ssl=true",
};

START_TEST(usable_conninfos_have_no_complaint) {
        for (size_t i = 0; i < ELEMENTS(usable); i++) {
                _cleanup_(freep) char *error = pg_conninfo_check(usable[i]);
                ck_assert_msg(!error, "%s: %s", usable[i], error);
        }
}
END_TEST

static const struct {
        const char *conninfo, *says;
} unusable[] = {
        {"", "is empty"},
        {"shop", "has no \"=\""},
        {"host=localhost dbnam=shop", "unknown parameter \"dbnam\"; did you mean \"dbname\"?"},
        {"host=localhost schema=public", "unknown parameter \"schema\""},
        {"host=localhost password='abc", "quoted value does not end"},
        {"host=localhost port=543x", "\"port\" must be a number"},
        {"host=localhost port=70000", "\"port\" must be a number"},
        {"host=localhost port=0", "\"port\" must be a number"},
        {"host=a,b port=1,2,3", "another number of ports"},
        {"host=a,b hostaddr=127.0.0.1", "different numbers of hosts"},
        {"host=localhost sslmode=on", "\"sslmode\" must be one of disable,"},
        {"host=localhost keepalives_idle=x", "\"keepalives_idle\" must be a whole number"},
        {"host=localhost replication=database", "\"replication\""},
        {"dbname=postgres://u:p@h/db", "whole conninfo"},
        {"postgres://u:p@localhost/db?connect_timout=3", "did you mean \"connect_timeout\"?"},
        {"postgres://u:p@localhost/db?schema", "has no \"=\""},
        {"postgres://u:p%4@localhost/db", "two hex digits"},
        {"postgres://u:p%00@localhost/db", "two hex digits"},
        {"postgres://u:p@ss@localhost/db", "%40"},
        {"postgres://u:p/ss@localhost/db", "%2F"},
        {"postgres://u:p ss@localhost/db", "space"},
        {"postgres://u:p@[::1/db", "libpq can read"},
        {"mysql://u:p@localhost/db?x=1", "libpq does not know"},
};

START_TEST(unusable_conninfos_are_named_by_their_fault) {
        for (size_t i = 0; i < ELEMENTS(unusable); i++) {
                _cleanup_(freep) char *error = pg_conninfo_check(unusable[i].conninfo);
                ck_assert_msg(error && strstr(error, unusable[i].says), "%s: %s", unusable[i].conninfo,
                              error ? error : "usable");
        }
}
END_TEST

/* "hunter" stands wherever a careless hand may put a piece of a password. */
static const char *const with_secrets[] = {
        "password=my hunter host=x",
        "password=my hunter=2 host=x",
        "password=my hunter",
        "password='my hunter",
        "password='my' hunter' host=x",
        "host=x password=a hunterpart = 3",
        "host=x sslpassword=a hunterpart=3",
        "password=hunter port=hunter",
        "password=hunter sslmode=hunter",
        "dbname='password=hunter'",
        "dbname=postgres://u:hunter@h/db",
        "postgres://u:hunter@localhost/db?nonsense=1",
        "postgres://u:hunter%zz@localhost/db",
        "postgres://u:%zzhunter@localhost/db",
        "postgres://u:a@hunter@localhost/db",
        "postgres://u:a/hunter@localhost/db",
        "postgres://u:12/hunter@localhost/db",
        "postgres://u:a?b/hunter=1@localhost/db",
        "postgres://u:a?b/c&hunter=1@localhost/db",
        "postgres://u:hunter @localhost/db",
        "postgres://u:hunter@localhost:x/db",
        "postgres://u:hunter@[::1/db",
        "postgres://u@localhost/db?password=hunter&nonsense=1",
        "postgres://u@localhost/db?password=a&hunter",
        "postgres://u:hunter@db.example.com/db?sslmode=prefer",
};

START_TEST(no_message_ever_holds_a_piece_of_a_password) {
        for (size_t i = 0; i < ELEMENTS(with_secrets); i++) {
                _cleanup_(freep) char *error = pg_conninfo_check(with_secrets[i]);
                _cleanup_(freep) char *shown = pg_conninfo_describe(with_secrets[i]);
                _cleanup_(freep) char *schema = NULL, *note = NULL;
                pg_conninfo_extras(with_secrets[i], &schema, &note);
                ck_assert_msg(error, "%s: usable", with_secrets[i]);
                ck_assert_msg(!strstr(error, "hunter"), "%s: %s", with_secrets[i], error);
                ck_assert_msg(!strstr(shown, "hunter"), "%s: %s", with_secrets[i], shown);
                ck_assert_msg(!note || !strstr(note, "hunter"), "%s: %s", with_secrets[i], note);
        }
}
END_TEST

static const struct {
        const char *conninfo, *schema, *note;
} extras[] = {
        {"host=localhost", NULL, NULL},
        {"postgres://u:p@h/d?sslmode=require", NULL, NULL},
        {"postgres://u:p@h/d?schema=shop", "shop", NULL},
        {"postgres://u:p@h/d?schema=my%20shop&sslmode=require", "my shop", NULL},
        {"postgres://u:p@h/d?schema=", NULL, NULL},
        {"postgres://u:p@h/d?pgbouncer=true&schema=a&schema=b&pool_timeout=3", "a",
         "ignored, as only Prisma knows them: pgbouncer, pool_timeout"},
};

START_TEST(what_only_prisma_knows_is_taken_out_and_noted) {
        for (size_t i = 0; i < ELEMENTS(extras); i++) {
                _cleanup_(freep) char *schema = NULL, *note = NULL;
                ck_assert_int_eq(pg_conninfo_extras(extras[i].conninfo, &schema, &note), 0);
                ck_assert_msg(str_equal(schema, extras[i].schema), "%s: %s", extras[i].conninfo, schema);
                ck_assert_msg(str_equal(note, extras[i].note), "%s: %s", extras[i].conninfo, note);
        }
}
END_TEST

START_TEST(what_libpq_knows_survives_beside_what_prisma_knows) {
        Parameters p = {};
        char *error = NULL;
        const char *url =
                "postgres://u:p?w@h:1/d?connection_limit=5&sslmode=require&schema=x&options=-c%20a%3Db";
        ck_assert_int_eq(conninfo_parse(url, &p, NULL, &error), 0);
        ck_assert(parameters_are(&p, "password", "p?w"));
        ck_assert(parameters_are(&p, "host", "h"));
        ck_assert(parameters_are(&p, "dbname", "d"));
        ck_assert(parameters_are(&p, "sslmode", "require"));
        ck_assert(parameters_are(&p, "options", "-c a=b"));
        parameters_done(&p);
}
END_TEST

static const struct {
        const char *conninfo, *shown;
} described[] = {
        {"password=x user=u dbname=d host=h port=1", "host=h port=1 dbname=d user=u"},
        {"postgres://u:x@h/d?schema=s", "host=h dbname=d user=u"},
        {"service=shop", "service=shop"},
        {"", ""},
        {"nonsense", "unusable conninfo"},
};

START_TEST(describe_shows_where_and_who) {
        for (size_t i = 0; i < ELEMENTS(described); i++) {
                _cleanup_(freep) char *shown = pg_conninfo_describe(described[i].conninfo);
                ck_assert_str_eq(shown, described[i].shown);
        }
}
END_TEST

static const struct {
        const char *conninfo, *written;
        bool left_out;
} written[] = {
        {"host=h dbname=d", "host=h dbname=d", false},
        {"user=u", "dbname=u user=u", false},
        {"password=x sslpassword=y user=u dbname=d host=h port=1 sslmode=verify-full sslrootcert='/a "
         "b/c.pem'",
         "host=h port=1 dbname=d user=u sslmode=verify-full sslrootcert='/a b/c.pem'", true},
        {"host='/a b' dbname='it\\'s \\\\ \"d\"' user=u", "host='/a b' dbname='it\\'s \\\\ \"d\"' user=u",
         false},
        {"host=a,b port=1,2 dbname=d target_session_attrs=read-write application_name=x connect_timeout=3",
         "host=a,b port=1,2 dbname=d target_session_attrs=read-write", false},
        {"postgres://u:x@h/my%20d?schema=s&pool_timeout=3&options=-c%20a%3Db&passfile=/p",
         "host=h dbname='my d' user=u passfile=/p options='-c a=b'", true},
};

START_TEST(what_is_written_reads_the_same_and_holds_no_secret) {
        for (size_t i = 0; i < ELEMENTS(written); i++) {
                _cleanup_(freep) char *text = NULL, *again = NULL;
                bool left_out;
                ck_assert_int_eq(pg_conninfo_write(written[i].conninfo, false, &text, &left_out), 0);
                ck_assert_str_eq(text, written[i].written);
                ck_assert(left_out == written[i].left_out);
                ck_assert_int_eq(pg_conninfo_write(text, false, &again, &left_out), 0);
                ck_assert_str_eq(again, text);
                ck_assert(!left_out);
        }
}
END_TEST

START_TEST(what_the_environment_says_is_written_down) {
        _cleanup_(freep) char *with = NULL, *without = NULL;
        bool left_out;
        setenv("PGHOST", "/run/pg", 1);
        setenv("PGDATABASE", "shop", 1);
        setenv("PGSSLROOTCERT", "/a b", 1);
        setenv("PGPASSWORD", "hunter", 1);
        setenv("PGAPPNAME", "x", 1);
        ck_assert_int_eq(pg_conninfo_write("user=u", true, &with, &left_out), 0);
        ck_assert_str_eq(with, "host=/run/pg dbname=shop user=u sslrootcert='/a b'");
        ck_assert(left_out);
        ck_assert_int_eq(pg_conninfo_write("user=u", false, &without, &left_out), 0);
        ck_assert_str_eq(without, "dbname=u user=u");
        ck_assert(!left_out);
}
END_TEST

START_TEST(lists_keep_their_empty_entries) {
        _cleanup_(strv_freep) char **list = NULL;
        ck_assert_int_eq(list_split("a,,b,", &list), 0);
        ck_assert_uint_eq(strv_length(list), 4);
        ck_assert_str_eq(list[1], "");
        ck_assert_str_eq(list[3], "");
}
END_TEST

int main(void) {
        const TTest *tests[] = {
                usable_conninfos_have_no_complaint,
                unusable_conninfos_are_named_by_their_fault,
                no_message_ever_holds_a_piece_of_a_password,
                what_only_prisma_knows_is_taken_out_and_noted,
                what_libpq_knows_survives_beside_what_prisma_knows,
                describe_shows_where_and_who,
                what_is_written_reads_the_same_and_holds_no_secret,
                what_the_environment_says_is_written_down,
                lists_keep_their_empty_entries,
        };
        return unit_run("conninfo", tests, ELEMENTS(tests));
}
