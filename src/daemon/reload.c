/* Loading and reloading the configuration: all or nothing.
 *
 * A reload that fails in any part (the file, an address, a token file) keeps the running
 * configuration whole; what did not change keeps its connections, counters and ages.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "pgvigil/base/clock.h"
#include "pgvigil/base/log-ids.h"
#include "pgvigil/base/log.h"
#include "pgvigil/config.h"
#include "pgvigil/pg.h"

static void log_note(const char *file, unsigned line, const char *text) {
        log_line(LOG_NOTICE, "%s:%u: %s", file, line, text);
}

static const ConfigHooks hooks = {
        .check_conninfo = pg_conninfo_check,
        .check_listen = http_listen_check,
        .read_conninfo = pg_conninfo_extras,
        .note = log_note,
};

static void log_problems(const Problems *problems) {
        for (size_t i = 0; i < problems->count; i++) {
                const Problem *problem = &problems->items[i];

                if (problem->line > 0)
                        log_line(LOG_ERR, "%s:%u: %s", problem->file, problem->line, problem->text);
                else
                        log_line(LOG_ERR, "%s%s%s", problem->file ? problem->file : "",
                                 problem->file ? ": " : "", problem->text);
        }
}

/* What parses but cannot be served: better no start than plain HTTP where TLS was asked for. */
static void check_served(const char *path, const Settings *settings, Problems *problems) {
        if (!str_is_empty(settings->http.tls_certificate) || !str_is_empty(settings->http.tls_key))
                problems_add(
                        problems, path, 0,
                        "http.tls is not in this version: remove it, and let a proxy in front of pgvigil "
                        "speak TLS");
}

int daemon_load(Daemon *daemon, Settings **ret) {
        _cleanup_(problems_done) Problems problems = {};
        _cleanup_(settings_freep) Settings *settings = NULL;
        int r = config_load(daemon->config_path, &hooks, &problems, &settings);

        if (r >= 0) {
                check_served(daemon->config_path, settings, &problems);
                r = problems.count > 0 ? -EINVAL : 0;
        }
        if (r < 0) {
                log_problems(&problems);
                return r;
        }
        *ret = TAKE(settings);
        return 0;
}

#define TOKEN_FILE_MAX 4096
#define TOKEN_MIN      16 /* 128 bits, were they all random bytes */

static int split_tokens(char *text, char ***ret) {
        _cleanup_(strv_freep) char **tokens = NULL;
        char *rest = text, *line;

        while ((line = strsep(&rest, "\n"))) {
                line[strcspn(line, "\r")] = '\0';
                if (*line == '\0' || *line == '#')
                        continue;
                if (strlen(line) < TOKEN_MIN)
                        return -EINVAL;
                if (strv_add(&tokens, line) < 0)
                        return -ENOMEM;
        }
        if (!tokens)
                return -EINVAL;
        *ret = TAKE(tokens);
        return 0;
}

/* One token a line. An empty or weak file is an error: it would open what was to be closed. */
static int load_tokens(const char *path, char ***ret) {
        char text[TOKEN_FILE_MAX + 1];
        struct stat status;
        ssize_t n;
        int r, fd;

        if (str_is_empty(path)) {
                *ret = NULL;
                return 0;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                r = -errno;
        else if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > TOKEN_FILE_MAX)
                r = -EINVAL;
        else if (status.st_mode & S_IRWXO) /* what everybody may read is no secret */
                r = -EPERM;
        else if ((n = read(fd, text, TOKEN_FILE_MAX)) < 0)
                r = -errno;
        else {
                text[n] = '\0';
                r = split_tokens(text, ret);
        }
        if (fd >= 0)
                close(fd);
        explicit_bzero(text, sizeof(text));
        if (r < 0)
                log_line(LOG_ERR,
                         "http.token_file %s: %s (one token of at least %d characters a line; chmod o= it)",
                         path, strerror(-r), TOKEN_MIN);
        return r;
}

/* What may fail comes first; from engine_configure() on there is no way back and no need of one. */
static int reload(Daemon *daemon) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(strv_freep) char **tokens = NULL;
        Listeners opened = {};
        Settings *old;
        int r = daemon_load(daemon, &settings);

        if (r < 0)
                return r;
        r = load_tokens(settings->http.token_file, &tokens);
        if (r < 0)
                return r;
        if (daemon->settings) {
                r = listeners_open(daemon, &settings->http, &opened);
                if (r < 0)
                        return r;
        }
        r = engine_configure(daemon->engine, settings);
        if (r < 0) {
                listeners_done(&opened);
                return r;
        }

        if (daemon->settings)
                listeners_replace(daemon, &settings->http, &opened);
        old = daemon->settings;
        daemon->settings = TAKE(settings);
        settings_free(old);
        strv_free(daemon->tokens);
        daemon->tokens = TAKE(tokens);
        return 0;
}

int daemon_reload(Daemon *daemon) {
        bool is_first = !daemon->settings;
        View *view = engine_view(daemon->engine);
        int r = reload(daemon);

        view->reload_ok = r >= 0;
        view->reloaded_at = clock_realtime();
        if (r >= 0 && !is_first) {
                LogFields fields = {.message_id = LOG_ID_RELOADED};

                log_event(LOG_NOTICE, &fields, "reloaded: %zu targets", view->n_targets);
        } else if (r < 0) {
                LogFields fields = {.message_id = LOG_ID_RELOAD_FAILED};

                log_event(LOG_ERR, &fields, "%s",
                          is_first ? "the configuration cannot be used"
                                   : "reload failed: the running configuration is kept");
        }
        return r;
}
