/* One event, one line: to the journal with its fields, else to stderr.
 *
 * Allocates nothing, so that "out of memory" can be said; a text past its array is cut. Never
 * writes a control character: a line stays one line, and a terminal obeys no server.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "pgvigil/base/str.h"

#define LOG_TEXT_MAX  2048
#define LOG_FIELD_MAX 256

static int log_level = LOG_INFO;

void log_set_level(int level) {
        log_level = level;
}

/* systemd names the stream that it gave us; stderr may have been redirected since. */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
                return false;
        if (fstat(STDERR_FILENO, &st) < 0)
                return false;
        return st.st_dev == (dev_t)device && st.st_ino == (ino_t)inode;
}

static void clean_text(char *text) {
        text[str_utf8_prefix(text, strlen(text))] = '\0';
        for (char *c = text; *c; c++)
                if ((unsigned char)*c < ' ' || *c == '\x7f')
                        *c = ' ';
}

static void log_to_journal(int level, const LogFields *fields, const char *text) {
        const struct {
                const char *name, *value;
        } optional[] = {
                {"MESSAGE_ID", fields->message_id},
                {"TARGET", fields->target},
                {"CHECK", fields->check},
                {"REASON", fields->reason},
        };
        char message[LOG_TEXT_MAX + sizeof("MESSAGE=")], priority[sizeof("PRIORITY=7")];
        char values[ELEMENTS(optional)][LOG_FIELD_MAX];
        struct iovec items[3 + ELEMENTS(optional)];
        int n = 0;

        (void)snprintf(message, sizeof(message), "MESSAGE=%s", text);
        (void)snprintf(priority, sizeof(priority), "PRIORITY=%d", level & LOG_PRIMASK);
        items[n++] = (struct iovec){message, strlen(message)};
        items[n++] = (struct iovec){priority, strlen(priority)};
        items[n++] = (struct iovec){(char *)"SYSLOG_IDENTIFIER=pgvigil", strlen("SYSLOG_IDENTIFIER=pgvigil")};
        for (size_t i = 0; i < ELEMENTS(optional); i++) {
                if (!optional[i].value)
                        continue;
                (void)snprintf(values[i], sizeof(values[i]), "%s=%s", optional[i].name, optional[i].value);
                clean_text(values[i]);
                items[n++] = (struct iovec){values[i], strlen(values[i])};
        }
        (void)sd_journal_sendv(items, n);
}

static void log_to_stderr(const LogFields *fields, const char *text) {
        char line[LOG_TEXT_MAX + LOG_FIELD_MAX];

        if (fields->target)
                (void)snprintf(line, sizeof(line), "pgvigil: [%.200s] %s", fields->target, text);
        else
                (void)snprintf(line, sizeof(line), "pgvigil: %s", text);
        clean_text(line);
        (void)fprintf(stderr, "%s\n", line);
}

void log_event(int level, const LogFields *fields, const char *format, ...) {
        static const LogFields none = {};
        char text[LOG_TEXT_MAX];
        int saved_errno = errno;
        va_list arguments;

        if ((level & LOG_PRIMASK) > log_level)
                return;

        va_start(arguments, format);
        if (vsnprintf(text, sizeof(text), format, arguments) < 0)
                text[0] = '\0';
        va_end(arguments);
        clean_text(text);

        if (stderr_is_journal())
                log_to_journal(level, fields ? fields : &none, text);
        else
                log_to_stderr(fields ? fields : &none, text);
        errno = saved_errno;
}

int log_oom(void) {
        log_line(LOG_ERR, "out of memory");
        return -ENOMEM;
}
