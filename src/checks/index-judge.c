/* What is wrong with one index, in words, and the statement that repairs it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common.h"
#include "index.h"

/* The wanted columns lead the index, in order; a unique one has no others. */
static bool columns_match(const Index *index, const IndexSettings *wanted) {
        size_t n = strv_length(wanted->columns);

        if (strv_length(index->columns) < n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!check_name_is(wanted->columns[i], index->columns[i]))
                        return false;
        return !wanted->unique || n == 0 || (index->is_unique && strv_length(index->columns) == n);
}

static bool is_named(const Index *index, const IndexSettings *wanted) {
        return !str_is_empty(wanted->name) && check_name_is(wanted->name, index->name);
}

/* A partial index serves only some queries: it counts only where it was asked for by name. */
static bool definition_matches(const Index *index, const IndexSettings *wanted) {
        return columns_match(index, wanted) && (!wanted->unique || index->is_unique) &&
               (!index->is_partial || is_named(index, wanted));
}

int index_match(const Index *index, const IndexSettings *wanted) {
        if (!check_name_is_relation(wanted->table, index->schema, index->table))
                return 0;
        if (is_named(index, wanted))
                return 6;
        if (!wanted->columns || !columns_match(index, wanted))
                return 0;
        if (index->is_partial)
                return 1;
        if (!index->is_valid)
                return index->is_building ? 3 : 2;
        return strv_length(index->columns) == strv_length(wanted->columns) ? 5 : 4;
}

Reason index_reason(const Index *index, const IndexSettings *wanted) {
        if (wanted && !definition_matches(index, wanted))
                return REASON_DIFFERS;
        if (!index->is_valid) {
                if (index->is_building)
                        return REASON_BUILDING;
                return index->is_blind ? REASON_PRIVILEGE : REASON_INVALID;
        }
        if (index->twin)
                return REASON_DUPLICATE;
        if (index->scans == 0 && !index->is_unique && !index->is_constraint)
                return REASON_UNUSED;
        return REASON_OK;
}

typedef int (*Say)(Finding *, const Index *, const IndexSettings *, const char *name, const char *columns);

static int say_ok(Finding *finding, const Index *index, const IndexSettings *wanted, const char *name,
                  const char *columns) {
        return check_say(finding, "%s%s is valid; %" PRId64 " scans.", index->is_unique ? "Unique " : "",
                         columns, index->scans);
}

static int say_differs(Finding *finding, const Index *index, const IndexSettings *wanted, const char *name,
                       const char *columns) {
        _cleanup_(freep) char *expected = check_columns_text(wanted->columns);
        int r;

        if (!expected)
                return -ENOMEM;
        r = check_say(finding, "The index is %s%s%s; expected is %s%s.", index->is_unique ? "unique " : "",
                      columns, index->is_partial ? " with a predicate" : "", wanted->unique ? "unique " : "",
                      expected);
        return r < 0 ? r
                     : check_advise(finding,
                                    "Create the index that is expected, or correct the configuration.");
}

static int say_building(Finding *finding, const Index *index, const IndexSettings *wanted, const char *name,
                        const char *columns) {
        return check_say(finding, "%s is being built now: it is not used yet.", columns);
}

static int say_blind(Finding *finding, const Index *index, const IndexSettings *wanted, const char *name,
                     const char *columns) {
        int r = check_say(finding,
                          "%s is not valid: failed, or being built by a session that the role may not see.",
                          columns);

        return r < 0 ? r : check_advise(finding, "Grant pg_read_all_stats to the monitoring role.");
}

/* INDEX_ccnew, INDEX_ccold7: what REINDEX CONCURRENTLY leaves behind when it fails. */
static bool is_leftover(const char *name) {
        size_t n = strlen(name);

        while (n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9')
                n--;
        return n >= 6 && (strncmp(name + n - 6, "_ccnew", 6) == 0 || strncmp(name + n - 6, "_ccold", 6) == 0);
}

static bool has_expression(const Index *index) {
        for (char **column = index->columns; column && *column; column++)
                if (**column == '(')
                        return true;
        return false;
}

/* `columns` with their parentheses, as in all sentences. */
static int warn_of_duplicates(Finding *finding, const Index *index, const char *columns) {
        int n = (int)strlen(columns) - 2;

        if (index->is_partial || has_expression(index))
                return check_advise(finding,
                                    "Rows that are equal in it make that fail again: remove them first.");
        return check_advise(finding,
                            "Rows that are equal in it make that fail again: remove them first. SELECT %.*s, "
                            "count(*) FROM %s WHERE %s IS NOT NULL GROUP BY %.*s HAVING count(*) > 1;",
                            n, columns + 1, finding->object, columns, n, columns + 1);
}

static int say_unattached(Finding *finding, const char *name, const char *columns) {
        int r = check_say(finding, "%s is not valid: not every partition has its part attached.", columns);

        return r < 0 ? r
                     : check_advise(finding,
                                    "Create the index on each partition that lacks it, then ALTER INDEX %s "
                                    "ATTACH PARTITION each.",
                                    name);
}

static int say_invalid(Finding *finding, const Index *index, const IndexSettings *wanted, const char *name,
                       const char *columns) {
        bool is_rest = index->is_dead || is_leftover(index->name);
        int r;

        if (index->is_partitioned)
                return say_unattached(finding, name, columns);
        r = check_say(finding, "%s is not valid: a %s INDEX CONCURRENTLY failed; %s", columns,
                      index->is_dead ? "DROP" : "CREATE or REINDEX",
                      is_rest ? "this is what it left behind."
                              : "no query uses it, and every write maintains it.");
        if (r >= 0 && index->is_unique && !is_rest)
                r = warn_of_duplicates(finding, index, columns);
        return r < 0 ? r
                     : check_repair(finding, "%s INDEX CONCURRENTLY %s;", is_rest ? "DROP" : "REINDEX", name);
}

static int say_duplicate(Finding *finding, const Index *index, const IndexSettings *wanted, const char *name,
                         const char *columns) {
        int r = check_say(finding, "%s is the same as index %s; %" PRId64 " scans.", columns, index->twin,
                          index->scans);

        if (r < 0)
                return r;
        if (index->is_constraint)
                return check_advise(finding, "It belongs to a constraint: drop that, if it is not wanted.");
        if (index->is_partitioned)
                return check_repair(finding, "DROP INDEX %s;", name);
        return check_repair(finding, "DROP INDEX CONCURRENTLY %s;", name);
}

static int say_unused(Finding *finding, const Index *index, const IndexSettings *wanted, const char *name,
                      const char *columns) {
        return check_say(finding, "%s is valid; never scanned on this server since its statistics began.",
                         columns);
}

int index_describe(Finding *finding, const Index *index, const IndexSettings *wanted, Reason reason) {
        static const struct {
                Reason reason;
                Say say;
        } sayings[] = {
                {REASON_DIFFERS, say_differs},     {REASON_BUILDING, say_building},
                {REASON_PRIVILEGE, say_blind},     {REASON_INVALID, say_invalid},
                {REASON_DUPLICATE, say_duplicate}, {REASON_UNUSED, say_unused},
        };
        _cleanup_(freep) char *name = str_qualified(index->schema, index->name);
        _cleanup_(freep) char *columns = check_columns_text(index->columns);

        if (!name || !columns)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTS(sayings); i++)
                if (sayings[i].reason == reason)
                        return sayings[i].say(finding, index, wanted, name, columns);
        return say_ok(finding, index, wanted, name, columns);
}

int index_describe_missing(Finding *finding, const IndexSettings *wanted, bool is_partitioned) {
        _cleanup_(freep) char *columns = check_columns_text(wanted->columns);
        _cleanup_(freep) char *name = str_is_empty(wanted->name) ? NULL : str_qualified(NULL, wanted->name);
        const char *kind = wanted->unique ? "UNIQUE " : "";
        int r;

        if (!columns || (!str_is_empty(wanted->name) && !name))
                return -ENOMEM;
        if (!wanted->columns)
                return check_say(finding, "There is no index %s on %s.", name ? name : "", finding->object);
        r = check_say(finding, "There is no %sindex on %s %s.", wanted->unique ? "unique " : "",
                      finding->object, columns);
        if (r >= 0 && is_partitioned) /* refused CONCURRENTLY */
                r = check_advise(finding,
                                 "It blocks writers while it is built, unless each partition has one "
                                 "of its own already.");
        else if (r >= 0 && wanted->unique)
                r = check_advise(finding, "Rows that are equal in %s make it fail.", columns);
        return r < 0 ? r
                     : check_repair(finding, "CREATE %sINDEX %s%s%sON %s %s;", kind,
                                    is_partitioned ? "" : "CONCURRENTLY ", name ? name : "", name ? " " : "",
                                    finding->object, columns);
}
