/* Session: see the header. One round trip, and everything local to the transaction: nothing leaks
 * to another client of a pooler.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct Setting {
        const char *name;
        const char *value; /* NULL: a duration of the options */
        size_t duration;   /* its offset in PgOptions */
        unsigned feature;  /* 0: every server has it */
} Setting;

static const Setting settings[] = {
        {"search_path", ""},
        {"row_security", "off"},
        {"statement_timeout", NULL, offsetof(PgOptions, statement_timeout)},
        {"lock_timeout", NULL, offsetof(PgOptions, lock_timeout)},
        {"idle_in_transaction_session_timeout", "5s"},
        {"max_parallel_workers_per_gather", "0"},
        {"jit", "off"},
        {"enable_bitmapscan", "on"}, /* slices and look-ups by key rest on these */
        {"enable_indexonlyscan", "on"},
        {"enable_indexscan", "on"},
        {"enable_nestloop", "on"},
        {"enable_tidscan", "on"},
        {"client_min_messages", "error"},
        {"DateStyle", "ISO"},
        {"IntervalStyle", "postgres"},
        {"TimeZone", "UTC"},
        {"extra_float_digits", "1"},
        {"standard_conforming_strings", "on"},
        {"bytea_output", "hex"},
        {"client_connection_check_interval", "1s", 0, FEATURE_CONNECTION_CHECK},
        {"restrict_nonsystem_relation_kind", "view, foreign-table", 0, FEATURE_RELATION_KIND},
};

static void add_setting(Buffer *sql, const char *name, const char *value) {
        buffer_add(sql, "pg_catalog.set_config(");
        buffer_add_literal(sql, name);
        buffer_add(sql, ", ");
        buffer_add_literal(sql, value);
        buffer_add(sql, ", true)");
}

/* 0 would switch the limit off: one millisecond is the least. */
static void add_duration(Buffer *sql, const char *name, usec_t duration) {
        uint64_t msec = duration / USEC_PER_MSEC;
        char text[32];
        snprintf(text, sizeof text, "%" PRIu64 "ms", msec == 0 ? 1 : msec > INT32_MAX ? INT32_MAX : msec);
        add_setting(sql, name, text);
}

char *session_preamble(const PgOptions *options, unsigned features, bool exclusion_off) {
        Buffer sql = BUFFER_NULL;
        buffer_add(&sql, "SELECT ");
        for (size_t i = 0; i < ELEMENTS(settings); i++) {
                const Setting *s = &settings[i];
                if (s->feature & ~features)
                        continue;
                if (s->value)
                        add_setting(&sql, s->name, s->value);
                else
                        add_duration(&sql, s->name, *(const usec_t *)((const char *)options + s->duration));
                buffer_add(&sql, ", ");
        }
        add_setting(&sql, "constraint_exclusion", exclusion_off ? "off" : "on");
        return buffer_take(&sql);
}

static const Field probe_fields[] = {
        {.name = "connection_check", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "relation_kind", .kind = VALUE_BOOL, .role = FIELD_HIDDEN},
        {.name = "backend_pid", .kind = VALUE_INT, .role = FIELD_HIDDEN},
        {.name = "server_start", .kind = VALUE_TEXT, .role = FIELD_HIDDEN},
};

static const Shape probe_shape = SHAPE("session", probe_fields);

/* client_connection_check_interval can be set only where the server's system tells of a closed
 * socket; elsewhere it exists and refuses. */
static char probe_sql[] =
        "SELECT pg_catalog.current_setting('client_connection_check_interval', true) IS NOT NULL "
        "AND pg_catalog.strpos(pg_catalog.version(), 'linux') OPERATOR(pg_catalog.>) 0 AS connection_check, "
        "pg_catalog.current_setting('restrict_nonsystem_relation_kind', true) IS NOT NULL AS relation_kind, "
        "pg_catalog.pg_backend_pid() AS backend_pid, "
        "pg_catalog.pg_postmaster_start_time()::pg_catalog.text AS server_start";

const Statement session_probe = {
        .name = "session.probe",
        .sql = probe_sql,
        .place = STATEMENT_ALONE,
        .shape = &probe_shape,
        .max_rows = 1,
};

unsigned session_features(const Table *answer) {
        if (!answer || answer->n_rows != 1)
                return 0;
        return (table_bool(answer, 0, "connection_check") ? FEATURE_CONNECTION_CHECK : 0) |
               (table_bool(answer, 0, "relation_kind") ? FEATURE_RELATION_KIND : 0);
}

/* The first minor releases with restrict_nonsystem_relation_kind. */
static const int relation_kind_since[] = {120020, 130016, 140013, 150008, 160004};

static unsigned features_of_version(int version_num) {
        unsigned features = version_num >= 140000 ? FEATURE_CONNECTION_CHECK : 0;
        if (version_num >= 170000)
                features |= FEATURE_RELATION_KIND;
        for (size_t i = 0; i < ELEMENTS(relation_kind_since); i++)
                if (version_num / 10000 == relation_kind_since[i] / 10000 &&
                    version_num >= relation_kind_since[i])
                        features |= FEATURE_RELATION_KIND;
        return features;
}

char *pg_session_statements(int version_num, const PgOptions *options, bool exclusion_off) {
        unsigned features = features_of_version(version_num);
        _cleanup_(freep) char *first = session_preamble(options, 0, false);
        _cleanup_(freep) char *usual = session_preamble(options, features, false);
        _cleanup_(freep) char *safe = session_preamble(options, features, true);
        if (!first || !usual || !safe)
                return NULL;
        const char *statements[] = {
                SESSION_BEGIN, first,          probe_sql,     SESSION_COMMIT, SESSION_BEGIN,
                usual,         SESSION_COMMIT, SESSION_BEGIN, safe,           SESSION_COMMIT,
        };
        size_t n = exclusion_off ? ELEMENTS(statements) : ELEMENTS(statements) - 3;
        Buffer text = BUFFER_NULL;
        for (size_t i = 0; i < n; i++)
                buffer_printf(&text, "%s%s", i > 0 ? ";\n" : "", statements[i]);
        return buffer_take(&text);
}
