/* The check `privilege`: the monitoring role can read what it watches, and can do no more.
 *
 * Asks with has_…_privilege(), never by trying: the server's log stays clean.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>

#include "catalog.h"
#include "common.h"
#include "pgvigil/checks.h"

/* One row a fact. BYPASSRLS is not too much: who watches tables with row security needs it. A
 * superuser is a member of everything: that is said once. */
static const char privilege_sql[] =
        "WITH me AS (SELECT * FROM pg_roles WHERE rolname = current_user),\n"
        "tab AS (\n"
        "  SELECT c.oid, n.oid AS nsp, n.nspname::text AS schemaname, c.relname::text AS relname,\n"
        "         NOT me.rolsuper AND pg_has_role(me.oid, c.relowner, 'USAGE') AS is_owned\n"
        "    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, me\n"
        "   WHERE n.nspname::text = ANY ($1::text[]) AND c.relkind IN ('r', 'p'))\n"
        "SELECT 'role' AS fact, NULL AS schemaname, NULL AS relname, current_user::text AS word\n"
        "UNION ALL\n"
        "SELECT 'excess', NULL, NULL, a.word FROM me, LATERAL (VALUES\n"
        "         (rolsuper, 'SUPERUSER'), (rolcreaterole, 'CREATEROLE'), (rolcreatedb, 'CREATEDB'),\n"
        "         (rolreplication, 'REPLICATION')) a(is_set, word) WHERE a.is_set\n"
        "UNION ALL\n"
        "SELECT 'member', NULL, NULL, r.rolname::text FROM pg_roles r, me\n"
        " WHERE NOT me.rolsuper AND r.oid <> me.oid AND pg_has_role(me.oid, r.oid, 'MEMBER')\n"
        "   AND (r.rolsuper OR r.rolname IN ('pg_write_all_data', 'pg_execute_server_program',\n"
        "                                    'pg_write_server_files', 'pg_read_server_files'))\n"
        "UNION ALL\n"
        "SELECT 'statistics', NULL, NULL, NULL FROM pg_roles r, me\n"
        " WHERE r.rolname = 'pg_read_all_stats' AND pg_has_role(me.oid, r.oid, 'USAGE')\n"
        "UNION ALL\n"
        "SELECT 'schema', nspname::text, NULL,\n"
        "       CASE WHEN has_schema_privilege(oid, 'USAGE') THEN 'ok' ELSE 'usage' END\n"
        "  FROM pg_namespace WHERE nspname::text = ANY ($1::text[])\n"
        "UNION ALL\n"
        "SELECT 'other', nspname::text, NULL, NULL FROM pg_namespace\n"
        " WHERE nspname::text <> ALL ($1::text[]) AND nspname !~ '^pg_' AND nspname <> 'information_schema'\n"
        "   AND EXISTS (SELECT FROM unnest($1::text[]) w WHERE w NOT IN (SELECT nspname::text FROM "
        "pg_namespace))\n"
        "UNION ALL\n"
        "SELECT 'table', schemaname, relname,\n"
        "       CASE WHEN has_table_privilege(oid, 'SELECT') THEN 'ok'\n"
        "            WHEN has_any_column_privilege(oid, 'SELECT') THEN 'columns'\n"
        "            WHEN has_table_privilege(oid, 'SELECT') IS NULL THEN 'gone' ELSE 'select' END FROM tab\n"
        "UNION ALL\n"
        "SELECT 'hidden', schemaname, relname, NULL FROM tab WHERE row_security_active(oid)\n"
        "UNION ALL\n"
        "SELECT 'owner', schemaname, relname, NULL FROM tab WHERE is_owned\n"
        "UNION ALL\n"
        "SELECT 'write', schemaname, relname, NULL FROM tab, me\n"
        " WHERE NOT me.rolsuper AND NOT is_owned AND (has_table_privilege(tab.oid, 'INSERT, UPDATE, DELETE, "
        "TRUNCATE')\n"
        "                            OR has_any_column_privilege(tab.oid, 'INSERT, UPDATE'))\n"
        " ORDER BY 1, 2, 3, 4";

static const Field fact_fields[] = {
        {.name = "fact", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "What kind of fact the row is."},
        {.name = "schemaname", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Schema."},
        {.name = "relname", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "Table."},
        {.name = "word", .kind = VALUE_TEXT, .role = FIELD_HIDDEN, .help = "The fact."},
};

static const Field role_fields[] = {
        {.name = "overprivileged",
         .kind = VALUE_INT,
         .role = FIELD_GAUGE,
         .metric = "pgvigil_role_overprivileged",
         .help = "Whether the monitoring role may do more than it needs, as of the last poll."},
};

static const Shape fact_shape = SHAPE("privilege.catalog", fact_fields);
static const Shape role_shape = SHAPE("role", role_fields);
static const Shape *const shapes[] = {&role_shape, NULL};

static const CatalogSpec spec = {
        .statement = "privilege.catalog",
        .sql = privilege_sql,
        .shape = &fact_shape,
        .kind = KIND_PRIVILEGE,
        .subject = "catalog",
};

/* What one judge() works with. */
typedef struct Judge {
        const Table *facts;
        const TargetSettings *settings;
        Report *report;
        char *role; /* quoted; owned */
        int64_t readable, total;
} Judge;

static bool fact_is(const Judge *judge, size_t row, const char *fact) {
        return str_equal(table_text(judge->facts, row, "fact"), fact);
}

static const char *fact_word(const Judge *judge, size_t row) {
        const char *word = table_text(judge->facts, row, "word");

        return word ? word : "";
}

/* The wanted fact's row, or -1; with `schema` only of that one. */
static ssize_t find_fact(const Judge *judge, const char *fact, const char *schema) {
        for (size_t row = 0; row < judge->facts->n_rows; row++)
                if (fact_is(judge, row, fact) &&
                    (!schema || str_equal(table_text(judge->facts, row, "schemaname"), schema)))
                        return (ssize_t)row;
        return -1;
}

static Finding *add_lack(const Judge *judge, const char *object, const char *name) {
        Finding *finding = report_add(judge->report, KIND_PRIVILEGE, object, name);

        if (!finding)
                return NULL;
        finding->severity = judge->settings->severity;
        finding->seen = SEEN_UNKNOWN;
        finding->reason = REASON_PRIVILEGE;
        return finding;
}

static int advise_schema(const Judge *judge, Finding *finding, const char *schema) {
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_(freep) char *quoted = NULL;
        const char *nearest;
        int r = 0;

        for (size_t row = 0; r >= 0 && row < judge->facts->n_rows; row++)
                if (fact_is(judge, row, "other") || fact_is(judge, row, "schema"))
                        r = strv_add(&names, table_text(judge->facts, row, "schemaname"));
        if (r < 0)
                return r;
        nearest = names ? str_nearest(schema, (const char *const *)names) : NULL;
        if (!nearest)
                return check_advise(finding, "Correct `schemas` in the configuration, or create the schema.");
        quoted = str_qualified(NULL, nearest);
        return quoted ? check_advise(finding, "Correct `schemas` in the configuration if %s is meant.",
                                     quoted)
                      : -ENOMEM;
}

/* A watched schema that does not exist is a breach: it would be an empty green. */
static int judge_schema(const Judge *judge, const char *schema) {
        ssize_t row = find_fact(judge, "schema", schema);
        _cleanup_(freep) char *object = str_qualified(NULL, schema);
        Finding *finding;
        int r;

        if (row >= 0 && str_equal(fact_word(judge, (size_t)row), "ok"))
                return 0;
        finding = object ? add_lack(judge, object, row < 0 ? "schema" : "usage") : NULL;
        if (!finding)
                return -ENOMEM;
        if (row < 0) {
                finding->seen = SEEN_BREACH;
                finding->severity = SEVERITY_CRITICAL;
                finding->configured = true;
                finding->reason = REASON_MISSING;
                r = check_say(finding, "The watched schema %s does not exist.", object);
                return r < 0 ? r : advise_schema(judge, finding, schema);
        }
        r = check_say(finding, "The role lacks USAGE on the schema: its tables cannot be read.");
        return r < 0 ? r : check_repair(finding, "GRANT USAGE ON SCHEMA %s TO %s;", object, judge->role);
}

static bool is_row_watched(const Judge *judge, size_t row) {
        return check_is_watched(judge->settings, table_text(judge->facts, row, "schemaname"),
                                table_text(judge->facts, row, "relname"));
}

static int64_t count_watched(const Judge *judge, const char *fact) {
        int64_t n = 0;

        for (size_t row = 0; row < judge->facts->n_rows; row++)
                n += fact_is(judge, row, fact) && is_row_watched(judge, row);
        return n;
}

static int judge_table(Judge *judge, size_t row) {
        const char *schema = table_text(judge->facts, row, "schemaname"), *word = fact_word(judge, row);
        const char *relation = table_text(judge->facts, row, "relname");
        _cleanup_(freep) char *object = NULL;
        Finding *finding;
        ssize_t usage;
        int r;

        if (!is_row_watched(judge, row) || str_equal(word, "gone"))
                return 0;
        judge->total++;
        usage = find_fact(judge, "schema", schema);
        if (str_equal(word, "ok")) {
                judge->readable += usage >= 0 && str_equal(fact_word(judge, (size_t)usage), "ok");
                return 0;
        }
        object = str_qualified(schema, relation);
        finding = object ? add_lack(judge, object, "select") : NULL;
        if (!finding)
                return -ENOMEM;
        r = check_say(finding, "The role lacks SELECT on the table: its rows cannot be checked.");
        if (r >= 0 && str_equal(word, "columns"))
                r = check_advise(
                        finding,
                        "SELECT on single columns does not suffice: locking the table needs it whole.");
        return r < 0 ? r : check_repair(finding, "GRANT SELECT ON %s TO %s;", object, judge->role);
}

/* What passes, so that the scope counts it; with something unreadable its own findings say so. */
static int judge_summary(const Judge *judge) {
        _cleanup_(freep) char *schemas = strv_join(judge->settings->schemas, ", ");
        int64_t hidden = count_watched(judge, "hidden");
        Finding *finding;

        if (judge->readable < judge->total)
                return 0;
        finding = schemas ? report_add(judge->report, KIND_PRIVILEGE, schemas, "tables") : NULL;
        if (!finding)
                return -ENOMEM;
        if (judge->total == 0) {
                finding->seen = SEEN_SKIPPED;
                finding->reason = REASON_SKIPPED;
                return check_say(finding, "There is no table to watch.");
        }
        finding->value = VALUE_OF_INT(judge->readable);
        finding->unit = "tables";
        if (hidden > 0)
                return check_say(finding,
                                 "%" PRId64 " of %" PRId64 " tables can be read; of %" PRId64
                                 " row level security may hide rows.",
                                 judge->readable, judge->total, hidden);
        return check_say(finding, "%" PRId64 " of %" PRId64 " tables can be read.", judge->readable,
                         judge->total);
}

static int judge_statistics(const Judge *judge) {
        Finding *finding;
        int r;

        if (find_fact(judge, "statistics", NULL) >= 0)
                return 0;
        finding = report_add(judge->report, KIND_PRIVILEGE, judge->role, "statistics");
        if (!finding)
                return -ENOMEM;
        finding->severity = SEVERITY_INFO;
        finding->seen = SEEN_BREACH;
        finding->reason = REASON_PRIVILEGE;
        r = check_say(finding,
                      "The role is no member of pg_read_all_stats: index builds of other roles are hidden.");
        return r < 0 ? r : check_repair(finding, "GRANT pg_read_all_stats TO %s;", judge->role);
}

static void add_part(Buffer *out, const char *separator, const char *prefix, const char *text) {
        buffer_printf(out, "%s%s%s", out->length > 0 ? separator : "", prefix, text);
}

static void describe_excess(const Judge *judge, Buffer *what) {
        int64_t owned = count_watched(judge, "owner"), writable = count_watched(judge, "write");

        for (size_t row = 0; row < judge->facts->n_rows; row++) {
                _cleanup_(freep) char *word = str_qualified(NULL, fact_word(judge, row));

                if (fact_is(judge, row, "excess"))
                        add_part(what, ", ", "", fact_word(judge, row));
                if (fact_is(judge, row, "member") && word)
                        add_part(what, ", ", "member of ", word);
        }
        if (owned > 0)
                buffer_printf(what, "%sowns watched tables (%" PRId64 ")", what->length > 0 ? ", " : "",
                              owned);
        if (writable > 0)
                buffer_printf(what, "%smay write watched tables (%" PRId64 ")", what->length > 0 ? ", " : "",
                              writable);
}

/* What takes it away from a role that is there for us alone. */
static void repair_excess(const Judge *judge, Buffer *repair) {
        for (size_t row = 0; row < judge->facts->n_rows; row++) {
                _cleanup_(freep) char *word = str_qualified(NULL, fact_word(judge, row));
                const char *space = repair->length > 0 ? " " : "";

                if (fact_is(judge, row, "excess"))
                        buffer_printf(repair, "%sALTER ROLE %s NO%s;", space, judge->role,
                                      fact_word(judge, row));
                if (fact_is(judge, row, "member") && word)
                        buffer_printf(repair, "%sREVOKE %s FROM %s;", space, word, judge->role);
        }
        for (char **schema = judge->settings->schemas; schema && *schema; schema++) {
                _cleanup_(freep) char *quoted = str_qualified(NULL, *schema);

                if (count_watched(judge, "write") > 0 && find_fact(judge, "write", *schema) >= 0)
                        buffer_printf(repair,
                                      "%sREVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA %s "
                                      "FROM %s;",
                                      repair->length > 0 ? " " : "", quoted ? quoted : "", judge->role);
        }
}

/* Whether nobody else works with this role: one that is called as `init --grants` calls it, and that
 * neither administers nor owns. What is taken away from any other stops an application. */
static bool is_ours(const Judge *judge) {
        ssize_t role = find_fact(judge, "role", NULL);

        for (size_t row = 0; row < judge->facts->n_rows; row++)
                if (fact_is(judge, row, "excess") && str_equal(fact_word(judge, row), "SUPERUSER"))
                        return false;
        return role >= 0 && str_starts_with(fact_word(judge, (size_t)role), "pgvigil") &&
               find_fact(judge, "owner", NULL) < 0;
}

static int advise_on_excess(const Judge *judge, Finding *finding) {
        _cleanup_(buffer_done) Buffer repair = BUFFER_NULL;

        if (!is_ours(judge))
                return check_advise(finding, "Leave this role as it is, and watch with one of its own: "
                                             "pgvigil init --grants prints the SQL that makes it.");
        repair_excess(judge, &repair);
        return buffer_error(&repair) < 0 ? -ENOMEM : check_repair(finding, "%s", buffer_text(&repair));
}

static int judge_role(const Judge *judge) {
        _cleanup_(buffer_done) Buffer what = BUFFER_NULL;
        Finding *finding = report_add(judge->report, KIND_PRIVILEGE, judge->role, "role");
        Table *table = report_table(judge->report, &role_shape);
        size_t row;
        int r;

        describe_excess(judge, &what);
        if (!finding || !table || buffer_error(&what) < 0 || table_add_row(table, &row) < 0)
                return -ENOMEM;
        table_set_int(table, row, "overprivileged", what.length > 0);
        finding->severity = SEVERITY_WARNING;
        if (what.length == 0)
                return check_say(finding, "The role may do no more than it needs.");
        finding->seen = SEEN_BREACH;
        finding->reason = REASON_OVERPRIVILEGED;
        r = check_say(finding, "The role may do more than it needs: %s.", buffer_text(&what));
        return r < 0 ? r : advise_on_excess(judge, finding);
}

static int judge_facts(Judge *judge) {
        int r = 0;

        for (char **schema = judge->settings->schemas; r >= 0 && schema && *schema; schema++)
                r = judge_schema(judge, *schema);
        for (size_t row = 0; r >= 0 && row < judge->facts->n_rows; row++)
                if (fact_is(judge, row, "table"))
                        r = judge_table(judge, row);
        if (r >= 0)
                r = judge_summary(judge);
        if (r >= 0)
                r = judge_statistics(judge);
        return r < 0 ? r : judge_role(judge);
}

static int privilege_judge(void *state, const CheckContext *context, Report *report) {
        const Catalog *catalog = state;
        Judge judge = {.facts = catalog->rows, .settings = context->settings, .report = report};
        _cleanup_(freep) char *role = NULL;
        ssize_t row = find_fact(&judge, "role", NULL);
        int r = 0;

        if (row >= 0) {
                role = str_qualified(NULL, fact_word(&judge, (size_t)row));
                if (!role)
                        return -ENOMEM;
                judge.role = role;
                r = judge_facts(&judge);
        }
        return r < 0 ? r : catalog_finish(catalog, context, report);
}

static int privilege_new(const TargetSettings *settings, void **ret_state) {
        return catalog_new(&spec, ret_state);
}

const CheckKind privilege_check = {
        .name = "privilege",
        .help = "The monitoring role can read what it watches, and can do no more.",
        .interval = offsetof(Intervals, catalog),
        .shapes = shapes,
        .new = privilege_new,
        .free = catalog_free,
        .begin = catalog_begin,
        .next = catalog_next,
        .take = catalog_take,
        .judge = privilege_judge,
};
