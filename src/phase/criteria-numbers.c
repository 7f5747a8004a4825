/* Criteria over counters: canaries, the application's probes, errors, latencies.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "criteria.h"

#define CANARY_FAILED_MAX 0.005
#define CANARY_RUN_MAX    1 /* wrong one after another */
#define CANARY_FACTOR     1.25
#define CANARY_NOISE      (5 * USEC_PER_MSEC) /* a quarter of one or two milliseconds is the machine's mood */
#define APP_GOOD_MIN      0.99
#define APP_OUTAGE_MAX    (5 * USEC_PER_MINUTE)
#define QUERY_TEXT_MAX    60

static double share(uint64_t part, uint64_t whole) {
        return whole > 0 ? (double)part / (double)whole : 0;
}

/* The slowest that its median may be; 0: nothing says. */
static usec_t canary_limit(const PhaseCanary *canary) {
        usec_t limit = (usec_t)(CANARY_FACTOR * (double)canary->baseline);

        if (canary->baseline > 0 && limit < canary->baseline + CANARY_NOISE)
                limit = canary->baseline + CANARY_NOISE;
        if (canary->max_time > 0 && (limit == 0 || canary->max_time < limit))
                return canary->max_time;
        return limit;
}

static bool canary_is_slow(const PhaseCanary *canary) {
        usec_t limit = canary_limit(canary);

        return limit > 0 && canary->median > limit;
}

static void name_slow(Names *names, const PhaseCanary *canary) {
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;

        buffer_add_usec_human(&text, canary->median);
        buffer_add(&text, " in the median, at most ");
        buffer_add_usec_human(&text, canary_limit(canary));
        names_add(names, "%s (%s)", canary->name, buffer_text(&text));
}

typedef struct CanaryTally {
        Names failed, unknown;
        size_t passed;
        bool is_final;
} CanaryTally;

static void canary_tally_done(CanaryTally *tally) {
        names_done(&tally->failed);
        names_done(&tally->unknown);
}

static void tally_canary(CanaryTally *tally, const PhaseCanary *canary) {
        uint64_t counted = canary->rounds - canary->lost;

        if (canary->failed_run > CANARY_RUN_MAX) {
                tally->is_final = true;
                names_add(&tally->failed, "%s (wrong %" PRIu64 " times running)", canary->name,
                          canary->failed_run);
        } else if (share(canary->failed, counted) > CANARY_FAILED_MAX)
                names_add(&tally->failed, "%s (%" PRIu64 " of %" PRIu64 " rounds wrong)", canary->name,
                          canary->failed, counted);
        else if (canary_is_slow(canary))
                name_slow(&tally->failed, canary);
        else if (counted == 0)
                names_add(&tally->unknown, "%s (no round)", canary->name);
        else if (share(canary->lost, canary->rounds) > PHASE_VOID_MAX)
                names_add(&tally->unknown, "%s (%" PRIu64 " of %" PRIu64 " rounds lost)", canary->name,
                          canary->lost, canary->rounds);
        else
                tally->passed++;
}

void judge_queries_work(const JudgeContext *context, Judgement *ret) {
        const PhaseInputs *inputs = context->inputs;
        _cleanup_(canary_tally_done) CanaryTally tally = {};

        if (inputs->n_canaries == 0) {
                judgement_skip(ret, "no canary is configured");
                return;
        }
        for (size_t i = 0; i < inputs->n_canaries; i++)
                tally_canary(&tally, &inputs->canaries[i]);
        if (tally.failed.count > 0) {
                ret->status = STATUS_FAIL;
                ret->is_final = tally.is_final;
                buffer_printf(&ret->reason, "%zu of %zu canaries do not work as before: %s.",
                              tally.failed.count, inputs->n_canaries, names_text(&tally.failed));
        } else if (tally.unknown.count > 0)
                buffer_printf(&ret->reason, "%zu of %zu canaries are not known to work: %s.",
                              tally.unknown.count, inputs->n_canaries, names_text(&tally.unknown));
        else {
                ret->status = STATUS_PASS;
                buffer_printf(&ret->reason, "%zu of %zu canaries work as before.", tally.passed,
                              inputs->n_canaries);
        }
}

void judge_app_healthy(const JudgeContext *context, Judgement *ret) {
        const PhaseApp *app = context->inputs->app;
        double good;

        if (!app) {
                judgement_skip(ret, "no app.url is configured");
                return;
        }
        good = share(app->good, app->probes);
        if (app->probes == 0) {
                buffer_add(&ret->reason, "The application was not probed yet.");
                return;
        }
        buffer_printf(&ret->reason, "%" PRIu64 " of %" PRIu64 " probes were answered as expected", app->good,
                      app->probes);
        if (app->longest_outage > 0) {
                buffer_add(&ret->reason, "; the longest outage took ");
                buffer_add_usec_human(&ret->reason, app->longest_outage);
        }
        if (app->longest_outage > APP_OUTAGE_MAX || good < APP_GOOD_MIN) {
                ret->status = STATUS_FAIL;
                ret->is_final = app->longest_outage > APP_OUTAGE_MAX;
        } else if (share(app->lost, app->probes + app->lost) > PHASE_VOID_MAX)
                buffer_printf(&ret->reason, "; %" PRIu64 " could not be sent", app->lost);
        else
                ret->status = STATUS_PASS;
        buffer_add_char(&ret->reason, '.');
}

static const char *plural(size_t n, const char *one, const char *many) {
        return n == 1 ? one : many;
}

/* A pass of half of what has ended is none: at the end all of it is asked for, before one slot less. */
static void demand_slots(const JudgeContext *context, size_t ended, size_t n_summed, Judgement *ret) {
        bool is_over = context->now >= context->record->ends_at;

        if (ret->status != STATUS_PASS || n_summed >= (!is_over && ended > 0 ? ended - 1 : ended))
                return;
        ret->status = STATUS_UNKNOWN;
        buffer_printf(&ret->reason, " But only %zu of the %zu that have ended were summed up.", n_summed,
                      ended);
}

static void add_ratio(Buffer *text, const ErrorRate *rate) {
        buffer_printf(text,
                      "%" PRId64 " of %" PRId64 " transactions were rolled back (%.2f %%), at most %.2f %%",
                      rate->errors, rate->total, 100 * rate->ratio, 100 * rate->limit);
}

static void say_bucket(const PhaseRecord *record, const ErrorRate *rate, Buffer *text) {
        buffer_add(text, "From ");
        buffer_add_time(text, phase_slot(record, 0, PHASE_BUCKETS, rate->bucket));
        buffer_add(text, " to ");
        buffer_add_time(text, phase_slot(record, 0, PHASE_BUCKETS, rate->bucket + 1));
        buffer_add_char(text, ' ');
        add_ratio(text, rate);
        buffer_printf(text, " by the %zu %s before%s.", rate->n_days, plural(rate->n_days, "day", "days"),
                      rate->cause == ERROR_RATE_SMALL_BUCKET ? "; too few to tell" : "");
}

static void say_day(const PhaseRecord *record, const ErrorRate *rate, Buffer *text) {
        buffer_add(text, "In the whole phase ");
        add_ratio(text, rate);
        buffer_printf(text, " by the %zu days before.", rate->n_days);
}

static void say_void_buckets(const PhaseRecord *record, const ErrorRate *rate, Buffer *text) {
        buffer_printf(text, "%zu of %zu buckets are void: not observed, or the statistics were reset.",
                      rate->n_void, rate->n_window);
}

static void say_few(const PhaseRecord *record, const ErrorRate *rate, Buffer *text) {
        buffer_printf(text, "Too few transactions: only %zu of %zu buckets have enough for a ratio.",
                      rate->n_tested, rate->n_window);
}

static void say_early(const PhaseRecord *record, const ErrorRate *rate, Buffer *text) {
        buffer_add(text, "The first bucket has not ended.");
}

static void say_errors_fine(const PhaseRecord *record, const ErrorRate *rate, Buffer *text) {
        buffer_printf(text,
                      "%" PRId64 " of %" PRId64
                      " transactions were rolled back in %zu of %d buckets: no more "
                      "than on the %zu %s before.",
                      rate->all_errors, rate->all_total, rate->n_window, PHASE_BUCKETS, rate->n_days,
                      plural(rate->n_days, "day", "days"));
}

void judge_error_rate(const JudgeContext *context, Judgement *ret) {
        static void (*const sayings[N_ERROR_CAUSES])(const PhaseRecord *, const ErrorRate *, Buffer *) = {
                [ERROR_RATE_FINE] = say_errors_fine,  [ERROR_RATE_BUCKET] = say_bucket,
                [ERROR_RATE_DAY] = say_day,           [ERROR_RATE_SMALL_BUCKET] = say_bucket,
                [ERROR_RATE_VOID] = say_void_buckets, [ERROR_RATE_FEW] = say_few,
                [ERROR_RATE_TOO_EARLY] = say_early,
        };
        const ErrorRate *rate = context->inputs->error_rate;

        if (!rate || rate->cause == ERROR_RATE_NO_BASELINE) {
                judgement_skip(ret, rate ? "there is no whole day before it to compare with"
                                         : context->inputs->error_rate_absent);
                return;
        }
        ret->status = rate->status;
        ret->is_final = rate->status == STATUS_FAIL; /* a bucket stays what it was */
        sayings[rate->cause](context->record, rate, &ret->reason);
        demand_slots(context, phase_slots_ended(context->record, PHASE_BUCKETS, context->now), rate->n_window,
                     ret);
}

void statement_name(Buffer *text, const StatementShift *shift, size_t most) {
        size_t length = shift->text ? strlen(shift->text) : 0;

        if (!shift->text) {
                buffer_printf(text, "statement %" PRId64 ", whose text is not known", shift->queryid);
                return;
        }
        if (length > most)
                length = str_utf8_prefix(shift->text, most);
        for (size_t i = 0; i < length; i++)
                buffer_add_char(text, (unsigned char)shift->text[i] < ' ' ? ' ' : shift->text[i]);
        buffer_add(text, shift->text[length] ? "…" : "");
}

/* What follows it in a reason is the text of a statement. */
#define MOVED " Moved most: "

size_t phase_reason_length(const char *reason) {
        const char *texts = strstr(reason, MOVED);

        return texts ? (size_t)(texts - reason) : strlen(reason);
}

/* The first of them; the record has them all. */
static void add_moved(Buffer *text, const Performance *result) {
        const StatementShift *shift = result->moved;

        if (result->n_moved == 0)
                return;
        buffer_add(text, MOVED);
        statement_name(text, shift, QUERY_TEXT_MAX);
        buffer_printf(text, " (%.3g ms, before %.3g ms).", shift->after_ms, shift->before_ms);
}

static void add_scope(Buffer *text, const Performance *result) {
        buffer_printf(text, " Over %zu of %zu statements (%.0f %% of the time), %zu hours, %zu %s before.",
                      result->n_statements, result->n_total, 100 * result->coverage, result->n_compared,
                      result->n_days, plural(result->n_days, "day", "days"));
}

/* Whole ones: of nothing there is no "-0". */
static double percent(double ratio) {
        return round(100 * (ratio - 1)) + 0.0;
}

static void say_performance(const PhaseRecord *record, const Performance *result, Buffer *text) {
        static const struct {
                const char *before, *after;
        } sentences[N_PERFORMANCE_CAUSES] = {
                [PERFORMANCE_FINE] = {"Statements cost ", ""},
                [PERFORMANCE_NOTHING_SEEN] = {"No degradation above 25 % seen: statements cost ", ""},
                [PERFORMANCE_SLOWER] = {"Statements cost ", ", at most +25 %"},
                [PERFORMANCE_INCONCLUSIVE] = {"Statements cost ", ": the days differ too much to tell"},
        };

        if (result->cause == PERFORMANCE_SLOW_STRETCH) {
                buffer_printf(text, "Statements cost %+.0f %% in the hour from ", percent(result->index));
                buffer_add_time(text, phase_slot(record, 0, PHASE_HOURS, result->hour));
                buffer_printf(text, " on, and too much in the one before: at most %+.0f %%.",
                              percent(result->limit));
        } else
                buffer_printf(text, "%s%+.0f %% in the median hour%s.", sentences[result->cause].before,
                              percent(exp(result->median)), sentences[result->cause].after);
        add_scope(text, result);
        add_moved(text, result);
}

/* Why nothing can be compared; NULL: it can. */
static const char *performance_blindness(const Performance *result) {
        static const char *const sentences[N_PERFORMANCE_CAUSES] = {
                [PERFORMANCE_VOID] = "Too many hours are void: not observed, a reset of pg_stat_statements, "
                                     "or evictions from it (pg_stat_statements.max is too small).",
                [PERFORMANCE_FEW] = "Too few calls to compare.",
                [PERFORMANCE_UNCOVERED] = "Most of the time went to statements that were not there before.",
                [PERFORMANCE_UNREAD] =
                        "The hours that were kept are not read: the history cannot be, or not yet.",
                [PERFORMANCE_TOO_EARLY] = "The first hour has not ended.",
        };

        return sentences[result->cause];
}

void judge_performance(const JudgeContext *context, Judgement *ret) {
        const Performance *result = context->inputs->performance;
        const char *blindness;

        if (!result || result->cause == PERFORMANCE_NO_BASELINE) {
                judgement_skip(ret, result ? "there is no whole day before it to compare with"
                                           : context->inputs->performance_absent);
                return;
        }
        ret->status = result->status;
        ret->is_final = result->cause == PERFORMANCE_SLOW_STRETCH;
        blindness = performance_blindness(result);
        if (blindness)
                buffer_add(&ret->reason, blindness);
        else
                say_performance(context->record, result, &ret->reason);
        demand_slots(context, phase_hours_ended(context->record, context->now), result->n_hours, ret);
}
