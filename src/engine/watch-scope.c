/* The scope of a phase: what the configuration names, and what the batch has added to the catalog. Taken down
 * once after it, so that what leaves later is missed: an object that nobody names has no finding when it is
 * gone, and a rule that is taken out of the configuration has none either. Kept in the history as text,
 *
 *   STARTED-AT DIGEST-OF-WHAT-IS-WATCHED
 *   KEY …     of what was added
 *   =KEY …    of what was named
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/base/line.h"

#define KEY_SCOPE "phase.scope"
#define NAMED     '='

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

void watch_scope_done(WatchScope *scope) {
        strv_free(scope->added);
        strv_free(scope->named);
        *scope = (WatchScope){};
}

static int parse(char *text, WatchScope *scope) {
        char *line = strsep(&text, "\n");
        const char *fingerprint;
        int r = 0;

        if (line_take_number(&line, &scope->started_at) < 0)
                return -EINVAL;
        fingerprint = line ? line : "";
        if (strlen(fingerprint) >= sizeof(scope->fingerprint))
                return -EINVAL;
        memcpy(scope->fingerprint, fingerprint, strlen(fingerprint) + 1);
        while (r >= 0 && (line = strsep(&text, "\n")))
                r = *line == NAMED ? strv_add(&scope->named, line + 1) : strv_add(&scope->added, line);
        return r;
}

int watch_load_scope(Target *target) {
        WatchScope *scope = &target->watch.scope;
        const char *kept = history_get(target->engine->history, target->view.name, KEY_SCOPE);
        _cleanup_(freep) char *copy = NULL;
        int r;

        watch_scope_done(scope);
        if (!kept)
                return 0;
        r = str_set(&copy, kept);
        if (r >= 0)
                r = parse(copy, scope);
        if (r < 0)
                watch_scope_done(scope);
        return r == -ENOMEM ? r : 0;
}

/* Too many are in memory alone. */
static int keep(Target *target) {
        const WatchScope *scope = &target->watch.scope;
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        int r;

        buffer_printf(&text, "%" PRIu64 " %s", scope->started_at, scope->fingerprint);
        for (char **key = scope->added; key && *key; key++)
                buffer_printf(&text, "\n%s", *key);
        for (char **key = scope->named; key && *key; key++)
                buffer_printf(&text, "\n%c%s", NAMED, *key);
        if (buffer_error(&text) < 0)
                return -ENOMEM;
        r = history_set(target->engine->history, target->view.name, KEY_SCOPE, buffer_text(&text));
        return r == -E2BIG ? history_set(target->engine->history, target->view.name, KEY_SCOPE, NULL) : r;
}

static void add_words(Buffer *out, char *const *words) {
        for (; words && *words; words++)
                line_add_text(out, *words);
        buffer_add_char(out, '\n');
}

static void add_word(Buffer *out, const char *word) {
        line_add_text(out, word ? word : "");
}

/* What decides which objects have a finding; how often or how much is read does not. */
static int digest_watched(const Target *target, char ret[static DIGEST_HEX_MAX]) {
        const TargetSettings *settings = &target->settings;
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        _cleanup_(freep) char *database = watch_epoch(target, NULL);

        if (!database)
                return -ENOMEM;
        add_word(&text, database);
        add_words(&text, settings->schemas);
        add_words(&text, settings->exclude);
        add_word(&text, settings->discover ? "discover" : "");
        for (size_t i = 0; i < settings->constraints.count; i++) {
                const ConstraintSettings *rule = LIST_AT(settings->constraints, ConstraintSettings, i);

                add_word(&text, rule->table);
                add_word(&text, rule->name);
                add_word(&text, rule->check);
        }
        for (size_t i = 0; i < settings->foreign_keys.count; i++) {
                const ForeignKeySettings *key = LIST_AT(settings->foreign_keys, ForeignKeySettings, i);

                add_word(&text, key->table);
                add_word(&text, key->name);
                add_word(&text, key->references);
                add_words(&text, key->columns);
        }
        for (size_t i = 0; i < settings->indexes.count; i++) {
                const IndexSettings *index = LIST_AT(settings->indexes, IndexSettings, i);

                add_word(&text, index->table);
                add_word(&text, index->name);
                add_words(&text, index->columns);
        }
        if (buffer_error(&text) < 0)
                return -ENOMEM;
        return digest_hex(DIGEST_SHA256, text.data, text.length, ret);
}

/* Every check has looked since the phase was begun with. */
static bool has_looked(const Target *target) {
        for (size_t i = 0; i < target->n_jobs; i++)
                if (!target->jobs[i].kind->ask && target->jobs[i].ran_at < target->watch.walk_since)
                        return false;
        return target->watch.walk_since > 0;
}

/* What is still being built may be on its way out again. */
static bool is_to_stay(const Finding *finding) {
        return watch_is_there(finding) && finding->status != STATUS_UNKNOWN && !finding->is_blind &&
               finding->reason != REASON_INVALID && finding->reason != REASON_BUILDING;
}

/* Which objects the batch has added can be told only where the catalog before it was seen. */
static bool is_added(const Watch *watch, const Finding *finding, char *key) {
        if (watch->record.batch_at == 0 || !watch->has_before || finding->is_advice || !is_to_stay(finding))
                return false;
        return !watch->before ||
               !bsearch(&key, watch->before, strv_length(watch->before), sizeof(char *), compare_texts);
}

static int take_key(Watch *watch, const Finding *finding) {
        _cleanup_(freep) char *key = watch_key(finding);

        if (!key)
                return -ENOMEM;
        if (finding->configured)
                return watch_is_object(finding) ? strv_add(&watch->scope.named, key) : 0;
        return is_added(watch, finding, key) ? strv_add(&watch->scope.added, key) : 0;
}

static void sort(char **keys) {
        size_t n = strv_length(keys), kept = 0;

        if (n == 0)
                return;
        qsort(keys, n, sizeof(char *), compare_texts);
        for (size_t i = 1; i < n; i++)
                if (str_equal(keys[kept], keys[i]))
                        free(keys[i]);
                else
                        keys[++kept] = keys[i];
        keys[kept + 1] = NULL;
}

int watch_take_scope(Target *target) {
        Watch *watch = &target->watch;
        const PhaseRecord *record = &watch->record;
        int r = 0;

        if (record->state != PHASE_WATCHING || watch->scope.started_at == record->started_at ||
            !has_looked(target))
                return 0;
        watch_scope_done(&watch->scope);
        for (size_t i = 0; r >= 0 && i < target->view.n_findings; i++)
                r = take_key(watch, &target->view.findings[i]);
        if (r < 0)
                return r;
        sort(watch->scope.added);
        sort(watch->scope.named);
        r = digest_watched(target, watch->scope.fingerprint);
        if (r < 0)
                return r;
        watch->scope.started_at = record->started_at;
        return keep(target);
}

/* A key at its two bars; one within an identifier is quoted. */
static int split(const char *key, FindingKind *ret_kind, char **ret_object, char **ret_name) {
        const char *object = strchr(key, '|'), *end;
        _cleanup_(freep) char *kind = object ? strndup(key, (size_t)(object - key)) : NULL;
        bool is_quoted = false;
        int found = kind ? finding_kind_from_name(kind) : -1;

        if (found < 0)
                return -EINVAL;
        for (end = ++object; *end && (is_quoted || *end != '|'); end++)
                is_quoted ^= *end == '"';
        if (!*end)
                return -EINVAL;
        *ret_kind = (FindingKind)found;
        *ret_object = strndup(object, (size_t)(end - object));
        *ret_name = strdup(end + 1);
        return *ret_object && *ret_name ? 0 : -ENOMEM;
}

/* Gone for sure only where all of its kind was seen, and the configuration did not take it out of sight:
 * NULL. */
static const char *why_not_seen(const Target *target, FindingKind kind, bool is_as_then) {
        if (!is_as_then)
                return "no longer watched";
        for (size_t i = 0; i < target->view.n_findings; i++) {
                const Finding *finding = &target->view.findings[i];

                if (finding->kind == kind && (finding->is_blind || finding->status == STATUS_UNKNOWN))
                        return "not seen";
        }
        return NULL;
}

static int add_gone(const Target *target, const char *key, bool is_as_then, WatchInputs *ret) {
        Finding *finding = &ret->gone[ret->n_gone];
        const char *why;
        int r = split(key, &finding->kind, &finding->object, &finding->name);

        if (r == -EINVAL)
                return 0;
        ret->n_gone++;
        if (r < 0)
                return r;
        why = why_not_seen(target, finding->kind, is_as_then);
        finding->seen = why ? SEEN_UNKNOWN : SEEN_BREACH;
        finding->status = why ? STATUS_UNKNOWN : STATUS_FAIL;
        finding->reason = why ? REASON_STALE : REASON_MISSING;
        finding->severity = SEVERITY_WARNING;
        ret->objects[ret->inputs.n_objects++] = (PhaseObject){
                .finding = finding, .state = finding->reason, .unseen = why, .is_added = true, .scans = -1};
        return 0;
}

static bool has_key(char *const *keys, const char *key) {
        return keys && bsearch(&key, keys, strv_length(keys), sizeof(char *), compare_texts);
}

bool watch_is_in_scope(const Watch *watch, const char *key) {
        const WatchScope *scope = &watch->scope;

        return scope->started_at == watch->record.started_at &&
               (has_key(scope->added, key) || has_key(scope->named, key));
}

static int list_there(const Target *target, char ***ret) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < target->view.n_findings; i++) {
                _cleanup_(freep) char *key = watch_key(&target->view.findings[i]);

                r = key ? strv_add(ret, key) : -ENOMEM;
        }
        sort(*ret);
        return r;
}

static int add_those_gone(const Target *target, char *const *keys, char *const *there, bool is_as_then,
                          WatchInputs *ret) {
        int r = 0;

        for (; r >= 0 && keys && *keys; keys++)
                if (!has_key(there, *keys))
                        r = add_gone(target, *keys, is_as_then, ret);
        return r;
}

/* What is still named has a finding, be it under another name: that of the object once it is there. */
int watch_fill_gone(const Target *target, WatchInputs *ret) {
        const WatchScope *scope = &target->watch.scope;
        char digest[DIGEST_HEX_MAX];
        _cleanup_(strv_freep) char **there = NULL;
        bool is_as_then;
        int r;

        if (scope->started_at != target->watch.record.started_at)
                return 0;
        ret->gone = calloc(strv_length(scope->added) + strv_length(scope->named) + 1, sizeof(*ret->gone));
        if (!ret->gone)
                return -ENOMEM;
        r = digest_watched(target, digest);
        if (r < 0)
                return r;
        is_as_then = str_equal(digest, scope->fingerprint);
        r = list_there(target, &there);
        if (r >= 0)
                r = add_those_gone(target, scope->added, there, is_as_then, ret);
        return r < 0 || is_as_then ? r : add_those_gone(target, scope->named, there, is_as_then, ret);
}
