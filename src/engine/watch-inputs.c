/* What the phase is judged by: findings of now, and sums over the samples of the phase and of the
 * days before it.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

typedef struct Question {
        Target *target;
        usec_t boottime, realtime;
        const PhaseRecord *record;
} Question;

char *watch_key(const Finding *finding) {
        char *key = str_format("%s|%s|%s", finding_kind_name(finding->kind), finding->object, finding->name);

        for (char *c = key; c && (c = strchr(c, '\n'));)
                *c = ' ';
        return key;
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A word of a column `state` or `plan`, of the row that is about that object, or NULL. */
static const char *object_word(const Target *target, const Finding *finding, const char *column) {
        bool is_index = finding->kind == KIND_INDEX;

        for (size_t i = 0; i < target->view.n_tables; i++) {
                const Table *table = target->view.tables[i];

                if (shape_find(table->shape, column) < 0 ||
                    shape_find(table->shape, is_index ? "indexrelname" : "conname") < 0)
                        continue;
                for (size_t row = 0; row < table->n_rows; row++) {
                        const char *schema = table_text(table, row, "schemaname");
                        _cleanup_(freep) char *object = str_qualified(str_is_empty(schema) ? NULL : schema,
                                                                      table_text(table, row, "relname"));

                        if (str_equal(table_text(table, row, is_index ? "indexrelname" : "conname"),
                                      finding->name) &&
                            str_equal(object, finding->object))
                                return table_text(table, row, column);
                }
        }
        return NULL;
}

/* Without a row nothing is demanded of it: what is watched and stands otherwise has one. */
static Reason state_reason(const char *state) {
        static const struct {
                const char *state;
                Reason reason;
        } states[] = {
                {"building", REASON_BUILDING},
                {"differs", REASON_DIFFERS},
                {"disabled", REASON_DISABLED},
                {"enforced", REASON_OK},
                {"invalid", REASON_INVALID},
                {"missing", REASON_MISSING},
                {"not_enforced", REASON_NOT_ENFORCED},
                {"not_valid", REASON_NOT_VALID},
                {"valid", REASON_OK},
        };

        if (!state)
                return REASON_OK;
        for (size_t i = 0; i < ELEMENTS(states); i++)
                if (str_equal(states[i].state, state))
                        return states[i].reason;
        return REASON_VIOLATED; /* not known */
}

/* What stands in the catalog shows in the reason, but where rows outrank it. */
static Reason object_state(const Target *target, const Finding *finding) {
        if (finding->reason != REASON_VIOLATED)
                return finding->reason;
        return state_reason(object_word(target, finding, "state"));
}

static PhasePlan object_plan(const Target *target, const Finding *finding, bool *ret_small) {
        static const struct {
                const char *word;
                PhasePlan plan;
        } plans[] = {
                {"chosen", PLAN_CHOSEN},
                {"small", PLAN_USABLE},
                {"unusable", PLAN_UNUSABLE},
                {"usable", PLAN_USABLE},
        };
        const char *word = object_word(target, finding, "plan");

        *ret_small = str_equal(word, "small");
        for (size_t i = 0; word && i < ELEMENTS(plans); i++)
                if (str_equal(plans[i].word, word))
                        return plans[i].plan;
        return PLAN_NONE;
}

static int fill_object(const Question *question, const Finding *finding, PhaseObject *ret) {
        const Watch *watch = &question->target->watch;
        _cleanup_(freep) char *key = watch_key(finding);
        usec_t walked = finding->walked_boottime;

        if (!key)
                return -ENOMEM;
        *ret = (PhaseObject){
                .finding = finding,
                .state = object_state(question->target, finding),
                .walked_since = walked > 0 ? question->realtime - usec_since(question->boottime, walked) : 0,
                .scans = -1,
        };
        ret->is_added = watch_is_in_scope(watch, key);
        if (watch->has_before && !ret->is_added)
                ret->is_added = !watch->before || !bsearch(&key, watch->before, strv_length(watch->before),
                                                           sizeof(char *), compare_texts);
        if (finding->kind == KIND_INDEX)
                ret->plan = object_plan(question->target, finding, &ret->is_small);
        return 0;
}

static int fill_objects(const Question *question, WatchInputs *ret) {
        const TargetView *view = &question->target->view;
        int r = 0;

        ret->objects = calloc(view->n_findings + strv_length(question->target->watch.scope.added) +
                                      strv_length(question->target->watch.scope.named) + 1,
                              sizeof(*ret->objects));
        if (!ret->objects)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < view->n_findings; i++)
                if (watch_is_object(&view->findings[i]))
                        r = fill_object(question, &view->findings[i], &ret->objects[ret->inputs.n_objects++]);
        ret->inputs.objects = ret->objects;
        return r < 0 ? r : watch_fill_gone(question->target, ret);
}

/* Points of a series in [from, to), gaps among them. */
static int window(const Question *question, usec_t from, usec_t to, SeriesWindow *ret, const char *format,
                  const char *name) {
        _cleanup_(freep) char *series = str_format("%s%s", format, name);

        if (!series)
                return -ENOMEM;
        return history_window(question->target->engine->history, question->target->view.name, series,
                              &(SeriesQuery){from, to, 0}, ret) < 0
                       ? -ENOMEM
                       : 0;
}

typedef struct Sum {
        uint64_t count; /* samples */
        double sum;
        uint64_t run; /* most in a row that were all 1 */
        double most;  /* the greatest sample */
} Sum;

static int sum_of(const Question *question, const char *prefix, const char *name, Sum *ret) {
        _cleanup_(series_window_done) SeriesWindow points = {};
        uint64_t run = 0;
        int r = window(question, question->record->started_at, question->realtime, &points, prefix, name);

        *ret = (Sum){};
        for (size_t i = 0; r >= 0 && i < points.n_points; i++) {
                const SeriesPoint *point = &points.points[i];

                if (point->count == 0 || point->start < question->record->started_at)
                        continue; /* a point that begins before the phase may hold what was before it */
                ret->count += point->count;
                ret->sum += point->sum;
                ret->most = point->max > ret->most ? point->max : ret->most;
                run = point->min >= 1 ? run + point->count : 0;
                if (run > ret->run)
                        ret->run = run;
        }
        return r;
}

static int compare_numbers(const void *a, const void *b) {
        double left = *(const double *)a, right = *(const double *)b;

        return left < right ? -1 : left > right;
}

/* Median of the means of the points that begin then or later; 0: there is none. */
static int median_of(const Question *question, const char *name, usec_t from, usec_t to, usec_t *ret) {
        _cleanup_(series_window_done) SeriesWindow points = {};
        int r = window(question, from, to, &points, "canary/", name);
        _cleanup_(freep) double *means = r < 0 ? NULL : calloc(points.n_points + 1, sizeof(*means));
        size_t n = 0;

        *ret = 0;
        if (!means)
                return -ENOMEM;
        for (size_t i = 0; i < points.n_points; i++)
                if (points.points[i].count > 0 && points.points[i].start >= from)
                        means[n++] = points.points[i].sum / points.points[i].count;
        qsort(means, n, sizeof(*means), compare_numbers);
        if (n > 0)
                *ret = (usec_t)(means[n / 2] * (double)USEC_PER_SEC);
        return 0;
}

/* Since when there are samples, as far as a baseline wants to know. */
static int samples_since(const Question *question, const char *prefix, const char *name, usec_t *ret) {
        _cleanup_(series_window_done) SeriesWindow points = {};
        usec_t from = phase_slot(question->record, -PHASE_BASELINE_DAYS, 1, 0);
        int r = window(question, from, question->record->started_at, &points, prefix, name);

        *ret = question->record->started_at;
        for (size_t i = 0; r >= 0 && i < points.n_points; i++)
                if (points.points[i].count > 0) {
                        /* The first point may begin before its samples. */
                        *ret = i == 0 ? from : points.points[i].start;
                        break;
                }
        return r;
}

static size_t baseline_days(const Question *question, usec_t since) {
        size_t n = phase_baseline_days(question->record, since);

        return n < PHASE_BASELINE_DAYS ? n : PHASE_BASELINE_DAYS;
}

/* Points tell of whole stretches, and of the phase without its first part; what this process saw is finer. */
static uint64_t longest_run(const Question *question, const char *name, const Sum *failed, const Sum *run) {
        uint64_t longest = watch_runs_longest(&question->target->watch.runs, name,
                                              question->record->started_at);

        if (run->most > (double)longest)
                longest = (uint64_t)run->most;
        return failed->run > longest ? failed->run : longest;
}

static int fill_canary(const Question *question, const CanarySettings *wanted, PhaseCanary *ret) {
        usec_t since;
        Sum failed, lost, run;
        size_t days;
        int r = sum_of(question, "canary_failed/", wanted->name, &failed);

        if (r >= 0)
                r = sum_of(question, "canary_lost/", wanted->name, &lost);
        if (r >= 0)
                r = sum_of(question, "canary_run/", wanted->name, &run);
        if (r >= 0)
                r = samples_since(question, "canary/", wanted->name, &since);
        if (r < 0)
                return r;
        *ret = (PhaseCanary){.name = wanted->name,
                             .rounds = failed.count,
                             .lost = (uint64_t)lost.sum,
                             .failed = (uint64_t)failed.sum,
                             .failed_run = longest_run(question, wanted->name, &failed, &run),
                             .max_time = wanted->max_time};
        r = median_of(question, wanted->name, question->record->started_at, question->realtime, &ret->median);
        days = baseline_days(question, since);
        if (r >= 0 && days > 0)
                r = median_of(question, wanted->name, phase_slot(question->record, -(int)days, 1, 0),
                              question->record->started_at, &ret->baseline);
        return r;
}

static int fill_canaries(const Question *question, WatchInputs *ret) {
        const List *canaries = &question->target->settings.canaries;
        int r = 0;

        ret->canaries = calloc(canaries->count + 1, sizeof(*ret->canaries));
        if (!ret->canaries)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < canaries->count; i++)
                r = fill_canary(question, LIST_AT(*canaries, CanarySettings, i),
                                &ret->canaries[ret->inputs.n_canaries++]);
        ret->inputs.canaries = ret->canaries;
        return r;
}

/* The buckets of one day. */
typedef struct ErrorDay {
        usec_t from, width;
        ErrorBucket *buckets;
        bool is_baseline;
        bool seen[PHASE_BUCKETS];
} ErrorDay;

static void add_to_bucket(ErrorDay *day, size_t at, const char *outcome, int64_t number) {
        day->seen[at] = true;
        if (str_equal(outcome, "commit"))
                day->buckets[at].commits += number;
        else if (str_equal(outcome, "rollback"))
                day->buckets[at].rollbacks += number;
        else
                day->buckets[at].is_void = true;
}

/* A point that is longer than a bucket (of days ago, or of a phase of minutes) is spread over the buckets
 * that it touches: the ratio stays, and what it does not tell apart it does not make up. The errors of one
 * that goes on into the next day are of that: what the migration did must not raise the baseline. */
static void add_point(ErrorDay *day, const char *outcome, const SeriesPoint *point, usec_t step) {
        int64_t n = step > day->width ? (int64_t)((step + day->width - 1) / day->width) : 1;
        bool goes_on = point->start + step > day->from + day->width * PHASE_BUCKETS;
        int64_t sum = day->is_baseline && goes_on && str_equal(outcome, "rollback") ? 0 : (int64_t)point->sum;

        for (int64_t i = 0; i < n; i++) {
                usec_t at = point->start + day->width * (usec_t)i;
                size_t bucket = usec_since(at, day->from) / day->width;

                if ((at >= day->from || n == 1) && bucket < PHASE_BUCKETS)
                        add_to_bucket(day, bucket, outcome, sum * (i + 1) / n - sum * i / n);
        }
}

static int add_to_buckets(const Question *question, const char *outcome, ErrorDay *day) {
        _cleanup_(series_window_done) SeriesWindow points = {};
        int r = window(question, day->from, day->from + day->width * PHASE_BUCKETS, &points, "transactions/",
                       outcome);

        for (size_t i = 0; r >= 0 && i < points.n_points; i++)
                if (points.points[i].count > 0)
                        add_point(day, outcome, &points.points[i], points.step);
        return r;
}

static int fill_day(const Question *question, int day, ErrorBucket *buckets) {
        static const char *const outcomes[] = {"commit", "rollback", "void"};
        usec_t from = phase_slot(question->record, day, PHASE_BUCKETS, 0),
               to = phase_slot(question->record, day, PHASE_BUCKETS, PHASE_BUCKETS);
        ErrorDay of_day = {.from = from,
                           .width = (to - from) / PHASE_BUCKETS,
                           .buckets = buckets,
                           .is_baseline = day < 0};
        int r = 0;

        for (size_t i = 0; r >= 0 && of_day.width > 0 && i < ELEMENTS(outcomes); i++)
                r = add_to_buckets(question, outcomes[i], &of_day);
        for (size_t i = 0; i < PHASE_BUCKETS; i++)
                buckets[i].is_void |= !of_day.seen[i];
        return r;
}

static int fill_error_rate(const Question *question, WatchInputs *ret) {
        _cleanup_(freep) ErrorBucket *buckets = NULL;
        usec_t since;
        size_t days;
        int r = samples_since(question, "transactions/", "commit", &since);

        if (r < 0)
                return r;
        days = baseline_days(question, since);
        buckets = calloc((days + 1) * PHASE_BUCKETS, sizeof(*buckets));
        if (!buckets)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i <= days; i++)
                r = fill_day(question, (int)i - (int)days, buckets + i * PHASE_BUCKETS);
        if (r < 0)
                return r;
        error_rate(&(ErrorRateInput){.baseline = buckets,
                                     .n_days = days,
                                     .window = buckets + days * PHASE_BUCKETS,
                                     .n_window = phase_slots_ended(question->record, PHASE_BUCKETS,
                                                                   question->realtime)},
                   &ret->error_rate);
        ret->inputs.error_rate = &ret->error_rate;
        return 0;
}

/* A whole outage is one run of samples without a good one. */
static int fill_app(const Question *question, WatchInputs *ret) {
        _cleanup_(series_window_done) SeriesWindow points = {};
        PhaseApp live = app_phase(question->target, question->boottime);
        usec_t bad_since = 0;
        Sum ended = {};
        int r = window(question, question->record->started_at, question->realtime, &points, "app", "");

        for (size_t i = 0; r >= 0 && i < points.n_points; i++) {
                const SeriesPoint *point = &points.points[i];
                usec_t outage;

                if (point->count == 0)
                        continue;
                ret->app.probes += point->count;
                ret->app.good += (uint64_t)point->sum;
                if (point->max > 0)
                        bad_since = 0;
                else if (bad_since == 0)
                        bad_since = point->start;
                outage = bad_since > 0 ? point->start + points.step - bad_since : 0;
                if (outage > ret->app.longest_outage)
                        ret->app.longest_outage = outage;
        }
        if (r >= 0)
                r = sum_of(question, "app_outage", "", &ended);
        if ((usec_t)(ended.most * USEC_PER_SEC) > ret->app.longest_outage)
                ret->app.longest_outage = (usec_t)(ended.most * USEC_PER_SEC);
        /* What this process has seen itself is finer, and counts what was not sent. */
        ret->app.lost = live.lost;
        if (live.longest_outage > ret->app.longest_outage)
                ret->app.longest_outage = live.longest_outage;
        ret->inputs.app = str_is_empty(question->target->settings.app.url) ? NULL : &ret->app;
        return r;
}

static bool has_judged_all(const Target *target) {
        for (size_t i = 0; i < target->view.n_runs; i++)
                if (target->view.runs[i].runs == 0 && target->view.runs[i].next_due != USEC_INFINITY)
                        return false;
        return true;
}

/* Whether every check has run since the end of the phase asked for it, and could see what decides. */
static bool is_unseen(const Target *target) {
        for (size_t i = 0; i < target->n_jobs; i++)
                if (!target->jobs[i].kind->ask && target->jobs[i].is_fresh)
                        return true;
        for (size_t i = 0; i < target->view.n_findings; i++) {
                const Finding *finding = &target->view.findings[i];

                if (watch_is_object(finding) && finding->is_blind && finding->status != STATUS_UNKNOWN)
                        return true;
        }
        return false;
}

/* Every history there is, in the last poll. */
static bool is_history_readable(const Target *target) {
        bool is_there = false;

        for (size_t i = 0; i < target->view.n_findings; i++) {
                const Finding *finding = &target->view.findings[i];

                if (finding->kind != KIND_MIGRATION || !str_equal(finding->name, "status"))
                        continue;
                is_there = true;
                if (finding->status == STATUS_UNKNOWN || finding->is_blind)
                        return false;
        }
        return is_there && target->migrations && target->migrations->known;
}

/* Of the check that has too much to read, if one has: each may have polls of its own, with all of their
 * blocks. */
static void fill_walk(const Question *question, PhaseInputs *ret) {
        const PhaseRecord *record = question->record;

        for (size_t i = 0; i < question->target->n_jobs; i++) {
                const Job *job = &question->target->jobs[i];
                int64_t polls = (int64_t)((record->ends_at - record->started_at) / job->period) + 1,
                        most = polls * question->target->settings.limits.blocks_per_poll;

                if (job->walk_blocks > most) {
                        ret->walk_blocks = job->walk_blocks;
                        ret->walk_blocks_max = most;
                }
        }
}

int watch_inputs(Target *target, usec_t boottime, usec_t realtime, WatchInputs *ret) {
        const Question question = {target, boottime, realtime, &target->watch.record};
        int r;

        *ret = (WatchInputs){.inputs = {
                                     .interval = target->settings.intervals.activity,
                                     .is_complete = has_judged_all(target),
                                     .is_unseen = is_unseen(target),
                                     .findings = target->view.findings,
                                     .n_findings = target->view.n_findings,
                                     .history_is_readable = is_history_readable(target),
                                     .scope_is_known = target->watch.has_before,
                             }};
        fill_walk(&question, &ret->inputs);
        r = fill_objects(&question, ret);
        if (r >= 0)
                r = fill_canaries(&question, ret);
        if (r >= 0)
                r = fill_error_rate(&question, ret);
        if (r >= 0)
                r = fill_app(&question, ret);
        if (r >= 0)
                r = watch_fill_performance(target, realtime, ret);
        if (r < 0)
                watch_inputs_done(ret);
        return r;
}

void watch_inputs_done(WatchInputs *inputs) {
        free(inputs->objects);
        for (size_t i = 0; i < inputs->n_gone; i++)
                finding_done(&inputs->gone[i]);
        free(inputs->gone);
        free(inputs->canaries);
        free(inputs->performance_absent);
        *inputs = (WatchInputs){};
}
