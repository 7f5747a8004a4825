/* /livez, /readyz and /health: from a request to a HealthQuery, and its answer.
 *
 * Bad parameters are 400, unknown names 404: a typo must not be healthy.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "internal.h"
#include "parameters.h"
#include "pgvigil/base/clock.h"

#define HEALTH_TYPE  "application/health+json"
#define EXCLUDES_MAX 16

/* One question as it was asked. */
typedef struct Question {
        const TargetView *target; /* NULL: all */
        char target_name[128];
        HealthQuery query;
        char *excludes[EXCLUDES_MAX + 1]; /* borrowed from the request */
        unsigned n_excludes;
} Question;

static const char *parse_fail_on(void *userdata, const char *value) {
        Question *question = userdata;
        int fail_on = fail_on_from_name(value);

        if (fail_on >= 0) {
                question->query.fail_on = (FailOn)fail_on;
                return NULL;
        }
        return "fail_on is unreachable, gate, critical or warning";
}

static const char *parse_on_unknown(void *userdata, const char *value) {
        Question *question = userdata;

        question->query.unknown_fails = str_equal(value, "fail");
        return question->query.unknown_fails || str_equal(value, "pass") ? NULL
                                                                         : "on_unknown is pass or fail";
}

static const char *parse_max_age(void *userdata, const char *value) {
        Question *question = userdata;
        char *end;
        double seconds = strtod(value, &end);

        if (end == value || *end != '\0' || !isfinite(seconds) || seconds <= 0 || seconds >= 1e9)
                return "max_age is a number of seconds above 0";
        question->query.max_age = (usec_t)(seconds * (double)USEC_PER_SEC);
        return NULL;
}

static const char *parse_exclude(void *userdata, const char *value) {
        Question *question = userdata;

        if (question->n_excludes >= EXCLUDES_MAX)
                return "too many exclude parameters";
        question->excludes[question->n_excludes++] = (char *)value;
        return NULL;
}

static const char *parse_check(void *userdata, const char *value) {
        Question *question = userdata;

        if (question->query.check)
                return "the path names a check already";
        question->query.check = value;
        return NULL;
}

static bool is_yes(const char *value) {
        return !str_equal(value, "0") && !str_equal(value, "false");
}

static const char *parse_verbose(void *userdata, const char *value) {
        Question *question = userdata;

        question->query.verbose = is_yes(value);
        return NULL;
}

static const Parameter parameters[] = {
        {"check", parse_check, false},           {"exclude", parse_exclude, true},
        {"fail_on", parse_fail_on, false},       {"max_age", parse_max_age, false},
        {"on_unknown", parse_on_unknown, false}, {"verbose", parse_verbose, false},
};

/* Before a first look nobody knows what there is: then the target's own state is the answer. */
static bool was_seen(const TargetView *target) {
        return target->server != NULL;
}

/* Only a target that counts in the answer can vouch for a name. */
static bool exists(const View *view, const Question *question, const char *check) {
        if (question->target)
                return !was_seen(question->target) || health_check_exists(question->target, check);
        for (size_t i = 0; i < view->n_targets; i++) {
                const TargetView *target = view->targets[i];

                if (target_is_counted(target) && (!was_seen(target) || health_check_exists(target, check)))
                        return true;
        }
        return finding_kind_from_name(check) >= 0;
}

/* "/health/TARGET[/CHECK]": false when there is no such target. */
static bool parse_path(Question *question, const View *view, const char *path) {
        const char *rest = path + strlen("/health"), *slash;
        size_t length;

        if (*rest == '\0')
                return true;
        rest++;
        slash = strchr(rest, '/');
        length = slash ? (size_t)(slash - rest) : strlen(rest);
        if (length >= sizeof(question->target_name))
                return false;
        memcpy(question->target_name, rest, length);
        question->target_name[length] = '\0';

        question->target = view_target(view, question->target_name);
        if (slash)
                question->query.check = slash + 1;
        return question->target != NULL;
}

static int answer_question(Daemon *daemon, const Question *question, Answer *answer) {
        const View *view = engine_view(daemon->engine);
        usec_t now = clock_boottime();
        Health health = question->target ? health_of_target(view, question->target, &question->query, now)
                                         : health_of_all(view, &question->query, now);
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        HealthSubject subject = {.view = view, .target = question->target};
        int r = render_health_json(&health, &subject, &question->query, now, clock_realtime(), &body);

        if (r < 0)
                return r;
        return answer_buffer(answer, (unsigned)health.code, &body, HEALTH_TYPE);
}

typedef struct VerdictQuestion {
        const char *migration;
        bool is_verbose;
} VerdictQuestion;

static const char *parse_migration(void *userdata, const char *value) {
        ((VerdictQuestion *)userdata)->migration = value;
        return NULL;
}

static const char *parse_verdict_verbose(void *userdata, const char *value) {
        ((VerdictQuestion *)userdata)->is_verbose = is_yes(value);
        return NULL;
}

static bool is_about(const PhaseRecord *record, const char *migration) {
        for (size_t i = 0; i < record->batch.count; i++)
                if (migration_name_matches(record->batch.items[i].name, migration))
                        return true;
        return false;
}

/* 200 says that the phase has passed, and nothing else does. */
static int answer_verdict(const Daemon *daemon, const TargetView *target, const HttpRequest *request,
                          Answer *answer) {
        static const Parameter known[] = {{"migration", parse_migration, false},
                                          {"verbose", parse_verdict_verbose, false}};
        const PhaseRecord *record = target->phase;
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;
        VerdictQuestion question = {};
        const char *wrong = parameters_parse(request, known, ELEMENTS(known), &question);
        int r;

        if (wrong)
                return answer_error(answer, 400, wrong);
        if (!record || record->started_at == 0)
                return answer_error(answer, 404, "no monitoring phase");
        if (question.migration && !is_about(record, question.migration))
                return answer_error(answer, 404, "no monitoring phase of that migration");
        if (question.is_verbose && !daemon_is_authorized(daemon, request))
                return answer_error(answer, 401, "details need a bearer token");
        r = question.is_verbose ? render_phase_json(target, clock_realtime(), &body)
                                : render_verdict_json(target, clock_realtime(), &body);
        return r < 0 ? r
                     : answer_buffer(answer, record->state == PHASE_PASSED ? 200 : 503, &body, HEALTH_TYPE);
}

int answer_health(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        const View *view = engine_view(daemon->engine);
        Question question = {.query.fail_on = FAIL_ON_GATE};
        const char *wrong;

        if (!parse_path(&question, view, request->path))
                return answer_error(answer, 404, "no such target");
        if (question.query.check && str_equal(question.query.check, "verdict"))
                return answer_verdict(daemon, question.target, request, answer);
        wrong = parameters_parse(request, parameters, ELEMENTS(parameters), &question);
        if (wrong)
                return answer_error(answer, 400, wrong);

        for (unsigned i = 0; i < question.n_excludes; i++)
                if (!exists(view, &question, question.excludes[i]))
                        return answer_error(answer, 400, "exclude names no check");
        question.query.exclude = question.excludes;

        if (question.query.check && !exists(view, &question, question.query.check))
                return answer_error(answer, 404, "no such check");
        if (question.query.verbose && !daemon_is_authorized(daemon, request))
                return answer_error(answer, 401, "details need a bearer token");

        return answer_question(daemon, &question, answer);
}

static int answer_simple(Answer *answer, bool is_good, const char *state) {
        _cleanup_(buffer_done) Buffer body = BUFFER_NULL;

        buffer_printf(&body, "{\"status\":\"%s\",\"state\":\"%s\"}\n", is_good ? "pass" : "fail", state);
        return answer_buffer(answer, is_good ? 200 : 503, &body, HEALTH_TYPE);
}

int answer_livez(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        bool is_late = engine_is_late(daemon->engine, clock_boottime());

        return answer_simple(answer, !is_late, is_late ? "late" : "alive");
}

int answer_readyz(Daemon *daemon, const HttpRequest *request, Answer *answer) {
        const View *view = engine_view(daemon->engine);
        bool is_ready = !view->is_stopping;

        for (size_t i = 0; i < view->n_targets; i++)
                is_ready &= view->targets[i]->rounds > 0 || view->targets[i]->is_new;
        return answer_simple(answer, is_ready,
                             view->is_stopping ? "stopping"
                             : is_ready        ? "ready"
                                               : "starting");
}
