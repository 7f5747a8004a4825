/* What a batch has added to the catalog, taken down once after it, so that what is dropped later is missed:
 * an object that nobody named has no finding when it is gone. Kept in the history as text,
 *
 *   STARTED-AT FINGERPRINT
 *   KEY …
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "pgvigil/base/line.h"

#define KEY_ADDED "phase.added"

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

void watch_added_done(WatchAdded *added) {
        strv_free(added->keys);
        *added = (WatchAdded){};
}

static int parse(char *text, WatchAdded *added) {
        char *line = strsep(&text, "\n");
        const char *fingerprint;
        int r = 0;

        if (line_take_number(&line, &added->started_at) < 0)
                return -EINVAL;
        fingerprint = line ? line : "";
        if (strlen(fingerprint) >= sizeof(added->fingerprint))
                return -EINVAL;
        memcpy(added->fingerprint, fingerprint, strlen(fingerprint) + 1);
        while (r >= 0 && (line = strsep(&text, "\n")))
                r = strv_add(&added->keys, line);
        return r;
}

int watch_load_added(Target *target) {
        WatchAdded *added = &target->watch.added;
        const char *kept = history_get(target->engine->history, target->view.name, KEY_ADDED);
        _cleanup_(freep) char *copy = NULL;
        int r;

        watch_added_done(added);
        if (!kept)
                return 0;
        r = str_set(&copy, kept);
        if (r >= 0)
                r = parse(copy, added);
        if (r < 0)
                watch_added_done(added);
        return r == -ENOMEM ? r : 0;
}

/* Too many are in memory alone. */
static int keep(Target *target) {
        const WatchAdded *added = &target->watch.added;
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        int r;

        buffer_printf(&text, "%" PRIu64 " %s", added->started_at, added->fingerprint);
        for (char **key = added->keys; key && *key; key++)
                buffer_printf(&text, "\n%s", *key);
        if (buffer_error(&text) < 0)
                return -ENOMEM;
        r = history_set(target->engine->history, target->view.name, KEY_ADDED, buffer_text(&text));
        return r == -E2BIG ? history_set(target->engine->history, target->view.name, KEY_ADDED, NULL) : r;
}

/* Every check has looked since the phase was begun with. */
static bool has_looked(const Target *target) {
        for (size_t i = 0; i < target->n_jobs; i++)
                if (!target->jobs[i].kind->ask && target->jobs[i].ran_at < target->watch.walk_since)
                        return false;
        return target->watch.walk_since > 0;
}

/* What is named stands for itself; what is still being built may be on its way out again. */
static bool is_to_stay(const Finding *finding) {
        return !finding->configured && !finding->is_advice && finding->status != STATUS_UNKNOWN &&
               !finding->is_blind && finding->reason != REASON_INVALID && finding->reason != REASON_BUILDING;
}

static int take_key(const Watch *watch, const Finding *finding, char ***keys) {
        _cleanup_(freep) char *key = watch_key(finding);

        if (!key)
                return -ENOMEM;
        if (watch->before &&
            bsearch(&key, watch->before, strv_length(watch->before), sizeof(char *), compare_texts))
                return 0;
        return strv_add(keys, key);
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

int watch_take_added(Target *target) {
        Watch *watch = &target->watch;
        const PhaseRecord *record = &watch->record;
        int r = 0;

        if (record->state != PHASE_WATCHING || record->batch_at == 0 || !watch->has_before ||
            watch->added.started_at == record->started_at || !has_looked(target))
                return 0;
        watch_added_done(&watch->added);
        for (size_t i = 0; r >= 0 && i < target->view.n_findings; i++)
                if (watch_is_there(&target->view.findings[i]) && is_to_stay(&target->view.findings[i]))
                        r = take_key(watch, &target->view.findings[i], &watch->added.keys);
        if (r < 0)
                return r;
        sort(watch->added.keys);
        watch->added.started_at = record->started_at;
        memcpy(watch->added.fingerprint, target->fingerprint, sizeof(target->fingerprint));
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

/* Gone for sure only where all of its kind was seen, and the configuration did not take it out of sight. */
static bool is_in_sight(const Target *target, FindingKind kind) {
        for (size_t i = 0; i < target->view.n_findings; i++) {
                const Finding *finding = &target->view.findings[i];

                if (finding->kind == kind && (finding->is_blind || finding->status == STATUS_UNKNOWN))
                        return false;
        }
        return str_equal(target->watch.added.fingerprint, target->fingerprint);
}

static int add_gone(const Target *target, const char *key, WatchInputs *ret) {
        Finding *finding = &ret->gone[ret->n_gone];
        bool is_sure;
        int r = split(key, &finding->kind, &finding->object, &finding->name);

        if (r == -EINVAL)
                return 0;
        ret->n_gone++;
        if (r < 0)
                return r;
        is_sure = is_in_sight(target, finding->kind);
        finding->seen = is_sure ? SEEN_BREACH : SEEN_UNKNOWN;
        finding->status = is_sure ? STATUS_FAIL : STATUS_UNKNOWN;
        finding->reason = is_sure ? REASON_MISSING : REASON_STALE;
        finding->severity = SEVERITY_WARNING;
        ret->objects[ret->inputs.n_objects++] = (PhaseObject){
                .finding = finding, .state = finding->reason, .is_added = true, .scans = -1};
        return 0;
}

static int find_added(const Target *target, bool *found) {
        char **keys = target->watch.added.keys;
        size_t n = strv_length(keys);

        for (size_t i = 0; i < target->view.n_findings; i++) {
                _cleanup_(freep) char *key = watch_key(&target->view.findings[i]);
                char **at;

                if (!key)
                        return -ENOMEM;
                at = bsearch(&key, keys, n, sizeof(char *), compare_texts);
                if (at)
                        found[at - keys] = true;
        }
        return 0;
}

int watch_fill_gone(const Target *target, WatchInputs *ret) {
        const WatchAdded *added = &target->watch.added;
        size_t n = strv_length(added->keys);
        _cleanup_(freep) bool *found = calloc(n + 1, sizeof(*found));
        int r;

        if (n == 0 || added->started_at != target->watch.record.started_at)
                return 0;
        ret->gone = calloc(n, sizeof(*ret->gone));
        if (!found || !ret->gone)
                return -ENOMEM;
        r = find_added(target, found);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (!found[i])
                        r = add_gone(target, added->keys[i], ret);
        return r;
}
